"""Inverse design against grids, differential evolution, closed forms and Monte Carlo."""

import hashlib
import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from commands import call
from helpers import Resonance
from scipy import optimize

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, HBAR2_OVER_2M
from qpcjax.designing import (
    Constraint,
    FlattestPlateau,
    HotSpotAt,
    Maximise,
    Minimise,
    MostAsymmetry,
    StrongestCooling,
    TargetConductance,
    TargetTransmission,
)
from qpcjax.designing.search import low_discrepancy
from qpcjax.designing.spec import read_design_spec
from qpcjax.measurements import InputError

SADDLE = qpc.SaddlePoint(height=9.0, hbar_omega_y=3.0, hbar_omega_x=1.0, modes=4)
GRID_SADDLE = qpc.SaddlePoint(9.0, 3.0, 1.0, modes=16)  # T(E) known on all of ENERGY
ENERGY = np.linspace(0.05, 30, 2000)


def transmissions(scatterer, names, rows):
    """T on ENERGY for rows of a scatterer's numbers."""

    def one(row):
        where = lambda s: [getattr(s, n) for n in names]  # noqa: E731
        return qpc.transmission(eqx.tree_at(where, scatterer, list(row)), ENERGY)

    return np.asarray(jax.jit(jax.vmap(one))(np.asarray(rows, float)))


def powers(t, mu, bias, temperature):
    """P_L and P_R in pW by the trapezoidal rule; t (..., energies), the rest broadcast."""
    mu, bias = np.asarray(mu)[..., None], np.asarray(bias)[..., None]
    kT = BOLTZMANN * temperature
    left, right = (1 / (np.exp(np.clip((ENERGY - mu - s * bias / 2) / kT, -700, 700)) + 1)
                   for s in (1, -1))  # fmt: skip
    density = CONDUCTANCE_QUANTUM * t * (left - right)
    p_left = np.trapezoid((mu + bias / 2 - ENERGY) * density, ENERGY)
    return p_left, np.trapezoid((ENERGY - mu + bias / 2) * density, ENERGY)


def assert_best(design, grid, values, maximise=False):
    """The design is at least as good as the best of a grid, and within a cell of it."""
    values = -values if maximise else values
    best = np.unravel_index(np.argmin(values), values.shape)
    found = -design.value if maximise else design.value
    assert found <= values[best] + 1e-6 * abs(values[best])
    for (name, axis), i in zip(grid.items(), best, strict=True):
        step = axis[1] - axis[0]
        assert abs(design.values()[name] - axis[i]) <= 1.01 * step, name
    # Not better by more than a cell could hide.
    around = tuple(slice(max(i - 1, 0), i + 2) for i in best)
    assert values[best] - found <= np.ptp(values[around])


# --- the optimum of each objective ----------------------------------------------------------

COOLING = {"hbar_omega_x": (0.5, 2.0), "hbar_omega_y": (2.5, 5.0), "mu": (8.0, 12.0),
           "temperature": (0.5, 2.0)}  # fmt: skip
ERRORS = {"height": 0.05, "mu": 0.06, "bias": 0.1, "temperature": 0.1}


@pytest.fixture(scope="module")
def cooling():
    r = qpc.Reservoirs(11.0, 1.0, 2.0)
    return qpc.design(StrongestCooling(), SADDLE, r, COOLING, tolerances=ERRORS)


def test_strongest_cooling(cooling):
    assert (cooling.status, cooling.unit) == ("converged", "pW")
    assert cooling.value < 0
    axes = {"hbar_omega_x": np.linspace(0.5, 2, 4), "hbar_omega_y": np.linspace(2.5, 5, 6)}
    rows = np.stack(np.meshgrid(*axes.values(), indexing="ij"), -1).reshape(-1, 2)
    t = transmissions(GRID_SADDLE, list(axes), rows)
    grid = {"mu": np.linspace(8, 12, 81), "temperature": np.linspace(0.5, 2, 4)}
    left = [powers(t[:, None], grid["mu"], 1.0, kelvin)[0] for kelvin in grid["temperature"]]
    left = np.stack(left, -1).reshape(4, 6, 81, 4)
    assert_best(cooling, axes | grid, left)


