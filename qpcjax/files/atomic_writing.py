"""Writing files whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from qpcjax.measurements import InputError


@contextlib.contextmanager
def replacing(path, *, durable=False, exclusive=False):
    """A name to write a file or a folder under, which becomes `path` when the block ends.

    A block that fails leaves no file behind, and `path` as it was. Every file of the package is
    written in this way.

    Args:
        path: where the file or folder is to be; what is there is replaced.
        durable: whether the file must be on the disk before it gets its name.
        exclusive: whether a file that is there stays, also where several processes begin at once.

    Raises:
        FileExistsError: the file is there already, with `exclusive`.
        OSError: it cannot be written.
    """
    path = Path(path)
    # Containers that share a disk may share the host's name and the process's number too.
    writer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    part = path.with_name(part_of(path.name, writer))
    try:
        yield part
        if durable:
            with open(part, "r+b") as file:
                os.fsync(file.fileno())
        if exclusive:
            _create(part, path)
        elif part.is_dir():
            _replace_folder(part, path)
        else:
            os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


def require_room(path, size):
    """Raise OSError unless the disk has room for a file of this size.

    For libraries that crash when the disk is full: the room is taken for a moment and given back.

    Args:
        path: a name that is free, on the same disk.
        size: bytes.
    """
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is None:  # a system without it
        if shutil.disk_usage(Path(path).parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    try:
        with open(path, "xb") as file:
            allocate(file.fileno(), 0, size)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def part_of(name, writer):
    """Name of a file or folder while it is being written."""
    return f".{name}.{writer}.part"


def _create(part, path):
    """Give a file its name unless the name is taken: of several processes one alone succeeds."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with open(path, "xb") as file:
            file.write(part.read_bytes())


def _replace_folder(part, path):
    """Give a folder its name; one that is there comes back if that fails."""
    old = part.with_suffix(".old")
    if path.exists():
        os.replace(path, old)
    try:
        os.replace(part, path)
    except OSError:
        if old.exists():
            os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def not_writable(what, error, remedy="Choose another folder") -> InputError:
    """The InputError that says why a file or folder cannot be written, and what to do.

    Args:
        what: that which cannot be written.
        error: the OSError.
        remedy: what the user can do.
    """
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = "a file of that name, or on the way to it, is already there"
    else:
        reason = error.strerror or str(error) or "unknown reason"
    return InputError(f"{what} cannot be written: {reason}. {remedy}")


def check_writable(folder) -> None:
    """Raise InputError now if `write_files` could not write there later; leaves nothing behind."""
    with _folder_for(Path(folder), keep=False):
        probe = Path(folder, part_of("write-test", os.getpid()))
        probe.touch(exist_ok=False)
        probe.unlink()


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
    with _folder_for(folder), contextlib.ExitStack() as parts:
        for name, content in contents.items():
            part = parts.enter_context(replacing(folder / name))
            part.write_bytes(content.encode() if isinstance(content, str) else content)
    return [folder / name for name in contents]


@contextlib.contextmanager
def _folder_for(folder, keep=True):
    """Make a folder to write into; if the block fails, remove the folders that were made."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        _remove(missing)
        if isinstance(error, OSError):
            raise not_writable(f"the output folder {folder}", error) from None
        raise
    if not keep:
        _remove(missing)


def _remove(folders):
    """Remove folders, the deepest first, as far as they are empty."""
    for path in folders:
        try:
            path.rmdir()
        except OSError:
            return  # something else has been put there, or it was never made
