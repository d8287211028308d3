"""Gates: their outlines and their offset voltages."""

import abc
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qpcjax.gates.outlines import AbstractOutline, Rectangle, outline, overlap
from qpcjax.quantities import closest
from qpcjax.validation import concrete, number, require


class AbstractGates(eqx.Module):
    """Gates on the surface, each with a name.

    Attributes:
        names: of the gates, in the order of voltages.
        offset: what is added to each voltage in V, a float or array of shape (gates,).
    """

    names: eqx.AbstractVar[tuple[str, ...]]
    offset: eqx.AbstractVar[Any]

    @property
    @abc.abstractmethod
    def outlines(self) -> tuple[AbstractOutline, ...]:
        """Outlines of the gates."""

    def numbers_of(self, given: Any, what: str = "voltages") -> Any:
        """One number for each gate, shape (gates,), from a dict by name or one for all.

        Raises:
            ValueError: a gate without a number, or a name that is no gate.
        """
        if not isinstance(given, Mapping):
            value = number(given, what)
            if np.shape(value) != ():
                raise ValueError(
                    f"{what} must be one number for all gates or a dict with one for each of "
                    f"{', '.join(self.names)}; got an array of shape {np.shape(value)}: map over "
                    "many with jax.vmap"
                )
            return jnp.broadcast_to(jnp.asarray(value, float), (len(self.names),))
        for name in given:
            if name not in self.names:
                raise ValueError(f"{what}: there is no gate {name!r}: {closest(name, self.names)}")
        missing = [name for name in self.names if name not in given]
        if missing:
            raise ValueError(f"{what} must have a number for each gate: {missing[0]} has none")
        values = [number(given[name], f"{what} of {name}") for name in self.names]
        for name, value in zip(self.names, values, strict=True):
            if np.shape(value) != ():
                raise ValueError(
                    f"{what} of {name} must be one number, got shape {np.shape(value)}: map over "
                    "many with jax.vmap"
                )
        return jnp.stack([jnp.asarray(value, float) for value in values])


class Gates(AbstractGates):
    """Gates of any shape.

    Args:
        outlines: by name, a rectangle (left, right, bottom, top) in nm, with None where it runs on
            without end; or a polygon, its corners in nm as an array of shape (corners, 2). x is
            along the current, y across.
        offset: voltage in V that is added to those of the gates, one for all or a dict by name:
            Schottky barrier, bias cooling, what a calibration finds.

    Raises:
        ValueError: no gate, an outline that crosses itself, gates that overlap.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    shapes: tuple[AbstractOutline, ...]
    offset: Any

    def __init__(
        self, outlines: Mapping[str, Any], offset: float | Mapping[str, float] = 0.0
    ) -> None:
        if not isinstance(outlines, Mapping) or not outlines:
            raise ValueError(
                'outlines must be a dict of gates by name, such as {"upper": (left, right, bottom, '
                "top)} in nm"
            )
        self.names = tuple(str(name) for name in outlines)
        self.shapes = tuple(outline(given) for given in outlines.values())
        self.offset = self.numbers_of(offset, "offset")
        refuse_overlaps(self)

    @property
    def outlines(self):
        """Outlines of the gates."""
        return self.shapes


class SplitGate(AbstractGates):
    """Two bars, "upper" and "lower", that run on across; the gap between them is the constriction.

    Args:
        gap: distance of the bars in nm.
        length: of the bars along the current in nm; None: without end.
        offset: as in `Gates`.

    Raises:
        ValueError: a gap or length that is not positive.
    """

    gap: Any
    length: Any
    offset: Any

    names = ("upper", "lower")

    def __init__(self, gap: Any, length: Any, offset: float | Mapping[str, float] = 0.0) -> None:
        self.gap = _length("gap", gap)
        self.length = None if length is None else _length("length", length)
        self.offset = self.numbers_of(offset, "offset")

    @property
    def outlines(self):
        """Outlines of both bars."""
        half, side = self.gap / 2, None if self.length is None else self.length / 2
        left = None if side is None else -side
        return Rectangle(left, side, half, None), Rectangle(left, side, None, -half)


def refuse_overlaps(gates):
    """Raise ValueError for gates that overlap, where their outlines are known."""
    known = [(name, o.corners) for name, o in zip(gates.names, gates.outlines, strict=True)]
    for i, (name, corners) in enumerate(known):
        for other, others in known[:i]:
            if corners is not None and others is not None and overlap(corners, others):
                raise ValueError(
                    f"the gates {other} and {name} overlap: move them apart, or make one of them"
                )


def _length(name, value):
    value = number(value, name)
    require(name, value, "a positive length in nm", lambda v: v > 0)
    if concrete(value) is not None and np.shape(value) != ():
        raise ValueError(f"{name} must be one length in nm, got shape {np.shape(value)}")
    return value
