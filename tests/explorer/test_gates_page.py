"""Gate voltages behind sliders: what the page computes, and the page in a browser."""

import html
import re

import equinox as eqx
import numpy as np
import pytest
from pages import chromium, deep, served, text, until
from scipy.interpolate import CubicSpline

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.explorer import serve
from qpcjax.explorer.gates import SHIFT, GatesScreen, LiveGates
from qpcjax.files import InputError
from qpcjax.staircases import tabulation
from qpcjax.staircases.layout import read_layout

LAYOUT = """
grid = 25.0
box = [1200.0, 800.0]

[stack]
density = 2.5
depth = 60.0

[split_gate]
gap = 203.0
length = 103.0

[voltages]
upper = [-0.66, -0.78]
lower = -0.7
points = 3

[reservoirs]
bias = 0.8
temperature = 0.5

[region]
half_length = 300.0
width = 340.0
window = 120.0
tolerance = 1e-2
"""
SIZES = {"sectors": 64, "modes": 28, "kept": (20,), "highest": 12.0}  # what these gates need


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    """Gates whose sizes are known, without the search for them."""
    path = tmp_path_factory.mktemp("layout") / "gates.toml"
    path.write_text(LAYOUT)

    def known(potential, energies, tolerance, **options):
        assert tolerance == 1e-2
        c = qpc.PotentialScatterer(potential, **options, **SIZES)
        return eqx.tree_at(lambda c: c.error_estimate, c, np.full(energies.size, 1e-3))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tabulation, "resolve", known)
        found = LiveGates(read_layout(path))
        made = found.tabulation()
        # Without a temperature nothing is continued, and energies rise all the same.
        path.write_text(LAYOUT.replace("temperature = 0.5", "temperature = 0.0"))
        sharp = LiveGates(read_layout(path)).tabulation()
    assert np.all(np.diff(sharp.table(np.ones(24)).energy) > 0)
    core, far = (0.4 + share * 0.5 * BOLTZMANN for share in (12.0, 36.0))
    mu = float(found.device.mu)
    np.testing.assert_allclose(made.energies, np.linspace(mu - core, mu + core, 24))
    assert made.ends == pytest.approx((mu - far, mu + far))
    return found


def shown(html_text):
    """Numbers by symbol; NaN for those that are not known."""
    found = re.findall(r'id="value-(\w+)">([^<]*)<', html_text)
    return {name: float("nan") if value == "-" else float(value) for name, value in found}


def test_each_gate_has_a_slider(gates):
    assert list(gates.knobs) == ["upper", "lower", SHIFT]
    upper, lower, _ = gates.knobs.values()
    assert (upper.low, upper.high, upper.value) == (-0.78, -0.66, pytest.approx(-0.72))
    assert (lower.low, lower.high, lower.value) == (-0.9, -0.5, -0.7)
    moved = gates.voltages({"upper": -0.7, "lower": -0.6, SHIFT: 50.0})
    assert moved == pytest.approx({"upper": -0.65, "lower": -0.55})


def test_names_from_a_layout_are_letters_on_the_page(tmp_path):
    path = tmp_path / "gates.toml"
    rest = LAYOUT.split("[voltages]")[0].split("[split_gate]")[0]
    path.write_text(
        f"""{rest}
        [gates."<img src=x onerror=alert(1)>"]
        rectangle = [-50.0, 50.0, 100.0, inf]
        [gates.b_1]
        rectangle = [-50.0, 50.0, -inf, -100.0]
        [voltages]
        all = [-0.6, -0.7]
        [reservoirs]
        temperature = 0.0
        """
    )
    evil, plain, _ = LiveGates(read_layout(path)).knobs.values()
    assert "<" not in evil.label
    assert html.unescape(evil.label) == "<img src=x onerror=alert(1)> (V)"
    assert plain.label == "b_1 (V)"


def test_a_fine_grid_is_made_coarser_where_the_box_allows_it(gates, tmp_path):
    assert gates.device.mesh.step == 25.0
    for box, step in (("[1200.0, 800.0]", 20.0), ("[1220.0, 800.0]", 10.0)):
        path = tmp_path / "fine.toml"
        fine = LAYOUT.replace("grid = 25.0", "grid = 10.0").replace("[1200.0, 800.0]", box)
        path.write_text(fine)
        assert LiveGates(read_layout(path)).device.mesh.step == step


