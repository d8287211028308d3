"""Some of the points of a measurement: by mask, by slice, by gate voltage, by the command."""

import dataclasses

import numpy as np
import pytest
import small_fits
from commands import call

from qpcjax.fitting.command import TraceFitOptions, fitted_points, voltage_range
from qpcjax.fitting.tables import curve_columns
from qpcjax.measurements import (
    BiasSpectroscopy,
    ConductanceTrace,
    DissipationData,
    HotSpotData,
    InputError,
)

GATE = np.array([-1400.0, -1300.0, -1200.0, -1100.0, -1000.0])
ONES = np.arange(1.0, 6.0)
KINDS = {
    "trace": ConductanceTrace(
        GATE, ONES, "a trace", sigma=0.1 * ONES, temperature=ONES / 10, dropped=3, sha256="ab",
        notes=("its sign was turned",),
        metadata={"field": "0 T"},
    ),
    "spectroscopy": BiasSpectroscopy(GATE, ONES, ONES, bias_offset=0.25, sigma=0.1 * ONES),
    "hot spot": HotSpotData(ONES, 100 * ONES, GATE, temperature=0.3),
    "powers": DissipationData(ONES, ONES, "right", GATE, sigma=0.1),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("points", "numbers"),
    [
        (GATE < -1150, [0, 1, 2]),
        (list(GATE < -1150), [0, 1, 2]),
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -2), [4, 2, 0]),
        (np.array([3, 0]), [3, 0]),
        ([-1, -2], [4, 3]),
    ],
)
def test_points_are_chosen_with_all_that_belongs_to_them(kind, points, numbers):
    whole = KINDS[kind]
    few = whole[points]
    assert type(few) is type(whole)
    for field in dataclasses.fields(whole):
        before, after = getattr(whole, field.name), getattr(few, field.name)
        if field.name == "excluded":
            assert after == 5 - len(numbers)
        elif isinstance(before, np.ndarray):  # a number for each point
            np.testing.assert_array_equal(after, before[numbers])
        else:
            assert after == before, field.name


@pytest.mark.parametrize("ends", [(-1300, -1100), (-1100.0, -1300.0), (-1399.9, -1000.1)])
@pytest.mark.parametrize("kind", KINDS)
def test_between_two_gate_voltages(kind, ends):
    found = KINDS[kind].between(*ends)
    np.testing.assert_array_equal(found.settings["gate"], [-1300, -1200, -1100])
    rest = KINDS[kind][~KINDS[kind].inside(*ends)]
    np.testing.assert_array_equal(rest.settings["gate"], [-1400, -1000])
    assert found.between(-np.inf, -1150).excluded == 3


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda d: d[GATE > 0], "a trace: no point is left of 5"),
        (lambda d: d[7], r"mask of 5 Booleans, a slice, or whole numbers from 0 to 4, got 7"),
        (lambda d: d[[True, False]], "a trace: points are chosen by a mask of 5 Booleans"),
        (lambda d: d[0.5], "whole numbers from 0 to 4, got 0.5"),
        (lambda d: d["gate"], "a mask of 5 Booleans"),
        (lambda d: d[np.ones((2, 5), int)], "a mask of 5 Booleans"),
        (lambda d: d[2], "at least 2 points"),
        (lambda d: d.between(0, 10), r"between 0 and 10 mV: the gate .* from -1400 to -1000 mV$"),
        (lambda d: d.between(-1.4, -1.2), r"; did you mean -1400 and -1200\?"),
    ],
)
def test_a_choice_that_leaves_nothing_is_refused(choose, words):
    with pytest.raises(InputError, match=words):
        choose(KINDS["trace"])


def test_what_cannot_be_chosen():
    with pytest.raises(ValueError, match="must be numbers, got -1400 and nan"):
        KINDS["trace"].between(-1400, np.nan)
    with pytest.raises(InputError, match=r"no gate voltage; .* such as data\[data\.bias > 0\]"):
        HotSpotData([1.0, 2.0], [3.0, 4.0], mu=9.0).between(-1, 1)
    with pytest.raises(TypeError, match="not iterable"):
        list(KINDS["trace"])  # pyright: ignore[reportArgumentType]


# --- the command ----------------------------------------------------------------------------


