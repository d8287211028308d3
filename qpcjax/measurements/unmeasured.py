"""Responses of a device that no kind of data is made of, for predictions."""

import jax.numpy as jnp

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.measurements.circuit import bias_of, flow_through, heated, voltage_across
from qpcjax.measurements.response import Response, add_response
from qpcjax.transport.landauer import dissipation


def _voltage_and_flow(point, settings, resolution):
    flow = flow_through(point, resolution)
    return voltage_across(flow, bias_of(point, settings), point.series_resistance)


def _current(point, settings, resolution):
    """I in nA."""
    return 1e6 / RESISTANCE_QUANTUM * _voltage_and_flow(point, settings, resolution)[1]


def _voltage(point, settings, resolution):
    """The bias energy in meV that drops across the barrier itself."""
    return _voltage_and_flow(point, settings, resolution)[0]


def _heating(point, settings, resolution):
    """P_L, P_R, P_A in pW and r* in nm."""
    scatterer, reservoirs = heated(point, settings, resolution)
    power = dissipation(scatterer, reservoirs)
    distance = hot_spot(scatterer, reservoirs, point.damping).distance
    return jnp.stack([power.left, power.right, power.asymmetry, distance])


CURRENT = add_response(Response("current", "nA", "current", _current))
VOLTAGE = add_response(Response("voltage", "meV", "bias across the barrier", _voltage))
HEATING = add_response(
    Response(
        "heating", "pW, pW, pW, nm", "powers and hot spot", _heating,
        needs=("temperature", "damping"), heat=True, columns=4,
    )
)  # fmt: skip
