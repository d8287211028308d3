"""What the pictures show is what was given, or follows from it by another route."""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import qpcjax as qpc
from qpcjax import plot
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.fitting import Device, GateCurve, Gated, Heating
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace

UNIT = re.compile(r"\((mV.*|meV|K|nm|µm|pW.*|µS|\$2e\^2/h\$.*)\)")
GATES = (-50.0, 0.0)


def lines_of(axes):
    return {line.get_gid(): line for line in axes.lines if line.get_gid()}


def mesh_of(axes):
    (mesh,) = (c for c in axes.collections if hasattr(c, "get_coordinates"))
    return mesh


def labels(axes):
    return axes.get_xlabel(), axes.get_ylabel()


def fresh(rows=1, columns=1):
    return Figure(figsize=(5, 4)).subplots(rows, columns, squeeze=False).ravel()


# --- results made by hand -------------------------------------------------------------------


def parameter(name, value, unit, lower=0.0, upper=10.0):
    share = (value - lower) / (upper - lower)
    return SimpleNamespace(
        name=name, value=value, unit=unit, lower=lower, upper=upper, log=False, share=share
    )


class Fit:
    """As much of a `FitResult` as pictures ask for, every number known."""

    def __init__(self):
        gate = np.linspace(-50.0, 0.0, 20)
        data = ConductanceTrace(gate, 1 + np.sin(gate), "one")
        self.parts = [
            SimpleNamespace(
                name=name, kind="conductance", data=data, predicted=data.conductance - shift,
                residual=np.full(20, shift), rms=shift,
            )
            for name, shift in (("one", 0.01), ("two", 0.02))
        ]  # fmt: skip
        self.free = [parameter("length", 5.0, "nm"), parameter("height_1", 2.0, "meV")]
        self.parameters = self.free
        self.correlation = np.array([[1.0, -0.7], [-0.7, 1.0]])
        self.stderr = {"length": 0.5, "height_1": 0.1}

    def band(self, gate):
        return 1 + np.sin(gate), np.full_like(gate, 0.03)

    def prediction_band(self, gate):
        return 1 + np.sin(gate), np.full_like(gate, 0.05)

    def values(self):
        return {"length": 5.0, "height_1": 2.0, "series_resistance": 300.0}


# --- every picture --------------------------------------------------------------------------


def simple_pictures():
    fit = Fit()
    profile = SimpleNamespace(
        name="length",
        values=np.linspace(3.5, 6.5, 7),
        delta=np.linspace(-3, 3, 7) ** 2,
        interval=(4.5, np.inf),
    )
    one = np.linspace(0, 1, 5)
    bands = {name: one for name in ("P_L", "P_R", "P_A", "r*")}
    rng = np.random.default_rng(0)
    return {
        "staircase": (plot.staircase, (fit,), 2),
        "staircases": (plot.staircases, (fit,), 2),
        "waterfall": (plot.waterfall, ([fit.parts[0].data],), 1),
        "heating": (
            plot.heating,
            (Heating(one, one, bands, bands, bands, 2.0, 1.6, 0.04, True),),
            2,
        ),
        "correlation": (plot.correlation, (fit,), 1),
        "profiles": (plot.profiles, (fit, [profile]), 1),
        "comparison": (
            plot.comparison,
            (
                SimpleNamespace(
                    rivals=[SimpleNamespace(name="a", difference=0.0, weight=1.0)],
                    held_out_points=0,
                ),
            ),
            1,
        ),
        "corner": (plot.corner, ({"a": rng.random(200), "b": rng.random(200)},), 4),
        "conductance_map": (plot.conductance_map, (step_map(),), 1),
        "transconductance_map": (plot.transconductance_map, (step_map(),), 1),
        "design_trajectory": (plot.design_trajectory, (searched(),), 1),
    }


def step_map(points=11):
    """Conductance that is the gate voltage plus the bias, over a grid."""
    gate, bias = np.linspace(*GATES, points), np.linspace(-2, 2, 9)
    return BiasSpectroscopy(gate[:, None], bias, 0.02 * (gate[:, None] + 50) + 0 * bias)


