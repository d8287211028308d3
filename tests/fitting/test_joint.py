"""Joint fits of a device to several kinds of data, against closed forms and scipy."""

import numpy as np
import pytest
import scipy.optimize

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, RESISTANCE_QUANTUM
from qpcjax.fitting import Device, GateCurve, Gated, Ratio, StepPositions, fit, trace_device
from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.measurements import (
    BiasSpectroscopy,
    ConductanceTrace,
    DissipationData,
    HotSpotData,
    InputError,
)
from qpcjax.measurements.circuit import Resolution
from qpcjax.optimise.descents import descend
from qpcjax.optimise.losses import LOSSES, information_share, transformed

RANGE = (-100.0, 0.0)
TEMPERATURE, MU, RESISTANCE = 1.0, 10.0, 400.0
GATE = np.linspace(*RANGE, 60)


def saddle_conductance(gate, mu=MU):
    """G of three saddle-point steps at 1 K behind a resistance, by the trapezoidal rule."""
    x = np.linspace(-40, 40, 4001)
    energy = mu + BOLTZMANN * TEMPERATURE * x
    height = 2.0 - 0.09 * gate[:, None]
    n = np.arange(8)
    t = np.zeros((gate.size, x.size))
    for k in n:
        t += 1 / (1 + np.exp(-2 * np.pi * (energy - height - 2.5 * (k + 0.5)) / 0.8))
    g = np.trapezoid(t / (4 * np.cosh(x / 2) ** 2), x, axis=1)
    return g / (1 + RESISTANCE / RESISTANCE_QUANTUM * g)


def saddle_device(**changes):
    scatterer = qpc.SaddlePoint(6.0, 2.5, 1.2)
    numbers = {"series_resistance": 0.0, "temperature": TEMPERATURE} | changes
    return Device(Gated(scatterer, height=GateCurve(RANGE, [10.0, 3.0])), MU, **numbers)


@pytest.fixture(scope="module")
def trace():
    noise = 0.003 * np.random.default_rng(2).standard_normal(GATE.size)
    return ConductanceTrace(GATE, saddle_conductance(GATE) + noise, sigma=0.003)


@pytest.fixture(scope="module")
def fitted(trace):
    return fit(saddle_device(), trace)


def test_saddle_is_recovered(fitted):
    true = {"height_1": 11.0, "height_2": 2.0, "hbar_omega_x": 0.8, "series_resistance": RESISTANCE}
    assert fitted.status == "converged"
    for name, value in true.items():
        assert abs(fitted.values()[name] - value) < 4 * fitted.stderr[name], name
    assert 0.5 < fitted.reduced_chi_square < 1.6
    assert not fitted.at_bound


def rosenbrock(x):
    """Residuals of Rosenbrock's valley, and their Jacobian."""
    residual = np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])
    return residual, np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])


def test_a_curved_valley():
    """Against scipy from the same starts; one row has no finite value at its full step."""

    def linearise(rows, _):
        found = [rosenbrock(x) for x in rows]
        residual = np.array([r for r, _ in found])
        residual[np.abs(rows[:, 0]) > 4] = np.nan
        return residual, np.array([j for _, j in found])

    starts = np.array([[-1.2, 1.0], [3.9, -3.0]])
    end = descend(linearise, starts, 400)
    assert np.all(end.converged)
    for start, found in zip(starts, end.vectors, strict=True):
        exact = scipy.optimize.least_squares(
            lambda x: rosenbrock(x)[0], start, lambda x: rosenbrock(x)[1], xtol=1e-14
        )
        np.testing.assert_allclose(found, exact.x, atol=1e-5)


def test_the_edge_of_what_is_known_is_no_minimum():
    """Where a model has no value beyond, a descent says so instead of having converged."""

    def linearise(rows, _):
        residual = np.where(rows > 2, np.nan, rows - 3)
        return residual, np.ones((len(rows), 1, 1))

    end = descend(linearise, np.array([[0.0]]), 200)
    assert end.walled[0]
    assert not end.converged[0]
    assert end.vectors[0, 0] == pytest.approx(2, abs=0.2)


