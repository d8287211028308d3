"""Scattering by any potential: reference transmissions, what holds by algebra, derivatives."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from potential_cases import CASES, options, potential, term

import qpcjax as qpc
from qpcjax import potentials
from qpcjax.potentials import window
from qpcjax.scatterers.accuracy import transmission_by_steps

KNOWN = list(CASES)
LONG = (
    "horn",
    "gated_potential",
    "hard_wall_horn",
    "field_0.5T",
    "dot",
)  # with 48 modes or more, or 200 sectors
SMALL = {"sectors": 16, "modes": 10}
FEW = np.array([3.0, 4.5, 6.1])


@functools.cache
def resolved(name, tolerance):
    case = CASES[name]
    return qpc.resolve(potential(case), case["energies"], tolerance, **options(case))


def check_resolved(name, tolerance):
    case = CASES[name]
    energies, wanted = np.array(case["energies"]), np.array(case["transmission"])
    found = resolved(name, tolerance)
    error = np.abs(transmission_by_steps(found, energies) - wanted)
    assert found.status == 0
    assert error.max() < tolerance + 2 * max(case["error"])
    assert np.all(error <= 2 * found.error_estimate + 3 * np.array(case["error"]))
    assert np.max(found.error_estimate) <= tolerance


@pytest.mark.parametrize("name", [n for n in KNOWN if n not in LONG])
def test_reference_transmissions_to_1e_4(name):
    check_resolved(name, 1e-4)


def test_reference_transmissions_to_1e_6():
    check_resolved("asymmetric_gates", 1e-6)


@pytest.mark.slow  # 10 to 60 s each
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [(n, t) for n in KNOWN for t in (1e-4, 1e-6) if n in LONG or t == 1e-6],
)
def test_reference_transmissions_of_every_case(name, tolerance):
    check_resolved(name, tolerance)


# --- one small scatterer for what holds at any size -------------------------------------------


@jax.jit
def bumps(x, y):
    """Nothing about it is symmetric."""
    first = 9 * jnp.exp(-((x + 14) ** 2) / 700 - (y - 12) ** 2 / 300)
    return first + 7 * jnp.exp(-((x - 18) ** 2) / 500 - (y + 9) ** 2 / 500) * window(x, 40.0, 60.0)


def small(function: Any = bumps, half_length=60.0, width=90.0, **keywords):
    place = qpc.Potential.from_function(function, half_length, width)
    return qpc.PotentialScatterer(place, **SMALL, **keywords)


@jax.jit
def everything(scatterer, energies):
    """T, T_n, r and t of both sides, and flows."""

    def one(energy):
        return {
            "total": scatterer.total(energy),
            "eigenvalues": scatterer.eigenvalues(energy),
            "scattering": scatterer.scattering(energy),
            "left": scatterer.local(energy),
            "right": scatterer.local(energy, side="right"),
        }

    return jax.vmap(one)(energies)


FIELD = small(magnetic_field=1.3)
WALLS = qpc.PotentialScatterer(
    potentials.HardWalls(
        lambda x: 45 + 6 * jnp.tanh(x / 30) - 9 * window(x, 5.0, 60.0), 60.0, bumps
    ),
    **SMALL,
)
SCATTERERS = [
    pytest.param(small(), id="no field"),
    pytest.param(FIELD, id="field"),
    pytest.param(WALLS, id="walls"),
]


@pytest.mark.parametrize("scatterer", SCATTERERS)
def test_what_holds_by_algebra(scatterer):
    found = everything(scatterer, FEW)
    total, values = found["total"], found["eigenvalues"]
    np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-12)
    assert np.all(np.diff(values, axis=1) <= 0)
    assert values.min() >= 0
    assert values.max() <= 1 + 1e-12
    np.testing.assert_allclose(qpc.transmission(scatterer, FEW), total, atol=1e-12)
    np.testing.assert_allclose(transmission_by_steps(scatterer, FEW), total, atol=1e-12)

    # The cut that these have is not in the middle but at x = -X.
    r, t = found["scattering"]
    np.testing.assert_allclose(np.sum(np.abs(t) ** 2, axis=(1, 2)), total, atol=1e-11)
    incoming = np.sum(np.abs(r) ** 2 + np.abs(t) ** 2, axis=1)
    np.testing.assert_allclose(incoming, np.round(incoming), atol=1e-11)
    walls = scatterer.walls
    widths = scatterer.width * (1.0 if walls is None else walls.ratio[::2])
    for side, sign in (("left", 1), ("right", -1)):
        flux = (found[side].current @ scatterer.rule[1]) * widths
        np.testing.assert_allclose(flux, sign * np.tile(total[:, None], flux.shape[1]), atol=1e-11)
    if scatterer.magnetic_field is None:
        np.testing.assert_allclose(r, np.swapaxes(r, 1, 2), atol=1e-11)


def test_modes_that_are_not_kept():
    """Fewer modes of the sectors: what holds by algebra still does, and T hardly changes."""
    scatterer = small(kept=(9, 8))
    beyond = float(scatterer.energy_limit()) + 0.1
    energies = np.append(FEW, beyond)
    one = jax.vmap(lambda s, e: (s.total(e), s.eigenvalues(e)), in_axes=(None, 0))
    total, values = map(np.asarray, jax.jit(one)(scatterer, energies))
    assert np.all(np.isnan(values[-1]))
    total, values = total[:-1], values[:-1]
    np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-12)
    assert values.min() >= 0
    assert values.max() <= 1 + 1e-12
    np.testing.assert_allclose(transmission_by_steps(scatterer, FEW), total, atol=1e-12)
    change = np.abs(total - np.asarray(everything(small(), FEW)["total"])).max()
    assert 1e-12 < change < 1e-4
    # Where a mode that is not kept would open somewhere, T is not known.
    assert small(kept=(9, 2)).energy_limit() < scatterer.energy_limit()


def test_the_estimate_holds_what_is_not_kept(monkeypatch):
    monkeypatch.setattr("qpcjax.scatterers.accuracy._REACHES", ((-1.0, 0),))
    case = CASES["asymmetric_gates"]
    energies, known = np.array(case["energies"]), np.array(case["transmission"])
    found = qpc.resolve(potential(case), energies, 1.0)
    error = np.abs(transmission_by_steps(found, energies) - known)
    assert min(found.kept) < 12
    assert error.max() > 1e-4  # too few modes are kept
    assert np.all(error <= 2 * found.error_estimate)


def test_a_field_of_the_other_sign():
    other = eqx.tree_at(lambda s: s.magnetic_field, FIELD, -FIELD.magnetic_field)
    there, back = everything(FIELD, FEW), everything(other, FEW)
    np.testing.assert_allclose(back["eigenvalues"], there["eigenvalues"], atol=1e-11)
    # Reversed in time the waves from the left are those that leave through the left.
    r, turned = there["scattering"][0], back["scattering"][0]
    np.testing.assert_allclose(turned, np.swapaxes(r, 1, 2), atol=1e-11)
    nothing = eqx.tree_at(lambda s: s.magnetic_field, FIELD, 0.0 * FIELD.magnetic_field)
    plain = everything(small(), FEW)
    np.testing.assert_allclose(everything(nothing, FEW)["total"], plain["total"], atol=1e-11)


@pytest.mark.parametrize("mirror", [(-1, 1), (1, -1), (-1, -1)])
def test_mirror_images(mirror):
    a, b = mirror
    image = small(lambda x, y: bumps(a * x, b * y))
    np.testing.assert_allclose(
        everything(image, FEW)["eigenvalues"], everything(small(), FEW)["eigenvalues"], atol=1e-11
    )


def test_an_empty_strip_and_a_level_shift():
    scatterer = small(lambda x, y: 0 * x * y)
    levels = np.asarray(scatterer.thresholds())
    open_modes = np.sum(FEW[:, None] > levels, axis=1)
    np.testing.assert_allclose(everything(scatterer, FEW)["total"], open_modes, atol=1e-12)


def test_a_barrier_that_does_not_depend_on_y():
    """A square barrier mode by mode, smooth enough for the sectors: one dimension by itself."""
    height, sharp = 3.0, 6.0

    def step(x, y):
        return height / np.cosh(x / sharp) ** 2 + 0 * y

    place = qpc.Potential.from_function(step, 120.0, 90.0)
    scatterer = qpc.PotentialScatterer(place, sectors=160, modes=10)
    found = np.asarray(qpc.eigenvalues(scatterer, FEW))
    # L. D. Landau and E. M. Lifshitz, Quantum Mechanics, section 25.
    longitudinal = FEW[:, None] - np.asarray(scatterer.thresholds())
    k = np.sqrt(np.maximum(longitudinal, 0) / scatterer.scale)
    depth = np.pi / 2 * np.sqrt(4 * height * sharp**2 / scatterer.scale - 1 + 0j)
    rise = np.sinh(np.pi * k * sharp) ** 2
    known = np.where(k > 0, rise / (rise + np.real(np.cosh(depth) ** 2)), 0)
    np.testing.assert_allclose(found, np.sort(known, axis=1)[:, ::-1], atol=1e-6)


def test_leads_with_a_profile():
    """A uniform parabolic wire: every mode that is open passes."""
    wire = small(lambda x, y: 0.01 * y**2 + 0 * x, lead_profiles=True)
    levels = np.sort(np.asarray(wire.thresholds()))[::2]
    spacing = 2 * np.sqrt(wire.scale * 0.01)
    np.testing.assert_allclose(levels[:2], spacing * np.array([0.5, 1.5]), rtol=0.01)
    found = qpc.transmission(wire, np.array([1.0, 5.0, 9.0]))
    np.testing.assert_allclose(found, [0, 1, 2], atol=1e-10)


def test_a_bias_that_drops_inside():
    """It is the potential V + eV g between leads at +-eV/2."""
    bias, ends = 1.2, np.array([-30.0, 20.0])

    def within(x, y):
        return bumps(x, y) * window(x, 35.0, 60.0)

    def dropped(x, y):
        s = np.clip((x - ends[0]) / (ends[1] - ends[0]), 0, 1)
        return within(x, y) + bias * (0.5 - s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3))

    scatterer = small(within, drop=ends)
    assert scatterer.follows_bias
    found = np.asarray(qpc.transmission(scatterer, FEW, bias))
    wanted = np.asarray(qpc.transmission(small(dropped, lead_profiles=True), FEW))
    np.testing.assert_allclose(found, wanted, atol=1e-10)
    same = np.asarray(qpc.transmission(scatterer, FEW, 0.0))
    np.testing.assert_allclose(same, qpc.transmission(small(within), FEW), atol=1e-12)


def test_single_precision():
    def single(x):
        return jnp.asarray(x, jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x

    found = qpc.transmission(jax.tree.map(single, small()), np.float32(FEW))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, qpc.transmission(small(), FEW), atol=1e-4)


def test_eigenvectors_do_not_depend_on_the_energy(monkeypatch):
    """A batch of energies diagonalises each sector once; on a GPU all sectors together."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    program = jax.make_jaxpr(lambda s: qpc.transmission(s, np.linspace(2.0, 6.0, 7)))(small())

    def shapes(jaxpr):
        for equation in jaxpr.eqns:
            if equation.primitive.name == "eigh":
                yield equation.invars[0].aval.shape
            for value in equation.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    yield from shapes(inner)

    assert list(shapes(program.jaxpr)) == [(16, 10, 10)]


