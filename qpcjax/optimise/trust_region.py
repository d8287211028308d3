"""A trust region in the unit box as an optax optimiser, for few parameters and dear evaluations."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

_SWEEPS = 20
_ROUNDS = 3
_FIRST_RADIUS = 0.15


class TrustRegionState(NamedTuple):
    """What is known of the function's shape, and how far it is believed.

    Fields:
        curvature: the part of the Hessian that is learnt from slopes, by symmetric rank-one
            updates.
        radius: largest change of a coordinate in one step.
        predicted: by how much the step last returned should lower the function.
    """

    curvature: jax.Array
    radius: jax.Array
    predicted: jax.Array


def trust_region():
    """Steps from the best point of the unit box so far to the next one to try.

    Within the box and the radius each step minimises the quadratic model: the gradient, the
    curvature that the caller knows, and what earlier steps have shown of the rest. The bounds are
    part of that problem, so that a corner is reached in a few steps and exactly.

    Use it as any optax optimiser, with further arguments of `update`: `known`, the known part of
    the Hessian; and, of the step before, `moved` (from the best point then to the point tried),
    `change` (of the gradient along it, as far as the known part does not give it) and `gain` (how
    much lower the function was there; NaN where it has no value; zero `moved` for the first step).
    """

    def init(params):
        n = params.size
        return TrustRegionState(
            jnp.zeros((n, n), params.dtype),
            jnp.asarray(_FIRST_RADIUS, params.dtype),
            jnp.asarray(jnp.inf, params.dtype),
        )

    def update(updates, state, params: Any = None, *, known, moved, change, gain, **_):
        curvature = _rank_one(state.curvature, moved, change)
        radius = _radius(state, moved, gain)
        lower = jnp.maximum(-params, -radius)
        upper = jnp.minimum(1 - params, radius)
        matrix = curvature + known
        step = minimise(updates, matrix, lower, upper)
        predicted = -(updates @ step + step @ matrix @ step / 2)
        return step, TrustRegionState(curvature, radius, predicted)

    # The type inherits a constructor that knows no extra arguments.
    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


def _rank_one(matrix, moved, change):
    """Symmetric rank-one update: afterwards matrix @ moved = change."""
    missing = change - matrix @ moved
    along = missing @ moved
    # Of nearly orthogonal vectors the quotient means nothing.
    small = jnp.abs(along) <= 1e-6 * jnp.linalg.norm(missing) * jnp.linalg.norm(moved)
    usable = ~small & jnp.all(jnp.isfinite(missing))
    missing = jnp.where(usable, missing, 0)
    return matrix + jnp.outer(missing, missing) / jnp.where(usable, along, 1)


def _radius(state, moved, gain):
    """Half the step after one that gained little, twice the radius after one as predicted."""
    length = jnp.max(jnp.abs(moved))
    share = gain / state.predicted
    good = (share > 0.75) & (length > 0.9 * state.radius)
    bad = ~(share > 0.25)  # also NaN
    radius = jnp.where(good, 2 * state.radius, state.radius)
    radius = jnp.where(bad, length / jnp.where(share > -1, 2, 4), radius)
    return jnp.where(length > 0, jnp.minimum(radius, 1), state.radius)


def minimise(gradient, matrix, lower, upper):
    """Smallest value of a quadratic, convex or not, in a small box around 0."""
    n = gradient.size

    def model(s):
        return gradient @ s + s @ matrix @ s / 2

    def coordinate(k, s):
        i = k % n
        curve = matrix[i, i]
        slope = gradient[i] + matrix[i] @ s - curve * s[i]
        inner = jnp.clip(-slope / jnp.where(curve > 0, curve, 1), lower[i], upper[i])
        low, high = (slope * end + curve * end**2 / 2 for end in (lower[i], upper[i]))
        return s.at[i].set(jnp.where(curve > 0, inner, jnp.where(low < high, lower[i], upper[i])))

    def round_(_, s):
        s = jax.lax.fori_loop(0, _SWEEPS * n, coordinate, s)
        # One coordinate at a time is slow along a narrow valley: there a step in all that are off
        # their bounds, as far as the box allows.
        inside = (s > lower) & (s < upper)
        reduced = jnp.where(inside & inside[:, None], matrix, jnp.eye(n, dtype=s.dtype))
        step = jnp.linalg.solve(reduced, jnp.where(inside, -(gradient + matrix @ s), 0))
        step = jnp.where(jnp.isfinite(step), step, 0)
        room = jnp.where(step > 0, upper - s, lower - s) / jnp.where(step == 0, 1, step)
        share = jnp.min(jnp.where(step == 0, 1, jnp.clip(room, 0, 1)))
        moved = jnp.clip(s + share * step, lower, upper)
        return jnp.where(model(moved) < model(s), moved, s)

    return jax.lax.fori_loop(0, _ROUNDS, round_, jnp.zeros_like(gradient))
