"""HDF5 files: plain ones and netCDF-4, with `units` attributes; Labber's logs go to `labber`."""

import dataclasses
import math

import numpy as np

from qpcjax.data import InputError
from qpcjax.files.arrays import Array, tables_from, unit_from
from qpcjax.files.extras import need
from qpcjax.files.h5 import check, opened, plain_values, text
from qpcjax.files.labber import is_log, log_tables
from qpcjax.files.table import check_size, check_values

_MOST_OBJECTS = 10_000
_NETCDF_FILL = 9.969209968386869e36  # what netCDF puts where nothing was written
_INTERNAL = ("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4", "_NC", "_nc3")
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"


def read_hdf5(path):
    """The tables in an HDF5 or netCDF-4 file, as `formats` calls it."""
    check_size(path)
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
    arrays, scalars = [], {}
    gathered = _gathered(file, names)
    listed = {axis for n in names for axis in _axes_of(file[n])}
    for name in names:
        dataset, own = file[name], name.rsplit("/", 1)[1]
        if dataset.shape == ():
            scalars |= plain_values({own: dataset[()]})
        if not dataset.shape or dataset.dtype.kind not in "biufc" or _is_placeholder(dataset):
            continue
        if dataset.is_virtual or dataset.external:
            raise InputError(
                f"{path}: the dataset '{name}' stands in another file, which is not opened. Copy "
                "its numbers into this one"
            )
        check_values(f"{path}, dataset '{name}'", math.prod(dataset.shape))
        arrays.append(_array(path, file, dataset, own, listed, gathered))
    return arrays, scalars


def _axes_of(dataset):
    """Names of what a dataset says that it was measured against: by CF's word, and by QCoDeS'."""
    told = dataset.attrs.get("depends_on", ())
    told = [text(told)] if isinstance(told, str) else [text(name) for name in told]
    return text(dataset.attrs.get("coordinates", "")).split() + told


def _is_placeholder(dataset):
    """Whether netCDF keeps something else than a measurement in it."""
    named = text(dataset.attrs.get("NAME", ""))
    return "compress" in dataset.attrs or named.startswith(_NO_VARIABLE)


def _array(path, file, dataset, own, listed, gathered):
    stated = [text(dataset.attrs.get(a, "")).strip() for a in ("units", "unit")]
    unit = unit_from(path, own, stated)
    label = text(dataset.attrs.get("long_name", dataset.attrs.get("label", "")))
    where, dims = dataset.name, _dims(dataset)
    if where in gathered:
        index, place, lengths = gathered[where]

        def read():
            with opened(path) as file:
                at = np.unravel_index(file[index][()], lengths)[place]
            return _values(path, where)[at]

        dims = _dims(file[index]) or (index,)
        return Array(own, unit, file[index].shape, read, dims, True, label)
    axis = dims is not None and (dims == (where,) or own in listed)
    return Array(own, unit, dataset.shape, lambda: _values(path, where), dims, axis, label)


def _gathered(file, names):
    """Axes of scans that are no full grid, which netCDF writes by the numbers of their points.

    Returns:
        Axis -> the dataset of these numbers, the axis' place among the axes, and their lengths.
    """
    found = {}
    for name in names:
        listed = text(file[name].attrs.get("compress", "")).split()
        axes = [f"{name.rsplit('/', 1)[0]}/{axis}" for axis in listed]
        if axes and all(axis in names for axis in axes):
            lengths = tuple(file[axis].shape[0] for axis in axes)
            found |= {axis: (name, place, lengths) for place, axis in enumerate(axes)}
    return found


def _dims(dataset):
    """Names of the dimensions; None where the file gives them none."""
    if text(dataset.attrs.get("CLASS", "")) == "DIMENSION_SCALE" and dataset.ndim == 1:
        return (dataset.name,)
    scales = [list(dim.values()) for dim in dataset.dims]
    if not all(scales):
        return None
    return tuple(scale[0].name for scale in scales)


def _values(path, name):
    """The dataset's numbers, with NaN where the file says that one is missing."""
    with opened(path) as file:
        dataset = file[name]
        values = dataset[()]
        attributes = dataset.attrs
        missing = [np.ravel(attributes[a])[0] for a in ("_FillValue", "missing_value")
                   if a in attributes]  # fmt: skip
        gone = np.isin(values, [m for m in missing if m == m])
        if values.dtype.kind == "f":
            gone |= values == values.dtype.type(_NETCDF_FILL)
        if "scale_factor" in attributes or "add_offset" in attributes:
            scale = np.ravel(attributes.get("scale_factor", 1.0))[0]
            values = values * float(scale) + float(np.ravel(attributes.get("add_offset", 0.0))[0])
    return np.where(gone, np.nan, values) if np.any(gone) else values


def _attributes(item):
    return plain_values({k: v for k, v in item.attrs.items() if not k.startswith(_INTERNAL)})