# --- derivatives ------------------------------------------------------------------------------


@jax.jit
def slopes(scatterer, energy):
    """Derivatives of T by the scatterer and by the energy."""
    return jax.grad(lambda s, e: s.total(e), (0, 1), allow_int=True)(scatterer, energy)


def difference(changed, step):
    """Fourth-order difference of T(changed(h))."""
    h = step * np.array([-2.0, -1.0, 1.0, 2.0])
    t = [float(everything(changed(x), FEW)["total"][1]) for x in h]
    return (8 * (t[2] - t[1]) - (t[3] - t[0])) / (12 * step)


def test_derivatives_of_the_transmission():
    slope, by_energy = slopes(FIELD, FEW[1])
    by_modes = jax.jit(jax.grad(lambda e: jnp.sum(FIELD.eigenvalues(e))))(FEW[1])
    assert float(by_modes) == pytest.approx(float(by_energy), rel=1e-9)

    def moved(name):
        def change(h):
            return eqx.tree_at(lambda s: getattr(s, name), FIELD, getattr(FIELD, name) + h)

        return change

    for name, step in (("magnetic_field", 1e-3), ("mass", 1e-5)):
        assert float(getattr(slope, name)) == pytest.approx(difference(moved(name), step), rel=1e-7)
    h = 1e-3 * np.array([-2.0, -1.0, 1.0, 2.0])
    t = np.asarray(qpc.transmission(FIELD, FEW[1] + h))
    numerical = (8 * (t[2] - t[1]) - (t[3] - t[0])) / 12e-3
    assert float(by_energy) == pytest.approx(numerical, rel=1e-7)


