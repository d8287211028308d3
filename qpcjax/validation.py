"""Checks of a parameter object's fields where their values are concrete."""

import math
from typing import Any

import jax
import numpy as np
from jax.core import Tracer


def number(value) -> Any:
    """Python float of a plain number; arrays and traced values pass unchanged.

    Plain numbers stay weakly typed, so that results follow the dtype of the energies.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"a number was wanted, got {value!r}")
    if isinstance(value, (int, float, np.number)):
        return float(value)
    if isinstance(value, (list, tuple)):
        return np.asarray(value, dtype=float)
    if isinstance(value, str) or value is None:
        raise TypeError(f"a number was wanted, got {value!r}")
    return value


def concrete(value):
    """NumPy value of a field, or None where it is traced (or not a number at all)."""
    if isinstance(value, (float, np.ndarray)):
        return np.asarray(value)
    if isinstance(value, jax.Array) and not isinstance(value, Tracer):
        return np.asarray(value)
    return None


def require(name, value, wanted, holds):
    """Raise ValueError unless `holds(value)` everywhere, where the value is concrete.

    Args:
        name: the field's name, for the message.
        value: the field.
        wanted: what is wanted, in words and with the unit.
        holds: a predicate on NumPy arrays; NaN must fail it.
    """
    known = concrete(value)
    if known is not None and not np.all(holds(known)):
        wrong = known if known.ndim == 0 else known[~np.broadcast_to(holds(known), known.shape)]
        shown = wrong if wrong.ndim == 0 else wrong.flat[0]
        raise ValueError(f"{name} must be {wanted}, got {shown:g}")


def require_scalar(owner, names):
    """Raise ValueError unless these fields of a scatterer are scalars."""
    for name in names:
        shape = np.shape(getattr(owner, name))
        if shape != ():
            raise ValueError(
                f"{type(owner).__name__}.{name} must be a scalar, got shape {shape}; "
                f"map a batch of scatterers with jax.vmap"
            )


def require_count(name, value, least=1, purpose=""):
    """Raise ValueError unless this is a whole number, `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more{purpose}, got {value!r}")


def require_finite(**options):
    """Raise ValueError where an option is infinite or not a number."""
    for name, value in options.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")
