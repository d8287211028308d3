"""What `qpcjax evaluate` does between its options and its output."""

import math
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from qpcjax._versions import versions
from qpcjax.files import check_writable, read_transmission, table_files, write_files
from qpcjax.files.results import format_of
from qpcjax.files.table import digest
from qpcjax.heat.hot_spot import QuadraticDamping
from qpcjax.resolution import modes_kept, prepared
from qpcjax.scatterers.registry import MODELS, named_scatterer
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.validation import require_finite

# What stands above a table of results: option, symbol, factor and unit.
_SYMBOLS = (
    ("half_width", "2w", 2, "nm"),
    ("length", "L", 1, "nm"),
    ("curvature_radius", "R", 1, "nm"),
    ("wide_ratio", "W/w", 1, ""),
    ("offset", "U", 1, "meV"),
    ("height", "V0", 1, "meV"),
    ("hbar_omega_y", "hbar omega_y", 1, "meV"),
    ("hbar_omega_x", "hbar omega_x", 1, "meV"),
    ("step_energy", "E0", 1, "meV"),
    ("magnetic_field", "B", 1, "T"),
    ("g_factor", "g", 1, ""),
    ("mass", "m", 1, "m_e"),
)
_UNITS = {name: unit or "1" for name, _, _, unit in _SYMBOLS} | {
    "mu": "meV",
    "bias": "meV",
    "temperature": "K",
    "temperature_bias": "K",
    "damping": "1",
    "modes": "1",
}


def operating_point(model, barrier, point, fermi_energy, modes):
    """Scatterer, reservoirs and damping, and how many modes the scatterer keeps."""
    numbers = {k: v for k, v in {**barrier, **point}.items() if isinstance(v, float)}
    require_finite(**numbers)
    reservoirs = Reservoirs(*(point[k] for k in ("mu", "bias", "temperature", "temperature_bias")))
    damping = QuadraticDamping(point["damping"], _energy_or_name(fermi_energy))
    if barrier["table"] is not None:
        barrier = {**barrier, "table": read_transmission(barrier["table"])}
    scatterer = prepared(named_scatterer(model, barrier), reservoirs, modes)
    return (scatterer, reservoirs, damping), modes_kept(scatterer)


def _energy_or_name(text) -> Any:
    """A Fermi energy in meV, or the name of a potential that stands for it."""
    try:
        energy = float(text)
    except ValueError:
        return text
    require_finite(fermi_energy=energy)
    return energy


def kind_of(path):
    """The format of the file that is written, checked before any work is done."""
    kind = format_of(path)
    check_writable(path.parent)
    return kind


def write(path, kind, inputs, fermi_energy, result):
    """Write the results as a table, with the inputs and versions they are from."""
    columns = {f"{q.symbol} ({q.unit})": [float(q.value)] for q in result.quantities}
    shown = {k: str(v) if isinstance(v, Path) else v for k, v in inputs.items()}
    source = {"inputs": shown | {"fermi_energy": fermi_energy}, "versions": versions()}
    if "table" in inputs:
        source["input_sha256"] = digest(inputs["table"])
    (content,) = table_files("", columns, [kind], source).values()
    write_files(path.parent, {path.name: content})


def as_json(inputs, fermi_energy, result):
    """Inputs and results with their units, for programs."""
    shown = {
        name: {"value": str(v) if isinstance(v, Path) else v, "unit": _UNITS.get(name)}
        for name, v in inputs.items()
    }
    energy = _energy_or_name(fermi_energy)
    shown["fermi_energy"] = {"value": energy, "unit": None if isinstance(energy, str) else "meV"}
    results = {
        q.symbol: {"value": q.value, "unit": q.unit, "name": q.name} for q in result.quantities
    }
    return {"inputs": shown, "results": results, "notes": result.notes, "versions": versions()}


def show(inputs, result):
    """Print the table that a person reads."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column()
    table.add_column()
    table.add_column("value", justify="right")
    table.add_column("unit")
    for q in result.quantities:
        shown = "-" if math.isnan(q.value) else f"{q.value:.6g}"
        table.add_row(q.symbol, q.name, shown, "" if q.unit == "1" else q.unit)
    console = Console(highlight=False)
    console.print(_heading(inputs) + "\n", markup=False)
    console.print(table)
    for note in result.notes:
        console.print(f"\n{note}", markup=False)


def _heading(inputs):
    """The barrier and the operating point, in the field's symbols."""
    barrier = [
        f"{symbol} = {value * factor:g}{unit and ' ' + unit}"
        for name, symbol, factor, unit in _SYMBOLS
        if (value := inputs.get(name)) is not None
    ]
    if "table" in inputs:
        barrier.insert(0, str(inputs["table"]))
    if "modes" in inputs:
        barrier.append(f"modes: {inputs['modes']}")
    mu, bias, temperature = (inputs[k] for k in ("mu", "bias", "temperature"))
    point = f"mu = {mu:g} meV, eV = {bias:g} meV, T = {temperature:g} K"
    if inputs["temperature_bias"]:
        point += f", T_L - T_R = {inputs['temperature_bias']:g} K"
    return f"{MODELS[inputs['model']].title}\n{', '.join(barrier)}\n{point}"