def test_derivatives_by_the_potential_in_every_point():
    slope, _ = slopes(FIELD, FEW[1])
    rng = np.random.default_rng(3)
    for _ in range(4):
        direction = rng.standard_normal(FIELD.values.shape)

        def change(h, direction=direction):
            return eqx.tree_at(lambda s: s.values, FIELD, FIELD.values + h * direction)

        found = float(np.sum(np.asarray(slope.values) * direction))
        assert found == pytest.approx(difference(change, 1e-3), rel=1e-6)


def test_equal_levels_have_derivatives():
    """Two channels that do not know of each other: each level is there twice."""

    @jax.jit
    def two(x, y):
        walls = 60 * (jnp.exp(-((y / 6) ** 2)) + 0 * x)
        return (walls + 4 * jnp.exp(-(x**2) / 400)) * window(x, 30.0, 60.0)

    scatterer = small(two)
    slope, _ = slopes(scatterer, FEW[1])
    assert np.all(np.isfinite(slope.values))

    def change(h):
        return eqx.tree_at(lambda s: s.values, scatterer, scatterer.values * (1 + h))

    found = float(np.sum(np.asarray(slope.values) * np.asarray(scatterer.values)))
    assert found == pytest.approx(difference(change, 1e-4), rel=1e-5)


# --- fields in space --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impurity():
    """The case with local references, on a grid that has their x."""
    case = CASES["local_density_and_current"]
    return qpc.PotentialScatterer(potential(case), sectors=100, modes=24, points=96)