def test_most_asymmetry():
    c = qpc.AbruptConstriction(20.0, 60.0)
    free = {"half_width": (15.0, 25.0), "length": (20.0, 100.0), "mu": (3.0, 16.0)}
    found = qpc.design(MostAsymmetry(), c, qpc.Reservoirs(6.0, 1.0, 1.0), free)
    assert found.status == "converged"
    assert set(found.at_bound) == {"length", "mu"}
    axes = {"half_width": np.linspace(15, 25, 21), "length": np.linspace(20, 100, 3)}
    rows = np.stack(np.meshgrid(*axes.values(), indexing="ij"), -1).reshape(-1, 2)
    t = transmissions(qpc.AbruptConstriction(20.0, 100.0, modes=5), list(axes), rows)
    mu = np.linspace(3, 16, 27)
    left, right = _asymmetries(t, mu)
    share = ((right - left) / (right + left)).reshape(21, 3, 27)
    assert_best(found, axes | {"mu": mu}, share, maximise=True)


def _asymmetries(t, mu):
    sides = [powers(row, mu, 1.0, 1.0) for row in t]
    return np.array([s[0] for s in sides]), np.array([s[1] for s in sides])


def hottest(c, mu, bias, temperature):
    """r* in nm of Eqs. (22)-(26), by looking along p_R(r)."""
    kT = BOLTZMANN * temperature
    t = np.asarray(qpc.transmission(c, ENERGY))
    found = []
    for v in bias:
        x, u = ENERGY - (mu - v / 2), ENERGY + v / 2
        f = [1 / (np.exp(np.clip((ENERGY - mu - s * v / 2) / kT, -300, 300)) + 1) for s in (1, -1)]
        b = (mu - v / 2) / 0.04 * np.sqrt(HBAR2_OVER_2M / 0.067)
        slope = b * (4 * u - x) / (2 * np.sqrt(u) * x**3)
        height = np.where(x > 0, x * t * (f[0] - f[1]) / slope, 0)
        best = np.argmax(height)
        found.append(b * np.sqrt(u[best]) / x[best] ** 2)
    return np.array(found)


def test_hot_spot_at_a_distance():
    c = qpc.AdiabaticConstriction(20.0, 100.0)
    r = qpc.Reservoirs(14.0, 3.0, 1.6)
    found = qpc.design(HotSpotAt(1000.0), c, r, {"bias": (1.0, 8.0)})
    assert found.status == "converged"
    bias = np.linspace(1, 8, 141)
    assert_best(found, {"bias": bias}, np.log(hottest(c, 14.0, bias, 1.6) / 1000) ** 2)
    assert found.value < 1e-8


def test_flattest_plateau():
    # By the symmetry of two steps of one shape the flattest place is half-way between them.
    r = qpc.Reservoirs(11.0, temperature=1.0)
    free = {"mu": (10.8, 13.2), "hbar_omega_x": (0.6, 2.0)}
    found = qpc.design(FlattestPlateau(span=1.0, level=1.0), SADDLE, r, free)
    assert found.status == "converged"
    assert found.values()["mu"] == pytest.approx(12.0, abs=1e-3)
    assert found.at_bound == ("hbar_omega_x",)
    mu, x = np.linspace(10.8, 13.2, 49), np.array([0.6, 0.9, 1.2])
    t = transmissions(GRID_SADDLE, ["hbar_omega_x"], x[:, None])
    fine = np.linspace(10.3, 13.7, 137)
    f = 1 / (1 + np.exp(np.clip((ENERGY - fine[:, None]) / BOLTZMANN, -300, 300)))
    g = np.trapezoid(t[:, None] * f * (1 - f) / BOLTZMANN, ENERGY)
    windows = np.lib.stride_tricks.sliding_window_view((g - 1) ** 2, 41, axis=1)[:, ::2]
    grid = {"mu": mu, "hbar_omega_x": x}
    assert_best(found, grid, np.mean(windows, -1).T)


