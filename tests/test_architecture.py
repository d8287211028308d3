"""The order of imports, and what importing the package does not do."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import qpcjax

PACKAGE = Path(qpcjax.__file__).parent

# A module may import modules of lower layers, and of its own subpackage.
LAYERS = {
    "units": 0,
    "_blocks": 0,
    "_fields": 0,
    "_linear": 0,
    "_roots": 0,
    "_safe": 0,
    "_sorting": 0,
    "_versions": 0,
    "panels": 1,
    "reservoirs": 1,
    "quadrature": 2,
    "scatterers": 3,
    "landauer": 4,
    "maps": 4,
    "expansions": 4,
    "hotspot": 4,
    "data": 1,
    "files": 4,
    "models": 4,
    "modes": 4,
    "names": 4,
    "parameters": 4,
    "specs": 5,
    "plot": 5,  # knows results by their fields alone, so that the commands may draw theirs
    "fitting": 6,
    "evaluation": 6,
    "evaluation_command": 8,
    "designing": 7,
    "sweeping": 8,
    "figures": 9,
    "explorer": 9,
    "_compiled": 9,
    "cli_options": 0,
    "console": 9,
    "cli": 10,
    "__main__": 11,
}
DRAWING = ("figures", "command", "cli")  # modules that may ask for pictures
ENTRY_POINTS = ("cli", "__main__")
# Sets where the commands' compilations are kept; the commands alone import it.
SETTERS = (*ENTRY_POINTS, "_compiled")


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            yield path, parts


def imported(path):
    """Dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            if node.module == "qpcjax":
                yield from (f"qpcjax.{alias.name}" for alias in node.names)
            else:
                yield node.module


def imports(path):
    """This package's modules that a file imports; "" stands for the public face."""
    known = {parts[0] for _, parts in modules()}
    for name in imported(path):
        head, _, rest = name.partition(".")
        if head == "qpcjax":
            module = rest.partition(".")[0]
            yield module if module in known else ""


ALL = [pytest.param(path, parts, id=".".join(parts)) for path, parts in modules()]


@pytest.mark.parametrize(("path", "parts"), ALL)
def test_imports_run_one_way(path, parts):
    own = parts[0]
    assert own in LAYERS, f"{own} has no layer yet"
    for target in imports(path):
        if target == "":
            assert own in ENTRY_POINTS, f"{own} imports the public face"
        elif target != own:
            assert LAYERS[target] < LAYERS[own], f"{own} imports {target}"


def test_expansions_are_independent_of_the_integrals():
    reached, waiting = set(), {"expansions"}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for path, parts in modules():
            if parts[0] == name:
                # Scatterers come in as an argument; one of them is smeared by an integral.
                waiting |= set(imports(path)) - reached - {"scatterers"}
    assert not reached & {"landauer", "quadrature", "hotspot"}
    assert "units" in reached


def test_physics_neither_draws_nor_sets_the_precision():
    for path, parts in modules():
        if parts[0] != "plot":
            drawn = ("matplotlib",) if parts[-1] in DRAWING else ("matplotlib", "qpcjax.plot")
            assert not [name for name in imported(path) if name.startswith(drawn)], path.name
        if parts[0] not in SETTERS:
            calls = [
                n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)
            ]
            assert "jax.config.update" not in map(ast.unparse, calls), path.name


def test_no_private_interfaces_of_the_dependencies():
    for path, _ in modules():
        assert "._src" not in path.read_text(), path.name


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_import_has_no_side_effects():
    code = (
        "import jax, sys\n"
        "before = dict(jax.config.values)\n"
        "import qpcjax\n"
        "assert dict(jax.config.values) == before\n"
        "left = ('matplotlib', 'qpcjax.plot', 'typer', 'marimo')\n"
        "loaded = [m for m in sys.modules if m.startswith(left)]\n"
        "assert not loaded, loaded\n"
    )
    result = run(code, JAX_ENABLE_X64="0")
    assert result.returncode == 0, result.stderr


def test_import_touches_no_device():
    # A platform that does not exist shows whether any device is asked for.
    result = run("import qpcjax", JAX_PLATFORMS="nowhere")
    assert result.returncode == 0, result.stderr
    result = run("import jax.numpy; jax.numpy.zeros(1)", JAX_PLATFORMS="nowhere")
    assert result.returncode != 0


def test_public_names():
    expected = {
        "AbruptConstriction",
        "AbstractScatterer",
        "AdiabaticConstriction",
        "BiasedConstriction",
        "Dissipation",
        "HotSpot",
        "IdealStep",
        "MatchedConstriction",
        "QuadraticDamping",
        "Reservoirs",
        "SaddlePoint",
        "SweepResult",
        "TabulatedTransmission",
        "ZeemanSplit",
        "conductance",
        "current",
        "design",
        "differential_conductance",
        "dissipation",
        "eigenvalues",
        "energy_current",
        "hot_spot",
        "in_bulk",
        "inelastic_length",
        "low_bias_dissipation",
        "low_temperature_correction",
        "open_sweep",
        "power_per_length",
        "sweep",
        "transmission",
    }
    missing = expected - set(dir(qpcjax))
    assert not missing
    for name in expected:
        assert getattr(qpcjax, name).__doc__, name
