"""HDF5 files: plain ones and netCDF-4, with `units` attributes; Labber's logs go to `labber`.

The first QCoDeS wrote each array as one column, with its `shape` and the names of the arrays that
were set, `set_arrays`, as attributes.
"""

import dataclasses
import math

import numpy as np

from qpcjax.files.arrays import tables_from
from qpcjax.files.hdf5_attributes import opened, plain_values, text, texts
from qpcjax.files.labber import is_log, log_tables
from qpcjax.files.named_dimensions import Dataset, arrays_of, decoded
from qpcjax.files.optional_libraries import need
from qpcjax.files.probing import check
from qpcjax.files.table import check_size
from qpcjax.measurements import InputError

_MOST_OBJECTS = 10_000
_INTERNAL = ("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4", "_NC", "_nc3")


def read_hdf5(path):
    """The tables in an HDF5 or netCDF-4 file, as `formats` calls it."""
    check_size(path)
    need("h5py")
    check(path)
    with opened(path) as file:
        if is_log(file):
            return log_tables(path, file)
        tables = []
        for name, datasets in _groups(path, file).items():
            metadata = _attributes(file) | (_attributes(file[name]) if name else {})
            arrays, scalars = _arrays(path, file, datasets)
            if arrays:
                tables += tables_from(path, arrays, metadata | scalars, name)
        kind = _kind(file)
    if not tables:
        raise InputError(f"{path}: there is no dataset of numbers in it")
    return [dataclasses.replace(table, format=kind) for table in tables]


def _kind(file):
    """What wrote the file, as far as it says so."""
    if "run_description" in file.attrs:
        return "netCDF-4 of QCoDeS"
    netcdf = "_NCProperties" in file.attrs or any("_Netcdf4Dimid" in file[n].attrs for n in file)
    return "netCDF-4" if netcdf else "HDF5"


def _groups(path, file):
    """Group -> paths of its datasets; links that lead out of the file are not followed."""
    h5py = need("h5py")
    groups, waiting, objects = {}, [file], 0
    while waiting:
        group = waiting.pop(0)
        for name in group:
            objects += 1
            if objects > _MOST_OBJECTS:
                raise InputError(
                    f"{path}: it holds more than {_MOST_OBJECTS} datasets and groups. Give a file "
                    "that holds the measurement alone"
                )
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                groups.setdefault(group.name.strip("/"), []).append(item.name)
    return groups


def _arrays(path, file, names):
    """The datasets of numbers in a group, and the single values among them."""
    datasets, scalars = {}, {}
    for name in names:
        dataset, shape, kind = file[name], file[name].shape, file[name].dtype.kind
        if shape and kind in "biufc" and (dataset.is_virtual or dataset.external):
            raise InputError(
                f"{path}: the dataset '{name}' stands in another file, which is not opened. Copy "
                "its numbers into this one"
            )
        dims = _dims(dataset) if shape else None
        if shape and (legacy := legacy_dims(dataset)):
            shape, dims = legacy
        datasets[name] = Dataset(name, shape, kind, dataset.attrs, dims)
        if shape == ():
            scalars |= plain_values({datasets[name].own: dataset[()]})
    return arrays_of(path, datasets, lambda name: _read(path, name)), scalars


def _dims(dataset):
    """Names of the dimensions; None where the file gives them none."""
    if text(dataset.attrs.get("CLASS", "")) == "DIMENSION_SCALE" and dataset.ndim == 1:
        return (dataset.name,)
    scales = [list(dim.values()) for dim in dataset.dims]
    if not all(scales):
        return None
    return tuple(scale[0].name for scale in scales)


def legacy_dims(dataset):
    """Shape and dimensions of an array of the first QCoDeS, None of any other."""
    told = dataset.attrs
    if "set_arrays" not in told or "shape" not in told:
        return None
    group, own = dataset.name.rsplit("/", 1)
    dims = texts(told["set_arrays"])
    if text(told.get("is_setpoint", "")) == "True" and own not in dims:
        dims.append(own)
    dims = [f"{group}/{name}" for name in dims]
    shape = tuple(int(n) for n in np.ravel(told["shape"]))
    if len(shape) != len(dims) or math.prod(shape) != dataset.size:
        return None
    return shape, tuple(dims)


def _read(path, name):
    with opened(path) as file:
        legacy = legacy_dims(file[name])
        values = file[name][()]
        return decoded(values.reshape(legacy[0]) if legacy else values, file[name].attrs)


def _attributes(item):
    return plain_values({k: v for k, v in item.attrs.items() if not k.startswith(_INTERNAL)})
