"""Reads everything in a file, as a script in a process of its own, which may crash.

The HDF5 library and SciPy's reader of MATLAB's files trust the content of a file: damaged bytes may
crash them, or keep them busy for ever. `probing.check` runs this before the same is read in the
user's own process. Nothing of this package is imported, as that takes longer than all the rest.
"""

import sys

import numpy as np

MOST_OBJECTS = 10_000  # groups and datasets; the readers refuse a file with more
OUT_OF_MEMORY = 3  # exit status


def visit(file, most_values):
    """Read attributes, names of dimensions and datasets, as the readers do.

    Args:
        file: the open file.
        most_values: of a dataset that is read; the readers refuse a larger one.

    Raises:
        MemoryError: there is not enough.
    """
    import h5py
    import h5py.h5o as h5o

    waiting, met = [file], set()
    while waiting and len(met) <= MOST_OBJECTS:
        item = waiting.pop()
        place = h5o.get_info(item.id).addr
        if place in met:  # a group may stand in itself
            continue
        met.add(place)
        for look in (_attributes, _below if isinstance(item, h5py.Group) else _numbers):
            try:
                waiting += look(item, most_values)
            except MemoryError:
                raise
            except Exception:
                continue  # the readers meet it again, and say it


def _attributes(item, most_values):
    dict(item.attrs)
    return []


def _below(group, most_values):
    """What stands in a group; links that lead out of the file are not followed."""
    import h5py

    links = ((name, group.get(name, getlink=True)) for name in group)
    return [group[name] for name, link in links if isinstance(link, h5py.HardLink)]


def _numbers(dataset, most_values):
    for dim in getattr(dataset, "dims", ()):  # a named type has none
        for scale in dim.values():
            _ = scale.name
    # What stands in one piece is copied as it is; the rest goes through trees, filters and heaps.
    in_one_piece = dataset.chunks is None and dataset.dtype.kind in "biufc"
    elsewhere = dataset.is_virtual or dataset.external
    if not (in_one_piece or elsewhere) and (dataset.size or 0) <= most_values:
        np.asarray(dataset[()])
    return []


def _bound(memory, processor, clock):
    """Let this process have no more memory and time, where the system can see to it."""
    try:
        import resource
        import signal

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        most = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (processor, most))
        signal.alarm(clock)  # also where the parent process has ended
    except (ImportError, AttributeError, ValueError, OSError):
        pass


def _hdf5(path, most_values):
    import h5py

    with h5py.File(path, "r") as file:
        visit(file, most_values)


def _matlab(path, most_values):
    from scipy.io import loadmat

    loadmat(path, simplify_cells=True)


_READ = {"HDF5": _hdf5, "MATLAB": _matlab}


def main(path, most_values, memory, processor, clock, format="HDF5"):
    """The exit status: 0 where the library came through, well or with an error of its own."""
    _bound(int(memory), int(processor), int(clock))
    try:
        _READ[format](path, int(most_values))
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
