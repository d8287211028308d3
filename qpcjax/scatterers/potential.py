"""The exact answer for any potential V(x, y): every mode of the strip, coupled."""

import copy
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import ELEMENTARY_CHARGE, HBAR2_OVER_2M, PLANCK
from qpcjax.potentials import recursion
from qpcjax.potentials.potential import capped
from qpcjax.potentials.potential import window as window_of
from qpcjax.potentials.sectors import Sectors, across, along, gauge, sectors_of
from qpcjax.potentials.walls import Walls, walled_sectors
from qpcjax.potentials.waves import from_right, waves
from qpcjax.quantities import holding
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.energy_limits import energy_limit, most_open, thresholds
from qpcjax.scatterers.local_maps import LocalFlow, local_flow, weak_response
from qpcjax.scatterers.region import (
    drop_shape,
    field_shares,
    kept_modes,
    length_of,
    places_of,
    require_walls,
)
from qpcjax.validation import Real, allowed, concrete, number, positive, require, require_count

# h/e in T nm^2
_FLUX_QUANTUM = PLANCK / ELEMENTARY_CHARGE * 1e18

# What the highest sine function must have above the energy, in meV: without a field, and in one.
_MARGIN, _MARGIN_IN_FIELD = 5.0, 20.0

# Energies that a CPU evaluates side by side: their matrices stay in the cache.
_AT_ONCE = 32
_USUAL_AT_ONCE = 1 << 16

RESOLVED, UNRESOLVED, UNKNOWN = 0, 1, 2
"""Values of `status`: within the tolerance; the sizes ran out before; never estimated."""