def test_local_density_and_current(impurity):
    local = CASES["local_density_and_current"]["local"]
    flow = jax.jit(lambda s: s.local(local["energy"]))(impurity)
    waves = np.cos(np.outer(np.asarray(flow.y) / 300 + 0.5, np.arange(48)) * np.pi)
    places = np.cos(np.outer(np.array(local["y"]) / 300 + 0.5, np.arange(48)) * np.pi)
    shown = 0
    for row, x in enumerate(local["x"]):
        (here,) = np.nonzero(np.abs(flow.x - x) < 1e-9)
        for name, values in (("density", flow.density), ("current_x", flow.current)):
            for one in here:
                series = np.linalg.lstsq(waves, np.asarray(values[one]), rcond=None)[0]
                np.testing.assert_allclose(places @ series, local[name][row], atol=4e-4)
                shown += 1
    assert shown == 10


def test_the_response_is_that_to_a_weak_tip():
    case = CASES["scanning_gate"]
    scatterer = qpc.PotentialScatterer(potential(case), sectors=100, modes=24)
    response = jax.jit(lambda s: s.response(case["energies"][0]))(scatterer)
    simpson = np.ones(201)
    simpson[1::2], simpson[2:-1:2] = 4, 2
    area = np.outer(simpson * 600 / 600, scatterer.rule[1] * 300)  # nm^2
    for place in case["positions"]:
        tip = case["tip"] | {"x": place["x"], "y": place["y"], "height": 1.0}
        ends = case["window"]
        shape = term(tip, scatterer.x[:, None], scatterer.y[None, :])
        shape = shape * window(scatterer.x, ends["inner"], ends["outer"])[:, None]
        found = float(np.sum(np.asarray(response * shape) * area))
        assert found == pytest.approx(place["dT_dheight"], abs=3e-6)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"sectors": 15, "modes": 8}, "sectors must be an even number, got 15"),
        ({"sectors": 16, "modes": 1}, "modes must be a whole number, 2 or more"),
        ({"sectors": 16, "modes": 8, "points": 5}, "points must be a whole number, 8 or more"),
        ({**SMALL, "kept": (8, 11)}, "kept must be at most the number of modes, 10, got 11"),
        ({**SMALL, "window": 70.0}, "half_length - window must be 0 or more in nm"),
        ({**SMALL, "drop": (10.0, -10.0)}, "drop must be two x in nm, rising"),
        ({**SMALL, "drop": lambda x: 0 * x}, "drop must fall from 1/2"),
        ({**SMALL, "magnetic_field": 1.0, "field_window": (10.0, 99.0)}, "within half_length"),
    ],
)
def test_wrong_sizes_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        qpc.PotentialScatterer(qpc.Potential.from_function(bumps, 60.0, 90.0), **keywords)


def test_energies_beyond_the_sizes_are_nan():
    scatterer = small()
    limit = float(scatterer.energy_limit())
    found = np.asarray(qpc.transmission(scatterer, np.array([limit - 0.1, limit + 0.1, 6.0])))
    assert np.isnan(found).tolist() == [False, True, False]


def test_resolve_says_when_it_gives_up(monkeypatch):
    monkeypatch.setattr("qpcjax.scatterers.accuracy.MOST_SECTORS", 24)
    case = CASES["split_gate"]
    with pytest.warns(UserWarning, match="T.E. is not resolved to 1e-07 with 24 sectors"):
        found = qpc.resolve(potential(case), [5.0, 6.0], 1e-7)
    assert found.status == 1
    assert np.max(found.error_estimate) > 1e-7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 1e-4), "energies must be one finite number"),
        (([5.0], 0.0), "tolerance must be a positive number"),
    ],
)
def test_resolve_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        qpc.resolve(qpc.Potential.from_function(bumps, 60.0, 90.0), *arguments)
