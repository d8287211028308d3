"""How far a sweep is: a bar on a terminal, a line now and then in a log."""

import contextlib
import sys
import time

_LINE_EVERY = 30.0  # s


class Clock:
    """Rate and time left of a sweep, from what was done since its first chunk.

    The first chunk holds the compilation, which says nothing about the rest.
    """

    def __init__(self, now=time.monotonic):
        self._now, self._first, self._from, self._start = now, None, None, 0.0

    def read(self, done, total):
        """Points per second and seconds left; None where nothing is known yet."""
        if self._first is None:
            self._first = done
        if self._from is None:
            if done > self._first:
                self._from, self._start = done, self._now()
            return None, None
        passed, new = self._now() - self._start, done - self._from
        if not new or passed <= 0:
            return None, None
        rate = new / passed
        return rate, (total - done) / rate


def words(done, total, rate, left):
    """One line such as `12.5 %, 3.1e+06 points/s, 0:04:10 left`."""
    line = f"{100 * done / total:5.1f} % of {total:.4g} points"
    if rate is None:
        return line
    return f"{line}, {rate:.3g} points/s, {_clock_time(left)} left"


def _clock_time(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


@contextlib.contextmanager
def shown(wanted=True, stream=None):
    """A function (done, total) that shows progress on stderr.

    Args:
        wanted: False shows nothing.
        stream: where to, instead of stderr.
    """
    if not wanted:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(file=stream or sys.stderr)
    clock, last = Clock(), -_LINE_EVERY
    if not console.is_terminal:

        def line(done, total):
            nonlocal last
            rate, left = clock.read(done, total)
            now = time.monotonic()
            if now - last >= _LINE_EVERY or done == total:
                last = now
                print(words(done, total, rate, left), file=stream or sys.stderr, flush=True)

        yield line
        return
    columns = TextColumn("sweep"), BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("compiling ...", total=None)

        def move(done, total):
            rate, left = clock.read(done, total)
            text = words(done, total, rate, left) + (" (compiling ...)" if rate is None else "")
            bar.update(task, completed=done, total=total, description=text)

        yield move
