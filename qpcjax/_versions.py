"""The versions that a result was made with."""

import functools
import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("qpcjax", "jax", "jaxlib", "numpy", "equinox", "optax", "matplotlib")


def versions() -> dict[str, str]:
    """Version of this package, of Python and of what it computes with."""
    return dict(_found())


@functools.cache  # every look reads and takes apart what the packages say of themselves
def _found():
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {"qpcjax": found.pop("qpcjax"), **found}
