"""The help of a command on one screen: a line for each option, in groups, and two examples.

`--help-long` prints every help in full.
"""

import re

import typer
import typer.core
from rich.console import Console
from rich.table import Table

from qpcjax.cli.console import cells
from qpcjax.scatterers.registry import BARRIERS

BARRIER = "Barrier"  # options that are made from the registered barriers
# Which group an option stands in, by its name; the others stand in the last one.
_GROUPS = {
    "Data": (
        *("gate", "conductance", "trace", "sweep", "part", "gate_unit", "conductance_unit"),
        *("excitation", "component", "gain", "setting", "at", "offset", "map_file", "ranges"),
        "skips",
    ),
    BARRIER: (
        *("model", "gates", "half_width", "length", "mass", "modes"),
        *("table_energy", "table_transmission", "table_unit"),
    ),
    "Model of the fit": (
        *("knots", "constant_ratio", "hold", "free", "private", "loss", "shoulder", "zeeman"),
        *("trace_temperature", "intervals"),
    ),
    "Reservoirs and heating": (
        *("mu", "density", "bias", "temperature", "temperature_bias", "damping", "fermi_energy"),
    ),
    "Output": (
        "wanted",
        "also",
        "out",
        "plot",
        "export",
        "formats",
        "figure_formats",
        "as_json",
        "quiet",
    ),
    "Options": (),
}
# What an option takes, as several versions of typer call it.
_KINDS = {"float": "NUMBER", "int": "N", "integer": "N", "str": "TEXT", "bool": "", "boolean": ""}
_WIDEST = 110  # columns, on a wider screen too


class Command(typer.core.TyperCommand):
    """A command whose help fits a screen."""

    def parse_args(self, ctx, args):
        """Print the help in full where it is asked for, else read the options."""
        if "--help-long" in args:
            super().format_help(ctx, ctx.make_formatter())
            raise typer.Exit
        return super().parse_args(ctx, args)

    def format_help(self, ctx, formatter):
        """Print the help."""
        console = Console(width=min(Console().width, _WIDEST), highlight=False)
        given = [p for p in self.params if _group(p) == "Arguments"]
        usage = [_named(p, ctx) if p.required else f"[{_named(p, ctx)}]" for p in given]
        usage = " ".join(["Usage:", ctx.command_path, *usage, "[OPTIONS]"])
        console.print(*cells(f"{usage}; --help-long says all of each option"))
        console.print(*cells(" ".join((self.help or "").split("\n\n")[0].split())))
        rows = {name: [] for name in ("Arguments", *_GROUPS)}
        for parameter in self.params:
            rows[_group(parameter)].append((_named(parameter, ctx), _said(parameter)))
        width = max(len(name) for lines in rows.values() for name, _ in lines)
        for title, lines in rows.items():
            if lines:
                console.print(*cells(title + ":"), style="bold")
                console.print(_table(lines, width))
        console.print("Examples:", style="bold")
        for example in (self.epilog or "").partition(": ")[2].split("   or   "):
            console.print(*cells(f"  {example}"), soft_wrap=True)


def _table(lines, width):
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    table.add_column(width=2)
    table.add_column(width=width, no_wrap=True)
    table.add_column()
    for line in lines:
        table.add_row("", *cells(*line))
    return table


def _group(parameter):
    if not parameter.opts[0].startswith("-"):
        return "Arguments"
    if getattr(parameter, "rich_help_panel", None) == BARRIER:
        return BARRIER
    return next((t for t, names in _GROUPS.items() if parameter.name in names), "Options")


def _named(parameter, ctx):
    """The names of an option, and what it takes."""
    if not parameter.opts[0].startswith("-"):
        return parameter.metavar or parameter.name.upper()
    shown = (parameter.get_help_record(ctx) or ("",))[0].split()
    names = [word for word in shown if word[0] in "-/"]
    kind = " ".join(word for word in shown if word not in names).strip("<>")
    if parameter.metavar is None:
        kind = kind.lower().removeprefix("list[").removesuffix("]").partition(" ")[0]
        kind = _KINDS.get(kind, kind.upper())
    return f"{' '.join(names)} {kind}".strip()


def _said(parameter):
    """The first clause of the help, and the default."""
    words, models = parameter.help or "", ""
    found = re.match(r"((?:\w+, )*\w+): (.*)", words, re.DOTALL)
    if found and all(name in BARRIERS for name in found[1].split(", ")):
        models, words = f" ({found[1]})", found[2]
    words = re.split(r"[;.](?:\s|$)", " ".join(words.split()), maxsplit=1)[0] + models
    default = parameter.default
    if parameter.required:
        return f"{words} [required]" if parameter.opts[0].startswith("-") else words
    if isinstance(default, bool) or not isinstance(default, (str, int, float)) or default == "":
        return words
    return f"{words} [{default:g}]" if isinstance(default, float) else f"{words} [{default}]"
