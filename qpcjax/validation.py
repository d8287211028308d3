"""Numbers of a parameter object: converted once, checked where they are concrete."""

import dataclasses
import functools
import math
import operator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

# The type of a parameter: a number, an array of numbers, or anything that NumPy makes one of. Type
# checkers do not know arithmetic with all of these.
Real = Any


def number(value, name="") -> Any:
    """A real number or array as JAX computes with it.

    Plain numbers become weakly typed JAX arrays, so that results follow the dtype of the energies
    and `equinox.filter_grad` sees them. Lists, tuples and columns of pandas or xarray become NumPy
    arrays; whole numbers become floating-point ones. JAX's arrays pass unchanged, and so does
    anything that is no number at all, such as a shape.

    Raises:
        TypeError: a Boolean, a text, None or complex numbers.
    """
    wanted = f"{name} must be a real number" if name else "a number was wanted"
    if isinstance(value, (bool, np.bool_, str, bytes)) or value is None:
        raise TypeError(f"{wanted}, got {value!r}")
    if isinstance(value, (int, float, np.integer, np.floating)):
        with jax.ensure_compile_time_eval():  # a plain number stays one while others are traced
            return jnp.asarray(float(value))
    if isinstance(value, complex):
        raise TypeError(f"{wanted}, got the complex number {value!r}")
    if not isinstance(value, jax.Array):
        if not (isinstance(value, (list, tuple)) or hasattr(value, "__array__")):
            return value
        if isinstance(value, (list, tuple)) and any(isinstance(x, jax.Array) for x in value):
            return number(jnp.stack([jnp.asarray(x) for x in value]), name)
        value = np.asarray(value)
        if value.dtype == object:
            try:
                value = value.astype(float)
            except (TypeError, ValueError):
                raise TypeError(f"{wanted}, got an array of {value.dtype}") from None
        if value.dtype.kind not in "iufcb":
            raise TypeError(f"{wanted}, got an array of {value.dtype}")
    if jnp.issubdtype(value.dtype, jnp.complexfloating):
        raise TypeError(f"{wanted}, got complex numbers")
    if jnp.issubdtype(value.dtype, jnp.bool_):
        raise TypeError(f"{wanted}, got an array of Booleans")
    return value.astype(float) if jnp.issubdtype(value.dtype, jnp.integer) else value


class Range(NamedTuple):
    """The values that a number may have.

    Fields:
        wanted: the range in words, with the unit, for messages.
        least: the smallest value, or the infimum where that itself is not allowed.
        above: whether `least` itself is not allowed.
        most: the largest value.
    """

    wanted: str
    least: float = -math.inf
    above: bool = False
    most: float = math.inf

    def holds(self, value, xp: Any = np):
        """Whether finite numbers are in the range; NaN is not."""
        high_enough = value > self.least if self.above else value >= self.least
        return high_enough & (value <= self.most) & xp.isfinite(value)


def positive(words) -> Range:
    """A number above 0, such as `positive("width in nm")`."""
    return Range(f"a positive {words}", 0.0, True)


def allowed(values=None, scalar=True, optional=False, quantity=None) -> dict[str, Any]:
    """Metadata of a field of `Parameters`: what it may be.

    Args:
        values: its `Range`, or its `Quantity`, which has bounds; by default any number but NaN.
        scalar: whether it must be a scalar.
        optional: whether None is a value of it.
        quantity: name of its entry in the table of quantities, where that is not the field's own.
    """
    metadata: dict[str, Any] = {"parameter": (values, scalar, optional)}
    return metadata if quantity is None else metadata | {"quantity": quantity}


