"""Resonant levels: what carries the current of a molecule, a quantum dot or an impurity."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import GAAS_MASS
from qpcjax.quantities import holding
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.validation import Real

# Panel ends around a level, in half its width: between them 16 Gauss nodes resolve a Lorentzian to
# 1e-12 of its peak.
_EDGES = np.concatenate([[0.0], 2.0 ** np.arange(-1, 24)])


class BreitWigner(AbstractScatterer):
    r"""One or several resonant levels, each a channel of its own.

    .. math:: T_n(E) = \frac{p_n}{1 + x_n^2}, \qquad x_n = \frac{E - \epsilon_n}{\Gamma_n/2}

    the Breit-Wigner form, or with the asymmetry q of Fano's interference with a direct path,

    .. math:: T_n(E) = \frac{p_n}{1 + q_n^2}\, \frac{(q_n + x_n)^2}{1 + x_n^2}.

    The fields broadcast: scalars are one level, a column is several. For couplings to the left and
    right of Gamma_L and Gamma_R the width is their sum and the peak 4 Gamma_L Gamma_R/Gamma^2.

    Args:
        level: epsilon in meV.
        width: Gamma in meV, the full width at half the maximum.
        peak: p, the largest T_n, from 0 to 1.
        fano: q, the asymmetry of Fano's form; None for the Breit-Wigner form.
        mass: effective mass in m_e; GaAs by default.

    Raises:
        ValueError: a level that is not finite, a width that is not positive, a peak above 1 or
            below 0, shapes that do not broadcast to a scalar or a column.

    References:
        G. Breit and E. Wigner, Phys. Rev. 49, 519 (1936); U. Fano, Phys. Rev. 124, 1866 (1961).
    """

    level: Real = eqx.field(metadata=holding("resonance_energy", scalar=False))
    width: Real = eqx.field(metadata=holding("linewidth", scalar=False))
    peak: Real = eqx.field(metadata=holding("peak_transmission", scalar=False), default=1.0)
    fano: Real = eqx.field(
        metadata=holding("fano_asymmetry", scalar=False, optional=True), default=None
    )
    mass: Real = eqx.field(metadata=holding("mass"), default=GAAS_MASS)

    follows_bias = False
    opens_in_steps = False

    def check(self):
        """Check that the fields are scalars or columns of one length."""
        shapes = [np.shape(x) for x in (self.level, self.width, self.peak, self.fano)]
        try:
            together = np.broadcast_shapes(*shapes)
        except ValueError:
            together = None
        if together is None or len(together) > 1:
            raise ValueError(
                "level, width, peak and fano must be scalars or columns of one length, got the "
                f"shapes {shapes}; map a batch of scatterers with jax.vmap"
            )

    def _levels(self):
        """Energies and half-widths of the levels, two columns of one length."""
        columns = (self.level, self.width, self.peak, 0.0 if self.fano is None else self.fano)
        level, width, *_ = jnp.broadcast_arrays(*(jnp.atleast_1d(jnp.asarray(c)) for c in columns))
        return level, width / 2

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E) of each level at one energy in meV; it does not depend on the bias."""
        level, half = self._levels()
        x = (energy - level) / half
        if self.fano is None:
            return self.peak / (1 + x * x)
        return self.peak / (1 + self.fano**2) * (self.fano + x) ** 2 / (1 + x * x)

    def thresholds(self, bias=0.0):
        """None: T(E) is smooth."""
        return jnp.zeros(0, jnp.result_type(bias, *jax.tree.leaves(self)))

    def finest_scale(self, bias=0.0):
        """Half the width in meV of the narrowest level."""
        return jnp.min(self._levels()[1])

    def panel_edges(self, bias=0.0):
        """Energies around each level, at distances that double."""
        level, half = self._levels()
        edges = np.concatenate([-_EDGES[:0:-1], _EDGES]).astype(level.dtype)
        return (level[:, None] + half[:, None] * edges).reshape(-1)
