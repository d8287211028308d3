"""Fits of a trace on a `Landscape`: every shape with a gate curve, a smearing and a resistance."""

import dataclasses
from typing import NamedTuple

import numpy as np

from qpcjax.constants import BOLTZMANN, RESISTANCE_QUANTUM

_STEPS = 60
_LOWER, _RAISE = 8.0, 5.0  # of the damping after a better and a worse point
_SETTLED = 1e-6  # relative fall of the sum of squares that is still looked for
_TRIAL = 10  # steps after which the worse half of the rows is left
_LEAST_TEMPERATURE = 1e-3  # K
_LOGARITHMS = -14.0, 2.0  # ends of ln kT and ln s


class Broadening(NamedTuple):
    """What broadens a trace: (k_B T)^2 + (s unit)^2, ln s a curve along the gate.

    Fields:
        warm: whether there is a temperature.
        warms: whether it is free.
        basis: from ln s at its knots to the points, (points, p); None for no smearing.
    """

    warm: bool
    warms: bool
    basis: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class TableFits:
    """Ends of the rows of `fit_on_table`.

    Fields:
        shape: index of the shape of each row.
        moved: values of the gate curve at its knots, (rows, k).
        resistance: in ohm, (rows,).
        temperature: in K, (rows,); NaN without one.
        smearing: (rows, p).
        residual: predicted minus measured conductance in 2e^2/h, (rows, points).
        rms: of it.
    """

    shape: np.ndarray
    moved: np.ndarray
    resistance: np.ndarray
    temperature: np.ndarray
    smearing: np.ndarray
    residual: np.ndarray
    rms: np.ndarray


class _Model:
    """Residuals of rows of parameters (knots, R_s in h/2e^2, ln T, ln s) and their slopes."""

    def __init__(self, landscape, basis, value, broadening, resists):
        self.table, self.basis, self.value = landscape, basis, value
        self.broadening, self.resists = broadening, resists
        place = landscape.place
        self.start, self.step = place[0], place[1] - place[0]
        self.log_kT = np.log(landscape.kT)
        self.log_unit = np.log(landscape.unit)
        self.knots = basis.shape[1]

    def free(self, count):
        """Which parameters vary."""
        b = self.broadening
        knots = np.ones(self.knots, bool)
        smearing = np.ones(count - self.knots - 2, bool)
        return np.concatenate([knots, [self.resists, b.warms], smearing])

    def linearise(self, at, shape):
        moved = at[:, : self.knots] @ self.basis.T
        ends = self.table.moved[1], self.table.moved[-2]
        inside = (moved > ends[0]) & (moved < ends[1])
        moved = np.clip(moved, *ends)
        place = np.log(moved) if self.table.logarithmic else moved
        u = (place - self.start) / self.step
        du = inside / self.step / (moved if self.table.logarithmic else 1)
        log_kT, slopes, by_place = self._width(at, u)
        v, inside_kT = self._warmth(log_kT)
        g, by_u, by_v = self._interpolated(shape, u, v)
        by_v = by_v * inside_kT
        by_u = by_u + by_v * by_place
        resistance = at[:, self.knots, None]
        whole = 1 + resistance * g
        predicted, slope = g / whole, 1 / whole**2
        jacobian = np.concatenate(
            [
                (slope * by_u * du)[..., None] * self.basis,
                -(predicted**2)[..., None],
                (slope * by_v)[..., None] * slopes,
            ],
            axis=2,
        )
        return predicted - self.value, jacobian

    def _width(self, at, u):
        """Ln kT, its slopes in ln T and ln s, and its slope in u in units of the grid of kT."""
        b = self.broadening
        log_temperature = at[:, self.knots + 1, None]
        warm = np.zeros(u.shape)
        if b.warm:
            warm = np.exp(2 * log_temperature) * np.ones(u.shape)
        soft = np.zeros(u.shape)
        by_u = 0.0
        if b.basis is not None:
            i = np.clip(u.astype(int), 0, self.log_unit.size - 2)
            rise = self.log_unit[i + 1] - self.log_unit[i]
            unit = self.log_unit[i] + (u - i) * rise
            soft = np.exp(2 * (at[:, self.knots + 2 :] @ b.basis.T + unit))
            by_u = rise
        total = np.maximum(warm + soft, 1e-300)
        slopes = (warm / total)[..., None]
        if b.basis is not None:
            slopes = np.concatenate([slopes, (soft / total)[..., None] * b.basis], axis=2)
        grid = self._grid_step
        return np.log(total) / 2, slopes / grid, soft / total * by_u / grid

    @property
    def _grid_step(self):
        return self.log_kT[1] - self.log_kT[0] if self.log_kT.size > 1 else 1.0

    def _warmth(self, log_kT):
        if self.log_kT.size == 1:
            return np.zeros(log_kT.shape), np.zeros(log_kT.shape)
        v = (log_kT - self.log_kT[0]) / self._grid_step
        last = self.log_kT.size - 1.0
        return np.clip(v, 0, last), (v > 0) & (v < last)

    def _interpolated(self, shape, u, v):
        """G and its slopes in u and v: cubic in both."""
        table = self.table.conductance
        _, warmths, places = table.shape
        flat = table.reshape(-1)
        i, a, da = _cubic(u, places)
        base = shape[:, None] * warmths * places + i
        if warmths < 4:
            rows = [(np.zeros(v.shape, int), np.ones(v.shape), np.zeros(v.shape))]
        else:
            j, b, db = _cubic(v, warmths)
            rows = [(j + k, b[k], db[k]) for k in range(4)]
        g, by_u, by_v = np.zeros((3, *u.shape))
        for j, weight, rise in rows:
            near = [flat[base + j * places + k] for k in range(4)]
            value = sum(w * x for w, x in zip(a, near, strict=True))
            g += weight * value
            by_u += weight * sum(w * x for w, x in zip(da, near, strict=True))
            by_v += rise * value
        return g, by_u, by_v


