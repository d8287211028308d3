"""Error estimates of integrals over energy: of sums over panels, and of what is not in them."""

from typing import cast

import jax
import jax.numpy as jnp

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN
from qpcjax.transport.integrals import terms
from qpcjax.transport.window import thermal_reach

# Rounding errors of an integral, in ulps of the integral of the modulus.
_ROUNDING = 128
_ULPS = 2  # in which the place of a jump among the panels is known


def finer(order):
    """Order of the rule that checks a rule of this order."""
    return order + order // 2 + 1


def quadrature_error(coarse, fine):
    r"""Error estimate of a sum over panels, from the same panels with more nodes.

    With d_p the difference that the additional nodes make in a panel, and S the integral of the
    modulus, the error is twice |sum d_p|, and, for what the finer rule itself may lack,
    sum |d_p| sqrt(|d_p|/S) / 2: half as many nodes more give half as many digits more. The errors
    of panels cannot be added without their signs, since those on both sides of a Fermi edge
    cancel by symmetry. Rounding is charged to every term.

    Args:
        coarse: parts of the integrand times weights, a sequence of arrays (panels, order), that
            together are integrated.
        fine: the same with more nodes.
    """
    parts = zip(coarse, fine, strict=True)
    differences = sum(jnp.sum(f, axis=1) - jnp.sum(c, axis=1) for c, f in parts)
    size = cast(jax.Array, sum(jnp.sum(jnp.abs(f)) for f in fine))
    wrong = jnp.abs(differences)
    unseen = jnp.sum(wrong * jnp.sqrt(wrong / jnp.where(size == 0, 1, size)))
    rounding = _ROUNDING * jnp.finfo(size.dtype).eps * size
    return jax.lax.stop_gradient(2 * jnp.abs(jnp.sum(differences)) + unseen / 2 + rounding)


def integral_error(
    integrand, scatterer, mu, bias, temperature, temperature_bias, combinations, order=ORDER
) -> list[jax.Array]:
    """Estimated errors of combinations of integrals as `integrals.integral` gives them.

    That of the quadrature, and where the integrand states its `powers` that of what is not known
    of T(E), see `unknown_tails`.

    Args:
        integrand: one that gives several integrals.
        scatterer: as in `integral`, and so on.
        mu: as there.
        bias: as there.
        temperature: as there.
        temperature_bias: as there.
        combinations: rows of factors, one for each integral.
        order: Gauss nodes in a panel.

    Returns:
        A list with an estimate for each row, NaN where the integrals are.
    """
    numbers = mu, bias, temperature, temperature_bias
    coarse, fine = (
        terms(integrand, scatterer, *numbers, order=nodes) for nodes in (order, finer(order))
    )

    def parts(rows, factors):
        return [factor * x for factor, x in zip(factors, jax.tree.leaves(rows), strict=True)]

    errors = [
        quadrature_error(parts(coarse.panels, row), parts(fine.panels, row)) for row in combinations
    ]
    if integrand.powers:
        kT = BOLTZMANN * (temperature + jnp.abs(temperature_bias) / 2)
        apart = BOLTZMANN * temperature_bias if integrand.linear else None
        tails = unknown_tails(scatterer.settled(), mu, bias, kT, apart)
        # f_L (1 - f_R) + f_R (1 - f_L) is at most the sum of two weights.
        lost = [(1 if integrand.linear else 2) * tails[power] for power in integrand.powers]
        for k, row in enumerate(combinations):
            errors[k] += sum(jnp.abs(a) * x for a, x in zip(row, lost, strict=True))
    return [jnp.where(fine.valid, jax.lax.stop_gradient(error), jnp.nan) for error in errors]


def unknown_tails(scatterer, mu, bias, kT, difference=None):
    r"""Estimates of what integrals lack where T(E) is not known, or known to a rounding of mu.

    Of :math:`\int dE\, |E - \mu|^p\, T(E)\, w(E)` for p = 0, 1, 2, where w is at most 1 and falls
    as exp(-x) beyond mu +- eV/2, x in kT. Beyond the ends of the window T is taken to go on. Above
    the limit of the modes that are kept, others open: T is taken to go on as it has risen from its
    first threshold to the limit, and by one mode more. Below the floor of a table it is taken as T
    at the floor. Where T jumps, its place among the panels is right to a rounding of mu and of the
    jump's energy.

    Args:
        scatterer: any scatterer, settled.
        mu: mean electrochemical potential in meV.
        bias: eV in meV.
        kT: of the warmer side, in meV.
        difference: k_B (T_L - T_R) in meV where w is |f_L - f_R|, which a small bias makes small;
            without it w is not.

    Returns:
        The three estimates, in meV to meV^3.
    """
    scatterer, mu, bias, kT = jax.lax.stop_gradient((scatterer, mu, bias, kT))
    dtype, half = mu.dtype, jnp.abs(bias) / 2
    unit = jnp.where(kT == 0, 1, kT)
    reach, *_ = thermal_reach(scatterer, mu, bias, kT)
    ends = jnp.stack(
        [
            jnp.asarray(scatterer.energy_limit(), dtype),
            jnp.asarray(scatterer.energy_floor(), dtype),
            mu + (half + reach[1] * kT),
            mu - (half + reach[0] * kT),
        ]
    )
    limit, known = ends[0], jnp.isfinite(ends)
    first = jnp.min(jnp.asarray(scatterer.thresholds(bias), dtype), initial=jnp.inf)
    passed = scatterer.transmissions(jnp.where(known, ends, mu)[None], bias, 1)[0]
    # What goes on beyond each end: one mode more above the limit, and how T rises there.
    rise = jnp.where(first < limit, passed[0] / jnp.where(first < limit, limit - first, 1), 0)
    opens = passed.at[0].set(1)
    rises = jnp.zeros_like(passed).at[0].set(rise).at[2].set(rise)
    gap = jnp.where(known, jnp.abs(ends - mu), 0)
    x = jnp.maximum(gap - half, 0) / unit
    weight = kT * jnp.exp(-x) * _share(x, unit, bias, kT, difference)
    weight = jnp.where(known & (weight > 0), weight, 0)
    # The integrals of (opens + rises u) u^p exp(-u/kT)/kT over u > 0, and of (gap + u)^p instead.
    plain = opens + rises * kT
    first = kT * (opens + 2 * rises * kT)
    second = 2 * kT**2 * (opens + 3 * rises * kT)
    moments = (plain, gap * plain + first, gap * (gap * plain + 2 * first) + second)
    found = [jnp.sum(weight * moment) for moment in moments]
    jumps = jnp.asarray(scatterer.jumps(bias), dtype)
    if jumps.size:
        away = jnp.abs(jumps - mu)
        cold = jnp.where(kT == 0, jnp.finfo(dtype).tiny, kT)
        x = jnp.maximum(away - half, 0) / cold
        inside = jnp.exp(-x) * _share(jnp.minimum(x, 1e3), unit, bias, kT, difference)
        place = inside * _ULPS * jnp.finfo(dtype).eps * (jnp.abs(mu) + jnp.abs(jumps))
        found = [a + jnp.sum(away**p * place) for p, a in enumerate(found)]
    return found


def _share(x, unit, bias, kT, difference):
    """How much smaller |f_L - f_R| is than the larger of both, at x thermal widths; 1 if cold."""
    if difference is None:
        return jnp.ones_like(x)
    apart = jnp.abs(bias) + jnp.abs(jax.lax.stop_gradient(difference)) * (1 + x)
    return jnp.where(kT == 0, 1, jnp.minimum(1, apart / unit))
