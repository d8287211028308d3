"""A barrier that its electrons raise, against 30-digit arithmetic and SciPy."""

import itertools

import jax
import numpy as np
import pytest
from barriers import Barrier, reservoir_rows
from scipy import integrate, optimize, special

import qpcjax as qpc
from qpcjax.scatterers import hartree

# Eagerly each of their operations would be a program of its own.
filling, raised = jax.jit(hartree.filling), jax.jit(hartree.raised)
slope_of_filling = jax.jit(jax.vmap(jax.grad(hartree.filling)))
shifts_of = jax.jit(lambda barrier: barrier.shifts)
openings_of = jax.jit(lambda barrier: barrier.openings())

# (y, v, N, T) at b = 0.5, by 30-digit arithmetic.
REFERENCE = [
    (-1.0, -1.00877159827841, 0.017543196556819855, 0.0017641882122049124),
    (0.0, -0.18792194006072374, 0.3758438801214475, 0.2349176635170087),
    (0.5, 0.07111669547542929, 0.8577666090491415, 0.6098875050540603),
    (1.0, 0.29812700263709074, 1.4037459947258184, 0.8668266328224297),
]
MODES = 3
SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.4, modes=MODES)
BARRIER = Barrier(lambda p: qpc.HartreeBarrier(qpc.SaddlePoint(*p[:3], modes=MODES), p[3], p[4]), 5)


def density(z):
    log = np.pi * z / 2 + 2 * special.loggamma(0.25 + 0.5j * z).real
    return np.exp(log) / (2 * np.pi)


def written_filling(v):
    start = min(v, -12.0) - 8
    ends = [start, *(x for x in (-3.0, -0.5, 0.5, 3.0, 12.0, 40.0, 1e3) if x < v), v]
    parts = [
        integrate.quad(density, *pair, epsabs=1e-14, epsrel=1e-13)[0]
        for pair in itertools.pairwise(ends)
    ]
    return sum(parts)


def written_shifts(height, y, x, mu, b):
    shifts = []
    for n in range(MODES):
        wanted = (mu - height - y * (n + 0.5)) / x
        lower = wanted - b * written_filling(wanted)
        v = optimize.brentq(lambda v, w=wanted: v + b * written_filling(v) - w, lower, wanted)
        shifts.append(x * b * written_filling(v))
    return np.array(shifts)


@pytest.mark.parametrize(("y", "v", "n", "t"), REFERENCE)
def test_numbers_made_elsewhere(y, v, n, t):
    assert float(filling(v)) == pytest.approx(n, rel=1e-13)
    assert float(raised(y, 0.5)) == pytest.approx(y - v, rel=1e-12)
    for x in (0.3, 2.0):  # whatever hbar omega_x is
        saddle = qpc.SaddlePoint(4.0, 3.0, x, modes=2)
        mu = 5.5 + y * x
        c = qpc.HartreeBarrier(saddle, mu, strength=0.5)
        assert float(qpc.eigenvalues(c, mu)[0]) == pytest.approx(t, rel=1e-11)


def test_the_filling_everywhere():
    v = np.array([-14.0, -11.9, -5.2, -1.0, -0.03, 0.4, 2.0, 7.7, 24.9, 33.9, 34.1, 60.0])
    exact = [written_filling(x) for x in v]
    np.testing.assert_allclose(filling(v), exact, rtol=1e-11, atol=1e-15)
    slope = slope_of_filling(v)
    np.testing.assert_allclose(slope, density(v), rtol=1e-9, atol=1e-12)
    # far above the top it is that of a classical barrier
    assert float(filling(1e4)) == pytest.approx(2 * np.sqrt(2e4), rel=1e-8)


def test_shifts_and_no_strength():
    c = qpc.HartreeBarrier(SADDLE, 14.2, 0.7)
    np.testing.assert_allclose(shifts_of(c), written_shifts(10, 3, 1.4, 14.2, 0.7), rtol=1e-9)
    energy = np.linspace(10.0, 16.0, 7)
    none = qpc.HartreeBarrier(SADDLE, 14.2, 0.0)
    np.testing.assert_allclose(
        qpc.transmission(none, energy), qpc.transmission(SADDLE, energy), rtol=1e-14
    )
    assert c.weight == 1
    assert len(qpc.eigenvalues(c, 12.0)) == MODES


def test_integrals_and_gradients():
    parameters = [10.0, 3.0, 0.9, 13.6, 0.5]
    rows = reservoir_rows(parameters, [(13.4, 1.0, 0.0, 0.0), (12.1, 0.5, 0.1, 0.1)])
    shifts = written_shifts(*parameters)
    tops = 10 + 3 * (np.arange(MODES) + 0.5) + shifts

    def fixed(energy, *_):
        return np.sum(special.expit(2 * np.pi * (energy - tops) / 0.9))

    def breaks(*_):
        s = 0.9 / (2 * np.pi)
        around = (tops[:, None] + s * np.arange(-40, 41, 4)).reshape(-1)
        return np.concatenate([around, tops[0] - s * np.arange(40, 300, 10)])

    assert np.max(BARRIER.integral_errors(rows, fixed, breaks)) < 1e-9
    BARRIER.check_gradients(rows, [3e-3, 3e-3, 3e-3, 1e-2, 1e-2])


def test_other_barriers():
    mu = 17.0
    channel = qpc.AbruptConstriction(20.0, 80.0, modes=3)
    c = qpc.HartreeBarrier(channel, mu, 0.5)
    tops, widths = openings_of(channel)
    shifts = np.asarray(shifts_of(c))
    unit = 2 * np.pi * np.asarray(widths)
    for n, shift in enumerate(shifts):
        wanted = (mu - float(tops[n])) / unit[n]
        v = wanted - shift / unit[n]
        assert v + 0.5 * written_filling(v) == pytest.approx(wanted, abs=1e-9)
    energy = mu + 0.2
    alone = [float(qpc.eigenvalues(channel, energy - s)[n]) for n, s in enumerate(shifts)]
    assert float(qpc.transmission(c, energy)) == pytest.approx(sum(alone), rel=1e-12)
    # A step that jumps has no states at its top that could fill.
    step = qpc.HartreeBarrier(qpc.IdealStep(5.0), 6.0, 0.5)
    np.testing.assert_allclose(shifts_of(step), [0.0])


def test_follows_the_potential_of_a_sweep():
    mu = [11.4, 12.4]
    swept = qpc.sweep(qpc.HartreeBarrier(SADDLE, 0.0), {"mu": mu, "temperature": [0.3]},
                      "conductance")  # fmt: skip
    alone = [qpc.conductance(qpc.HartreeBarrier(SADDLE, m), m, 0.3) for m in mu]
    np.testing.assert_allclose(np.ravel(swept["conductance"]), alone, rtol=1e-12)


def test_bad_parameters():
    with pytest.raises(ValueError, match="strength must be 0 or more"):
        qpc.HartreeBarrier(SADDLE, 12.0, -0.5)
    with pytest.raises(ValueError, match="BreitWigner is none"):
        qpc.HartreeBarrier(qpc.BreitWigner(5.0, 0.4), 5.0)
