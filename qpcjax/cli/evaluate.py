"""The command `qpcjax evaluate`: everything about one operating point."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from qpcjax._versions import versions
from qpcjax.cli.console import cells, plain_errors, print_json
from qpcjax.cli.options import AsJson, Generated, barrier_options, damping_option, option
from qpcjax.constants import GAAS_MASS
from qpcjax.files import (
    InputError,
    check_writable,
    read_transmission,
    table_files,
    write_files,
)
from qpcjax.files.results import format_of
from qpcjax.files.table import digest
from qpcjax.heat.laws import LAWS, damping_law, is_strength
from qpcjax.observables import read_observables
from qpcjax.overviews import unit_text
from qpcjax.quantities import QUANTITIES
from qpcjax.resolution import modes_kept, prepared
from qpcjax.scatterers.registry import BARRIERS, barrier_quantities, named_scatterer
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.validation import require_finite

EXAMPLES = (
    "qpcjax evaluate --half-width 20 --length 80 --mu 14 --bias 4 --temperature 1.6",
    "qpcjax evaluate --model saddle --height 10 --hbar-omega-y 3 --hbar-omega-x 1 --mu 12 --bias 1",
)


def _evaluate(
    mu: Annotated[float, option("mu")],
    bias: Annotated[float, option("bias")] = 0.0,
    temperature: Annotated[float, option("temperature")] = 0.0,
    temperature_bias: Annotated[float, option("temperature_bias")] = 0.0,
    damping: Annotated[str, damping_option()] = "0.04",
    fermi_energy: Annotated[
        str, typer.Option(help="E_F in that rate: mu_R, mu, or a number in meV.")
    ] = "mu_R",
    density: Annotated[
        float | None,
        option("density", note="of such a law; without it E_F is the potential of each side"),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Another observable to list, such as current_noise; seebeck, heat_median and all "
            "others of a sweep; repeatable.",
        ),
    ] = None,
    modes: Annotated[
        int | None,
        typer.Option(help="Channel modes kept; by default as many as are needed."),
    ] = None,
    table_energy: Annotated[
        str | None, typer.Option(help="Of --table: name of the column of the energies.")
    ] = None,
    table_transmission: Annotated[
        str | None, typer.Option(help="Of --table: name of the column of T(E).")
    ] = None,
    table_unit: Annotated[
        str | None,
        typer.Option(help="Of --table: meV, eV or ueV, where its header does not say it."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the results to this .csv, .json or .nc as well."),
    ] = None,
    as_json: AsJson = False,
    *,
    generated: dict[str, Any],
):
    """Evaluate one operating point: transmission, current, heat on each side, hot spot."""
    barrier = {k: v for k, v in generated.items() if v is not None and v is not False}
    model = barrier.pop("model")
    point = {
        "mu": mu,
        "bias": bias,
        "temperature": temperature,
        "temperature_bias": temperature_bias,
    }
    with plain_errors():
        kind = None if out is None else _kind_of(out)
        columns = (table_unit, table_energy, table_transmission)
        law = (float(damping) if is_strength(damping) else damping, fermi_energy, density)
        parts = _operating_point(model, barrier, point, law, modes, columns)
        wanted = _observables(also or ())
    from qpcjax.evaluation import evaluate

    with Console(stderr=True).status("Compiling ...") as status:

        def told(done, total):
            after = f"Compiling {done + 1} of {total} ..." if done < total else "Evaluating ..."
            status.update(after)

        result = evaluate(*parts, wanted, told)
    scatterer = parts[0]
    inputs = {"model": model, **barrier, "mass": float(scatterer.mass), **point, "damping": law[0]}
    if density is not None:
        inputs["density"] = density
    if (kept := modes_kept(scatterer)) is not None:
        inputs["modes"] = kept
    if as_json:
        print_json(_as_json(inputs, fermi_energy, result))
    else:
        _show(inputs, result)
    if out is not None:
        with plain_errors((InputError, OSError)):
            _write(out, kind, inputs, fermi_energy, result)


evaluate = Generated(_evaluate, "evaluate", barrier_options)


def _operating_point(model, barrier, point, law, modes, columns):
    """Scatterer, reservoirs and damping.

    Args:
        model: name of the barrier.
        barrier: its numbers by name.
        point: numbers of the operating point by name.
        law: strength or name of the damping, its Fermi energy and density.
        modes: to keep; None for as many as are needed.
        columns: of a table of T(E): unit, energy, transmission.
    """
    value, fermi_energy, density = law
    stated = {**barrier, **point, "damping": value, "density": density}
    require_finite(**{k: v for k, v in stated.items() if isinstance(v, float)})
    if density is not None:
        if is_strength(value):
            raise InputError(
                f"--density is of the laws {' and '.join(LAWS)}, and the damping is quadratic: "
                "add --damping rpa, or leave it out"
            )
        QUANTITIES["density"].check(density)
    reservoirs = Reservoirs(*(point[k] for k in ("mu", "bias", "temperature", "temperature_bias")))
    mass = barrier.get("mass", GAAS_MASS)
    damping = damping_law(value, _energy_or_name(fermi_energy), density, mass)
    if "table" in barrier:
        barrier = {**barrier, "table": read_transmission(barrier["table"], *columns)}
    elif any(column is not None for column in columns):
        raise InputError("the columns of a table are stated, and no table: add --table FILE")
    return prepared(named_scatterer(model, barrier), reservoirs, modes), reservoirs, damping


def _observables(names):
    try:
        return read_observables(names, ("mu",)) if names else ()
    except ValueError as error:
        raise ValueError(f"--also: {error}") from None


def _energy_or_name(text) -> Any:
    """A Fermi energy in meV, or the name of a potential that stands for it."""
    try:
        energy = float(text)
    except ValueError:
        return text
    require_finite(fermi_energy=energy)
    return energy


def _kind_of(path):
    """The format of the file that is written, checked before any work is done."""
    kind = format_of(path)
    check_writable(path.parent)
    return kind


def _write(path, kind, inputs, fermi_energy, result):
    """Write the results as a table, with the inputs and versions they are from."""
    columns = {f"{q.symbol} ({q.unit})": [float(q.value)] for q in result.quantities}
    shown = {k: str(v) if isinstance(v, Path) else v for k, v in inputs.items()}
    if is_strength(inputs["damping"]):
        shown["fermi_energy"] = fermi_energy
    source = {"inputs": shown, "versions": versions()}
    if "table" in inputs:
        source["input_sha256"] = digest(inputs["table"])
    (content,) = table_files("", columns, [kind], source).values()
    write_files(path.parent, {path.name: content})


def _as_json(inputs, fermi_energy, result):
    """Inputs and results with their units, for programs."""
    known = barrier_quantities() | QUANTITIES
    shown = {
        name: {
            "value": str(v) if isinstance(v, Path) else v,
            "unit": known[name].unit or None if name in known and not isinstance(v, str) else None,
        }
        for name, v in inputs.items()
    }
    if is_strength(inputs["damping"]):
        energy = _energy_or_name(fermi_energy)
        unit = None if isinstance(energy, str) else "meV"
        shown["fermi_energy"] = {"value": energy, "unit": unit}
    results = {
        q.symbol: {"value": q.value, "unit": q.unit, "name": q.name} for q in result.quantities
    }
    return {"inputs": shown, "results": results, "notes": result.notes, "versions": versions()}


def _show(inputs, result):
    """Print the table that a person reads."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column()
    table.add_column()
    table.add_column("value", justify="right")
    table.add_column("unit")
    for q in result.quantities:
        shown = "-" if math.isnan(q.value) else f"{q.value:.6g}"
        table.add_row(*cells(q.symbol, q.name, shown, unit_text(q.unit)))
    console = Console(highlight=False)
    console.print(*cells(_heading(inputs) + "\n"))
    console.print(table)
    for note in result.notes:
        console.print(*cells(f"\n{note}"))


def _heading(inputs):
    """The barrier and the operating point, in the field's symbols."""
    kind, quantities = BARRIERS[inputs["model"]], barrier_quantities()
    names = [*dict.fromkeys((*kind.arguments, *quantities))]
    barrier = [
        _in_symbols(quantities[name], inputs[name])
        for name in names
        if name in inputs and name in quantities
    ]
    if "modes" in inputs:
        barrier.append(f"modes: {inputs['modes']}")
    names = [
        "mu",
        "bias",
        "temperature",
        *(["temperature_bias"] if inputs["temperature_bias"] else []),
    ]
    point = [_in_symbols(QUANTITIES[name], inputs[name]) for name in names]
    return f"{kind.title}\n{', '.join(barrier)}\n{', '.join(point)}"


def _in_symbols(quantity, value):
    """One input, such as 2w = 40 nm."""
    if quantity.kind is not float:
        return str(value) if quantity.kind is Path else quantity.name
    shown, factor = quantity.as_shown
    return f"{shown.symbol or shown.name} = {value * factor:g} {shown.unit_text}".rstrip()
