"""The voltage drop along the channel against Airy functions, wave equation, limits, differences."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import oracle
import pytest
from helpers import HALF_WIDTH, MASS, in_rows, kelvin, ulp
from scipy.integrate import quad, solve_ivp
from scipy.special import airy

import qpcjax as qpc
from qpcjax.constants import CONDUCTANCE_QUANTUM

MODES = 4
INTEGRAL_MODES = 2


def constriction(ell, offset=0.0, modes=MODES, **options):
    """Constriction with E1 = 1 meV and L/2w = ell: energies are in E1."""
    length = 2 * HALF_WIDTH * ell
    return qpc.BiasedConstriction(HALF_WIDTH, length, offset, MASS, modes=modes, **options)


def eigenvalues(x, kind=qpc.BiasedConstriction, matching="mean"):
    """T_n of a vector (w, L, U, m, E, eV)."""
    c = kind(*x[:4], matching=matching, modes=MODES, aspect_limit=1)
    return c.eigenvalues(x[4], x[5])


def values_and_slopes(x):
    return eigenvalues(x), jax.jacrev(eigenvalues)(x)


rows = in_rows(values_and_slopes)
profile_rows = in_rows(lambda x: eigenvalues(x, matching="profile"))


def vectors(e, ell, v, offset=0.0):
    """Vectors (w, L, U, m, E, eV) from numbers in E1 that broadcast."""
    e, ell, v, offset = np.broadcast_arrays(e, ell, v, offset)
    w = np.full(e.shape, HALF_WIDTH)
    columns = (w, 2 * w * ell, offset, np.full(e.shape, MASS), e, v)
    return np.stack([column.ravel() for column in columns], axis=1).astype(float)


# --- the oracle: PHYSICS.md in arbitrary precision ------------------------------------------


def airy_matrix(k2, v, depth):
    """Transfer matrix of phi'' = -[k2 + v (x/depth - 1/2)] phi from Airy functions."""
    slope = mp.cbrt(v / depth)

    def solutions(square):
        xi = -square / slope**2
        ai, bi = mp.airyai(xi), mp.airybi(xi)
        rates = mp.airyai(xi, derivative=1), mp.airybi(xi, derivative=1)
        return mp.matrix([[ai, bi], [-slope * rates[0], -slope * rates[1]]])

    start = solutions(k2 - v / 2)
    adjugate = mp.matrix([[start[1, 1], -start[0, 1]], [-start[1, 0], start[0, 0]]])
    return solutions(k2 + v / 2) * adjugate * (-mp.pi / slope)  # Ai Bi' - Ai' Bi = 1/pi


def airy_eigenvalue(e, ell, v, n, offset=0.0, wavevector=oracle.averaged_wavevector, digits=50):
    """T_n as its definition says, in units of E1."""
    with mp.workdps(digits):
        e, ell, v, offset = (mp.mpf(x) for x in (e, ell, v, offset))
        if e - v / 2 <= (n - 1) ** 2 and wavevector is oracle.averaged_wavevector:
            return mp.mpf(0)
        left, right = wavevector(e - v / 2, n), wavevector(e + v / 2, n)
        m = airy_matrix(e - n * n - offset, v, mp.pi * ell)
        d = left * right * m[0, 1] - m[1, 0] + 1j * (right * m[0, 0] + left * m[1, 1])
        return 4 * mp.re(left) * mp.re(right) / abs(d) ** 2


def profile_wavevector(e, n):
    """A_n of the mode's own profile by its definition, in double precision."""
    e = float(e)

    def weight(s):
        sinc = np.sinc((s - n) / 2)
        return 2 * n * n / (n + s) ** 2 * sinc**2

    root = np.sqrt(e)
    options = {"epsabs": 0, "epsrel": 1e-12, "limit": 2000}
    # s = sqrt(e) sin or cosh of the variable: no square root is left.
    real = quad(lambda t: weight(root * np.sin(t)) * e * np.cos(t) ** 2, 0, np.pi / 2, **options)[0]
    top = np.arccosh(60 / root)
    imag = quad(lambda t: weight(root * np.cosh(t)) * e * np.sinh(t) ** 2, 0, top, **options)[0]
    # Beyond s = 60 the mean of the weight, 4 n^2/pi^2 s^4, and its oscillation at the edge.
    imag += 2 * n * n / (np.pi**2 * 60**2) * (1 + (2 * n * n - e / 2) / (2 * 60**2))
    return mp.mpc(real, imag)


