"""Sweeps of several processes, full disks, folders of other sweeps."""

import errno
import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_sweeps import AXES, CHUNK, CHUNKS, OTHER, C, chunk_files, run

import qpcjax as qpc
from qpcjax.files import InputError
from qpcjax.sweeping import manifests, store
from qpcjax.sweeping.chunks import Chunks

# --- several processes ----------------------------------------------------------------------------


def test_jobs_compute_their_shares_and_any_later_run_the_rest(whole, tmp_path, written):
    xarray = pytest.importorskip("xarray")
    calls = []
    result = run(tmp_path, job=(1, 4), progress=lambda done, total: calls.append((done, total)))
    assert sorted(written) == [1, 5]
    assert (calls[0], calls[-1]) == ((0, 52), (52, 52))
    assert result.unfinished == qpc.open_sweep(tmp_path).unfinished == 4
    with xarray.open_zarr(tmp_path) as data:
        assert int(data.transmission.isnull().sum()) == 4 * 26
    run(tmp_path, job=(1, 2))  # another number of jobs; 1 and 5 are there
    assert sorted(written) == [1, 3, 5]
    again = run(tmp_path)
    assert sorted(written) == list(range(CHUNKS))
    assert again.unfinished == 0
    np.testing.assert_array_equal(np.asarray(again["transmission"]), whole)


@pytest.mark.parametrize("job", [(2, 2), (-1, 2), (0, 0), (1,), "01", (0.5, 2), 3])
def test_jobs_that_there_are_not(job, tmp_path):
    with pytest.raises(ValueError, match="job must be"):
        run(tmp_path / "out", job=job)
    assert not (tmp_path / "out").exists()


def test_jobs_need_a_folder():
    with pytest.raises(ValueError, match="job needs out, the folder that all jobs share"):
        run(None, job=(0, 2))


@pytest.fixture
def at_once(monkeypatch):
    """Run calls in threads, all of which find no manifest; what they give or raise."""

    def together(*calls):
        barrier, create = threading.Barrier(len(calls)), manifests.create

        def waiting(path, manifest):
            barrier.wait(60)
            create(path, manifest)

        with monkeypatch.context() as patch, ThreadPoolExecutor(len(calls)) as threads:
            patch.setattr(manifests, "create", waiting)
            futures = [threads.submit(call) for call in calls]
            return [future.exception() or future.result() for future in futures]

    return together


def test_two_sweeps_that_begin_at_once_in_one_folder_are_not_mixed(whole, tmp_path, at_once):
    exact = [whole, run(None, OTHER)["transmission"]]
    for trial in range(10):
        out = tmp_path / str(trial)
        found = at_once(lambda: run(out), lambda: run(out, OTHER))  # noqa: B023
        (refused,) = (i for i, f in enumerate(found) if isinstance(f, InputError))
        assert "belongs to another sweep: axes.length is" in str(found[refused])
        kept = exact[1 - refused]
        np.testing.assert_array_equal(np.asarray(found[1 - refused]["transmission"]), kept)
        np.testing.assert_array_equal(np.asarray(qpc.open_sweep(out)["transmission"]), kept)


def test_the_same_sweep_may_begin_twice_at_once(whole, tmp_path, at_once):
    for trial in range(5):
        out = tmp_path / str(trial)
        for result in at_once(*[lambda: run(out)] * 2):  # noqa: B023
            np.testing.assert_array_equal(np.asarray(result["transmission"]), whole)
        assert not list(out.rglob(".*.part"))


def test_a_chunk_that_another_process_has_written_meanwhile(whole, tmp_path, monkeypatch):
    replace, taken = os.replace, []

    def late(source, target):
        if "transmission" in str(target) and not taken and target.name[0].isdecimal():
            taken.append(target)
            replace(source, target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", late)
    np.testing.assert_array_equal(np.asarray(run(tmp_path)["transmission"]), whole)
    assert taken


def test_a_file_system_without_links(whole, tmp_path, monkeypatch):
    def refused(source, target):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    np.testing.assert_array_equal(np.asarray(run(tmp_path)["transmission"]), whole)
    with pytest.raises(InputError, match="belongs to another sweep"):
        run(tmp_path, OTHER)


# --- full disks and folders that cannot be written ------------------------------------------------


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
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"manifest\.json is damaged; run the same sweep again"):
        qpc.open_sweep(tmp_path)


# --- another sweep --------------------------------------------------------------------------------

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
    from qpcjax.sweeping.run import manifest_of_plan

    return manifest_of_plan(make_plan(C, axes, "transmission", chunk=CHUNK))


@pytest.mark.parametrize("name", ["qpcjax", "jax", "jaxlib", "platform"])
def test_numbers_of_two_versions_are_not_mixed(name, tmp_path):
    manifest = manifest_of(AXES)
    manifest["versions"][name] = "0.0.1"
    store.Store.begin(tmp_path, manifest)
    with pytest.raises(InputError, match=f"was begun with {name} 0.0.1, and this is {name} "):
        run(tmp_path)
