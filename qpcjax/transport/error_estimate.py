"""Error estimates of integrals over energy: of sums over panels, and of what is not in them."""

from typing import cast

import jax
import jax.numpy as jnp

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


def unknown_tails(scatterer, mu, bias, kT, difference=None):
    r"""Estimates of what integrals lack where T(E) is not known, or known to a rounding of mu.

    Of :math:`\int dE\, T(E)\, w(E)` and of :math:`\int dE\, |E - \mu|\, T(E)\, w(E)`, where w is
    at most 1 and falls as exp(-x) beyond mu +- eV/2, x in kT. Above the limit of the modes that are
    kept, others open: T is taken to go on as it has risen from its first threshold to the limit,
    and by one mode more. Below the floor of a table it is taken as T at the floor. Where T jumps,
    its place among the panels is right to a rounding of mu and of the jump's energy.

    Args:
        scatterer: any scatterer, settled.
        mu: mean electrochemical potential in meV.
        bias: eV in meV.
        kT: of the warmer side, in meV.
        difference: k_B (T_L - T_R) in meV where w is |f_L - f_R|, which a small bias makes small;
            without it w is not.

    Returns:
        The two estimates, in meV and meV^2.
    """
    scatterer, mu, bias, kT = jax.lax.stop_gradient((scatterer, mu, bias, kT))
    dtype, half = mu.dtype, jnp.abs(bias) / 2
    ends = jnp.stack(
        [jnp.asarray(x, dtype) for x in (scatterer.energy_limit(), scatterer.energy_floor())]
    )
    limit, known = ends[0], jnp.isfinite(ends)
    first = jnp.min(jnp.asarray(scatterer.thresholds(bias), dtype), initial=jnp.inf)
    passed = scatterer.transmissions(jnp.where(known, ends, mu)[None], bias, 1)[0]
    rise = jnp.where(first < limit, passed[0] / jnp.where(first < limit, limit - first, 1), 0)
    # What goes on beyond each end: one mode more above, and how T rises there.
    opens = jnp.stack([1 + passed[0] * 0, passed[1]])
    rises = jnp.stack([rise, 0 * rise])
    gap = jnp.where(known, jnp.abs(ends - mu), 0)
    unit = jnp.where(kT == 0, 1, kT)
    x = jnp.maximum(gap - half, 0) / unit
    weight = kT * jnp.exp(-x) * _share(x, unit, bias, kT, difference)
    weight = jnp.where(known & (weight > 0), weight, 0)
    # The integrals of (opens + rises u) exp(-u/kT) over u > 0, and of the same times gap + u.
    plain = weight * (opens + rises * kT)
    found = jnp.sum(plain)
    moment = jnp.sum(gap * plain + kT * weight * (opens + 2 * rises * kT))
    jumps = jnp.asarray(scatterer.jumps(bias), dtype)
    if jumps.size:
        away = jnp.abs(jumps - mu)
        cold = jnp.where(kT == 0, jnp.finfo(dtype).tiny, kT)
        x = jnp.maximum(away - half, 0) / cold
        inside = jnp.exp(-x) * _share(jnp.minimum(x, 1e3), unit, bias, kT, difference)
        place = inside * _ULPS * jnp.finfo(dtype).eps * (jnp.abs(mu) + jnp.abs(jumps))
        found, moment = found + jnp.sum(place), moment + jnp.sum(away * place)
    return found, moment


def _share(x, unit, bias, kT, difference):
    """How much smaller |f_L - f_R| is than the larger of both, at x thermal widths; 1 if cold."""
    if difference is None:
        return jnp.ones_like(x)
    apart = jnp.abs(bias) + jnp.abs(jax.lax.stop_gradient(difference)) * (1 + x)
    return jnp.where(kT == 0, 1, jnp.minimum(1, apart / unit))
