"""Roots of scalar equations with derivatives by the implicit function theorem."""

import jax
import jax.numpy as jnp

_HALVINGS = 10
_NEWTON_STEPS = 20


def falling_root(fun, lower, upper):
    """Root of a function that is positive at `lower` and negative at `upper`.

    Bisection, then Newton steps that stay in the bracket: a fixed number of both, so that it maps
    well over a batch. Without a change of sign the result is near one end of the bracket.
    (optimistix's Bisection raises there even with throw=False, which a batch cannot afford.)

    Args:
        fun: function of one scalar; what it closes over is differentiated implicitly.
        lower: start of the bracket.
        upper: end of the bracket.
    """

    def solve(fun, x):
        def shrink(x, lower, upper):
            value, slope = jax.jvp(fun, (x,), (jnp.ones_like(x),))
            lower, upper = jnp.where(value > 0, x, lower), jnp.where(value > 0, upper, x)
            return value, slope, lower, upper

        def halve(_, state):
            _, _, lower, upper = shrink(*state)
            return (lower + upper) / 2, lower, upper

        def newton(_, state):
            value, slope, lower, upper = shrink(*state)
            step = state[0] - value / slope
            good = (step >= lower) & (step <= upper)
            return jnp.where(good, step, (lower + upper) / 2), lower, upper

        state = jax.lax.fori_loop(0, _HALVINGS, halve, (x, lower, upper))
        return jax.lax.fori_loop(0, _NEWTON_STEPS, newton, state)[0]

    lower, upper = jax.lax.stop_gradient((lower, upper))
    return jax.lax.custom_root(fun, (lower + upper) / 2, solve, lambda g, y: y / g(1.0))
