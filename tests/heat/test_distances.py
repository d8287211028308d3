"""Where the heat appears: free paths of one length and random ones, both signs, and cascades."""

import json

import jax
import numpy as np
import pytest
from helpers import TABLES

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN

TABLE = json.loads((TABLES / "heat_laws.json").read_text())
ROWS = TABLE["profile"]
SIDES = ("downstream", "upstream")
LAW = qpc.QuadraticDamping()
SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=3)
POINT = qpc.Reservoirs(11.5, 1.5, 0.5)
QUANTILES = np.array(ROWS[0]["downstream"]["quantiles"])  # a program for each number of them


def place(row):
    s = row["scatterer"]
    c = qpc.SaddlePoint(s["height"], s["hbar_omega_y"], s["hbar_omega_x"], modes=s["modes"])
    return c, qpc.Reservoirs(row["mu"], row["bias"], row["temperature"])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("free_path", ["fixed", "exponential"])
@pytest.mark.parametrize("row", ROWS)
def test_quantiles_of_the_table(row, free_path, side):
    wanted = row[side]
    found = qpc.heat_quantiles(
        *place(row), LAW, np.array(wanted["quantiles"]), side, free_path, bool(row["thermal"])
    )
    np.testing.assert_allclose(found, wanted[f"quantiles_{free_path}_nm"], rtol=1e-12)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("part", "free_path", "name"),
    [
        ("emitted", "exponential", "exponential"),
        ("emitted", 3, "erlang3"),
        ("net", "exponential", "net_exponential"),
    ],
)
@pytest.mark.parametrize("row", ROWS)
def test_densities_of_the_table(row, part, free_path, name, side):
    wanted = row[side]
    found = qpc.power_per_length(
        *place(row),
        LAW,
        np.array(wanted["distances_nm"]),
        side,
        part=part,
        free_path=free_path,
        thermal=bool(row["thermal"]),
    )
    np.testing.assert_allclose(found, wanted[f"density_{name}_pW_per_nm"], rtol=1e-12)


def test_the_net_heat_changes_its_sign_far_upstream():
    at = ROWS[2]["upstream"]["net_changes_sign_at_nm"]
    near, far = qpc.power_per_length(
        *place(ROWS[2]), LAW, at * np.array([0.999, 1.001]), "upstream", "net", "exponential"
    )
    assert near > 0 > far


def test_many_stops_are_the_fixed_paths():
    r = np.array([12000.0, 20000.0])
    fixed = np.asarray(qpc.power_per_length(SADDLE, POINT, LAW, r))
    some, many = (
        np.asarray(qpc.power_per_length(SADDLE, POINT, LAW, r, free_path=k, thermal=False))
        for k in (20, 80)
    )
    # The width of the paths goes as 1/sqrt(k), its effect as 1/k.
    assert np.all(np.abs(many - fixed) < 0.45 * np.abs(some - fixed))


@pytest.mark.parametrize("side", SIDES)
def test_the_net_heat_of_fixed_paths_integrates_to_the_power(side):
    warm = qpc.Reservoirs(13.0, 4.0, 1.6)
    power = getattr(qpc.dissipation(SADDLE, warm), "right" if side == "downstream" else "left")
    # Up to R: beyond, p(E) is linear around the potential, so that p(r) goes as r^-2.
    y = np.linspace(np.log(50.0), np.log(1e9), 6001)
    p = np.asarray(qpc.power_per_length(SADDLE, warm, LAW, np.exp(y), side, "net")) * np.exp(y)
    total = np.sum((p[1:] + p[:-1]) / 2) * (y[1] - y[0])
    assert total == pytest.approx(float(power), rel=3e-5)


def test_a_hot_spot_needs_fixed_paths():
    r = np.geomspace(1.0, 1e5, 60)
    p = np.asarray(qpc.power_per_length(SADDLE, POINT, LAW, r, free_path="exponential"))
    assert np.all(np.diff(p) < 0)
    fixed = np.asarray(qpc.power_per_length(SADDLE, POINT, LAW, r))
    spot = float(qpc.hot_spot(SADDLE, POINT, LAW).distance)
    assert abs(np.log(r[np.nanargmax(fixed)] / spot)) < 0.2


def test_the_spread_is_made_of_quantiles():
    spread = qpc.heat_spread(SADDLE, POINT, LAW)
    _, lower, median, upper, _ = qpc.heat_quantiles(SADDLE, POINT, LAW, QUANTILES)
    np.testing.assert_allclose(
        [spread.lower, spread.median, spread.upper, spread.width],
        [lower, median, upper, upper - lower],
        rtol=1e-12,
    )
    assert "median=" in repr(spread)


def numbers_to(function):
    def run(numbers):
        height, strength, mu, bias, temperature = numbers
        c = qpc.SaddlePoint(height, 3.0, 1.0, modes=3)
        r = qpc.Reservoirs(mu, bias, temperature, 0.1)
        return function(c, r, qpc.QuadraticDamping(strength))

    return jax.jit(jax.value_and_grad(run))


