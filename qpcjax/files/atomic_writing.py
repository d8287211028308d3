"""Writing files so that nothing stays half-written."""

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from qpcjax.measurements import InputError


def save_table(
    columns: Mapping[str, Iterable], comments: Iterable[str] = (), header: bool = True
) -> str:
    """CSV text of equally long columns, in full precision.

    Args:
        columns: column title, with its unit -> values.
        comments: lines put in front, each behind a #.
        header: whether the titles stand above the rows; not where the rows go on those before.
    """
    values = {title: np.asarray(column) for title, column in columns.items()}
    shapes = {title: column.shape for title, column in values.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"columns of one length were wanted, got the shapes {shapes}")
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in comments)
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(values)
    # tolist gives Python numbers, which csv writes by their shortest exact representation.
    writer.writerows(zip(*(column.tolist() for column in values.values()), strict=True))
    return text.getvalue()


def save_json(value) -> str:
    """JSON text that any program can read: NaN and infinity, which JSON lacks, become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def content_digest(content) -> str:
    """SHA-256 of plain values, however they are laid out: a float has one shortest text."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_writable(folder) -> None:
    """Raise InputError now if `write_files` could not write there later; leaves nothing behind."""
    folder = Path(folder)
    made = _make_folder(folder)
    probe = folder / f".write-test-{os.getpid()}"
    try:
        with open(probe, "xb"):
            pass
        probe.unlink()
    except OSError as error:
        raise _not_writable(folder, error) from None
    finally:
        _remove_folders(made)


def write_files(folder, contents: Mapping[str, bytes | str]) -> list[Path]:
    """Write files into a folder, all of them or none.

    Each is written to a temporary name first; only when all are there do they get their names.
    Files of the same name are replaced.

    Args:
        folder: created if it is not there.
        contents: file name -> what to write; text is written as UTF-8.

    Returns:
        The paths, in the order of `contents`.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = Path(folder)
    for name in contents:
        if not name or Path(name).name != name:
            raise ValueError(f"a plain file name was wanted, got {name!r}")
        if (folder / name).is_dir():
            raise InputError(f"{folder / name}: this is a folder, a file is to be written here")
    made = _make_folder(folder)
    targets = {folder / f".{name}.{os.getpid()}.part": folder / name for name in contents}
    try:
        for (part, _), content in zip(targets.items(), contents.values(), strict=True):
            part.write_bytes(content.encode() if isinstance(content, str) else content)
        for part, target in targets.items():
            part.replace(target)
    except BaseException as error:
        for part in targets:
            part.unlink(missing_ok=True)
        _remove_folders(made)
        if isinstance(error, OSError):
            raise _not_writable(folder, error) from None
        raise
    return list(targets.values())


@contextlib.contextmanager
def replacing(path):
    """Name of a file to write, which gets the name that was asked for once it is whole.

    Raises:
        InputError: it cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise _not_replaced(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path):
    """An empty folder to fill, which gets the name that was asked for once it is whole.

    Args:
        path: the folder; what is there is replaced.

    Raises:
        InputError: it cannot be written.
    """
    path = Path(path)
    part, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        part.mkdir()
        yield part
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(part, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise _not_replaced(path, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _not_replaced(path, error):
    reason = error.strerror or str(error)
    return InputError(f"{path} cannot be written: {reason}. Choose another name, or make room")


def _make_folder(folder):
    """Create the folder; returns the folders that were not there before, the deepest first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_folders(missing)
        raise _not_writable(folder, error) from None
    return missing


def _remove_folders(folders):
    for path in folders:
        try:
            path.rmdir()
        except OSError:
            return  # something else has been put there, or it was never made


def _not_writable(folder, error):
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        reason = "a file of that name, or on the way to it, is already there"
    else:
        reason = error.strerror or "unknown reason"
    return InputError(
        f"the output folder {folder} cannot be written: {reason}. Choose another folder"
    )
