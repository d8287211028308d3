"""Sweeps on the disk: what is stored, going on, damage, full disks, other sweeps, labels."""

import errno
import itertools
import json
import math
import os
import zlib

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.files import InputError, open_file, read_transmission
from qpcjax.sweeping import export, store
from qpcjax.sweeping.chunks import Chunks
from qpcjax.sweeping.group import decoded, encoded

C = qpc.AbruptConstriction(20.0, 40.0, modes=2)
AXES = {
    "half_width": np.linspace(15, 20, 3),
    "length": np.linspace(0, 40, 4),
    "energy": np.linspace(0.5, 13.0, 13),
}
SIZE, CHUNK = 3 * 4 * 13, 30
CHUNKS = 6  # of 26 points, two rows of the length


def run(out, axes=AXES, observables=("transmission",), **options):
    return qpc.sweep(C, axes, observables, out=out, **{"chunk": CHUNK, **options})


@pytest.fixture(scope="module")
def whole():
    return qpc.sweep(C, AXES, "transmission", chunk=CHUNK)["transmission"]


@pytest.fixture
def written(monkeypatch):
    """Numbers of the chunks that are written, three at a time on whatever machine."""
    monkeypatch.setattr("qpcjax.sweeping.run._chunks_at_once", lambda: 3)
    numbers, write = [], store.Store.write

    def counted(self, number, values):
        numbers.append(number)
        write(self, number, values)

    monkeypatch.setattr(store.Store, "write", counted)
    return numbers


def stop_after(count):
    """A progress function that stops a sweep, as ctrl-C does."""

    def advance(done, total):
        if done >= count * SIZE / CHUNKS:
            raise KeyboardInterrupt

    return advance


def test_the_disk_holds_what_memory_does(whole, tmp_path):
    result = run(tmp_path / "out")
    np.testing.assert_array_equal(np.asarray(result["transmission"]), whole)
    again = qpc.open_sweep(tmp_path / "out")
    np.testing.assert_array_equal(np.asarray(again["transmission"]), whole)
    for name, values in AXES.items():
        np.testing.assert_array_equal(again.axes[name], values)
    assert again.dimensions == tuple(AXES)
    assert again.units == {**dict.fromkeys(("half_width", "length"), "nm"), "energy": "meV"} | {
        "transmission": "1"
    }


def test_a_manifest_that_another_process_is_writing_is_not_foreign(whole, tmp_path):
    (tmp_path / ".manifest.json.elsewhere-15023.part").write_text('{"format')
    np.testing.assert_array_equal(np.asarray(run(tmp_path)["transmission"]), whole)


def test_files_are_plain_with_a_manifest(whole, tmp_path):
    run(tmp_path, chunk=20)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["shape"] == [3, 4, 13]
    assert manifest["observables"]["transmission"]["unit"] == "1"
    assert manifest["spec"]["scatterer"]["half_width"] == "swept"
    assert {"qpcjax", "jax", "numpy", "platform"} <= set(manifest["versions"])
    array = json.loads((tmp_path / "transmission" / ".zarray").read_text())
    assert (array["shape"], array["chunks"]) == ([3, 4, 13], [1, 1, 13])
    for i, j in np.ndindex(3, 4):
        content = zlib.decompress((tmp_path / "transmission" / f"{i}.{j}.0").read_bytes())
        np.testing.assert_array_equal(np.frombuffer(content, "<f8"), whole[i, j])
    for name, values in AXES.items():
        np.testing.assert_array_equal(np.fromfile(tmp_path / name / "0", "<f8"), values)


def chunk_files(folder):
    return sorted((folder / "transmission").glob("[0-9]*"))


KEYS = [
    np.s_[1],
    np.s_[1:3],
    np.s_[:, 2],
    np.s_[..., -1],
    np.s_[2, 3, 12],
    np.s_[::2, 1:, ::-3],
    np.s_[[2, 0], 1, 3:5],
    np.s_[1:1],
    np.s_[:, np.array([True, False, False, True])],
    np.s_[...],
]


def test_indexing_is_that_of_numpy(whole, tmp_path):
    stored = run(tmp_path)["transmission"]
    assert (stored.shape, stored.ndim, stored.size, len(stored)) == ((3, 4, 13), 3, SIZE, 3)
    for key in KEYS:
        np.testing.assert_array_equal(stored[key], whole[key], err_msg=str(key))
    np.testing.assert_array_equal(stored[[2, 0], [1, 3]], whole[np.ix_([2, 0], [1, 3])])
    for key in (3, -4, (0, 0, 0, 0), (..., ...)):
        with pytest.raises(IndexError):
            stored[key]


def test_a_stopped_sweep_goes_on_and_computes_nothing_twice(whole, tmp_path, written):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=stop_after(2))
    first = list(written)
    assert 2 <= len(first) <= 4  # those that were under way are finished
    assert len(set(first)) == len(first)
    with pytest.raises(InputError, match=r"chunk \d of 6 is not finished; run the same sweep"):
        np.asarray(qpc.open_sweep(tmp_path)["transmission"][2])
    times = {p: p.stat().st_mtime_ns for p in chunk_files(tmp_path)}
    result = run(tmp_path)
    np.testing.assert_array_equal(np.asarray(result["transmission"]), whole)
    assert sorted(written) == list(range(CHUNKS))
    assert all(p.stat().st_mtime_ns == t for p, t in times.items())
    run(tmp_path)
    assert len(written) == CHUNKS


