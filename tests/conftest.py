"""Precision, dtype promotion, drawing backend, division of work and memory of the test suite."""

import ctypes
import functools
import gc
import inspect
import os
import sys
import tempfile
import zlib
from importlib.metadata import version
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
# Compiled programs carry no source locations: no test looks at them.
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"

import jax
import pytest
from hypothesis import settings

DOUBLE = os.environ.get("JAX_ENABLE_X64", "1").lower() not in ("0", "false", "off", "no")
jax.config.update("jax_enable_x64", DOUBLE)

# Compiling takes most of the time. XLA's older compiler of fusions is quicker, above all if it does
# not split programs; newer versions of jaxlib do not have it. What tests start, such as notebooks,
# is compiled in the same way, and without most optimisations, as below.
if OLDER := version("jaxlib").startswith("0.10."):
    quick = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    if quick not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {quick}".strip()
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
# No later run reads what the tests compile in their own process.
jax.config.update("jax_enable_compilation_cache", False)

# Folders in which most tests compile programs, with a newer jaxlib in twice the time of the older
# one. There a newer jaxlib runs one case of each parametrised test, which case its name decides:
# what changes with jaxlib is what programs can be written and compiled, not the physics of the
# cases. `--every-case` runs them all.
COMPILING = (
    "designing",
    "explorer",
    "fitting",
    "gates",
    "heat",
    "potentials",
    "scatterers",
    "staircases",
    "sweeping",
    "transport",
)

# Modules that test single precision too; the others need float64.
ANY_PRECISION = ("test_architecture", "test_float32", "test_reservoirs", "test_constants")

# Modules whose code goes through optax, which needs the standard promotion of dtypes.
STANDARD_PROMOTION = (
    "test_cli",
    "test_design",
    "test_documentation",
    "test_files",
    "test_fit",
    "test_notebooks",
    "test_pictures",
    "test_plot",
)

# No program should be compiled twice. Modules of one group run one after the other in one process
# and share its compiled programs. A module without a group forms a group of its own. The longest
# groups stand first and start first.
GROUPS = {
    "the catalogue of hard cases": (
        "test_expansions",
        "test_float32",
        "test_hot_spot",
        "test_landauer",
        "test_problems",
        "test_properties",
    ),
    "fits of traces": ("test_fits", "test_fitting", "test_documentation"),
    "what follows from fits": (
        "test_comparison",
        "test_fit_pictures",
        "test_next_points",
        "test_posterior",
        "test_saving",
    ),
    "sweeps": (
        "test_sweep",
        "test_sweep_command",
        "test_sweep_export",
        "test_sweep_processes",
        "test_sweep_store",
        "test_sweep_folders",
    ),
    "error estimates": ("test_error_estimates",),
    "shoulders": ("test_barrier_choice", "test_shoulders"),
    "the explorer's page": ("test_guard", "test_page"),
    "figures": ("test_plot", "test_pictures", "test_notebooks"),
}
GROUP_OF = {module: group for group, modules in GROUPS.items() for module in modules}


def group_of(path):
    """The name of a module's group."""
    return GROUP_OF.get(path.stem, path.stem)


# Without most optimisations programs compile in about half of the time. With the newer jaxlib these
# modules, which hold tables of reference values and hard cases, are compiled as for users.
OPTIMISED = ("test_landauer", "test_problems")

# Unoptimised programs run a third as fast. These modules are always compiled as for users: they run
# longer than they compile. `helpers.optimised` does the same for a part of a test.
LONG_RUNNING = ("test_trace_search",)

# Bytes that a worker may use before it drops what is compiled, and that it must have gained since
# it last did.
MOST_MEMORY = 1.2e9
LEAST_GAIN = 0.3e9

# JAX keeps its traces; walking through them again and again takes the collector 5 % of the time.
gc.set_threshold(100_000, 50, 100)

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


def pytest_addoption(parser):
    """Let a newer jaxlib run every case."""
    parser.addoption(
        "--every-case",
        action="store_true",
        help="run every case of parametrised tests with a newer jaxlib too, not one of each",
    )


def pytest_report_header(config):
    """Say it when cases are left to the older jaxlib."""
    if OLDER or config.option.every_case:
        return None
    return "cases: one of each parametrised test that compiles (--every-case runs all)"


