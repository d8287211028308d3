"""The constant offset of an amplifier: how it shows in conductances, and how it is taken off."""

import numpy as np

from qpcjax.files.column_units import RESISTANCE, amount
from qpcjax.measurements import InputError

AUTO = "auto"  # the offset that the conductances themselves show
_FEW = 5  # points that tell an offset
_LEAST = 0.01  # in 2e^2/h: a smaller one does not matter


def stated_offset(found, offset) -> float:
    """An offset such as '30 pA' in the unit of the column's quantity; 0 where none is stated.

    Args:
        found: the measured column, a `Found`.
        offset: what the user said, None for nothing.

    Raises:
        InputError: no number with one of the quantity's units, or the column is a resistance.
    """
    if offset is None:
        return 0.0
    if found.quantity is RESISTANCE:
        raise InputError(
            f"{found.table.where}: '{found.column.title}' is a resistance, from which no constant "
            "offset can be taken off: leave --offset out"
        )
    if str(offset).strip().casefold() == AUTO:
        return 0.0
    try:
        value = amount(offset, found.quantity)
    except InputError as error:
        unit = found.unit if found.unit != "1" else next(iter(found.quantity.units))
        raise InputError(
            f"--offset must be auto or an amount of '{found.column.title}' with its unit, such as "
            f"'1 {unit}': {error}"
        ) from None
    if not np.isfinite(value):
        raise InputError(f"--offset must be finite, got {offset!r}")
    return value


def shown_offset(values) -> float:
    """The conductance at which a trace rests where it is pinched off; 0 where it shows none.

    Args:
        values: conductances in 2e^2/h, without NaN.
    """
    lowest = np.sort(values)[: max(_FEW, values.size // 20)]
    if lowest.size < _FEW:
        return 0.0
    floor, spread = float(np.median(lowest)), np.ptp(lowest)
    shows = spread < 0.25 * abs(floor) and _LEAST < abs(floor) < 0.4 and np.max(values) >= 0.8
    return floor if shows else 0.0


def without_shown_offset(found, values) -> np.ndarray:
    """Conductances without the offset that they show.

    Args:
        found: their column, a `Found`.
        values: in 2e^2/h, NaN where they are missing.

    Raises:
        InputError: they show none.
    """
    floor = shown_offset(values[~np.isnan(values)])
    if floor == 0:
        raise InputError(
            f"{found.table.where}: '{found.column.title}' does not rest at a constant offset where "
            "it is pinched off, so --offset auto takes nothing off. Leave it out, or state the "
            f"offset with its unit, such as --offset '1 {found.unit}'"
        )
    return values - floor


def offset_in_words(values) -> tuple[str, ...]:
    """A sentence where a trace does not go to 0 where it is pinched off, but rests at an offset.

    Args:
        values: conductances of a trace in 2e^2/h.
    """
    floor = shown_offset(values)
    if floor == 0:
        return ()
    return (
        f"where it is pinched off the conductance rests at {floor:.3g} x 2e2/h and not at 0: a "
        "constant offset of the amplifier, or something that conducts beside the constriction. "
        f"If it is an offset, --offset {AUTO} takes it off",
    )
