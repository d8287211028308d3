"""Responses of a device at many points, and their derivatives."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from qpcjax import observables
from qpcjax._numerics.blocks import in_blocks
from qpcjax.measurements import InputError, Response
from qpcjax.measurements.circuit import heated
from qpcjax.measurements.response import RESPONSES

_AT_ONCE = 128  # points evaluated side by side
_HEAT_AT_ONCE = 4


def response_named(name: str | Response) -> Response:
    """The response of a name: of a kind of data, or of any registered observable.

    Raises:
        ValueError: there is none.
    """
    if isinstance(name, Response):
        return name
    if name in RESPONSES:
        return RESPONSES[name]
    observable = observables.named(name)
    if observable is None:
        known = dict.fromkeys((*RESPONSES, *observables.OBSERVABLES))
        raise ValueError(f"kind must be one of {', '.join(known)}, got {name!r}")
    return _of_observable(observable)


@functools.cache
def _of_observable(observable):
    """An observable between the barrier, with its own softness, and its reservoirs."""

    def at(point, settings, resolution):
        scatterer, reservoirs = heated(point, settings, resolution)
        damping = _NoDamping() if point.damping is None else point.damping
        given = (settings.get(name) for name in ("energy", "distance"))
        lacking = observable.missing({"mu", *settings})
        if lacking is not None:
            raise InputError(f"{observable.name} needs {lacking}: give {lacking}=")
        return observable.at(observables.OperatingPoint(scatterer, reservoirs, damping, *given))

    quantity = observable.quantity
    return Response(
        quantity.name, quantity.unit or "1", quantity.words, at, needs=("temperature",), heat=True
    )


class _NoDamping(eqx.Module):
    """A damping law that says that it is missing when it is asked for anything."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise InputError(
            "this observable needs a damping law, which the device does not have: give damping="
        )


def device_at(device, settings):
    """The device as a `Point` where these settings, name -> number, are made."""
    return device.at(*(settings.get(name) for name in ("gate", "mu", "temperature")))


def broadcast_settings(**settings):
    """Settings as columns of one length, and the shape that they had; None stands for not set."""
    given = {n: np.asarray(x, float) for n, x in settings.items() if x is not None}
    shape = np.broadcast_shapes(*(x.shape for x in given.values()))
    return {n: np.broadcast_to(x, shape).reshape(-1) for n, x in given.items()}, shape


def predict(device, response, settings, resolution):
    """One response at many points, differentiable in the device.

    However many numbers a device has, a point knows them only through the barrier at its gate
    voltage and the few numbers beside it: derivatives are taken by those, and then combined.

    Args:
        device: `Device`.
        response: `Response`.
        settings: name -> array, all of one length.
        resolution: `Resolution`.

    Returns:
        Array of the points' length, in the unit of the response.
    """
    size = len(next(iter(settings.values())))
    settings = jax.tree.map(jnp.asarray, settings)
    points = jax.vmap(lambda row: device_at(device, row))(settings)
    leaves, structure = jax.tree.flatten((points, settings))
    dtype = jnp.result_type(float)
    leaves = [jnp.broadcast_to(jnp.asarray(leaf, dtype), (size,)) for leaf in leaves]

    def one(*leaves):
        return response.at(*jax.tree.unflatten(structure, leaves), resolution)

    return _by_point(one, _HEAT_AT_ONCE if response.heat else _AT_ONCE)(*leaves)


def _by_point(fun, at_once):
    """Map a function of scalars over columns; each scalar's derivative is taken once a point."""

    @jax.custom_jvp
    def columns(*leaves):
        return in_blocks(lambda c: jax.vmap(fun)(*c), list(leaves), at_once)

    def rule(primals, tangents):
        moving = [i for i, t in enumerate(tangents) if not isinstance(t, SymbolicZero)]

        def point(*leaves):
            def of_moving(*values):
                full = list(leaves)
                for i, value in zip(moving, values, strict=True):
                    full[i] = value
                return fun(*full)

            values = tuple(leaves[i] for i in moving)
            unit = jnp.eye(len(moving), dtype=values[0].dtype)
            push = jax.vmap(lambda t: jax.jvp(of_moving, values, tuple(t)), out_axes=(None, 0))
            return push(unit)

        value, slopes = in_blocks(lambda c: jax.vmap(point)(*c), list(primals), at_once)
        beyond = (1,) * (value.ndim - 1)
        columns_of = [slopes[:, k] * tangents[i].reshape(-1, *beyond) for k, i in enumerate(moving)]
        return value, sum(columns_of)

    columns.defjvp(rule, symbolic_zeros=True)
    return columns
