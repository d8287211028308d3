"""Integrals over energy of any function of T_n and of the Fermi functions f_L and f_R.

Current and heat are the first users. All energies here are offsets y from the mean electrochemical
potential mu, so that a small bias keeps its digits. Gauss panels end at thresholds and where a
Fermi function is not smooth.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from qpcjax._numerics import safe
from qpcjax._numerics.panels import MOST_ORDER, ORDER, at_panels, lay_panels, nodes_inside
from qpcjax.constants import BOLTZMANN
from qpcjax.scatterers.search import over
from qpcjax.transport.window import (
    ACTIVATED_EDGES,
    NARROW_EDGES,
    NARROW_REACH,
    THERMAL_EDGES,
    bearable,
    known_nearby,
    lost_weight,
    negligible,
    thermal_reach,
)
from qpcjax.validation import meaningful, require_count


@dataclasses.dataclass(frozen=True)
class Energies:
    """What an integrand may use at the nodes of an integral, arrays of shape (panels, order).

    Attributes:
        offset: E - mu in meV.
        left: f_L(E).
        right: f_R(E).
        difference: f_L - f_R without cancellation.
    """

    offset: jax.Array
    left: jax.Array
    right: jax.Array
    difference: jax.Array
    _scatterer: Any
    _mu: jax.Array
    _bias: jax.Array
    _filled: jax.Array

    @property
    def transmission(self) -> jax.Array:
        """T(E, V)."""
        return self._scatterer.transmissions(self._mu + self.offset, self._bias, self._filled)

    def over_modes(self, function: Callable) -> Any:
        """The sum over eigenvalues of a function of T_n, with the scatterer's weight.

        T_n is that of one mode, or one spin of it, from 0 to 1: the function is given an array of
        them, and returns a pytree of arrays of this shape; several in a tuple take less time than
        stacked.
        """
        scatterer, bias = self._scatterer, self._bias

        def one(energy):
            found = function(scatterer.eigenvalues(energy, bias))
            return jax.tree.map(lambda x: jnp.sum(x, axis=-1), found)

        sums = jax.vmap(jax.vmap(one))(self._mu + self.offset)
        return jax.tree.map(lambda x: scatterer.weight * x, sums)


class Integrand(eqx.Module):
    """What is integrated over energy.

    Args:
        function: from `Energies`, and the parameters, to an array of the nodes, or a pytree of such
            arrays. It must be 0 where f_L = f_R = 0 and where f_L = f_R = 1. Define it once: a new
            function is compiled anew.
        linear: whether it is proportional to f_L - f_R; the derivatives at T = 0 then need less.
        powers: of each number that it gives the power of |E - mu| in it, for error estimates: it
            must not exceed |E - mu|^p T(E) |f_L - f_R|, or with f_L (1 - f_R) + f_R (1 - f_L) where
            it is not linear.
        parameters: further arguments of the function, pytrees by which it is differentiated.
    """

    function: Callable[..., Any] = eqx.field(static=True)
    linear: bool = eqx.field(default=False, static=True)
    parameters: tuple = ()
    powers: tuple[int, ...] = eqx.field(default=(), static=True)

    def __call__(self, energies):
        """The function at these energies."""
        return self.function(energies, *self.parameters)


class Terms(eqx.Module):
    """An integral before its sum.

    Fields:
        rows: terms in rows of `order` nodes, in the integrand's own structure.
        valid: whether the integral is meaningful.
        steps: how many of the first rows are 0 and carry the derivatives by the steps of cold Fermi
            functions; none where T(E) jumps.
    """

    rows: Any
    valid: jax.Array
    steps: int = eqx.field(default=0, static=True)

    @property
    def panels(self):
        """The rows of the panels alone."""
        return jax.tree.map(lambda x: x[self.steps :], self.rows)


class _Sides(NamedTuple):
    """Both reservoirs with the bias forward: the first side is upstream."""

    half_bias: jax.Array
    kT: jax.Array
    kT_difference: jax.Array
    backward: jax.Array


@functools.partial(jax.jit, static_argnames=("order", "narrow", "keep"))
def terms(
    integrand,
    scatterer,
    mu,
    bias,
    temperature,
    temperature_bias,
    order=ORDER,
    narrow=False,
    keep=None,
    ends=(),
) -> Terms:
    """The terms of an integral; arguments as in `integral`.

    `narrow` takes the window of `smeared_flow`, `keep` a number of panels, and `ends` are arrays of
    offsets from mu where panels end besides.
    """
    require_count("order", order, 2, most=MOST_ORDER)
    scatterer = scatterer.settled()
    backward = bias < 0
    sign = jnp.where(backward, -1, 1).astype(bias.dtype)
    half_bias = jnp.where(backward, -bias, bias) / 2
    difference = sign * BOLTZMANN * temperature_bias
    kT = jnp.stack(safe.side_temperatures(BOLTZMANN * temperature, difference))
    valid = jnp.all(kT >= 0)
    valid &= meaningful(scatterer, mu, bias, temperature, temperature_bias)

    # A side whose kT is lost in the rounding of mu counts as cold: its Fermi function is a step,
    # and what its temperature does to the integrals is added below, to first order.
    warm = jnp.where(kT <= negligible(mu, half_bias), 0, kT)
    warmer = jnp.maximum(jnp.max(warm), 0)
    edges = []
    if narrow:
        reach, thermal = jnp.asarray([NARROW_REACH, NARROW_REACH], mu.dtype), NARROW_EDGES
        valid &= known_nearby(scatterer, mu, warmer, half_bias)
    else:
        thermal = THERMAL_EDGES
        reach, activated, depth = thermal_reach(scatterer, mu, bias, warmer)
        lost = lost_weight(scatterer, mu + jnp.stack([half_bias, -half_bias]), warm)
        valid &= ~(jnp.max(lost) > bearable(depth))
        edges = [activated + warmer * ACTIVATED_EDGES.astype(mu.dtype)]
    below, above = half_bias + reach * warmer
    keep = keep if scatterer.states_panels else None
    scatterer = over(scatterer, mu - below, mu + above, bias, half_bias, warmer, mu)
    valid &= scatterer.resolved()
    thermal = jnp.asarray(thermal, mu.dtype)
    edges += [half_bias + warm[0] * thermal, -half_bias + warm[1] * thermal]
    edges = jnp.concatenate([*edges, scatterer.panel_edges(bias) - mu, *ends])
    thresholds = scatterer.thresholds(bias) - mu
    moving = scatterer.jumps(bias).size > 0
    rounding = negligible(mu, half_bias) if moving else None
    panels = lay_panels(thresholds, edges, -below, above, keep, rounding)
    sides = _Sides(half_bias, warm, difference, backward)
    if not moving:  # where T(E) is continuous panel ends may stand still under differentiation
        panels = jax.lax.stop_gradient(panels)
    if moving or narrow:
        rows = at_panels(Partial(_rows, integrand, scatterer, mu, bias, sides), panels, order)
        return Terms(rows, valid)
    rows = _with_steps(kT, panels, integrand, order, scatterer, mu, bias, sides)
    return Terms(rows, valid, _step_rows(integrand, order))


def _occupation(y, sides):
    """F upstream, f downstream and their difference without cancellation, at offsets y."""

    def fermi(gap, kT):
        cold = kT == 0
        warm = safe.fermi(gap, jnp.where(cold, 1, kT))
        return jnp.where(cold, jnp.heaviside(-gap, 0.5), warm)

    left, right = sides.kT
    difference = safe.fermi_difference(y, sides.half_bias, left, right, sides.kT_difference)
    # Where both sides are cold the window has no other energies.
    difference = jnp.where(jnp.all(sides.kT == 0), 1, difference)
    return (
        fermi(y - sides.half_bias, sides.kT[0]),
        fermi(y + sides.half_bias, sides.kT[1]),
        difference,
    )


def _energies(scatterer, mu, bias, sides, y, filled, occupation):
    """`Energies` at offsets y, from what `_occupation` gives."""
    upstream, downstream, difference = occupation
    back = sides.backward
    return Energies(
        y,
        jnp.where(back, downstream, upstream),
        jnp.where(back, upstream, downstream),
        jnp.where(back, -difference, difference),
        scatterer,
        mu,
        bias,
        filled,
    )


def _rows(integrand, scatterer, mu, bias, sides, y, weight, filled):
    """The integrand times the weights at nodes y."""
    energies = _energies(scatterer, mu, bias, sides, y, filled, _occupation(y, sides))
    found = integrand(energies)
    return jax.tree.map(lambda density: weight * density, found)


@eqx.filter_custom_jvp
def _with_steps(kT, panels, integrand, order, scatterer, mu, bias, sides):
    """What `_rows` gives, after rows for the steps of cold Fermi functions.

    These rows are 0, but not their derivatives: the nodes stand still, so that the motion of a step
    is not in the integral, nor is the first effect of its temperature, where kT is a rounding of
    mu. A value alone needs no T(E) for this.
    """
    rows = (_step_rows(integrand, order), 0), (0, 0)
    found = at_panels(Partial(_rows, integrand, scatterer, mu, bias, sides), panels, order)
    return jax.tree.map(lambda x: jnp.pad(x, rows), found)


@_with_steps.def_jvp
def _(primals, tangents):
    found, moved = eqx.filter_jvp(_with_moved_steps, primals, tangents)
    rows = _step_rows(*primals[2:4])
    return jax.tree.map(lambda x: x.at[:rows].set(0), found), moved


def _with_moved_steps(kT, panels, integrand, order, scatterer, mu, bias, sides):
    """Terms with the derivatives that `_with_steps` has, to second order.

    With g the difference that a step makes to the integrand, its motion from a to b adds
    (b - a) g((a + b)/2), and its temperature (pi kT)^2 g'/6: both with g at two energies,
    pi^2 kT/6 above the middle and below. An integrand that is not linear in f gains
    kT int ds [F(s) - F(step)]/[s (1 - s)] besides, with s = f. These numbers stand in rows of their
    own, so that T(E) and its derivatives are compiled once.
    """
    y, weight, filled = nodes_inside(panels, order)
    step = jnp.stack([sides.half_bias, -sides.half_bias])
    moved = step - jax.lax.stop_gradient(step)
    cold = jnp.where(sides.kT == 0, 1, 0).astype(y.dtype)
    apart = jnp.asarray([[1.0], [-1.0]], y.dtype)
    near = step - moved / 2 + apart * (math.pi**2 / 6 * kT)
    by_step = cold / 2 * (moved + apart * kT)
    # Weights, energies and occupation of the side whose step it is, columns for the two sides.
    added = [(by_step, near, 1.0), (-by_step, near, 0.0)]
    if not integrand.linear:
        s, w = _occupations()
        for occupation, share in zip(s, w / (s * (1 - s)), strict=True):
            change = jnp.stack([share * cold * kT])
            added += [(change, step[None], occupation), (-change, step[None], round(occupation))]
    amounts, places = (jnp.concatenate([x[k] for x in added]) for k in (0, 1))
    own = jnp.concatenate([jnp.full(a.shape, f, y.dtype) for a, _, f in added])
    # f of the side whose step it is, and of the other one as it is there.
    upstream = jnp.stack([own[:, 0], _occupation(places[:, 1], sides)[0]], axis=1)
    downstream = jnp.stack([_occupation(places[:, 0], sides)[1], own[:, 1]], axis=1)
    stepped = (upstream, downstream, upstream - downstream)

    rows = _step_rows(integrand, order)

    def before(x, numbers, mode="edge"):
        numbers = jnp.pad(numbers.reshape(-1), (0, rows * order - numbers.size), mode=mode)
        return jnp.concatenate([numbers.reshape(rows, order), x])

    occupation = [before(x, n) for x, n in zip(_occupation(y, sides), stepped, strict=True)]
    weight = before(weight, amounts, "constant")
    place = before(y, places)
    energies = _energies(scatterer, mu, bias, sides, place, filled + rows, occupation)
    return jax.tree.map(lambda density: weight * density, integrand(energies))


def _step_rows(integrand, order):
    """Rows that hold the numbers for both steps."""
    numbers = 8 if integrand.linear else 8 + 4 * _occupations()[0].size
    return -(-numbers // order)


@functools.cache
def _occupations():
    """Gauss nodes and weights for f from 0 to 1/2 and from there to 1."""
    x, w = np.polynomial.legendre.leggauss(6)
    half = (x + 1) / 4
    return np.concatenate([half, half + 0.5]), np.concatenate([w, w]) / 4


def integral(integrand, scatterer, mu, bias, temperature, temperature_bias, order=ORDER) -> Any:
    r"""An integral over all energies of a function of T_n, f_L and f_R.

    .. math:: \int dE\, F(E - \mu, T_n(E, V), f_L(E), f_R(E))

    Args:
        integrand: an `Integrand`, F.
        scatterer: an `AbstractScatterer`.
        mu: mean electrochemical potential in meV, a scalar as all the others.
        bias: eV = mu_L - mu_R in meV.
        temperature: mean temperature in K.
        temperature_bias: T_L - T_R in K.
        order: Gauss nodes in a panel.

    Returns:
        The integral, in meV times the unit of F, in the integrand's own structure; NaN where a
        temperature is negative, where the Fermi weight above the scatterer's energy limit or below
        its floor exceeds 1e-12, or 1e-10 of the largest T(E) f(E), and where its panels do not
        resolve it.
    """
    found = terms(integrand, scatterer, mu, bias, temperature, temperature_bias, order)
    return jax.tree.map(lambda x: jnp.where(found.valid, jnp.sum(x), jnp.nan), found.rows)


def _flow(energies):
    flow = energies.transmission * energies.difference
    return flow, energies.offset * flow


# T (f_L - f_R) and (E - mu) T (f_L - f_R): what current and heat are made of, Eqs. (1)-(5).
FLOW = Integrand(_flow, linear=True, powers=(0, 1))


def transport_moments(scatterer, mu, bias, temperature, temperature_bias, order=ORDER):
    r"""The two integrals that hold current and heat, Eqs. (1)-(5).

    .. math:: M_j = \int dE\, (E - \mu)^j\, T(E, V)\, [f_L(E) - f_R(E)]

    Arguments and cases of NaN are those of `integral`; M_0 is in meV and M_1 in meV^2.
    """
    return integral(FLOW, scatterer, mu, bias, temperature, temperature_bias, order)


def smeared_flow(scatterer, mu, bias, kT, order=ORDER, keep=None):
    r"""Integral of T(E, V) (f_L - f_R) in meV for kT > 0, to 1e-8, on a few panels.

    M_0 of `transport_moments` for many parameter sets of one barrier: in a narrower window, without
    the search for activated transport. Its derivative by the bias is the differential conductance
    in 2e^2/h.

    Args:
        scatterer: any scatterer.
        mu: mean electrochemical potential in meV.
        bias: eV in meV.
        kT: thermal energy in meV, positive.
        order: Gauss nodes in a panel.
        keep: number of panels to keep, see `panels_in`; NaN where the window holds more.
    """
    temperature, none = kT / BOLTZMANN, jnp.zeros_like(kT)
    numbers = mu, bias, temperature, none
    found = terms(FLOW, scatterer, *numbers, order=order, narrow=True, keep=keep)
    return jnp.where(found.valid, jnp.sum(found.rows[0]), jnp.nan)