def test_target_transmission():
    truth = {"half_width": 18.0, "length": 55.0, "offset": 0.8}
    energy = np.linspace(2, 14, 13)
    t = qpc.transmission(qpc.AbruptConstriction(**truth), energy)
    free = {"half_width": (15.0, 25.0), "length": (20.0, 100.0), "offset": (-0.5, 2.0)}
    target = TargetTransmission(energy, np.asarray(t))
    c = qpc.AbruptConstriction(20.0, 60.0)
    found = qpc.design(target, c, qpc.Reservoirs(5.0), free, starts=12, descents=4)
    assert found.status == "converged"
    for name, value in truth.items():
        assert found.values()[name] == pytest.approx(value, rel=1e-4), name
    again = qpc.design(target, c, qpc.Reservoirs(5.0), free, starts=12, descents=4)
    assert (again.values(), again.evaluations) == (found.values(), found.evaluations)
    other = qpc.design(target, c, qpc.Reservoirs(5.0), free, starts=12, descents=4, seed=1)
    assert other.starts[1].values != found.starts[1].values


def test_target_conductance_along_mu_and_along_a_width():
    mu = np.linspace(8, 16, 9)
    truth = qpc.SaddlePoint(9.4, 2.7, 1.1)
    g = np.asarray(qpc.conductance(truth, mu, 1.0))
    free = {"height": (7.0, 11.0), "hbar_omega_y": (2.0, 4.0), "hbar_omega_x": (0.5, 2.0)}
    r = qpc.Reservoirs(10.0, temperature=1.0)
    found = qpc.design(TargetConductance(mu, g), SADDLE, r, free)
    for name in free:
        assert found.values()[name] == pytest.approx(float(getattr(truth, name)), rel=1e-4), name
    widths = np.linspace(15, 40, 9)
    c = qpc.AdiabaticConstriction(20.0, 100.0)
    steps = [float(qpc.conductance(qpc.AdiabaticConstriction(w, 60.0), 8.0, 1.0)) for w in widths]
    target = TargetConductance(widths, steps, axis="half_width")
    free = {"curvature_radius": (20.0, 300.0), "mu": (7.0, 9.0)}
    found = qpc.design(target, c, r, free)
    assert found.values()["curvature_radius"] == pytest.approx(60, rel=1e-3)
    assert found.values()["mu"] == pytest.approx(8, rel=1e-4)


def test_the_exact_solver_is_designed_too():
    energy = np.array([2.5, 3.2])
    m = qpc.MatchedConstriction(20.0, 40.0, channel_modes=3)
    t = np.asarray(qpc.transmission(m, energy))
    start = qpc.MatchedConstriction(20.0, 60.0, channel_modes=3)
    target = TargetTransmission(energy, t)
    found = qpc.design(target, start, qpc.Reservoirs(5.0), {"length": (20.0, 80.0)})
    assert found.values()["length"] == pytest.approx(40, rel=1e-4)


# --- a class of the user's own, constraints ---------------------------------------------------


def coolness(scatterer, reservoirs):
    return -qpc.dissipation(scatterer, reservoirs).left


