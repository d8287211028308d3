"""The table of quantities: one entry and one spelling for each, from which the rest is made."""

import dataclasses
import math

import numpy as np
import pytest
from commands import call

import qpcjax as qpc
from qpcjax.explorer.barriers import BIAS, named_barriers
from qpcjax.quantities import POINT, QUANTITIES, UNITS, Quantity, as_html
from qpcjax.scatterers.fields import field_quantities, quantity_of
from qpcjax.scatterers.registry import BARRIERS

TRACE = "gate (mV),conductance (2e2/h)\n" + "".join(f"{v},{v / 20}\n" for v in range(40))


@pytest.mark.parametrize("kind", BARRIERS.values(), ids=lambda kind: kind.name)
def test_each_field_of_each_barrier_has_an_entry(kind):
    described = field_quantities(kind.scatterer_class)
    if not dataclasses.is_dataclass(kind.scatterer_class):
        return  # a function: the registry itself refuses what nothing describes
    for field in dataclasses.fields(kind.scatterer_class):
        if not field.metadata.get("static", False):
            assert described[field.name].words, field.name
            assert described[field.name].unit in UNITS, field.name


def test_each_unit_has_one_spelling():
    assert {q.unit for q in QUANTITIES.values()} - {""} <= set(UNITS)
    spellings = [s for unit in UNITS.values() for s in {unit.name, unit.text}]
    assert len(spellings) == len(set(spellings))
    conductance = QUANTITIES["conductance"]
    assert (conductance.unit, conductance.unit_text) == ("2e2/h", "2e^2/h")
    assert conductance.column == "G (2e2/h)"
    assert conductance.axis == "conductance G (2e^2/h)"
    assert conductance.figure_axis() == "conductance $G$ ($2e^2/h$)"
    assert QUANTITIES["hot_spot_distance"].figure_axis("µm") == "distance $r^*$ (µm)"
    assert QUANTITIES["hbar_omega_x"].tex == r"\hbar \omega_x"


def test_names_are_their_own_keys():
    for name, q in QUANTITIES.items():
        assert q.name == name


@pytest.mark.parametrize(
    ("name", "pretty", "html"),
    [
        ("hbar_omega_x", "ħω_x", "ħω<sub>x</sub>"),
        ("height", "V₀", "V<sub>0</sub>"),
        ("mu", "μ", "μ"),
        ("left", "P_L", "P<sub>L</sub>"),
        ("temperature_bias", "T_L - T_R", "T<sub>L</sub> &minus; T<sub>R</sub>"),
        ("bias", "eV", "eV"),
    ],
)
def test_symbols_are_set_for_pages(name, pretty, html):
    assert (QUANTITIES[name].pretty, as_html(QUANTITIES[name].symbol)) == (pretty, html)


def test_texts_are_set_for_pages():
    assert as_html("mu < E1, 2e^2/h") == "μ &lt; E<sub>1</sub>, 2e<sup>2</sup>/h"
    assert as_html("maximum of length_1") == "maximum of length_1"


@pytest.mark.parametrize("name", ["half_width", "height", "hbar_omega_x", "step_energy", "mass"])
def test_the_help_of_an_option_is_made_from_its_entry(name):
    code, out, _ = call("evaluate", "--help-long")
    assert code == 0
    q = QUANTITIES[name]
    words = q.words[0].upper() + q.words[1:]
    assert f"{words}, {q.symbol}, in {q.unit_words}" in out


def test_sliders_are_made_from_the_entries():
    knobs = named_barriers()["saddle"].knobs
    for name, knob in knobs.items():
        assert knob == (QUANTITIES[name].axis, *QUANTITIES[name].slider)
    # People see the width 2w, and the barrier has half of it.
    knobs = named_barriers()["adiabatic"].knobs
    assert knobs["width"].label == "width 2w (nm)"
    scatterer, _ = named_barriers()["adiabatic"].build({n: k.value for n, k in knobs.items()})
    assert 2 * scatterer.half_width == knobs["width"].value
    assert BIAS.low < 0
    assert POINT["bias"].signed


# --- bounds ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "good", "bad", "message"),
    [
        ("half_width", 1e-3, 0.0, "half_width must be positive, in nm, got 0"),
        ("length", 0.0, -1.0, "length must be 0 or more, in nm, got -1"),
        ("wide_ratio", 1.1, 1.0, "wide_ratio must be more than 1, a number, got 1"),
        ("height", -3.0, math.inf, "height must be finite, in meV, got inf"),
        ("mu", -3.0, math.nan, "mu must be finite, in meV, got nan"),
        ("bias_share", 1.0, 1.5, "bias_share must be from 0 to 1, a number, got 1.5"),
        ("density", 2.0, 2e11, "in 1e11 cm.-2, got 2e.11: for 2e.11 cm.-2 give 2"),
        ("density", 0.1, 3e15, "in 1e11 cm.-2, got 3e.15: for 3e.15 m.-2 give 3"),
        ("density", 100.0, 100.1, "density must be from 0.1 to 100, in 1e11 cm.-2, got 100.1$"),
    ],
)
def test_values_out_of_bounds_are_refused(name, good, bad, message):
    QUANTITIES[name].check(good)
    with pytest.raises(ValueError, match=message):
        QUANTITIES[name].check(bad)
    with pytest.raises(ValueError, match=message):
        QUANTITIES[name].check(np.array([good, bad]))


@pytest.mark.parametrize(
    ("option", "value", "facts"),
    [
        ("--density", "2e11", ("from 0.1 to 100, in 1e11 cm^-2", "for 2e+11 cm^-2 give 2")),
        ("--density", "0.01", ("from 0.1 to 100, in 1e11 cm^-2",)),
        ("--density", "nan", ("from 0.1 to 100",)),
        ("--density", "101", ("from 0.1 to 100, in 1e11 cm^-2, got 101",)),
        ("--mu", "7e11", ("from 0.357", "to 357", "in meV, got 7e+11", "densities of 0.1 to 100")),
        ("--mu", "0.35", ("in meV, got 0.35",)),
        ("--mu", "-1", ("in meV, got -1",)),
        ("--mu", "7150", ("for 7150 ueV give 7.15",)),
        ("--mu", "0.00715", ("for 0.00715 eV give 7.15",)),
        ("--mass", "-1", ("positive, in m_e",)),
    ],
)
def test_a_fit_refuses_an_absurd_density(tmp_path, option, value, facts):
    (tmp_path / "trace.csv").write_text(TRACE)
    code, out, err = call("fit", tmp_path / "trace.csv", "-o", tmp_path / "out", option, value)
    assert (code, out) == (2, "")
    for fact in (f"{option} must be", *facts):
        assert fact in err
    assert not (tmp_path / "out").exists()


# --- fields of a scatterer ------------------------------------------------------------------


def test_a_field_has_its_class_s_quantity():
    split = qpc.ZeemanSplit(qpc.IdealStep(4.0), 1.0)
    assert quantity_of(split, "step_energy").symbol == "E0"
    assert quantity_of(split, "magnetic_field").unit == "T"
    assert quantity_of(split, "energy") is POINT["energy"]
    assert quantity_of(split, "depth") == Quantity("depth")
