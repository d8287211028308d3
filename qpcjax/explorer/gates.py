"""Gate voltages behind sliders: the potential as a live picture, and the numbers that follow."""

import contextlib
import dataclasses
import functools
import re
import threading
from collections.abc import Callable, Iterator

import numpy as np

from qpcjax.evaluation import Evaluation, TableRow
from qpcjax.explorer import html_tables, pictures
from qpcjax.explorer.barriers import Knob
from qpcjax.gates import GatedDevice, GatedPotential
from qpcjax.overviews import printable
from qpcjax.quantities import RESULTS
from qpcjax.staircases.layout import GateLayout
from qpcjax.staircases.region import barrier, channel_levels
from qpcjax.staircases.tabulation import Tabulation, tabulation_of
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.transmission import transmission

_GRID = 20.0  # nm, of a page: a potential takes a fourth of the time that it takes at 10 nm
# Thermal widths and number of energies at which T(E) is calculated, and its error.
_TAIL, _ENERGIES, _TOLERANCE = 12.0, 24, 1e-2
_AROUND = 0.2  # V, to both sides of a gate that stands still in the layout, and of the shift
_STEP = 0.001  # V
_LEVELS = 3
_SHOWN = 400  # energies of the drawn T(E)
SHIFT = "shift of all gates"

_WAITING = "G and the powers follow: T(E) takes about a second."
_COMPILING = (
    "G and the powers follow: T(E) is compiled for these gates, once. That takes half a minute, "
    "longer where others use the computer too."
)


