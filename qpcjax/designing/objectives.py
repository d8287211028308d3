"""What a design is to do best: each objective is a number of a scatterer between reservoirs."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.heat.damping import AbstractDamping, QuadraticDamping
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.transport.landauer import dissipation
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.transmission import transmission
from qpcjax.validation import number, require

# What an axis of a target may be, beside the scatterer's own numbers.
RESERVOIR_NAMES = ("mu", "bias", "temperature", "temperature_bias")


class AbstractObjective(eqx.Module):
    """A number to be made as large or as small as possible.

    A subclass gives `parts`: the number itself, or, with `squares`, the deviations whose mean
    square it is. Those take fewer evaluations, since their curvature is known beforehand.
    """

    maximise: ClassVar[bool] = False
    squares: ClassVar[bool] = False
    driven: ClassVar[bool] = False  # whether there is no answer at zero bias

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """What it is, in a few words."""

    @property
    def unit(self) -> str:
        """Unit of the number."""
        return "1"

    @abc.abstractmethod
    def parts(self, scatterer, reservoirs) -> jax.Array:
        """The number, shape (1,), or the deviations, shape (n,)."""

    def value(self, scatterer, reservoirs):
        """The number."""
        parts = self.parts(scatterer, reservoirs)
        return jnp.mean(parts**2) if self.squares else parts[0]

    def operating_points(self, scatterer, reservoirs) -> list[Any]:
        """Pairs of a scatterer and reservoirs for which T(E) has to be known."""
        return [(scatterer, reservoirs)]

    def check(self, scatterer, names):
        """Raise ValueError where it cannot be evaluated with these free parameters."""


def _downstream(value, reservoirs):
    """The value with left and right exchanged where the bias drives electrons to the left."""
    return jnp.where(reservoirs.bias < 0, -value, value)


class MostAsymmetry(AbstractObjective):
    r"""Largest share by which the downstream side gets more heat than the upstream one.

    .. math:: \frac{P_A}{P_T} = \frac{P_R - P_L}{P_L + P_R}

    for eV > 0, and its mirror image for eV < 0; P_T = V I. It is 1 where all the heat appears
    downstream, and more where the upstream side is cooled.
    """

    maximise: ClassVar[bool] = True
    driven: ClassVar[bool] = True

    @property
    def title(self):
        """What it is."""
        return "largest asymmetry P_A/P_T"

    def parts(self, scatterer, reservoirs):
        """P_A/P_T, shape (1,)."""
        power = dissipation(scatterer, reservoirs)
        return (_downstream(power.asymmetry, reservoirs) / power.total)[None]


class StrongestCooling(AbstractObjective):
    r"""Strongest cooling of the upstream side, from which the electrons come.

    .. math:: P_L = \frac{2}{h} \int dE\, (\mu_L - E)\, T(E, V) [f_L - f_R]

    made as negative as possible for eV > 0, and P_R for eV < 0.
    """

    driven: ClassVar[bool] = True

    @property
    def title(self):
        """What it is."""
        return "strongest cooling, power on the upstream side"

    @property
    def unit(self):
        """Unit of the number."""
        return "pW"

    def parts(self, scatterer, reservoirs):
        """P on the upstream side in pW, shape (1,)."""
        power = dissipation(scatterer, reservoirs)
        return jnp.where(reservoirs.bias < 0, power.right, power.left)[None]


class HotSpotAt(AbstractObjective):
    r"""The hot spot at a distance r from the constriction, on the downstream side.

    .. math:: \left[\ln \frac{r^*}{r}\right]^2

    as small as possible. One distance fixes one number: of several that are free all but one may
    be chosen, and the result says which combinations.

    Args:
        distance: r in nm, positive.
        damping: damping law of the hot electrons.

    Raises:
        ValueError: a distance that is not positive.
    """

    distance: float = eqx.field(converter=number)
    damping: AbstractDamping = eqx.field(default_factory=QuadraticDamping)

    squares: ClassVar[bool] = True
    driven: ClassVar[bool] = True

    def __check_init__(self):
        wanted = "positive, in nm"
        require("distance", self.distance, wanted, lambda r: (r > 0) & np.isfinite(r))

    @property
    def title(self):
        """What it is."""
        return "hot spot at a distance, [ln(r*/r)]^2"

    def parts(self, scatterer, reservoirs):
        """ln(r*/r), shape (1,)."""
        spot = hot_spot(scatterer, reservoirs, self.damping)
        return jnp.log(spot.distance / self.distance)[None]


def columns_of(*columns):
    """Columns of a target as float arrays of one length; (name, values) pairs."""
    found = {}
    for name, values in columns:
        try:
            found[name] = np.asarray(values, float)
        except (TypeError, ValueError):
            raise ValueError(f"{name} of the target must be numbers, got {values!r}") from None
        if found[name].ndim != 1 or found[name].size == 0:
            shape = found[name].shape
            raise ValueError(f"{name} of the target must be a column of numbers, got shape {shape}")
        bad = np.flatnonzero(~np.isfinite(found[name]))
        if bad.size:
            value = found[name][bad[0]]
            raise ValueError(f"{name} of the target must be finite: row {bad[0] + 1} is {value}")
    sizes = {name: column.size for name, column in found.items()}
    if len(set(sizes.values())) > 1:
        listed = " and ".join(f"{size} of {name}" for name, size in sizes.items())
        raise ValueError(f"the columns of the target must have one length, got {listed}")
    return tuple(found.values())


class TargetTransmission(AbstractObjective):
    r"""A transmission T(E) as near as possible to a table.

    .. math:: \frac{1}{n} \sum_i [T(E_i, V) - T_i]^2

    Args:
        energy: E_i in meV.
        transmission: T_i.

    Raises:
        ValueError: columns of unequal length, empty or not finite.
    """

    energy: Any
    transmission: Any

    squares: ClassVar[bool] = True

    def __init__(self, energy, transmission):
        self.energy, self.transmission = columns_of(
            ("energy", energy), ("transmission", transmission)
        )

    @property
    def title(self):
        """What it is."""
        return "target T(E), mean square deviation"

    def parts(self, scatterer, reservoirs):
        """T(E_i) - T_i."""
        found = transmission(scatterer, jnp.asarray(self.energy), reservoirs.bias)
        return found - self.transmission

    def operating_points(self, scatterer, reservoirs):
        """Cold reservoirs that reach the highest energy, and the lowest."""
        ends = float(np.max(self.energy)), float(np.min(self.energy))
        return [(scatterer, Reservoirs(end)) for end in ends]
