"""Where a probe inside a constriction takes as much on one side as it gives on the other."""

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.roots import falling_root, newton_root
from qpcjax.constants import BOLTZMANN

_SPREAD = 3**0.5 / (2 * np.pi)  # T_P k_B/eV of cold baths with T_1 = T_2
_DOUBLINGS, _STEPS = 60, 60
_SMALL = 1e-9  # of kT_P and the bias: a step of Newton's method that is none


def at_bath_temperature(flows, r):
    """Where the voltage probe balances: no net current, the temperature being that of the baths.

    Args:
        flows: function of (mu_P - mu, T_P - T) to currents and heat, left and right of the probe.
        r: `Reservoirs` of numbers.

    Returns:
        (mu_P - mu, 0), and whether it was found.
    """
    none = jnp.zeros_like(r.bias)

    def gathered(offset):
        in_left, _, in_right, _ = flows(jnp.stack([offset, none]))
        return in_left - in_right

    width = jnp.abs(r.bias) + BOLTZMANN * (r.temperature + jnp.abs(r.temperature_bias))
    width = jax.lax.stop_gradient(jnp.maximum(width, jnp.finfo(width.dtype).tiny))
    ends = jnp.asarray([-1.0, 1.0], width.dtype)

    def outside(state):
        step, _, at_ends = state
        return (step < _DOUBLINGS) & ((at_ends[0] <= 0) | (at_ends[1] >= 0))

    def widened(state):
        step, width, _ = state
        return step + 1, 2 * width, jax.vmap(gathered)(2 * width * ends)

    begin = (0, width / 2, -ends * 0)
    _, width, at_ends = jax.lax.stop_gradient(jax.lax.while_loop(outside, widened, begin))
    root = falling_root(gathered, -width, width)
    found = (at_ends[0] > 0) & (at_ends[1] < 0)
    return jnp.stack([root, none]), found


def at_own_temperature(flows, r):
    """Where the voltage-temperature probe balances, by Newton's method; arguments as above.

    Returns:
        (mu_P - mu, T_P - T), and whether it was found.
    """
    bias, bath = jax.lax.stop_gradient((jnp.abs(r.bias), r.temperature))
    spread = _SPREAD * bias / BOLTZMANN

    def off(place):
        in_left, heat_left, in_right, heat_right = flows(place)
        return jnp.stack([in_left - in_right, heat_left - heat_right])

    def scale(place):
        warm = BOLTZMANN * (bath + place[1])
        return jnp.stack([warm + bias, bath + place[1]])

    # Small warming keeps its digits: sqrt(T^2 + s^2) - T without cancellation.
    warmer = spread**2 / jnp.maximum(jnp.hypot(bath, spread) + bath, jnp.finfo(bath.dtype).tiny)
    start = jnp.stack([jnp.zeros_like(bias), warmer])
    place, left = newton_root(off, start, scale, _STEPS)
    return place, jnp.all(jnp.abs(left) <= _SMALL)
