"""The second set of figures: what is drawn is the table, and the tables are what was stored."""

import json

import numpy as np
import pytest
from helpers import TABLES
from matplotlib.colors import to_hex

import qpcjax as qpc
from qpcjax import beyond_figures, paper_figures, plot

# Some rows of every table.
STORED = {
    name: {column: np.array(values, float) for column, values in table.items()}
    for name, table in json.loads((TABLES / "beyond_figures.json").read_text()).items()
}
NAMES = tuple(beyond_figures.FIGURES)


@pytest.fixture(scope="module")
def drawn():
    """Axes of every figure, with those beside them."""
    found = {}
    for name, (_, draw) in beyond_figures.FIGURES.items():
        axes = np.ravel(draw(STORED[name], "a note"))
        found[name] = axes[0].figure.axes
    return found


def lines_of(axes):
    return {line.get_gid(): line for axis in axes for line in axis.lines if line.get_gid()}


def column(name, start):
    """The first column whose name begins so."""
    return next(values for c, values in STORED[name].items() if c.startswith(start))


def test_figures_have_a_note_and_labels(drawn):
    for axes in drawn.values():
        figure = axes[0].figure
        assert figure.get_suptitle() == "a note"
        assert figure.get_size_inches()[0] in (3.4, 7.0)
        assert all(axis.get_ylabel() for axis in axes)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "engine_map"])
def test_lines_are_the_columns(drawn, name):
    table, lines = STORED[name], lines_of(drawn[name])
    x, *columns = table
    micro = 1e-3 if x == "r (nm)" else 1.0
    scale = {"heat_by_law": 1e3}.get(name, 1.0)
    for c in columns:
        if c == "r* (nm)":
            continue
        against = table[c.replace("excess Fano factor", "I/V (2e^2/h)")]
        at = against if c.startswith("excess") else micro * table[x]
        np.testing.assert_allclose(lines[c].get_xdata(), at, rtol=1e-14)
        np.testing.assert_allclose(lines[c].get_ydata(), scale * table[c], rtol=1e-14)


def test_maps_are_the_columns(drawn):
    table = STORED["engine_map"]
    meshes = [
        c for axis in drawn["engine_map"] for c in axis.collections if c.get_array() is not None
    ]
    for start, mesh in zip(("P/bound", "eta/eta_C"), meshes, strict=False):
        order = np.lexsort((table["eV (meV)"], table["mu (meV)"]))
        shown = np.ma.filled(mesh.get_array(), np.nan).ravel()
        np.testing.assert_array_equal(shown, column("engine_map", start)[order])


def test_colours_are_those_of_the_sides(drawn):
    for gid, line in lines_of(drawn["temperature"]).items():
        if " with P_" in gid:
            side = gid.partition(" with ")[2].partition(" = ")[0]
            assert to_hex(line.get_color()) == plot.COLOURS[side].lower()
            assert line.is_dashed() == gid.startswith("lattice directly")


def test_the_tables_show_what_they_are_for():
    table = STORED["thermopower"]
    below = table["mu (meV)"] < 10.2
    exact, mott = (column("thermopower", f"{s} (uV/K) at T=2") for s in ("S", "S of Mott with G"))
    assert np.all(exact[below] < 1.5 * mott[below])  # both are negative
    noise = STORED["noise_and_gap"]
    none, gap = ([noise[c] for c in noise if f"slope={s:g} eV" in c] for s in beyond_figures.SLOPES)
    at = [float(np.interp(0.7, g[:12], fano[:12])) for g, fano in (none, gap)]
    assert at[1] < 0.85 * at[0]  # less noise at the shoulder
    engine = STORED["engine_map"]
    for c in list(engine)[2:]:
        known = engine[c][np.isfinite(engine[c])]
        assert np.all((known >= 0) & (known < 1))
        assert np.max(known) > 0.3
    step, saddle = (
        max(np.max(v) for c, v in STORED["cooling"].items() if kind in c)
        for kind in ("ideal step", "the saddle")
    )
    assert saddle < 0.5
    assert 0.95 < step <= 1
    heat = STORED["heat_by_law"]
    for c, values in heat.items():
        if "exponential" in c:
            assert np.all(np.diff(values) < 0)  # no hot spot
        elif "fixed" in c:
            assert 3 < np.argmax(values) < len(values) - 3
    (warm,) = (v for c, v in STORED["temperature"].items() if c.startswith("electrons (K) down"))
    assert np.all(np.diff(warm) < 1e-5)  # 1e-4 of the rise
    assert warm[-1] == pytest.approx(0.5, abs=0.01)


def test_cooling_is_that_of_the_public_function():
    table, again = STORED["cooling"], beyond_figures.cooling()
    assert list(again) == list(table)
    for c, values in again.items():
        np.testing.assert_allclose(values[::8], table[c], rtol=1e-6, atol=1e-9, err_msg=c)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if n != "cooling"])
def test_tables_are_those_stored(name):
    again = beyond_figures.FIGURES[name][0]()
    assert list(again) == list(STORED[name])
    kept = slice(None, None, 8)
    if name == "engine_map":
        bias, mu = again["eV (meV)"], again["mu (meV)"]
        kept = np.isin(bias, np.unique(bias)[::10]) & np.isin(mu, np.unique(mu)[::8])
    for c, values in again.items():
        np.testing.assert_allclose(values[kept], STORED[name][c], rtol=1e-6, atol=1e-12, err_msg=c)


def test_they_are_written_with_their_tables(tmp_path):
    tables = {name: STORED[name] for name in ("cooling", "temperature")}
    paths = paper_figures.write_figures(
        tmp_path, tables, "a note", None, ("csv",), ("svg",), beyond_figures.FIGURES
    )
    assert [p.name for p in paths] == [f"{n}.{kind}" for n in tables for kind in ("svg", "csv")]
    assert "saddle" in beyond_figures.describe()


def test_the_engine_tells_the_most_power_of_a_mode():
    found = qpc.engine(qpc.IdealStep(5.0), qpc.Reservoirs(4.6, -0.2352951439422206, 1.0, 1.0))
    assert 1e3 * float(found.bound) == pytest.approx(182.01360674162086, rel=1e-13)
    assert 0.1 < float(found.power / found.bound) < 1
