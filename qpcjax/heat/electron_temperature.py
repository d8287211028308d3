"""Temperature of the electrons around the constriction, and what a thermometer would see of it."""

import warnings
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.tridiagonal import tridiagonal
from qpcjax.heat.carriers import require_options
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.distances import heat_quantiles
from qpcjax.heat.electron_plane import ElectronPlane
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.heat.profile import power_per_length
from qpcjax.overviews import brief
from qpcjax.transport.batching import same_dtype
from qpcjax.validation import (
    Parameters,
    Real,
    allowed,
    concrete,
    meaningful,
    number,
    positive,
    where_meaningful,
)

_CELLS = 1200  # rings of the radial grid, evenly in ln r
_NEAREST = 1 / 50  # of the smallest length of the heat, where the grid begins
_FARTHEST = 30.0  # cooling lengths, where the rise is exp(-30) of that in the middle
_STEPS = 40  # of Newton's method, which approaches from above
_SMALL = 1e-9  # relative change of T^2 in the last one
_COLDEST = -0.99  # of T_0^2, the fall of T^2 at which a step ends
_HERMITE = np.polynomial.hermite_e.hermegauss(9)
_DISTANCES = 400  # of a profile of heat
_RANGE = (1 / 40, 3000.0)  # of them, in units of r*, or of the median


class HeatedDisc(Parameters):
    """Heat that is spread evenly over a disc around the constriction, or the half of one.

    Args:
        power: in pW, of all of it.
        radius: in nm, positive.
    """

    power: Real = eqx.field(metadata=allowed())
    radius: Real = eqx.field(metadata=allowed(positive("length in nm")))

    @property
    def smallest(self):
        """The smallest length over which the heat varies."""
        return self.radius

    @property
    def largest(self):
        """The distance in nm that holds all heat."""
        return self.radius

    def within(self, distance):
        """Power in pW within a distance in nm."""
        return self.power * jnp.minimum(distance / self.radius, 1) ** 2


class HeatedRings(Parameters):
    """Heat by the distance from the constriction, as `heat_around` gives it.

    Args:
        distance: in nm, rising and positive, (n,).
        enclosed: power in pW within each distance, (n,); there is no more beyond the last.
    """

    distance: Real = eqx.field(metadata=allowed(positive("distance in nm"), scalar=False))
    enclosed: Real = eqx.field(metadata=allowed(scalar=False))

    def check(self):
        """Check that the columns match and the distances rise."""
        if np.ndim(self.distance) != 1 or np.shape(self.distance) != np.shape(self.enclosed):
            raise ValueError(
                "distance and enclosed must be columns of one length, got shapes "
                f"{np.shape(self.distance)} and {np.shape(self.enclosed)}"
            )
        known = concrete(self.distance)
        if known is not None and not np.all(np.diff(known) > 0):
            raise ValueError("distance must rise from each point to the next: sort the points")

    @property
    def smallest(self):
        """The smallest distance."""
        return self.distance[0]

    @property
    def largest(self):
        """The largest distance in nm."""
        return self.distance[-1]

    def within(self, distance):
        """Power in pW within a distance in nm, between the points linearly in ln r."""
        inside = jnp.minimum(distance / self.distance[0], 1) ** 2 * self.enclosed[0]
        outside = jnp.interp(jnp.log(distance), jnp.log(self.distance), self.enclosed)
        return jnp.where(distance < self.distance[0], inside, outside)


