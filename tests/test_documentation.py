"""Every code block and every `qpcjax` line of README and docs is run, parsed, or read.

Python blocks are executed, page by page, in one namespace and in an empty folder with a copy of the
examples. Lines of `qpcjax` are parsed by the command itself, and run where they are cheap. TOML and
JSON are read by their readers. The exceptions stand in tables below, with the reason.
"""

import ast
import contextlib
import copy
import importlib
import inspect
import json
import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import jax
import pytest
import small_sweeps
import typer
from commands import call

import qpcjax as qpc
import qpcjax.designing.report
import qpcjax.fitting.tables
from qpcjax import designing, files, fitting, plot, sweeping
from qpcjax.cli.app import app
from qpcjax.designing.spec import read_design_spec
from qpcjax.sweeping.spec import read_spec

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [page for page in PAGES if page.name != "cli.md"]  # made from the command
COMMANDS = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"python", "sh", "toml", "json", "text", "{toctree}"}  # text: printed by something

# Files that the reader has and the repository has not.
READERS_FILES = re.compile(r"^(FILE|trace|run|map|lockin|scan|G|C|sweep|design)(\.\w+)?(#\d+)?$")

# Lines of a shell other than qpcjax: nothing of them can be run inside a test.
OTHER_LINES = (
    r"(\.venv/bin/)?(pip|python3?) ",  # installs, or starts the tests, a benchmark, a script
    r"(\.venv/bin/)?(ruff|pyright|sphinx-build)( |$)",
    r"cd ",
    r"#SBATCH ",
    r"#!/bin/bash",
    r"for i in .*; do",
    r"done; wait",
)

# Pages whose Python takes minutes, and the tests of the same functions in the fast suite.
SLOW = {
    "fits.md": "200 s: test_fits, test_flat_directions, test_posterior, test_next_points, "
    "test_comparison and test_saving",
    "gate_fits.md": "200 s: test_gates_fit",
}

# Python that takes too long: pattern -> replacement that calls the same functions.
SHORTER = {
    r"samples=\d+, chains=2": "samples=12, warmup=20, chains=2",
}


def blocks(page, language):
    """The blocks of a language on a page."""
    return [code for kind, code in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def pages_with(language):
    return [pytest.param(p, id=p.name) for p in PAGES if blocks(p, language)]


def shell_lines(page):
    """Lines of all shell blocks, continued lines joined and comments taken off."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            line = line if line.startswith("#") else line.partition(" #")[0]
            for part in line.split("&&"):
                if part.strip():
                    yield part.strip()


def qpcjax_arguments(line):
    """The arguments of qpcjax in a line of a shell, None where it is another command."""
    found = re.search(r"(?:^|[/ ])qpcjax ((?:[^;&|]|&(?=\S))*)", line)
    return None if found is None else shlex.split(found[1])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the example data, the current one during a test."""
    shutil.copytree(ROOT / "fits" / "data", tmp_path / "fits" / "data")
    (tmp_path / "docs").mkdir()
    for spec in (ROOT / "docs").glob("*.toml"):
        shutil.copy(spec, tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def registries():
    """Whatever a page registers is taken out again: for the other tests of this process."""
    tables = [
        table
        for name, module in list(sys.modules.items())
        if name.startswith("qpcjax")
        for constant, table in list(vars(module).items())
        if constant.isupper() and isinstance(table, (dict, list))
    ]
    kept = [(table, copy.copy(table)) for table in tables]
    yield
    for table, before in kept:
        table.clear()
        table.extend(before) if isinstance(table, list) else table.update(before)


# --- Python ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            p,
            id=p.name,
            marks=[pytest.mark.slow] * (p.name in SLOW)
            + [pytest.mark.end_to_end] * (p.name != "README.md"),
        )
        for p in PAGES
        if blocks(p, "python")
    ],
)
def test_python_runs(page, folder, registries, remembered_fits):
    promotion = jax.config.jax_numpy_dtype_promotion
    space = {"__name__": "documentation"}
    for number, code in enumerate(blocks(page, "python")):
        for long, short in SHORTER.items():
            code = re.sub(long, short, code)
        exec(compile(code, f"{page.name}, block {number}", "exec"), space)
    jax.config.update("jax_numpy_dtype_promotion", promotion)
    if page.name == "tutorial.md":
        assert documented_keys("fit.json") == set(fitting.tables.as_json(space["found"]))
    if page.name == "design.md":
        written = set(designing.report.as_json(space["found"])) | {"input", "input_sha256"}
        assert documented_keys("design.json") == written


