"""The explorer: what its page computes and reads, and the page itself in a browser."""

import io
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.evaluation import evaluate
from qpcjax.explorer import fits, html_tables, pictures, serve, uploads
from qpcjax.explorer.barriers import (
    BIAS,
    DAMPING,
    ENERGIES,
    TEMPERATURE,
    fitted_barrier,
    named_barriers,
)
from qpcjax.explorer.live_outputs import Screen
from qpcjax.explorer.neighbourhood import view
from qpcjax.explorer.warm_up import warm
from qpcjax.files import read_trace
from qpcjax.fitting import trace_device
from qpcjax.measurements import InputError

EXAMPLE = Path(__file__).parents[2] / "fits" / "data" / "trace.csv"
BARRIERS = named_barriers()


def built(model, **changes):
    """A barrier of the page with its knobs as they stand at first, and mu."""
    knobs = {name: knob.value for name, knob in BARRIERS[model].knobs.items()}
    return BARRIERS[model].build(knobs | changes)


def only(traces):
    """The trace of an upload that holds no other."""
    (trace,) = traces.traces.values()
    return trace


# --- barriers behind sliders ----------------------------------------------------------------


@pytest.mark.parametrize("model", BARRIERS)
def test_every_place_of_the_sliders_is_known_and_of_one_shape(model):
    knobs = BARRIERS[model].knobs
    shapes, energy = set(), np.linspace(*ENERGIES, 300)
    for end in ("low", "high", "value"):
        for narrow in (False, True):
            values = {name: getattr(knob, end) for name, knob in knobs.items()}
            if narrow and "width" in values:
                values["width"] = knobs["width"].low
            scatterer, mu = BARRIERS[model].build(values)
            shapes.add(str(jax.tree.structure(scatterer)))
            assert np.all(np.isfinite(qpc.transmission(scatterer, energy)))
            assert scatterer.resolved()
            assert mu == values["mu"]
    assert len(shapes) == 1  # nothing is compiled when a slider moves


def test_the_hottest_corner_of_the_sliders_has_numbers():
    scatterer, mu = built("mean", width=80.0, mu=25.0)
    power = qpc.dissipation(scatterer, qpc.Reservoirs(mu, BIAS.high, TEMPERATURE.high))
    assert np.isfinite(power.left)


@pytest.mark.end_to_end
def test_a_fit_moves_with_the_gate():
    trace = only(uploads.received("trace.csv", EXAMPLE.read_bytes()))
    device = trace_device(trace, "mean", mu=7.15)

    class Fit:
        pass

    fit, part = Fit(), Fit()
    fit.device, fit.parts, part.data, part.name = device, [part], trace, "trace.csv"
    barrier = fitted_barrier(fit, "mean")
    (knob,) = barrier.knobs.values()
    assert "(mV)" in knob.label
    assert (knob.low, knob.high) == (trace.gate.min(), trace.gate.max())
    for gate in (knob.low, knob.high):
        scatterer, _ = barrier.build({"gate": gate})
        energy = np.linspace(ENERGIES[0], ENERGIES[1] - 0.1, 300)
        assert np.all(np.isfinite(qpc.transmission(scatterer, energy)))
    scatterer, mu = barrier.build({"gate": knob.value})
    assert mu == pytest.approx(7.15)
    found = qpc.conductance(scatterer, mu, 0.0)
    # Softened as the fit's linear response is: its smearing is the only width at T = 0.
    point = device.at(knob.value)
    expected = qpc.conductance(point.scatterer, mu, point.smearing / 0.08617333)
    assert found == pytest.approx(float(expected), rel=1e-5)


# --- curves and map -------------------------------------------------------------------------


@pytest.mark.parametrize("model", BARRIERS)
@pytest.mark.parametrize("temperature", [0.0, 1.6, 10.0])
def test_curves_are_right_to_the_width_of_a_line(model, temperature):
    scatterer, mu = built(model)
    seen = view(scatterer, qpc.Reservoirs(mu, 4.0, temperature))
    few = slice(0, None, 20)
    exact = qpc.dissipation(scatterer, qpc.Reservoirs(seen.mu[few], 4.0, temperature))
    for name in ("left", "right"):
        wrong = getattr(seen.powers, name)[few] - getattr(exact, name)
        assert np.max(np.abs(wrong)) < 5e-3 * np.max(np.abs(seen.powers.right))
    j = int(np.argmin(np.abs(seen.bias + 6.0)))
    exact = qpc.dissipation(scatterer, qpc.Reservoirs(seen.mu[few], seen.bias[j], temperature))
    wrong = seen.asymmetry[few, j] - exact.asymmetry
    assert np.max(np.abs(wrong)) < 5e-3 * np.max(np.abs(seen.asymmetry))


