"""The gas under gates: closed forms, a solution in three dimensions, derivatives."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import TABLES

import qpcjax as qpc
from qpcjax.constants import COULOMB, GAAS_MASS, HBAR2_OVER_2M
from qpcjax.gates import Donors, Tip

D = GAAS_MASS / (2 * np.pi * HBAR2_OVER_2M)
EPS, DEPTH = 12.9, 90.0
Q_S = D * COULOMB / (2 * EPS)
STACK = qpc.Heterostructure(2.5, DEPTH)
PINNED = qpc.Heterostructure(2.5, DEPTH, surface="pinned")
POISSON = json.loads((TABLES / "poisson3d.json").read_text())

BOX = {"grid": 20.0, "box": (2400.0, 1600.0)}
LONG = {"grid": 10.0, "box": (40.0, 3000.0)}  # nothing depends on x
BARS = qpc.Gates({"upper": (None, None, 200.0, 900.0), "lower": (None, None, -900.0, -200.0)})


def split(gap=400.0, length=300.0, stack=STACK, **keywords):
    return qpc.GatedDevice(stack, qpc.SplitGate(gap, length), **keywords)


def centre(potential):
    return float(potential.energy[potential.x.size // 2, potential.y.size // 2])


def depletion(density, kT=0.0):
    """Where the gas under a wide gate is empty; at kT, where its U is mu."""
    return COULOMB * DEPTH / EPS * (1e-3 * density - D * kT * np.log(2)) + 1e-3 * density / D


# --- one dimension ----------------------------------------------------------------------------


def test_the_chemical_potential_and_the_depletion():
    assert float(STACK.mu) == pytest.approx(2.5e-3 / D, rel=1e-12)
    warm = qpc.Heterostructure(0.1, 90.0, thermal_energy=2.0)
    filled = D * 2.0 * np.log1p(np.exp(float(warm.mu) / 2.0))
    assert filled == pytest.approx(1e-4, rel=1e-12)
    assert float(STACK.depletion) == pytest.approx(324.5450974685623, abs=1e-5)


def test_a_uniform_sheet_under_a_gate_everywhere():
    everywhere = split(1e-9, None, PINNED, **LONG)
    p = everywhere.potential(-depletion(2.5, 0.1) / 1e3 + 1e-14)
    np.testing.assert_allclose(p.energy, float(everywhere.mu), atol=1e-8)
    np.testing.assert_allclose(p.density, 1e3 * D * 0.1 * np.log(2), rtol=1e-7)


def test_an_infinitely_long_split_gate_on_a_pinned_surface():
    """Nothing is left that could screen when the channel is pinched off."""
    cold = qpc.Heterostructure(2.5, DEPTH, surface="pinned", thermal_energy=1e-3)
    device = split(400.0, None, cold, **LONG)
    wanted = depletion(2.5) / (1 - 2 / np.pi * np.arctan(400.0 / (2 * DEPTH)))
    assert wanted == pytest.approx(1205.603674, abs=1e-3)
    p = device.potential(-(wanted - 0.1) / 1e3)
    assert float(device.mu) - 0.1 < centre(p) < float(device.mu)
    with pytest.raises(ValueError, match="empty the whole gas"):
        device.potential(-(wanted + 0.1) / 1e3)


def test_a_weak_potential_on_a_pinned_surface():
    gates = qpc.SplitGate(400.0, None)
    pinned = qpc.GatedDevice(PINNED, gates, **LONG)
    u = pinned.potential(0.004)
    stack = qpc.Heterostructure(2.5, DEPTH, surface="bare")
    bare = qpc.GatedDevice(stack, gates, **LONG).potential(-4.0)
    q = 2 * np.pi * np.fft.rfftfreq(300, 10.0)
    q[0] = 1e-14
    full = 1 - D * COULOMB / (2 * EPS) * np.expm1(-2 * q * DEPTH) / q
    screened = np.fft.rfft(np.asarray(bare.energy)[0, :-1]) / full
    np.testing.assert_allclose(u.energy[0, :-1], np.fft.irfft(screened, 300), atol=1e-10)

    # Gates of other voltages meet at the edge of the box, as they repeat: in Fourier's sum.
    other = pinned.potential({"upper": 0.004, "lower": 0.001})
    y = (np.arange(3000) + 0.5) - 1500.0
    waves = np.fft.rfft(np.where(y > 200.0, -4.0, np.where(y < -200.0, -1.0, 0.0)))[:151]
    waves = waves * np.exp(-q * (DEPTH + 0.5j)) / full / 10.0
    wanted = np.fft.irfft(waves, 300)
    np.testing.assert_allclose(other.energy[0, :-1], wanted, atol=0.015 * np.ptp(wanted))


@pytest.fixture(scope="module")
def bars():
    return qpc.GatedDevice(STACK, BARS, **LONG)


def test_a_long_split_gate_on_a_frozen_surface(bars):
    p = bars.potential(-0.7)
    assert centre(p) == pytest.approx(5.12505, abs=0.006)
    assert p.converged
    assert float(p.residual) < 1e-6
    again = bars.potential({"upper": -0.7, "lower": -0.7}, start=bars.potential(-0.65))
    np.testing.assert_allclose(again.energy, p.energy, atol=1e-8)


def test_voltages_densities_and_temperatures_scale_together(bars):
    wanted = 1.3 * bars.potential(-0.7).energy
    stack = qpc.Heterostructure(1.3 * 2.5, DEPTH, thermal_energy=0.13)
    scaled = qpc.GatedDevice(stack, BARS, **LONG).potential(-1.3 * 0.7)
    np.testing.assert_allclose(scaled.energy, wanted, rtol=0, atol=1e-10 * 1.3 * 700)


def test_many_voltages_at_once_and_too_large_ones():
    device = split(400.0, None, PINNED, **LONG)
    found = jax.jit(jax.vmap(lambda v: device.potential(v)))(jnp.array([-0.7, -5.0]))
    alone = device.potential(-0.7)
    np.testing.assert_allclose(found.energy[0], alone.energy, atol=1e-7)
    assert list(found.status) == [0, 2]
    assert np.all(np.isnan(found.energy[1]))


def test_a_sweep_of_voltages_and_its_derivative():
    def energies(gap):
        gates = split(gap, None, PINNED, **LONG)
        volts = {"upper": np.array([-0.6, -0.65, -0.7]), "lower": -0.7}
        return gates.sweep(lambda p: p.at(np.zeros(1), np.array([25.0]))[0, 0], volts)

    found, slope = jax.jit(lambda gap: jax.jvp(energies, (gap,), (1.0,)))(403.0)
    device = split(403.0, None, PINNED, **LONG)
    places = np.zeros(1), np.array([25.0])
    alone = [device.potential({"upper": v, "lower": -0.7}).at(*places) for v in (-0.6, -0.7)]
    np.testing.assert_allclose(found[::2], np.ravel(alone), atol=1e-8)
    ends = [split(g, None, PINNED, **LONG).potential(-0.7).at(*places) for g in (402.9, 403.1)]
    assert float(slope[2]) == pytest.approx(float(ends[1][0, 0] - ends[0][0, 0]) / 0.2, rel=1e-4)


# --- two dimensions ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def device():
    return split(**BOX)


def test_the_gas_under_a_wide_gate_empties_at_the_depletion():
    wide = split(1e-6, 2e6, **BOX)
    v = np.array([200.0, 300.0])
    n = np.array([float(wide.potential(-x / 1e3).density[60, 60]) for x in v])
    assert v[0] + n[0] * (v[1] - v[0]) / (n[0] - n[1]) == pytest.approx(depletion(2.5), abs=0.1)


def deviation(potential, v):
    """Largest error along both axes where electrons are."""
    x, y = np.array(POISSON["points"]).T
    wanted = np.array(POISSON["u"][str(v)])
    i, j = (np.searchsorted(axis, c) for axis, c in ((potential.x, x), (potential.y, y)))
    return np.abs(np.asarray(potential.energy)[i, j] - wanted)[wanted < 8.5].max()


def check_pinch_off(device, within, start=None):
    v = POISSON["pinch_off"]["v"]
    below = device.potential(-(v - within) / 1e3, start)
    above = device.potential(-(v + within) / 1e3, below)
    assert centre(below) < float(device.mu) < centre(above)
    return below


def test_a_solution_in_three_dimensions(device):
    p = device.potential(-1.2)
    assert centre(p) == pytest.approx(7.1387, abs=0.05)
    check_pinch_off(device, 2.0, p)


@pytest.mark.slow  # two minutes
@pytest.mark.parametrize(("grid", "within"), [(10.0, 2.0), (5.0, 1.0)])
def test_a_solution_in_three_dimensions_on_finer_grids(grid, within):
    neutral = qpc.Heterostructure(2.5, DEPTH, back=2e5)  # as there
    fine = split(stack=neutral, grid=grid, box=(2400.0, 1600.0))
    p = check_pinch_off(fine, within)
    for v in (1000, 1200, 1300):
        p = fine.potential(-v / 1e3, p)
        assert deviation(p, v) < 0.05


def wavevectors(shape, step):
    along, across = np.fft.fftfreq(shape[0], step), np.fft.rfftfreq(shape[1], step)
    return 2 * np.pi * np.hypot(along[:, None], across)


def test_a_weak_potential_on_a_free_surface(device):
    """The gates are far outside the box, so that the surface is free everywhere."""
    x, y = device.x[:, None], device.y
    weak = np.exp(-((x - 80.0) ** 2 + (y + 41.0) ** 2) / 2 / 70.0**2)
    free = eqx.tree_at(lambda d: d.gates.gap, device, device.gates.gap + 3e6)
    free = eqx.tree_at(lambda d: d.external, free, weak, is_leaf=lambda e: e is None)
    found = np.asarray(free.potential(-0.5).energy)[:-1, :-1]
    q = np.maximum(wavevectors(weak.shape, 20.0), 1 / STACK.back)
    image = (EPS - 1) / (EPS + 1) * np.exp(-2 * q * DEPTH)
    wanted = np.fft.rfft2(weak) / (1 + Q_S / q * (1 + image))
    np.testing.assert_allclose(found, np.fft.irfft2(wanted, s=weak.shape), atol=1e-10)


@pytest.mark.parametrize(
    ("field", "value"), [("gap", -50.0), ("gap", 1500.0), ("length", -1.0), ("length", 2300.0)]
)
def test_outlines_that_come_out_wrong_where_they_are_traced(device, field, value):
    wrong = jnp.asarray(value) + 0 * device.gates.gap
    wrong = eqx.tree_at(lambda d: getattr(d.gates, field), device, wrong)  # unchecked
    with pytest.raises(ValueError, match="out of its range"):
        wrong.potential(-0.5)


def test_a_tip_is_a_point_charge(device):
    tip, stack = Tip(3.0, 105.0, -60.0, 150.0), qpc.Heterostructure(2.5, DEPTH, above=4.0)
    found = np.asarray(tip.energies(stack, device.mesh))[1]
    r = np.hypot(device.x[:, None] - 105.0, device.y + 60.0)
    wanted = 3 * COULOMB / (2 * np.pi * (EPS + 4)) / np.hypot(r, 150.0 + DEPTH)
    near = r < 120  # further away its images count
    difference = (found - wanted)[near]
    assert np.ptp(difference) < 0.03 * np.ptp(wanted[near])


def test_disorder_of_donors(device):
    """What a gas of linear response leaves of independent donors, as rms (deep below)."""
    deep, s = qpc.Heterostructure(2.5, 4000.0), 40.0
    found = Donors(2.5, 4000.0 - s, jax.random.key(3)).energies(deep, device.mesh)[1]
    q = wavevectors(device.mesh.shape, 20.0)
    q[0, 0] = 1.0
    screened = np.fft.irfft2(np.fft.rfft2(found) / (1 + Q_S / q), s=found.shape)
    assert np.std(screened) == pytest.approx(0.797, rel=0.1)
    again = Donors(2.5, 4000.0 - s, jax.random.key(3), 0.5).energies(deep, device.mesh)[1]
    np.testing.assert_allclose(again, 0.5 * found, atol=1e-12)


PLACE = np.array([13.0]), np.array([27.0])
POINT = {"density": 2.5, "depth": 90.0, "gap": 403.0, "length": 303.0, "up": -1.2, "low": -1.23}


def energy_at(p, start=None):
    made = qpc.GatedDevice(
        qpc.Heterostructure(p["density"], p["depth"]),
        qpc.SplitGate(p["gap"], p["length"]),
        **BOX,
    )
    return made.potential({"upper": p["up"], "lower": p["low"]}, start)


def test_derivatives_by_everything(device):
    slopes = jax.jit(jax.grad(lambda p: energy_at(p).at(*PLACE)[0, 0]))(POINT)
    start = energy_at(POINT)
    for name, value in POINT.items():
        step = 1e-4 * abs(value)
        ends = [energy_at(POINT | {name: value + s}, start).at(*PLACE)[0, 0] for s in (-step, step)]
        rate = float(ends[1] - ends[0]) / (2 * step)
        tolerance = 1e-3 if name in ("gap", "length") else 1e-4
        assert float(slopes[name]) == pytest.approx(rate, rel=tolerance), name


def test_what_an_infinite_box_changes(device):
    """The solution in three dimensions in this box and in the largest one."""
    known = [row["v"] for row in POISSON["pinch_off_by_box"]["rows"]]
    found = device.potential(-1.25, box_change=True).box_change
    assert found.voltage == pytest.approx((known[0] - known[-1]) / 1e3, rel=0.25)
    assert found.energy < 0
    with pytest.raises(ValueError, match="box_change must be left out where numbers are traced"):
        jax.eval_shape(lambda v: device.potential(v, box_change=True).energy, 1.0)
