"""Options that several commands share, and options made from quantities and barriers."""

import inspect
import math
from collections.abc import Callable
from typing import Annotated, Any

import typer

from qpcjax.cli.help import BARRIER
from qpcjax.files import InputError
from qpcjax.heat.laws import LAWS
from qpcjax.quantities import QUANTITIES, Quantity
from qpcjax.scatterers.registry import BARRIERS, barrier_quantities


def help_of(quantity: Quantity, note: str = "", more: str = "") -> str:
    """The help of a quantity's option: words, symbol, unit and notes.

    Args:
        quantity: the quantity.
        note: instead of the quantity's own note.
        more: a note after the others.
    """
    words = [quantity.words[0].upper() + quantity.words[1:]]
    words += [quantity.symbol] if quantity.symbol else []
    words += [f"in {quantity.unit_words}"] if quantity.unit_words else []
    words += [f"from {quantity.lower:g} to {quantity.upper:g}"] if quantity.upper < math.inf else []
    notes = [", ".join(words), note or quantity.note, more]
    return "; ".join(note for note in notes if note) + "."


def option(name: str, note: str = "", more: str = "") -> Any:
    """The option of a quantity, its help from the table; arguments as `help_of` takes them."""
    return typer.Option(help=help_of(QUANTITIES[name], note, more))


def damping_option(of: str = "") -> Any:
    """The option of a damping: its strength, or the name of a law.

    Args:
        of: whose density a law has.
    """
    quantity = QUANTITIES["damping"]
    return typer.Option(
        help=f"Damping of hot electrons: {quantity.symbol}, {' or '.join(LAWS)}; with "
        f"a number {quantity.note}, and these are laws of an electron gas{of}."
    )


Mass = Annotated[float, option("mass")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

Gate = Annotated[
    str | None,
    typer.Option(
        help="Name of the gate's column; its number from 0 where there are no names; without FILE, "
        "a file of gate voltages."
    ),
]
Conductance = Annotated[
    str | None,
    typer.Option(
        help="Column of the conductance, a resistance or a current; without FILE, a file of "
        "conductances."
    ),
]
GateUnit = Annotated[str | None, typer.Option(help="mV, V or uV, where the file does not say it.")]
ConductanceUnit = Annotated[
    str | None,
    typer.Option(
        help="Such as 2e2/h, uS, kOhm or nA, where the file does not say it; also e2/h, mS, S, "
        "Ohm, MOhm, pA, uA, mA, A."
    ),
]
Excitation = Annotated[
    str | None,
    typer.Option(
        help="Voltage that drives a current, such as '100 uV'; for G = I/V; or the current that "
        "was driven, such as '10 nA', where a voltage was measured."
    ),
]
Gain = Annotated[
    str | None,
    typer.Option(
        help="Gain of the amplifier before a lock-in's volts, such as '1e7 V/A'; for G = V/(gain x "
        "excitation)."
    ),
]
Setting = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column that was set besides the gate, such as a map's bias.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        metavar="VALUE",
        help="The trace taken at this setting, in the unit of its column.",
    ),
]
Offset = Annotated[
    str | None,
    typer.Option(
        metavar="auto|AMOUNT",
        help="Constant that is taken off what was measured, such as '30 pA'; auto: what the "
        "conductance rests at where it is pinched off.",
    ),
]
Component = Annotated[
    str | None, typer.Option(help="Of complex lock-in numbers: real, imag or abs.")
]
FilePart = Annotated[
    str | None,
    typer.Option("--part", help="Of a file with several: a run's number, or a group's name."),
]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", help="Of the tables: csv (default), json, netcdf; repeatable."),
]
FigureFormats = Annotated[
    list[str] | None,
    typer.Option("--figure-format", help="png (default), svg or pdf; repeatable."),
]


def result_formats(formats, figure_formats):
    """The formats of tables and of figures, checked before any work is done."""
    from qpcjax import plot
    from qpcjax.files.results import check_formats

    tables, drawn = formats or ["csv"], figure_formats or ["png"]
    check_formats(tables)
    try:
        plot.check_formats(drawn)
    except InputError as error:
        raise InputError(f"figure_{error}") from None
    return tables, drawn


# --- options of a barrier -------------------------------------------------------------------


def model_option(text: str, default: str | None = "mean") -> inspect.Parameter:
    """The option --model with this help."""
    return _in_barrier("model", str if default else str | None, default, text)


def barrier_options() -> dict[str, inspect.Parameter]:
    """An option for the model and for each field of the barriers that are registered, by name."""
    titles = [f"{kind.name}: {kind.title}." for kind in BARRIERS.values()]
    found = {"model": model_option(" ".join([f"The barrier: {', '.join(BARRIERS)}.", *titles]))}
    for name, quantity in barrier_quantities().items():
        models, default = _models_of(name)
        text = help_of(quantity, more=default)
        text = f"{', '.join(models)}: {text}" if models else text
        if quantity.kind is bool:
            found[name] = _in_barrier(name, bool, False, text, f"--{name.replace('_', '-')}")
        else:
            found[name] = _in_barrier(name, quantity.kind | None, None, text)
    return found


def _models_of(name):
    """The models that have a field, none where all take it, and its default in words."""
    having = {
        kind.name: kind.arguments[name] for kind in BARRIERS.values() if name in kind.arguments
    }
    if name in ("magnetic_field", "g_factor"):
        orbital = [kind.name for kind in BARRIERS.values() if kind.orbital]
        acts = f"it acts on the orbit for {', '.join(orbital)} alone"
        return [], acts if name == "magnetic_field" else ""
    defaults = {argument.default for argument in having.values() if not argument.needed}
    number = next(iter(defaults)) if len(defaults) == 1 else None
    default = f"{number:g} by default" if isinstance(number, float) else ""
    return [] if len(having) == len(BARRIERS) else list(having), default


def _in_barrier(name, kind, default, text, *names):
    """An option that the help lists under the barrier."""
    info = typer.Option(*names, help=text, rich_help_panel=BARRIER)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info]
    )


class Generated:
    """A command some of whose options are made from the barriers that are registered by then.

    Args:
        run: the command; it takes the values of these options as a dict, `generated`.
        name: the command's name.
        options: gives the options by name.
    """

    def __init__(
        self,
        run: Callable[..., None],
        name: str,
        options: Callable[[], dict[str, inspect.Parameter]],
    ):
        self._run, self._options = run, options
        self.__name__, self.__doc__ = name, run.__doc__
        self.__annotations__ = {}

    @property
    def __signature__(self) -> inspect.Signature:
        """The options of the command, which typer reads each time that it is called."""
        signature = inspect.signature(self._run)
        own = [
            p.replace(kind=p.KEYWORD_ONLY)
            for p in signature.parameters.values()
            if p.name != "generated"
        ]
        return signature.replace(parameters=[*own, *self._options().values()])

    def __call__(self, **values: Any) -> None:
        """Run the command with these values of its options."""
        generated = {name: values.pop(name) for name in self._options()}
        self._run(**values, generated=generated)
