"""Traces in two files without headers: gate voltages in one, conductances in the other."""

import hashlib
from pathlib import Path

import numpy as np

from qpcjax.files.column_units import CONDUCTANCE, GATE, known_unit
from qpcjax.files.table import read_bytes
from qpcjax.files.text import MOST_TEXT, Rows
from qpcjax.files.trace_selection import pointed, several
from qpcjax.files.traces import make_trace, measured_in
from qpcjax.measurements import ConductanceTrace, InputError, counted


def read_trace_columns(
    gate_path, conductance_path, trace=None, gate_unit="mV", conductance_unit="2e2/h"
) -> ConductanceTrace:
    """Read a trace from two files without headers: one column a trace, one row a sample.

    Shorter traces are filled up with NaN or empty cells at the end.

    Args:
        gate_path: file of the gate voltages.
        conductance_path: file of the conductances, of the same shape; `G.csv#3` is trace 3 of it.
        trace: which column, counted from 0; None where a name says it, or there is only one.
        gate_unit: mV, V or uV.
        conductance_unit: 2e2/h, e2/h, uS, mS or S.

    Raises:
        InputError: anything that the user can mend in the files or the arguments.
    """
    known_unit(gate_unit, GATE)
    known_unit(conductance_unit, CONDUCTANCE)
    gate_path, conductance_path, trace = pair(gate_path, conductance_path, trace)
    columns, shapes, digest = [], [], hashlib.sha256()
    for path in (gate_path, conductance_path):
        content = read_bytes(path, MOST_TEXT)
        digest.update(content)
        rows = Rows(path, content)
        width = rows.width_without_header()
        if trace is None and width > 1:
            raise several(conductance_path, range(width), "a column each")
        trace = trace or 0
        if not 0 <= trace < width:
            last = f"0 to {width - 1}" if width > 1 else "only 0"
            raise InputError(
                f"{path}: there is no trace {trace}; the file has {counted(width, 'column')}, so a "
                f"trace is {last}"
            )
        numbers = rows.numbers({trace: f"trace {trace}"}, width, blank_rows=True)
        columns.append(np.ravel(numbers))
        shapes.append((len(numbers), width))
    if shapes[0] != shapes[1]:
        (gate_rows, gate_width), (other_rows, other_width) = shapes
        raise InputError(
            f"{gate_path} has {counted(gate_rows, 'row')} of {counted(gate_width, 'column')}, "
            f"{conductance_path} has {counted(other_rows, 'row')} of "
            f"{counted(other_width, 'column')}: the two files must have the same shape"
        )
    gate, conductance = columns
    return make_trace(
        measured_in(gate, gate_unit, GATE),
        measured_in(conductance, conductance_unit, CONDUCTANCE),
        name=f"{Path(conductance_path).name}, trace {trace}",
        sha256=digest.hexdigest(),
        gate_unit=gate_unit,
        conductance_unit=conductance_unit,
    )


def pair(gate_path, conductance_path, trace=None) -> tuple[Path, Path, int | None]:
    """The two files, and the number of the trace in them that is meant; see `pointed`."""
    conductance, trace = pointed(conductance_path, trace)
    gate, trace = pointed(gate_path, trace)
    return gate, conductance, trace


def count_traces(gate_path, conductance_path):
    """Number of columns of the two files."""
    widths = [
        Rows(path, read_bytes(path, MOST_TEXT)).width_without_header()
        for path in map(Path, (gate_path, conductance_path))
    ]
    if widths[0] != widths[1]:
        raise InputError(
            f"{gate_path} has {counted(widths[0], 'column')} and {conductance_path} "
            f"{counted(widths[1], 'column')}: the two files must have the same shape"
        )
    return widths[0]