@pytest.mark.end_to_end
def test_more_modes_are_found_on_the_way():
    """dI/dV of a saddle whose start needs fewer modes than the truth: the search walks there."""
    gate, bias = np.linspace(-50, 0, 9), np.linspace(-3, 3, 7)

    def device(height, y, x):
        barrier = Gated(qpc.SaddlePoint(3.0, y, x), height=GateCurve((-50.0, 0.0), height))
        return Device(barrier, mu=5.0, temperature=0.5)

    truth = device([4.8, 0.6], 2.0, 0.8)
    settings = dict(gate=np.repeat(gate, 7), bias=np.tile(bias, 9))
    exact = Predictor(truth, "differential_conductance", settings).predict(
        DeviceNumbers(truth).values
    )[0]
    data = BiasSpectroscopy(gate[:, None], bias, exact.reshape(9, 7), temperature=0.5)
    found = fit(device([4.5, 1.0], 2.2, 1.0), data, free=["hbar_omega_y"], starts=[{}])
    assert found.status == "converged"
    assert found.rms < 1e-6
    assert found.values()["height_2"] == pytest.approx(0.6, abs=1e-6)


def test_a_slope_without_a_value_is_none():
    """Too few modes: dI/dV is NaN, and not the derivative of a constant."""
    scatterer = qpc.SaddlePoint(1.0, 2.0, 0.8, modes=2)
    device = Device(scatterer, 5.0, temperature=0.5)
    settings = dict(mu=np.array([0.5, 10.0]), bias=np.array([1.0, 1.0]))
    kernel = Predictor(device, "differential_conductance", settings, resolution=Resolution(8, 40))
    value = kernel.predict(kernel.layout.values)[0]
    assert np.isfinite(value[0])
    assert np.isnan(value[1])


def test_profile_agrees_with_the_covariance(fitted):
    profile = fitted.profile("hbar_omega_x", points=7)
    low, high = profile.interval
    assert (high - low) / 2 == pytest.approx(fitted.stderr["hbar_omega_x"], rel=0.1)
    with pytest.raises(ValueError, match="is not a free parameter"):
        fitted.profile("mu")


def test_robust_loss_ignores_outliers(trace, fitted):
    rng = np.random.default_rng(3)
    moved = rng.choice(GATE.size, 6, replace=False)
    y = trace.conductance.copy()
    y[moved] += 0.65  # 50 uS
    outliers = ConductanceTrace(GATE, y, sigma=0.003)
    clean, robust = (fit(saddle_device(), t, loss="student_t") for t in (trace, outliers))
    least_squares = fit(saddle_device(), outliers)
    for name in ("height_1", "height_2", "hbar_omega_x"):
        error = fitted.stderr[name]
        assert abs(robust.values()[name] - clean.values()[name]) < error, name
    shift = least_squares.values()["height_2"] - fitted.values()["height_2"]
    assert abs(shift) > 3 * fitted.stderr["height_2"]


def test_held_tied_and_prior(trace):
    device = saddle_device()
    tied = fit(
        device, trace, tied={"height_1": ("height_2", 5.5)}, fixed={"series_resistance": 400.0}
    )
    names = [p.name for p in tied.free]
    assert "height_1" not in names
    assert "series_resistance" not in names
    assert tied.values()["height_2"] == pytest.approx(2.0, abs=0.05)
    strong = fit(device, trace, priors={"hbar_omega_x": (0.9, 1e-6)})
    assert strong.values()["hbar_omega_x"] == pytest.approx(0.9, abs=1e-4)


def test_finite_bias_behind_a_resistance():
    constriction = qpc.SaddlePoint(6.0, 2.5, 1.2)
    device = Device(constriction, MU, series_resistance=3000.0, temperature=TEMPERATURE)
    settings = dict(bias=np.array([-3.0, 0.0, 1.5]), mu=np.array([9.0, 10.0, 11.0]))
    kernel = Predictor(device, "differential_conductance", settings, order=16)
    found = kernel.predict(kernel.layout.values[None])[0]

    def current(bias, mu):
        def mismatch(v):
            flow = float(qpc.current(constriction, qpc.Reservoirs(mu, v, TEMPERATURE)))
            return v + 1e-6 * 3000.0 * flow - bias

        voltage = scipy.optimize.brentq(mismatch, -10, 10, xtol=1e-13)
        return (bias - voltage) / (1e-6 * 3000.0)

    for value, bias, mu in zip(found, settings["bias"], settings["mu"], strict=True):
        h = 1e-3
        slope = (current(bias + h, mu) - current(bias - h, mu)) / (2 * h)
        assert value == pytest.approx(slope / 1e6 * RESISTANCE_QUANTUM, rel=2e-6)