def one_case_of_each(items):
    """Part tests into those to run, with one case of each parametrised one, and the others."""
    cases = {}
    for item in items:
        compiles = item.path.parent.name in COMPILING
        cases.setdefault(item.nodeid.partition("[")[0] if compiles else item.nodeid, []).append(
            item
        )
    # Not always the first case: it is the simplest one of most tests.
    chosen = {group[zlib.crc32(name.encode()) % len(group)].nodeid for name, group in cases.items()}
    return (
        [item for item in items if item.nodeid in chosen],
        [item for item in items if item.nodeid not in chosen],
    )


def pytest_configure(config):
    """Give the processes that tests start one compilation cache, until the session ends.

    Each worker has a folder of its own: JAX writes an entry in place, and another worker that read
    a half-written one would warn. The process that starts the workers removes all folders.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        folder = str(Path(os.environ["JAX_COMPILATION_CACHE_DIR"], worker))
    else:
        whole = tempfile.TemporaryDirectory(prefix="qpcjax-compiled-", ignore_cleanup_errors=True)
        config.add_cleanup(whole.cleanup)
        folder = whole.name
    for name, value in (
        ("jax_compilation_cache_dir", folder),
        ("jax_persistent_cache_min_compile_time_secs", 0.0),
        ("jax_persistent_cache_min_entry_size_bytes", -1),
    ):
        os.environ[name.upper()] = str(value)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand out whole groups to the workers of pytest-xdist."""
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(Path(nodeid.split("::")[0]))

    config.option.loadscopereorder = False  # the order is that of the collection
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(config, items):
    if not (OLDER or config.option.every_case):
        items[:], others = one_case_of_each(items)
        config.hook.pytest_deselected(items=others)
    order = [*GROUPS, None]
    items.sort(key=lambda item: order.index(GROUP_OF.get(item.path.stem)))
    if not OLDER:
        skip = pytest.mark.skip(
            reason="from end to end: run with jaxlib 0.10, which compiles faster"
        )
        for item in items:
            if item.get_closest_marker("end_to_end"):
                item.add_marker(skip)
    if DOUBLE:
        return
    skip = pytest.mark.skip(reason="needs float64, and JAX_ENABLE_X64=0 is set")
    for item in items:
        if item.path.stem not in ANY_PRECISION:
            item.add_marker(skip)


kept_memory = 0


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Drop the compiled programs when much memory is in use: all of them take several gigabytes."""
    global kept_memory
    if memory_in_use() < max(MOST_MEMORY, kept_memory + LEAST_GAIN):
        return
    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":  # the C library keeps for itself what is free
        getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
    kept_memory = memory_in_use()


def memory_in_use():
    """Bytes of memory of this process; 0 where the system does not say it."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True, scope="module")
def promotion_and_precision(request):
    """Promote strictly in this package's own code; put back whatever a test changes."""
    standard = request.module.__name__.startswith(STANDARD_PROMOTION)
    before = jax.config.jax_numpy_dtype_promotion
    jax.config.update("jax_enable_x64", DOUBLE)
    jax.config.update("jax_numpy_dtype_promotion", "standard" if standard else "strict")
    optimised = request.path.stem in LONG_RUNNING
    optimised |= not OLDER and request.path.stem in OPTIMISED
    jax.config.update("jax_disable_most_optimizations", not optimised)
    yield
    jax.config.update("jax_numpy_dtype_promotion", before)
    jax.config.update("jax_enable_x64", DOUBLE)


answered = {}


@pytest.fixture
def remembered_fits(monkeypatch):
    """`trace_device` and `fit` that answer the same question about the same file once a process.

    The script and the pages all fit the example trace.
    """
    from qpcjax import fitting

    def remembering(function):
        signature = inspect.signature(function)

        def known_by(value):
            plain = value is None or isinstance(value, (str, int, float, dict, list, tuple))
            return getattr(value, "sha256", None) or (repr(value) if plain else id(value))

        @functools.wraps(function)
        def asked(*arguments, **options):
            bound = signature.bind(*arguments, **options)
            bound.apply_defaults()
            key = function, *map(known_by, bound.arguments.values())
            if key not in answered:  # with the arguments: while they live no other has their id
                answered[key] = function(*arguments, **options), bound
            return answered[key][0]

        return asked

    for name in ("trace_device", "fit"):
        monkeypatch.setattr(fitting, name, remembering(getattr(fitting, name)))
