"""Results as a few lines of text and as tables of a notebook."""

import dataclasses
import re

import jax
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.designing import FlattestPlateau
from qpcjax.designing.result import ConstraintResult, Design
from qpcjax.optimise.parameters import Parameter
from qpcjax.overviews import Overview, brief, html_table, in_words, range_in_words

VALUES = np.linspace(-3.0, 3.0, 5000)


@dataclasses.dataclass
class Run:
    """Any dataclass."""

    gate: np.ndarray
    name: str = "run"
    temperature: float | None = None
    extra: object = None


def test_a_dataclass_names_its_arrays_by_range():
    assert brief(Run(VALUES), {"gate": "mV"}) == "Run(gate=5000 values from -3 to 3 mV)"
    long = brief(Run(VALUES, "a name " * 9, 0.3, VALUES[:1]), {"temperature": "K"})
    assert "  temperature=0.3 K,\n" in long
    assert "  extra=1 value from -3 to -3,\n" in long
    assert long.count("\n") == 5


SHOWN = {
    "number": (1.23456789, "1.23457"),
    "NaN": (np.array([np.nan, 1.0]), "2 values and 1 NaN from 1 to 1"),
    "all NaN": (np.array([np.nan]), "1 values, all of them NaN"),
    "empty": (np.zeros(0), "no values"),
    "grid": (np.zeros((2, 3)), "2 x 3 values from 0 to 0"),
    "text": ("a", "'a'"),
    "nothing": (None, "None"),
    "entries": ({"a": 1, "b": 2}, "{a, b}"),
    "jax": (jax.numpy.arange(3), "3 values from 0 to 2"),
    "long": (object, "<class 'object'>"),
}


@pytest.mark.parametrize(("value", "text"), SHOWN.values(), ids=SHOWN)
def test_values_in_words(value, text):
    assert in_words(value) == text


def test_bounds_in_words():
    found = [range_in_words(*ends) for ends in ((1, 2), (-np.inf, 2), (1, np.inf))]
    assert found == ["of 1 to 2", "at most 2", "at least 1"]


def test_results_at_points_say_their_units():
    one = qpc.Dissipation(np.float64(-0.5), np.float64(3.25))
    assert repr(one) == "Dissipation(left=-0.5 pW, right=3.25 pW)"
    spot = qpc.HotSpot(VALUES[:2] + 20, VALUES[:2] + 900, np.array([0, 2]))
    assert "distance=2 values from 897 to 897.001 nm" in repr(spot)
    shown = []
    jax.jit(lambda p: shown.append(repr(p)))(one)
    assert shown == ["Dissipation(left=traced float64[], right=traced float64[])"]


def test_a_long_table_is_cut_in_text_alone():
    overview = Overview("title", [(f"row {i}", "1") for i in range(30)], ["note"] * 5)
    assert overview.text().count("\n") + 1 == 12
    assert "... and 22 more" in overview.text()
    assert overview.html().count("<tr>") == 30
    assert max(map(len, Overview("long " * 90).text().splitlines())) < 90


def test_markup_is_escaped():
    rows = [("<b>", "a & b"), ("x", "</table>")]
    page = html_table(rows) + Overview("<i>", rows, ["<script>"]).html()
    assert not re.search("<(b|i|script)>", page)
    assert page.count("</table>") == 2
    assert "a &amp; b" in page


def test_a_sweep():
    found = qpc.sweep(
        qpc.IdealStep(3.0), {"energy": [1.0, 2.0, 5.0], "bias": [0.0, 1.0]}, "transmission"
    )
    text = repr(found)
    assert text.splitlines()[0] == "SweepResult at 3 x 2 points"
    assert "energy" in text
    assert "meV" in text
    assert "3 x 2 values from 0 to 1" in text
    assert "temperature = 0" in text
    assert len(text) < 600
    assert found._repr_html_().count("<tr>") == 3


def test_a_design():
    found = Design(
        problem=type("Problem", (), {"objective": FlattestPlateau(1.0)})(),
        scatterer=qpc.IdealStep(3.0),
        reservoirs=qpc.Reservoirs(5.0),
        parameters=(Parameter("length", 80.0, "nm", 10.0, 80.0),),
        value=0.25,
        unit="1",
        status="steps",
        message="the search was stopped",
        evaluations=1,
        sensitivity_evaluations=1,
        starts=(),
        conditions=(ConstraintResult("current", 4.5, -np.inf, 4.0, "nA", False, 0.0, 0.5),),
        names=("length",),
        points={"length": 80.0},
        gradient={"length": 0.0},
        hessian=np.zeros((1, 1)),
    )
    lines = repr(found).splitlines()
    assert lines[0] == "Design, flattest plateau, relative variance of G: 0.25, steps"
    assert re.fullmatch(r"  length +80 +nm +of 10 to 80 +on its bound", lines[1])
    assert re.fullmatch(r"  current +4.5 +nA +at most 4 +violated by 0.5", lines[2])
    assert lines[3] == "the search was stopped"
    assert "<td>violated by 0.5</td>" in found._repr_html_()