def test_slopes_are_those_of_the_predictions():
    c = qpc.AbruptConstriction(20.0, 60.0)
    barrier = Gated(
        c, half_width=GateCurve(RANGE, [15.0, 30.0], "positive"), length=Ratio("half_width", 3.0)
    )
    device = Device(barrier, 7.0, GateCurve(RANGE, [0.15, 0.3], "log"), 300.0)
    layout = DeviceNumbers(device)
    assert "length_over_half_width" in layout.names
    assert "smearing_2" in layout.names
    moving = [i for i, n in enumerate(layout.names) if n != "mass"]
    kernel = Predictor(device, "conductance", dict(gate=GATE[::10]), order=12, moving=moving)
    x = kernel.layout.values
    y, slopes = kernel.linearise(x[None])
    for k, i in enumerate(moving):
        step = np.zeros(x.size)
        step[i] = 1e-5 * max(1.0, abs(x[i]))
        up, down = kernel.predict([x + step])[0], kernel.predict([x - step])[0]
        wanted = (up - down) / (2 * step[i])
        np.testing.assert_allclose(
            slopes[0, :, k], wanted, atol=3e-5 * max(np.abs(wanted).max(), 1e-6)
        )
    assert np.all(np.isfinite(y))


@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss):
    r = np.array([-40.0, -3.0, -1.0, -1e-6, 0.0, 0.4, 1.3, 1.4, 7.0])
    z, dz = transformed(loss, r)
    a = np.abs(r)
    wanted = {
        "linear": r**2 / 2,
        "huber": np.where(a <= 1.345, r**2 / 2, 1.345 * a - 1.345**2 / 2),
        "soft_l1": np.sqrt(1 + r**2) - 1,
        "student_t": 2.5 * np.log1p(r**2 / 4),
    }[loss]
    np.testing.assert_allclose(z**2 / 2, wanted, rtol=1e-9, atol=1e-15)
    h = 1e-6
    np.testing.assert_allclose(
        dz, (transformed(loss, r + h)[0] - transformed(loss, r - h)[0]) / (2 * h), rtol=1e-5
    )
    assert 0 < information_share(loss, np.random.default_rng(0).standard_normal(4000)) < 1.05


def test_step_positions_pass_their_points():
    curve = StepPositions(np.array([-80.0, -50.0, -30.0]), (10.0, 20.0, 30.0))
    values = [float(curve(np.float64(g))) for g in (-80.0, -50.0, -30.0)]
    np.testing.assert_allclose(values, [10, 20, 30], rtol=1e-12)
    outer = [float(curve(np.float64(g))) for g in (-20.0, -10.0)]
    assert outer[1] - outer[0] == pytest.approx(5.0)  # a straight line of the last chord


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ConductanceTrace([0, 1], [0, 1], sigma=0.0), "sigma must be positive"),
        (lambda: ConductanceTrace([0, 1], [0, 1], sigma=[1, -1]), "sigma must be positive"),
        (lambda: BiasSpectroscopy([0, 1], [1, 2, 3], [1, 2]), "broadcast"),
        (lambda: BiasSpectroscopy([0.0], [1.0], [np.nan]), "no point has all of"),
        (lambda: HotSpotData([1.0], [1.0]), "give one of gate and mu"),
        (lambda: DissipationData([1.0], [1.0], "up", mu=[1.0]), "side must be one of"),
    ],
)
def test_bad_data(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_missing_points_are_left_out():
    data = BiasSpectroscopy(
        [[0.0], [1.0]], [1.0, 2.0], [[1.0, np.nan], [3.0, 4.0]], bias_offset=0.5
    )
    assert data.dropped == 1
    np.testing.assert_array_equal(data.gate, [0, 1, 1])
    np.testing.assert_array_equal(data.bias, [0.5, 0.5, 1.5])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fixed": {"hbar_omega": 1.0}}, "did you mean hbar_omega_"),
        ({"bounds": {"mu": (3.0, 2.0)}}, "contradict"),
        ({"priors": {"heigth_1": (1.0, 1.0)}}, "did you mean height_"),
        ({"priors": {"mu": (1.0, -1.0)}}, "positive standard deviation"),
        ({"free": ("mu",), "fixed": ("mu",)}, "cannot be fixed and free"),
        ({"loss": "cubic"}, "loss must be one of"),
        ({"starts": 0}, "starts must be 1 or more"),
    ],
)
def test_bad_questions(trace, options, words):
    with pytest.raises(ValueError, match=words):
        fit(saddle_device(), trace, **options)


