"""What JAX compiled in one process, kept on the disk for the next ones."""

import contextlib
import hashlib
import os
import platform
import sys
import warnings
from pathlib import Path

_MOST = 512 << 20  # bytes kept
_LEAST_SECONDS = 0.02  # of compilation that are worth a file


def enable_compilation_cache() -> Path | None:
    """Keep what JAX compiles on the disk, so that the next program need not compile it again.

    The commands of qpcjax do it by themselves, in the same folder: what one of them compiled serves
    the others. Call this before the first computation; processes that this one starts do the same.
    What the user chose by JAX's own `JAX_COMPILATION_CACHE_DIR` or `JAX_ENABLE_COMPILATION_CACHE=0`
    is left alone. At most 512 MB are kept, the newest.

    Returns:
        The folder; None where nothing is kept, as in a home that cannot be written.
    """
    import jax

    enabled = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if not enabled or chosen:
        return Path(chosen) if enabled else None
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None  # no home, or one that cannot be written: compile every time
    _forget_oldest(folder)
    for name, value in (
        ("jax_compilation_cache_dir", str(folder)),
        ("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS),
    ):
        os.environ[name.upper()] = str(value)
        jax.config.update(name, value)
    # An entry that cannot be read or written costs a compilation, and nothing else.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    return folder


def cache_folder() -> Path:
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
