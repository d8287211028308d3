"""A sweep's folder: a zarr group that grows by a file for each finished chunk, and a manifest.

A file gets its name only when it is whole, and a chunk's only when it is on the disk as well: what
has a name is finished.
"""

import contextlib
import functools
import os
from pathlib import Path

import numpy as np

from qpcjax.files import InputError
from qpcjax.files.atomic_writing import not_writable, part_of, replacing
from qpcjax.sweeping import manifests
from qpcjax.sweeping.axes import checksum
from qpcjax.sweeping.chunks import Chunks
from qpcjax.sweeping.zarr_group import decoded, encoded

_KEPT = 4  # decoded chunks of a few MB each


class Store:
    """The folder of a sweep.

    Args:
        folder: where it is.

    Raises:
        InputError: there is no sweep, it is of another format, or its manifest cannot be read.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = manifests.read(self.folder)
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
        manifests.begin(Path(folder), manifest)
        return cls(folder)

    def complete(self, files):
        """Write those of the group's files that are missing or damaged: path -> bytes.

        They can be made again at any time, so nobody waits until they are on the disk.
        """
        try:
            paths = {self.folder / name: content for name, content in files.items()}
            for folder in {path.parent for path in paths}:
                folder.mkdir(exist_ok=True)
            for path, content in paths.items():
                if not path.exists() or path.read_bytes() != content:
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
        described = self.manifest["spec"]["axes"][name]
        with contextlib.suppress(OSError, ValueError):
            values = np.memmap(self.folder / name / "0", "<f8", "r")
            if values.size == described["size"] and checksum(values) == described["sha256"]:
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
