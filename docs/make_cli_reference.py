"""Write the reference of the command, docs/cli.md, from the command itself.

python docs/make_cli_reference.py

`sphinx-build` does it too. The page is not kept under version control, so it is never older than
the command.
"""

from pathlib import Path

import typer

from qpcjax.cli.app import app

PAGE = Path(__file__).parent / "cli.md"
HEADING = """# Commands

This page is made from the command `qpcjax`. `qpcjax COMMAND --help` prints the first
words of each option in a terminal, and `qpcjax COMMAND --help-long` the same as this page.
"""


def page() -> str:
    """The whole reference as Markdown: a section for each command."""
    commands = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    return "\n".join([HEADING, *(section(name, command) for name, command in commands.items())])


def section(name, command) -> str:
    """One command: its help, its arguments and options as tables, its examples."""
    named = [p for p in command.params if p.name != "help"]
    arguments = [p for p in named if not is_option(p)]
    options = [p for p in named if is_option(p)]
    usage = " ".join([f"qpcjax {name}", *map(argument_name, arguments), "[OPTIONS]"])
    parts = [f"## qpcjax {name}", paragraphs(command.help), f"```text\n{usage}\n```"]
    for title, rows in (
        ("argument", [row(f"`{argument_name(p)}`", p) for p in arguments]),
        ("option", [row(option_names(p), p) for p in options]),
    ):
        if rows:
            parts.append("\n".join([f"| {title} | meaning | default |", "|---|---|---|", *rows]))
    if command.epilog:
        parts.append(" ".join(command.epilog.split()))
    return "\n\n".join(parts) + "\n"


def is_option(parameter) -> bool:
    """Whether a parameter is given by its name."""
    return parameter.opts[0].startswith("-")


def argument_name(parameter) -> str:
    """An argument as a usage line shows it."""
    shown = parameter.metavar or parameter.name.upper()
    return shown if parameter.required else f"[{shown}]"


def option_names(parameter) -> str:
    """All names of an option."""
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def row(shown, parameter) -> str:
    """The line of a parameter in its table."""
    text = " ".join((parameter.help or "").split()).replace("|", "\\|")
    return f"| {shown} | {text} | {default(parameter)} |"


def default(parameter) -> str:
    """The default as a cell of the table: empty where there is none."""
    if parameter.required:
        return "required"
    if isinstance(parameter.default, (str, int, float, Path)):
        if isinstance(parameter.default, bool):
            return "yes" if parameter.default else ""
        return f"`{parameter.default}`"
    return ""


def paragraphs(text) -> str:
    """A help text without the line breaks inside its paragraphs."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
