"""What comes in and goes out through the browser: a data file, and the files of a fit."""

import dataclasses
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qpcjax.explorer.pictures import of_file
from qpcjax.files import read_traces
from qpcjax.files.column_units import CONDUCTANCE_UNITS, GATE_UNITS
from qpcjax.files.inspection import inspect_file
from qpcjax.files.traces import Choice
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace, InputError

MOST_BYTES = 20_000_000  # of an uploaded file
MOST_BODY_BYTES = MOST_BYTES * 4 // 3 + 100_000  # of a request: the file as base64 and its name

_MADE = (1980, 1, 1, 0, 0, 0)  # the same files, the same archive: no date is in it
_SUFFIXES = 2  # of a name at most, as in trace.csv.gz

# Units that a column without its own may be given on the page: what is shown -> unit.
AS_STATED = "as the file says"
GATE_CHOICES = {AS_STATED: None, **{unit: unit for unit in GATE_UNITS}}
CONDUCTANCE_CHOICES = {AS_STATED: None, **{unit: unit for unit in CONDUCTANCE_UNITS}}


class Received(NamedTuple):
    """A file that was read.

    Fields:
        name: of the file.
        traces: by what tells them apart; none in a file that holds other data.
        first: which of them to show first, the one nearest to zero bias; "" without any.
        maps: what each map over gate and bias holds, in words.
        picture: PNG of what it holds, None where nothing can be drawn.
        commands: lines of a shell that read its parts, as `qpcjax inspect` gives them.
    """

    name: str
    traces: Mapping[str, ConductanceTrace]
    first: str
    maps: tuple[str, ...]
    picture: bytes | None
    commands: tuple[str, ...]


class File(NamedTuple):
    """A name and the bytes behind it, as an upload has them."""

    name: str
    contents: bytes


def opened(path) -> File:
    """A file of this computer that the command names.

    Raises:
        InputError: it cannot be read, or is too large for the page.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _too_large(path.name, path.stat().st_size)
        return File(path.name, path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def received(name: str, contents: bytes, gate_unit=None, conductance_unit=None) -> Received:
    """What an uploaded file holds, read as `qpcjax fit` and `qpcjax inspect` read it.

    The file is only ever read: its name decides about nothing but the format.

    Args:
        name: name of the file in the browser; folders in it are ignored.
        contents: its bytes.
        gate_unit: of the gate's column, where it does not state its own.
        conductance_unit: of the conductance's column, where it does not state its own.

    Raises:
        InputError: a file that is too large, or anything that the user can mend in it.
    """
    name = Path(name.replace("\\", "/")).name or "trace.csv"
    if len(contents) > MOST_BYTES:
        raise _too_large(name, len(contents))
    with tempfile.TemporaryDirectory(prefix="qpcjax-") as folder:
        suffix = "".join(Path(name).suffixes[-_SUFFIXES:]).lower()
        path = Path(folder, f"upload{suffix}")
        path.write_bytes(contents)

        def own(words):  # the user knows the file by its own name
            return words.replace(str(path), name).replace(path.name, name)

        try:
            found = inspect_file(
                path, Choice(gate_unit=gate_unit, conductance_unit=conductance_unit)
            )
            picture = of_file(found)
            commands = tuple(own(part.command) for part in found.parts if part.command)
            try:
                traces = read_traces(path, gate_unit, conductance_unit)
            except InputError:
                if picture is None:
                    raise
                traces = {}
        except InputError as error:
            raise InputError(own(str(error))) from None
    named = {
        own(told): dataclasses.replace(trace, name=name + trace.name.removeprefix(path.name))
        for told, trace in traces.items()
    }
    nearest = [trace.nearest for part in found.parts for trace in part.traces]
    offered = [t for t, near in zip(named, nearest, strict=False) if near] or [*named]
    maps = tuple(_map_in_words(d) for part in found.parts for d in part.data if _is_map(d))
    return Received(name, named, next(iter(offered), ""), maps, picture, commands)


def _is_map(data):
    return isinstance(data, BiasSpectroscopy)


def _map_in_words(data):
    sizes = np.unique(data.gate).size, np.unique(data.bias).size
    axes = zip(("gate", "bias", "dI/dV"), (data.gate, data.bias, data.conductance), strict=True)
    ends = [f"{name} {np.nanmin(v):.4g} to {np.nanmax(v):.4g}" for name, v in axes]
    return (
        f"a map of {sizes[0]} gate voltages and {sizes[1]} biases: {ends[0]} mV, {ends[1]} mV, "
        f"{ends[2]} in 2e²/h"
    )


def _too_large(name, size):
    return InputError(
        f"{name}: the file has {size / 1e6:.1f} MB, and at most {MOST_BYTES / 1e6:g} "
        "MB are taken; leave out what is not the trace, or use qpcjax fit"
    )


def archive(contents: dict[str, bytes | str]) -> bytes:
    """A zip file of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(zipfile.ZipInfo(name, _MADE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
