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
_REACH = 2.0  # ranges of the fitted gate voltages by which a prediction may lie outside of them
_BESIDE = 0.02  # the same, where a thousand times the voltage lies within them


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


def require_near(settings, data) -> None:
    """Raise InputError for gate voltages of which the fitted data say nothing.

    The law along the gate is extrapolated by up to twice the range of the data. Voltages outside of
    it that would lie in it, or near it, a thousand times as large are in V.

    Args:
        settings: name -> array, of a prediction.
        data: the data sets that were fitted.
    """
    known = [d.settings["gate"] for d in data if "gate" in d.settings]
    asked = settings.get("gate")
    if not known or asked is None or not asked.size:
        return
    low, high = min(g.min() for g in known), max(g.max() for g in known)
    outside = np.maximum(low - asked, asked - high)
    worst = int(np.argmax(np.nan_to_num(outside, nan=-np.inf)))
    width, largest = high - low, max(abs(low), abs(high))
    near = low - width / 2, high + width / 2
    volts = np.all((1e3 * asked >= near[0]) & (1e3 * asked <= near[1]))
    reach = _BESIDE * width if volts else max(_REACH * width, 0.2 * largest)
    if not outside[worst] > reach:
        return
    meant = f"did you mean {1e3 * asked[worst]:g}?" if volts else (
        "what the gate does there does not follow from these data"
    )  # fmt: skip
    raise InputError(
        f"gate is in mV: {asked[worst]:g} lies far outside of the {low:g} to {high:g} mV that were "
        f"fitted; {meant}"
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
        point, row = jax.tree.unflatten(structure, leaves)
        point = point._replace(scatterer=point.scatterer.settled())
        return response.at(point, row, resolution)

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
