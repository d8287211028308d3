"""The problem of a design for gates: T(E) of each setting is linearised once, by one program."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.designing.curve_objectives import CurveObjective
from qpcjax.designing.problem import DesignProblem, present
from qpcjax.quantities import POINT
from qpcjax.scatterers.fields import number_of, with_numbers
from qpcjax.transport.curves import conductance_along
from qpcjax.transport.landauer import conductance


class LayoutProblem(DesignProblem):
    """As `DesignProblem`, where the scatterer is a `GatedConstriction`.

    One compiled program gives T(E) and its derivatives by the free numbers for each setting of the
    gates at which the objective looks, whatever the objective is. Each solution of the
    electrostatics starts from the one before. What the objective and the constraints make of the
    tables is a second, quick program.
    """

    def linearise(self, rows):
        """As that of `DesignProblem`, one row after the other."""
        found = [self._linearised(row) for row in np.atleast_2d(np.asarray(rows, float))]
        outputs, slopes = zip(*found, strict=True)
        return np.stack(outputs), np.stack(slopes)

    def solved(self, row=None):
        """T(E) at one row of values, or as it was given, as a table."""
        row = self._given if row is None else row
        passed, _ = self._tables(row, [{}], [np.zeros(len(self.names))])
        return self.at(np.asarray(row, float))[0].table(passed[0])

    def curve(self, axis, values, row=None) -> Any:
        """G along an axis, the other numbers as in a row of values, or as given."""
        if axis in POINT:
            return conductance_along(self.solved(row), self._there(row)[1], axis, values)
        row = np.asarray(self._given if row is None else row, float)
        shifts = [np.zeros(len(self.names))] * len(values)
        tables, _ = self._tables(row, [{axis: float(x)} for x in values], shifts)
        return np.asarray(_conductances(self._plain, row, axis, np.asarray(values), tables))

    @property
    def _given(self):
        return np.array([present(self.scatterer, self.reservoirs, name) for name in self.names])

    @property
    def _axis(self):
        """The number of the gates along which the objective looks, or None."""
        along = isinstance(self.objective, CurveObjective) and self.objective.moves_scatterer
        return self.objective.axis if along else None

    def _linearised(self, row):
        """Outputs and their slopes by `names` at one row of values."""
        tables, slopes = self._tables(row, *self._settings(row))
        given = self._plain, np.asarray(row, float), tables, slopes
        return [np.asarray(x) for x in _combined(*given)]

    def _tables(self, row, settings, moved):
        """T at the energies of each setting's table, and its slopes by `names`.

        Args:
            row: values of `names`.
            settings: numbers of the gates that stand in place of those of the row.
            moved: the derivatives of these numbers by `names`, for each setting.
        """
        names = self.names
        own = [n for n in names if n not in POINT]
        # The voltage always, so that most objectives share the program.
        own = tuple(dict.fromkeys([*own, *settings[0], "voltage"]))
        base, _ = self.at([float(v) for v in row])
        charge = base.near.charge
        tables, slopes = [], []
        for setting, shift in zip(settings, moved, strict=True):
            here = with_numbers(base, setting)
            numbers = np.array([float(number_of(here, n)) for n in own])
            passed, by_own, found = (
                np.asarray(x) for x in _tabulated(self.scatterer, numbers, charge, own)
            )
            charge = found if np.all(np.isfinite(passed)) else charge
            by_name = np.zeros((passed.size, len(names)))
            for k, name in enumerate(own):
                if name in setting:
                    by_name += by_own[:, k, None] * shift
                elif name in names:
                    by_name[:, names.index(name)] += by_own[:, k]
            tables.append(passed)
            slopes.append(by_name)
        return np.stack(tables), np.stack(slopes)

    def _settings(self, row):
        """Numbers of the gates at each setting, and the derivatives of those by `names`."""
        settings, moved = [], []
        if self._axis is not None:

            def places(values):
                return jnp.asarray(self.objective.places(*self.at(values)))

            row = jnp.asarray(row, float)
            settings = [{self._axis: float(x)} for x in places(row)]
            moved = list(np.asarray(jax.jacfwd(places)(row)))
        if self._axis is None or self.constraints:
            settings, moved = [*settings, {}], [*moved, np.zeros(len(self.names))]
        return settings, moved

    def _outputs_of(self, values, tables):
        """Parts of the objective, then the constrained numbers, from T(E) at the settings."""
        scatterer, reservoirs = self.at(values)
        own = scatterer.table(tables[-1])  # used where the last one is that of the design itself
        if self._axis is None:
            parts = self.objective.parts(own, reservoirs)
        else:
            places = jnp.asarray(self.objective.places(scatterer, reservoirs))
            found = self._along(values, self._axis, places, tables[: places.size])
            parts = self.objective.of_curve(found)
        return self._with_constraints(parts, own, reservoirs)

    def _along(self, values, axis, places, tables):
        """Conductances from T(E) at places along an axis."""
        scatterer, reservoirs = self.at(values)

        def at(place, passed):
            c = with_numbers(scatterer, {axis: place})
            return conductance(c.table(passed), c.own_mu, reservoirs.temperature)

        return jax.vmap(at)(places, tables)


@functools.partial(jax.jit, static_argnames="names")
def _tabulated(scatterer, values, charge, names):
    """T(E) at one setting, its slopes by the named numbers, and the charge of the sheets."""
    scatterer = eqx.tree_at(lambda s: s.near.charge, scatterer, charge)

    def of(values):
        passed, found = with_numbers(scatterer, dict(zip(names, values, strict=True))).passed()
        return passed, (passed, found)

    by_own, (passed, found) = jax.jacfwd(of, has_aux=True)(values)
    return passed, by_own, found


@eqx.filter_jit
def _combined(problem: Any, values, tables, slopes):
    """Outputs, and their slopes by all names, from those of the tables."""

    def along(unit, moved):
        return jax.jvp(problem._outputs_of, (values, tables), (unit, moved))

    units = jnp.eye(values.size)
    outputs, found = jax.vmap(along, in_axes=(0, 2), out_axes=(None, -1))(units, slopes)
    return outputs, found


@eqx.filter_jit
def _conductances(problem: Any, values, axis, places, tables):
    return problem._along(values, axis, places, tables)