# --- values ---------------------------------------------------------------------------------


def tolerance(e, v, n, value):
    """1e-11, and the condition number just above an onset."""
    gap = np.abs(e - v / 2 - (n - 1) ** 2)
    return (1e-11 + 8 * ulp(e) / np.where(gap == 0, 1, gap)) * value


GRID = [
    (e, ell, v, 0.0)
    for ell in (0.02, 0.5, 2.0, 5.0)
    for v in (1e-6, 1e-2, 0.3, 2.0)
    for e in (0.2, 0.9, 1.0, 1.02, 1.7, 3.9, 4.0, 5.5, 9.0)
]
HARD = [
    (1.02, 15.0, 0.05, 0.0),  # a turning point next to the left end, long channel
    (1.4, 15.0, 1.0, 0.0),  # one in the middle
    (8.9, 15.0, 2.0, 0.0),
    (0.9, 15.0, 0.02, 20.0),  # |K| L = 210
    (0.3, 40.0, 1e-3, 2.0),
    (6.0, 0.0, 0.7, 0.0),  # no length
    (2.3, 1.5, 0.4, 1.1),
    (1.3, 1.5, 0.4, -0.6),
    (1.0, 3.0, 1e-9, 0.0),  # K_1 = 0 and nearly no bias
    (1.0 + 1e-7, 3.0, 1e-9, 0.0),
]


def test_airy_functions():
    points = np.array(GRID + HARD)
    values = rows(vectors(*points.T))[0]
    smallest = 1.0
    for (e, ell, v, offset), row in zip(points, values, strict=True):
        for n in range(1, MODES + 1):
            digits = 120 if v < 1e-3 or ell > 10 else 50
            exact = float(airy_eigenvalue(e, ell or 1e-30, v, n, offset, digits=digits))
            assert abs(row[n - 1] - exact) <= tolerance(e, v, n, exact), (e, ell, v, offset, n)
            smallest = min(smallest, exact) if exact > 0 else smallest
    assert smallest < 1e-180