def test_own_scatterer_and_own_objective():
    r = qpc.Reservoirs(8.0, 1.0, 2.0)
    free = {"level": (7.0, 12.0), "width": (0.05, 0.5)}
    found = qpc.design(Maximise(coolness, units="pW"), Resonance(9.0, 0.2), r, free)
    assert found.status == "converged"
    assert isinstance(found.scatterer, Resonance)
    assert {p.name: p.unit for p in found.parameters} == {"level": "meV", "width": ""}
    grid = {"level": np.linspace(7, 12, 51), "width": np.linspace(0.05, 0.5, 10)}
    t = grid["width"] ** 2 / (
        (ENERGY[:, None, None] - grid["level"][:, None]) ** 2 + grid["width"] ** 2
    )
    left, _ = powers(np.moveaxis(t, 0, -1), 8.0, 1.0, 2.0)
    assert_best(found, grid, -left, maximise=True)


CONSTRAINED = {"mu": (8.0, 12.0), "bias": (0.3, 4.0)}


@pytest.fixture(scope="module")
def constrained():
    r = qpc.Reservoirs(11.0, 1.0, 2.0)
    limits = [Constraint("current", upper=4.0), Constraint("conductance", 0.1, 2.0)]
    return qpc.design(StrongestCooling(), SADDLE, r, CONSTRAINED, constraints=limits)


def test_constraints(constrained):
    assert constrained.status == "converged"
    current, g = constrained.conditions
    assert current.active
    assert current.value == pytest.approx(4, rel=1e-5)
    assert not g.active
    assert constrained.active == ("current",)
    mu, bias = np.linspace(8, 12, 81), np.linspace(0.3, 4, 75)
    t = transmissions(GRID_SADDLE, ["hbar_omega_x"], [[1.0]])[0]
    left, right = powers(t, mu[:, None], bias, 2.0)
    allowed = (left + right) / bias <= 4
    best = np.min(np.where(allowed, left, np.inf))
    assert constrained.value <= best + 1e-6
    assert constrained.value >= best - 0.03 * abs(best)
    # Along the bias it is kept where the oracle's current is within the bound.
    left, right = powers(t, np.array([[constrained.values()["mu"]]]), bias, 2.0)
    through, kept = ((left + right) / bias)[0], constrained.kept_along("bias", bias)
    assert np.any(kept)
    assert np.all(through[kept] <= 4.01)
    assert not np.any(kept[through > 4.01])
    # The price is the slope of the optimum along the bound.
    r = qpc.Reservoirs(11.0, 1.0, 2.0)
    limits = [Constraint("current", upper=4.1), Constraint("conductance", 0.1, 2.0)]
    looser = qpc.design(StrongestCooling(), SADDLE, r, CONSTRAINED, constraints=limits)
    assert (looser.value - constrained.value) / 0.1 == pytest.approx(current.price, rel=0.05)


def test_an_observable_can_be_fixed():
    # Without the current the asymmetry is largest far down in the tail: no way leads back from it.
    r = qpc.Reservoirs(11.0, 1.0, 2.0)
    limits = {"current": (4.0, 4.0)}
    found = qpc.design(MostAsymmetry(), SADDLE, r, CONSTRAINED, constraints=limits)
    assert found.status == "converged"
    assert found.conditions[0].value == pytest.approx(4, rel=1e-5)
    mu, bias = np.linspace(8, 12, 401), np.linspace(0.3, 4, 25)
    t = transmissions(GRID_SADDLE, ["hbar_omega_x"], [[1.0]])[0]
    sides = np.array([powers(t, mu, v, 2.0) for v in bias])
    left, right = sides[:, 0], sides[:, 1]
    near = np.argmin(np.abs((left + right) / bias[:, None] - 4), axis=1)
    best = np.max(((right - left) / (right + left))[np.arange(25), near])
    assert found.value == pytest.approx(best, rel=0.02)


def test_infeasible():
    r = qpc.Reservoirs(11.0, 1.0, 2.0)
    limits = [Constraint("current", upper=-5.0), Constraint("conductance", 0.1, 2.0)]
    found = qpc.design(StrongestCooling(), SADDLE, r, CONSTRAINED, constraints=limits)
    assert found.status == "infeasible"
    assert "no descent met all constraints" in found.message
    assert found.conditions[0].violation > 4


