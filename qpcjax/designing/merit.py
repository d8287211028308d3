"""The function that a search minimises: an objective and its constraints in one number."""

import numpy as np

FEASIBLE = 1e-6  # violation that counts as none, in units of the constraint's spread

# Decrease that is still to be had where a descent ends: in units of the objective's spread over the
# starts, and of its value. Near a minimum squares are known better: a step more is all it takes.
_CONVERGED, CONVERGED_SQUARES = 1e-9, 1e-13
_CONVERGED_SHARE = 1e-7


class Merit:
    r"""The function that is minimised: objective and constraints as a function of the outputs z.

    The augmented Lagrangian

    .. math::
        \frac{h(z)}{s} + \sum_i \frac{\rho}{2} \left[\Delta_i^2(c_i + \lambda_i/\rho)
            - (\lambda_i/\rho)^2\right]

    with h the number itself, with the sign of the search, or half the sum of squared deviations; s
    its spread over the starts; c_i a constrained number in units of its own spread, and Delta its
    distance from the allowed range.

    Args:
        objective: an `AbstractObjective`.
        constraints: of `Constraint`.
        outputs: rows of finite outputs at the starts.
    """

    def __init__(self, objective, constraints, outputs):
        self.parts, self.squares = outputs.shape[1] - len(constraints), objective.squares
        self.sign = -1.0 if objective.maximise else 1.0
        self.lower = np.array([c.lower for c in constraints])
        self.upper = np.array([c.upper for c in constraints])
        h = self.objective(outputs)
        self.scale = _spread(h) or float(np.max(np.abs(h))) or 1.0
        self.scales = np.ones(len(constraints))
        for i, c in enumerate(outputs[:, self.parts :].T):
            largest = max(abs(e) for e in (self.lower[i], self.upper[i]) if np.isfinite(e))
            # A bound that is small against the spread is meant to be kept to its own size.
            spread = _spread(c) or largest or 1.0
            self.scales[i] = np.sqrt(spread * min(spread, largest or spread))

    def objective(self, outputs):
        """The value h of rows of outputs."""
        parts = outputs[..., : self.parts]
        return np.sum(parts**2, -1) / 2 if self.squares else self.sign * parts[..., 0]

    def _shifted(self, outputs, multipliers, penalty):
        """The constrained number plus lambda/rho, and how far that is outside the range."""
        c = outputs[self.parts :] / self.scales + multipliers / penalty
        return c - np.clip(c, self.lower / self.scales, self.upper / self.scales)

    @property
    def constrained(self):
        """Whether there are constraints."""
        return self.scales.size > 0

    def settled(self, outputs):
        """Decrease of the Lagrangian that counts as none."""
        if self.squares:
            return CONVERGED_SQUARES
        return max(_CONVERGED, _CONVERGED_SHARE * abs(float(self.objective(outputs))) / self.scale)

    def violation(self, outputs):
        """The largest violation of a constraint, in units of its spread."""
        outside = self._shifted(outputs, np.zeros_like(self.scales), 1.0)
        return float(np.max(np.abs(outside), initial=0.0))

    def value(self, outputs, multipliers, penalty):
        """The augmented Lagrangian."""
        outside = self._shifted(outputs, multipliers, penalty)
        h = float(self.objective(outputs)) / self.scale
        return h + float(penalty / 2 * np.sum(outside**2) - np.sum(multipliers**2) / 2 / penalty)

    def weights(self, outputs, multipliers, penalty):
        """Its first and second derivatives by the outputs."""
        parts = outputs[: self.parts]
        first = parts / self.scale if self.squares else np.full(1, self.sign / self.scale)
        second = np.full(self.parts, 1 / self.scale if self.squares else 0.0)
        outside = self._shifted(outputs, multipliers, penalty)
        first = np.concatenate([first, penalty * outside / self.scales])
        active = np.where(outside != 0, penalty / self.scales**2, 0.0)
        return first, np.concatenate([second, active])

    def new_multipliers(self, outputs, multipliers, penalty):
        """Multipliers that would make this point the minimum of the Lagrangian."""
        return penalty * self._shifted(outputs, multipliers, penalty)


def _spread(values):
    """Half the distance between the quartiles' neighbours; 0 where all are equal."""
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low) / 2
