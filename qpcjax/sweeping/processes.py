"""The processes of one sweep: how they find each other, and notice that one is gone.

Nothing that the sweep computes needs more than one process. So JAX's runtime is used to find the
processes and to start together, and left before the sweep begins: when its coordinator dies it
aborts every other process on the spot. Instead each process writes a beat into a file of its own,
beside the chunks, and watches those of the others.
"""

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

import jax

# Exit code of a process that stops since another one is gone.
PEER_LOST = 3

_MEET = 180  # s in which all processes must have started
_BEAT = 1.0  # s between beats
_SILENT = 8  # beats of one's own without one of another process, before that counts as gone
_NOT_BEGUN = 30  # the same for a process that has not begun
_STOPPED = "stopped: "
_DONE = "done"
_WIDTH = 256  # a beat is written in place, always of one size, so that a full disk holds it


def join(folder, coordinator=None, processes=None, process_id=None):
    """Find the other processes by JAX's runtime, and start together with them.

    Args:
        folder: that of the sweep; made if it is not there.
        coordinator: HOST:PORT of process 0; by default found in the environment that Slurm, Open
            MPI or another launcher known to JAX has set.
        processes: how many there are; with `coordinator`.
        process_id: number of this one, from 0; with `coordinator`.

    Returns:
        `Peers`, which has given its first beat, as those of all other processes have.

    Raises:
        OSError: the folder cannot be written.
        RuntimeError: the others do not answer.
        ValueError: no launcher was found.
    """
    # JAX would wait as long and then abort without a word that helps.
    alone = threading.Timer(_MEET, _end_alone)
    alone.daemon = True
    alone.start()
    jax.distributed.initialize(
        coordinator,
        processes,
        process_id,
        initialization_timeout=_MEET + 60,
        heartbeat_timeout_seconds=10,
    )
    alone.cancel()
    peers = Peers(folder, jax.process_index(), jax.process_count(), joined=True)
    peers.begin()
    if jax.default_backend() == "cpu":
        # All meet here once more. On a GPU compiling may still ask the others: it stays.
        jax.distributed.shutdown()
    return peers


def _end_alone():
    print(
        f"Error: the other processes have not come within {_MEET} s: are all of them started, with "
        "the same coordinator and number of processes?",
        file=sys.stderr,
        flush=True,
    )
    os._exit(PEER_LOST)


def _beat_file(folder, process):
    return folder / "alive" / f"{process:05d}"


class Peers:
    """Beats of this process, and a watch over the others, in a thread; a context manager.

    When another process has stopped or falls silent, this one ends with the exit code PEER_LOST
    and a message, whatever it is doing: finished chunks are on the disk.

    Args:
        folder: that of the sweep, shared by all processes.
        process: number of this one.
        processes: how many there are.
        joined: whether the processes met in `join`, so that no beat is of an earlier run.
    """

    def __init__(self, folder, process, processes, joined=False):
        self._joined = joined
        self._folder, self.process, self._processes = Path(folder), process, processes
        self._file = _beat_file(self._folder, process)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="qpcjax-peers", daemon=True)

    def begin(self):
        """Give the first beat."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._write("0")

    def __enter__(self):
        if self._processes > 1:
            if not self._joined:
                self.begin()
            self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        if self._processes == 1:
            return
        self._over.set()
        self._thread.join()
        why = _STOPPED + (" ".join(str(error).split()) or getattr(kind, "__name__", ""))
        with contextlib.suppress(OSError):
            self._write(_DONE if kind is None else why)

    def _write(self, text):
        text = text.encode()[: _WIDTH - 1].decode(errors="ignore")
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT)
        try:
            os.pwrite(handle, text.encode().ljust(_WIDTH - 1) + b"\n", 0)
        finally:
            os.close(handle)

    def _watch(self):
        others = [p for p in range(self._processes) if p != self.process]
        # Where they have not met, what stands there at first may be of an earlier run.
        first = {p: None if self._joined else self._read(p) for p in others}
        last, silent = dict(first), dict.fromkeys(others, 0)
        beat = 0
        while not self._over.wait(_BEAT):
            # Silence is counted in beats of one's own: a disk that hangs for all is no death.
            beat += 1
            try:
                self._write(str(beat))
            except OSError:
                continue
            for p in others:
                now = self._read(p)
                begun = last[p] != first[p] or now != first[p]
                if begun and now == _DONE:
                    silent[p] = 0
                elif now == last[p]:
                    silent[p] += 1
                elif now is not None:
                    last[p], silent[p] = now, 0
                    if now.startswith(_STOPPED):
                        self._end(f"process {p} of {self._processes} has {now}")
                if silent[p] > (_SILENT if begun else _NOT_BEGUN):
                    seconds = f"for {silent[p] * _BEAT:.0f} s"
                    what = f"has given no sign of life {seconds}" if begun else "has not begun"
                    self._end(f"process {p} of {self._processes} {what}")

    def _read(self, process):
        try:
            return _beat_file(self._folder, process).read_text().strip()
        except OSError:
            return None

    def _end(self, why):
        if self._over.is_set():
            return
        with contextlib.suppress(OSError):
            self._write(_STOPPED + why)
        message = (
            f"Error: {why}, so process {self.process} stops too. Finished chunks are kept in "
            f"{self._folder}; start all processes again to go on"
        )
        print(f"\n{message}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(PEER_LOST)


def wait_for(finished, seconds=0.2):
    """Wait until `finished()`; other processes are watched meanwhile by `Peers`."""
    while not finished():
        time.sleep(seconds)
