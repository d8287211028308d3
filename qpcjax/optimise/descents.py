"""Descents of least squares from many starts side by side."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

from qpcjax.optimise.least_squares import levenberg_marquardt

# Of the mean share of a residual in the loss, what a step must promise to be taken, and what it
# must promise to be tried again after it failed so often: quadrature has an error too.
CONVERGED = 1e-4
_NOT_KEPT, _FAILURES = 1e-2, 3
_STUCK = 1e10  # damping at which no step lowers the loss
_ROWS = 4  # rows are a multiple of so many
_WALLS = 12  # points without a prediction that a row may meet


@dataclasses.dataclass
class DescentEnds:
    """Where rows of vectors ended.

    Fields:
        vectors: the best point of each row.
        loss: half the sum of squares there; NaN or infinite where no point had a finite one.
        converged: whether no small step lowers it.
        walled: whether it was left where the model has no prediction beyond.
        promise: by how much a next step should lower the loss, over the loss.
        steps: evaluations taken.
        interrupted: whether the user stopped it.
    """

    vectors: np.ndarray
    loss: np.ndarray
    converged: np.ndarray
    walled: np.ndarray
    promise: np.ndarray
    steps: int
    interrupted: bool = False


_OPTIMISER = levenberg_marquardt()
_init = jax.jit(jax.vmap(_OPTIMISER.init))


@jax.jit
def _stepped(done, at, state, gradient, value, curvature):
    """The next points of all rows and their states; rows that are done stay where they are."""

    def one(done, at, state, gradient, value, curvature):
        given = {"value": value, "curvature": curvature}
        move, new = _OPTIMISER.update(gradient, state, at, **given)
        moved = optax.apply_updates(at, move), new
        return jax.tree.map(lambda old, new: jnp.where(done, old, new), (at, state), moved)

    return jax.vmap(one)(done, at, state, gradient, value, curvature)


def descend(
    linearise, vectors, steps, held=None, progress=None, converged_at=CONVERGED
) -> DescentEnds:
    """Up to `steps` steps from every row at once.

    Args:
        linearise: from rows of vectors and their numbers in the batch to residuals (rows, n) and
            their Jacobian (rows, n, free).
        vectors: (rows, free).
        steps: the most that are taken.
        held: a boolean for each coordinate, whether it stands still; or rows of them.
        progress: called with (done, total).
        converged_at: a row has converged where no step promises to lower the loss by more than this
            share of the mean square: 1e-2 leaves 0.1 of the parameters' standard errors.
    """
    vectors = np.asarray(vectors, float)
    asked = len(vectors)
    # Rows that do nothing fill up a few ones, so that descents share what is compiled.
    vectors = np.pad(vectors, [(0, -asked % _ROWS), (0, 0)], mode="edge")
    rows = len(vectors)
    at = jnp.asarray(vectors)
    state = _init(at)
    held = np.zeros(at.shape[1], bool) if held is None else np.asarray(held)
    moves = np.broadcast_to(~held, (asked, at.shape[1]))
    done, converged, walled = np.zeros((3, rows), bool)
    done[asked:] = True
    walls, last = np.zeros(rows, int), np.zeros(rows, bool)
    failures = np.zeros(rows, int)
    z, gradient = np.full(rows, np.inf), np.zeros(at.shape)
    curvature = np.zeros((*at.shape, at.shape[1]))
    taken, interrupted = 0, False
    try:
        for taken in range(1, steps + 1):
            if progress:
                progress(taken - 1, steps)
            active = np.flatnonzero(~done)
            part, jacobian = linearise(np.asarray(at)[active], active)
            jacobian = jacobian * moves[active][:, None]
            z[active] = np.einsum("rn,rn->r", part, part) / 2
            gradient[active] = np.einsum("rnp,rn->rp", jacobian, part)
            curvature[active] = np.einsum("rnp,rnq->rpq", jacobian, jacobian)
            # A point without a finite loss is worse than any; its slopes are not used.
            bad = ~np.isfinite(z) | ~np.isfinite(curvature).all((1, 2))
            value = np.where(bad, np.inf, z)
            gradient[bad], curvature[bad] = 0, 0
            worse = ~(value < np.asarray(state.value))
            failures = np.where(worse, failures + 1, 0)
            last = np.where(done, last, bad | (last & worse))
            walls += bad & ~done
            at, state = _stepped(jnp.asarray(done), at, state, gradient, value, curvature)
            damping, predicted = np.asarray(state.damping), np.asarray(state.predicted)
            small = predicted < converged_at / part.shape[1]
            settled = (predicted < _NOT_KEPT / part.shape[1]) & (failures >= _FAILURES) & ~last
            converged |= ~done & ((small & (damping < 1)) | settled)
            stuck = ~done & (damping > _STUCK)
            # Where the last points tried had no prediction nothing is known of a minimum.
            walled |= ~done & last & (stuck | (walls >= _WALLS))
            converged = (converged | (stuck & small)) & ~walled
            done |= converged | stuck | walled
            if np.all(done):
                break
    except KeyboardInterrupt:
        interrupted = True
    loss = np.asarray(state.value)
    best = np.where(np.isfinite(loss)[:, None], np.asarray(state.params), vectors)
    loss = np.where(np.isfinite(loss), loss, math.inf)
    promise = np.asarray(state.predicted)[:asked]
    ends = best[:asked], loss[:asked], converged[:asked], walled[:asked], promise
    return DescentEnds(*ends, taken, interrupted)