class PotentialScatterer(AbstractScatterer):
    r"""The scattering states of a potential in a strip.

    .. math::
        \left[-C (\partial_x^2 + \partial_y^2) + V(x, y)\right] \psi = E \psi, \quad
        C = \hbar^2/2m, \quad |y| < W/2,

    with hard walls at \|y\| = W/2, the potential in the region \|x\| < X and leads of width W on
    both sides. Across, waves are sums of M sine functions; along, the log-derivative goes through
    N sectors in each one's own modes. `qpcjax.resolve` chooses N and M and estimates the error.

    Fields that are numbers or arrays may be differentiated; the derivative by `values` in one
    reverse pass is the response of T to the potential in every point, see `response`.

    Args:
        potential: a `Potential`, or `HardWalls`, which take no width, kept or magnetic_field.
        sectors: N, even.
        modes: M.
        kept: how many of the modes of each sector are kept, the lowest ones: m, or several numbers,
            one for each of as many equal parts of the way from a lead to the middle of the region.
            By default all M. Cost falls as m^3. `qpcjax.resolve` chooses them.
        points: points across at which V is known, Gauss nodes; 4 M by default.
        width: W in nm; by default the potential's own.
        half_length: X in nm; by default the potential's own.
        window: length in nm next to either lead over which V is brought to 0, smoothly; None: V is
            taken as it is, and 0 beyond X.
        cap: energy in meV above which V is cut off, see `qpcjax.potentials.capped`; None: it is
            not. Under gates V exceeds the Fermi energy many times, which only costs sectors.
        softness: of the cap in meV.
        magnetic_field: B in T perpendicular to the plane, in the region alone. None: the program
            without a field, which is quicker.
        field_window: \|x\| in nm from which the field falls, and at which it is 0; by default 0.6 X
            and X.
        lead_profiles: whether the leads have the potential V(-X, y) and V(X, y); otherwise they are
            flat, V = 0.
        drop: where a bias drops: None, outside the region, so that T does not depend on it; the two
            x in nm between which it falls smoothly; or a function g(x), from 1/2 in the left lead
            to -1/2 in the right one. The potential is V + eV g(x). Nothing is screened anew.
        highest: energy in meV up to which T(E) is wanted; by default as far as the sizes reach.
        edges: energies in meV between which T(E) is smooth, which integrals use; None: each of them
            searches.

    Raises:
        ValueError: sizes that are too small, lengths that are not positive, a potential that is not
            finite or too short for the region.

    References:
        D. Manolopoulos, J. Chem. Phys. 85, 6425 (1986).
    """

    values: Real = eqx.field(metadata=allowed(scalar=False))
    rule: tuple[Any, Any]
    half_length: Real = eqx.field(metadata=allowed(positive("length in nm")))
    width: Real = eqx.field(metadata=allowed(positive("length in nm")))
    mass: Real = eqx.field(metadata=holding("mass"))
    magnetic_field: Real = eqx.field(metadata=holding("magnetic_field", optional=True))
    walls: Walls | None
    drop: Any
    edges: Any
    error_estimate: Any
    status: Any
    made: Sectors | None
    sine_modes: int = eqx.field(static=True)
    kept: tuple[int, ...] = eqx.field(static=True)
    open_modes: int = eqx.field(static=True)
    lead_profiles: bool = eqx.field(static=True)
    field_window: tuple[float, float] | None = eqx.field(static=True)
    highest: float = eqx.field(static=True)

    opens_in_steps = False

    def __init__(
        self,
        potential,
        *,
        sectors,
        modes,
        kept=None,
        points=None,
        width=None,
        half_length=None,
        window=None,
        cap=None,
        softness=10.0,
        magnetic_field=None,
        field_window=None,
        lead_profiles=False,
        drop=None,
        highest=None,
        edges=None,
    ):
        require_count("modes", modes, 2)
        require_count("sectors", sectors, 2)
        if sectors % 2:
            raise ValueError(f"sectors must be an even number, got {sectors}")
        points = 4 * modes if points is None else points
        require_count("points", points, modes, ", as many as there are modes")
        self.half_length = length_of("half_length", half_length, potential.half_length)
        x = places_of(along, self.half_length, sectors)
        found = potential.walls(x)
        if found is None:
            self.width, self.walls = length_of("width", width, potential.width), None
        else:
            self.width, self.walls = require_walls(found, width, magnetic_field, modes, kept)
        known = concrete(number(self.width))
        kinks = () if known is None else np.asarray(potential.kinks) / float(known)
        self.rule = across(points, kinks)
        values = potential.at(x, self.y)
        if window is not None:
            outer = self.half_length
            require("window", window, "a positive length in nm", lambda w: w > 0)
            require("half_length - window", outer - window, "0 or more in nm", lambda r: r >= 0)
            values = values * jnp.asarray(window_of(x, outer - window, outer))[:, None]
        self.values = values if cap is None else capped(values, cap, softness)
        self.mass = number(potential.mass, "mass")
        self.magnetic_field = None if magnetic_field is None else number(magnetic_field)
        self.field_window = field_shares(field_window, self.half_length, magnetic_field)
        self.drop = None if drop is None else drop_shape(drop, x)
        self.edges = None if edges is None else number(edges, "edges")
        self.lead_profiles = bool(lead_profiles)
        self.sine_modes = int(modes)
        self.kept = kept_modes(kept, self.sine_modes)
        self.made = None
        self.error_estimate = np.zeros(0)
        self.status = np.int32(UNKNOWN)
        self.highest = math.inf if highest is None else float(highest)
        self.open_modes = self.sine_modes
        self.open_modes = most_open(self)

    def check(self):
        """Refuse a potential that is not finite."""
        known = concrete(self.values)
        if known is not None and not np.all(np.isfinite(known)):
            raise ValueError("the potential must be finite everywhere in the region, in meV")

    @property
    def sectors(self) -> int:
        """N."""
        return self.values.shape[0] // 2

    @property
    def sizes(self) -> dict[str, Any]:
        """Keywords with which another potential is given the same sizes."""
        highest = self.highest if math.isfinite(self.highest) else None
        sizes = {"sectors": self.sectors, "modes": self.sine_modes, "kept": self.kept}
        return sizes | {"highest": highest}

    @property
    def x(self) -> Any:
        """Places x in nm of the first axis of `values`."""
        return places_of(along, self.half_length, self.sectors)

    @property
    def y(self) -> Any:
        """Places y in nm of the second axis of `values`."""
        known = concrete(number(self.width))
        return self.rule[0] * (self.width if known is None else known)

    @property
    def scale(self) -> Any:
        """C = hbar^2/2m in meV nm^2."""
        return HBAR2_OVER_2M / self.mass

    @property
    def follows_bias(self) -> bool:
        """Whether a bias drops inside the region."""
        return self.drop is not None

    @property
    def states_panels(self) -> bool:
        """Whether the energies are known between which T(E) is smooth."""
        return self.edges is not None

    @property
    def memory(self) -> int:
        """So much that a few dozen energies are evaluated side by side on a CPU."""
        if jax.default_backend() == "cpu":
            return _USUAL_AT_ONCE // _AT_ONCE
        return max(1, self.sine_modes**2 // 8)

    @property
    def margin(self) -> float:
        """Energy in meV that the highest mode must have above the electrons."""
        return _MARGIN if self.magnetic_field is None else _MARGIN_IN_FIELD

    def keeping(self, kept: Any) -> "PotentialScatterer":
        """The same scatterer with other numbers of modes that are kept.

        Args:
            kept: see the class.

        Raises:
            ValueError: a number below 2 or above the number of modes.
        """
        other = copy.copy(self)
        object.__setattr__(other, "kept", kept_modes(kept, self.sine_modes))
        object.__setattr__(other, "made", None)
        return other

    def settled(self):
        """The same scatterer with the matrices of its sectors."""
        if self.made is not None:
            return self
        return eqx.tree_at(
            lambda s: s.made, self, self.sectors_in(jnp), is_leaf=lambda x: x is None
        )

    def eigenvalues(self, energy, bias=0.0):
        """The eigenvalues of t^dagger t, falling, shape (open_modes,); 0 beyond the open modes."""
        found = recursion.eigenvalues(self._crossing(energy, bias, self.open_modes))
        return jnp.where(energy > self.energy_limit(), jnp.nan, found)

    def total(self, energy, bias=0.0):
        """T(E, V) = Tr[Gamma_l G Gamma_r G^dagger] at one energy."""
        return recursion.total(self._crossing(energy, bias))

    def thresholds(self, bias=0.0):
        """Energies in meV at which the leads' modes open: T(E) has a square root there."""
        return thresholds(self, bias)

    def jumps(self, bias=0.0):
        """None: at the thresholds of the leads T(E) is continuous."""
        return jnp.zeros(0, jnp.result_type(self.width))

    def panel_edges(self, bias=0.0):
        """The energies between which T(E) is smooth, where they are known."""
        return jnp.zeros(0, jnp.result_type(bias)) if self.edges is None else self.edges

    def energy_limit(self):
        """Energy in meV up to which the modes and sectors suffice, and no higher than `highest`.

        In the leads the highest of the modes that are kept must lie 5 meV above, in a field 20 meV,
        and in every sector the last one that is kept must be closed; a wave must not turn by
        more than pi/2 in a sector.
        """
        return energy_limit(self)

    def leak(self):
        """Energy in meV above which electrons pass along an edge of the strip.

        Gates should close the strip at its edges: it is the lower one of the two barriers there,
        max V(x, +-W/2) over x. Above it less 2 meV a wider strip is needed. Between `HardWalls`,
        which are the constriction themselves, it is infinite.
        """
        if self.walls is not None:
            return jnp.asarray(jnp.inf, jnp.result_type(self.width))
        edge = jnp.max(jnp.asarray(self.values)[:, np.array([0, -1])], axis=0)
        return jnp.min(edge)

    # --- amplitudes and maps ----------------------------------------------------------------

    def scattering(self, energy: Any, bias: Any = 0.0) -> tuple[jax.Array, jax.Array]:
        """Reflection and transmission amplitudes of waves from the left, of unit flux.

        Args:
            energy: E in meV, a scalar.
            bias: eV in meV.

        Returns:
            The pair (r, t), rows the outgoing and columns the incoming modes of the leads, each of
            shape (open_modes, open_modes); those of closed modes are 0. r is measured at x = -X and
            t from there to x = X.
        """
        found = self.waves(energy, bias, "left")
        n = self.open_modes
        return found.reflected[:n, :n], found.transmitted[:n, :n]

    def local(self, energy: Any, bias: Any = 0.0, side: str = "left") -> LocalFlow:
        r"""Density and current of the electrons that come from one lead at one energy.

        .. math::
            n(x, y) = \sum_n |\psi_n|^2, \quad
            j_x(x, y) = \sum_n \mathrm{Im}\,\psi_n^* \partial_x \psi_n

        over the open modes of the lead, psi_n coming in with unit flux: the integral of j_x over y
        is T(E, V), and -T(E, V) from the right, at every x. A map of the energy current is the
        integral of j_x (E - mu_R)(f_L - f_R) over E. Scattering by a potential dissipates nothing:
        such a map shows where energy flows, not where heat is released.

        Args:
            energy: E in meV, a scalar; map over many with jax.vmap.
            bias: eV in meV.
            side: the lead, "left" or "right".

        Raises:
            ValueError: another side.
        """
        return local_flow(self, energy, bias, side)

    def response(self, energy: Any, bias: Any = 0.0) -> jax.Array:
        r"""Change of T(E, V) by a weak potential in each point, dT/dV(x, y) in 1/(meV nm^2).

        .. math:: \delta T = \int dx\,dy\, \frac{\delta T}{\delta V(x, y)}\, \delta V(x, y)

        It is the map of a weak scanning tip, from one reverse pass.

        Args:
            energy: E in meV, a scalar.
            bias: eV in meV.

        Returns:
            At `x` and `y`, of the shape of `values`.
        """
        return weak_response(self, energy, bias)

    # --- the parts --------------------------------------------------------------------------

    def matrices(self) -> Sectors:
        """The `Sectors`, made once where the scatterer is settled."""
        return self.sectors_in(jnp) if self.made is None else self.made

    def sectors_in(self, xp: Any) -> Sectors:
        """The `Sectors` by NumPy, of numbers that are not traced, or by jax.numpy."""
        numbers = (self.values, self.rule, self.half_length, self.width, self.scale)
        if xp is np:
            numbers = jax.tree.map(np.asarray, numbers)
        values, rule, half_length, width, scale = numbers
        sizes = (scale, self.sine_modes)
        if self.walls is not None:
            walls, profiles = self.walls, self.lead_profiles
            return walled_sectors(
                values, rule, half_length, width, walls, *sizes, profiles=profiles, xp=xp
            )
        theta, kept = self.gauge(), max(self.kept)
        theta = theta if theta is None or xp is jnp else np.asarray(theta)
        profiles = self.lead_profiles
        return sectors_of(values, rule, half_length, width, *sizes, theta, profiles, kept, xp)

    def gauge(self):
        """The vector potential A_y in the units of a wavevector, 1/nm, at `x`; None without B."""
        if self.magnetic_field is None or self.field_window is None:
            return None
        field = 2 * np.pi / _FLUX_QUANTUM * self.magnetic_field
        inner, outer = (share * self.half_length for share in self.field_window)
        return gauge(jnp.asarray(self.x), field, inner, outer)

    def _crossing(self, energy, bias, waves=0):
        made = self.matrices()
        drop = None
        if self.drop is not None:
            drop = recursion.drop_of(self.drop, bias, made, self.scale)
        return recursion.crossing(made, energy / self.scale, drop, waves, self.kept)

    def waves(self, energy, bias, side):
        """The `Waves` that come in from one side."""
        made = self.matrices()
        drop = None
        if self.drop is not None:
            drop = recursion.drop_of(self.drop, bias, made, self.scale)
        if side == "right":
            made = from_right(made)
            drop = None if drop is None else recursion.Drop(*(x[::-1] for x in drop))
        return waves(made, energy / self.scale, drop)
