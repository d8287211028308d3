"""What comes in and goes out through the browser: a data file, and the files of a fit."""

import dataclasses
import io
import tempfile
import zipfile
from pathlib import Path

from qpcjax.files import read_traces
from qpcjax.measurements import ConductanceTrace, InputError

MOST_BYTES = 20_000_000  # of an uploaded file
MOST_BODY_BYTES = MOST_BYTES * 4 // 3 + 100_000  # of a request: the file as base64 and its name

_MADE = (1980, 1, 1, 0, 0, 0)  # the same files, the same archive: no date is in it


def received(name: str, contents: bytes) -> dict[str, ConductanceTrace]:
    """The traces in an uploaded file by what tells them apart, read as `qpcjax fit` reads them.

    The file is only ever read: its name decides about nothing but the format.

    Args:
        name: name of the file in the browser; folders in it are ignored.
        contents: its bytes.

    Raises:
        InputError: a file that is too large, or anything that the user can mend in it.
    """
    name = Path(name.replace("\\", "/")).name or "trace.csv"
    if len(contents) > MOST_BYTES:
        raise InputError(
            f"{name}: the file has {len(contents) / 1e6:.1f} MB, and at most {MOST_BYTES / 1e6:g} "
            "MB are taken; leave out what is not the trace, or use qpcjax fit"
        )
    with tempfile.TemporaryDirectory(prefix="qpcjax-") as folder:
        path = Path(folder, "upload").with_suffix(Path(name).suffix.lower())
        path.write_bytes(contents)
        try:
            traces = read_traces(path)
        except InputError as error:
            # The user knows the file by its own name.
            raise InputError(str(error).replace(str(path), name)) from None
    return {
        told: dataclasses.replace(trace, name=name + trace.name.removeprefix(path.name))
        for told, trace in traces.items()
    }


def archive(contents: dict[str, bytes | str]) -> bytes:
    """A zip file of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(zipfile.ZipInfo(name, _MADE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
