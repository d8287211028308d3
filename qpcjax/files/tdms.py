"""TDMS files of LabVIEW, which npTDMS reads: a part for each group, a column for each channel.

A waveform states the start and the step of its axis, which becomes a column of its own.
"""

import contextlib
import logging
import math
import warnings

import numpy as np

from qpcjax.files.arrays import Array, tables_from
from qpcjax.files.damage import readable
from qpcjax.files.foreign import TDMS_AS_TEXT
from qpcjax.files.optional_libraries import need
from qpcjax.files.table import check_size, check_values
from qpcjax.measurements import InputError

_UNITS = ("unit_string", "NI_UnitDescription", "Unit", "unit", "Units", "units")
_REMEDY = f"Copy it once more. {TDMS_AS_TEXT}"


def read_tdms(path):
    """The tables in a TDMS file, as `formats` calls it."""
    size, tables = check_size(path), []
    with _opened(path) as file:
        facts = _plain(file.properties)
        for group in file.groups():
            found = [_array(path, channel, size) for channel in group.channels()]
            axes = {key: axis for _, key, axis in filter(None, found) if axis is not None}
            arrays = [*axes.values(), *(array for array, _, _ in filter(None, found))]
            if arrays:
                metadata = facts | _plain(group.properties)
                tables += tables_from(path, arrays, metadata, group.name)
    if not tables:
        raise InputError(f"{path}: there is no channel of numbers in it")
    return tables


@contextlib.contextmanager
def _opened(path):
    """The open file; what npTDMS logs of damaged ones stays unsaid, as the error says it."""
    nptdms, log = need("nptdms", "tdms"), need("nptdms.log", "tdms").log_manager
    level = log.log_level
    log.set_level(logging.CRITICAL)
    try:
        with readable(path, "TDMS", _REMEDY), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as stream, nptdms.TdmsFile.open(stream) as file:
                yield file
    finally:
        log.set_level(level)


def _array(path, channel, size):
    """A channel, and what tells its axis and the axis itself where it is a waveform."""
    length, dtype = len(channel), channel.dtype
    if not length or dtype is None or np.dtype(dtype).kind not in "biufc":
        return None
    check_values(path, length)
    if length > size:
        raise ValueError(f"'{channel.name}' should have {length} points, the file has {size} bytes")
    told = channel.properties
    unit = next((str(told[k]).strip() for k in _UNITS if str(told.get(k, "")).strip()), None)
    group, name, dims = channel.group_name, channel.name, (f"#{length}",)
    array = Array(name, unit, (length,), lambda: _read(path, group, name), dims)
    step, start = told.get("wf_increment"), told.get("wf_start_offset", 0.0)
    if not (isinstance(step, float) and isinstance(start, float) and math.isfinite(step + start)):
        return array, None, None
    its = str(told.get("wf_xunit_string", "")).strip() or None
    title = str(told.get("wf_xname", "")).strip() or "x"
    axis = Array(title, its, (length,), lambda: start + step * np.arange(length), dims, True)
    return array, (title, start, step, length), axis


def _read(path, group, name):
    with _opened(path) as file:
        return file[group][name][:]


def _plain(properties):
    return {str(k): v for k, v in properties.items() if isinstance(v, str | int | float)}
