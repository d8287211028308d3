"""Sweeps on the disk: what is stored, going on, damage, other readers."""

import json
import threading
import zlib

import numpy as np
import pytest
from small_sweeps import AXES, CHUNKS, OTHER, SIZE, chunk_files, damage_bit, run, stop_after

import qpcjax as qpc
from qpcjax.files import InputError
from qpcjax.sweeping import manifests
from qpcjax.sweeping.chunks import Chunks


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


def flip(path, place, bit):
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)


def test_a_flipped_bit_is_seen_when_a_sweep_is_opened_and_mended_by_a_rerun(
    whole, tmp_path, written, monkeypatch
):
    """In axes, units and the manifest; a bit of an axis gave mu = 7e38 without a word."""
    monkeypatch.setattr(manifests, "TRIES", 1)
    sound = run(tmp_path)
    written.clear()
    manifest = (tmp_path / "manifest.json").read_bytes()
    rng = np.random.default_rng(26)
    places = [("energy/0", 15, 3), ("manifest.json", manifest.index(b'"unit": "meV"') + 10, 0)]
    for name in ("half_width/0", "manifest.json"):
        places += [(name, int(p), int(b)) for p, b in rng.integers(0, (1 << 20, 7), (8, 2))]
    seen = 0
    for name, place, bit in places:
        before = (tmp_path / name).read_bytes()
        flip(tmp_path / name, place, bit)
        try:
            found = qpc.open_sweep(tmp_path)
        except InputError:
            seen += 1
        else:  # a space between two words
            assert (found.units, found.attributes) == (sound.units, sound.attributes)
        np.testing.assert_array_equal(np.asarray(run(tmp_path)["transmission"]), whole)
        again = qpc.open_sweep(tmp_path)
        assert again.units == sound.units
        for axis, values in AXES.items():
            np.testing.assert_array_equal(again.axes[axis], values)
        (tmp_path / name).write_bytes(before)
    assert seen >= 15
    assert not written


def test_a_damaged_manifest_is_not_written_anew_for_another_sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(manifests, "TRIES", 1)
    run(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"does not say that the folder is of this sweep"):
        run(tmp_path, OTHER)
    (tmp_path / ".zattrs").unlink()
    with pytest.raises(InputError, match=r"does not say that the folder is of this sweep"):
        run(tmp_path)


def test_a_manifest_that_is_being_written_is_waited_for(whole, tmp_path):
    run(tmp_path)
    content = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / ".zattrs").unlink()
    (tmp_path / "manifest.json").write_bytes(content[:50])
    later = threading.Timer(0.3, (tmp_path / "manifest.json").write_bytes, [content])
    later.start()
    np.testing.assert_array_equal(np.asarray(run(tmp_path)["transmission"]), whole)
    later.join()


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


def test_a_sweep_that_is_not_finished_is_read_as_far_as_it_is(whole, tmp_path, written):
    pytest.importorskip("zarr")
    xarray = pytest.importorskip("xarray")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=stop_after(2))
    chunks = Chunks(whole.shape, (1, 2, 13))
    done = [chunks.number(path.name) for path in chunk_files(tmp_path)]
    assert 2 <= len(done) < CHUNKS
    with xarray.open_zarr(tmp_path) as data:
        there = np.full_like(whole, np.nan)
        there.reshape(CHUNKS, -1)[done] = whole.reshape(CHUNKS, -1)[done]
        np.testing.assert_array_equal(data.transmission, there)


def test_damage_is_seen_by_other_readers_too(tmp_path):
    zarr = pytest.importorskip("zarr")
    run(tmp_path)
    damage_bit(tmp_path / "transmission" / "1.1.0")
    with pytest.raises(zlib.error, match="incorrect data check"):
        zarr.open_array(tmp_path / "transmission", mode="r")[...]
