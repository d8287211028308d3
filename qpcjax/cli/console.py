"""What commands show: errors, JSON, paths and a bar, each to the stream it belongs to."""

import contextlib

import typer
from rich.console import Console
from rich.markup import escape

from qpcjax.files import save_json

# Parameters whose option is not simply their own name.
_OPTIONS = {"strength": "damping"}


@contextlib.contextmanager
def plain_errors(kinds=(ValueError, ArithmeticError)):
    """Turn an error in the user's input into one message on stderr and the exit code 2.

    Args:
        kinds: which exceptions; by default those that reading options and building objects raise.
            Keep long computations outside, or name InputError: a bug there should not be shown as
            the user's mistake.
    """
    try:
        yield
    except kinds as error:
        message = str(error)
        if isinstance(error, ArithmeticError):
            message = "one of the numbers given is too large or too small to compute with"
        # The package's own messages begin with the parameter: here it is an option.
        name, must, rest = message.partition(" must be ")
        if must and name.isidentifier():
            message = f"--{_OPTIONS.get(name, name).replace('_', '-')}{must}{rest}"
        console = Console(stderr=True)
        # Only a terminal gets line breaks, so that a message in a log stays one line.
        console.print(
            f"[bold red]Error:[/] {escape(message)}",
            soft_wrap=not console.is_terminal,
            highlight=False,
        )
        raise typer.Exit(2) from None


def print_json(value):
    """Print a JSON object that any program can read: NaN becomes null."""
    typer.echo(save_json(value), nl=False)


def print_paths(paths):
    """Say what has been written."""
    typer.echo("Written:")
    for path in paths:
        typer.echo(f"  {path}")


@contextlib.contextmanager
def progress_bar():
    """A bar on stderr; gives a function (done, total, label) that moves it."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    console = Console(stderr=True)
    # Only a terminal can redraw a bar; elsewhere nothing is printed.
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("starting", total=None)

        def advance(done, total, label):
            bar.update(task, completed=done, total=total, description=label)

        yield advance
