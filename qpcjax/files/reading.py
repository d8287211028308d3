"""Data sets of fits from the tables of a file."""

from pathlib import Path

import numpy as np

from qpcjax.files import data_sets
from qpcjax.files.column_roles import titles, usual
from qpcjax.files.column_units import BIAS, DISTANCE, ENERGY, TRANSMISSION
from qpcjax.files.formats import open_file
from qpcjax.files.table import Table
from qpcjax.files.trace_selection import (
    chosen_line,
    chosen_trace,
    offered_traces,
    pointed,
    traces_by_name,
)
from qpcjax.files.traces import Choice, trace_columns
from qpcjax.measurements import (
    BiasSpectroscopy,
    ConductanceTrace,
    DissipationData,
    HotSpotData,
    InputError,
)

Data = ConductanceTrace | BiasSpectroscopy | HotSpotData | DissipationData

# Kinds of data that a table may be taken for, in the words of `qpcjax inspect`.
TRACE, SPECTROSCOPY, HOT_SPOT, DISSIPATION, STEPS = (
    "conductance trace", "bias spectroscopy", "hot-spot distances", "dissipated powers",
    "table of T(E)",
)  # fmt: skip

_MOST_LISTED = 12


def read_trace(
    path,
    gate=None,
    conductance=None,
    gate_unit=None,
    conductance_unit=None,
    *,
    excitation=None,
    component=None,
    part=None,
    trace=None,
    sweep=None,
    gain=None,
    setting=None,
    at=None,
    offset=None,
) -> ConductanceTrace:
    """Read a conductance trace from a file of any format that is known; docs/files.md lists them.

    A text table whose header names its columns with units, such as `gate (mV),conductance (2e2/h)`,
    needs no further argument; nor does a netCDF file, a database or a log that holds one trace.

    Args:
        path: the file; `map.nc#3` is trace 3 of map.nc.
        gate: name of the gate voltage's column, with or without its unit; by default the column
            called gate, Vg, V_gate or the like. In a text file without header its number from 0.
        conductance: name of the column of the conductance, or of the resistance or current that it
            is taken from; by default the one called conductance, G, resistance, R, current or I.
        gate_unit: for a file that does not state it: mV, V or uV.
        conductance_unit: for a file that does not state it: 2e2/h, e2/h, uS, mS or S; kOhm, Ohm,
            MOhm; nA, pA, uA, mA or A.
        excitation: the voltage that drives a current, such as "100 uV".
        component: of complex numbers: "real", "imag" or "abs".
        part: of a file with several parts: a run's number, a group's name.
        trace: of a table with several traces: its number, counted from 0.
        sweep: of a gate that goes up and down: "up", "down", a number counted from 0, or "all".
        gain: of the current amplifier before a lock-in that shows volts, such as "1e7 V/A".
        setting: name of a column that was set besides the gate, where the file does not tell it.
        at: of several traces the one taken at this setting, a number in the column's unit.
        offset: a constant that is taken off what was measured, with its unit, such as "30 pA"; or
            "auto", where the conductance rests at an offset while it is pinched off.

    Raises:
        InputError: anything that the user can mend, in the file or the arguments.
    """
    units = gate_unit, conductance_unit
    choice = Choice(gate, conductance, *units, excitation, component, gain, setting, at, offset)
    path, trace = pointed(path, trace)
    file = open_file(path)
    table = _the_table(file, part, lambda table: trace_columns(table, choice))
    return chosen_trace(table, offered_traces(table, choice, file.sha256), trace, sweep)