def heat_around(
    scatterer, reservoirs, damping=None, side="downstream", free_path="fixed"
) -> HeatedRings:
    """The emitted heat of `power_per_length` within each distance, on one side.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs` at one operating point.
        damping: a damping law; `QuadraticDamping` by default.
        side: "downstream" or "upstream".
        free_path: "fixed", "exponential", or the whole number k of an Erlang distribution.

    Returns:
        `HeatedRings`, from 1/40 to 3000 times the distance of the hot spot, r*. Random paths have
        no hot spot: there it is the median of `heat_quantiles`.

    Raises:
        ValueError: an unknown option; in calls with concrete numbers, more than one operating
            point, or no hot spot, or no heat.
    """
    require_options(side, "emitted", free_path)
    if np.broadcast_shapes(*map(np.shape, jax.tree.leaves(reservoirs))) != ():
        raise ValueError(
            "reservoirs must be one operating point: call heat_around for each of them, or map it "
            "with jax.vmap"
        )
    damping = QuadraticDamping() if damping is None else damping
    if free_path == "fixed":
        what, scale = "hot spot", hot_spot(scatterer, reservoirs, damping).distance
    else:
        what = "emitted heat"
        scale = heat_quantiles(scatterer, reservoirs, damping, 0.5, side, free_path)
    scale = jax.lax.stop_gradient(scale)
    known = concrete(scale)
    if known is not None and not np.all(known > 0):
        raise ValueError(f"there is no {what}, and no heat around it, at {reservoirs}")
    near, far = _RANGE
    distance = scale * jnp.asarray(np.geomspace(near, far, _DISTANCES), scale.dtype)
    power = power_per_length(
        scatterer, reservoirs, damping, distance, side=side, free_path=free_path
    )
    rings = jnp.diff(distance) * (power[1:] + power[:-1]) / 2
    inside = distance[:1] * power[:1]
    return HeatedRings(distance, jnp.concatenate([inside, inside + jnp.cumsum(rings)]))


class AroundConstriction(NamedTuple):
    """Temperatures at some distances.

    Fields:
        electrons: temperature of the electrons in K.
        lattice_rise: warming of the lattice by these electrons in K: an order of magnitude.
        status: 0 where the equation was solved; 1 where it was not (then both are NaN).
    """

    electrons: jax.Array
    lattice_rise: jax.Array
    status: jax.Array

    def __repr__(self):
        return brief(self, {"electrons": "K", "lattice_rise": "K"})


def electron_temperature(plane, heat, distance, tip=0.0) -> AroundConstriction:
    r"""Temperature of the electrons at a distance from the constriction.

    .. math:: -\frac{1}{r} \frac{d}{dr} \left(r\, \mathcal{L} \sigma\, T \frac{dT}{dr}\right)
              + \Sigma (T^p - T_0^p) = q(r)

    solved on 1200 rings for the heat within each distance, to 1e-4 of the rise, by Newton's method,
    which approaches the one solution from above. Derivatives are those of the implicit function.

    It holds where r, the size of the heated region and l_c are well above the elastic mean free
    path; nearer it is an order of magnitude. `lattice_rise` always is. Heat that passes through
    the electrons reaches the lattice over l_c, which is 10 um and more, and not at the hot spot.

    Args:
        plane: `ElectronPlane`.
        heat: `HeatedDisc`, or `HeatedRings` such as `heat_around` gives.
        distance: r in nm, 0 or more, any shape.
        tip: width of the thermometer in nm, 50 to 100 in scanning probes: the standard deviation of
            the Gaussian over which both temperatures are averaged. 0 averages nothing.

    Returns:
        `AroundConstriction`, of the shape of `distance`; NaN where r < 0 or where so much is cooled
        that there is no temperature above 0.

    Raises:
        TypeError: another plane or heat.
        ValueError: a tip that is negative.

    Warns:
        UserWarning: a disc smaller than the mean free path.

    References:
        R. Franz and G. Wiedemann, Ann. Phys. 165, 497 (1853); for the T^5 law N. J. Appleyard et
        al., Phys. Rev. Lett. 81, 3491 (1998), which was not compared with this.
    """
    if not isinstance(plane, ElectronPlane):
        raise TypeError(f"plane must be an ElectronPlane, got {type(plane).__name__}")
    if not isinstance(heat, (HeatedDisc, HeatedRings)):
        raise TypeError(f"heat must be HeatedDisc or HeatedRings, got {type(heat).__name__}")
    distance, tip = number(distance, "distance"), number(tip, "tip")
    known = concrete(tip)
    if known is not None and not np.all(known >= 0):
        raise ValueError(f"tip must be 0 or more, in nm, got {known:g}")
    if isinstance(heat, HeatedDisc):
        radius, path = concrete(heat.radius), concrete(plane.mean_free_path)
        if radius is not None and path is not None and radius < path:
            warnings.warn(
                f"the heated disc of {radius:.4g} nm is smaller than the elastic mean free path of "
                f"{path:.4g} nm: inside it electrons do not diffuse, and the temperatures are "
                "orders of magnitude only",
                stacklevel=2,
            )
    return _around(plane, heat, distance, tip)