class Parameters(eqx.Module):
    """A pytree of numbers.

    Its numbers are converted and checked once, when it is constructed; JAX's own transformations
    of the tree do neither. An object in which a number is None is a tree of axes, such as
    `jax.vmap` takes for `in_axes`: it keeps what it was given.
    """

    def __check_init__(self):
        numbers = [(name, getattr(self, name), *rules) for name, *rules in _parameters(type(self))]
        if any(value is None and not optional for _, value, _, _, optional in numbers):
            return
        for name, value, values, scalar, optional in numbers:
            if value is None:
                continue
            value = number(value, name)
            if scalar and np.shape(value) != ():
                raise ValueError(
                    f"{type(self).__name__}.{name} must be a scalar, got shape {np.shape(value)}; "
                    "map a batch of scatterers with jax.vmap"
                )
            if values is not None:
                wanted = f"{values.wanted} or None" if optional else values.wanted
                require(name, value, wanted, values.holds)
            object.__setattr__(self, name, value)  # an equinox Module is frozen by now
        self.check()

    def check(self):
        """Check what concerns several numbers at once; called when all of them are converted."""

    def meaningful(self):
        """Whether all numbers are in their ranges, also where they are traced."""
        held = jnp.asarray(True)
        for name, values, _, _ in _parameters(type(self)):
            value = getattr(self, name)
            if value is not None and values is not None:
                held &= jnp.all(values.holds(jnp.asarray(value), jnp))
        return held

    def __repr__(self):
        fields = (f"{f.name}={_shown(getattr(self, f.name))}" for f in dataclasses.fields(self))
        return f"{type(self).__name__}({', '.join(fields)})"


@functools.cache
def _parameters(kind):
    """Name, range, and whether scalar and optional, of each number of a class of `Parameters`."""
    fields = dataclasses.fields(kind)
    return [(f.name, *f.metadata["parameter"]) for f in fields if "parameter" in f.metadata]


def require_numbers(parameters):
    """Raise TypeError for a tree of axes, which no function evaluates.

    It is no method: equinox constructs an object for every access to one.
    """
    for name, _, _, optional in _parameters(type(parameters)):
        if not optional and getattr(parameters, name) is None:
            raise TypeError(f"{type(parameters).__name__}.{name} must be a real number, got None")


def _shown(value):
    """A field as its class's `repr` shows it."""
    known = concrete(value)
    if known is None:
        return repr(value)
    if known.ndim == 0:
        return f"{known:.12g}"
    numbers = ", ".join(f"{x:.6g}" for x in known.reshape(-1)[:3])
    return f"array({numbers}{', ...' if known.size > 3 else ''}; shape {known.shape})"


def meaningful(*trees):
    """Whether every number of these trees is one, and in its range: a traced Boolean."""
    held = jnp.asarray(True)
    for tree in trees:
        if isinstance(tree, Parameters):
            held &= tree.meaningful()
        if dataclasses.is_dataclass(tree):
            held &= meaningful(*(getattr(tree, f.name) for f in dataclasses.fields(tree)))
        elif isinstance(tree, (tuple, list)):
            held &= meaningful(*tree)
        elif isinstance(tree, dict):
            held &= meaningful(*tree.values())
        elif isinstance(tree, (jax.Array, np.ndarray, float)) and jnp.issubdtype(
            jnp.result_type(tree), jnp.floating
        ):
            held &= ~jnp.any(jnp.isnan(tree))
    return held


def where_meaningful(held, result):
    """A result with NaN, and a derivative of NaN, in place of its numbers where `held` is false."""

    def masked(x):
        if not jnp.issubdtype(x.dtype, jnp.inexact):
            return x
        return x * jnp.where(held, 1, jnp.nan).astype(x.dtype)

    return jax.tree.map(masked, result)


def concrete(value):
    """NumPy value of a field, or None where it is traced (or not a number at all)."""
    if isinstance(value, Tracer) or value is None:
        return None
    if isinstance(value, (int, float, np.ndarray, np.number, jax.Array)):
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


def require_count(name, value, least=1, purpose="", most=None):
    """Raise ValueError unless this is a whole number, `least` or more, and `most` at most."""
    try:
        whole = -math.inf if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        whole = -math.inf
    if whole < least:
        raise ValueError(f"{name} must be a whole number, {least} or more{purpose}, got {value!r}")
    if most is not None and whole > most:
        raise ValueError(f"{name} must be at most {most}{purpose}, got {value!r}")


def require_double(what):
    """Raise ValueError unless JAX computes in double precision, which `what`, a plural, needs."""
    if jnp.zeros(0, float).dtype != jnp.float64:
        raise ValueError(
            f"{what} need double precision: call jax.config.update('jax_enable_x64', True) first"
        )


def require_finite(**options):
    """Raise ValueError where an option is infinite or not a number."""
    for name, value in options.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")
