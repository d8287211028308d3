"""A sweep's folder: a manifest, the axes, and one file for each finished chunk.

A chunk is a plain .npy file, followed by a checksum that NumPy does not look at. Every file gets
its name only when it is whole and on the disk, so that what has a name is finished.
"""

import contextlib
import io
import json
import os
import socket
import zlib
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from qpcjax.files import InputError

FORMAT = "qpcjax sweep 1"
_MANIFEST = "manifest.json"
_FOOTER = b"\ncrc32 %08x\n"
_FOOTER_SIZE = len(_FOOTER % 0)
_OWN = {"manifest.json", "axes", "chunks", "alive"}

# A sweep goes on only with what it was begun with: otherwise its numbers would be of two kinds.
_SAME_VERSIONS = ("qpcjax", "jax", "jaxlib", "platform")


class Store:
    """The folder of a sweep.

    Args:
        folder: where it is.
        manifest: what it holds; by default that which is there.

    Raises:
        InputError: there is no sweep, it is of another format, or its manifest cannot be read.
    """

    def __init__(self, folder, manifest=None):
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder) if manifest is None else manifest
        self._whole = set()

    @classmethod
    def begin(cls, folder, manifest, axes):
        """Make a store, or open that of the same sweep.

        Several processes may do so at once.

        Args:
            folder: made if it is not there.
            manifest: of the sweep.
            axes: name -> values.

        Raises:
            InputError: the folder cannot be written, holds other things, or another sweep: says
                which field differs.
        """
        store = cls(folder, manifest)
        try:
            there = (store.folder / _MANIFEST).exists()
            if not there:
                store._make(axes)
        except OSError as error:
            raise _unwritable(folder, error) from None
        _require_same(store.folder, _read_manifest(store.folder), manifest)
        return store

    def _make(self, axes):
        there = {p.name for p in self.folder.glob("*")} - _OWN
        # Another process may be writing the manifest, or was killed while it did.
        foreign = {name for name in there if not fnmatchcase(name, _part_of(_MANIFEST, "*"))}
        if foreign:
            raise InputError(
                f"{self.folder} is not a sweep's folder: it holds {sorted(foreign)[0]}. Choose "
                "another one"
            )
        for name in ("axes", "chunks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name, values in axes.items():
            _write(self.folder / "axes" / f"{name}.npy", lambda file, v=values: np.save(file, v))
        text = json.dumps(self.manifest, indent=2, allow_nan=False) + "\n"
        _write(self.folder / _MANIFEST, lambda file: file.write(text.encode()))

    @property
    def size(self):
        """Number of points."""
        return int(self.manifest["points"])

    @property
    def chunk(self):
        """Points in a chunk."""
        return int(self.manifest["spec"]["chunk"])

    @property
    def chunks(self):
        """Number of chunks."""
        return int(self.manifest["chunks"])

    @property
    def observables(self):
        """Names of the observables, in the order of a chunk's rows."""
        return list(self.manifest["observables"])

    def axis(self, name):
        """Values of an axis, memory-mapped."""
        return np.load(self.folder / "axes" / f"{name}.npy", mmap_mode="r")

    def path(self, number):
        """File of a chunk."""
        return self.folder / "chunks" / f"{number:08d}.npy"

    def finished(self):
        """Numbers of the chunks that have a file."""
        names = os.listdir(self.folder / "chunks")
        return {int(n[:-4]) for n in names if n.endswith(".npy") and n[:-4].isdigit()}

    def sound(self, number):
        """Whether a chunk's file is there and whole."""
        try:
            self.read(number)
        except InputError:
            return False
        return True

    def read(self, number):
        """Values of a finished chunk, memory-mapped, shape (observables, points).

        Raises:
            InputError: it is not finished, or its file is damaged.
        """
        path = self.path(number)
        start = number * self.chunk
        shape = (len(self.observables), min(self.chunk, self.size - start))
        try:
            values = np.load(path, mmap_mode="r")
            good = values.shape == shape and values.dtype == np.float64
            if good and number not in self._whole:
                good = _checksum_holds(path)
        except FileNotFoundError:
            raise InputError(
                f"{self.folder}: chunk {number} of {self.chunks} is not finished; run the same "
                "sweep again to go on"
            ) from None
        except (OSError, ValueError, EOFError):
            good, values = False, None
        if not good or values is None:
            raise InputError(f"{path} is damaged; run the same sweep again, which computes it anew")
        self._whole.add(number)
        return values

    def write(self, number, values):
        """Write a chunk, whole or not at all.

        Raises:
            InputError: the disk is full or the folder cannot be written.
        """
        content = io.BytesIO()
        np.save(content, np.ascontiguousarray(values, "<f8"))
        parts = content.getbuffer(), _FOOTER % zlib.crc32(content.getbuffer())
        try:
            _write(self.path(number), lambda file: file.writelines(parts))
        except OSError as error:
            done = 0
            with contextlib.suppress(OSError):
                done = len(self.finished())
            raise _unwritable(
                self.folder,
                error,
                f"{done} of {self.chunks} chunks are finished and kept; make room and run the same "
                "sweep again to go on",
            ) from None

    def tidy(self, numbers):
        """Remove what a killed process left half-written of these chunks."""
        for path in (self.folder / "chunks").glob(_part_of("*", "*")):
            number = path.name[1:].partition(".")[0]
            if number.isdigit() and int(number) in numbers:
                path.unlink(missing_ok=True)


def _checksum_holds(path):
    content = path.read_bytes()
    return content[-_FOOTER_SIZE:] == _FOOTER % zlib.crc32(memoryview(content)[:-_FOOTER_SIZE])


def _part_of(name, writer):
    """Name of a file while it is being written."""
    return f".{name}.{writer}.part"


def _write(path, fill):
    """Write a file under another name, bring it to the disk, and only then name it."""
    part = path.with_name(_part_of(path.name, f"{socket.gethostname()}-{os.getpid()}"))
    try:
        with open(part, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _read_manifest(folder):
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder} is not a sweep's folder: it has no {_MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{path} must have the format {FORMAT!r}")
    return manifest


def _require_same(folder, there, wanted):
    difference = _difference("", there["spec"], wanted["spec"])
    if difference:
        field, old, new = difference
        raise InputError(
            f"{folder} belongs to another sweep: {field} is {old} there, and {new} here. Choose "
            "another folder, or the same sweep to go on"
        )
    for name in _SAME_VERSIONS:
        old, new = (m["versions"].get(name) for m in (there, wanted))
        if old != new:
            raise InputError(
                f"{folder} was begun with {name} {old}, and this is {name} {new}: its numbers "
                "would be of two kinds. Go on with what it was begun with, or choose another folder"
            )


def _difference(field, old, new):
    """The first field that differs and both values, or None."""
    if isinstance(old, dict) and isinstance(new, dict):
        if "sha256" in old and "sha256" in new:
            return None if old == new else (field, _axis_words(old), _axis_words(new))
        for key in [*old, *(k for k in new if k not in old)]:
            name = f"{field}.{key}" if field else key
            if key not in old or key not in new:
                return name, *("there" if key in d else "not there" for d in (old, new))
            found = _difference(name, old[key], new[key])
            if found:
                return found
        return None
    return None if old == new else (field, json.dumps(old), json.dumps(new))


def _axis_words(axis):
    if "size" not in axis:
        return f"an array of shape {axis['shape']} with the checksum {axis['sha256'][:8]}"
    unit = "" if axis["unit"] in ("", "1") else f" {axis['unit']}"
    return (
        f"{axis['size']} values from {axis['first']:g} to {axis['last']:g}{unit} (checksum "
        f"{axis['sha256'][:8]})"
    )


def _unwritable(folder, error, more="Choose another folder"):
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        reason = "a file of that name, or on the way to it, is already there"
    else:
        reason = error.strerror or "unknown reason"
    return InputError(f"the folder {folder} cannot be written: {reason}. {more}")