def read_traces(path, gate_unit=None, conductance_unit=None) -> dict[str, ConductanceTrace]:
    """Every trace in a file that `read_trace` can be asked for, by what tells it from the others.

    Args:
        path: the file.
        gate_unit: of the gate's column, where it does not state its own.
        conductance_unit: of the conductance's column, where it does not state its own.

    Returns:
        At least one trace. The names say part, trace and sweep, where there are several, such as
        "trace 3: field = 0.5 T, sweep 0 (up)"; sweeps of one trace also stand there together.

    Raises:
        InputError: there is none, or anything else that the user can mend.
    """
    choice = Choice(gate_unit=gate_unit, conductance_unit=conductance_unit)
    file = open_file(Path(path))
    tables, reasons = _passing(file.tables, lambda table: trace_columns(table, choice))
    found = {}
    for table in tables:
        try:
            found |= traces_by_name(table, offered_traces(table, choice, file.sha256))
        except InputError as error:
            reasons.append(str(error))
    if not found:
        raise InputError(reasons[0])
    return found


def read_data(
    path,
    gate=None,
    conductance=None,
    gate_unit=None,
    conductance_unit=None,
    *,
    excitation=None,
    component=None,
    part=None,
    mu=None,
    gain=None,
    setting=None,
    at=None,
    offset=None,
) -> list[Data]:
    """Read everything in a file that a fit can take: traces, spectroscopy, hot spots and powers.

    Args:
        path: the file; `map.nc#3` is trace 3 of map.nc alone, with its sweeps.
        gate: see `read_trace`, as for the other arguments that it has.
        conductance: the same.
        gate_unit: the same.
        conductance_unit: the same.
        excitation: the same.
        component: the same.
        part: read this part alone.
        mu: electrochemical potential in meV, for hot spots and powers whose table has neither a
            gate voltage nor a column mu.
        gain: see `read_trace`.
        setting: the same; of a map it is the bias.
        at: the same.
        offset: the same.

    Returns:
        The data sets in the order of the file; traces for every sweep of the gate.

    Raises:
        InputError: nothing that a fit could take, or anything else that the user can mend.
    """
    units = gate_unit, conductance_unit
    choice = Choice(gate, conductance, *units, excitation, component, gain, setting, at, offset)
    path, trace = pointed(path)
    file = open_file(path)
    if trace is not None:
        table = _the_table(file, part, lambda table: trace_columns(table, choice))
        offered = offered_traces(table, choice, file.sha256)
        return [o.data for o in chosen_line(table, offered, trace)]
    tables = file.tables if part is None else [_the_table(file, part, None)]
    found, reasons = [], []
    for table in tables:
        kind, why = taken_for(table, choice)
        if kind in (None, STEPS):
            reasons.append(why)
        else:
            found += data_of(table, kind, choice, file.sha256, mu)
    if not found:
        raise InputError(reasons[0])
    return found


def read_map(
    path,
    gate=None,
    conductance=None,
    gate_unit=None,
    conductance_unit=None,
    *,
    excitation=None,
    component=None,
    part=None,
    gain=None,
    setting=None,
    at=None,
    offset=None,
) -> BiasSpectroscopy:
    """Read dI/dV over gate voltage and bias from a file of any format that is known.

    A long table, a matrix with its axes in the first row and column, blocks between blank lines,
    and the grids of HDF5, netCDF, QCoDeS and Labber are maps.

    Args:
        path: the file.
        gate: see `read_trace`, as for the other arguments that it has.
        conductance: the same.
        gate_unit: the same.
        conductance_unit: the same.
        excitation: the same.
        component: the same.
        part: the same.
        gain: the same.
        setting: name of the bias's column; by default the one called bias, Vsd, Vdc or the like.
        at: of several maps the one taken at this setting of what else was set, such as a field.
        offset: see `read_trace`.

    Returns:
        One value for each point of the file that has gate, bias and conductance, in its order.

    Raises:
        InputError: no bias that moves, or anything else that the user can mend.
    """
    units = gate_unit, conductance_unit
    choice = Choice(gate, conductance, *units, excitation, component, gain, setting, at, offset)
    path, trace = pointed(path)
    if trace is not None:
        raise InputError(f"{path}#{trace}: a map is read whole: leave #{trace} out")
    file = open_file(path)
    table = _the_table(file, part, lambda table: data_sets.map_columns(table, choice))
    found = data_sets.spectroscopy(table, choice, **_origin(table, file.sha256))
    if np.ptp(found.bias) == 0:
        raise InputError(
            f"{table.where}: the bias is {found.bias[0]:g} meV at every point, so it is no map; "
            "read it as a trace"
        )
    return found


