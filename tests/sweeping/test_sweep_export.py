"""Sweeps as other programs want them: xarray, netCDF, CSV, JSON, zarr."""

import errno
import json
import os

import numpy as np
import pytest
from small_sweeps import AXES, SIZE, damage_bit, run

import qpcjax as qpc
from qpcjax.files import InputError, open_file, read_transmission
from qpcjax.sweeping import export
from qpcjax.sweeping.chunks import Chunks


def test_xarray_reads_what_it_needs(whole, tmp_path):
    xarray = pytest.importorskip("xarray")
    result = run(tmp_path)
    data = result.to_xarray()
    (tmp_path / "transmission" / "0.0.0").unlink()  # half_width = 15 nm alone needs it
    picked = data.transmission.sel(half_width=20.0).isel(energy=slice(2, 9, 3), length=[3, 0])
    np.testing.assert_array_equal(picked.values, whole[2][[3, 0]][:, 2:9:3])
    assert picked.attrs == {"units": "1", "long_name": data.transmission.attrs["long_name"]}
    assert data.energy.attrs["units"] == "meV"
    assert json.loads(data.attrs["versions"])["qpcjax"] == qpc.__version__
    memory = run(None).to_xarray()
    assert memory.transmission.dims == tuple(AXES)
    assert isinstance(memory, xarray.Dataset)


@pytest.mark.parametrize("table", [False, True])
def test_netcdf_is_what_xarray_opens(table, tmp_path):
    xarray = pytest.importorskip("xarray")
    axes = {n: v[:3] for n, v in AXES.items()} if table else AXES
    result = run(tmp_path / "out", axes, table=table)
    memory = run(None, axes, table=table)
    for number, source in enumerate((result, memory)):
        path = tmp_path / f"{number}.nc"
        source.to_netcdf(path)
        with xarray.open_dataset(path, engine="h5netcdf") as data:
            np.testing.assert_array_equal(data.transmission.values, memory["transmission"])
            assert data.transmission.attrs["units"] == "1"
            assert data.energy.attrs["units"] == "meV"
            for name, values in axes.items():
                np.testing.assert_array_equal(data[name].values, values)
    with pytest.raises(InputError, match="cannot be written"):
        result.to_netcdf(tmp_path / "none" / "a.nc")
    assert not list(tmp_path.glob(".*.part"))


def write_text(source, folder, name):
    getattr(source, f"to_{name.rpartition('.')[2]}")(folder / name)
    return folder / name


