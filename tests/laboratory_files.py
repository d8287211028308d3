"""Files in the shapes that laboratories' programs write: one synthetic staircase in all of them.

`QPCJAX_CASES` may name a folder with files of these names; then they are read in place of the ones
that are written here.
"""

import os
from pathlib import Path

import numpy as np

from qpcjax.constants import CONDUCTANCE_QUANTUM, RESISTANCE_QUANTUM

GATE = np.linspace(-1.0, -0.6, 81)  # V
BIASES = (-1.0, 0.0, 1.0)  # mV
EXCITATION, GAIN = 1e-4, 1e7  # V, V/A

_CASES = Path(os.environ.get("QPCJAX_CASES", "/nowhere"))


def staircase(gate=GATE, bias: np.ndarray | float = 0.0) -> np.ndarray:
    """Conductance in 2e^2/h of four steps behind 300 ohm."""
    shift = 0.004 * bias  # V
    t = sum(
        0.5 / (1 + np.exp(-(gate + 0.95 - 0.1 * n + side * shift) / 0.006))
        for n in range(4)
        for side in (-1, 1)
    )
    return np.asarray(t / (1 + t * 300 / RESISTANCE_QUANTUM))


def siemens(gate=GATE, bias: np.ndarray | float = 0.0) -> np.ndarray:
    """The same in uS."""
    return staircase(gate, bias) * CONDUCTANCE_QUANTUM


def rows(*columns, mark=",", end="", fmt="{:.9g}"):
    """Rows of text, the columns between marks."""
    lines = (mark.join(fmt.format(v) for v in row) + end for row in zip(*columns, strict=True))
    return "\n".join(lines) + "\n"


def table(header, *columns, mark=",", end=""):
    """A header and rows; by default gate in V and conductance in uS."""
    columns = columns or (GATE, siemens())
    return (header + "\n" if header else "") + rows(*columns, mark=mark, end=end)


def long_map(settings=BIASES, scale=1.0, alternating=False):
    """Setting, gate, conductance of a map whose gate runs inside."""
    settings = np.asarray(settings, float)
    gates = [GATE[::-1] if alternating and i % 2 else GATE for i in range(settings.size)]
    values = [siemens(gate, bias) for gate, bias in zip(gates, settings, strict=True)]
    return np.repeat(settings, GATE.size) * scale, np.concatenate(gates), np.concatenate(values)


def fast_map(settings):
    """Setting, gate, conductance of a map whose gate runs outside."""
    settings = np.asarray(settings, float)
    values = np.concatenate([siemens(gate, settings) for gate in GATE])
    return np.tile(settings, GATE.size), np.repeat(GATE, settings.size), values


def blocks(mark="\t"):
    """A map as gnuplot takes it: blocks of lines with empty lines between."""
    return "\n".join(
        rows(np.full(GATE.size, bias), GATE, siemens(bias=bias), mark=mark) for bias in BIASES
    )


def matrix(corner="bias (mV)\\gate (V)", mark=","):
    """A matrix with the gate in the first row and the bias in the first column."""
    lines = [[corner, *GATE.tolist()]]
    lines += [[bias, *siemens(bias=bias).tolist()] for bias in BIASES]
    return "\n".join(mark.join(f"{v:.9g}" if v != corner else v for v in line) for line in lines)


def current():
    """In A, at the excitation."""
    return siemens() * 1e-6 * EXCITATION


def write(folder, name, content):
    """The file of a case; its content is text, bytes, or a function that writes to a path."""
    path = folder / name
    if (_CASES / name).is_file():
        content = (_CASES / name).read_bytes()
    if callable(content):
        content(path)
        return path
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
