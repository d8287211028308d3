"""Roots of scalar equations with derivatives by the implicit function theorem."""

import equinox as eqx
import jax
import jax.numpy as jnp

_HALVINGS = 10
_STEPS = 36


def falling_root(fun, lower, upper):
    """Root of a function that is positive at `lower` and negative at `upper`.

    Bisection, then the Illinois variant of the false position, which needs no derivative: a
    fixed number of steps, so that it maps well over a batch. Without a change of sign the result
    is near one end of the bracket. (optimistix's Bisection raises there even with throw=False,
    which a batch cannot afford; jax.lax.custom_root traces derivatives that nobody may ask for.)

    Args:
        fun: function of one scalar; what it closes over is differentiated implicitly.
        lower: start of the bracket.
        upper: end of the bracket.
    """
    lower, upper = jax.lax.stop_gradient((lower, upper))
    return _root(eqx.filter_closure_convert(fun, lower), lower, upper)


@eqx.filter_custom_jvp
def _root(fun, lower, upper):
    def step(i, state):
        lower, upper, at_lower, at_upper = state
        # The value of an end that stays put is halved, which makes it move.
        x = (lower * at_upper - upper * at_lower) / (at_upper - at_lower)
        inside = (x > lower) & (x < upper) & (i >= _HALVINGS)
        x = jnp.where(inside, x, (lower + upper) / 2)
        value = fun(x)
        rises = value > 0
        kept_lower = jnp.where(i >= _HALVINGS, at_lower / 2, at_lower)
        kept_upper = jnp.where(i >= _HALVINGS, at_upper / 2, at_upper)
        return (
            jnp.where(rises, x, lower),
            jnp.where(rises, upper, x),
            jnp.where(rises, value, kept_lower),
            jnp.where(rises, kept_upper, value),
        )

    ends = (lower, upper, jnp.ones_like(lower), -jnp.ones_like(lower))
    lower, upper, at_lower, at_upper = jax.lax.fori_loop(0, _STEPS, step, ends)
    return jnp.where(jnp.abs(at_lower) < jnp.abs(at_upper), lower, upper)


@_root.def_jvp
def _(primals, tangents):
    fun, lower, upper = primals
    x = _root(fun, lower, upper)
    # 0 = fun(x) at all values of what it closes over.
    _, change = eqx.filter_jvp(lambda fun: fun(x), (fun,), (tangents[0],))
    if change is None:  # nothing of it moves
        return x, jnp.zeros_like(x)
    _, slope = jax.jvp(fun, (x,), (jnp.ones_like(x),))
    return x, -change / slope
