"""The layers: a two-dimensional electron gas below a surface."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from qpcjax.constants import COULOMB, GAAS_MASS, HBAR2_OVER_2M
from qpcjax.quantities import closest, holding
from qpcjax.validation import Parameters, Range, Real, allowed, positive

SURFACES = ("frozen", "pinned", "bare")

# From 1e11 cm^-2 to 1/nm^2.
PER_AREA = 1e-3


class Heterostructure(Parameters):
    r"""A two-dimensional electron gas at the depth d below the surface on which gates lie.

    Without gates the gas has its density and the energy 0: energies count from the bottom of its
    band. Its electrons fill it up to

    .. math:: \mu = kT \ln\left(e^{n_0/D kT} - 1\right), \quad D = \frac{m}{\pi\hbar^2}.

    Attributes:
        density: n_0 of the gas in 1e11 cm^-2.
        depth: d in nm.
        permittivity: relative permittivity of the semiconductor; GaAs by default.
        above: relative permittivity of what lies above the surface; vacuum by default.
        surface: what the surface between the gates does. "frozen": its charge stays as it was
            when the sample was cooled down, which agrees best with measured pinch-off voltages.
            "pinned": it is an equipotential as the gates are. "bare": as pinned, over an empty gas;
            nothing screens the gates, and they are given by energies instead of voltages.
        mass: effective mass in m_e; GaAs by default.
        thermal_energy: kT of the electrons in meV.
        back: distance in nm of a grounded plane far away, such as the back of the wafer, which
            keeps a sample with a frozen surface neutral, but for what it holds; q = 1/back stands
            for q = 0.

    Raises:
        ValueError: a number out of range, another surface.

    References:
        Frozen surfaces and measured pinch-offs: Hou et al., J. Phys. D 51, 244004 (2018).
    """

    density: Real = eqx.field(metadata=holding("density"))
    depth: Real = eqx.field(metadata=allowed(positive("length in nm")))
    permittivity: Real = eqx.field(
        default=12.9, metadata=allowed(Range("a relative permittivity, 1 or more", 1.0))
    )
    above: Real = eqx.field(
        default=1.0, metadata=allowed(Range("a relative permittivity, 1 or more", 1.0))
    )
    surface: str = eqx.field(default="frozen", static=True)
    mass: Real = eqx.field(default=GAAS_MASS, metadata=holding("mass"))
    thermal_energy: Real = eqx.field(default=0.1, metadata=allowed(positive("energy kT in meV")))
    back: Real = eqx.field(default=2e4, metadata=allowed(positive("distance in nm")))

    def check(self):
        """Refuse a surface that is not known."""
        if self.surface not in SURFACES:
            raise ValueError(
                f"surface {self.surface!r} is not known: {closest(self.surface, SURFACES)}"
            )

    @property
    def per_area(self) -> Any:
        """The density n_0 in 1/nm^2."""
        return PER_AREA * self.density

    @property
    def states(self) -> Any:
        """D = m/(pi hbar^2) in 1/(meV nm^2), both spins."""
        return self.mass / (2 * math.pi * HBAR2_OVER_2M)

    @property
    def mu(self) -> Any:
        """Electrochemical potential in meV above the bottom of the band."""
        filling = self.per_area / (self.states * self.thermal_energy)
        return self.per_area / self.states + self.thermal_energy * jnp.log(-jnp.expm1(-filling))

    @property
    def depletion(self) -> Any:
        r"""Energy of a wide gate, in meV, under which the gas is empty at T = 0.

        .. math:: v = \frac{e^2 d\, n_0}{\epsilon_0 \epsilon} + \frac{n_0}{D}
        """
        capacitive = COULOMB * self.depth * self.per_area / self.permittivity
        return capacitive + self.per_area / self.states
