"""A scatterer whose T_n(E) are evaluated once and interpolated afterwards."""

import itertools
import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.panels import ORDER, Panels, panel_nodes
from qpcjax.scatterers.interpolated import (
    ROUGH_END,
    ROUGH_START,
    SMOOTH,
    InterpolatedTransmission,
    legendre_coefficients,
)
from qpcjax.scatterers.users import as_scatterer
from qpcjax.transport.transmission import eigenvalues
from qpcjax.validation import require_double

_WIDEST = 1.0  # meV, of the first panels
_NARROWEST = 1e-7  # of the whole range
_AT_ONCE = 8  # panels of one call, so that one program serves all
_TAIL = 3  # coefficients of a panel that must be small


def tabulated(
    scatterer: Any, lower: float, upper: float, tolerance: float = 1e-6
) -> InterpolatedTransmission:
    r"""The scatterer with T_n(E) evaluated once, for many integrals.

    A staircase, current, heat, noise and hot spot then read a table of a few hundred energies.
    Panels between the thresholds are halved until the last Legendre coefficients of every T_n are
    below the tolerance, so that narrow resonances are found where a panel of 1 meV shows them.

    Args:
        scatterer: any scatterer of concrete numbers, at no bias.
        lower: the lowest energy in meV.
        upper: the highest; integrals need it beyond their thermal tails.
        tolerance: error of T_n that the table may add.

    Returns:
        An `InterpolatedTransmission`. Its `edges` are good panels for integrals over the scatterer
        itself, where derivatives by its numbers are wanted.

    Raises:
        ValueError: energies that do not rise, a tolerance that is not positive, a scatterer whose
            T(E) follows the bias or is not known at some of the energies, single precision.
    """
    require_double("tables of T(E)")
    scatterer = as_scatterer(scatterer)
    lower, upper = float(lower), float(upper)
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise ValueError(f"lower and upper must be two rising energies in meV, got {lower, upper}")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance must be a positive number, got {tolerance}")
    if scatterer.follows_bias and type(scatterer).__module__.endswith("scatterers.potential"):
        raise ValueError("a table holds T(E) at no bias: leave out the drop")
    floor, limit = float(scatterer.energy_floor()), float(scatterer.energy_limit())
    if lower < floor or upper > limit:
        raise ValueError(
            f"T(E) must be known from {lower:g} to {upper:g} meV, and it is from {floor:g} to "
            f"{limit:g} meV"
        )
    scatterer = eqx.filter_jit(lambda s: s.settled())(scatterer)
    thresholds = np.unique(np.asarray(scatterer.thresholds()))
    thresholds = thresholds[(thresholds > lower) & (thresholds < upper)]
    waiting = _first_panels(lower, upper, thresholds)
    to_coefficients = legendre_coefficients()
    done, narrow = [], False
    while waiting:
        values = _values(scatterer, waiting)
        tails = np.abs(np.einsum("ks,psn->pkn", to_coefficients, values))[:, -_TAIL:]
        halves = []
        for panel, found, tail in zip(waiting, values, tails.max(axis=(1, 2)), strict=True):
            tiny = panel[1] - panel[0] < _NARROWEST * (upper - lower)
            narrow |= tiny and not tail <= tolerance
            if tail <= tolerance or tiny:
                done.append((*panel, found))
            else:
                halves += _halved(*panel)
        waiting = halves
    if narrow:
        warnings.warn(
            f"T(E) varies too fast somewhere between {lower:g} and {upper:g} meV for a table to "
            f"{tolerance:g}",
            stacklevel=2,
        )
    starts, ends, kinds, values = zip(*sorted(done, key=lambda row: row[0]), strict=True)
    edges = np.array([*starts, ends[-1]])
    return InterpolatedTransmission(
        edges, np.stack(values), np.array(kinds), thresholds, scatterer.mass
    )


def _first_panels(lower, upper, thresholds):
    """Panels (start, end, kind) of which each has one rough end at most."""
    ends = np.array([lower, *thresholds, upper])
    panels = []
    for place, (start, end) in enumerate(itertools.pairwise(ends)):
        count = max(2, math.ceil((end - start) / _WIDEST))
        cuts = np.linspace(start, end, count + 1)
        kinds = [SMOOTH] * count
        kinds[0] = ROUGH_START if place > 0 else SMOOTH
        kinds[-1] = ROUGH_END if place + 2 < ends.size else SMOOTH
        panels += zip(cuts[:-1].tolist(), cuts[1:].tolist(), kinds, strict=True)
    return panels


def _halved(start, end, kind):
    middle = (start + end) / 2
    first = kind if kind == ROUGH_START else SMOOTH
    second = kind if kind == ROUGH_END else SMOOTH
    return [(start, middle, first), (middle, end, second)]


def _values(scatterer, panels):
    """T_n at the nodes of panels, shape (panels, ORDER, modes)."""
    start, end, kind = (jnp.asarray(column) for column in zip(*panels, strict=True))
    rows = Panels(start, end - start, kind, jnp.asarray(start.size))
    nodes = np.asarray(panel_nodes(rows, ORDER)[0])
    found = []
    for first in range(0, len(nodes), _AT_ONCE):
        some = nodes[first : first + _AT_ONCE]
        padded = np.pad(some, ((0, _AT_ONCE - len(some)), (0, 0)), mode="edge")
        found.append(np.asarray(jax.device_get(eigenvalues(scatterer, padded)))[: len(some)])
    return np.concatenate(found)
