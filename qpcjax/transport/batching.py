"""One place for dtypes and batches: the physics is written for scalars of one dtype."""

import dataclasses
import functools
import inspect
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from qpcjax._numerics.blocks import in_blocks
from qpcjax.resolution import Window, spinless, with_modes
from qpcjax.scatterers.search import finely_searched
from qpcjax.scatterers.users import as_scatterer
from qpcjax.transport.padding import padded
from qpcjax.validation import Parameters, meaningful, number, require_numbers, where_meaningful


def same_dtype(tree):
    """The tree with every real number as an array of one floating dtype.

    Weakly typed numbers follow the others, and without any others the default dtype holds. Whole
    numbers and Booleans stay: a scatterer may use them as indices or masks.
    """
    leaves = [leaf for leaf in jax.tree.leaves(tree) if _is_real(leaf)]
    dtype = jnp.result_type(*leaves) if leaves else jnp.result_type(float)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype) if _is_real(leaf) else leaf, tree)


def _is_real(leaf):
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def _numbers(name, value):
    """An argument: a number, numbers of any kind of array, or a tree of parameters."""
    if isinstance(value, Parameters):
        require_numbers(value)
        return value
    if type(value) is float or dataclasses.is_dataclass(value):
        return value
    return float(value) if type(value) is int else number(value, name)


def _static(value):
    """A static argument; NumPy's whole numbers hash and compile as Python's."""
    return int(value) if isinstance(value, np.integer) else value


def _require_precision(leaves):
    """Raise ValueError for plain numbers that were rounded before double precision was on."""
    double = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    if double and any(getattr(x, "weak_type", False) and x.dtype == np.float32 for x in leaves):
        raise ValueError(
            "numbers of these objects were rounded to single precision: construct them after "
            'jax.config.update("jax_enable_x64", True), not before'
        )


def _has_nan(result):
    leaves = jax.tree.leaves(result)
    if jax.default_backend() == "cpu":
        return any(np.isnan(np.sum(np.asarray(leaf))) for leaf in leaves)
    return any(bool(jnp.isnan(jnp.sum(leaf))) for leaf in leaves)


def _explain(scatterer, window):
    """Say why integrals over a class that states no panels may be NaN."""
    if any(np.any(np.isnan(x)) for x in window):
        return
    advice = (
        "its class should have a method finest_scale(bias) that returns the smallest energy in meV "
        "over which T(E) varies"
        if spinless(scatterer).finest_scale() is None
        else "the finest_scale of its class is too large, or so small that too many panels would "
        "be needed: a method panel_edges(bias) should return the energies between which T(E) is "
        "smooth"
    )
    warnings.warn(
        f"some of the results for {scatterer!r} are NaN: unless a number given is out of range, "
        f"T(E) is not resolved there, and {advice}",
        stacklevel=4,
    )


def batched(chunk, static=(), room="panels"):
    """Turn f(scatterer, *scalars) into a jitted function whose other arguments broadcast.

    The scatterer may be of any class that `as_scatterer` takes. The other arguments may be
    pytrees of scalars; all their leaves broadcast together, and every leaf of the result gets
    their common shape in front. Calls with concrete arguments are padded to a few sizes, so that
    a new number of points seldom compiles anew.

    Args:
        chunk: how many points of a scatterer of memory 1 are evaluated side by side; more are
            mapped over in sequence, so that memory stays bounded.
        static: names of arguments that are Python values of the function, not numbers.
        room: what a call with concrete arguments makes room for: "modes", where the scatterer keeps
            too few; "panels", those and the features of a class that states no panels; or "".
    """

    def decorate(fun) -> Any:
        signature = inspect.signature(fun)

        # Trees of equinox take Python to flatten: once a call is enough.
        @functools.partial(jax.jit, static_argnames=("structure", *static))
        def compiled(numbers, structure, **fixed):
            scatterer, trees = jax.tree.unflatten(structure, same_dtype(numbers))
            scatterer = scatterer.settled()
            leaves, structure = jax.tree.flatten(trees)
            shape = jnp.broadcast_shapes(*(leaf.shape for leaf in leaves))

            def point(values):
                arguments = jax.tree.unflatten(structure, values)
                held = meaningful(scatterer, *arguments)
                return where_meaningful(held, fun(scatterer, *arguments, **fixed))

            if shape == ():
                return point(leaves)
            flat = [jnp.broadcast_to(leaf, shape).reshape(-1) for leaf in leaves]
            at_once = max(1, chunk // scatterer.memory)
            result = in_blocks(jax.vmap(point), flat, at_once)
            return jax.tree.map(lambda r: r.reshape(shape + r.shape[1:]), result)

        @functools.wraps(fun)
        def wrapper(scatterer, *args, **keywords):
            bound = signature.bind(as_scatterer(scatterer), *args, **keywords)
            bound.apply_defaults()
            fixed = {name: _static(bound.arguments.pop(name)) for name in static}
            scatterer, *others = bound.arguments.values()
            names = list(bound.arguments)[1:]
            others = [_numbers(name, x) for name, x in zip(names, others, strict=True)]
            numbers, structure = jax.tree.flatten((scatterer, others))
            if any(isinstance(number, Tracer) for number in numbers):
                return compiled(numbers, structure=structure, **fixed)
            _require_precision(numbers)
            window = functools.partial(Window.of, dict(zip(names, others, strict=True)))
            others, restored = padded(others)
            searched = room == "panels" and not scatterer.states_panels
            if searched:
                scatterer = finely_searched(scatterer)
            numbers, structure = jax.tree.flatten((scatterer, others))
            found = compiled(numbers, structure=structure, **fixed)
            if room and _has_nan(found):
                roomy = with_modes(scatterer, window())
                if roomy is not scatterer:
                    numbers, structure = jax.tree.flatten((roomy, others))
                    found = compiled(numbers, structure=structure, **fixed)
                elif searched:
                    _explain(scatterer, window())
            return restored(found)

        return wrapper

    return decorate