@jax.jit
def _around(plane, heat, distance, tip):
    plane, heat, distance, tip = same_dtype((plane, heat, distance, tip))
    held = meaningful(plane, heat, tip) & (tip >= 0)
    middle, square, solved = _solved(plane, heat)

    def at(distance):
        """Electrons' temperature and heat to phonons, r in nm."""
        place = jnp.log(jnp.maximum(distance, middle[0]))
        electrons = jnp.sqrt(2 * jnp.interp(place, jnp.log(middle), square))
        given = plane.loss * (electrons**plane.exponent - plane.temperature**plane.exponent)
        return electrons, plane.lattice_rise(given)

    x, weight = (jnp.asarray(a, distance.dtype) for a in _HERMITE)
    weight = jnp.outer(weight, weight) / jnp.sum(weight) ** 2

    def blurred(distance):
        off = jnp.where(tip > 0, tip, 0)
        along, across = distance + off * x[:, None], off * x[None, :]
        # The root has no slope at 0.
        square = along**2 + across**2
        r = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
        return [jnp.sum(weight * value) for value in at(r)]

    found = jax.vmap(blurred)(distance.reshape(-1))
    known = (distance >= 0) & solved
    numbers = [jnp.where(known, y.reshape(distance.shape), jnp.nan) for y in found]
    electrons, lattice = where_meaningful(held, numbers)
    return AroundConstriction(electrons, lattice, jnp.where(known & held, 0, 1))


def _solved(plane, heat):
    """Middles of the rings in nm, T^2/2 in them, and whether the equation is solved."""
    start = _NEAREST * heat.smallest
    end = jnp.maximum(_FARTHEST * plane.decay_length, 10 * heat.largest)
    start, end, smallest = jax.lax.stop_gradient(
        (jnp.minimum(start, end / 10), end, jnp.asarray(heat.smallest, end.dtype))
    )
    width = jnp.log(end / start) / _CELLS
    # An edge stands where a disc ends, so that what its radius does is as precise as the rest.
    place = jnp.arange(_CELLS + 1, dtype=end.dtype) - jnp.round(jnp.log(smallest / start) / width)
    edges = smallest * jnp.exp(width * place)
    middle = jnp.sqrt(edges[1:] * edges[:-1])
    inner = jnp.concatenate([jnp.zeros_like(edges[:1]), edges[1:-1]])  # the first is a disc
    area = plane.angle / 2 * (edges[1:] ** 2 - inner**2)
    # Nothing flows between these two in the middle, and T_0 stands beyond the end.
    source = heat.within(edges[1:]) - jnp.where(inner > 0, heat.within(edges[:-1]), 0)
    flow = plane.angle * plane.conduction / width
    bath = plane.temperature**2 / 2
    number_of = jnp.arange(_CELLS)
    inward = jnp.where(number_of > 0, flow, 0)
    outward = jnp.where(number_of < _CELLS - 1, flow, 2 * flow)
    p = plane.exponent

    def step(rise):
        """Newton's step for the rise of T^2/2 above the bath's."""
        square = 2 * (bath + rise)
        slope = plane.loss * area * p * square ** (p / 2 - 1)
        lost = plane.loss * area * (square ** (p / 2) - (2 * bath) ** (p / 2))
        return tridiagonal(
            -inward, inward + outward + slope, -outward, source - lost + slope * rise
        )

    def move(_, rise):
        return jnp.maximum(step(rise), _COLDEST * bath)

    begin = jnp.zeros_like(middle)
    rise = jax.lax.stop_gradient(jax.lax.fori_loop(0, _STEPS, move, begin))
    final = step(rise)  # with the derivatives of the solution
    left = jnp.max(jnp.abs(final - rise) / (bath + rise))
    # In single precision nothing is more than some roundings.
    return middle, bath + final, left <= max(_SMALL, 64 * float(jnp.finfo(middle.dtype).eps))
