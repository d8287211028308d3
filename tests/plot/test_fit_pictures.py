"""Pictures of a real fit: the same numbers by another route."""

import numpy as np
import pytest
import small_fits

from qpcjax import plot
from qpcjax.fitting import Posterior


def line(axes, name):
    (found,) = (line for line in axes.lines if line.get_gid() == name)
    return found


def test_staircase_is_that_of_the_saddle():
    fit = small_fits.fitted()
    top, bottom = plot.staircase(fit)
    gate, drawn = line(top, "fit").get_data()
    # Four standard errors of the fit, and what G is away from the truth by noise.
    assert np.max(np.abs(drawn - small_fits.conductance(gate))) < 4 * small_fits.SIGMA
    trace = small_fits.trace()
    residual = line(bottom, "residuals").get_ydata() / 77.4809
    at = np.interp(trace.gate, gate, drawn)
    np.testing.assert_allclose(residual, trace.conductance - at, atol=0.2 * small_fits.SIGMA)


def test_profile_of_a_fit_follows_its_parabola():
    fit = small_fits.fitted()
    (axes,) = plot.profiles(fit, [fit.profile("hbar_omega_x", 7)])
    x, delta = line(axes, "hbar_omega_x").get_data()
    parabola = np.interp(x, *line(axes, "parabola").get_data())
    np.testing.assert_allclose(delta, parabola, atol=0.6)
    assert axes.get_xlabel() == "hbar omega x (meV)"


def test_corner_of_a_posterior_has_its_names_and_units():
    fit = small_fits.fitted()
    names = [p.name for p in fit.free]
    draws = np.random.default_rng(1).multivariate_normal(
        list(fit.stderr.values()), fit.covariance, (2, 500)
    )
    flags = np.zeros((2, 500), bool)
    posterior = Posterior(fit, draws, flags, flags, {}, {})
    grid = plot.corner(posterior, small_fits.TRUE)
    assert [panel.get_xlabel() for panel in grid[-1]] == [
        f"{name.replace('_', ' ')} (meV)" for name in names
    ]
    dots = line(grid[1, 0], "samples")
    np.testing.assert_array_equal(dots.get_xdata(), draws[..., 0].ravel())
    with pytest.raises(ValueError, match="no samples of mu"):
        plot.corner(posterior, {"mu": 5.0})
