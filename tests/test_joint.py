"""Joint fits of a device to several kinds of data, against closed forms and scipy."""

import numpy as np
import pytest
import scipy.optimize

import qpcjax as qpc
from qpcjax.data import BiasSpectroscopy, ConductanceTrace, DissipationData, HotSpotData, InputError
from qpcjax.fitting import Device, GateCurve, Gated, Ratio, StepPositions, fit, trace_device
from qpcjax.fitting.kernel import Kernel
from qpcjax.fitting.layout import Layout
from qpcjax.fitting.losses import LOSSES, information_share, transformed
from qpcjax.fitting.observe import Inputs
from qpcjax.units import BOLTZMANN, RESISTANCE_QUANTUM

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
    inputs = Inputs(None, np.array([-3.0, 0.0, 1.5]), np.array([9.0, 10.0, 11.0]), None)
    kernel = Kernel(device, "differential_conductance", inputs, order=16)
    found = kernel.predict(kernel.layout.values[None])[0]

    def current(bias, mu):
        def mismatch(v):
            flow = float(qpc.current(constriction, qpc.Reservoirs(mu, v, TEMPERATURE)))
            return v + 1e-6 * 3000.0 * flow - bias

        voltage = scipy.optimize.brentq(mismatch, -10, 10, xtol=1e-13)
        return (bias - voltage) / (1e-6 * 3000.0)

    for value, bias, mu in zip(found, inputs.bias, inputs.mu, strict=True):
        h = 1e-3
        slope = (current(bias + h, mu) - current(bias - h, mu)) / (2 * h)
        assert value == pytest.approx(slope / 1e6 * RESISTANCE_QUANTUM, rel=2e-6)


def test_slopes_are_those_of_the_predictions():
    c = qpc.AbruptConstriction(20.0, 60.0)
    barrier = Gated(
        c, half_width=GateCurve(RANGE, [15.0, 30.0], "positive"), length=Ratio("half_width", 3.0)
    )
    device = Device(barrier, 7.0, GateCurve(RANGE, [0.15, 0.3], "log"), 300.0)
    layout = Layout(device)
    assert "length_over_half_width" in layout.names
    assert "smearing_2" in layout.names
    moving = [i for i, n in enumerate(layout.names) if n != "mass"]
    kernel = Kernel(device, "conductance", Inputs(gate=GATE[::10]), order=12, moving=moving)
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