def _cubic(u, count):
    """First of four nodes around u, the weights of a cubic through them and their slopes."""
    first = np.clip(np.floor(u).astype(int) - 1, 0, count - 4)
    t = u - first - 1  # the nodes are at -1, 0, 1, 2
    weights = (
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    )
    slopes = (
        -(3 * t * t - 6 * t + 2) / 6,
        (3 * t * t - 4 * t - 1) / 2,
        -(3 * t * t - 2 * t - 2) / 2,
        (3 * t * t - 1) / 6,
    )
    return first, weights, slopes


def fit_on_table(landscape, basis, value, broadening, starts, shape, resists) -> TableFits:
    """Levenberg-Marquardt on the table, all rows side by side.

    Args:
        landscape: `Landscape`.
        basis: from the gate curve's knots to its values at the points, (points, k).
        value: measured conductance in 2e^2/h, (points,).
        broadening: `Broadening`.
        starts: rows of knots, R_s in ohm, temperature in K and smearings.
        shape: index of each row's shape.
        resists: whether the series resistance is free.
    """
    model = _Model(landscape, basis, value, broadening, resists)
    k = model.knots
    best = np.array(starts, float)
    best[:, k] /= RESISTANCE_QUANTUM
    best[:, k + 1] = np.log(BOLTZMANN * np.maximum(best[:, k + 1], _LEAST_TEMPERATURE))
    best[:, k + 2 :] = np.log(best[:, k + 2 :])
    free = np.flatnonzero(model.free(best.shape[1]))
    rows, count = len(best), free.size
    loss, damping = np.full(rows, np.inf), np.full(rows, 1e-2)
    curvature, gradient = np.zeros((rows, count, count)), np.zeros((rows, count))
    at, active = best.copy(), np.arange(rows)
    for step in range(_STEPS):
        residual, jacobian = model.linearise(at[active], shape[active])
        jacobian = jacobian[:, :, free]
        new = np.einsum("rp,rp->r", residual, residual)
        better = new < loss[active]
        won = active[better]
        gained = loss[won] - new[better] > _SETTLED * new[better]
        best[won], loss[won] = at[won], new[better]
        curvature[won] = np.einsum("rpi,rpj->rij", jacobian[better], jacobian[better])
        gradient[won] = np.einsum("rpi,rp->ri", jacobian[better], residual[better])
        damping[active] *= np.where(better, 1 / _LOWER, _RAISE)
        settled = np.zeros(rows, bool)
        settled[won] = ~gained
        settled |= damping > 1e6
        active = active[~settled[active]]
        if step == _TRIAL:
            active = active[loss[active] <= np.median(loss)]
        if not active.size:
            break
        at[active] = best[active]
        at[np.ix_(active, free)] += _move(curvature[active], gradient[active], damping[active])
        at[:, k + 1 :] = np.clip(at[:, k + 1 :], *_LOGARITHMS)
    temperature = np.exp(best[:, k + 1]) / BOLTZMANN
    residual, _ = model.linearise(best, shape)
    rms = np.sqrt(loss / value.size)
    resistance = best[:, k] * RESISTANCE_QUANTUM
    smearing = np.exp(best[:, k + 2 :])
    return TableFits(shape, best[:, :k], resistance, temperature, smearing, residual, rms)


def _move(curvature, gradient, damping):
    size = np.sqrt(np.einsum("rii->ri", curvature))
    size = np.where(size > 0, size, 1)
    matrix = curvature / size[:, :, None] / size[:, None, :]
    matrix += np.clip(damping, 1e-10, None)[:, None, None] * np.eye(size.shape[1])
    return -np.linalg.solve(matrix, (gradient / size)[..., None])[..., 0] / size