def test_the_potential_comes_first_and_the_powers_are_areas_under_the_transmission(gates):
    places = {"upper": -0.72, "lower": -0.72, SHIFT: -25.0}
    before, after = GatesScreen(gates).moved(places)
    assert "Potential" in before
    assert "Transmission" not in before
    assert "compiled" in before
    assert before.count("data:image/svg+xml") == 1  # the quick way
    first, numbers = shown(before), shown(after)
    assert np.isnan(first["G"])
    u = gates.device.potential(-0.745)
    mu = float(gates.device.mu)
    assert first["mu"] == pytest.approx(mu, rel=1e-4)
    # The barrier is the floor of the channel in its middle; between it and E1 lies half a spacing.
    middle = float(np.asarray(u.at(np.zeros(1), np.zeros(1))).item())
    assert first["U"] == pytest.approx(middle, abs=0.05)
    assert first["U"] < first["E1"] < first["E2"] < first["E3"]

    c = qpc.PotentialScatterer(
        u, width=340.0, half_length=300.0, window=120.0, cap=mu + 50.0, sectors=64, modes=28,
        kept=(20,), highest=12.0,
    )  # fmt: skip
    energy = np.linspace(mu - 1.2, mu + 1.2, 24)
    fine = np.linspace(mu - 1.2, mu + 1.2, 4801)
    t = CubicSpline(energy, np.asarray(qpc.transmission(c, energy)))(fine)
    kT = 0.5 * BOLTZMANN

    def fermi(at):
        return 1 / (1 + np.exp((fine - at) / kT))

    slope = 1 / (4 * kT * np.cosh((fine - mu) / (2 * kT)) ** 2)
    assert numbers["G"] == pytest.approx(np.trapezoid(t * slope, fine), abs=5e-3)
    assert 0.05 < numbers["G"] % 1 < 0.95  # on a step
    flowing = CONDUCTANCE_QUANTUM * t * (fermi(mu + 0.4) - fermi(mu - 0.4))
    left, right = mu + 0.4 - fine, fine - (mu - 0.4)
    assert numbers["P_L"] == pytest.approx(np.trapezoid(flowing * left, fine), rel=5e-3)
    assert numbers["P_R"] == pytest.approx(np.trapezoid(flowing * right, fine), rel=5e-3)
    assert "upper -0.745 V, lower -0.745 V" in after

    # The sliders move on: nothing more is calculated for where they were.
    screen = GatesScreen(gates)
    early = screen.moved(places)
    assert "compiled" not in next(early)
    late = screen.moved(places)
    next(late)
    assert list(early) == []
    (final,) = late
    assert shown(final) == pytest.approx(numbers, rel=1e-3)  # from the last potential, the same


def test_what_the_device_refuses_is_said(gates):
    screen = GatesScreen(gates)
    (said,) = screen.moved({"upper": -40.0, "lower": -40.0})
    assert "empty the whole gas" in said
    # Electrons pass under gates that hardly repel them: there is a potential, and no G.
    *_, said = screen.moved({"upper": -0.1, "lower": -0.1})
    assert "along the edges of the strip" in html.unescape(said)
    assert np.isnan(shown(said)["G"])
    assert "Potential" in said


def test_a_file_that_is_no_layout_is_refused_in_words(tmp_path):
    path = tmp_path / "gates.toml"
    path.write_text(LAYOUT.replace("depth = 60.0\n", ""))
    with pytest.raises(InputError, match=r"gates\.toml.*stack\.depth is missing"):
        serve.shown_first(path)
    assert serve.shown_first(None) == (None, None)


@pytest.mark.end_to_end
def test_a_slider_moves_the_potential_in_a_browser(tmp_path):
    from selenium.webdriver.common.keys import Keys

    layout = tmp_path / "gates.toml"
    layout.write_text(LAYOUT)
    with served(tmp_path, str(layout)) as server, chromium(tmp_path) as browser:
        browser.get(server.entrance())
        (picture,) = until(lambda: deep(browser, "img[alt=Potential]"), 120)
        before, source = text(browser, "value-E1"), picture.get_attribute("src")
        assert picture.rect["width"] > 500
        assert picture.rect["y"] < 200
        sliders = [s for s in deep(browser, "[role=slider]") if s.is_displayed()]
        assert len(sliders) == 3
        sliders[0].send_keys(Keys.PAGE_UP)
        until(lambda: text(browser, "value-E1") not in (None, before), 60)
        assert float(text(browser, "value-E1") or "nan") < float(before or "nan")
        (moved,) = deep(browser, "img[alt=Potential]")
        assert moved.get_attribute("src") != source
        # The slider did not wait for T(E), which may still be compiled: then the page says so.
        page = browser.page_source
        assert "G and the powers follow" in page or re.search(r'id="value-G">\d', page)
        browser.set_window_size(1024, 768)
        inner = browser.execute_script("return innerWidth")
        (picture,) = deep(browser, "img[alt=Potential]")
        assert picture.rect["x"] + picture.rect["width"] <= inner
        assert browser.execute_script("return document.documentElement.scrollWidth") <= inner
