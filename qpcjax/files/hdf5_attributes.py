"""What readers of HDF5 files share: opening one, and its attributes as Python's own values."""

import contextlib
import re

import numpy as np

from qpcjax.files.optional_libraries import need
from qpcjax.measurements import InputError


@contextlib.contextmanager
def opened(path):
    """The file, opened for reading; an error inside becomes an InputError."""
    h5py = need("h5py")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: cut off or damaged, and cannot be read as HDF5 ({reason}). Save or copy it "
            "once more"
        ) from None


def plain_values(values):
    """Those of the values that are texts or single numbers, as Python's own."""
    found = {}
    for name, value in values.items():
        if isinstance(value, bytes | str):
            found[name] = text(value)
        elif np.size(value) == 1 and np.asarray(value).dtype.kind in "biuf":
            found[name] = np.ravel(value)[0].item()
        elif np.size(value) == 1 and isinstance(np.ravel(value)[0], bytes | str):
            found[name] = text(np.ravel(value)[0])
    return found


def text(value):
    """An attribute as text; "" where it is something else."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def unit_text(value):
    """A unit as text, also where it stands in a list of its own, such as ['V']."""
    value = np.asarray(value)
    found = text(value.ravel()[0]) if value.size == 1 and value.dtype.kind in "OSU" else ""
    alone = re.fullmatch(r"""\s*[\[(]\s*b?(['"])(.*)\1\s*,?\s*[\])]\s*""", found)
    return (alone[2] if alone else found).strip()


def texts(value):
    """An attribute that is a list of texts; one text is a list of one."""
    found = [text(item) for item in np.ravel(np.asarray(value, object)).tolist()]
    return [item for item in found if item]