# --- what is known at the optimum ------------------------------------------------------------


def test_tolerance_agrees_with_monte_carlo(cooling):
    rng = np.random.default_rng(0)
    n = 20_000
    at = cooling.points
    draw = {k: at[k] + s * rng.standard_normal(n) for k, s in ERRORS.items()}

    @jax.jit
    def one(height, mu, bias, temperature):
        s = eqx.tree_at(lambda s: s.height, cooling.scatterer, height)
        return qpc.dissipation(s, qpc.Reservoirs(mu, bias, temperature)).left

    p = np.asarray(jax.lax.map(lambda x: one(*x), tuple(draw.values()), batch_size=500))
    tolerance = cooling.tolerance
    error = np.std(p) / np.sqrt(n)
    assert np.mean(p) - cooling.value == pytest.approx(tolerance.change, rel=0.1, abs=4 * error)
    assert np.std(p) == pytest.approx(tolerance.spread, rel=0.1)
    assert tolerance.first_order < tolerance.spread
    mu_alone = cooling.with_tolerance({"mu": 0.06})
    assert mu_alone.spread < tolerance.spread
    with pytest.raises(ValueError, match="no derivatives by mass"):
        cooling.with_tolerance({"mass": 0.01})


def bowl(s, r):
    return jnp.sin(s.level) * r.mu**2 + s.width**2 * r.mu + 3


def test_sensitivities_are_those_of_autodiff():
    # An objective without an integral: exact derivatives are cheap.
    r = qpc.Reservoirs(2.0)
    free = {"level": (4.0, 5.5), "width": (0.1, 0.3)}
    found = qpc.design(Minimise(bowl), Resonance(4.5, 0.2), r, free, tolerances={"mu": 0.1})
    assert found.values()["level"] == pytest.approx(3 * np.pi / 2, abs=1e-4)
    assert found.at_bound == ("width",)
    assert found.names == ("level", "width", "mu")

    def f(x):
        return bowl(Resonance(x[0], x[1]), qpc.Reservoirs(x[2]))

    x = np.array([found.points[n] for n in found.names])
    np.testing.assert_allclose(list(found.gradient.values()), jax.grad(f)(x), atol=1e-12)
    np.testing.assert_allclose(found.hessian, jax.hessian(f)(x), atol=1e-6)
    assert found.logarithmic["mu"] == pytest.approx(2 * jax.grad(f)(x)[2] / found.value)
    assert found.sensitivity_evaluations == 7


def test_what_is_left_open_is_said():
    r = qpc.Reservoirs(2.0)
    open_ = Minimise(lambda s, r: (s.level + 5 * s.width - 6) ** 2)
    found = qpc.design(open_, Resonance(4.5, 0.2), r, {"level": (4.0, 6.0), "width": (0.1, 0.3)})
    assert found.status == "converged"
    (direction,) = found.flat_directions
    assert direction["level"] / direction["width"] == pytest.approx(-0.5, rel=1e-3)


# --- evaluations ------------------------------------------------------------------------------


def test_evaluations_are_counted():
    calls = []

    def counted(s, r):
        jax.debug.callback(lambda x: calls.append(float(x)), s.level)
        return (s.level - 4.7) ** 2 + s.width**2

    free = {"level": (4.0, 5.5), "width": (0.1, 0.3)}
    found = qpc.design(Minimise(counted), Resonance(4.5, 0.2), qpc.Reservoirs(2.0), free)
    jax.effects_barrier()
    # Points in a batch that is not full are repeated: they are no new points.
    points = len(set(calls))
    assert found.evaluations == sum(s.evaluations for s in found.starts)
    assert points <= found.evaluations + found.sensitivity_evaluations
    assert len(found.starts) == 6
    assert {s.status for s in found.starts} >= {"screened", "converged"}
    for start in found.starts:  # the best so far, after each evaluation
        assert len(start.history) == start.evaluations
        assert start.history[0] == start.value
        assert np.all(np.diff(start.history) <= 0)
        assert start.end is None or start.history[-1] == start.end_value


