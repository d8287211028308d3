"""Observables of a scatterer that a vector of numbers makes, in rows, against differences."""

import jax
import numpy as np
import oracle
from helpers import in_rows, kelvin

from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.transport.integrals import transport_moments


class Barrier:
    """A family of scatterers, with its values and derivatives compiled once, in one function.

    Args:
        make: a function from a vector to a scatterer.
        count: the length of the vector. A row is its numbers, mu, eV, T and T_L - T_R.
    """

    def __init__(self, make, count):
        def observables(parameters, reservoirs):
            scatterer, mu = make(parameters), reservoirs[0]
            zeroth, first = transport_moments(scatterer, *reservoirs)
            values = {
                "transmission": scatterer.total(mu),
                "current": CONDUCTANCE_QUANTUM * zeroth,
                "asymmetry": 2 * CONDUCTANCE_QUANTUM * first,
            }
            return values, values

        both = jax.jacrev(observables, has_aux=True)
        self._both = in_rows(lambda row: both(row[:count], row[count:]))
        self.count = count

    def rows(self, rows):
        """Transmission at mu, current in nA and P_A in pW, each of them for all rows."""
        return self._both(rows)[1]

    def jacobian(self, rows):
        """Their reverse-mode derivatives by the parameters."""
        return self._both(rows)[0]

    def integral_errors(self, rows, total, breaks):
        """Errors of the two moments against adaptive quadrature, in their integrals of the modulus.

        Args:
            rows: parameters and reservoirs.
            total: T of the energy and the parameters, independent of the package.
            breaks: energies that tell the quadrature where T varies, from the parameters.
        """
        values = self.rows(rows)
        errors = []
        for row, current, asymmetry in zip(
            rows, values["current"], values["asymmetry"], strict=True
        ):
            parameters, (mu, bias, temperature, difference) = row[: self.count], row[self.count :]
            exact = oracle.moments(
                lambda e, p=parameters: total(e, *p),
                breaks(*parameters),
                mu,
                bias,
                BOLTZMANN * (temperature + difference / 2),
                BOLTZMANN * (temperature - difference / 2),
            )
            value = np.array([current, asymmetry / 2]) / CONDUCTANCE_QUANTUM
            errors.append(np.max(np.abs(value - exact[:2]) / exact[2:]))
        return np.array(errors)

    def check_gradients(self, rows, steps):
        """Reverse-mode derivatives by every parameter against central differences.

        Args:
            rows: parameters and reservoirs.
            steps: how far each parameter is moved; the differences' own error is far below 1e-6.
        """
        rows = np.asarray(rows, dtype=float)
        slopes = self.jacobian(rows)
        moves = np.array([-1.0, -0.5, 0.5, 1.0])
        for i, h in enumerate(steps):
            moved = np.repeat(rows, len(moves), axis=0)
            moved[:, i] += np.tile(h * moves, len(rows))
            values = self.rows(moved)
            for name, value in values.items():
                f = value.reshape(len(rows), len(moves)).T
                difference = (4 * (f[2] - f[1]) / h - (f[3] - f[0]) / (2 * h)) / 3
                rounding = 1e-12 * np.max(np.abs(f), axis=0) / h
                wrong = np.abs(slopes[name][:, i] - difference)
                assert np.all(wrong <= 1e-6 * np.abs(difference) + rounding), (name, i, wrong)


def reservoir_rows(parameters, reservoirs):
    """Rows of a parameter vector with (mu, eV, kT_L, kT_R) each, all in meV."""
    rows = []
    for mu, bias, left, right in reservoirs:
        temperatures = [kelvin((left + right) / 2), kelvin(left - right)]
        rows.append([*parameters, mu, bias, *temperatures])
    return np.array(rows)
