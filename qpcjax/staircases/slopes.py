"""Derivatives of a staircase by the gate voltages and by everything that the device is made of."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.gates import GatedDevice
from qpcjax.staircases.staircase import GateStaircase
from qpcjax.transport.landauer import conductance, dissipation
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.transmission import transmission


@dataclasses.dataclass(frozen=True)
class GateSlopes:
    """Derivatives of one result at each setting of a staircase.

    Fields:
        voltages: by the voltages in V, shape (settings, gates).
        device: a `GatedDevice` whose numbers are derivatives by those numbers, each with an axis of
            settings in front: `device.stack.density`, `device.gates.gap`, ...
    """

    voltages: np.ndarray
    device: GatedDevice


def gate_slopes(
    found: GateStaircase, progress: Callable[[int, int, str], None] | None = None
) -> dict[str, GateSlopes]:
    r"""Derivatives of G, P_L and P_R by gate voltages, outlines, layers, tip and donors.

    They go through the electrostatics (the implicit function), the scattering states and the
    Landauer integrals, in one reverse pass for each setting and all three results: with the
    energies, sizes and region of the staircase, to which nothing is differentiated. mu follows the
    density. Where the staircase counts a constriction as closed, they are 0 as its results are.

    Args:
        found: what `gate_staircase` returned.
        progress: called with (done, total, label).

    Returns:
        "conductance" in 2e^2/h, "left" and "right" in pW per unit of what they are derivatives by:
        V, nm, 1e11 cm^-2, ...
    """
    told = progress or (lambda *_: None)
    numbers, rest = eqx.partition(found.device, eqx.is_inexact_array_like)
    numbers = jax.tree.map(jnp.asarray, numbers)
    r = found.reservoirs

    @jax.jit
    def slopes(numbers, applied, charge):
        def flows(numbers, applied):
            device = eqx.combine(numbers, rest)
            settings = {name: applied[k] for k, name in enumerate(found.gates)}
            near = eqx.tree_at(lambda p: p.charge, found.potentials[0], charge)
            potential = device.potential(settings, start=near)
            passed = transmission(found.tabulation.scatterer(potential), found.tabulation.energies)
            table = found.tabulation.table(passed)
            power = dissipation(table, Reservoirs(device.mu, r.bias, r.temperature))
            g = conductance(table, device.mu, r.temperature)
            return jnp.stack([g, power.left, power.right])

        return jax.jacrev(flows, (0, 1))(numbers, applied)

    each = []
    for k, potential in enumerate(found.potentials):
        told(k, len(found.potentials), "derivatives")
        applied = jnp.asarray(found.voltages[k])
        if found.conductance[k] == found.left[k] == found.right[k] == 0:
            each.append(_nothing(numbers, applied))
        else:
            each.append(slopes(numbers, applied, potential.charge))
    by_device, by_voltages = jax.tree.map(lambda *x: np.stack(x), *each)

    def of(row) -> GateSlopes:
        device: Any = jax.tree.map(lambda x: x[:, row], by_device)
        return GateSlopes(by_voltages[:, row], eqx.combine(device, rest))

    return {name: of(row) for row, name in enumerate(("conductance", "left", "right"))}


def _nothing(*trees):
    """The derivatives of three results that are 0."""
    return jax.tree.map(lambda x: np.zeros((3, *np.shape(x))), trees)