def test_fewer_evaluations_than_differential_evolution(cooling):
    @jax.jit
    def cold(x):
        s = qpc.SaddlePoint(9.0, x[1], x[0], modes=8)
        return qpc.dissipation(s, qpc.Reservoirs(x[2], 1.0, x[3])).left

    other = optimize.differential_evolution(lambda x: float(cold(x)), [*COOLING.values()], rng=0)
    assert cooling.value <= other.fun + 1e-5 * abs(other.fun)
    print("evaluations", other.nfev, cooling.evaluations)
    assert other.nfev >= 50 * cooling.evaluations


def test_starts_fill_the_box():
    points = low_discrepancy(64, 3, seed=5)
    assert points.shape == (64, 3)
    assert np.all((points >= 0) & (points < 1))
    # Every half of every axis, and every eighth of the box, holds its share.
    octant = (points > 0.5) @ [1, 2, 4]
    assert np.all(np.abs(np.bincount(octant, minlength=8) - 8) <= 3)
    assert not np.allclose(points, low_discrepancy(64, 3, seed=6))


# --- refusals -----------------------------------------------------------------------------------

OK = {"mu": (8.0, 12.0)}
SPEC = """
seed = 1
[objective]
kind = "hot_spot_at"
distance = { value = 1.0, unit = "um" }
[scatterer]
model = "adiabatic"
half_width = 20.0
curvature_radius = 100.0
[reservoirs]
mu = 14.0
temperature = { value = 1600, unit = "mK" }
[free]
bias = [1.0, 8.0]
[tolerances]
half_width = 0.2
"""


def write(folder, *change):
    path = folder / "spec.toml"
    path.write_text(SPEC.replace(*change) if change else SPEC)
    return path