def searched(squares=False):
    def start(status, end, history):
        return SimpleNamespace(status=status, end=end, history=history)

    return SimpleNamespace(
        value=-2.0,
        unit="pW",
        objective=SimpleNamespace(squares=squares),
        values=lambda: {"mu": 3.0},
        starts=[
            start("screened", None, (5.0,)),
            start("converged", {"mu": 3.0}, (1.0, -1.0, -1.9, -2.0)),
            start("behind", {"mu": 4.0}, (2.0, 0.5)),
        ],
    )


@pytest.mark.parametrize("name", simple_pictures())
def test_pictures_are_a_column_or_a_page_wide_and_draw_where_they_are_told(name):
    draw, arguments, count = simple_pictures()[name]
    drawn = draw(*arguments)
    own = np.ravel(drawn)
    assert own.size == count
    assert isinstance(drawn.figure, Figure)  # of one Axes and of several
    assert all(axes.figure is drawn.figure for axes in own)
    width, _ = own[0].figure.get_size_inches()
    assert width <= 7.0
    if name not in ("correlation", "profiles", "corner"):  # as large as there are parameters
        assert width == 3.4
    assert all(any(labels(a)) for a in own if a.axison and name not in ("corner", "correlation"))
    given = fresh(1, count)
    back = np.ravel(draw(*arguments, axes=given if count > 1 or name == "profiles" else given[0]))
    assert list(back) == list(given)
    if count > 1:
        with pytest.raises(ValueError, match=f"axes must be {count} Axes, got {count + 1}"):
            draw(*arguments, axes=fresh(1, count + 1))


def test_colours_are_told_apart_with_any_colour_vision():
    """Distances in CIE Lab, as seen with and without each kind of cone (Machado et al. 2009)."""
    blind = {
        "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                       [-0.003882, -0.048116, 1.051998]],
        "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                         [-0.011820, 0.042940, 0.968881]],
        "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                       [0.004733, 0.691367, 0.303900]],
        "trichromacy": np.eye(3),
    }  # fmt: skip
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]

    def lab(colour, matrix):
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        xyz = np.array(to_xyz) @ np.clip(np.array(matrix) @ linear, 0, 1) / [0.9505, 1, 1.089]
        x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        return np.array([116 * y, 500 * (x - y), 200 * (y - z)])

    for matrix in blind.values():
        for palette, least in ((plot.COLOURS.values(), 40), (plot.SERIES, 13)):
            seen = [lab(colour, matrix) for colour in palette]
            distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
            assert min(distances) > least


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_files_have_the_same_bytes_every_time_and_no_date(format, head):
    first, again = (plot.figure_bytes(plot.correlation(Fit()).figure, format) for _ in range(2))
    assert first == again
    assert first.startswith(head)
    assert not re.search(rb"Date|20\d\d-\d\d|D:20", first)


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="format must be one of png, svg, pdf, got 'gif'"):
        plot.figure_bytes(Figure(), "gif")


# --- traces ---------------------------------------------------------------------------------


def test_staircase_shows_data_fit_band_and_residuals():
    fit = Fit()
    top, bottom = plot.staircase(fit)
    data, drawn = fit.parts[0].data, lines_of(top)
    np.testing.assert_array_equal(drawn["data"].get_xydata(), np.c_[data.gate, data.conductance])
    x, y = drawn["fit"].get_data()
    np.testing.assert_array_equal(y, 1 + np.sin(x))
    band = top.collections[0].get_paths()[0].vertices
    assert np.max(np.abs(np.abs(band[:, 1] - 1 - np.sin(band[:, 0])) - 0.03)) < 1e-12
    of_data = [x.get_ydata() for x in bottom.lines if x.get_gid() == "68 % of data"]
    for side, ends in zip((-1, 1), of_data, strict=True):
        np.testing.assert_allclose(ends, side * 0.05 * CONDUCTANCE_QUANTUM, rtol=1e-12)
    residual = lines_of(bottom)["residuals"].get_ydata()
    np.testing.assert_allclose(residual, 0.01 * CONDUCTANCE_QUANTUM)  # in uS
    assert "µS" in bottom.get_ylabel()
    assert "mV" in bottom.get_xlabel()
    assert "2e^2/h" in top.get_ylabel()
    assert "300" in top.get_title(loc="left")