def damage_cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def damage_bit(path):
    content = bytearray(path.read_bytes())
    content[170] ^= 1
    path.write_bytes(content)


def damage_empty(path):
    path.write_bytes(b"")


def damage_other_shape(path):
    path.write_bytes(zlib.compress(np.zeros(3), 0))


@pytest.mark.parametrize("damage", [damage_cut, damage_bit, damage_empty, damage_other_shape])
def test_a_damaged_chunk_is_never_read_and_is_computed_anew(damage, whole, tmp_path, written):
    run(tmp_path)
    damage(tmp_path / "transmission" / "2.0.0")
    stored = qpc.open_sweep(tmp_path)["transmission"]
    with pytest.raises(InputError, match=r"2\.0\.0 is damaged; run the same sweep again"):
        np.asarray(stored)
    np.testing.assert_array_equal(stored[0], whole[0])  # others can be read
    written.clear()
    np.testing.assert_array_equal(np.asarray(run(tmp_path)["transmission"]), whole)
    assert written == [4]


def test_what_a_killed_process_left_half_written_goes_away(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=stop_after(1))
    part = tmp_path / "transmission" / ".2.1.0.a.host-12.part"
    part.write_bytes(b"half")
    run(tmp_path)
    assert not part.exists()
    documents = [".zattrs", ".zgroup", ".zmetadata"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [*documents, *AXES, "manifest.json", "transmission"]
    )