def test_pictures_and_table():
    scatterer, mu = built("step")
    reservoirs, damping = qpc.Reservoirs(mu, 4.0, 1.6), qpc.QuadraticDamping(DAMPING.value)
    drawn = pictures.curves(view(scatterer, reservoirs), reservoirs)
    drawn |= pictures.plane(scatterer, reservoirs, damping)
    assert len(drawn) == 4
    assert all(picture.startswith(b"<svg") for picture in drawn.values())  # the quick way
    shown = html_tables.gallery(drawn, html_tables.table(evaluate(scatterer, reservoirs, damping)))
    current = float(qpc.current(scatterer, reservoirs))
    assert f'id="value-I">{current:.5g}</td><td>nA</td>' in shown
    assert "<td>P<sub>A</sub></td><td>asymmetry P<sub>R</sub> &minus; P<sub>L</sub></td>" in shown
    assert shown.count("<img") == 4
    # Without a hot spot there is no plane, and no error.
    assert pictures.plane(scatterer, qpc.Reservoirs(0.5, 4.0, 1.6), damping) == {}


def test_numbers_come_first_and_a_picture_only_where_it_shows_something_new(monkeypatch):
    drawn, names = [], ("spectrum", "powers", "asymmetry_map", "heat_on_plane")

    def noting(draw):
        def noted(*arguments):
            drawn.append(draw.__name__)
            return draw(*arguments)

        return noted

    for name in names:
        monkeypatch.setattr(pictures.plot, name, noting(getattr(pictures.plot, name)))
    screen, (scatterer, mu) = Screen(), built("step")

    def moved(bias=4.0, temperature=1.6, damping=0.04):
        """What is drawn until each state of the screen, and that state."""
        drawn.clear()
        point = qpc.Reservoirs(mu, bias, temperature), qpc.QuadraticDamping(damping)
        return [(list(drawn), html) for html in screen.moved(scatterer, *point)]

    curves, numbers, plane = moved()
    assert "compiled" in curves[1]  # the first time, numbers are what takes longest
    assert "value-I" in numbers[1]
    assert plane[0] == list(names)
    numbers, curves, plane = moved(temperature=3.0)
    assert numbers[0] == []
    assert numbers[1].count("<img") == 4
    assert curves[0] == ["powers", "asymmetry_map"]
    assert plane[0] == [*curves[0], "heat_on_plane"]
    *_, (new, last) = moved(temperature=3.0, damping=0.05)
    assert new == ["heat_on_plane"]
    ((new, again),) = moved(temperature=3.0, damping=0.05)
    assert (new, again) == ([], last)


# --- what comes in and goes out -------------------------------------------------------------


def test_an_upload_is_read_as_the_command_reads_it():
    trace = only(uploads.received("C:\\lab\\trace.csv", EXAMPLE.read_bytes()))
    assert trace.name == "trace.csv"
    assert trace.dropped == 2
    assert "2 left out" in html_tables.description(trace)


def test_every_trace_of_an_upload_can_be_chosen(tmp_path):
    table = "gate (mV),bias (mV),G (2e2/h)\n"
    table += "".join(f"{v},{b},{v * b}\n" for b in (0, 1) for v in (1, 2, 3))
    traces = uploads.received("lab/map.csv", table.encode()).traces
    assert list(traces) == ["trace 0: bias = 0 mV", "trace 1: bias = 1 mV"]
    (tmp_path / "map.csv").write_text(table)
    for number, trace in enumerate(traces.values()):
        asked = read_trace(tmp_path / "map.csv", trace=number)
        assert (trace.name, trace.sha256) == (asked.name, asked.sha256)
        np.testing.assert_array_equal(trace.conductance, asked.conductance)
    assert "2 traces" in html_tables.several(traces)


@pytest.mark.parametrize(
    ("name", "contents", "facts"),
    [
        ("big.csv", b" " * (uploads.MOST_BYTES + 1), ["big.csv", "20 MB"]),
        ("empty.csv", b"", ["empty.csv", "empty"]),
        ("../../etc/words.csv", b"gate (mV),speed\n1,2\n", ["words.csv"]),
        ("trace.csv", b"gate (mV),conductance (2e2/h)\n1,fast\n", ["trace.csv", "fast"]),
        ("evil.pkl", b"\x80\x04cos\nsystem\n(S'touch /tmp/evil'\ntR.", ["evil.pkl"]),
        ("evil.py", b"raise SystemExit", ["evil.py"]),
    ],
)
def test_an_upload_that_is_no_trace_is_refused_in_plain_words(name, contents, facts):
    with pytest.raises(InputError) as caught:
        uploads.received(name, contents)
    message = str(caught.value)
    assert all(fact in message for fact in facts)
    assert "qpcjax-" not in message  # where it lay for a moment is nobody's business
    shown = html_tables.plain(caught.value)
    assert "<" not in shown.removeprefix("<p").removesuffix("</p>")


