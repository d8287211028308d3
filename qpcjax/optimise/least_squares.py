"""Least squares as optax optimisers: Levenberg-Marquardt, and L-BFGS with backtracking.

Use either as any optax optimiser, with `value` and `curvature` given to `update`: J^T r is the
gradient, J^T J the curvature. Every update leads to the next point to try; a point that turns out
worse is left behind, and the best one stays in the state.
"""

from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax

_SUFFICIENT = 1e-4  # share of the expected fall of the loss that a step must bring


class LevenbergMarquardtState(NamedTuple):
    """The best point so far with its expansion, and the damping in force.

    Fields:
        params, value, gradient, curvature: the best point, its loss and J^T r and J^T J there.
        damping: lambda, relative to the diagonal of the curvature.
        predicted: by how much the next point should lower the loss, relative to the loss.
    """

    params: jax.Array
    value: jax.Array
    gradient: jax.Array
    curvature: jax.Array
    damping: jax.Array
    predicted: jax.Array


def levenberg_marquardt(damping=1e-2, raise_by=5.0, lower_by=8.0):
    """Levenberg-Marquardt for the loss |r|^2/2 of a residual r(params), params a vector.

    Args:
        damping: first lambda; steps solve (J^T J + lambda diag(J^T J)) step = -J^T r.
        raise_by: factor on lambda after a worse point.
        lower_by: divisor of lambda after a better one.
    """

    def init(params):
        n = params.size
        return LevenbergMarquardtState(
            params,
            jnp.asarray(jnp.inf, params.dtype),
            jnp.zeros(n, params.dtype),
            jnp.eye(n, dtype=params.dtype),
            jnp.asarray(damping * lower_by, params.dtype),
            jnp.asarray(jnp.inf, params.dtype),
        )

    def update(updates, state, params: Any = None, *, value, curvature, **_):
        better = value < state.value  # False for NaN

        def choose(new, old):
            return jnp.where(better, new, old)

        best, value = choose(params, state.params), choose(value, state.value)
        gradient = choose(updates, state.gradient)
        curvature = choose(curvature, state.curvature)
        factor = choose(1 / lower_by, raise_by)
        damping = jnp.clip(state.damping * factor, 1e-12, 1e12)
        # In units where the curvature has a unit diagonal; a flat parameter stays put.
        size = jnp.sqrt(jnp.diag(curvature))
        size = jnp.where(size > 0, size, 1)
        matrix = curvature / size / size[:, None] + damping * jnp.eye(size.size)
        step = -jnp.linalg.solve(matrix, gradient / size) / size
        gain = -step @ gradient - step @ curvature @ step / 2
        state = LevenbergMarquardtState(
            best, value, gradient, curvature, damping, gain / jnp.maximum(value, 1e-300)
        )
        return best + step - params, state

    # The type inherits a constructor that knows no extra arguments.
    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


class LBFGSState(NamedTuple):
    """The best point so far, and the line that is searched from it.

    Fields:
        params, value, gradient: the best point, its loss and J^T r there.
        unit: of each parameter: one over the root of the curvature's diagonal at the first point.
        memory: optax's, of the best points.
        direction: in which the next point stands.
        share: of the direction, at which it stands.
        damping: 1/share - 1, as in Levenberg and Marquardt's method: 0 for a full step.
        predicted: by how much the next point should lower the loss, relative to the loss.
    """

    params: jax.Array
    value: jax.Array
    gradient: jax.Array
    unit: jax.Array
    memory: Any
    direction: jax.Array
    share: jax.Array
    damping: jax.Array
    predicted: jax.Array


def lbfgs(memory=10):
    """L-BFGS of optax in units of the first curvature's diagonal, with backtracking.

    It knows the curvature of the loss from its gradients alone and takes more steps than
    `levenberg_marquardt`, but is not misled where residuals at the minimum are large.

    Args:
        memory: number of points whose gradients are remembered.
    """
    inner = optax.scale_by_lbfgs(memory_size=memory)

    def init(params):
        zero = jnp.zeros((), params.dtype)
        return LBFGSState(
            params, zero + jnp.inf, 0 * params, 0 * params, inner.init(params), 0 * params,
            zero + 1, zero, zero + jnp.inf,
        )  # fmt: skip

    def update(updates: Any, state, params: Any = None, *, value, curvature, **_):
        expected = state.share * (state.gradient @ state.direction)  # negative
        better = value < state.value + _SUFFICIENT * expected  # False for NaN

        def choose(new, old):
            return jax.tree.map(lambda new, old: jnp.where(better, new, old), new, old)

        first = jnp.isinf(state.value)
        size = jnp.sqrt(jnp.diag(curvature))
        unit = jnp.where(first, 1 / jnp.where(size > 0, size, 1), state.unit)
        with jax.numpy_dtype_promotion("standard"):  # optax adds integers of two kinds
            found = inner.update(updates * unit, state.memory, params / unit)
        step, memory = cast(Any, found)
        direction = -unit * step
        # A loss that is not convex between two points spoils the direction.
        falls = updates @ direction < 0
        direction = jnp.where(falls, direction, -(unit**2) * updates)
        # Where the parabola through the loss, its slope and the point that was worse is lowest.
        excess = value - state.value - expected
        lowest = -expected / (2 * jnp.where(excess > 0, excess, 1))
        shorter = state.share * jnp.clip(jnp.where(jnp.isfinite(excess), lowest, 0.1), 0.1, 0.5)
        share = jnp.where(better, 1, shorter)
        gradient, direction = choose((updates, direction), (state.gradient, state.direction))
        best, value = choose((params, value), (state.params, state.value))
        gain = -share * (gradient @ direction) / 2
        state = LBFGSState(
            best, value, gradient, unit, choose(memory, state.memory), direction, share,
            1 / share - 1, gain / jnp.maximum(value, 1e-300),
        )  # fmt: skip
        return best + share * direction - params, state

    # The type inherits a constructor that knows no extra arguments.
    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType]


METHODS = {"levenberg-marquardt": levenberg_marquardt, "lbfgs": lbfgs}
