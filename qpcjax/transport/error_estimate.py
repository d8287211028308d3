"""Error estimates of sums over Gauss panels."""

from typing import cast

import jax
import jax.numpy as jnp

# Rounding errors of an integral, in ulps of the integral of the modulus.
_ROUNDING = 128


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
