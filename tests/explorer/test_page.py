"""The explorer's page in a browser."""

from pathlib import Path

import numpy as np
import pytest
from pages import click, deep, text, until

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
    first = until(lambda: text(browser, "value-I"), 60)
    until(lambda: len(deep(browser, "img[alt]")) >= 4, 60)
    slider = next(s for s in deep(browser, "[role=slider]") if s.is_displayed())
    slider.send_keys(Keys.PAGE_UP)
    moved = until(lambda: (t := text(browser, "value-I")) not in (None, first) and t, 10)
    assert float(moved) != float(first)

    (upload,) = deep(browser, "input[type=file]")
    words = tmp_path / "words.csv"
    words.write_text("gate (mV),speed\n1,2\n")
    upload.send_keys(str(words))
    assert "words.csv" in until(lambda: text(browser, "error"), 10)
    (upload,) = deep(browser, "input[type=file]")
    upload.send_keys(str(trace))
    assert "upload.csv" in until(lambda: text(browser, "received"), 10)
    if title == "saddle":
        assert "trace 0" in text(browser, "received")
        (choice,) = (s for s in deep(browser, "select") if "bias = 0 mV" in s.text)
        choice.send_keys("trace 1")
        until(lambda: "trace 1" in text(browser, "received"), 10)

    menu = [s for s in deep(browser, "select") if title in s.text][-1]  # the page's own is first
    menu.send_keys(title)
    (button,) = (b for b in deep(browser, "button") if b.text.strip() == "Fit")
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
