"""Sweeps in memory: every observable against direct calls, axes, static choices, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import Resonance, observables

import qpcjax as qpc
from qpcjax.observables import OBSERVABLES
from qpcjax.sweeping import axes as axes_module
from qpcjax.sweeping import compiled_chunk
from qpcjax.sweeping.plan import make_plan

C = qpc.AbruptConstriction(20.0, 40.0, modes=2)  # E1 = 3.5 meV

# A saddle has every observable and compiles quickly.
SADDLE = qpc.SaddlePoint(3.0, 6.0, 1.0, modes=3)
AXES = {
    "height": np.array([2.0, 3.0, 4.5]),
    "mu": np.linspace(2.0, 7.0, 11),
    "bias": np.linspace(-1.0, 3.0, 9),
}
# The spread of the heat is in test_observables: it takes long to compile.
SWEPT = [name for name, o in OBSERVABLES.items() if o.group != "heat spread"]
FIXED = {"temperature": 0.5, "energy": 6.0, "distance": 500.0, "damping": 0.05}


@pytest.fixture(scope="module")
def everything():
    return qpc.sweep(SADDLE, {**AXES, **FIXED}, SWEPT, order=6, chunk=64)


@jax.jit
def direct(height, mu, bias):
    """All observables by the functions that give one point."""
    c = qpc.SaddlePoint(height, 6.0, 1.0, modes=3)
    r = qpc.Reservoirs(mu, bias, FIXED["temperature"])
    d = qpc.QuadraticDamping(FIXED["damping"])
    return observables(c, r, d, FIXED["energy"], FIXED["distance"], order=6)


def random_places(shape, count):
    places = np.random.default_rng(1).integers(0, shape, (count, len(shape)))
    return [tuple(map(int, place)) for place in places]


def test_every_observable_is_that_of_a_direct_call(everything):
    finite = {n: v[np.isfinite(v)] for n, v in everything.values.items()}
    scale = {n: np.max(np.abs(v)) for n, v in finite.items()}
    for place in random_places(everything.shape, 40):
        point = [float(v[i]) for v, i in zip(AXES.values(), place, strict=True)]
        for name, value in direct(*point).items():
            got = everything[name][place]
            np.testing.assert_allclose(
                got, float(value), rtol=1e-13, atol=2e-15 * scale[name], err_msg=f"{name} {point}"
            )


def test_heat_of_a_constriction_is_that_of_a_direct_call():
    axes = {"half_width": [15.0, 18.0, 20.0], "bias": [0.0, 1e-6, 2.0, -2.0], "mu": [2.5, 6.0]}
    c = qpc.AbruptConstriction(20.0, 40.0, modes=2, aspect_limit=2)
    got = qpc.sweep(c, {**axes, "temperature": 0.3}, ["left", "right", "asymmetry"], order=6)
    call = jax.jit(lambda w, r: qpc.dissipation(eqx.tree_at(lambda c: c.half_width, c, w), r, 6))
    for place in np.ndindex(got.shape):
        w, bias, mu = (values[i] for values, i in zip(axes.values(), place, strict=True))
        p = call(w, qpc.Reservoirs(mu, bias, 0.3))
        assert got["left"][place] == pytest.approx(float(p.left), rel=2e-14, abs=1e-300)
        assert got["right"][place] == pytest.approx(float(p.right), rel=2e-14, abs=1e-300)
        size = float(abs(p.left) + abs(p.right))
        assert got["asymmetry"][place] == pytest.approx(float(p.asymmetry), abs=1e-14 * size)


def test_labels_units_and_shape(everything):
    assert everything.dimensions == ("height", "mu", "bias")
    assert everything.shape == (3, 11, 9)
    assert list(everything.values) == SWEPT
    assert everything.units["mu"] == "meV"
    assert everything.units["height"] == "meV"
    assert {n: everything.units[n] for n in ("current", "left", "conductance")} == {
        **{"current": "nA", "left": "pW", "conductance": "2e^2/h"}
    }
    assert everything.attributes["fixed"]["damping"] == 0.05
    assert everything.attributes["versions"]["jax"] == jax.__version__
    for values in everything.values.values():
        assert isinstance(values, np.ndarray)
        assert values.dtype == np.float64
    with pytest.raises(KeyError, match="'power'; there are transmission, conductance"):
        everything["power"]


def test_energy_is_conserved_everywhere(everything):
    bias = AXES["bias"]
    np.testing.assert_allclose(everything["total"], bias * everything["current"], rtol=1e-12)


def transmission(axes, **options):
    return qpc.sweep(C, axes, "transmission", **options)["transmission"]


GRID = {"half_width": np.linspace(15, 20, 7), "energy": np.linspace(0.5, 13.0, 13)}


def test_chunks_and_table_give_the_grid():
    whole = transmission(GRID)
    assert whole.shape == (7, 13)
    for chunk in (1, 10, 13, 90):
        # Another block is another program: the last bit may differ.
        np.testing.assert_allclose(transmission(GRID, chunk=chunk), whole, rtol=1e-13)
    rows = np.meshgrid(*GRID.values(), indexing="ij")
    columns = dict(zip(GRID, (r.ravel() for r in rows), strict=True))
    table = transmission(columns, table=True)
    assert table.shape == (91,)
    np.testing.assert_allclose(table, whole.ravel(), rtol=1e-13)


def test_axes_may_stand_in_any_order_and_be_integers():
    turned = transmission({"energy": [2, 5, 9], "half_width": GRID["half_width"]})
    np.testing.assert_allclose(
        turned.T, transmission({**GRID, "energy": [2.0, 5.0, 9.0]}), rtol=1e-13
    )


def test_transmission_is_at_mu_without_an_energy():
    mu = np.linspace(1.0, 13.0, 5)
    np.testing.assert_array_equal(transmission({"mu": mu}), transmission({"energy": mu}))


def test_grid_index_in_64_bits_is_that_of_numpy():
    sizes = (3000, 2000, 1000)
    index = np.array([0, 1, 999, 1000, 2**31 + 7, 5_999_999_999, 6_000_000_123])
    columns = [jnp.arange(n) for n in sizes]
    got = compiled_chunk.at_index(columns, jnp.asarray(index))
    wanted = np.unravel_index(np.minimum(index, 5_999_999_999), sizes)
    np.testing.assert_array_equal(np.stack(got), np.stack(wanted))


# --- scatterers -----------------------------------------------------------------------------


def test_a_scatterer_of_ones_own():
    level, width = np.array([3.0, 4.0]), np.array([0.1, 0.2, 0.3])
    result = qpc.sweep(
        Resonance(1.0, 1.0), {"level": level, "width": width, "energy": 3.5}, "transmission"
    )
    exact = width**2 / (0.25 + width**2)
    np.testing.assert_allclose(result["transmission"], np.stack([exact, exact]), rtol=1e-14)
    assert result.units["level"] == "meV"
    assert result.units["width"] == ""


def test_an_axis_with_the_name_of_an_observable_is_refused():
    class Branching(Resonance):
        left: float = 0.5

    with pytest.raises(ValueError, match="left is an axis and an observable: give the scatterer"):
        qpc.sweep(Branching(1.0, 1.0), {"left": [0.1, 0.2], "mu": 3.0}, "left")


def test_the_numbers_inside_a_split_scatterer_are_axes():
    split = qpc.ZeemanSplit(C, magnetic_field=1.0)
    axes = {"magnetic_field": [0.0, 2.0], "half_width": [18.0, 20.0], "mu": 4.0}
    got = qpc.sweep(split, axes, "transmission")["transmission"]
    for i, field in enumerate((0.0, 2.0)):
        for j, w in enumerate((18.0, 20.0)):
            one = qpc.ZeemanSplit(qpc.AbruptConstriction(w, 40.0, modes=2), field)
            assert got[i, j] == pytest.approx(float(qpc.transmission(one, 4.0)), rel=1e-14)


def test_a_step_is_swept_by_its_own_name():
    got = qpc.sweep(qpc.IdealStep(1.0), {"step_energy": [2.0, 4.0], "energy": 3.0}, "transmission")
    np.testing.assert_array_equal(got["transmission"], [1.0, 0.0])


def test_a_width_that_the_scatterer_lacks_may_be_an_axis():
    c = qpc.MatchedConstriction(20.0, 10.0, channel_modes=6)
    plan = make_plan(c, {"wide_ratio": [2.0, 5.5], "energy": 3.0}, "transmission")
    assert plan.scatterer.largest_ratio == 6.0


# --- choices made once ----------------------------------------------------------------------


@pytest.mark.parametrize("table", [False, True])
def test_panels_are_those_of_the_longest_channel(table):
    axes = {"length": [10.0, 300.0], "half_width": [20.0, 10.0], "mu": 5.0}
    plan = make_plan(C, axes, "conductance", table=table)
    assert plan.scatterer.aspect_limit == 15  # L/2w = 300 / 20
    stated = qpc.AbruptConstriction(20.0, 40.0, modes=2, aspect_limit=30)
    assert make_plan(stated, axes, "conductance").scatterer.aspect_limit == 30
    short = qpc.AbruptConstriction(20.0, 40.0, modes=2, aspect_limit=3)
    with pytest.raises(ValueError, match=r"do not resolve.*length = 300, half_width = 10"):
        make_plan(short, axes, "conductance", table=table)


def test_a_long_channel_is_no_nan():
    axes = {"length": [10.0, 260.0], "mu": 5.0, "temperature": 0.5}
    got = qpc.sweep(C, axes, "conductance", order=8)["conductance"]
    for length, value in zip(axes["length"], got, strict=True):
        c = qpc.AbruptConstriction(20.0, length, modes=2, aspect_limit=10)
        assert value == pytest.approx(float(qpc.conductance(c, 5.0, 0.5, order=8)), rel=1e-13)


def test_too_few_modes_are_refused_with_the_number_needed():
    axes = {"mu": [3.0, 60.0], "bias": [0.0, 2.0]}  # E4 = 56 meV
    with pytest.raises(ValueError, match=r"at least 5 .* got 2.* \(at mu = 60, bias = 2\)"):
        make_plan(C, axes, "current")
    kept = make_plan(C, axes, "current", needed_modes=True).scatterer.modes
    assert kept == 5
    enough = qpc.AbruptConstriction(20.0, 40.0, modes=5)
    assert make_plan(enough, axes, "current").scatterer.modes == 5


def test_too_few_channel_modes_are_refused_too():
    # 6 of them are enough up to 4 E1 = 14 meV, and fewer than are usual.
    c = qpc.MatchedConstriction(20.0, 40.0, channel_modes=6)
    with pytest.raises(ValueError, match=r"at least 9 .* got 6.* \(at mu = 20\)"):
        make_plan(c, {"mu": [3.0, 20.0]}, "conductance")
    assert make_plan(c, {"mu": [3.0, 12.0]}, "conductance").scatterer.channel_modes == 6


def test_modes_of_a_table_are_those_of_its_points_and_no_others():
    # Wide and low, narrow and high: together they would need 5.
    axes = {"half_width": [20.0, 10.0], "mu": [12.0, 50.0]}
    assert make_plan(C, axes, "current", table=True).scatterer.modes == 2
    with pytest.raises(ValueError, match="at least 4"):
        make_plan(C, axes, "current")


def test_a_table_that_is_too_short_is_refused():
    t = qpc.TabulatedTransmission([1.0, 5.0, 9.0], [0.0, 0.5, 1.0])
    with pytest.raises(ValueError, match=r"must reach .* 9 meV.*\(at mu = 12\)"):
        make_plan(t, {"mu": [2.0, 12.0]}, "conductance")


def test_integrals_that_observables_share_are_computed_once():
    energies = []

    class Counted(eqx.Module):
        """A soft step whose energies are counted when they are evaluated."""

        level: float

        def eigenvalues(self, energy, bias):
            def counted(energy, level):
                energies.append(energy.size)
                return (1 / (1 + np.exp(level - energy)))[..., None]

            shape = jax.ShapeDtypeStruct((1,), energy.dtype)
            return jax.pure_callback(
                counted, shape, energy, self.level, vmap_method="broadcast_all"
            )

        def thresholds(self, bias):
            return []

        def panel_edges(self, bias):
            return self.level + jnp.asarray([-2.0, 0.0, 2.0])

    def evaluated(*names):
        energies.clear()
        found = qpc.sweep(Counted(5.0), {"mu": [5.0, 6.0], "bias": [1.0, 2.0]}, names, order=6)
        assert all(np.all(np.isfinite(found[name])) for name in names)
        return sum(energies)

    one = evaluated("current")
    assert evaluated("current", "energy_current", "left", "right", "asymmetry") == one
    assert evaluated("current", "conductance") > one


# --- refusals -------------------------------------------------------------------------------

BAD = {
    "unknown axis": ({"half_widht": [1.0]}, "current", "no axis 'half_widht': did you mean half_w"),
    "static field": ({"modes": [1, 2], "mu": 3.0}, "current", "no axis 'modes'"),
    "unknown observable": ({"mu": [1.0]}, "curent", "no observable 'curent': did you mean current"),
    "twice": ({"mu": [1.0]}, ["left", "left"], "the observable left is there 2 times"),
    "no observable": ({"mu": [1.0]}, [], "at least one of transmission"),
    "empty": ({"mu": []}, "current", "the axis mu is empty"),
    "words": ({"mu": ["a"]}, "current", "the axis mu must be numbers"),
    "two dimensions": ({"mu": [[1.0]]}, "current", r"mu must have one dimension, .*\(1, 1\)"),
    "not finite": ({"mu": [1.0, np.nan]}, "current", "mu must be finite numbers, got nan"),
    "no axes": ({}, "current", "at least one axis"),
    "numbers alone": ({"mu": 3.0}, "current", "at least one axis of several values; mu are"),
    "lacks mu": ({"bias": [1.0]}, "current", "current needs the axis mu"),
    "lacks energy": ({"mu": [1.0]}, "inelastic_length", "inelastic_length needs the axis energy"),
    "lacks both": ({"bias": [1.0]}, "transmission", "transmission needs the axis energy or mu"),
    "cold": ({"mu": 3.0, "temperature": [0.0, -1.0]}, "current", "temperature must be 0 or more"),
    "one side cold": (
        {"mu": 3.0, "temperature": [0.0, 1.0], "temperature_bias": [1.0]},
        "current",
        "temperature_bias must be at most twice",
    ),
    "negative width": ({"half_width": [1.0, -2.0], "mu": 3.0}, "current", "half_width must be pos"),
    "no damping": ({"damping": [0.0, 1.0], "mu": 3.0}, "hot_spot_energy", "strength must be a pos"),
}


@pytest.mark.parametrize(("axes", "observables", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_before_anything_is_computed(axes, observables, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        qpc.sweep(C, axes, observables, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_refusals():
    with pytest.raises(ValueError, match=r"table must all have one length.*'mu': 1, 'bias': 2"):
        qpc.sweep(C, {"mu": [1.0], "bias": [1.0, 2.0]}, "current", table=True)
    with pytest.raises(ValueError, match="order must be a whole number"):
        qpc.sweep(C, {"mu": [1.0]}, "current", order=1)
    with pytest.raises(ValueError, match="chunk must be a whole number, 1 or more, got 0"):
        qpc.sweep(C, {"mu": [1.0]}, "current", chunk=0)
    with pytest.raises(ValueError, match='fermi_energy must be "mu_R"'):
        qpc.sweep(C, {"mu": [1.0]}, "hot_spot_energy", fermi_energy="mu_X")
    with pytest.raises(TypeError, match="float is not a scatterer"):
        qpc.sweep(1.0, {"mu": [1.0]}, "current")  # pyright: ignore[reportArgumentType]
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="sweeps need double precision"):
            qpc.sweep(C, {"energy": [1.0]}, "transmission")
    finally:
        jax.config.update("jax_enable_x64", True)


def test_progress_counts_points():
    calls = []
    transmission(GRID, chunk=40, progress=lambda done, total: calls.append((done, total)))
    done, total = np.transpose(calls)
    assert set(total) == {91}
    assert (done[0], done[-1]) == (0, 91)
    assert sorted(np.diff(done)) == [13, 26, 26, 26]  # chunks are finished in any order


def test_threads_compile_the_program_once(monkeypatch):
    def traces(at_once):
        traced = []

        class Counted(eqx.Module):
            level: float = eqx.field(metadata={"unit": "meV"})

            def eigenvalues(self, energy, bias):
                traced.append(energy)
                return jax.nn.sigmoid(energy - self.level)[None]

            def thresholds(self, bias):
                return jnp.zeros(0)

        monkeypatch.setattr("qpcjax.sweeping.run.chunks_at_once", lambda: at_once)
        axes = {"level": np.linspace(3, 4, 20), "energy": np.linspace(1, 6, 30)}
        found = qpc.sweep(Counted(3.0), axes, "transmission", chunk=30)["transmission"]
        expected = 1 / (1 + np.exp(axes["level"][:, None] - axes["energy"]))
        np.testing.assert_allclose(found, expected, rtol=1e-14)
        return len(traced)

    assert traces(8) == traces(1) > 0


def test_names_of_a_scatterers_numbers():
    split = qpc.ZeemanSplit(C, 1.0)
    names = axes_module.field_names(split)
    assert names == ["g_factor", "half_width", "length", "magnetic_field", "mass", "offset"]
