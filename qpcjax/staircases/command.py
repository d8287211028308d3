"""`qpcjax gates` without its options: the staircase of a layout, and the files it writes."""

import math

from qpcjax._versions import versions
from qpcjax.files import save_json, table_files, write_files
from qpcjax.files.table import digest
from qpcjax.overviews import printable
from qpcjax.staircases.staircase import GateStaircase, gate_staircase


def answer(question, folder, progress, formats=("csv",), figure_formats=("png",)):
    """Calculate, write the files; the report's text and the paths written.

    Args:
        question: `GateLayout` of `read_layout`.
        folder: for report.txt, gates.json, the table staircase, potential.png and staircase.png.
        progress: called with (done, total, label).
        formats: of the table.
        figure_formats: of png, svg and pdf.

    Raises:
        InputError: voltages at which there is no answer.
    """
    # Imported here: matplotlib takes a second, which a bad layout should not cost.
    from qpcjax import plot

    reader = question.reader
    try:
        found = gate_staircase(
            question.device, question.voltages, progress=progress, **question.named
        )
    except ValueError as error:
        raise reader.error(str(error)) from None
    source = {
        "input": reader.path.name,
        "input_sha256": digest(reader.path),
        "versions": versions(),
    }
    facts = _facts(found)
    axes = {
        "potential": plot.gate_potential(found.potentials[-1], question.device.gates),
        "staircase": plot.gate_staircase(found),
    }
    text = report(found)
    contents = {
        "report.txt": text,
        "gates.json": save_json(facts | _columns(found, plain=True) | source),
        **table_files("staircase", _columns(found), formats, facts | source),
        **plot.figure_files(axes, figure_formats),
    }
    return text, write_files(folder, contents)


def report(found: GateStaircase) -> str:
    """The report that a person reads."""
    r, region = found.reservoirs, found.region
    stack = found.device.stack
    pinch_off, changed = found.pinch_off, found.box_change
    lines = [
        f"Gates: {', '.join(found.gates)}",
        f"  electron gas     density {float(stack.density):g} x 1e11 cm^-2, {float(stack.depth):g} "
        f"nm deep, surface {stack.surface}",
        f"  mu               {float(found.device.mu):.4f} meV",
        f"  wide gates       empty the gas at {-float(stack.depletion) / 1000:.4f} V, before "
        "offsets",
        f"  grid             {found.device.mesh.step:g} nm in a box of "
        + " x ".join(f"{length:g}" for length in found.device.mesh.lengths)
        + " nm",
        f"  region           |x| < {region.half_length:g} nm in a strip of {region.width:g} nm; "
        f"the window takes away {found.removed.max():.2g} meV at most",
        f"  T(E)             errors of about {found.error:.1g}",
    ]
    if math.isfinite(pinch_off):
        lines.append(
            f"  pinch-off        {pinch_off:.4f} V on {found.gates[found.swept]}: there the "
            "barrier is as high as mu"
        )
    else:
        lines.append("  pinch-off        at none of these voltages")
    lines.append(
        f"  infinite box     would move pinch-off by {1e3 * changed.voltage:+.1f} mV and the "
        f"barrier by {changed.energy:+.2g} meV"
    )
    lines += [
        "",
        f"  powers at eV = {float(r.bias):g} meV and {float(r.temperature):g} K",
        f"  {'V (V)':>10}{'barrier (meV)':>15}{'G (2e^2/h)':>12}{'P_L (pW)':>11}{'P_R (pW)':>11}",
    ]
    rows = zip(
        found.voltages[:, found.swept], found.barrier, found.conductance, found.left, found.right,
        strict=True,
    )  # fmt: skip
    lines += [f"  {v:>10.4f}{b:>15.4f}{g:>12.4f}{p:>11.4g}{q:>11.4g}" for v, b, g, p, q in rows]
    return printable("\n".join(lines)) + "\n"


def _columns(found, plain=False):
    """Columns of the table by title; by plain names for programs."""
    titles = {
        "barrier": "barrier (meV)",
        "conductance": "conductance (2e2/h)",
        "left": "P_L (pW)",
        "right": "P_R (pW)",
        "asymmetry": "P_A (pW)",
    }
    gates = {
        f"voltage_{name}" if plain else f"V_{name} (V)": found.voltages[:, k].tolist()
        for k, name in enumerate(found.gates)
    }
    return gates | {
        name if plain else title: getattr(found, name).tolist() for name, title in titles.items()
    }


def _facts(found):
    """What one number says."""
    r = found.reservoirs
    pinch_off = found.pinch_off
    return {
        "mu": float(found.device.mu),
        "pinch_off": pinch_off if math.isfinite(pinch_off) else None,
        "bias": float(r.bias),
        "temperature": float(r.temperature),
        "transmission_error": found.error,
        "box_change_energy": found.box_change.energy,
        "box_change_voltage": found.box_change.voltage,
        "removed": float(found.removed.max()),
    }