def test_staircase_shows_points_that_were_not_fitted():
    more = ConductanceTrace([10.0, 20.0], [3.0, 4.0])
    top, _ = plot.staircase(Fit(), left_out=more)
    line = lines_of(top)["left out"]
    np.testing.assert_array_equal(line.get_data(), [more.gate, more.conductance])
    assert line.get_label() == "not fitted"


def test_staircase_of_another_data_set_has_no_band():
    fit = Fit()
    top, _ = plot.staircase(fit, "two")
    np.testing.assert_array_equal(lines_of(top)["fit"].get_ydata(), fit.parts[1].predicted)
    assert not top.collections
    with pytest.raises(ValueError, match="no conductance trace 'three'"):
        plot.staircase(fit, "three")


def test_waterfall_moves_each_trace_beyond_the_last():
    gate = np.array([0.0, -10.0, -30.0, -20.0])  # as measured, not sorted
    traces = [ConductanceTrace(gate, gate**2, name) for name in "abc"]
    axes = plot.waterfall(traces, shift=4.0, values=[0.3, 1.0, 4.0], label="temperature (K)")
    for k, name in enumerate("abc"):
        x, y = lines_of(axes)[name].get_data()
        np.testing.assert_array_equal(x, np.array([-30.0, -20.0, -10.0, 0.0]) + 4 * k)
        np.testing.assert_array_equal(y, [900, 400, 100, 0])
    assert "4 mV" in axes.get_xlabel()
    bar = axes.figure.axes[1]
    assert (bar.get_ylabel(), bar.get_ylim()) == ("temperature (K)", (0.3, 4.0))
    with pytest.raises(ValueError, match="got 3 and 1"):
        plot.waterfall(traces, values=[1.0])


# --- maps -----------------------------------------------------------------------------------


def test_maps_are_the_data_and_its_slope():
    data = step_map()
    mesh = mesh_of(plot.conductance_map(data))
    gate = np.linspace(*GATES, 11)
    np.testing.assert_allclose(mesh.get_array(), np.tile(0.02 * (gate + 50), (9, 1)))
    assert mesh.get_clim()[0] == 0
    axes = plot.transconductance_map(data)
    np.testing.assert_allclose(mesh_of(axes).get_array(), 20.0)  # per V, where 0.02 is per mV
    assert labels(axes) == ("gate voltage $V_g$ (mV)", "bias $eV$ (meV)")
    assert (axes.get_xlim(), axes.get_ylim()) == (GATES, (-2, 2))
    assert np.allclose(mesh_of(axes).to_rgba(0.0), 1, atol=0.01)  # no slope is white