def taken_for(table, choice) -> tuple[str | None, str]:
    """The kind of data in a table, one of this module's names or None, and the reason."""
    biased = usual(table, BIAS.names)
    if biased and usual(table, DISTANCE.names):
        return HOT_SPOT, "it has a bias and a distance"
    if biased and data_sets.power_sides(table):
        return DISSIPATION, "it has a bias and a power"
    if usual(table, ENERGY.names) and usual(table, TRANSMISSION.names):
        why = f"{table.where}: it is a table of T(E), for qpcjax evaluate --model table --table"
        return STEPS, why
    try:
        gate, measured = trace_columns(table, choice)
    except InputError as error:
        return None, str(error)
    why = f"'{gate.column.title}' is the gate: {gate.why}; '{measured.column.title}' is the "
    why += f"{measured.quantity.name}: {measured.why}"
    if len(biased) == 1 and biased[0] not in (gate.column, measured.column) and _is_on(biased[0]):
        return SPECTROSCOPY, f"{why}; it has a bias"
    return TRACE, why


def _is_on(bias):
    """Whether a bias moves, or rests elsewhere than at 0."""
    return bias.moves or bool(np.any(bias.values != 0))


def data_of(table: Table, kind, choice, sha256, mu=None) -> list[Data]:
    """The data sets of a table that was taken for this."""
    if kind == TRACE:
        return [o.data for o in offered_traces(table, choice, sha256)]
    more = _origin(table, sha256)
    if kind == SPECTROSCOPY:
        return [data_sets.spectroscopy(table, choice, **more)]
    if kind == HOT_SPOT:
        return [data_sets.hot_spots(table, choice, mu, **more)]
    return list(data_sets.powers(table, choice, mu, **more))


def _origin(table, sha256):
    """Name, checksum and metadata of data from a table."""
    return {"name": table.name, "sha256": sha256, "metadata": dict(table.metadata)}


def _the_table(file, part, check) -> Table:
    """The part of a file that is meant: the one that is named, or the only one that passes."""
    tables = {table.part: table for table in file.tables}
    listed = _listed(file.tables)
    if part is not None:
        if str(part) not in tables:
            there = f"Its parts are {listed}" if tables.keys() - {""} else "It has only one part"
            raise InputError(f"{file.path}: there is no part '{part}'. {there}")
        return tables[str(part)]
    if len(tables) == 1:
        return file.tables[0]
    passing, reasons = _passing(file.tables, check)
    if len(passing) == 1:
        return passing[0]
    if not passing:
        raise InputError(reasons[0] if len(set(reasons)) == 1 else (
            f"{file.path}: none of its {len(tables)} parts is a conductance trace. They are "
            f"{listed}. Name the columns, or rather the part"
        ))  # fmt: skip
    raise InputError(
        f"{file.path}: {len(passing)} of its parts may be the trace. Say which part: "
        f"{_listed(passing)}"
    )


def _passing(tables, check):
    """The tables for which `check` raises no InputError, and its messages for the others."""
    passing, reasons = [], []
    for table in tables:
        try:
            check(table)
            passing.append(table)
        except InputError as error:
            reasons.append(str(error))
    return passing, reasons


def _listed(tables):
    """Parts with their columns, for a message."""
    names = [table.metadata.get("name", "") for table in tables]
    some = ", ".join(
        f"'{table.part}' ({f'{name}: ' if name else ''}{titles(table)})"
        for table, name in zip(tables[:_MOST_LISTED], names, strict=False)
    )
    return some + (" ..." if len(tables) > _MOST_LISTED else "")
