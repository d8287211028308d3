"""The two reservoirs on either side of a scatterer, and the heat they receive."""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np

from qpcjax.overviews import brief
from qpcjax.validation import Parameters, Real, allowed, concrete, require


class Reservoirs(Parameters):
    """Two reservoirs, mu_L,R = mu +- eV/2 and T_L,R = T +- dT/2; the fields broadcast.

    Args:
        mu: mean electrochemical potential in meV from the bottom of the conduction band.
        bias: eV = mu_L - mu_R in meV (the voltage in mV); positive: electrons flow to the right.
        temperature: mean temperature in K, 0 or more; 0 is exact.
        temperature_bias: T_L - T_R in K, at most twice the temperature.

    Raises:
        ValueError: a temperature below zero on either side, or shapes that do not broadcast.
    """

    mu: Real = eqx.field(metadata=allowed(scalar=False))
    bias: Real = eqx.field(metadata=allowed(scalar=False), default=0.0)
    temperature: Real = eqx.field(metadata=allowed(scalar=False), default=0.0)
    temperature_bias: Real = eqx.field(metadata=allowed(scalar=False), default=0.0)

    def check(self):
        """Check the temperatures of both sides, and that the shapes broadcast."""
        require("temperature", self.temperature, "0 or more, in K", lambda t: ~(t < 0))
        known = [concrete(t) for t in (self.temperature, self.temperature_bias)]
        if known[0] is not None and known[1] is not None:
            cold = known[0] - np.abs(known[1]) / 2
            if np.any(cold < 0):
                raise ValueError(
                    "temperature_bias must be at most twice the temperature, so that neither "
                    f"side is below 0 K, got a side at {np.min(cold):g} K"
                )
        shapes = [np.shape(leaf) for leaf in jax.tree.leaves(self)]
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(f"the fields of Reservoirs do not broadcast: {shapes}") from None

    @property
    def mu_left(self):
        """mu_L in meV."""
        return self.mu + self.bias / 2

    @property
    def mu_right(self):
        """mu_R in meV."""
        return self.mu - self.bias / 2

    def mirrored(self):
        """The same reservoirs with left and right exchanged."""
        return Reservoirs(self.mu, -self.bias, self.temperature, -self.temperature_bias)


class Dissipation(NamedTuple):
    """Powers dissipated on the two sides, in pW; a negative one is cooling."""

    left: jax.Array
    right: jax.Array

    def __repr__(self):
        return brief(self, dict.fromkeys(self._fields, "pW"))

    @property
    def total(self):
        """P_L + P_R = V I."""
        return self.left + self.right

    @property
    def asymmetry(self):
        """P_A = P_R - P_L."""
        return self.right - self.left
