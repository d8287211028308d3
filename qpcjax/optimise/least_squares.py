"""Levenberg-Marquardt steps as an optax optimiser.

`update` takes J^T r as the gradient, and the loss `value` and J^T J as `curvature` beside it. Every
update leads to the next point to try. A point that turns out worse is left behind, and the best one
stays in the state.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


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