@pytest.mark.parametrize("table", [False, True])
def test_csv_is_what_our_own_reader_reads(table, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_ROWS", 20)  # no multiple of a chunk, so pieces lie across them
    axes = {n: v[:3] for n, v in AXES.items()} if table else AXES
    wanted = ("transmission", "inelastic_length")
    result = run(tmp_path / "out", {**axes, "mu": 5.0}, wanted, table=table)
    memory = run(None, {**axes, "mu": 5.0}, wanted, table=table)
    paths = [write_text(source, tmp_path, f"{i}.csv") for i, source in enumerate((result, memory))]
    (found,) = open_file(paths[0]).tables
    units = ["nm", "nm", "meV", None, "nm"]
    assert [column.name for column in found.columns] == [*axes, *wanted]
    assert [column.unit for column in found.columns] == units
    places = [*axes.values()] if table else np.meshgrid(*axes.values(), indexing="ij")
    values = [memory[name] for name in wanted]
    for column, exact in zip(found.columns, (*places, *values), strict=True):
        np.testing.assert_array_equal(column.values, np.ravel(exact))
    assert np.isnan(values[1]).any()
    assert paths[0].read_bytes() == paths[1].read_bytes()
    source = found.metadata["comments"]
    assert f"versions: {json.dumps(result.attributes['versions'])}" in source
    assert f"spec_sha256: {result.attributes['spec_sha256']}" in source


def test_csv_of_a_transmission_is_a_table_of_it(tmp_path):
    energy = np.linspace(0.1, 7.0, 29) / 3
    result = run(tmp_path / "out", {"energy": energy})
    energies, values = read_transmission(write_text(result, tmp_path, "t.csv"))
    np.testing.assert_array_equal(energies, energy)
    np.testing.assert_array_equal(values, result["transmission"])


@pytest.mark.parametrize("table", [False, True])
def test_json_is_nested_as_the_grid_is(table, tmp_path):
    axes = {n: v[:3] for n, v in AXES.items()} if table else AXES
    wanted = ("transmission", "inelastic_length")
    result = run(tmp_path / "out", {**axes, "mu": 5.0}, wanted, table=table)
    found = json.loads(write_text(result, tmp_path, "a.json").read_text())
    assert found["dimensions"] == (["point"] if table else list(AXES))
    assert found["shape"] == list(result.shape)
    for name, values in axes.items():
        assert found["axes"][name]["values"] == values.tolist()
        assert found["axes"][name]["unit"] == result.units[name]
    for name in wanted:
        column = found["observables"][name]
        assert column["unit"] == result.units[name]
        np.testing.assert_array_equal(np.array(column["values"], float), result[name])
    assert None in np.ravel(found["observables"]["inelastic_length"]["values"])
    assert found["versions"] == result.attributes["versions"]
    assert len(found["spec_sha256"]) == 64


def test_json_of_a_large_sweep_is_refused(tmp_path, monkeypatch):
    result = run(None)
    monkeypatch.setattr(export, "MOST_JSON", SIZE - 1)
    with pytest.raises(InputError, match=r"156 numbers, .* write it as netCDF \(.nc\), zarr "):
        result.to_json(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_the_hash_is_that_of_what_was_computed(tmp_path):
    def digest(**options):
        return run(None, **options).attributes["spec_sha256"]

    assert digest() == digest() == run(tmp_path).attributes["spec_sha256"]
    others = [digest(order=8), digest(axes={**AXES, "length": np.linspace(0, 41, 4)})]
    assert len({digest(), *others}) == 3


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_a_file_is_written_whole_or_not_at_all(name, tmp_path, monkeypatch):
    result = run(tmp_path / "out")
    with pytest.raises(InputError, match=r"cannot be written: No such.*Choose another name"):
        write_text(result, tmp_path / "none", name)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_text(result, tmp_path / "folder", name)
    path = tmp_path / name
    path.write_text("of before")
    damage_bit(tmp_path / "out" / "transmission" / "2.1.0")
    with pytest.raises(InputError, match=r"2\.1\.0 is damaged"):
        write_text(qpc.open_sweep(tmp_path / "out"), tmp_path, name)
    assert path.read_text() == "of before"
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("table", [False, True])
def test_zarr_is_what_xarray_opens(table, tmp_path, monkeypatch):
    zarr = pytest.importorskip("zarr")
    xarray = pytest.importorskip("xarray")
    monkeypatch.setattr("qpcjax.sweeping.export._PIECE", 7)
    axes = {n: v[:3] for n, v in AXES.items()} if table else AXES
    result, memory = run(tmp_path / "out", axes, table=table), run(None, axes, table=table)
    path = tmp_path / "a.zarr"
    memory.to_zarr(path)
    result.to_zarr(path)  # in place of the other
    assert zarr.open_array(path / "transmission").chunks == Chunks.of(memory.shape, 7).chunk
    for folder in (path, tmp_path / "out"):
        zarr_holds(xarray, folder, axes, memory)
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]


def zarr_holds(xarray, folder, axes, memory):
    """Check a group by the libraries that others read it with."""
    with xarray.open_zarr(folder) as data:
        np.testing.assert_array_equal(data.transmission.values, memory["transmission"])
        assert data.transmission.attrs["units"] == "1"
        assert data.energy.attrs["units"] == "meV"
        assert set(data.coords) == set(axes)
        for name, values in axes.items():
            np.testing.assert_array_equal(data[name].values, values)
        assert json.loads(data.attrs["versions"])["qpcjax"] == qpc.__version__


def test_zarr_replaces_nothing_but_zarr_and_only_when_whole(tmp_path, monkeypatch):
    result = run(tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("of before")
    with pytest.raises(InputError, match="mine is there already and is no zarr group: it is not"):
        result.to_zarr(tmp_path / "mine")
    with pytest.raises(InputError, match="out is there already and is a sweep's folder, itself"):
        result.to_zarr(tmp_path / "out")
    assert (tmp_path / "mine" / "notes").read_text() == "of before"
    path = tmp_path / "a.zarr"
    result.to_zarr(path)
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    damage_bit(tmp_path / "out" / "transmission" / "2.1.0")
    with pytest.raises(InputError, match=r"2\.1\.0 is damaged"):
        qpc.open_sweep(tmp_path / "out").to_zarr(path)
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before
    with pytest.raises(InputError, match="cannot be written"):
        result.to_zarr(tmp_path / "none" / "a.zarr")
    # What was there comes back when the new one cannot take its name.
    replace = os.replace

    def refused(source, target):
        if str(source).endswith(".part"):
            raise OSError(errno.EIO, "no luck")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(InputError, match="no luck"):
        run(None).to_zarr(path)
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".")]