def test_the_command(tmp_path):
    spec = write(tmp_path)
    formats = ("--format", "csv", "--format", "json", "--format", "netcdf")
    code, out, err = call("design", spec, "-o", tmp_path / "out", *formats)
    assert (code, err) == (0, "")
    assert "Design: hot spot at a distance" in out
    assert "status converged" in out
    folder = tmp_path / "out"
    for name in ("design.png", "trajectory.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert (folder / "report.txt").read_text().count("Fabrication") == 1
    found = json.loads((folder / "design.json").read_text())
    bias = found["parameters"]["bias"]["value"]
    c = qpc.AdiabaticConstriction(20.0, 100.0)
    assert hottest(c, 14.0, [bias], 1.6)[0] == pytest.approx(1000, rel=0.02)
    assert found["tolerance"]["errors"] == {"half_width": 0.2}
    sha256 = hashlib.sha256(spec.read_bytes()).hexdigest()
    table = json.loads((folder / "parameters.json").read_text())
    assert found["input_sha256"] == table["input_sha256"] == sha256
    assert found["input"] == "spec.toml"
    assert table["versions"] == found["versions"]
    assert table["columns"]["value"]["values"] == [bias]
    with xr.open_dataset(folder / "parameters.nc") as opened:
        row = opened.sel(name="bias")
        assert (float(row.value), str(row.unit.values)) == (bias, "meV")
        slope = found["sensitivities"]["gradient"]["bias"]
        assert float(row.slope_of_the_objective) == slope
        assert opened.attrs["input_sha256"] == sha256
    assert (folder / "parameters.csv").read_text().startswith("name,value,unit,lower,upper")


def test_files_that_a_spec_names_belong_to_its_input(tmp_path):
    table = tmp_path / "steps.csv"
    table.write_text("energy (meV),transmission\n1,0\n2,1\n")
    hot_spot = 'kind = "hot_spot_at"\ndistance = { value = 1.0, unit = "um" }'
    target = 'kind = "target_transmission"\nfile = "steps.csv"'
    assert read_design_spec(write(tmp_path, hot_spot, target)).reader.tables == [table]


def test_the_example_is_a_design():
    question = read_design_spec(Path(__file__).parents[2] / "docs" / "design.toml")
    objective, scatterer, reservoirs, free = question.positional
    assert isinstance(objective, StrongestCooling)
    assert (scatterer.half_width, scatterer.length, reservoirs.temperature) == (20.0, 60.0, 2.0)
    assert free["bias"] == (0.1, 4.0)
    assert question.named["tolerances"]["temperature"] == pytest.approx(0.05)
    assert question.named["constraints"][0].upper == 5.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[free]", "[fre"), "is not TOML"),
        (("[free]", "[fre]"), "there is no 'fre': did you mean free?"),
        (("hot_spot_at", "hot_spot"), "objective.kind must be one of most_asymmetry"),
        (("distance", "distanc"), "no 'distanc' in objective, with the kind hot_spot_at"),
        (('"um"', '"ml"'), "objective.distance has the unit 'ml'"),
        (('model = "adiabatic"', 'model = "adiabatik"'), "did you mean adiabatic?"),
        (("bias = [1.0, 8.0]", "bias = [1.0]"), "free.bias must be [lower, upper]"),
        (("bias = [1.0, 8.0]", "bias = { lower = 1 }"), "free.bias has no upper bound"),
        (("bias = [1.0, 8.0]", "bies = [1.0, 8.0]"), "no parameter 'bies': did you mean bias?"),
        (("bias = [1.0, 8.0]", "bias = [8.0, 1.0]"), "bounds of bias contradict each other"),
        (("mu = 14.0", ""), "reservoirs.mu is missing"),
        (("seed = 1", "seed = 1.5"), "seed must be a whole number"),
        (("half_width = 0.2", "half_width = -1"), "the tolerance of half_width must be a positive"),
    ],
)
def test_a_bad_spec_is_refused(tmp_path, change, message):
    code, out, err = call("design", write(tmp_path, *change), "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert message in err
    assert "spec.toml" in err
    assert not (tmp_path / "out").exists()


R = qpc.Reservoirs(10.0, 1.0, 2.0)
BAD = {
    "a name": ((StrongestCooling(), {"half_widht": (1, 2)}), {}, "'half_widht'.*Known are mu"),
    "near": ((StrongestCooling(), {"heigt": (1, 2)}), {}, "did you mean height"),
    "no free": ((StrongestCooling(), {}), {}, "at least one parameter must be free"),
    "free": ((StrongestCooling(), ["mu"]), {}, r"free must be \{name: \(lower, upper\)\}"),
    "ends": ((StrongestCooling(), {"mu": 3.0}), {}, r"bounds of mu must be \(lower, upper\)"),
    "order": ((StrongestCooling(), {"mu": (5, 3)}), {}, "mu contradict each other: 5 to 3 meV"),
    "equal": ((StrongestCooling(), {"mu": (5, 5)}), {}, "to hold it, leave it out of free"),
    "infinite": ((StrongestCooling(), {"mu": (5, np.inf)}), {}, "bounds of mu must be finite"),
    "physical": (
        (StrongestCooling(), {"hbar_omega_x": (-1, 2)}),
        {},
        "lower bound of hbar_omega_x: hbar_omega_x must be positive, in meV, got -1",
    ),
    "cold": ((StrongestCooling(), {"temperature": (-1, 2)}), {}, "temperature must be 0 or more"),
    "bias": ((MostAsymmetry(), {"bias": (-1, 2)}), {}, "bias must be other than 0, and of one"),
    "class": ((StrongestCooling, OK), {}, "must be an object, such as StrongestCooling"),
    "function": ((coolness, OK), {}, r"Minimise\(function\) or Maximise\(function\)"),
    "objective": (("cooling", OK), {}, "objective must be one of qpcjax.designing"),
    "starts": ((StrongestCooling(), OK), {"starts": 1}, "starts must be a whole number, 2 or"),
    "constraint": (
        (StrongestCooling(), OK),
        {"constraints": {"curent": (0, 1)}},
        "no observable 'curent' to constrain: did you mean current",
    ),
    "pair": ((StrongestCooling(), OK), {"constraints": {"current": 1}}, "must be .lower, upper."),
    "list": ((StrongestCooling(), OK), {"constraints": ["current"]}, "list of Constraint"),
    "error": ((StrongestCooling(), OK), {"tolerances": {"mu": 0}}, "positive standard deviation"),
    "wrong error": ((StrongestCooling(), OK), {"tolerances": {"heigth": 1}}, "did you mean height"),
    "axis": (
        (TargetConductance([1, 2], [1, 2]), OK),
        {},
        "mu is the axis of the target and cannot be free",
    ),
    "no axis": ((TargetConductance([1], [1], "bias"), OK), {}, "no axis 'bias'"),
    "many": (
        (StrongestCooling(), {"hbar_omega_y": (0.01, 3)}),
        {},
        r"modes.*at hbar_omega_y = 0.01, a corner of the bounds",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_any_search(case):
    (objective, free), more, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        qpc.design(objective, SADDLE, R, free, **more)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TargetTransmission([1, 2], [0.1]), "one length, got 2 of energy and 1 of transm"),
        (lambda: TargetTransmission([1, np.nan], [0, 1]), "energy of the .* row 2 is nan"),
        (lambda: TargetTransmission([], []), "column of numbers"),
        (lambda: TargetTransmission(["a"], [1]), "must be numbers"),
        (lambda: TargetConductance([[1]], [1]), "mu of the target must be a column"),
        (lambda: HotSpotAt(-1.0), "distance must be positive, in nm, got -1"),
        (lambda: FlattestPlateau(0.0), "span must be positive"),
        (lambda: FlattestPlateau(1.0, level=-1), "level must be a positive conductance"),
        (lambda: Constraint("current"), "lower or an upper bound"),
        (lambda: Constraint("current", 2, 1), "bounds of current contradict each other: 2 to 1 nA"),
        (lambda: Constraint("current", "a"), "must be numbers, or None"),
        (lambda: Constraint("current", np.nan), "got NaN"),
    ],
)
def test_objectives_and_constraints_refuse_nonsense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_reservoirs_and_precision():
    with pytest.raises(ValueError, match="mu of the reservoirs must be one finite number"):
        qpc.design(StrongestCooling(), SADDLE, qpc.Reservoirs(np.ones(2), 1.0, 1.0), OK)
    with pytest.raises(ValueError, match="must be Reservoirs"):
        qpc.design(StrongestCooling(), SADDLE, 3, OK)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="must be the name of an observable or a function"):
        Minimise(3)  # pyright: ignore[reportArgumentType]


def test_an_objective_without_a_value_is_refused():
    never = Minimise(lambda s, r: jnp.log(-s.level), name="never")
    with pytest.raises(InputError, match="the objective has no finite value and slope at any of 4"):
        qpc.design(never, Resonance(4.5, 0.2), R, {"level": (4.0, 6.0)})
    some = Minimise(lambda s, r: s.level)
    limits = [Constraint(lambda s, r: jnp.log(-s.level), 0, 1, name="root")]
    with pytest.raises(InputError, match="the constraint on root has no finite value"):
        qpc.design(some, Resonance(4.5, 0.2), R, {"level": (4.0, 6.0)}, constraints=limits)
    vector = Minimise(lambda s, r: jnp.ones(2))
    with pytest.raises(ValueError, match=r"must be one number, got the shape \(2,\)"):
        qpc.design(vector, Resonance(4.5, 0.2), R, {"level": (4.0, 6.0)})