def test_a_missing_point_is_a_hole():
    data = step_map()
    g = data.conductance.copy()
    g[13] = np.nan
    holed = BiasSpectroscopy(data.gate, data.bias, g)
    missing = np.ma.getmaskarray(mesh_of(plot.conductance_map(holed)).get_array())
    assert missing.sum() == 1
    assert missing[13 % 9, 13 // 9]


def test_points_off_a_grid_are_refused():
    x = np.arange(6.0)
    with pytest.raises(ValueError, match="6 points with 6 gate voltages and 6 biases"):
        plot.conductance_map(BiasSpectroscopy(x, x, x))


def saddle_device(**changes):
    barrier = Gated(qpc.SaddlePoint(3.0, 2.0, 0.5), height=GateCurve(GATES, [5.0, 1.0]))
    return Device(barrier, mu=5.0, **changes)


def test_step_lines_stand_where_a_potential_passes_an_edge():
    axes = plot.conductance_map(step_map(), saddle_device(bias_share=0.3))
    drawn = lines_of(axes)
    assert set(drawn) == {f"E_{n} = mu_{side}" for n in (1, 2) for side in "LR"} | {"E_3 = mu_R"}
    for name, line in drawn.items():
        gate, bias = line.get_data()
        edge = 5.0 - 0.08 * (gate + 50) + 2.0 * (int(name[2]) - 0.5)
        lever = 0.3 if name.endswith("L") else -0.7
        inside = np.isfinite(bias)
        np.testing.assert_allclose((5.0 + lever * bias)[inside], edge[inside], atol=1e-9)
        wanted = np.abs((edge - 5.0) / lever) <= 2
        np.testing.assert_array_equal(inside, wanted)


def test_step_lines_know_the_voltage_that_drops_in_series():
    """With dI/dV = 1 everywhere, I = V/R_q: a share of R_s/R_q drops there."""
    data = step_map()
    flat = BiasSpectroscopy(data.gate, data.bias, np.ones_like(data.gate))
    quarter = 0.25e6 / CONDUCTANCE_QUANTUM  # ohm
    (plain, behind) = (
        lines_of(plot.conductance_map(flat, saddle_device(series_resistance=r)))["E_1 = mu_R"]
        for r in (0.0, quarter)
    )
    ratio = behind.get_ydata() / plain.get_ydata()
    np.testing.assert_allclose(ratio[np.isfinite(ratio)], 1 / 0.75)


@pytest.mark.parametrize(
    ("scatterer", "edges"),
    [
        (qpc.AbruptConstriction(20.0, 80.0, offset=1.0), lambda c: 1 + np.arange(1, 4) ** 2 * c),
        (qpc.IdealStep(4.0), lambda c: [4.0]),
        (
            qpc.ZeemanSplit(qpc.IdealStep(4.0), magnetic_field=2.0, g_factor=-0.44),
            lambda c: 4.0 + np.array([1, -1]) * 0.44 * 0.05788382 * 2.0 / 2,
        ),
    ],
)
def test_subband_edges(scatterer, edges):
    from qpcjax.scatterers.subbands import subband_edges

    wanted = edges(getattr(scatterer, "energy_scale", None))
    np.testing.assert_allclose(subband_edges(scatterer)[: len(wanted)], wanted, rtol=1e-6)


# --- heat -----------------------------------------------------------------------------------

SADDLE = qpc.SaddlePoint(9.0, 2.0, 1.0)
WARM = qpc.Reservoirs(mu=10.5, bias=2.0, temperature=1.0)


def emitted(energy):
    """Heat per energy of electrons over mu_R and of holes under mu_L, pW/meV, Eqs. (2)-(3)."""
    kT = BOLTZMANN * 1.0
    f = [1 / (1 + np.exp((energy - mu) / kT)) for mu in (11.5, 9.5)]
    t = sum(1 / (1 + np.exp(-2 * np.pi * (energy - top))) for top in (10.0, 12.0, 14.0, 16.0))
    flow = CONDUCTANCE_QUANTUM * t * (f[0] - f[1])
    return flow * np.maximum(energy - 9.5, 0), flow * np.maximum(11.5 - energy, 0)


@pytest.fixture(scope="module")
def heat_axes():
    return plot.heat_profile(SADDLE, WARM), plot.heat_on_plane(SADDLE, WARM, reach=40e3)


def test_heat_profile_holds_the_emitted_heat(heat_axes):
    axes, _ = heat_axes
    drawn = lines_of(axes)
    energy = np.linspace(5.0, 16.0, 200001)
    for place, heat in zip(("downstream", "upstream"), emitted(energy), strict=True):
        distance, power = drawn[place].get_data()  # um and pW/um
        held = np.trapezoid(power * distance, np.log(distance))
        assert held == pytest.approx(np.trapezoid(heat, energy), rel=2e-3)
    spot = qpc.hot_spot(SADDLE, WARM, qpc.QuadraticDamping()).distance
    assert drawn["r*"].get_xdata()[0] == pytest.approx(float(spot) / 1000)
    assert labels(axes) == ("distance $r$ (µm)", "power per length $p(r)$ (pW/µm)")
    colours = [drawn[place].get_color() for place in ("downstream", "upstream")]
    assert colours == [plot.COLOURS["P_R"], plot.COLOURS["P_L"]]


def test_heat_goes_the_other_way_with_the_bias():
    backward = qpc.Reservoirs(mu=10.5, bias=-2.0, temperature=1.0)
    drawn = lines_of(plot.heat_profile(SADDLE, backward))
    assert drawn["downstream"].get_color() == plot.COLOURS["P_L"]


def test_plane_is_to_scale_and_holds_the_heat(heat_axes):
    profile, axes = heat_axes
    (image,) = axes.images
    assert axes.get_aspect() == 1
    assert image.get_extent() == [-40, 40, -40, 40]  # um
    assert (axes.get_xlim(), axes.get_ylim()) == ((-40, 40), (-40, 40))
    density = image.get_array()
    assert density.shape[0] == density.shape[1]
    ends = np.linspace(-40, 40, density.shape[0] + 1)
    x = (ends[1:] + ends[:-1]) / 2  # middles of the pixels
    r, floor = np.hypot(x, x[:, None]), density.min()
    cell = (x[1] - x[0]) ** 2
    for place, half in (("downstream", x > 0), ("upstream", x < 0)):
        distance, power = lines_of(profile)[place].get_data()
        near = (r < 40) & half & (density > floor)
        fine = np.linspace(0.1, 40, 20001)
        along = np.interp(fine, distance, power)
        inside = np.trapezoid(np.where(along > floor * np.pi * fine, along, 0), fine)
        assert cell * density[near].sum() == pytest.approx(inside, rel=0.02)
        # Nothing but the distance counts: a half circle of length pi r has p(r) dr.
        row = np.argmin(np.abs(x - 10.0))
        at = 10.0 if place == "downstream" else -10.0
        column = np.argmin(np.abs(x - at))
        radius = np.hypot(x[row], x[column])
        wanted = np.interp(radius, distance, power) / (np.pi * radius)
        assert density[row, column] == pytest.approx(wanted, rel=1e-3)
    assert labels(axes) == ("$x$ (µm)", "$y$ (µm)")


def test_temperatures_are_those_of_the_heat_on_either_side():
    plane = qpc.ElectronPlane(2.0, 1e6, 1.0, cooling=20.0)
    drawn = [lines_of(a) for a in plot.temperature_around(SADDLE, WARM, plane)]

    def line(panel, start):
        (found,) = (x for gid, x in drawn[panel].items() if gid.startswith(f"{start} with P_"))
        return found

    for place in ("downstream", "upstream"):
        heat = qpc.heat_around(SADDLE, WARM, side=place)
        x, electrons = line(0, f"electrons (K) {place}").get_data()  # um and K
        found = qpc.electron_temperature(plane, heat, 1e3 * x, 70.0)
        np.testing.assert_allclose(electrons, found.electrons)
        rise = line(1, f"lattice (uK) {place}").get_ydata()
        np.testing.assert_allclose(rise, 1e6 * found.lattice_rise)
        # 4 sigma T^3 dT over the half circles is the heat again.
        x, rise = line(1, f"lattice directly (uK) {place}").get_data()  # um and uK
        given = 4 * 659.0558 * 1e-6 * rise * np.pi * x  # pW/um at 1 K
        inside = heat.within(1e3 * x[-1]) - heat.within(1e3 * x[0])
        assert np.trapezoid(given, x) == pytest.approx(float(inside), rel=5e-3)


@pytest.mark.parametrize(
    ("scatterer", "end", "width_there"),
    [
        (qpc.AbruptConstriction(20.0, 80.0), 40.0, 20.0),
        (qpc.AdiabaticConstriction(20.0, 90.0), 60.0, 40.0),
    ],
)
def test_outline_is_that_of_the_constriction(scatterer, end, width_there):
    from qpcjax.plot.constriction_outline import draw_constriction, mouth

    assert mouth(scatterer) == pytest.approx(end)
    (axes,) = fresh()
    draw_constriction(axes, scatterer, 5000.0, 1)
    walls = {p.get_gid(): p.get_xy() for p in axes.patches}
    upper, lower = walls["upper wall"], walls["lower wall"]
    np.testing.assert_allclose(upper * [1, -1], lower)
    np.testing.assert_allclose(upper[:, 0].max(), end / 1000)  # um
    assert upper[:, 1].min() == pytest.approx(0.020)
    np.testing.assert_allclose(upper[0], [-end / 1000, width_there / 1000])
    (inset,) = axes.child_axes
    assert inset.get_aspect() == 1
    assert "40 nm" in " ".join(t.get_text() for t in inset.texts)


def test_heat_without_an_answer_is_refused():
    below = qpc.Reservoirs(mu=0.5, bias=2.0, temperature=1.0)
    with pytest.raises(ValueError, match="no hot spot"):
        plot.heat_profile(SADDLE, below)
    with pytest.raises(ValueError, match="reach must be beyond"):
        plot.heat_on_plane(SADDLE, WARM, reach=-1.0)


def test_heating_shows_the_prediction_with_its_band():
    gate = np.linspace(-5, 0, 4)
    value = {name: gate + k for k, name in enumerate(("P_L", "P_R", "P_A", "r*"))}
    low, high = ({n: v + s for n, v in value.items()} for s in (-0.5, 1.0))
    heating = Heating(gate, gate, value, low, high, -2.0, 1.6, 0.04, False)
    power, spot = plot.heating(heating)
    for name in ("P_L", "P_R", "P_A"):
        line = lines_of(power)[name]
        np.testing.assert_array_equal(line.get_ydata(), value[name])
        assert line.get_color() == plot.COLOURS[name]
    np.testing.assert_allclose(lines_of(spot)["r*"].get_ydata(), value["r*"] / 1000)
    band = power.collections[1].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (low["P_R"].min(), high["P_R"].max())
    words = [t.get_text() for t in power.get_legend().get_texts()]
    assert "upstream" in words[1]  # the right, where the bias is negative


# --- statistics -----------------------------------------------------------------------------


def test_correlation_writes_every_number():
    axes = plot.correlation(Fit())
    np.testing.assert_array_equal(axes.images[0].get_array(), [[1, -0.7], [-0.7, 1]])
    assert axes.images[0].get_clim() == (-1, 1)
    assert [t.get_text() for t in axes.texts] == ["1.00", "-0.70", "-0.70", "1.00"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["length", "height_1"]


@pytest.mark.parametrize("held_out", [0, 24])
def test_comparison_shows_how_far_each_model_is_behind(held_out):
    names, differences, chances = ("a", "b $x$", "c"), (0.0, 1.5, 30.0), (-10.0, -9.0, -40.0)
    rivals = [
        SimpleNamespace(name=n, difference=d, weight=w, held_out=h)
        for n, d, w, h in zip(names, differences, (0.68, 0.32, 0.0), chances, strict=True)
    ]
    compared = SimpleNamespace(
        rivals=rivals, held_out_points=held_out, held_out_error=(0.0, 0.5, 3.0)
    )
    own = plot.comparison(compared)
    left = np.ravel(own)[0]
    assert [bar.get_width() for bar in left.patches[1:]] == list(differences)
    assert [t.get_text() for t in left.get_yticklabels()] == ["a", r"b \$x\$", "c"]
    assert [t.get_text() for t in left.texts] == ["weight 0.68", "weight 0.32", "weight 0"]
    if held_out:
        (bars,) = own[1].containers
        np.testing.assert_allclose(bars.lines[0].get_xdata(), [1, 0, 31])
        assert "24 points" in own[1].get_xlabel()


def test_profiles_stand_beside_the_parabolas():
    _, (fit, [profile]), _ = simple_pictures()["profiles"]
    (axes,) = plot.profiles(fit, [profile])
    drawn = lines_of(axes)
    np.testing.assert_array_equal(
        drawn["length"].get_xydata(), np.c_[profile.values, profile.delta]
    )
    x, y = drawn["parabola"].get_data()
    np.testing.assert_allclose(y, ((x - 5) / 0.5) ** 2)
    assert len(axes.collections[0].get_paths()) == 1  # the open end of the interval has no mark
    assert axes.get_xlabel() == "length (nm)"


def test_corner_shows_each_and_every_pair():
    rng = np.random.default_rng(3)
    a = rng.standard_normal(20_000)
    samples = {"a": a, "b": 0.5 * a + rng.standard_normal(a.size), "c": rng.random(a.size)}
    samples["a"][:3] = np.nan  # fits that did not converge
    grid = plot.corner(samples, {"a": 0.1})
    assert grid.shape == (3, 3)
    assert [[panel.axison for panel in row] for row in grid] == np.tri(3).astype(bool).tolist()
    assert sum(bar.get_height() for bar in grid[0, 0].patches) == a.size - 3
    (dots,) = (line for line in grid[1, 0].lines if line.get_gid() == "samples")
    np.testing.assert_array_equal(dots.get_xydata(), np.c_[samples["a"], samples["b"]][3:])
    marks = [line.get_xdata()[0] for line in grid[2, 0].lines if line.get_gid() is None]
    assert marks == [0.1]
    assert grid[2, 1].get_xlabel() == "b"
    # The inner contour holds 68 % of the samples.
    (contours,) = grid[1, 0].collections
    inner = contours.get_paths()[1]
    share = np.mean(inner.contains_points(np.c_[samples["a"], samples["b"]][3:]))
    assert share == pytest.approx(0.68, abs=0.03)
    with pytest.raises(ValueError, match="no samples of d"):
        plot.corner(samples, {"d": 0.0})


# --- designs --------------------------------------------------------------------------------


def test_trajectory_is_the_distance_to_the_design():
    axes = plot.design_trajectory(searched())
    drawn = lines_of(axes)
    assert set(drawn) == {"start 2", "start 3"}  # not the one that was looked at alone
    x, y = drawn["start 2"].get_data()
    np.testing.assert_array_equal(x, [1, 2, 3, 4])
    np.testing.assert_allclose(y, [3, 1, 0.1, np.nan])
    np.testing.assert_allclose(drawn["start 3"].get_ydata(), [4, 2.5])
    assert drawn["start 2"].get_linewidth() > drawn["start 3"].get_linewidth()
    assert axes.get_yscale() == "log"
    assert "pW" in axes.get_ylabel()


def test_trajectory_of_squares_is_the_objective():
    drawn = lines_of(plot.design_trajectory(searched(squares=True)))
    np.testing.assert_array_equal(drawn["start 3"].get_ydata(), [2.0, 0.5])


@pytest.mark.parametrize("target", [False, True])
def test_design_is_drawn_before_and_after(target):
    before, after = qpc.IdealStep(3.0), qpc.IdealStep(4.0)
    r = qpc.Reservoirs(3.5, 1.0, 0.0)
    objective = SimpleNamespace(title="a design", squares=target)
    if target:
        objective.energy, objective.transmission = np.array([2.0, 5.0]), np.array([0.0, 1.0])
    free = [parameter("mu", 3.5, "meV"), parameter("bias", 1.0, "meV")]
    design = SimpleNamespace(
        objective=objective, names=(), points={}, scatterer=after,
        problem=SimpleNamespace(solved=lambda row: before if row is None else after),
        reservoirs=r, parameters=free, value=1.0, unit="pW", status="converged",
        conditions=[SimpleNamespace(name="current", value=2.0, unit="nA", active=True)] * target,
        kept_along=lambda name, values: values >= 3,
        along=lambda name, values: 1 + (values - {"mu": 3.5, "bias": 1.0}[name]) ** 2,
    )  # fmt: skip
    left, right = plot.design_summary(design)
    drawn = lines_of(left)
    for name, onset in (("before", 3.0), ("design", 4.0)):
        energy, t = drawn[name].get_data()
        np.testing.assert_array_equal(t, energy >= onset)
    assert ("target" in drawn) == target
    x, y = lines_of(right)["mu"].get_data()
    np.testing.assert_allclose(y, 1 + (10 * x - 3.5) ** 2)
    assert np.all(np.diff(x) >= 0)
    # Where a constraint is not met only the dotted curve goes on; the active one is named.
    assert (lines_of(right)["mu"].get_linestyle() == ":") == target
    assert right.get_title() == ("held by current = 2 nA" if target else "")
    if target:
        inside = lines_of(right)["mu, kept"].get_ydata()
        np.testing.assert_array_equal(np.isnan(inside), x < 0.3 - 1e-9)
    assert right.get_ylabel() == "objective (pW)"
    assert left.figure.get_size_inches()[0] == 7.0


# --- the gallery ----------------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"


def test_gallery_shows_every_function():
    page = (DOCS / "pictures.md").read_text(encoding="utf-8")
    saving = {"figure_bytes", "figure_files", "screen_bytes", "page_bytes", "check_formats"}
    functions = {n for n in dir(plot) if callable(getattr(plot, n))} - saving
    shown = set(re.findall(r"!\[[^\]]+\]\(images/pictures/(\w+)\.png\)", page))
    assert shown == functions
    for name in shown:
        assert (DOCS / "images" / "pictures" / f"{name}.png").stat().st_size < 150_000
        assert f"plot.{name}(" in page


def test_pictures_leave_settings_and_windows_alone():
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    for draw, arguments, _ in simple_pictures().values():
        np.ravel(draw(*arguments))[0].figure.draw_without_rendering()
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []
    assert jax.config.jax_enable_x64
