"""Lines and sweeps: which points of a table were taken in one go."""

import dataclasses
import itertools

import numpy as np

_TURN = 0.1  # of the range: a smaller step back is jitter of the read-back, not a turn
_WHOLE = 0.5  # of the range: what covers less is no sweep
_FEWEST = 5  # points of a sweep


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """Points between two turns of the gate.

    Args:
        points: their numbers, in the order of the measurement.
        direction: "up" or "down", of the gate voltage; "all" where it is not a sweep.
    """

    points: np.ndarray
    direction: str


def sweeps(gate) -> list[Sweep]:
    """Split a gate voltage that goes up and down where it turns.

    Points in no order stay together: every sweep must have 5 points and cover half of the range.

    Args:
        gate: gate voltages as they were set, finite.

    Returns:
        One or more sweeps, which hold each point once.
    """
    edges = [0, *_turns(gate), gate.size]
    parts = [np.arange(a, b) for a, b in itertools.pairwise(edges)]
    sizes = [(p.size, np.ptp(gate[p])) for p in parts if p.size]
    whole = all(n >= _FEWEST and reach >= _WHOLE * np.ptp(gate) for n, reach in sizes)
    if not gate.size or (len(parts) > 1 and not whole):
        return [Sweep(np.arange(gate.size), "all")]
    return [Sweep(p, "up" if gate[p[-1]] >= gate[p[0]] else "down") for p in parts]


def _turns(gate):
    """Where a new direction begins: behind each extreme from which the gate goes back for good."""
    if gate.size < 2:
        return []
    least = _TURN * np.ptp(gate)
    turns, high, low, rising = [], 0, 0, None
    for i, v in enumerate(gate.tolist()):
        high, low = (i if v >= gate[high] else high), (i if v <= gate[low] else low)
        if rising is not False and gate[high] - v > least:
            if rising:
                _turn(turns, _behind(gate, high))
            rising, low = False, i
        elif rising is not True and v - gate[low] > least:
            if rising is False:
                _turn(turns, _behind(gate, low))
            rising, high = True, i
    return turns


def _turn(turns, place):
    """Note a turn; a gate that flew back in one step turned once, not twice."""
    if not turns or place - turns[-1] > 1:
        turns.append(place)


def _behind(gate, last):
    """The point behind an extreme; of points at rest there, half belong to either sweep."""
    first = last
    while first and gate[first - 1] == gate[last]:
        first -= 1
    return (first + last) // 2 + 1


def lines(others) -> list[np.ndarray]:
    """Points at which everything else had one value, such as the same bias or field.

    Args:
        others: arrays of one length; one that hardly ever repeats is a reading, such as a time, and
            tells nothing.

    Returns:
        Numbers of the points of each line, the lines in the order in which they begin.
    """
    labels = []
    for values in others:
        kinds, label = np.unique(values, return_inverse=True)
        if 1 < kinds.size <= values.size / 2:
            labels.append(label)
    if not labels:
        return []
    _, first, label = np.unique(np.stack(labels), axis=1, return_index=True, return_inverse=True)
    label = np.ravel(label)
    order = np.argsort(label, kind="stable")
    found = np.split(order, np.cumsum(np.bincount(label))[:-1])
    return [found[i] for i in np.argsort(first)]