@pytest.mark.parametrize(
    ("e", "ell", "v", "n", "offset"),
    [
        (1.1, 2.0, 0.5, 1, 0.0),
        (0.8, 0.7, 1.1, 1, 0.0),
        (3.2, 1.3, 0.9, 2, -0.5),
        (6.1, 1.0, 2.0, 2, 0.3),
    ],
)
def test_schroedinger_equation(e, ell, v, n, offset):
    """Reflection of a wave that leaves to the right alone, followed back to the left."""
    depth = np.pi * ell
    left, right = (complex(oracle.averaged_wavevector(mp.mpf(e + s * v / 2), n)) for s in (-1, 1))

    def back(x, phi):
        return [phi[1], -(e - n * n - offset - v * (0.5 - x / depth)) * phi[0]]

    solution = solve_ivp(back, (depth, 0), [1 + 0j, 1j * right], "DOP853", rtol=1e-12, atol=1e-14)
    value, rate = solution.y[:, -1]
    reflected = (1j * np.conj(left) * value - rate) / (1j * left * value + rate)
    found = rows(vectors(e, ell, v, offset))[0][0, n - 1]
    assert found == pytest.approx(1 - abs(reflected) ** 2, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("matching", ["mean", "profile"])
def test_without_a_bias_it_is_the_abrupt_constriction(matching):
    e = np.array([-0.3, 0.0, 0.1, 0.7, 1.0, 1.2, 3.3, 4.0, 8.9, 16.0])
    evaluate = profile_rows if matching == "profile" else lambda x: rows(x)[0]
    abrupt = in_rows(lambda x: eigenvalues(x, qpc.AbruptConstriction, matching))
    for ell, offset in ((0.0, 0.3), (0.8, 0.0), (4.0, -0.7)):
        expected = abrupt(vectors(e, ell, 0.0, offset))
        np.testing.assert_allclose(evaluate(vectors(e, ell, 0.0, offset)), expected, rtol=1e-12)
        # What a small bias changes is of second order.
        moved = evaluate(vectors(e, ell, 1e-6, offset))
        smooth = ~np.isin(e, [0.0, 1.0, 4.0])
        np.testing.assert_allclose(moved[smooth], expected[smooth], rtol=1e-8, atol=1e-300)


def test_profile_against_its_definition():
    points = np.array([(1.3, 1.3, 0.6), (0.5, 1.3, 0.4), (4.4, 1.3, 1.0)])
    for point, found in zip(points, profile_rows(vectors(*points.T)), strict=True):
        for n in (1, 2):
            exact = airy_eigenvalue(*point, n, wavevector=profile_wavevector)
            assert found[n - 1] == pytest.approx(float(exact), rel=2e-7)
    assert np.all(profile_rows(vectors(0.5, 1.3, 0.6)) > 0)
    assert np.all(profile_rows(vectors(np.array([0.3, 0.1]), 1.3, 0.6)) == 0)


def test_bounds_onsets_and_symmetry():
    rng = np.random.default_rng(3)
    e, v = rng.uniform(0, 16, 160), rng.uniform(0, 4, 160)
    ell, offset = rng.uniform(0, 20, 160), rng.uniform(-3, 3, 160)
    values = rows(vectors(e, ell, v, offset))[0]
    assert np.all((values >= 0) & (values <= 1))
    assert np.max(values) > 0.999
    np.testing.assert_array_equal(rows(vectors(e, ell, -v, offset))[0], values)

    onsets = np.arange(MODES) ** 2 + 0.25  # for eV = 0.5, exact in binary
    at = rows(vectors(onsets, 0.3, 0.5))[0]
    above = rows(vectors(onsets * (1 + 1e-6), 0.3, 0.5))[0]
    for n in range(MODES):
        assert np.all(at[n, n:] == 0)
        assert np.all(at[n, :n] > 0)
        assert above[n, n] > 0
    assert np.all(rows(vectors(np.array([-1.0, 0.0, 0.2, 0.25]), 0.3, 0.5))[0] == 0)


def test_numbers_without_an_answer():
    nothing = vectors(np.array([np.nan, 1.2]), 1.0, np.array([0.3, np.nan]))
    # The panels resolve biases up to 2 modes E1.
    beyond = vectors(6.0, 1.0, 2 * MODES * np.array([1.0, -1.0, 1.001, -1.001]))
    values = rows(np.concatenate([nothing, beyond]))[0]
    assert np.all(np.isfinite(values) == [[False], [False], [True], [True], [False], [False]])
    limit = jax.jit(qpc.transmission)(constriction(1.0), jnp.asarray([16.0, 16.0 + 1e-9]), 0.3)
    assert np.all(np.isfinite(limit) == [True, False])


def test_single_precision():
    points = np.array(GRID)
    exact = rows(vectors(*points.T))[0]
    single = jax.jit(jax.vmap(eigenvalues))(vectors(*points.T).astype(np.float32))
    assert single.dtype == np.float32
    assert np.all((single >= 0) & (single <= 1))
    np.testing.assert_allclose(single, exact, rtol=2e-2, atol=1e-4)


# --- derivatives ----------------------------------------------------------------------------


def test_derivatives_against_differences_in_arbitrary_precision():
    """By energy, bias and offset, also on thresholds and at the turning point of the left end."""
    points = [
        (1.3, 2.0, 0.4),
        (1.2, 2.0, 0.4),
        (3.7, 0.8, 1.1),
        (1.25, 1.0, 0.5),  # the onset of mode 2
        (4.25, 1.0, 0.5),
        (3.75, 1.0, 0.5),  # the right lead's third mode opens
        (1.1, 15.0, 0.3),
    ]
    slopes = rows(vectors(*np.array(points).T))[1]
    for point, slope in zip(points, slopes, strict=True):
        for n in range(1, MODES):
            moved = {
                4: lambda h, p=point, n=n: airy_eigenvalue(p[0] + h, p[1], p[2], n, digits=60),
                5: lambda h, p=point, n=n: airy_eigenvalue(p[0], p[1], p[2] + h, n, digits=60),
                2: lambda h, p=point, n=n: airy_eigenvalue(*p, n, offset=h, digits=60),
            }
            for parameter, fun in moved.items():
                exact = float(oracle.difference(fun, 0, "1e-22"))
                found = slope[n - 1, parameter]
                assert found == pytest.approx(exact, rel=1e-9, abs=1e-10), (point, n, parameter)


def test_derivatives_by_width_length_and_mass():
    theta = vectors(np.array([1.3, 3.1, 5.2]), np.array([2.0, 0.6, 5.0]), np.array([0.4, 1.2, 0.0]))
    slopes = rows(theta)[1]
    for i in (0, 1, 3):
        h = 1e-4 * theta[0, i]
        moved = np.repeat(theta, 4, axis=0)
        moved[:, i] += h * np.tile([-1.0, -0.5, 0.5, 1.0], len(theta))
        f = rows(moved)[0].reshape(len(theta), 4, MODES).transpose(1, 0, 2)
        difference = (4 * (f[2] - f[1]) / h - (f[3] - f[0]) / (2 * h)) / 3
        np.testing.assert_allclose(slopes[:, :, i], difference, rtol=1e-6, atol=1e-9)


def test_no_first_and_the_right_second_derivative_by_the_bias():
    e = np.array([0.6, 1.0, 1.3, 2.5, 4.0, 5.1])

    def slope(bias, energy):
        return jax.jvp(lambda v: constriction(2.0).total(energy, v), (bias,), (1.0,))[1]

    def forward(energy):
        return jax.jvp(lambda v: slope(v, energy), (0.0,), (1.0,))

    found, curvature = jax.jit(lambda e: jax.lax.map(forward, e))(e)
    np.testing.assert_array_equal(found, 0)
    np.testing.assert_array_equal(rows(vectors(e, 2.0, 0.0))[1][:, :, 5], 0)  # reverse
    for energy, second in zip(e, curvature, strict=True):
        with mp.workdps(150):
            h = mp.mpf("1e-8")
            one, two = (
                mp.fsum(airy_eigenvalue(energy, 2, v, n, digits=150) for n in (1, 2, 3))
                for v in (h, 2 * h)
            )
            exact = float((two - one) * 2 / (3 * h * h))
        if energy != 4:  # where it diverges, as T''(E) does
            assert second == pytest.approx(exact, rel=1e-7)


def test_gradient_has_the_shape_of_the_scatterer():
    c = constriction(1.2, 0.1)
    gradient = jax.eval_shape(jax.grad(qpc.transmission), c, 2.2, 0.3)
    assert isinstance(gradient, qpc.BiasedConstriction)
    assert [leaf.shape for leaf in jax.tree.leaves(gradient)] == 4 * [()]


# --- integrals ------------------------------------------------------------------------------


def asymmetry(x):
    """P_A, and with it P_L and P_R, of a vector (w, L, U, m, mu, eV, T)."""
    c = qpc.BiasedConstriction(*x[:4], modes=INTEGRAL_MODES, aspect_limit=5)
    p = qpc.dissipation(c, qpc.Reservoirs(*x[4:]))
    return p.asymmetry, p


# P_A and the two powers, and the gradient of P_A.
power_rows = in_rows(jax.value_and_grad(asymmetry, has_aux=True))


def power_vectors(ell, mu, bias, kT, offset=0.0):
    ell, mu, bias, kT, offset = np.broadcast_arrays(ell, mu, bias, kT, offset)
    w = np.full(mu.shape, HALF_WIDTH)
    columns = (w, 2 * w * ell, offset, np.full(mu.shape, MASS), mu, bias, kelvin(kT))
    return np.stack([column.ravel() for column in columns], axis=1).astype(float)


@pytest.mark.slow
def test_the_effect_of_the_drop():
    """PHYSICS.md: mu = E1, L = 2 (2w), eV = 0.5 E1 at T = 0."""
    value, (_, right) = power_rows(power_vectors(2.0, 1.0, 0.5, 0.0))[0]
    abrupt = qpc.AbruptConstriction(HALF_WIDTH, 4 * HALF_WIDTH, 0.0, MASS, modes=INTEGRAL_MODES)
    p = qpc.dissipation(abrupt, qpc.Reservoirs(1.0, 0.5))
    assert 1 - right[0] / p.right == pytest.approx(0.53, abs=0.005)
    assert 1 - value[0] / p.asymmetry == pytest.approx(0.55, abs=0.005)


def test_low_bias_does_not_see_the_drop():
    """Eq. (8): P_A = T'(mu) (eV)^3/3h, with T' of the abrupt constriction."""
    abrupt = qpc.AbruptConstriction(HALF_WIDTH, 2 * HALF_WIDTH, 0.0, MASS, modes=INTEGRAL_MODES)
    mu = np.array([0.7, 1.05, 2.2])
    for bias, accuracy in ((3e-2, 1e-2), (1e-3, 1e-5)):
        exact = qpc.low_bias_dissipation(abrupt, mu, bias).asymmetry
        found = power_rows(power_vectors(1.0, mu, bias, 0.0))[0][0]
        np.testing.assert_allclose(found, exact, rtol=accuracy)
        np.testing.assert_allclose(power_rows(power_vectors(1.0, mu, -bias, 0.0))[0][0], -found)


def double_total(e, ell, v, offset=0.0):
    """T as its definition says, in double precision."""
    if e <= v / 2:
        return 0.0
    n, q = np.arange(1, INTEGRAL_MODES + 1), np.arange(INTEGRAL_MODES + 2, dtype=complex)

    def wavevectors(e):
        root = np.sqrt(e - q * q)
        primitive = (q * root + e * np.conj(np.arcsin(q / np.sqrt(e)))) / 2
        a = (primitive[2:] - primitive[:-2]) / 2
        return np.where(e > (n - 1) ** 2, a.real, 0) + 1j * a.imag

    left, right = wavevectors(e - v / 2), wavevectors(e + v / 2)
    slope = np.cbrt(v / (np.pi * ell))
    ends = [airy((n * n + offset - e - side * v / 2) / slope**2) for side in (-1, 1)]
    (a, a_rate, b, b_rate), (a_end, a_rate_end, b_end, b_rate_end) = ends
    # In the variable -xi every derivative changes its sign.
    m11 = np.pi * (a_end * b_rate - b_end * a_rate)
    m12 = np.pi / slope * (a_end * b - b_end * a)
    m21 = -np.pi * slope * (a_rate_end * b_rate - b_rate_end * a_rate)
    m22 = np.pi * (b_rate_end * a - a_rate_end * b)
    d = left * right * m12 - m21 + 1j * (right * m11 + left * m22)
    return float(np.sum(4 * left.real * right.real / np.abs(d) ** 2))


def test_integrals_against_adaptive_quadrature_of_airy_functions():
    assert double_total(1.1, 2.0, 0.5) == pytest.approx(
        float(sum(airy_eigenvalue(1.1, 2.0, 0.5, n) for n in (1, 2))), rel=1e-12
    )
    points = [
        (2.0, 1.0, 0.5, 0.0, 0.0),
        (1.0, 1.2, 0.5, 0.0, 0.3),  # an onset that is not at the floor
        (2.0, 1.2, 0.3, 0.03, 0.0),
        (5.0, 1.4, 1.0, 0.02, 0.0),
        (5.0, 0.8, 2.0, 0.0, 0.0),  # T falls by ten decades within the floor of the channel
    ]
    _, (left, right) = power_rows(power_vectors(*np.array(points).T))[0]
    for (ell, mu, v, kT, offset), p_left, p_right in zip(points, left, right, strict=True):
        thresholds = [n * n + side * v / 2 for n in range(3) for side in (-1, 1)]
        floor = 1 + offset + v * np.linspace(-0.5, 0.5, 13)
        exact = oracle.moments(
            lambda e, *, p=(ell, v, offset): double_total(e, *p),
            [*thresholds, *floor, *np.linspace(1, 4, 13)],
            mu,
            v,
            kT,
            kT,
        )
        zeroth, first = (p_left + p_right) / v, (p_right - p_left) / 2
        found = np.array([zeroth, first]) / CONDUCTANCE_QUANTUM
        assert np.all(np.abs(found - exact[:2]) <= 1e-10 * exact[2:]), (ell, mu, v, kT)


def test_gradients_of_the_asymmetry_against_differences():
    theta = power_vectors(
        np.array([2.0, 1.2, 4.0]),
        np.array([1.1, 1.02, 1.3]),
        np.array([0.5, -0.3, 0.8]),
        np.array([0.03, 0.0, 0.02]),
    )
    steps = 1e-4 * np.array([HALF_WIDTH, HALF_WIDTH, 1.0, MASS, 1.0, 1.0, kelvin(0.1)])
    # Every row with every parameter moved, in one call; a temperature of 0 stays where it is.
    moves = np.array([-1.0, -0.5, 0.5, 1.0])[:, None, None] * np.diag(steps)
    which = [(row, i) for row in range(3) for i in range(7) if i < 6 or theta[row, 6] > 0]
    moved = [theta[row] + moves[:, i] for row, i in which]
    (values, _), slopes = power_rows(np.concatenate([theta, *moved]))
    for (row, i), f in zip(which, values[len(theta) :].reshape(-1, 4), strict=True):
        difference = (4 * (f[2] - f[1]) / steps[i] - (f[3] - f[0]) / (2 * steps[i])) / 3
        assert slopes[row, i] == pytest.approx(difference, rel=1e-6), (row, i)


# --- panels and construction ----------------------------------------------------------------


@jax.jit
def edges_and_thresholds(c, bias):
    return c.panel_edges(bias), c.thresholds(bias)


def test_thresholds_move_with_the_bias():
    c = constriction(1.0, 0.3, modes=2)
    for bias in (0.5, -0.5):
        found = np.sort(edges_and_thresholds(c, bias)[1])
        np.testing.assert_allclose(found, [-0.25, 0.25, 0.75, 1.25, 3.75, 4.25, 8.75, 9.25])
    profile = constriction(1.0, matching="profile")
    np.testing.assert_array_equal(profile.thresholds(0.5), [-0.25, 0.25])
    assert c.energy_limit() == 4
    assert c.first_step == pytest.approx(1.3)


def test_panels_follow_the_phase():
    c = constriction(8.0, 0.7, modes=3, aspect_limit=8.0)
    assert c.resolved()
    assert not constriction(10.1, aspect_limit=8.0).resolved()
    bias = 2.0
    edges = np.sort(edges_and_thresholds(c, bias)[0])
    assert edges.shape == edges_and_thresholds(c, 0.0)[0].shape
    # The phase of mode 1, from the bottom of its floor on.
    inside = edges[(edges > 1.7 - bias / 2) & (edges < 4.7)]
    low, high = (np.maximum(inside - 1.7 + s * bias / 2, 0) ** 1.5 for s in (-1, 1))
    phase = np.pi * 8 * (2 / 3) * (high - low) / bias
    assert np.max(np.diff(phase)) < 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"half_width": 0.0}, "half_width must be positive, in nm, got 0"),
        ({"length": -1.0}, "length must be 0 or more, in nm, got -1"),
        ({"offset": float("nan")}, "offset must be finite, in meV, got nan"),
        ({"mass": -0.1}, "mass must be positive, in m_e, got -0.1"),
        ({"matching": "exact"}, 'matching must be "mean" or "profile", got \'exact\''),
        ({"modes": 0}, "modes must be a whole number, 1 or more, got 0"),
        ({"aspect_limit": -1.0}, "aspect_limit must be a positive number, got -1.0"),
        ({"length": [10.0, 20.0]}, "length must be a scalar.*jax.vmap"),
    ],
)
def test_construction_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        qpc.BiasedConstriction(**{"half_width": 20.0, "length": 80.0, **arguments})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("offset", "mu", "bias"), [(0.0, 1.4, 0.5), (-0.5, 0.7, 0.3), (1.2, 1.2, 0.5)]
)
def test_panels_move_with_the_bias(offset, mu, bias):
    """A long channel and its floor: the default order against a far higher one."""
    c = constriction(10.0, offset, modes=INTEGRAL_MODES, aspect_limit=10)
    r = qpc.Reservoirs(mu, bias)
    exact = qpc.current(c, r, order=40)
    assert abs(qpc.current(c, r) - exact) <= 1e-9 * exact
