"""Robust losses as transformed residuals: a fit then stays a problem of least squares."""

import math

import jax.numpy as jnp
import numpy as np

LOSSES = ("linear", "huber", "soft_l1", "student_t")
_HUBER = 1.345  # sigma: 95 % of the efficiency of least squares where noise is Gaussian
_FREEDOM = 4.0


def transformed(loss, r):
    r"""z(r) with z^2/2 the loss, and dz/dr, for residuals in units of sigma.

    "linear": :math:`z = r`; "huber": linear in \|r\| beyond 1.345; "soft_l1":
    :math:`z^2 = 2(\sqrt{1 + r^2} - 1)`; "student_t": the negative logarithm of Student's
    distribution with 4 degrees of freedom, :math:`z^2 = 5 \ln(1 + r^2/4)`.

    Args:
        loss: a name in `LOSSES`.
        r: NumPy array.
    """
    if loss == "linear":
        return r, np.ones_like(r)
    size = np.abs(r)
    if loss == "huber":
        outer = np.sqrt(np.maximum(2 * _HUBER * size - _HUBER**2, _HUBER**2))
        beyond = size > _HUBER
        return np.where(beyond, np.sign(r) * outer, r), np.where(beyond, _HUBER / outer, 1.0)
    if loss == "soft_l1":
        root = np.sqrt(1 + r * r)
        shrink = np.sqrt(2 / (1 + root))
        return r * shrink, shrink * (1 - r * r / (2 * root * (1 + root)))
    u = r * r / _FREEDOM
    ratio = np.where(u > 1e-8, np.log1p(u) / np.where(u > 1e-8, u, 1), 1 - u / 2)
    factor = np.sqrt((_FREEDOM + 1) / _FREEDOM * ratio)
    # z z' = r (nu + 1)/(nu + r^2).
    weight = (_FREEDOM + 1) / (_FREEDOM + r * r)
    return r * factor, weight / factor


def robust_scale(residual):
    """Standard deviation of the residuals that outliers do not move: 1.4826 of their median."""
    return 1.4826 * float(np.median(np.abs(residual))) or math.ulp(1.0)


def density(loss, r):
    """The loss z^2/2 of `transformed`, for traced residuals."""
    if loss == "linear":
        return r * r / 2
    size = jnp.abs(r)
    if loss == "huber":
        return jnp.where(size > _HUBER, _HUBER * (size - _HUBER / 2), r * r / 2)
    if loss == "soft_l1":
        # sqrt(1 + r^2) - 1 without cancellation.
        return r * r / (1 + jnp.sqrt(1 + r * r))
    return (_FREEDOM + 1) / 2 * jnp.log1p(r * r / _FREEDOM)


def mean_slope(loss, r):
    r"""Mean of :math:`\psi' = \rho''` over residuals: a loss's curvature in that of squares."""
    if loss == "linear":
        return 1.0
    slope = {
        "huber": np.abs(r) <= _HUBER,
        "soft_l1": (1 + r * r) ** -1.5,
        "student_t": (_FREEDOM + 1) * (_FREEDOM - r * r) / (_FREEDOM + r * r) ** 2,
    }[loss]
    return float(np.mean(slope))


def information_share(loss, r):
    r"""Share of the information of least squares that a robust loss keeps, for residuals r.

    With :math:`\psi = \rho'` the variance of a robust estimate is that of least squares times
    :math:`\langle\psi^2\rangle / \langle\psi'\rangle^2`, in units of sigma; 1 for least squares.
    """
    if loss == "linear":
        return 1.0
    z, dz = transformed(loss, r)
    psi = z * dz
    return mean_slope(loss, r) ** 2 / max(float(np.mean(psi * psi)), 1e-300)
