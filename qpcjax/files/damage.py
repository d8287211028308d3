"""What a reader does with a file that was cut off or damaged."""

import contextlib

from qpcjax.measurements import InputError

_LONGEST = 200  # characters of a library's own message


@contextlib.contextmanager
def readable(path, kind, remedy="Save or copy it once more"):
    """Turn whatever reading a damaged file raises into an InputError.

    Libraries that read a format raise errors of any class on damaged bytes.

    Args:
        path: the file.
        kind: what it should be, such as "TDMS".
        remedy: what to do.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        raise InputError(
            f"{path}: cut off or damaged, and cannot be read as {kind} ({reason}). {remedy}"
        ) from None