def test_a_map_is_drawn_and_the_command_that_reads_it_is_named():
    rows = "".join(
        f"{v},{b / 10},{np.tanh(v / 3 + b * b / 90) + 1:.4f}\n"
        for b in range(-12, 13)
        for v in range(-9, 10)
    )
    found = uploads.received("map.csv", f"gate (mV),bias (mV),conductance (2e2/h)\n{rows}".encode())
    assert found.picture.startswith(b"\x89PNG")
    assert found.commands
    assert "map.csv" in found.commands[0]
    assert "upload" not in "".join(found.commands)
    assert found.first == "trace 12: bias = 0 mV"
    shown = html_tables.file_in_words(found, found.traces[found.first])
    assert "map.csv: a map of 19 gate voltages and 25 biases" in shown
    assert "dI/dV 0.0049 to 2 in" in shown  # 1 - tanh 3, and nearly 2
    assert "qpcjax fit --map map.csv" in shown


def test_a_column_without_a_unit_is_read_in_the_one_that_is_given():
    table = b"gate,conductance\n" + b"".join(b"%d,%d\n" % (v, v + 9) for v in range(9))
    trace = only(uploads.received("bare.csv", table, "V", "uS"))
    assert trace.gate[-1] == 8000.0
    assert trace.conductance[0] == pytest.approx(9 / 77.480917, rel=1e-6)


def test_a_fit_takes_the_density_or_the_potential(monkeypatch):
    asked = []
    monkeypatch.setattr(fits, "fitted_files", lambda *a: asked.append(a[1].mu) or (None, {}))
    trace = only(uploads.received("trace.csv", EXAMPLE.read_bytes()))
    rest = {"bias": 1.0, "temperature": 1.0, "damping": 0.04}
    fits.fitted(trace, "saddle", "", {"density": 2.0, **rest}, print)
    answer = fits.fitted(trace, "saddle", "", {"mu": 7.15, **rest}, print)
    assert asked == [pytest.approx(7.15, abs=0.01), 7.15]
    assert answer.trace == ("trace.csv", trace.sha256)


def test_an_archive_is_the_same_every_time():
    files = {"report.txt": "µ", "fit.png": b"\x89PNG"}
    packed = uploads.archive(files)
    assert packed == uploads.archive(files)
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        assert found.namelist() == list(files)
        assert found.read("report.txt").decode() == "µ"


def test_the_bar_only_counts_up():
    moves = []
    progress = fits.percent(lambda increment, subtitle: moves.append((increment, subtitle)))
    for done, total in ((0, 10), (5, 10), (2, 20), (20, 20), (0, None)):
        progress(done, total, "fit")
    assert [m for m, _ in moves] == [0, 50, 0, 49, 0]


def test_a_fit_refuses_what_it_cannot_use():
    trace = only(uploads.received("trace.csv", EXAMPLE.read_bytes()))
    with pytest.raises(ValueError, match="NAME=VALUE"):
        fits.fitted(trace, "saddle", "length", {"mu": 7.0}, print)
    assert "saddle" in fits.models().values()
    assert "biased" not in fits.models().values()


# --- the command ----------------------------------------------------------------------------


def test_without_marimo_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "marimo", None)
    with pytest.raises(InputError, match=r"pip install \"qpcjax\[app\]\""):
        serve.serve("127.0.0.1", 0, False, print)


def test_a_taken_port_is_an_error_in_words():
    taken = serve.listen("127.0.0.1", 0)
    with taken, pytest.raises(InputError, match="cannot listen at 127"):
        serve.listen("127.0.0.1", taken.getsockname()[1])


def test_ctrl_c_ends_a_server_that_is_still_compiling():
    pytest.importorskip("marimo")
    command = [sys.executable, "-m", "qpcjax", "explore", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert "explorer is at" in server.stdout.readline()
        time.sleep(2)  # into the compilation
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 130


def test_what_the_page_shows_first_is_compiled_before(caplog):
    warm("step")
    scatterer, mu = built("step")
    point = scatterer, qpc.Reservoirs(mu, BIAS.value, TEMPERATURE.value)

    def compiles(function, *arguments):
        caplog.clear()
        with jax.log_compiles():
            function(*arguments)
        return [r.getMessage() for r in caplog.records if "XLA compilation" in r.getMessage()]

    assert compiles(jax.jit(lambda x: x + 1), 2.0)
    assert not compiles(evaluate, *point, qpc.QuadraticDamping(DAMPING.value))
