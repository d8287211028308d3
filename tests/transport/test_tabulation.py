"""Tables of T_n(E): they are what the scatterer is, integrals included."""

import numpy as np
import pytest

import qpcjax as qpc

SADDLE = qpc.SaddlePoint(4.0, 2.0, 0.8, modes=5)
LEVEL = qpc.BreitWigner(6.0, 0.01)


@pytest.mark.parametrize("scatterer", [SADDLE, LEVEL], ids=["saddle", "narrow level"])
def test_a_table_is_the_scatterer(scatterer):
    table = qpc.tabulated(scatterer, 2.0, 8.0, 1e-8)
    energies = np.linspace(2.0, 8.0, 301)
    for function in (qpc.transmission, qpc.eigenvalues):
        found = np.asarray(function(table, energies))
        np.testing.assert_allclose(found, np.asarray(function(scatterer, energies)), atol=1e-8)
    assert np.all(np.isnan(qpc.transmission(table, np.array([1.9, 8.1]))))


def test_square_roots_at_the_thresholds():
    """Wide regions of finite width have thresholds, where T(E) has a square root."""
    scatterer = qpc.MatchedConstriction(20.0, 30.0, wide_ratio=3.0, channel_modes=6)
    table = qpc.tabulated(scatterer, 3.0, 12.0, 1e-7)
    assert table.rough.size > 2
    steps = np.concatenate([[0.0], np.geomspace(1e-9, 1e-2, 20)])
    energies = (np.asarray(table.rough)[:, None] + np.concatenate([-steps, steps])).ravel()
    found = np.asarray(qpc.transmission(table, energies))
    wanted = np.asarray(qpc.transmission(scatterer, energies))
    np.testing.assert_allclose(found, wanted, atol=2e-7)


def test_integrals_over_a_table():
    table = qpc.tabulated(SADDLE, 0.0, 9.0, 1e-10)
    reservoirs = qpc.Reservoirs(mu=5.0, bias=1.0, temperature=0.5)
    for function in (qpc.current, lambda s, r: qpc.dissipation(s, r).left, qpc.fano_factor):
        found, wanted = function(table, reservoirs), function(SADDLE, reservoirs)
        assert float(found) == pytest.approx(float(wanted), rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5.0, 4.0), "lower and upper must be two rising energies"),
        ((4.0, 5.0, -1.0), "tolerance must be a positive number"),
        ((4.0, 50.0), "T.E. must be known from 4 to 50 meV"),
    ],
)
def test_what_a_table_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        qpc.tabulated(SADDLE, *arguments)