SMOOTH = {
    "fixed": lambda c, r, d: qpc.heat_quantiles(c, r, d, 0.3),
    "exponential": lambda c, r, d: qpc.heat_quantiles(c, r, d, 0.3, "upstream", "exponential"),
    "net": lambda c, r, d: qpc.power_per_length(c, r, d, 3000.0, part="net", free_path=2),
    "net of fixed paths": lambda c, r, d: qpc.power_per_length(c, r, d, 13000.0, part="net"),
    "cascade": lambda c, r, d: qpc.cascade_distance(c, r, d, 12.5),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name):
    function = numbers_to(SMOOTH[name])
    at = np.array([10.0, 0.04, 11.5, 1.5, 0.5])
    value, slopes = function(at)
    for k in range(at.size):
        step = 1e-5 * at[k] * np.eye(at.size)[k]
        above, below = (float(function(at + s * step)[0]) for s in (1, -1))
        numeric = (above - below) / (2e-5 * at[k])
        assert float(slopes[k]) == pytest.approx(numeric, rel=1e-5, abs=1e-9 * abs(float(value)))


def test_derivatives_at_zero_temperature():
    step = 1e-4
    for path in ("fixed", "exponential"):

        def median(bias, path=path):
            r = qpc.Reservoirs(11.5, bias, 0.0)
            return qpc.heat_quantiles(SADDLE, r, LAW, 0.5, "downstream", path)

        slope_and = jax.jit(jax.value_and_grad(median))
        (below, _), (_, slope), (above, _) = (slope_and(1.5 + s * step) for s in (-1, 0, 1))
        assert float(slope) == pytest.approx(float(above - below) / (2 * step), rel=1e-6)


def test_a_negative_bias_is_the_mirror_image():
    forward, mirror = (
        qpc.heat_quantiles(SADDLE, r, LAW, QUANTILES, "upstream", "exponential")
        for r in (POINT, qpc.Reservoirs(11.5, -1.5, 0.5))
    )
    np.testing.assert_allclose(mirror, forward, rtol=1e-13)


def test_the_rpa_law_puts_the_heat_nearer():
    found = [qpc.heat_spread(SADDLE, POINT, law).median for law in (qpc.RPADamping(2.0), LAW)]
    assert 0.1 < float(found[0] / found[1]) < 0.5


@pytest.mark.parametrize("row", TABLE["cascade"])
def test_cascades(row):
    T, ratio = 0.5, row["ratio"]
    least = 3 * BOLTZMANN * T
    r = qpc.Reservoirs(11.5, 1.5, T)
    energy = 10.75 + ratio * least * (1 + 1e-12)
    end = float(qpc.cascade_distance(SADDLE, r, LAW, energy))
    # In units of l of 1/x^2 alone, at x and not at x_c.
    rate = float(LAW.rate(least, 10.75, T))
    path = np.sqrt(qpc.constants.HBAR2_OVER_2M / 0.067 * (11.5 + least)) / rate
    assert end / path * ratio**2 == pytest.approx(row["mean_distance_over_l"], rel=1e-9)
    assert row["monte_carlo"] == pytest.approx(row["mean_distance_over_l"], rel=0.01)


def test_cascades_without_an_answer():
    r = qpc.Reservoirs(11.5, 1.5, np.array([0.0, 0.5, 5.0]))
    found = np.asarray(qpc.cascade_distance(SADDLE, r, LAW, 11.5))
    assert np.isinf(found[0])
    assert found[1] > 0
    assert np.isnan(found[2])  # x is below 3 kT
    assert np.isnan(qpc.cascade_distance(SADDLE, POINT, LAW, 11.5, cutoff=-1.0))
    assert np.isnan(qpc.cascade_distance(SADDLE, POINT, LAW, 10.0))


def test_no_answer_is_nan():
    q = np.array([-0.1, 0.0, 0.5, 1.0, np.nan])
    found = np.asarray(qpc.heat_quantiles(SADDLE, POINT, LAW, q))
    assert list(np.isfinite(found)) == [False, False, True, False, False]
    hot, law = qpc.Reservoirs(22.0, 25.0, 0.5), qpc.RPADamping(2.0)  # plasmons are emitted
    assert np.isnan(qpc.heat_spread(SADDLE, hot, law).median)
    assert np.isnan(qpc.heat_quantiles(SADDLE, hot, law, 0.5, free_path="exponential"))
    below = qpc.Reservoirs(0.5, 1.5, 0.5)
    assert np.all(np.isnan(qpc.heat_quantiles(SADDLE, below, LAW, QUANTILES)))
    negative = np.full(len(ROWS[0]["downstream"]["distances_nm"]), -1.0)
    found = qpc.power_per_length(SADDLE, POINT, LAW, negative, free_path="exponential")
    assert np.all(np.isnan(found))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"free_path": "random"}, "free_path must be a whole number, 1 or more: the number of an"),
        ({"free_path": 0}, "free_path must be a whole number, 1 or more"),
        ({"free_path": 101}, "free_path must be at most 100"),
        ({"side": "left"}, 'side must be "downstream" or "upstream"'),
    ],
)
def test_unknown_options(options, message):
    with pytest.raises(ValueError, match=message):
        qpc.heat_quantiles(SADDLE, POINT, LAW, 0.5, **options)
    with pytest.raises(ValueError, match=message):
        qpc.power_per_length(SADDLE, POINT, LAW, 500.0, **options)
    with pytest.raises(ValueError, match="got 'all'"):
        qpc.power_per_length(SADDLE, POINT, LAW, 500.0, part="all")
    with pytest.raises(ValueError, match="p\\(r\\) is infinite at the longest path"):
        qpc.power_per_length(SADDLE, POINT, LAW, 500.0, thermal=True)