class LiveGates:
    """A layout of gates with sliders, the same one for all visitors.

    Args:
        layout: of `read_layout`. A device on a finer grid than 20 nm is taken at 20 nm, where its
            box allows it.
    """

    def __init__(self, layout: GateLayout):
        self.name = layout.reader.path.name
        self.device = _coarse(layout.device)
        region = layout.named["region"]
        self.region = dataclasses.replace(region, tolerance=max(region.tolerance, _TOLERANCE))
        self.point = Reservoirs(
            float(self.device.mu),
            layout.named.get("bias", 1.0),
            layout.named.get("temperature", 0.5),
        )
        self.compiled = False
        self._settings = layout.voltages
        self._one = threading.RLock()  # one T(E) at a time: each takes all cores

    @functools.cached_property
    def knobs(self) -> dict[str, Knob]:
        """A slider for each gate by its name, over the voltages of the layout, and a common one."""
        found = {}
        for name in self.device.gates.names:
            values = [setting[name] for setting in self._settings]
            low, high = min(values), max(values)
            first = values[len(values) // 2]
            if low == high:
                low, high = low - _AROUND, high + _AROUND
            found[name] = Knob(
                f"{_as_label(name)} (V)", round(low, 4), round(high, 4), _STEP, first
            )
        if len(found) > 1 and SHIFT not in found:
            found[SHIFT] = Knob(f"{SHIFT} (mV)", -1e3 * _AROUND, 1e3 * _AROUND, 1.0, 0.0)
        return found

    def voltages(self, values: dict[str, float]) -> dict[str, float]:
        """Of the gates in V, at places of the sliders."""
        names = self.device.gates.names
        shift = 0.0 if SHIFT in names else values.get(SHIFT, 0.0) / 1000
        return {name: values[name] + shift for name in names}

    def channel(self, potential: GatedPotential) -> list[TableRow]:
        """What the potential alone says: its barrier and the thresholds of the first sub-bands."""
        rows = [
            TableRow("mu", "electrochemical potential", float(self.device.mu), "meV"),
            TableRow("U", "barrier between the gates", barrier(potential, self.region), "meV"),
        ]
        levels = channel_levels(potential, self.region, _LEVELS)
        return rows + [
            TableRow(f"E{n}", f"threshold of sub-band {n}", float(level), "meV")
            for n, level in enumerate(levels, 1)
        ]

    def tabulation(self) -> Tabulation:
        """How T(E) is calculated: with sizes for the first and the last setting of the layout."""
        with self._one:
            return self._tabulation

    @functools.cached_property
    def _tabulation(self):
        ends = [self.device.potential(s) for s in (self._settings[0], self._settings[-1])]
        return tabulation_of(ends, self.point, self.region, _TAIL, _ENERGIES)[0]

    def flows(
        self, potential: GatedPotential, wanted: Callable[[], bool] = lambda: True
    ) -> tuple[list[TableRow], np.ndarray, np.ndarray] | None:
        """G and the powers as rows of a table, and T(E) at many energies in meV.

        Args:
            potential: of the electrons.
            wanted: whether the answer is still wanted, asked before it is calculated.

        Returns:
            Those; None where they are not wanted any more.

        Raises:
            ValueError: electrons pass under the gates along the edges of the strip.
        """
        with self._one:
            tabulation = self.tabulation()
            if not wanted():
                return None
            passed = tabulation.transmission(potential)
            rows = flow_rows(*map(float, tabulation.flows(passed, self.point)))
            energies = np.linspace(tabulation.energies[0], tabulation.energies[-1], _SHOWN)
            fine = np.asarray(transmission(tabulation.table(passed), energies))
        self.compiled = True
        return rows, energies, fine

    def warm(self):
        """Compile what the page shows first."""
        for _ in GatesScreen(self).moved({name: k.value for name, k in self.knobs.items()}):
            pass


def flow_rows(conductance: float, left: float, right: float) -> list[TableRow]:
    """G, P_L, P_R and P_A as rows of a table."""
    values = {
        "conductance": conductance, "left": left, "right": right, "asymmetry": right - left
    }  # fmt: skip
    return [
        TableRow(RESULTS[name].symbol, RESULTS[name].words, value, RESULTS[name].unit)
        for name, value in values.items()
    ]


class GatesScreen:
    """Picture and numbers of gates beside their sliders, for one visitor."""

    def __init__(self, gates: LiveGates):
        self._gates = gates
        self._moves = 0
        self._last = None  # the potential that is shown

    def moved(self, values: dict[str, float]) -> Iterator[str]:
        """The whole as HTML: the potential first, and again with G, the powers and T(E).

        Where the sliders have moved on meanwhile, nothing follows the potential.

        Args:
            values: places of the sliders by name.
        """
        gates, point = self._gates, self._gates.point
        self._moves += 1
        own = self._moves
        voltages = gates.voltages(values)
        at = ", ".join(f"{name} {voltage:.4g} V" for name, voltage in voltages.items())
        try:
            potential = self._last = self._potential(voltages)
        except ValueError as error:
            yield html_tables.plain(error)
            return
        shown = {"Potential": pictures.potential(potential, gates.device.gates)}
        rows = gates.channel(potential)
        unknown = flow_rows(np.nan, np.nan, np.nan)
        notes = [_WAITING if gates.compiled else _COMPILING, at]
        yield self._html(shown, rows + unknown, notes)
        try:
            found = gates.flows(potential, lambda: self._moves == own)
        except ValueError as error:
            yield self._html(shown, rows + unknown, [str(error), at])
            return
        if found is None:
            return
        flows, energies, passed = found
        shown["Transmission"] = pictures.spectrum(energies, passed, point)
        yield self._html(shown, rows + flows, [at])

    def _potential(self, voltages):
        """The potential from the last one, which takes two thirds of the time, or from nothing."""
        device = self._gates.device
        if self._last is not None:
            with contextlib.suppress(ValueError):
                return device.potential(voltages, start=self._last)
        return device.potential(voltages)

    def _html(self, shown, rows, notes):
        gates = self._gates
        stated = (
            f"{gates.name}: G at {float(gates.point.temperature):g} K, powers at eV = "
            f"{float(gates.point.bias):g} meV. Thresholds are adiabatic. Grid of "
            f"{gates.device.mesh.step:g} nm; qpcjax gates has the layout's own grid and states the "
            "errors."
        )
        numbers = html_tables.table(Evaluation(rows, [*notes, stated]))
        return html_tables.gallery(shown, numbers, large=("Potential",))


def _as_label(name):
    """A gate's name in a label, where the page would read Markdown and HTML."""
    return re.sub(r"[^\w .+-]", lambda sign: f"&#{ord(sign[0])};", printable(name))


def _coarse(device):
    """The device on the page's grid, unless its own is coarser or its box does not fit."""
    if device.mesh.step >= _GRID:
        return device
    try:
        return GatedDevice(device.stack, device.gates, _GRID, device.mesh.lengths, device.points)
    except ValueError:
        return device