def test_data_that_the_device_cannot_predict(trace):
    with pytest.raises(InputError, match="must be Gated"):
        fit(Device(qpc.SaddlePoint(6.0, 2.5, 1.2), MU, temperature=1.0), trace)
    with pytest.raises(InputError, match="temperature above 0"):
        fit(saddle_device(temperature=None), trace)
    few = ConductanceTrace(GATE[:3], [0.1, 0.6, 1.2])
    with pytest.raises(InputError, match="3 points cannot determine 4 free parameters"):
        fit(saddle_device(), few)
    flat = ConductanceTrace(GATE, 0.01 + 0 * GATE)
    with pytest.raises(InputError, match="no conductance step"):
        trace_device(flat)
    with pytest.raises(ValueError, match="the barrier has no number"):
        Gated(qpc.SaddlePoint(6.0, 2.5, 1.2), hight=GateCurve(RANGE, [1.0]))


# --- what data leave open -------------------------------------------------------------------


def _beyond(found, direction):
    """Share of a direction that the flat directions of a fit do not hold."""
    names = [p.name for p in found.parameters]
    flat = np.array([[d.changes.get(n, 0.0) for n in names] for d in found.flat_directions])
    wanted = np.array([direction.get(n, 0.0) for n in names])
    if not flat.size:
        return 1.0
    rest = wanted - flat.T @ np.linalg.lstsq(flat.T, wanted, rcond=None)[0]
    return np.linalg.norm(rest) / np.linalg.norm(wanted)


@pytest.mark.slow
def test_energy_scale_is_flat_until_the_temperature_is_known(trace, fitted):
    # All energies times a factor, relative to mu or to themselves, give the same trace.
    scale = {"mu": 1.0, "height_1": 1.1, "height_2": 0.2}
    scale |= {"hbar_omega_x": 1.0, "hbar_omega_y": 1.0, "temperature": 1.0}
    shift = {"mu": 1.0, "height_1": 1.0, "height_2": 1.0}
    assert _beyond(fitted, scale) < 0.05
    assert _beyond(fitted, shift) < 0.05
    gate, bias = np.meshgrid([-90.0, -50.0, -10.0], [-2.0, 0.7, 1.4])
    g = [
        float(
            qpc.differential_conductance(
                qpc.SaddlePoint(2.0 - 0.09 * x, 2.5, 0.8), qpc.Reservoirs(MU, v, TEMPERATURE)
            )
        )
        for x, v in zip(gate.ravel(), bias.ravel(), strict=True)
    ]
    spectrum = BiasSpectroscopy(gate, bias, np.reshape(g, gate.shape), sigma=0.003, temperature=1.0)
    known = ConductanceTrace(
        GATE, trace.conductance * (1 + 0 * GATE), sigma=0.003, temperature=TEMPERATURE
    )
    joint = fit(saddle_device(), [known, spectrum], private=("series_resistance",), starts=3)
    values = joint.values()
    assert values["series_resistance@trace"] == pytest.approx(RESISTANCE, abs=30)
    assert values["series_resistance@bias spectroscopy"] == pytest.approx(0.0, abs=30)
    assert _beyond(joint, scale) > 0.5
    assert _beyond(joint, shift) < 0.05


