"""The order of imports, and what importing the package does not do."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import qpcjax

PACKAGE = Path(qpcjax.__file__).parent

# Imports run down this list: a module may import what stands above it, and its own subpackage.
ORDER = (
    "constants",
    "_versions",
    "validation",
    "overviews",
    "_numerics",
    "quantities",
    "frames",  # knows results by their fields alone
    "potentials",
    "gates",
    "scatterers",
    "resolution",
    "transport",
    "heat",
    "optimise",
    "measurements",  # kinds of measured data, and how a device predicts them
    "files",
    "specifications",
    "observables",
    "plot",  # knows results by their fields alone, so that the commands may draw theirs
    "staircases",
    "fitting",
    "designing",
    "sweeping",
    "paper_figures",
    "beyond_figures",
    "evaluation",
    "compilation_cache",
    "explorer",
    "cli",
    "__main__",
)
LAYERS = {name: place for place, name in enumerate(ORDER)}
DRAWING = (
    "paper_figures",
    "beyond_figures",
    "pictures",
    "command",
    "gate_files",
    "joint_files",
    "map_files",
    "together_files",
    "cli",
)  # modules that may ask for pictures
ENTRY_POINTS = ("cli", "__main__")
# Sets where compilations are kept, for the commands and for programs that ask for it.
SETTERS = (*ENTRY_POINTS, "compilation_cache")


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
    reached, waiting = set(), {("transport", "expansions")}
    of_module = {parts: path for path, parts in modules()}
    while waiting:
        parts = waiting.pop()
        reached.add(parts)
        if parts[0] == "scatterers" or parts not in of_module:
            continue  # scatterers come in as an argument; one of them is smeared by an integral
        for name in imported(of_module[parts]):
            head, *rest = name.split(".")
            if head == "qpcjax":
                found = [tuple(rest[:k]) for k in (1, 2) if tuple(rest[:k]) in of_module]
                waiting |= set(found) - reached
    assert not reached & {("transport", "landauer"), ("transport", "integrals")}
    assert ("constants",) in reached


def test_physics_neither_draws_nor_sets_the_precision():
    for path, parts in modules():
        if parts[0] != "plot":
            own = ("matplotlib",)
            drawn = own if {parts[0], parts[-1]} & {*DRAWING} else (*own, "qpcjax.plot")
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
        "[getattr(qpcjax, name) for name in qpcjax.__all__ if name != 'plot']\n"
        "assert dict(jax.config.values) == before\n"
        "left = ('matplotlib', 'qpcjax.plot', 'typer', 'marimo')\n"
        "loaded = [m for m in sys.modules if m.startswith(left)]\n"
        "assert not loaded, loaded\n"
    )
    result = run(code, JAX_ENABLE_X64="0")
    assert result.returncode == 0, result.stderr


def test_import_touches_no_device():
    # A platform that does not exist shows whether any device is asked for.
    code = "import qpcjax; [getattr(qpcjax, name) for name in qpcjax.__all__]"
    result = run(code, JAX_PLATFORMS="nowhere")
    assert result.returncode == 0, result.stderr
    result = run("import jax.numpy; jax.numpy.zeros(1)", JAX_PLATFORMS="nowhere")
    assert result.returncode != 0