def spans(page):
    """Inline code of a page."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def public(name):
    """The object of a name such as qpc.current or fitting.fit, or None."""
    short = name.removeprefix("qpcjax.").removeprefix("qpc.")
    for place in (qpc, fitting, files, plot, designing, sweeping):
        found = place
        for part in short.split("."):
            found = getattr(found, part, None)
        if found is not None:
            return found
    module, _, last = name.rpartition(".")
    with contextlib.suppress(ImportError, ValueError):
        return importlib.import_module(name)
    with contextlib.suppress(ImportError, ValueError):
        return getattr(importlib.import_module(module), last, None)
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_inline_python_names_what_exists(page):
    for span in spans(page):
        name = re.match(r"^(qpc|qpcjax)(\.\w+)+", span)
        if name and not span.startswith("qpcjax.git"):
            assert public(name[0]) is not None, f"{page.name}: there is no {name[0]}"
        try:
            tree = ast.parse(span, mode="eval").body
        except SyntaxError:
            continue
        if isinstance(tree, ast.Call) and (found := public(ast.unparse(tree.func))):
            known = inspect.signature(found).parameters
            keywords = [k.arg for k in tree.keywords]
            if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
                assert set(keywords) <= set(known), f"{page.name}: {span}"


# --- the command ----------------------------------------------------------------------------


def parse(arguments):
    """Let a command read its arguments as if it were called; an error if it cannot."""
    name, *rest = arguments
    assert name in COMMANDS, f"there is no qpcjax {name}"
    if "--help" not in rest:
        rest = [re.sub(r"^\$i$", "0", word) for word in rest]  # the counter of a loop
        COMMANDS[name].make_context(name, rest)


@pytest.mark.parametrize("page", pages_with("sh"))
def test_every_shell_line_is_understood(page):
    for line in shell_lines(page):
        arguments = qpcjax_arguments(line)
        if arguments is not None:
            parse(arguments)
        else:
            assert any(re.match(p, line) for p in OTHER_LINES), f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_inline_commands_have_their_options(page):
    for span in spans(page):
        if span.startswith("qpcjax ") and not span.startswith("qpcjax COMMAND"):
            name, *rest = shlex.split(span)[1:]
            assert name in COMMANDS, f"{page.name}: {span}"
            known = {o for p in COMMANDS[name].params for o in (*p.opts, *p.secondary_opts)}
            assert {w for w in rest if w.startswith("-")} <= known | {"--help"}, span


def cheap(arguments):
    """Whether a line is run: it needs no file of the reader's and no minute."""
    name, *rest = arguments
    if any(READERS_FILES.match(word) for word in rest):
        return False
    return name in ("evaluate", "info", "inspect") or "--help" in rest


LINES = [
    pytest.param(arguments, id=f"{page.stem}: qpcjax {' '.join(arguments)}")
    for page in PAGES
    for line in shell_lines(page)
    if (arguments := qpcjax_arguments(line)) and cheap(arguments)
]


@pytest.mark.parametrize("arguments", LINES)
def test_cheap_lines_run(arguments, folder):
    status, printed, error = call(*arguments)
    assert status == 0, error
    assert printed


# --- TOML, JSON, links ----------------------------------------------------------------------


@pytest.mark.parametrize("page", pages_with("toml"))
def test_toml_is_a_spec(page, folder):
    for number, block in enumerate(blocks(page, "toml")):
        path = folder / "docs" / f"{number}.toml"
        path.write_text(block, encoding="utf-8")
        read = read_design_spec if "objective" in tomllib.loads(block) else read_spec
        read(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_blocks_say_their_language(page):
    for language, code in BLOCK.findall(page.read_text("utf-8")):
        assert language in LANGUAGES, f"{page.name}: {language!r}: {code}"
        if language == "json":
            json.loads(code)


def anchors(path):
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text("utf-8")), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", h.lower()) for h in headings]
    return {h.replace(" ", "-") for h in plain}


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted((ROOT / "benchmarks").glob("*.md"))], ids=lambda p: p.name
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if path.name == "cli.md":  # made when the site is built
            continue
        assert path.exists(), f"{page.name}: {target}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{page.name}: {target}"


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


# --- the reference of keys and of the command -----------------------------------------------


def documented_keys(title):
    """The keys in the first table of a section of docs/keys.md."""
    text = (ROOT / "docs" / "keys.md").read_text("utf-8")
    section = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    table = section.partition("|---|")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[1:]]
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


def test_the_keys_that_commands_print(folder):
    trace = "fits/data/trace.csv"
    saddle = "--model saddle --height 10 --hbar-omega-y 3 --hbar-omega-x 1 --mu 12 --bias 1"
    for title, line in (
        ("evaluate --json", f"evaluate {saddle} --json"),
        ("inspect --json", f"inspect {trace} --json"),
        ("info --json", "info --json"),
    ):
        status, printed, error = call(*line.split())
        assert status == 0, error
        assert documented_keys(title) == set(json.loads(printed)), title


def test_the_keys_of_specs_and_manifests(folder):
    small_sweeps.run("out", {"energy": [1.0, 2.0]}, chunk=2)
    manifest = json.loads(Path("out", "manifest.json").read_text())
    assert documented_keys("manifest.json of a sweep") == set(manifest)
    Path("spec.toml").write_text("nonsense = 1")
    for title, read in (("Spec of a sweep", read_spec), ("Spec of a design", read_design_spec)):
        with pytest.raises(files.InputError, match="Known are") as caught:
            read("spec.toml")
        known = str(caught.value).partition("Known are ")[2].split(", ")
        assert documented_keys(title) == set(known)


def test_the_reference_has_every_command_and_option(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import make_cli_reference

    page = make_cli_reference.page()
    for name, command in COMMANDS.items():
        section = page.partition(f"## qpcjax {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            shown = parameter.opts if parameter.opts[0].startswith("-") else [parameter.metavar]
            assert all(part in section for part in filter(None, shown)), (name, parameter.name)
            assert not parameter.help or " ".join(parameter.help.split()) in section.replace(
                "\\|", "|"
            )
