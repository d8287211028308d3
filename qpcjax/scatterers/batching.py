"""One place for dtypes and batches: the physics is written for scalars of one dtype."""

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp

from qpcjax._numerics.blocks import in_blocks
from qpcjax.scatterers.base import AbstractScatterer, as_scatterer


def same_dtype(tree):
    """The tree with every number as an array of one floating dtype.

    Plain Python numbers are weak: the arrays among the leaves decide, and without any the default
    dtype holds.
    """
    dtype = jnp.result_type(*jax.tree.leaves(tree))
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tree)


def batched(chunk, static=()):
    """Turn f(scatterer, *scalars) into a jitted function whose other arguments broadcast.

    The scatterer may be of any class that `as_scatterer` takes. The other arguments may be
    pytrees of scalars; all their leaves broadcast together, and every leaf of the result gets
    their common shape in front.

    Args:
        chunk: how many points of a scatterer of memory 1 are evaluated side by side; more are
            mapped over in sequence, so that memory stays bounded.
        static: names of arguments that are Python values of the function, not numbers.
    """

    def decorate(fun) -> Any:
        signature = inspect.signature(fun)

        @functools.partial(jax.jit, static_argnames=static)
        def compiled(*numbers, **fixed):
            scatterer, *trees = same_dtype(list(numbers))
            leaves, structure = jax.tree.flatten(trees)
            shape = jnp.broadcast_shapes(*(leaf.shape for leaf in leaves))

            def point(values):
                return fun(scatterer, *jax.tree.unflatten(structure, values), **fixed)

            if shape == ():
                return point(leaves)
            flat = [jnp.broadcast_to(leaf, shape).reshape(-1) for leaf in leaves]
            at_once = max(1, chunk // scatterer.memory)
            result = in_blocks(jax.vmap(point), flat, at_once)
            return jax.tree.map(lambda r: r.reshape(shape + r.shape[1:]), result)

        @functools.wraps(fun)
        def wrapper(scatterer, *args, **keywords):
            if not isinstance(scatterer, AbstractScatterer):
                scatterer = as_scatterer(scatterer)
            bound = signature.bind(scatterer, *args, **keywords)
            bound.apply_defaults()
            fixed = {name: bound.arguments.pop(name) for name in static}
            return compiled(*bound.arguments.values(), **fixed)

        return wrapper

    return decorate
