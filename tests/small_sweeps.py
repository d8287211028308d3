"""A sweep of six chunks, small enough to be run in any test."""

import numpy as np

import qpcjax as qpc

C = qpc.AbruptConstriction(20.0, 40.0, modes=2)
AXES = {
    "half_width": np.linspace(15, 20, 3),
    "length": np.linspace(0, 40, 4),
    "energy": np.linspace(0.5, 13.0, 13),
}
OTHER = {**AXES, "length": AXES["length"] + 1}  # another sweep
SIZE, CHUNK = 3 * 4 * 13, 30
CHUNKS = 6  # of 26 points, two rows of the length


def run(out, axes=AXES, observables=("transmission",), **options):
    """The sweep, or another of the same scatterer."""
    return qpc.sweep(C, axes, observables, out=out, **{"chunk": CHUNK, **options})


def damage_bit(path):
    """Change a bit in the middle of a chunk's file."""
    content = bytearray(path.read_bytes())
    content[170] ^= 1
    path.write_bytes(content)


def stop_after(count):
    """A progress function that stops a sweep, as ctrl-C does."""

    def advance(done, total):
        if done >= count * SIZE / CHUNKS:
            raise KeyboardInterrupt

    return advance


def chunk_files(folder):
    return sorted((folder / "transmission").glob("[0-9]*"))
