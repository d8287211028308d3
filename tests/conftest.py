"""Precision, dtype promotion and drawing backend of the whole test set."""

import os

os.environ["MPLBACKEND"] = "Agg"

import jax
import pytest
from hypothesis import settings

DOUBLE = os.environ.get("JAX_ENABLE_X64", "1").lower() not in ("0", "false", "off", "no")
jax.config.update("jax_enable_x64", DOUBLE)

# Modules that say something in single precision too; the others need float64.
ANY_PRECISION = ("test_architecture", "test_float32", "test_reservoirs", "test_units")

# Modules whose code goes through optax, which needs the standard promotion of dtypes.
STANDARD_PROMOTION = ("test_cli", "test_files", "test_fit", "test_notebooks", "test_plot")

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


def pytest_collection_modifyitems(items):
    if DOUBLE:
        return
    skip = pytest.mark.skip(reason="needs float64, and JAX_ENABLE_X64=0 is set")
    for item in items:
        if item.path.stem not in ANY_PRECISION:
            item.add_marker(skip)


@pytest.fixture(autouse=True, scope="module")
def promotion_and_precision(request):
    """Strict promotion for this package's own code; whatever a test changes is put back."""
    standard = request.module.__name__.startswith(STANDARD_PROMOTION)
    before = jax.config.jax_numpy_dtype_promotion
    jax.config.update("jax_enable_x64", DOUBLE)
    jax.config.update("jax_numpy_dtype_promotion", "standard" if standard else "strict")
    yield
    jax.config.update("jax_numpy_dtype_promotion", before)
    jax.config.update("jax_enable_x64", DOUBLE)
