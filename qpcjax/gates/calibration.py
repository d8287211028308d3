"""Depth, density or offset voltage from the measured depletion under a wide gate."""

from typing import Any, NamedTuple

import equinox as eqx

from qpcjax.constants import COULOMB
from qpcjax.gates.stack import PER_AREA, Heterostructure
from qpcjax.quantities import closest
from qpcjax.validation import concrete, number

_MOVES = ("offset", "depth", "density")


class Calibration(NamedTuple):
    """A heterostructure that a measured depletion voltage agrees with.

    Fields:
        stack: the `Heterostructure`.
        offset: voltage in V that gates need, `Gates(..., offset=offset)`.
        moved: what was changed, "offset", "depth" or "density".
        before: its value before, in V, nm or 1e11 cm^-2.
        after: its value now.
    """

    stack: Heterostructure
    offset: Any
    moved: str
    before: Any
    after: Any


def calibrate(
    stack: Heterostructure, depletion: Any, move: str = "offset", offset: Any = 0.0
) -> Calibration:
    r"""Make the gas under a wide gate empty at the voltage at which it was measured to be.

    .. math::
        -e (V + V_\mathrm{offset}) = \frac{e^2 d\, n_0}{\epsilon_0\epsilon} + \frac{n_0}{D}

    Density is the best known number, from the Hall effect or Shubnikov-de Haas oscillations; the
    offset stands for a Schottky barrier, for bias cooling and for charge at the gate.

    Args:
        stack: as far as it is known.
        depletion: V in V, negative, at T = 0: where the density goes to 0 on a straight line.
        move: what is changed, "offset", "depth" or "density".
        offset: of the gates in V, as far as it is known.

    Raises:
        ValueError: another move; a voltage that no positive depth or density agrees with.
    """
    if move not in _MOVES:
        raise ValueError(f"move {move!r} is not known: {closest(move, _MOVES)}")
    depletion, offset = number(depletion, "depletion"), number(offset, "offset")
    known = concrete(depletion)
    if known is not None and abs(known) > 50:
        raise ValueError(f"depletion is in V, got {known:g}: divide a voltage in mV by 1000")
    energy = -1e3 * (depletion + offset)
    if move == "offset":
        found = -depletion - stack.depletion / 1e3
        return Calibration(stack, found, move, offset, found)
    filling = stack.per_area / stack.states
    field = COULOMB * stack.per_area / stack.permittivity
    if move == "depth":
        before, after = stack.depth, (energy - filling) / field
    else:
        before = stack.density
        after = energy / (stack.depletion / stack.per_area) / PER_AREA
    known = concrete(after)
    if known is not None and not known > 0:
        raise ValueError(
            f"depletion must be more negative: at this voltage the {move} would be {known:.4g}"
        )
    changed = eqx.tree_at(lambda s: getattr(s, move), stack, after)
    return Calibration(changed, offset, move, before, after)
