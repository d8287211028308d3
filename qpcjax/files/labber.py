"""Labber's logs: HDF5 files that are recognised by their structure.

`Data/Data` has a row for each point of the innermost step, a column for each channel and a page for
each trace; pages that an aborted scan did not reach are NaN. `Traces` holds the channels that give
whole curves. What was appended to a log stands in groups Log_2, Log_3 ... of the same structure.
"""

import json
import math

import numpy as np

from qpcjax.files.hdf5_attributes import opened, plain_values, text
from qpcjax.files.table import Column, Table, check_values
from qpcjax.measurements import InputError

FORMAT = "Labber log"

_DATA, _NAMES = "Data/Data", "Data/Channel names"


def is_log(file):
    """Whether an open HDF5 file is a log of Labber's."""
    return _DATA in file and _NAMES in file


def log_tables(path, file):
    """A table for each run of a log, and for each of its channels that gives curves."""
    appended = [name for name in file if name.startswith("Log_") and f"{name}/{_DATA}" in file]
    appended.sort(key=lambda name: (len(name), name))
    found = []
    for run in ("", *appended):
        part = (run.removeprefix("Log_") or "1") if appended else ""
        found += _run(path, file, run, part)
    return found


def _run(path, file, run, part):
    """The tables of one run."""
    root = f"{run}/" if run else ""
    where = f"{path}, dataset '{root}{_DATA}'"
    data = file[root + _DATA]
    names = [text(row[0]) for row in file[root + _NAMES][()]]
    if data.ndim != 3 or data.shape[1] != len(names) or data.dtype.kind not in "fiu":
        raise InputError(
            f"{where}: points of {len(names)} channels were expected, the shape (rows, "
            f"{len(names)}, traces), found {data.shape}: the log is damaged, or of another "
            "version. Export it as text"
        )
    check_values(where, data.size)
    units, steps = _units(file), _listed(file, root, "Step list")
    logs = _listed(file, root, "Log list")
    metadata = _metadata(file, root, steps)
    columns = [
        _channel(path, root, i, name, units, name in steps and name not in logs)
        for i, name in enumerate(names)
    ]
    tables = []
    if any(not column.swept for column in columns):
        tables.append(Table(path, tuple(columns), part, metadata, format=FORMAT))
    swept = [column for column in columns if column.swept]
    for name in file.get(f"{root}Traces", ()):
        if name in logs:
            whole = _curve(path, file, root, name, units, swept)
            label = f"{part}:{name}" if part else name
            tables.append(Table(path, whole, label, metadata, format=FORMAT))
    return tables


def _channel(path, root, i, name, units, swept):
    def read():
        with opened(path) as file:
            # The innermost step runs along the first dimension.
            return file[root + _DATA][:, i, :].T.ravel()

    return _titled(name, units, read, swept)


def _titled(name, units, read, swept=False):
    unit = units.get(name) or None
    return Column(f"{name} ({unit})" if unit else name, name, unit, read, swept)


def _curve(path, file, root, name, units, swept):
    """Columns of a channel that gives a curve at each point: its abscissa, the steps, the curve."""
    key = f"{root}Traces/{name}"
    where = f"{path}, dataset '{key}'"
    data = file[key]
    is_complex = bool(data.attrs.get("complex", False))
    if data.ndim != 3 or data.shape[1] != 1 + is_complex or f"{key}_t0dt" not in file:
        raise InputError(
            f"{where}: a curve of {1 + is_complex} columns with its start and step was expected, "
            f"found the shape {data.shape}. Export the log as text"
        )
    points, _, curves = data.shape
    check_values(where, math.prod(data.shape))
    abscissa = text(data.attrs.get("x, name", "")) or "x"
    x_unit = text(data.attrs.get("x, unit", ""))

    def curve():
        with opened(path) as file:
            values = np.asarray(file[key][()], float)
            lengths = file[f"{key}_N"][()] if f"{key}_N" in file else points
        values = values[:, 0] + 1j * values[:, 1] if is_complex else values[:, 0]
        beyond = np.arange(points)[:, None] >= np.broadcast_to(lengths, curves)
        return np.where(beyond, np.nan, values).T.ravel()

    def axis():
        with opened(path) as file:
            start = np.broadcast_to(file[f"{key}_t0dt"][()], (curves, 2))
        return (start[:, :1] + start[:, 1:] * np.arange(points)).ravel()

    def repeated(column):
        return np.repeat(column.values[:curves], points)

    again = [Column(c.title, c.name, c.unit, lambda c=c: repeated(c), True) for c in swept]
    return (_titled(abscissa, {abscissa: x_unit}, axis, True), *again, _titled(name, units, curve))


def _units(file):
    """Channel -> the unit that its values have in the log."""
    if "Channels" not in file or "unitPhys" not in (file["Channels"].dtype.names or ()):
        return {}
    table = file["Channels"][()]
    return {text(row["name"]): text(row["unitPhys"]).strip() for row in table}


def _listed(file, root, name):
    """Channels of a list; one that is not repeated for an appended run is that of the first."""
    for place in (root + name, name):
        if place in file:
            return [text(row["channel_name"]) for row in file[place][()]]
    return []


def _metadata(file, root, steps):
    found = plain_values(file.attrs)
    found |= plain_values(file[f"{root}Data"].attrs)
    instruments = {
        name: plain_values(item.attrs)
        for name, item in file.get("Instrument config", {}).items()
        if item is not None  # a link that leads nowhere
    }
    if instruments:
        found["instruments"] = json.dumps(instruments)
    if steps:
        found["steps, innermost first"] = ", ".join(steps)
    return found
