"""Derivatives of a number by many numbers at once."""

import functools

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def slopes_at_once(function, *primals):
    """function(*primals), a number, whose derivatives all come of one backward pass.

    Forward derivatives, such as a fit's, then cost two evaluations more, however many there are;
    one alone is dearer. For a function that is dear beside its few arguments.

    Args:
        function: of the primals alone: it must not hold numbers that are differentiated.
        primals: pytrees of floating-point arrays.
    """
    return function(*primals)


@functools.partial(slopes_at_once.defjvp, symbolic_zeros=True)
def _(function, primals, tangents):
    leaves, tree = jax.tree.flatten(primals)
    tangents = jax.tree.leaves(tangents, is_leaf=lambda t: isinstance(t, SymbolicZero))
    moved = [i for i, t in enumerate(tangents) if not isinstance(t, SymbolicZero)]

    def of_moved(values):
        at = dict(zip(moved, values, strict=True))
        return function(*jax.tree.unflatten(tree, [at.get(i, x) for i, x in enumerate(leaves)]))

    value, pull = jax.vjp(of_moved, [leaves[i] for i in moved])
    (slopes,) = pull(jnp.ones_like(value))
    moves = (jnp.sum(s * tangents[i]) for s, i in zip(slopes, moved, strict=True))
    return value, sum(moves, jnp.zeros_like(value))
