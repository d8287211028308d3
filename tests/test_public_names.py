"""The public face of the package: its names, when they are loaded, and its messages."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import qpcjax

NAMES = {
    "AbruptConstriction",
    "AbstractScatterer",
    "AdiabaticConstriction",
    "BiasedConstriction",
    "Dissipation",
    "DissipationError",
    "EmissionRates",
    "ExactRPADamping",
    "GateStaircase",
    "GatedConstriction",
    "GatedDevice",
    "Gates",
    "GiulianiQuinnDamping",
    "HardWalls",
    "HeatSpread",
    "Heterostructure",
    "HotSpot",
    "IdealStep",
    "MatchedConstriction",
    "Material",
    "Potential",
    "PotentialScatterer",
    "QuadraticDamping",
    "RPADamping",
    "Reservoirs",
    "SaddlePoint",
    "SplitGate",
    "SweepResult",
    "TabulatedTransmission",
    "TransportMap",
    "ZeemanSplit",
    "cascade_distance",
    "conductance",
    "constants",
    "current",
    "design",
    "designing",
    "differential_conductance",
    "dissipation",
    "eigenvalues",
    "enable_compilation_cache",
    "energy_current",
    "files",
    "fitting",
    "gate_slopes",
    "gate_staircase",
    "gates",
    "heat_quantiles",
    "heat_spread",
    "hot_spot",
    "in_bulk",
    "inelastic_length",
    "low_bias_dissipation",
    "low_temperature_correction",
    "measurements",
    "observables",
    "open_sweep",
    "plot",
    "potentials",
    "power_per_length",
    "resolve",
    "scatterers",
    "staircases",
    "sweep",
    "sweeping",
    "tabulated",
    "to_dataframe",
    "to_xarray",
    "transmission",
    "transport_map",
}


def test_dir_lists_the_public_names_and_nothing_else():
    assert set(qpcjax.__all__) - {"__version__"} >= NAMES
    assert sorted(dir(qpcjax)) == sorted(qpcjax.__all__)
    assert not [name for name in dir(qpcjax) if name.startswith("_") and name != "__version__"]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_public_name_is_there_and_documented(name):
    assert getattr(qpcjax, name).__doc__, name


def test_version():
    assert qpcjax.__version__ == version("qpcjax")


def test_checkers_see_the_names_that_are_loaded():
    """Static checkers read the same imports that happen when a name is used."""
    seen = {}
    for node in ast.walk(ast.parse(Path(qpcjax.__file__).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("qpcjax"):
            for alias in node.names:
                assert alias.asname == alias.name, "checkers take X as X for a public name"
                seen[alias.name] = node.module.removeprefix("qpcjax").removeprefix(".")
    assert seen == qpcjax._HOME_OF


def test_the_package_is_typed():
    assert (Path(qpcjax.__file__).parent / "py.typed").is_file()


def test_names_are_loaded_when_they_are_used():
    code = (
        "import sys\n"
        "import qpcjax as qpc\n"
        "assert not {'jax', 'numpy', 'matplotlib'} & set(sys.modules), 'import loads too much'\n"
        "qpc.Reservoirs\n"
        "assert 'qpcjax.fitting' not in sys.modules\n"
        "assert callable(qpc.fitting.fit) and callable(qpc.files.read_trace)\n"
        "assert 'matplotlib' not in sys.modules\n"
        "assert callable(qpc.plot.figure_2)\n"
        "assert qpc.sweep is qpc.sweeping.sweep and qpc.design is qpc.designing.design\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(AttributeError, match=r"no attribute 'curent': did you mean current"):
        qpcjax.curent  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        qpcjax.xyzzy  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ImportError, match="xyzzy"):
        from qpcjax import xyzzy  # noqa: F401  # pyright: ignore[reportAttributeAccessIssue]
