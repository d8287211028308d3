"""What commands show: errors, JSON, paths and a bar, each to the stream it belongs to."""

import contextlib
import warnings

import typer
import typer.core
from rich.console import Console
from rich.text import Text

from qpcjax.files import save_json, write_files
from qpcjax.overviews import printable
from qpcjax.specifications import in_words

# Parameters whose option is not simply their own name.
_OPTIONS = {"strength": "damping"}


@contextlib.contextmanager
def plain_errors(kinds=(ValueError, ArithmeticError)):
    """Turn an error in the user's input into one message on stderr and the exit code 2.

    A warning of the library becomes a note on stderr.

    Args:
        kinds: which exceptions; by default those that reading options and building objects raise.
            Keep long computations outside, or name InputError: a bug there should not be shown as
            the user's mistake.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _note
            yield
    except kinds as error:
        message = in_words(error)
        # The package's own messages begin with the parameter: here it is an option.
        name, must, rest = message.partition(" must be ")
        if must and name.isidentifier():
            message = f"--{_OPTIONS.get(name, name).replace('_', '-')}{must}{rest}"
        console = Console(stderr=True)
        # Only a terminal gets line breaks, so that a message in a log stays one line.
        console.print(
            Text.assemble(("Error:", "bold red"), " ", printable(message)),
            soft_wrap=not console.is_terminal,
        )
        raise typer.Exit(2) from None


def say(text):
    """Print a text, in which names and cells of files may stand."""
    typer.echo(printable(text))


def cells(*texts):
    """Texts for rich: it looks for markup and emoji in plain strings, such as a:x:b.csv."""
    return [Text(printable(text)) for text in texts]


def _note(message, category, filename, lineno, file=None, line=None):
    typer.echo(f"Note: {printable(str(message))}", err=True)


def print_json(value):
    """Print a JSON object that any program can read: NaN becomes null."""
    typer.echo(save_json(value), nl=False)


def print_paths(paths):
    """Say what has been written."""
    say("\n  ".join(["Written:", *map(str, paths)]))


def write_figure(path, figure):
    """Write a figure in the format of the file's name, png without one; the paths written.

    Raises:
        InputError: another format, or a folder that cannot be written.
    """
    from qpcjax.plot import figure_bytes

    content = figure_bytes(figure, path.suffix.removeprefix(".").lower() or "png")
    return write_files(path.parent, {path.name: content})


@contextlib.contextmanager
def progress_bar():
    """A bar on stderr; gives a function (done, total, label) that moves it."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = [TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()]
    console = Console(stderr=True)
    # Only a terminal can redraw a bar; elsewhere nothing is printed.
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("starting", total=None)

        def advance(done, total, label):
            bar.update(task, completed=done, total=total, description=printable(label))

        yield advance


class Commands(typer.core.TyperGroup):
    """The group of commands; what it quotes of the command line is printable."""

    def make_context(self, *arguments, **options):
        """Read the options of the group."""
        with _printable_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx):
        """Read the options of a command, and run it."""
        with _printable_errors():
            return super().invoke(ctx)


@contextlib.contextmanager
def _printable_errors():
    try:
        yield
    except Exception as error:
        # typer's own errors have no common class that is public.
        if hasattr(error, "format_message") and "message" in vars(error):
            vars(error)["message"] = printable(str(vars(error)["message"]))
        raise