def test_bootstrap_agrees_with_the_covariance(fitted):
    drawn = fitted.bootstrap(60, seed=1)
    errors = np.array(list(fitted.stderr.values()))
    np.testing.assert_allclose(np.nanstd(drawn, axis=0), errors, rtol=0.35)
    np.testing.assert_array_equal(drawn[:2], fitted.bootstrap(60, seed=1)[:2])


def test_a_parameter_on_its_bound_is_named(trace):
    found = fit(saddle_device(), trace, bounds={"hbar_omega_x": (1.0, 3.0)}, starts=3)
    assert found.at_bound == ("hbar_omega_x",)


def test_a_tied_number_is_spoken_to_by_its_target(trace):
    with pytest.raises(ValueError, match="height_1 is tied to height_2: say it of height_2"):
        fit(saddle_device(), trace, tied={"height_1": "height_2"}, fixed={"height_1": 3.0})


# --- finite bias ----------------------------------------------------------------------------

BARRIER = qpc.SaddlePoint(6.0, 2.5, 1.2)


def test_lock_in_shows_the_first_harmonic():
    amplitude = 0.3
    device = Device(BARRIER, MU, temperature=TEMPERATURE, excitation=amplitude)
    settings = dict(bias=np.array([0.0, 1.0]), mu=np.array([8.3, 8.3]))
    kernel = Predictor(device, "differential_conductance", settings, order=16)
    angle = 2 * np.pi * np.arange(64) / 64
    for value, bias in zip(kernel.predict(kernel.layout.values)[0], settings["bias"], strict=True):
        swing = np.sqrt(2) * amplitude * np.sin(angle)
        flow = qpc.current(BARRIER, qpc.Reservoirs(8.3, bias + swing, TEMPERATURE))
        harmonic = 2 * np.mean(np.asarray(flow) * np.sin(angle)) / (np.sqrt(2) * amplitude)
        assert value == pytest.approx(harmonic / 1e6 * RESISTANCE_QUANTUM, rel=1e-5)


def test_heat_behind_a_resistance_with_an_uneven_drop():
    resistance, share, bias = 2000.0, 0.3, 1.5
    damping = qpc.QuadraticDamping(0.05)
    device = Device(BARRIER, MU, None, resistance, TEMPERATURE, share, damping=damping)
    settings = dict(bias=np.array([bias]), mu=np.array([9.0]))

    def reservoirs(voltage):
        return qpc.Reservoirs(9.0 + (share - 0.5) * voltage, voltage, TEMPERATURE)

    def mismatch(v):
        return v + 1e-6 * resistance * float(qpc.current(BARRIER, reservoirs(v))) - bias

    at = reservoirs(scipy.optimize.brentq(mismatch, -5, 5, xtol=1e-13))
    power = qpc.dissipation(BARRIER, at)
    distance = qpc.hot_spot(BARRIER, at, damping).distance
    kernel = Predictor(device, "heating", settings, order=16)
    found = kernel.predict(kernel.layout.values)[0, 0]
    wanted = [power.left, power.right, power.asymmetry, distance]
    np.testing.assert_allclose(found, np.array(wanted, float), rtol=1e-6)


def test_one_kernel_stands_for_smearing_and_temperature():
    # The stated distance from the convolution of both, at its worst.
    x = np.linspace(-60, 60, 12001)
    width = BOLTZMANN * TEMPERATURE

    def logistic(s):
        return 1 / (4 * s * np.cosh(x / (2 * s)) ** 2)

    both = np.convolve(logistic(1.0), logistic(1.0), "same") * (x[1] - x[0])
    step = np.cumsum(both) * (x[1] - x[0])
    for offset in (-3.0, -1.5, 1.5, 3.0):
        device = Device(qpc.IdealStep(MU), MU, width, None, TEMPERATURE)
        settings = dict(mu=np.array([MU + offset * width]))
        kernel = Predictor(device, "conductance", settings, order=16)
        found = kernel.predict(kernel.layout.values)[0, 0]
        wanted = np.interp(offset, x, step)
        assert abs(found - wanted) < 0.011
        assert found == pytest.approx(1 / (1 + np.exp(-offset / np.sqrt(2))), abs=1e-7)
