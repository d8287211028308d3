"""Which rows of a QCoDeS run belong to one set point.

A row holds the set point and what was measured there, or a part of that: QCoDeS writes a row for
each measured parameter, with NULL for the others.
"""

import numpy as np


def joined(places, present) -> np.ndarray:
    """The rows that hold the measured parameters of each set point.

    Parameters that were measured at the same set points in the same order are joined one by one.
    Otherwise neighbouring rows at one set point are joined as long as no parameter comes twice. If
    no set point were complete by that, and each was visited once, all rows at it are joined.

    Args:
        places: a number for each row, the same for the same set point, shape (rows,).
        present: whether a row holds a parameter, shape (rows, parameters).

    Returns:
        Numbers of rows, -1 where a parameter is missing, shape (set points, parameters), in the
        order of the measurement.
    """
    own = [np.flatnonzero(column) for column in present.T]
    if all(np.array_equal(places[rows], places[own[0]]) for rows in own):
        return np.stack(own, axis=1)
    found = _gathered(_neighbours(places, present), present)
    if not np.any(np.all(found >= 0, axis=1)) and all(_once(places[rows]) for rows in own):
        _, first, number = np.unique(places, return_index=True, return_inverse=True)
        found = _gathered(np.argsort(np.argsort(first))[number], present)
    return found


def _once(places):
    return np.unique(places).size == places.size


def _neighbours(places, present):
    """The number of the set point of each row: rows follow one another, no parameter twice."""
    numbers, number, last, seen = [], -1, None, np.zeros(present.shape[1], bool)
    for place, row in zip(places.tolist(), present, strict=True):
        if place != last or np.any(seen & row):
            number, last, seen = number + 1, place, np.zeros_like(seen)
        seen |= row
        numbers.append(number)
    return np.array(numbers, int)


def _gathered(numbers, present):
    found = np.full((numbers.max() + 1, present.shape[1]), -1)
    rows, parameters = np.nonzero(present)
    found[numbers[rows], parameters] = rows
    return found
