"""The explorer's page in a browser."""

from pathlib import Path

import numpy as np
import pytest
from pages import chromium, click, deep, text, until

EXAMPLE = Path(__file__).parents[2] / "fits" / "data" / "trace.csv"


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("saddle", "SaddlePoint"),
        # The example itself takes 45 s of one core to fit.
        pytest.param("abrupt (the paper's)", "AbruptConstriction (mean)", marks=pytest.mark.slow),
    ],
)
def test_a_trace_is_fitted_in_a_browser(server, browser, tmp_path, title, kind):
    """A slider moves the numbers; a trace is uploaded, fitted, and its report downloaded."""
    from selenium.webdriver.common.keys import Keys

    trace = tmp_path / "upload.csv"
    example = EXAMPLE.read_text(encoding="utf-8")
    trace.write_text(saddle_traces() if title == "saddle" else example, encoding="utf-8")

    browser.get(server.entrance(barrier="step"))
    first = until(lambda: text(browser, "value-I"), 120)
    until(lambda: len(deep(browser, "img[alt]")) >= 4, 120)
    slider = next(s for s in deep(browser, "[role=slider]") if s.is_displayed())
    slider.send_keys(Keys.PAGE_UP)
    moved = until(lambda: (t := text(browser, "value-I")) not in (None, first) and t, 10)
    assert float(moved) != float(first)

    show(browser, "Measured file")
    upload = uploading(browser)
    words = tmp_path / "words.csv"
    words.write_text("gate (mV),speed\n1,2\n")
    upload.send_keys(str(words))
    assert "words.csv" in until(lambda: text(browser, "error"), 60)
    a_map_is_shown(browser, tmp_path)
    upload = uploading(browser)
    upload.send_keys(str(trace))
    until(lambda: "upload.csv" in (text(browser, "received") or ""), 60)
    if title == "saddle":
        assert "trace 1" in text(browser, "received")  # the one without bias
        for number in (0, 1):
            choices = (s for s in deep(browser, "select") if "bias = 0 mV" in s.text)
            choice = next(s for s in choices if s.is_displayed())
            choice.send_keys(f"trace {number}")
            until(lambda n=number: f"trace {n}" in text(browser, "received"), 60)

    menu = next(s for s in deep(browser, "select") if title in s.text and s.is_displayed())
    menu.send_keys(title)
    button = next(b for b in deep(browser, "button") if b.text.strip() == "Fit")
    click(browser, button)
    (link,) = until(
        lambda: [a for a in deep(browser, "a[download]") if "report.txt" in a.text], 150
    )
    click(browser, link)
    report = tmp_path / "report.txt"
    until(report.exists, 20)
    said = report.read_text(encoding="utf-8")
    assert f"barrier             {kind}" in said
    assert "upload.csv" + (", trace 1" if title == "saddle" else "") in said
    assert not text(browser, "error")

    # The result stands beside the controls, at the top, and goes when another file comes.
    (result,) = deep(browser, "#result")
    assert browser.execute_script("return arguments[0].getBoundingClientRect().top", result) < 400
    upload = uploading(browser)
    upload.send_keys(str(words))
    until(lambda: "words.csv" in (text(browser, "error") or ""), 10)
    until(lambda: not deep(browser, "#result"), 10)


def a_map_is_shown(browser, tmp_path):
    """Upload a map over gate and bias: its picture, its numbers and the command that fits it."""
    rows = [
        f"{v},{b / 10},{1 + np.tanh(v / 20):.4f}" for b in range(-3, 4) for v in range(-80, 1, 10)
    ]
    path = tmp_path / "map.csv"
    path.write_text("\n".join(["gate (mV),bias (mV),conductance (2e2/h)", *rows]) + "\n")
    uploading(browser).send_keys(str(path))
    until(lambda: "map.csv" in (text(browser, "received") or ""), 60)
    said = text(browser, "received") or ""
    assert "9 gate voltages and 7 biases: gate -80 to 0 mV, bias -0.3 to 0.3 mV" in said
    assert "qpcjax fit --map map.csv" in said
    assert "trace 3" in said  # the one without bias
    assert not text(browser, "error")
    (picture,) = until(lambda: deep(browser, "img[alt=Measured]"), 10)
    shown = "return arguments[0].complete && arguments[0].naturalWidth"
    assert until(lambda: browser.execute_script(shown, picture), 10) > 400
    assert picture.rect["width"] > 400


def uploading(browser):
    """The field that takes a file, once it is there."""
    return until(lambda: deep(browser, "input[type=file]"), 60)[-1]


def show(browser, view):
    """Turn to one of the page's views."""
    label = next(x for x in deep(browser, "label") if x.text.strip() == view)
    click(browser, label)


@pytest.mark.parametrize("size", [(1400, 900), (1024, 768)])
def test_pictures_use_the_width_and_can_be_read(server, tmp_path, size):
    with chromium(tmp_path, size) as browser:
        browser.get(server.entrance())
        images = until(lambda: (x := deep(browser, "img[alt]")) and len(x) >= 4 and x, 120)
        until(lambda: text(browser, "value-I"), 120)
        images = deep(browser, "img[alt]")
        boxes = [image.rect for image in images]
        inner = browser.execute_script("return innerWidth")
        rights = [b["x"] + b["width"] for b in boxes]
        assert all(b["width"] >= 270 for b in boxes)
        assert inner - 60 <= max(rights) <= inner
        (number,) = deep(browser, "#value-I")
        assert number.rect["y"] < 400
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= inner  # nothing is pushed out of the window


def test_numbers_have_no_separators_of_thousands(server, browser):
    browser.get(server.entrance(barrier="step"))
    until(lambda: text(browser, "value-I"), 120)
    box = next(
        x for x in deep(browser, "input") if x.is_displayed() and "14" in x.get_property("value")
    )
    assert box
    assert "va-posix" in browser.page_source
    given = "return new Intl.NumberFormat('en-US-u-va-posix').format(12345.5)"
    assert browser.execute_script(given) == "12345.5"


def saddle_traces():
    """Two steps of a saddle behind 300 ohm, by the formula, with noise; half as much at a bias."""
    rng, gate = np.random.default_rng(0), np.linspace(-100, 0, 41)
    height = 8 - 8 * (gate + 100) / 100
    n = np.arange(4)[:, None]
    g = np.sum(1 / (1 + np.exp(-2 * np.pi * (7.15 - height - 3 * (n + 0.5)))), axis=0)
    g = g / (1 + 300 / 12906.4037 * g) + 1e-3 * rng.standard_normal(gate.size)
    rows = [
        f"{v:.2f},{bias},{y * (1 + bias):.5f}"
        for bias in (-0.5, 0)
        for v, y in zip(gate, g, strict=True)
    ]
    return "\n".join(["gate (mV),bias (mV),conductance (2e2/h)", *rows]) + "\n"
