"""Channels between hard walls that bend: a reference, limits known otherwise, derivatives."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from potential_cases import CASES, potential

import qpcjax as qpc
from qpcjax.potentials import HardWalls, window
from qpcjax.scatterers.accuracy import transmission_by_steps

SMALL: dict[str, Any] = {"sectors": 16, "modes": 10}
SIZES: dict[str, Any] = {"sectors": 160, "modes": 12}
FEW = np.array([3.0, 4.5, 6.1])


def test_the_reference_at_small_sizes():
    case = CASES["hard_wall_horn"]
    scatterer = qpc.PotentialScatterer(potential(case), **SIZES)
    found = qpc.transmission(scatterer, np.array(case["energies"])[:7])
    np.testing.assert_allclose(found, case["transmission"][:7], atol=1e-4)
    assert float(scatterer.energy_limit()) > 13
    assert scatterer.leak() == np.inf


def test_resolve_finds_the_sizes():
    case = CASES["hard_wall_horn"]
    found = qpc.resolve(potential(case), case["energies"][1:5], 4e-3)
    known = np.array(case["transmission"][1:5])
    error = np.abs(transmission_by_steps(found, np.array(case["energies"][1:5])) - known)
    assert found.status == 0
    assert np.max(found.error_estimate) <= 4e-3
    assert np.all(error <= 2 * found.error_estimate)


def hill(x, y):
    return 6 * jnp.exp(-(x**2) / 400 - (y - 9) ** 2 / 700) * window(x, 30.0, 60.0)


@jax.jit
def at_each(scatterer, energies):
    """T, density and current."""

    def one(energy):
        flow = scatterer.local(energy)
        return scatterer.total(energy), flow.density, flow.current

    return jax.vmap(one)(energies)


def test_straight_walls_are_a_strip():
    """Straight walls pass every open mode; with V inside they are the strip, in other functions."""
    empty = qpc.PotentialScatterer(HardWalls(lambda x: 45.0, 60.0), **SMALL)
    levels = np.asarray(empty.thresholds()).reshape(2, -1)
    np.testing.assert_allclose(
        levels[0], empty.scale * (np.pi / 90 * np.arange(1, 7)) ** 2, rtol=1e-6
    )
    np.testing.assert_allclose(levels[1], levels[0])
    number = np.sum(FEW[:, None] > levels[0], axis=1)
    np.testing.assert_allclose(at_each(empty, FEW)[0], number, atol=1e-11)

    walls = qpc.PotentialScatterer(HardWalls(lambda x: 45.0, 60.0, hill), **SMALL)
    strip = qpc.Potential.from_function(jax.jit(hill), 60.0, 90.0)
    found = at_each(walls, FEW)
    wanted = at_each(qpc.PotentialScatterer(strip, **SMALL), FEW)
    for name, ours, theirs in zip(("T", "density", "current"), found, wanted, strict=True):
        scale = np.abs(np.asarray(theirs)).max()
        np.testing.assert_allclose(ours, theirs, atol=2e-3 * scale, err_msg=name)


def test_a_slow_taper_is_a_parabolic_barrier():
    """Far from its neighbours each level of a long neck is E_n (1 - x^2/R w0): no modes mix."""
    narrow, radius = 20.0, 4000.0

    def taper(x):
        return narrow + x * x / (2 * radius)

    scatterer = qpc.PotentialScatterer(HardWalls(taper, 300.0), sectors=80, modes=10)
    level = scatterer.scale * (np.pi / (2 * narrow)) ** 2
    curvature = 2 * np.sqrt(scatterer.scale * level / (radius * narrow))
    energies = level + curvature * np.array([-0.3, 0.0, 0.3])
    known = 1 / (1 + np.exp(-2 * np.pi * np.array([-0.3, 0.0, 0.3])))
    np.testing.assert_allclose(qpc.transmission(scatterer, energies), known, atol=0.02)


def bent(narrow, steep):
    """A channel between leads of different widths."""

    def half_width(x):
        return 40 + 8 * jnp.tanh(steep * x) - (40 - narrow) * window(x, 5.0, 60.0)

    return qpc.PotentialScatterer(HardWalls(half_width, 60.0, hill), **SMALL)


def test_mirrored_walls_transmit_the_same():
    ahead, back = bent(26.0, 0.05), bent(26.0, -0.05)
    assert float(back.width) > float(ahead.width) + 25
    there, here = at_each(ahead, FEW), at_each(back, FEW)
    np.testing.assert_allclose(there[0], here[0], atol=1e-11)
    thresholds = np.sort(np.asarray(ahead.thresholds()))
    np.testing.assert_allclose(
        thresholds[: ahead.open_modes], np.sort(back.thresholds())[: ahead.open_modes]
    )


def test_derivatives_by_the_walls():
    @functools.partial(jax.jit, static_argnums=1)
    def slope(parameters, _):
        return jax.value_and_grad(lambda p: bent(p[0], p[1]).total(4.5))(parameters)

    at = np.array([26.0, 0.05])
    _, found = slope(at, 0)
    for k, step in ((0, 1e-3), (1, 1e-5)):
        h = step * np.eye(2)[k]
        t = [float(slope(at + n * h, 0)[0]) for n in (-2, -1, 1, 2)]
        numerical = (8 * (t[2] - t[1]) - (t[3] - t[0])) / (12 * step)
        assert float(found[k]) == pytest.approx(numerical, rel=1e-7)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: HardWalls(3.0, 10.0), TypeError, "half_width must be a function of x"),
        (lambda: HardWalls(lambda x: 3.0, 10.0, 2.0), TypeError, "energy must be a function"),
        (lambda: HardWalls(lambda x: 3.0, -1.0), ValueError, "half_length must be a positive"),
        (
            lambda: qpc.PotentialScatterer(HardWalls(lambda x: x, 60.0), **SMALL),
            ValueError,
            "half_width must be a positive length in nm everywhere",
        ),
        (
            lambda: qpc.PotentialScatterer(HardWalls(lambda x: 40 + np.sin(x), 60.0), **SMALL),
            TypeError,
            "must be made of functions of jax.numpy",
        ),
        (
            lambda: qpc.PotentialScatterer(
                HardWalls(lambda x: 40.0, 60.0), magnetic_field=1.0, **SMALL
            ),
            ValueError,
            "magnetic_field must be left out",
        ),
        (
            lambda: qpc.PotentialScatterer(HardWalls(lambda x: 40.0, 60.0), kept=6, **SMALL),
            ValueError,
            "kept must be left out, or 10",
        ),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