def test_ranges_and_skips_of_the_command():
    trace = KINDS["trace"]
    ranges = [voltage_range(word, "--range") for word in ("-1400:-1300", "-1000:-1150")]
    assert ranges == [(-1400, -1300), (-1000, -1150)]
    skips = [voltage_range("-1310.5:-1e3", "--skip")]
    assert list(fitted_points(trace, (), ())) == [True] * 5
    assert list(fitted_points(trace, ranges, ())) == [True, True, False, True, True]
    assert list(fitted_points(trace, ranges, skips)) == [True, False, False, False, False]
    assert list(fitted_points(trace, (), skips)) == [True, False, False, False, False]


STEP = "".join(f"{v},{g:.4f}\n" for v, g in zip(
    np.linspace(-1400, -900, 41), 2 / (1 + np.exp(-np.linspace(-6, 6, 41))), strict=True
))  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--range", "-1400"), "--range must be V1:V2, two gate voltages in mV"),
        (("--range", "-1400:-1300:-1200"), "got '-1400:-1300:-1200'"),
        (("--skip", "-1400:"), "--skip must be V1:V2"),
        (("--skip", "a:b"), "--skip must be V1:V2"),
        (("--range", "-1400:inf"), "--range must be V1:V2"),
        (("--range", "-1200:-1200.0"), "--range -1200:-1200.0 is empty"),
        (("--range", "-500:-100"), "--range -500:-100: trace.csv: no point lies between"),
        (("--range", "-500:-100"), "the gate voltages go from -1400 to -900 mV"),
        (("--range", "-1.4:-1.2"), "did you mean -1400 and -1200?"),
        (("--skip", "0:10"), "--skip 0:10: trace.csv: no point lies between 0 and 10 mV"),
        (("--skip", "-1400:-900"), "--range and --skip leave no point"),
        (("--range", "-1400:-1300"), "no conductance step"),
        (("--range", "-1400:-1300"), "9 of the 41 points are left by --range and --skip"),
        (("--skip", "-1385:-1155", "--skip", "-1145:-915"), "cannot determine"),
        (("--skip", "-1385:-1155", "--skip", "-1145:-915"), "of the 41 points are left"),
    ],
)
def test_the_command_refuses_a_choice_without_a_fit(tmp_path, options, words):
    path = tmp_path / "trace.csv"
    path.write_text("gate (mV),conductance (2e2/h)\n" + STEP)
    code, out, err = call("fit", path, "-o", tmp_path / "out", *options)
    assert (code, out) == (2, "")
    assert words in err
    assert not (tmp_path / "out").exists()


def test_options_in_python():
    assert TraceFitOptions(ranges=((-60.0, 0.0),)).skips == ()


def test_the_table_of_the_curve_has_every_point():
    """The fitted points in any order, points between them, and points beyond them."""
    fit, trace = small_fits.fitted(), small_fits.trace()
    more = np.array([-90.0, -31.0, -7.5, 30.0])
    order = np.random.default_rng(2).permutation(trace.gate.size + more.size)
    gate = np.append(trace.gate, more)[order]
    conductance = np.append(trace.conductance, small_fits.conductance(more))[order]
    used = np.append(np.ones(trace.gate.size, bool), np.zeros(more.size, bool))[order]
    table = curve_columns(fit, ConductanceTrace(gate, conductance), used)
    assert list(table) == [
        "gate (mV)", "conductance (2e2/h)", "fit (2e2/h)", "residual (uS)", "low (2e2/h)",
        "high (2e2/h)", "data low (2e2/h)", "data high (2e2/h)", "used",
    ]  # fmt: skip
    np.testing.assert_array_equal(table["gate (mV)"], gate)
    np.testing.assert_array_equal(table["used"], used)
    found, beyond = table["fit (2e2/h)"], (gate < -60) | (gate > 0)
    np.testing.assert_array_equal(np.isnan(found), beyond)
    truth = small_fits.conductance(gate[~beyond])
    assert np.max(np.abs(found[~beyond] - truth)) < 4 * small_fits.SIGMA
    np.testing.assert_allclose(
        table["residual (uS)"], 77.480917 * (conductance - found), rtol=1e-6, atol=1e-9
    )
    low, high = (table[f"{end} (2e2/h)"][~beyond] for end in ("low", "high"))
    np.testing.assert_allclose((low + high) / 2, found[~beyond], rtol=1e-12)
    _, error = fit.predict("conductance", gate[~beyond])
    np.testing.assert_allclose((high - low) / 2, error, rtol=1e-6, atol=1e-12)
