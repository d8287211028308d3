"""The command lines that `qpcjax inspect` prints: how to fit what is in a file."""

import dataclasses
import shlex

import numpy as np

from qpcjax.files.column_units import BIAS, plain, split_unit
from qpcjax.files.guesses import likely_unit
from qpcjax.files.offsets import AUTO, shown_offset
from qpcjax.files.reading import DISSIPATION, HOT_SPOT, SPECTROSCOPY, TRACE
from qpcjax.files.trace_selection import recommended


class Commands:
    """Command lines for a part of a file.

    Args:
        path: the file.
        part: the part, "" where the file has only one.
        choice: what the user said of the file, a `Choice`.
        axes: what was set besides the gate: `AxisFacts`.
    """

    def __init__(self, path, part, choice, axes):
        self.path, self.choice, self.axes = path, choice, axes
        self.said = {k: v for k, v in dataclasses.asdict(choice).items() if v is not None}
        if part:
            self.said["part"] = part

    def first(self, kind, chosen, offered) -> str:
        """The command line, or the call in Python where no command takes the data.

        Args:
            kind: of the data, one of the names in `reading`.
            chosen: the traces that are looked at: `Offered`.
            offered: all traces of the part.
        """
        if kind == TRACE:
            return self._trace(chosen, len({o.line for o in offered}) > 1)
        if kind == SPECTROSCOPY:
            moved = [axis for axis in self.axes if axis.settings > 1]
            if offered and not any(axis.bias for axis in moved):
                return self._trace(offered, len({o.line for o in offered}) > 1)
            others = [axis for axis in moved if not axis.bias]
            return self._map(at=_least(others[0]) if len(others) == 1 else self.choice.at)
        if kind in (HOT_SPOT, DISSIPATION):
            more = "".join(f", {k}={v!r}" for k, v in self.said.items())
            return f"qpcjax.files.read_data({str(self.path)!r}{more})"
        return ""

    def steps(self, told, table) -> str:
        """The command line that evaluates a table of T(E) at the middle of its energies.

        Args:
            told: names of its columns, as `read_transmission` takes them.
            table: a `TransmissionTable`.
        """
        options = [w for name, value in told.items() for w in (f"--table-{name}", value)]
        mu = f"{(table.energy[0] + table.energy[-1]) / 2:.4g}"
        words = ["--model", "table", "--table", str(self.path), *options, "--mu", mu]
        return shlex.join(["qpcjax", "evaluate", *words])

    def others(self, kind, offered) -> tuple[str, ...]:
        """Further command lines, each behind the words that say what it is for."""
        if kind == SPECTROSCOPY and offered:
            return (f"the line nearest to zero bias: {self._trace(offered, True)}",)
        if kind == TRACE:
            return (*self._without_offset(offered), *self._maps())
        return ()

    def asked(self, words, kind, offered) -> tuple[str, ...]:
        """Command lines for a guess: behind an "if", the words that the user has to confirm."""
        found = [f"if {words}: {self.first(kind, offered, offered)}"]
        maps = self._maps() if kind == TRACE else ()
        return (*found, *(f"if {words}, and {other}" for other in maps))

    def _maps(self):
        """Maps over what may be the bias, behind the words that say so."""
        for axis in self.axes:
            unit = split_unit(axis.title)[1]
            if axis.settings < 3 or plain(unit or "V") not in BIAS.units:
                continue
            title, words = axis.title, "the bias"
            if unit is None:
                unit = likely_unit(BIAS, np.array([axis.low, axis.high]))
                title, words = f"{title} ({unit})", f"the bias in {unit}"
            yield f"if '{axis.title}' is {words}: {self._map(setting=title)}"

    def _without_offset(self, offered):
        """The command that takes an offset off, where the trace to be fitted shows one."""
        best = recommended(offered)
        shown = [o for o in offered if o.line == best and shown_offset(o.data.conductance)]
        if not shown or self.choice.offset is not None:
            return
        command = self._trace(offered, len({o.line for o in offered}) > 1, offset=AUTO)
        yield f"if the offset is the amplifier's: {command}"

    def _map(self, **more):
        """The command that fits the map."""
        return self._fit("--map", str(self.path), **({"at": None} | more))

    def _trace(self, offered, several, **more):
        """The command that fits the trace nearest to zero bias."""
        line = [o for o in offered if o.line == recommended(offered)]
        named = f"{self.path}#{line[0].line}" if several else str(self.path)
        if len(line) > 1:
            ways = [o.direction for o in line]
            more["sweep"] = line[0].direction if ways.count(ways[0]) == 1 else line[0].sweep
        return self._fit(named, **more)

    def _fit(self, *words, **more):
        said = self.said | more
        options = [
            word
            for name, value in said.items()
            if value is not None
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        return shlex.join(["qpcjax", "fit", *words, *options, "-o", "OUT"])


def _least(axis):
    """The setting of an axis that is shown as an example: 0 where it goes through it."""
    return "0" if axis.low < 0 < axis.high else f"{min(axis.low, axis.high, key=abs):.6g}"
