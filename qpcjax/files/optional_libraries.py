"""Libraries that are not installed with the package itself."""

import importlib
from typing import Any

from qpcjax.measurements import InputError


def need(module, extra="files") -> Any:
    """Import a library of an extra.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise InputError(
            f'{module} is missing, which this kind of file needs: pip install "qpcjax[{extra}]"'
        ) from None
