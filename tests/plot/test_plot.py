"""The paper's figures: the numbers drawn are the table's, and the table's are the paper's."""

import csv
import warnings

import jax
import numpy as np
import pytest
from matplotlib.colors import to_hex

import qpcjax as qpc
from qpcjax import paper_figures, plot

NAMES = ("figure_2", "figure_3", "figure_4", "figure_5")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder, paths and progress of one run, at the constriction that is the default."""
    folder = tmp_path_factory.mktemp("figures") / "new" / "folder"
    calls = []
    paths = paper_figures.paper_figures(folder, progress=lambda *call: calls.append(call))
    return folder, paths, calls


@pytest.fixture(scope="module")
def tables(written):
    """The tables as they stand in the CSV files."""
    return {name: read(written[0] / f"{name}.csv") for name in NAMES}


@pytest.fixture(scope="module")
def drawn(tables):
    """Axes of every figure, drawn from the CSV files alone."""
    return {name: np.ravel(getattr(plot, name)(tables[name], "a note")) for name in NAMES}


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(line for line in file if not line.startswith("#"))
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))


def lines_of(axes):
    """Lines that show a column of the table, by the column's name."""
    every = [axis for panel in axes for axis in (panel, *panel.child_axes)]
    return {line.get_gid(): line for axis in every for line in axis.lines if line.get_gid()}


# --- the files ------------------------------------------------------------------------------


def test_files_are_written_whole_and_nothing_else(written):
    folder, paths, _ = written
    wanted = {f"{name}.{kind}" for name in NAMES for kind in ("png", "csv")}
    assert {p.name for p in folder.iterdir()} == wanted
    assert [p.name for p in paths] == [f"{n}.{kind}" for n in NAMES for kind in ("png", "csv")]
    for path in paths:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG")
            assert path.stat().st_size < 400_000


def test_progress_goes_from_none_to_all(written):
    done, total, labels = zip(*written[2], strict=True)
    assert list(done) == list(range(total[0] + 1))
    assert set(total) == {5}
    assert all(labels)


def test_csv_holds_every_digit(tables):
    for name in ("figure_2", "figure_4", "figure_5"):
        again = getattr(paper_figures, name)()
        assert list(again) == list(tables[name])
        for column, values in again.items():
            assert values.dtype == np.float64
            np.testing.assert_array_equal(values, tables[name][column], err_msg=column)


def test_nothing_is_written_when_a_number_is_impossible(tmp_path):
    with pytest.raises(ValueError, match="half_width must be positive, in nm"):
        paper_figures.paper_figures(tmp_path / "out", half_width=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_is_left(tmp_path, tables, monkeypatch):
    def fails(table, note):
        raise RuntimeError("no ink")

    monkeypatch.setitem(paper_figures.FIGURES, "figure_5", (paper_figures.figure_5, fails))
    with pytest.raises(RuntimeError, match="no ink"):
        paper_figures.write_figures(tmp_path, tables, "")
    assert list(tmp_path.iterdir()) == []


def test_single_precision_is_refused(tmp_path):
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match="jax_enable_x64"):
            paper_figures.paper_figures(tmp_path / "out")
        with pytest.raises(ValueError, match="jax_enable_x64"):
            paper_figures.figure_4()
    assert list(tmp_path.iterdir()) == []


# --- what is drawn --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["figure_2", "figure_4", "figure_5"])
def test_lines_are_the_columns(tables, drawn, name):
    table, lines = tables[name], lines_of(drawn[name])
    x, *columns = table
    assert set(lines) == set(columns)
    for column, line in lines.items():
        xy = line.get_xydata()
        xy = xy[~np.isnan(xy[:, 0])]  # gaps, where the hot spot jumps
        np.testing.assert_array_equal(xy[:, 0], table[x])
        np.testing.assert_array_equal(xy[:, 1], table[column], err_msg=column)


@pytest.mark.parametrize(("panel", "column"), [(0, "h P_R/2E1^2"), (1, "h P_A/2E1^2")])
def test_maps_are_the_columns(tables, drawn, panel, column):
    table = tables["figure_3"]
    (mesh,) = (c for c in drawn["figure_3"][panel].collections if hasattr(c, "get_coordinates"))
    x, y = np.moveaxis(mesh.get_coordinates(), -1, 0)
    seen = dict(zip(zip(x.flat, y.flat, strict=True), mesh.get_array().flat, strict=True))
    wanted = zip(zip(table["eV/E1"], table["mu/E1"], strict=True), table[column], strict=True)
    assert seen == dict(wanted)


def test_colours_and_dashes_are_the_captions(drawn):
    for name in ("figure_2", "figure_4"):
        for column, line in lines_of(drawn[name]).items():
            if column == "T":
                continue
            assert to_hex(line.get_color()) == plot.COLOURS[column[2:5]].lower(), column
            solid = "kT=0 E1" in column if name == "figure_2" else "eV=0.2 E1" in column
            assert line.is_dashed() != solid, column
    for column, line in lines_of(drawn["figure_5"]).items():
        assert line.is_dashed() == ("plateau" in column), column
    assert to_hex(lines_of(drawn["figure_5"])["guide of slope V^-2"].get_color()) == "#1b8a4b"
    dashes = {
        line._dash_pattern[1] and tuple(line._dash_pattern[1])
        for column, line in lines_of(drawn["figure_2"]).items()
        if column.startswith("h P_R") and "eV=0.2" in column
    }
    assert len(dashes) == 3  # solid, dashed and dotted


