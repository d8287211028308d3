"""A sweep's folder: a zarr group that grows by a file for each finished chunk, and a manifest.

A file gets its name only when it is whole, and a chunk's only when it is on the disk as well: what
has a name is finished.
"""

import contextlib
import functools
import json
import os
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from qpcjax.files import InputError
from qpcjax.files.atomic_writing import not_writable, part_of, replacing
from qpcjax.overviews import unit_text
from qpcjax.sweeping.chunks import Chunks
from qpcjax.sweeping.zarr_group import decoded, encoded

FORMAT = "qpcjax sweep 2"
MANIFEST = "manifest.json"
_KEPT = 4  # decoded chunks of a few MB each

# A sweep goes on only with what it was begun with: otherwise its numbers would be of two kinds.
_SAME_VERSIONS = ("qpcjax", "jax", "jaxlib", "platform")


class Store:
    """The folder of a sweep.

    Args:
        folder: where it is.

    Raises:
        InputError: there is no sweep, it is of another format, or its manifest cannot be read.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        self.chunks = Chunks(
            tuple(self.manifest["shape"]), tuple(self.manifest["spec"]["chunk_shape"])
        )
        self.read = functools.lru_cache(_KEPT)(self._read)

    @classmethod
    def begin(cls, folder, manifest):
        """Write a manifest, or open the store of the same sweep.

        Several processes may do so at once: one of them writes the manifest, and the others read
        it.

        Args:
            folder: made if it is not there.
            manifest: of the sweep.

        Raises:
            InputError: the folder cannot be written, holds other things, or another sweep: says
                which field differs.
        """
        path = Path(folder, MANIFEST)
        try:
            if not path.exists():
                create(path, manifest)
        except OSError as error:
            raise not_writable(f"the folder {folder}", error) from None
        found = cls(folder)
        _require_same(found.folder, found.manifest, manifest)
        return found

    def complete(self, files):
        """Write those of the group's files that are missing: path in the folder -> bytes.

        They can be made again at any time, so nobody waits until they are on the disk.
        """
        try:
            paths = {self.folder / name: content for name, content in files.items()}
            for folder in {path.parent for path in paths}:
                folder.mkdir(exist_ok=True)
            for path, content in paths.items():
                if not path.exists() or path.stat().st_size != len(content):
                    with replacing(path) as part:
                        part.write_bytes(content)
        except OSError as error:
            raise not_writable(f"the folder {self.folder}", error) from None

    @property
    def observables(self):
        """Names of the observables."""
        return list(self.manifest["observables"])

    def axis(self, name):
        """Values of an axis, memory-mapped.

        Raises:
            InputError: there are others than the manifest says.
        """
        size = self.manifest["spec"]["axes"][name]["size"]
        with contextlib.suppress(OSError, ValueError):
            values = np.memmap(self.folder / name / "0", "<f8", "r")
            if values.size == size:
                return values
        raise InputError(
            f"{self.folder}: the values of the axis {name} are damaged; run the same sweep again, "
            "which writes them anew"
        )

    def path(self, observable, number):
        """File of a chunk."""
        return self.folder / observable / self.chunks.key(number)

    def finished(self):
        """Numbers of the chunks that have their files."""
        # That of the last observable is written last.
        names = os.listdir(self.folder / self.observables[-1])
        return {number for n in names if (number := self.chunks.number(n)) is not None}

    def sound(self, number):
        """Whether a chunk's files are there and whole."""
        try:
            for name in self.observables:
                self._read(name, number)
        except InputError:
            return False
        return True

    def _read(self, observable, number):
        """Values of a finished chunk of an observable, shape (points,); `read` keeps a few.

        Raises:
            InputError: it is not finished, or its file is damaged.
        """
        path = self.path(observable, number)
        start, stop = self.chunks.bounds(number)
        try:
            return decoded(path.read_bytes(), self.chunks.size)[: stop - start]
        except FileNotFoundError:
            raise InputError(
                f"{self.folder}: chunk {number} of {self.chunks.count} is not finished; run the "
                "same sweep again to go on"
            ) from None
        except (OSError, ValueError):
            raise InputError(
                f"{path} is damaged; run the same sweep again, which computes it anew"
            ) from None

    def write(self, number, values):
        """Write a chunk, shape (observables, points), each of its files whole or not at all.

        Raises:
            InputError: the disk is full or the folder cannot be written.
        """
        try:
            for name, row in zip(self.observables, values, strict=True):
                self._write_values(self.path(name, number), row)
        except OSError as error:
            done = 0
            with contextlib.suppress(OSError):
                done = len(self.finished())
            raise not_writable(
                f"the folder {self.folder}",
                error,
                f"{done} of {self.chunks.count} chunks are finished and kept; make room and run "
                "the same sweep again to go on",
            ) from None

    def _write_values(self, path, values):
        try:
            with replacing(path, durable=True) as part, open(part, "wb") as file:
                file.writelines(encoded(values, self.chunks.size))
        except FileNotFoundError:
            # Another process has computed the same chunk, and then tidied up.
            if not path.exists():
                raise

    def tidy(self, numbers):
        """Remove files that a killed process left half-written of these chunks, all finished."""
        fields = len(self.chunks.shape)
        for name in self.observables:
            for path in (self.folder / name).glob(part_of("*", "*")):
                key = ".".join(path.name.split(".")[1 : 1 + fields])
                if self.chunks.number(key) in numbers:
                    path.unlink(missing_ok=True)


def create(path, manifest):
    """Write the manifest into a new or empty folder, unless another process is faster."""
    folder = path.parent
    there = {p.name for p in folder.glob("*")}
    if path.exists():
        return  # what is there besides came after it
    parts = part_of(MANIFEST, "*")  # which another process writes, or was killed while it wrote
    foreign = {name for name in there if not fnmatchcase(name, parts)}
    if foreign:
        raise InputError(
            f"{folder} is not a sweep's folder: it holds {min(foreign)}. Choose another one"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path, durable=True, exclusive=True) as part:
            part.write_text(json.dumps(manifest, indent=2, allow_nan=False) + "\n")
    except FileExistsError:
        return


def _read_manifest(folder):
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder} is not a sweep's folder: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(
            f"{path} must have the format {FORMAT!r}: a sweep of another version of qpcjax is read "
            "by that version"
        )
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
    unit = f" {unit_text(axis['unit'])}".rstrip()
    return (
        f"{axis['size']} values from {axis['first']:g} to {axis['last']:g}{unit} (checksum "
        f"{axis['sha256'][:8]})"
    )
