"""Descents of least squares from many starts side by side."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

from qpcjax.optimise.least_squares import levenberg_marquardt

_CONVERGED = 1e-9  # relative decrease of the loss that is still to be had
_STUCK = 1e10  # damping at which no step lowers the loss
_WALLS = 12  # points without a prediction that a row may meet


@dataclasses.dataclass
class DescentEnds:
    """Where rows of vectors ended.

    Fields:
        vectors: the best point of each row.
        loss: half the sum of squares there; NaN or infinite where no point had a finite one.
        converged: whether no small step lowers it.
        walled: whether it was left where the model has no prediction beyond.
        steps: evaluations taken.
        interrupted: whether the user stopped it.
    """

    vectors: np.ndarray
    loss: np.ndarray
    converged: np.ndarray
    walled: np.ndarray
    steps: int
    interrupted: bool = False


@functools.cache
def _optimiser():
    optimiser = levenberg_marquardt()

    def update(gradient, state, vector, value, curvature):
        move, state = optimiser.update(gradient, state, vector, value=value, curvature=curvature)
        return optax.apply_updates(vector, move), state

    return jax.jit(jax.vmap(optimiser.init)), jax.jit(jax.vmap(update))


def descend(linearise, vectors, steps, held=None, progress=None) -> DescentEnds:
    """Up to `steps` steps from every row at once.

    Args:
        linearise: from rows of vectors and their numbers in the batch to residuals (rows, n) and
            their Jacobian (rows, n, free).
        vectors: (rows, free).
        steps: the most that are taken.
        held: a boolean for each coordinate, whether it stands still; or rows of them.
        progress: called with (done, total).
    """
    init, update = _optimiser()
    at = jnp.asarray(vectors, float)
    state = init(at)
    rows = len(at)
    held = np.zeros(at.shape[1], bool) if held is None else np.asarray(held)
    moves = np.broadcast_to(~held, at.shape)
    done, converged, walled = np.zeros((3, rows), bool)
    walls, last = np.zeros(rows, int), np.zeros(rows, bool)
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
            last = np.where(done, last, bad | (last & ~(value < np.asarray(state.value))))
            walls += bad & ~done
            moved, new = update(gradient, state, at, value, curvature)
            at, state = _where_done(jnp.asarray(done), (at, state), (moved, new))
            damping, predicted = np.asarray(state.damping), np.asarray(state.predicted)
            small = predicted < _CONVERGED
            converged |= ~done & small & (damping < 1)
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
    best = np.where(np.isfinite(loss)[:, None], np.asarray(state.params), np.asarray(vectors))
    loss = np.where(np.isfinite(loss), loss, math.inf)
    return DescentEnds(best, loss, converged, walled, taken, interrupted)


@jax.jit
def _where_done(done, old, new):
    """The old arrays in rows that are done, the new ones in the others."""

    def choose(old, new):
        return jnp.where(done.reshape(done.shape + (1,) * (old.ndim - 1)), old, new)

    return jax.tree.map(choose, old, new)
