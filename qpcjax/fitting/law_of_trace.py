"""What smears a trace and how far its gate curve bends, chosen by the Bayesian criterion."""

import math
from collections.abc import Sequence

import numpy as np

from qpcjax.fitting.table_fits import TableFits
from qpcjax.fitting.trace_search import APART, BETWEEN, FOLLOWED, Law, TraceSearch
from qpcjax.fitting.uncertainty import correlation_length

_STRONG = 6.0  # of the Bayesian criterion: what counts as strong evidence
_NEAR = 2.0  # times the best rms, up to which a minimum is looked at


def choose_law(search: TraceSearch, laws: Sequence[Law]) -> Law:
    """The law that the data ask for, by the Bayesian criterion at the best minima on a table.

    What smears the steps is the simplest that no other is strongly better than. Points count once
    in the correlation length of the best fit's residuals.

    Args:
        search: of the trace.
        laws: to choose from; every way of smearing is looked for at all shapes, with the gate curve
            that is closest to that of the first law.
    """
    kinds = list(dict.fromkeys(law[1:] for law in laws))
    usual = laws[0].knots

    def of_kind(kind):
        return sorted((w for w in set(laws) if w[1:] == kind), key=lambda w: abs(w.knots - usual))

    coarse = [search.fits(of_kind(kind)[0]) for kind in kinds]
    table = search.between(_minima(search, coarse))
    best = {}
    for kind in kinds:
        first, *others = of_kind(kind)
        found = search.fits(first, table)
        best[first] = _between_shapes(found)
        shape = int(found.shape[np.argmin(found.rms)])
        beside = [k for k in (shape - 1, shape, shape + 1) if 0 <= k < table.shape.size]
        near = [k for k in beside if k // BETWEEN == shape // BETWEEN]
        for law in others:
            best[law] = _between_shapes(search.fits(law, table, near))
    _, residual = min(best.values(), key=lambda pair: pair[0])
    count = residual.size / correlation_length(residual)

    def free(law):
        return law.knots + law.softened + law.warms

    criterion = {
        law: 2 * count * math.log(rms) + free(law) * math.log(count)
        for law, (rms, _) in best.items()
    }
    # Of each way of smearing the gate curve that is best; of these the simplest.
    curves = [min(of_kind(kind), key=lambda law: criterion[law]) for kind in kinds]
    enough = min(criterion.values()) + _STRONG
    return min(
        (law for law in curves if criterion[law] <= enough),
        key=lambda law: (law.softened + law.warms, criterion[law]),
    )


def _minima(search, coarse: Sequence[TableFits]) -> list[int]:
    """Shapes to look at closely: the best of each way of smearing, and the next best of all."""
    found = []
    for fits in coarse:
        rows = search.distinct(fits)[:FOLLOWED]
        found += [(rank > 0, fits.rms[row], int(fits.shape[row])) for rank, row in enumerate(rows)]
    best = min(rms for _, rms, _ in found)
    chosen = []
    for _, rms, shape in sorted(found):
        if rms <= _NEAR * best and all(abs(shape - k) > APART for k in chosen):
            chosen.append(shape)
    return chosen[:FOLLOWED]


def _between_shapes(found: TableFits) -> tuple[float, np.ndarray]:
    """The rms and the residuals at the best shape, which lies between those of the table.

    The sum of squares is a parabola through the best fit and those at the shapes next to it, and so
    is each residual.
    """
    row = {int(found.shape[r]): int(r) for r in np.argsort(-found.rms, kind="stable")}
    best = int(np.argmin(found.rms))
    shape = int(found.shape[best])
    rms, residual = float(found.rms[best]), found.residual[best]
    sides = [row[k] for k in (shape - 1, shape, shape + 1) if k in row]
    if shape % BETWEEN in (0, BETWEEN - 1) or len(sides) < 3:
        return rms, residual
    low, middle, high = found.rms[sides] ** 2
    if not low - 2 * middle + high > 0:
        return rms, residual
    u = (low - high) / (low - 2 * middle + high) / 2  # of the distance between two shapes
    weights = np.array([u * (u - 1) / 2, 1 - u * u, u * (u + 1) / 2])
    between = weights @ found.residual[sides]
    least = float(np.sqrt(np.mean(between**2)))
    return (least, between) if least < rms else (rms, residual)