def test_files_beside_the_chunks_are_made_again(whole, tmp_path, written):
    run(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    written.clear()
    for name in ("energy/0", ".zmetadata", "transmission/.zarray"):
        (tmp_path / name).unlink()
    (tmp_path / "length" / "0").write_bytes(b"")
    with pytest.raises(InputError, match="axis length are damaged; run the same sweep again"):
        qpc.open_sweep(tmp_path)
    np.testing.assert_array_equal(run(tmp_path).axes["energy"], AXES["energy"])
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert not written


def test_several_observables_are_finished_together(tmp_path, written):
    axes, wanted = {**AXES, "mu": 5.0}, ("transmission", "inelastic_length")
    memory = run(None, axes, wanted)
    run(tmp_path, axes, wanted)
    written.clear()
    (tmp_path / "transmission" / "1.0.0").unlink()
    damage_bit(tmp_path / "inelastic_length" / "0.0.0")
    stored = run(tmp_path, axes, wanted)
    assert sorted(written) == [0, 2]
    for name in wanted:
        np.testing.assert_array_equal(stored[name], memory[name])


# --- full disks and folders that cannot be written ------------------------------------------


def test_a_full_disk_stops_cleanly_and_the_sweep_goes_on(whole, tmp_path, monkeypatch, written):
    fsync, calls = os.fsync, itertools.count(1)

    def full(handle):
        if next(calls) > 5:  # one of each chunk, behind that of the manifest
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    # Another chunk may just be getting its name.
    message = (
        r"cannot be written: No space left on device\. [2-4] of 6 chunks are finished and kept;"
    )
    with pytest.raises(InputError, match=message):
        run(tmp_path)
    assert len(list((tmp_path / "transmission").glob("[!z]*"))) == 6  # and two documents
    kept = {p.name for p in chunk_files(tmp_path)}
    assert len(kept) == 4
    monkeypatch.setattr(os, "fsync", fsync)
    written.clear()
    np.testing.assert_array_equal(np.asarray(run(tmp_path)["transmission"]), whole)
    assert len(written) == 2
    assert not kept & {Chunks((3, 4, 13), (1, 2, 13)).key(k) for k in written}


def test_a_disk_that_is_full_from_the_start(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot be written: No space left on device\. Choose"):
        run(tmp_path / "out")
    monkeypatch.undo()
    run(tmp_path / "out")


def test_folders_that_are_no_sweeps(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(InputError, match=r"cannot be written: a file of that name, or on the"):
            run(out)
    with pytest.raises(InputError, match="is not a sweep's folder: it holds file"):
        run(tmp_path)
    with pytest.raises(InputError, match=r"is not a sweep's folder: it has no manifest\.json"):
        qpc.open_sweep(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "other"}')
    with pytest.raises(InputError, match="must have the format 'qpcjax sweep 2'"):
        qpc.open_sweep(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json cannot be read"):
        qpc.open_sweep(tmp_path)


# --- another sweep --------------------------------------------------------------------------

OTHERS = {
    "axis": (
        {"axes": {**AXES, "energy": np.linspace(0.5, 12.0, 13)}},
        r"axes\.energy is 13 values from 0\.5 to 13 meV .* there, and 13 values from 0\.5 to 12",
    ),
    "more axes": ({"axes": {**AXES, "bias": [0.0, 1.0]}}, r"axes\.bias is not there there, and"),
    "observable": (
        {"observables": ["transmission", "inelastic_length"], "axes": {**AXES, "mu": 3.0}},
        r'fixed\.mu is not there there|observables is \["transmission"\] there',
    ),
    "fixed": ({"axes": {**AXES, "bias": 1.0}}, r"fixed\.bias is 0\.0 there, and 1\.0 here"),
    "order": ({"order": 8}, "order is 16 there, and 8 here"),
    "chunk": ({"chunk": 20}, r"chunk_shape is \[1, 2, 13\] there, and \[1, 1, 13\] here"),
    "fermi_energy": ({"fermi_energy": "mu"}, 'fermi_energy is "mu_R" there, and "mu" here'),
    "scatterer": (
        {"axes": {**AXES, "mass": 0.05}},
        r"scatterer\.mass is 0\.067 there, and 0\.05 here",
    ),
}


@pytest.mark.parametrize(("change", "message"), OTHERS.values(), ids=OTHERS)
def test_the_folder_of_another_sweep_is_refused(change, message, tmp_path):
    store.Store.begin(tmp_path, manifest_of(AXES))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(InputError, match=rf"belongs to another sweep: ({message})"):
        run(tmp_path, **change)
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}


def manifest_of(axes):
    from qpcjax.sweeping.plan import make_plan
    from qpcjax.sweeping.run import _manifest

    return _manifest(make_plan(C, axes, "transmission", chunk=CHUNK))


@pytest.mark.parametrize("name", ["qpcjax", "jax", "jaxlib", "platform"])
def test_numbers_of_two_versions_are_not_mixed(name, tmp_path):
    manifest = manifest_of(AXES)
    manifest["versions"][name] = "0.0.1"
    store.Store.begin(tmp_path, manifest)
    with pytest.raises(InputError, match=f"was begun with {name} 0.0.1, and this is {name} "):
        run(tmp_path)


# --- labels ---------------------------------------------------------------------------------


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
    memory = qpc.sweep(C, AXES, "transmission", chunk=CHUNK).to_xarray()
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


def test_blocks_are_runs_of_the_flat_grid():
    for shape in [(60,), (3, 4, 5), (7, 1, 8), (1, 2), (2, 13, 3)]:
        size = math.prod(shape)
        flat = np.arange(size).reshape(shape)
        for most in range(1, size + 2):
            chunks = Chunks.of(shape, most)
            numbers = range(chunks.count)
            runs = [flat[chunks.box(k)].ravel() for k in numbers]
            np.testing.assert_array_equal(np.concatenate(runs), np.arange(size))
            assert [(run[0], run[-1] + 1) for run in runs] == [chunks.bounds(k) for k in numbers]
            assert max(run.size for run in runs) == chunks.size <= most
            of = np.repeat(numbers, [run.size for run in runs])
            np.testing.assert_array_equal(chunks.at(np.arange(size)), of)
            assert [chunks.number(chunks.key(k)) for k in numbers] == list(numbers)
            assert len({chunks.key(k) for k in numbers}) == chunks.count
            assert {chunks.number(key) for key in ("", "0", ".zarray", "0.9.0.0", "99.0.0")} == {
                0 if len(shape) == 1 else None,
                None,
            }


@pytest.mark.parametrize("count", [1, 8191, 8192, 20_000])
def test_a_chunk_is_what_zlib_reads(count):
    values = np.random.default_rng(3).normal(size=count)
    for size in (count, count + 9000):
        content = b"".join(encoded(values, size))
        whole = np.frombuffer(zlib.decompress(content), "<f8")
        np.testing.assert_array_equal(whole, [*values, *[np.nan] * (size - count)])
        np.testing.assert_array_equal(decoded(content, size), whole)
        with pytest.raises(ValueError, match="numbers were wanted"):
            decoded(content, size + 1)
        with pytest.raises(ValueError, match="incomplete or truncated"):
            decoded(content[:-1], size)


def test_chunks_fill_the_grid():
    # Not one for each row of a long and narrow grid.
    assert Chunks.of((1000, 1000), 10_000).chunk == (10, 1000)
    assert Chunks.of((5, 21_000), 10_000).chunk == (1, 7000)
    assert Chunks.of((101, 7), 200).chunk == (17, 7)  # 102 rows; pieces of 28 would make 112
    assert Chunks.of((10**9,), 1 << 19) == Chunks((10**9,), (500_000,))


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


def test_a_sweep_that_is_not_finished_is_read_as_far_as_it_is(whole, tmp_path):
    pytest.importorskip("zarr")
    xarray = pytest.importorskip("xarray")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=stop_after(2))
    done = len(chunk_files(tmp_path))
    with xarray.open_zarr(tmp_path) as data:
        there = whole.copy()
        there.reshape(CHUNKS, -1)[done:] = np.nan
        np.testing.assert_array_equal(data.transmission, there)


def test_damage_is_seen_by_other_readers_too(tmp_path):
    zarr = pytest.importorskip("zarr")
    run(tmp_path)
    damage_bit(tmp_path / "transmission" / "1.1.0")
    with pytest.raises(zlib.error, match="incorrect data check"):
        zarr.open_array(tmp_path / "transmission", mode="r")[...]


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
