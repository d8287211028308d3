"""Roots of equations with derivatives by the implicit function theorem."""

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax._numerics.small_matrices import inverse, product

_HALVINGS = 10
_STEPS = 36
_LONGEST = 0.75  # of the scale, a step of Newton's method


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


def newton_root(fun, start, scale, steps):
    """Root of a function of a few numbers, by Newton's method with bounded steps.

    Args:
        fun: function of a vector (n,) to (n,); what it closes over is differentiated implicitly.
        start: where to begin, (n,).
        scale: function of a point, the size of its numbers, (n,): no step is longer than 3/4 of it.
        steps: how many steps are taken at most.

    Returns:
        The root, and the last step in units of the scale: large, or NaN, where there is no root or
        it was not reached.
    """
    start = jax.lax.stop_gradient(start)
    fun, scale = (eqx.filter_closure_convert(f, start) for f in (fun, scale))
    root, left = _newton(fun, start, scale, steps)
    return root, jax.lax.stop_gradient(left)


def _step_to_zero(value, slopes):
    # Rows of the size 1: those of activated transport are so small that their products vanish.
    size = jnp.max(jnp.abs(slopes), axis=1)
    size = jnp.where(size == 0, 1, size)
    return -product(inverse(slopes / size[:, None]), (value / size)[:, None])[:, 0]


@eqx.filter_custom_jvp
def _newton(fun, start, scale, steps):
    small = 32 * jnp.finfo(start.dtype).eps

    def twice(x):
        value = fun(x)
        return value, value

    def moves(state):
        step, _, left = state
        return (step < steps) & jnp.any(jnp.abs(left) > small)

    def move(state):
        step, x, _ = state
        slopes, value = jax.jacfwd(twice, has_aux=True)(x)
        unit = scale(x)
        left = _step_to_zero(value, slopes) / unit
        return step + 1, x + unit * jnp.clip(left, -_LONGEST, _LONGEST), left

    _, x, left = jax.lax.while_loop(moves, move, (0, start, jnp.full_like(start, jnp.inf)))
    return x, left


@_newton.def_jvp
def _(primals, tangents):
    fun, *_ = primals
    x, left = _newton(*primals)
    _, change = eqx.filter_jvp(lambda fun: fun(x), (fun,), (tangents[0],))
    moved = jnp.zeros_like(x)
    if change is not None:
        moved = _step_to_zero(change, jax.jacfwd(fun)(x))
    return (x, left), (moved, jnp.zeros_like(left))
