"""What JAX compiled for one command, kept on the disk for the next ones."""

import contextlib
import hashlib
import os
import platform
import sys
import warnings
from pathlib import Path

_MOST = 512 << 20  # bytes kept
_LEAST_SECONDS = 0.1  # of compilation that are worth a file


def keep_compiled():
    """Let JAX keep what it compiles in the user's cache folder, unless the user chose otherwise.

    That is with JAX's own `JAX_COMPILATION_CACHE_DIR`, or `JAX_ENABLE_COMPILATION_CACHE=0`.
    Processes that this one starts do the same.
    """
    import jax

    enabled = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    if not enabled or jax.config.jax_compilation_cache_dir:  # pyright: ignore[reportAttributeAccessIssue]
        return
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return  # no home, or one that cannot be written: compile every time
    _forget_oldest(folder)
    for name, value in (
        ("jax_compilation_cache_dir", str(folder)),
        ("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS),
    ):
        os.environ[name.upper()] = str(value)
        jax.config.update(name, value)
    # An entry that cannot be read or written costs a compilation, and nothing else.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")


def cache_folder():
    """Where compiled programs are kept: one folder for each kind of processor.

    A home may be shared by machines, and a program that one of them compiled may use instructions
    that another does not have.
    """
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    kind = hashlib.sha256("\n".join([platform.machine(), *_instructions()]).encode())
    return base / "qpcjax" / "compiled" / kind.hexdigest()[:12]


def _instructions():
    """What the processor can do, as far as the system says it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return sorted(value.split())
    return [platform.processor()]


def _forget_oldest(folder):
    """Remove the files written longest ago where all together have grown too large."""
    found = []
    for path in folder.glob("*-cache"):
        with contextlib.suppress(OSError):
            state = path.stat()
            found.append((state.st_mtime, state.st_size, path))
    size = sum(s for _, s, _ in found)
    for _, one, path in sorted(found):
        if size <= _MOST:
            break
        with contextlib.suppress(OSError):
            path.unlink()
        size -= one
