"""The command lines that `qpcjax inspect` prints: how to fit what is in a file."""

import dataclasses
import shlex

from qpcjax.files.column_units import BIAS, plain, split_unit
from qpcjax.files.reading import DISSIPATION, HOT_SPOT, SPECTROSCOPY, STEPS, TRACE
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
        if kind == STEPS:
            table = shlex.quote(str(self.path))
            return f"qpcjax evaluate --model table --table {table} --mu MU"
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

    def others(self, kind, offered) -> tuple[str, ...]:
        """Further command lines, each behind the words that say what it is for."""
        if kind == SPECTROSCOPY and offered:
            return (f"the line nearest to zero bias: {self._trace(offered, True)}",)
        if kind == TRACE:
            maybe = [
                axis
                for axis in self.axes
                if axis.settings > 2 and plain(split_unit(axis.title)[1] or "") in BIAS.units
            ]
            return tuple(
                f"if '{axis.title}' is the bias: " + self._map(setting=axis.title) for axis in maybe
            )
        return ()

    def _map(self, **more):
        """The command that fits the map."""
        return self._fit("--map", str(self.path), **({"at": None} | more))

    def _trace(self, offered, several):
        """The command that fits the trace nearest to zero bias."""
        line = [o for o in offered if o.line == recommended(offered)]
        named = f"{self.path}#{line[0].line}" if several else str(self.path)
        more = {}
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
