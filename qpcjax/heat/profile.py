"""Where the heat appears: free paths and the power per unit length, Eqs. (21)-(25).

Hot electrons are those on the downstream side, where the electrochemical potential is lower: the
right for eV > 0. For eV < 0 everything is the mirror image.
"""

import jax.numpy as jnp

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.heat.carriers import carriers_of, count_of, heat_sums, power_at, require_options
from qpcjax.heat.free_paths import POINTS_AT_ONCE, at_length, downstream
from qpcjax.heat.free_paths import free_path as path_of
from qpcjax.transport.batching import batched


@batched(POINTS_AT_ONCE, room="modes")
def inelastic_length(scatterer, reservoirs, damping, energy):
    r"""Inelastic mean free path of an electron that has crossed the scatterer, Eqs. (21)-(23).

    .. math::
        l(E) = v(E)\, \tau_i(E) = \frac{b \sqrt{E + eV/2}}{(E - \mu_R)^2}, \qquad
        b = \frac{\hbar E_F}{a \sqrt{2m}}

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: a damping law, such as `QuadraticDamping`.
        energy: E in meV from the bottom of the conduction band.

    Returns:
        l in nm; infinite at E = mu_R, NaN below it, where mu_R <= 0 and where the law has no rate.
    """
    side = downstream(reservoirs)
    x = energy - side.mu_right
    valid = (x >= 0) & (side.mu_right > 0)
    length, _ = path_of(scatterer, damping, side, jnp.where(x > 0, x, 1))
    return jnp.where(valid, jnp.where(x > 0, length, jnp.inf), jnp.nan)


@batched(POINTS_AT_ONCE, static=("side", "part"), room="modes")
def _of_fixed_paths(scatterer, reservoirs, damping, distance, side, part):
    view = downstream(reservoirs)
    valid = (distance > 0) & (view.mu_right > 0)
    r = jnp.where(valid, distance, 1)
    total = jnp.zeros_like(r)
    for hole in (side == "upstream",) if part == "emitted" else (False, True):
        x, found = at_length(scatterer, damping, view, r, side, hole)
        slope = path_of(scatterer, damping, view, x, side, hole)[1]
        total += power_at(scatterer, reservoirs, view, x, side) / slope
        valid &= found
    return jnp.where(valid, total, jnp.where(distance == 0, 0, jnp.nan))


@batched(POINTS_AT_ONCE, static=("side", "part", "count", "thermal"))
def _of_random_paths(scatterer, reservoirs, damping, distance, side, part, count, thermal):
    r = jnp.where(distance >= 0, distance, 0)
    carriers = carriers_of(scatterer, reservoirs, damping, r, side, part, count, thermal)
    density = CONDUCTANCE_QUANTUM * heat_sums(scatterer, reservoirs, carriers).density
    return jnp.where(distance >= 0, density, jnp.nan)


def power_per_length(
    scatterer,
    reservoirs,
    damping,
    distance,
    side="downstream",
    part="emitted",
    free_path="fixed",
    thermal=None,
):
    r"""Power dissipated per unit length at the distance r, Eqs. (24)-(25).

    .. math:: p_R(r) = \frac{p_R(E)}{|l'(E)|}, \qquad l(E) = r

    with p_R(E) of Eq. (3b). Its integral over r is the part of P_R from E > mu_R, that is the
    emitted heat; electrons below mu_R, which cool, are not in it. With `part="net"` they are, as
    holes, and the integral is P_R itself.

    In the paper every electron of energy E stops at l(E). With random free paths

    .. math:: p_R(r) = \int dE\, p_R(E)\, \frac{1}{l} g\!\left(\frac{r}{l}\right), \qquad
        g(t) = \frac{k^k t^{k-1} e^{-k t}}{(k - 1)!}

    where k = 1, "exponential", is what a constant rate of collisions gives. Then p(r) falls from
    r = 0 on: there is no hot spot. k to infinity are the fixed paths.

    Upstream it is the heat of the holes that the electrons leave behind, of excess energy
    mu_L - E. The paper does not write their l(E); this is the mirror image of Eq. (23),

    .. math:: l(E) = \frac{b \sqrt{E - eV/2}}{(\mu_L - E)^2}

    with mu_L for mu_R in b.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: a damping law, such as `QuadraticDamping`.
        distance: r in nm, positive.
        side: "downstream" or "upstream".
        part: "emitted" or "net".
        free_path: "fixed", "exponential", or the whole number k of an Erlang distribution.
        thermal: whether the law has the temperature of the side. By default it has for random free
            paths, and has not for fixed ones: with it the longest of them is finite, and p(r)
            infinite there.

    Returns:
        p(r) in pW/nm, on that side; NaN where r < 0 or mu_R <= 0, and where carriers count for
        which the law has no rate.

    Raises:
        ValueError: an unknown option, or fixed paths with `thermal=True`.
    """
    require_options(side, part, free_path)
    fixed = free_path == "fixed"
    if fixed and thermal:
        raise ValueError(
            'thermal=True needs free_path="exponential" or a number: with fixed paths p(r) is '
            "infinite at the longest path; heat_quantiles has both"
        )
    if fixed:
        return _of_fixed_paths(scatterer, reservoirs, damping, distance, side, part)
    options = side, part, count_of(free_path), thermal is not False
    return _of_random_paths(scatterer, reservoirs, damping, distance, *options)