@pytest.mark.parametrize("name", NAMES)
def test_axes_are_labelled_in_units_of_the_constriction(drawn, name):
    for axis in drawn[name]:
        assert "E_1" in axis.get_xlabel()
        assert axis.get_ylabel()
        width, _ = axis.figure.get_size_inches()
        assert width in (3.4, 7.0)
    assert drawn[name][0].figure.get_suptitle() == "a note"


def test_logarithmic_axes_of_figure_5(drawn):
    (axis,) = drawn["figure_5"]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")


def test_white_of_the_asymmetry_is_zero(drawn):
    (mesh,) = (c for c in drawn["figure_3"][1].collections if hasattr(c, "get_coordinates"))
    np.testing.assert_allclose(mesh.to_rgba(0.0), 1, atol=0.01)


def test_pyplot_and_settings_are_left_alone(tables):
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    plot.figure_4(tables["figure_4"])
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


# --- the numbers ----------------------------------------------------------------------------


def test_figure_2_against_a_plain_sum_over_energies(tables):
    table = tables["figure_2"]
    c = qpc.AbruptConstriction(20.0, 80.0, modes=4)
    for mu, bias in ((1.2, 0.2), (4.1, 0.6)):
        e, step = np.linspace(mu - bias / 2, mu + bias / 2, 4001, retstep=True)
        t = np.asarray(qpc.transmission(c, e * c.energy_scale))
        i = np.argmin(abs(table["mu/E1"] - mu))
        for name, excess in (("P_R", e - e[0]), ("P_L", e[-1] - e), ("P_A", 2 * (e - mu))):
            power = np.trapezoid(excess * t, dx=step)
            column = f"h {name}/2E1^2 at eV={bias} E1 kT=0 E1"
            assert table[column][i] == pytest.approx(power, abs=1e-6)


def test_figure_2_inset_is_the_conductance(tables):
    table = tables["figure_2"]
    assert table["T"][0] == 0
    plateaus = np.interp([3.3, 6.7], table["mu/E1"], table["T"])
    np.testing.assert_allclose(plateaus, [1, 2], atol=0.02)


def test_figure_3_colour_scales(tables):
    table = tables["figure_3"]
    assert (table["mu/E1"].max(), table["eV/E1"].min(), table["eV/E1"].max()) == (7, 0, 1)
    assert 0.97 <= table["h P_R/2E1^2"].max() <= 0.995
    assert 0.18 <= table["h P_A/2E1^2"].max() <= 0.22
    assert -0.03 <= table["h P_A/2E1^2"].min() <= 0
    assert np.all(table["h P_R/2E1^2"] >= 0)


@pytest.mark.parametrize(("bias", "temperature"), [("0.2", 0.032), ("0.6", 0.145)])
def test_figure_4_upstream_side_turns_cold(tables, bias, temperature):
    table = tables["figure_4"]
    left = table[f"h P_L/2E1^2 at mu=1 E1 eV={bias} E1"]
    crossing = np.interp(0, -left, table["kT/E1"])
    assert np.all(np.diff(left) < 1e-12)
    assert crossing == pytest.approx(temperature, abs=0.0005)


@pytest.mark.parametrize(
    ("place", "distances"),
    [
        ("step mu=1", (837, 236, 62)),
        ("plateau mu=2.5", (1250, 224, 85.5)),
        ("step mu=4", (1349, 287, 99.7)),
        ("plateau mu=6.5", (1952, 340, 126)),
    ],
)
def test_figure_5_distances(tables, place, distances):
    table = tables["figure_5"]
    r = table[f"r*/(n_e w^3) on {place} E1 kT=0.04 E1 a=0.04"]
    found = np.exp(np.interp(np.log([0.2, 0.6, 1.0]), np.log(table["eV/E1"]), np.log(r)))
    # To the three digits given, and 1349 against 1348.4.
    np.testing.assert_allclose(found, distances, rtol=0.005)


def test_figure_5_shows_the_jump_of_the_hot_spot_as_a_gap(drawn):
    gaps = {c: np.isnan(line.get_ydata()).sum() for c, line in lines_of(drawn["figure_5"]).items()}
    assert sorted(gaps.values()) == [0, 0, 0, 0, 1]
    (broken,) = (column for column, count in gaps.items() if count)
    assert "mu=1 E1" in broken


def test_numbers_depend_on_the_aspect_ratio_alone(tables):
    again = paper_figures.figure_4(half_width=40.0, length=160.0, mass=0.05)
    for column, values in again.items():
        np.testing.assert_allclose(values, tables["figure_4"][column], rtol=1e-9, atol=1e-13)


def test_drawing_says_nothing_about_missing_points(tables):
    table = {column: values.copy() for column, values in tables["figure_5"].items()}
    for column in table:
        if "mu=1 E1" in column:
            table[column][-5:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.figure_5(table).figure.draw_without_rendering()
