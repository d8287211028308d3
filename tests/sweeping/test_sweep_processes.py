"""Sweeps in processes of their own: killed and gone on with, several at once, several devices."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.sweeping.run import run
from qpcjax.sweeping.spec import read_spec

CHUNKS = 500
SPEC = """
observables = "transmission"
chunk = 40
[scatterer]
half_width = 20.0
modes = 2
[axes]
length = { start = 10, stop = 40, num = 100 }
energy = { start = 1, stop = 13, num = 200 }
"""
PATIENCE = 120  # s; far more than anything takes


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


def start(spec, out, *options, code=("-m", "qpcjax"), **environment):
    """Begin with the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", *code, "sweep", str(spec), "-o", str(out)]
        + [str(option) for option in options],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """Exit code, stdout and stderr."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def finished(out):
    """Number of finished chunks."""
    return len(list((out / "transmission").glob("[0-9]*")))


def wait_until(condition, *processes):
    end = time.monotonic() + PATIENCE
    while not condition():
        for process in processes:
            assert process.poll() is None, ended(process)
        assert time.monotonic() < end
        time.sleep(0.005)


def same(out, whole):
    np.testing.assert_array_equal(np.asarray(qpc.open_sweep(out)["transmission"]), whole)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The values of one process that nobody disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "spec.toml"
    path.write_text(SPEC)
    code, _, err = ended(start(path, folder / "out", "-q"))
    assert code == 0, err
    return np.asarray(qpc.open_sweep(folder / "out")["transmission"])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_killed_ten_times_and_gone_on_with(spec, tmp_path, whole):
    out, moments, cut = tmp_path / "out", random.Random(7), 0
    for kill in range(10):
        before = finished(out)
        process = start(spec, out, "-q")
        if kill % 5 == 4:  # at any moment, also while it starts
            time.sleep(moments.uniform(0, 1.5))
        else:
            wait_until(lambda: finished(out) > before or process.poll() is not None)  # noqa: B023
            time.sleep(moments.uniform(0, 0.06))
        process.kill()
        code, _, err = ended(process)
        assert code in (0, -signal.SIGKILL), err
        cut += before < finished(out) < CHUNKS
    assert cut >= 3  # in the middle, and not before or after
    times = {p: p.stat().st_mtime_ns for p in (out / "transmission").glob("[0-9]*")}
    assert ended(start(spec, out, "-q")) == (0, f"Written:\n  {out}\n", "")
    assert all(p.stat().st_mtime_ns == t for p, t in times.items())
    assert not list((out / "transmission").glob(".*.part"))
    same(out, whole)


def test_two_devices_give_the_same_bits(spec, tmp_path, whole):
    code, _, err = ended(start(spec, tmp_path / "out", "-q", "--cpu-devices", 2))
    assert code == 0, err
    same(tmp_path / "out", whole)


def pair(spec, out, **environment):
    """Two processes on this machine that share a sweep."""
    address = f"127.0.0.1:{free_port()}"
    return [
        start(spec, out, f"--coordinator={address}", "--processes=2", f"--process-id={i}")
        for i in range(2)
    ]


def test_two_processes_give_the_same_bits(spec, tmp_path, whole):
    out = tmp_path / "out"
    first, second = (ended(process) for process in pair(spec, out))
    assert (first[0], second[0]) == (0, 0), (first[2], second[2])
    assert "100.0 % of 1e+04 points" in first[2]  # its share
    assert second[2] == ""  # one process alone shows progress
    # The process that ends last finds all chunks finished.
    written, rest = f"Written:\n  {out}\n", r"This share is finished\. \d+ of 500 chunks are still"
    assert written in (first[1], second[1])
    assert all(text == written or re.match(rest, text) for text in (first[1], second[1]))
    same(out, whole)


def test_two_jobs_give_the_same_bits(spec, tmp_path, whole):
    out, file = tmp_path / "out", tmp_path / "a.csv"
    jobs = [start(spec, out, "-q", f"--job={i}/2", f"--export={file}") for i in range(2)]
    ends = [ended(process) for process in jobs]
    assert [(code, err) for code, _, err in ends] == [(0, "")] * 2
    assert f"Written:\n  {out}\n  {file}\n" in [text for _, text, _ in ends]
    same(out, whole)
    np.testing.assert_array_equal(np.loadtxt(file, delimiter=",", skiprows=1)[:, 2], whole.ravel())


def test_processes_are_found_as_slurm_starts_them(spec, tmp_path, whole):
    out, job = tmp_path / "out", free_port()
    processes = [
        start(
            spec,
            out,
            "-q",
            "--distributed",
            SLURM_JOB_ID=str(job),
            SLURM_STEP_NODELIST="localhost",
            SLURM_JOB_NODELIST="localhost",
            SLURM_NTASKS="2",
            SLURM_STEP_NUM_TASKS="2",
            SLURM_PROCID=str(i),
            SLURM_LOCALID=str(i),
        )
        for i in range(2)
    ]
    ends = [ended(process) for process in processes]
    assert [code for code, *_ in ends] == [0, 0], ends
    same(out, whole)


def test_a_process_that_nobody_joins_ends(spec, tmp_path):
    impatient = (
        "from qpcjax.cli import app; from qpcjax.sweeping import command; command._MEET = 2; "
        "app.main()"
    )
    options = (f"--coordinator=127.0.0.1:{free_port()}", "--processes=2", "--process-id=0")
    code, out, err = ended(start(spec, tmp_path / "out", *options, code=("-c", impatient)))
    assert (code, out) == (2, "")
    assert "Error: the other processes have not come within 2 s: are all of them started" in err


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_the_end_of_one_process_leaves_the_other_alone(victim, spec, tmp_path):
    out = tmp_path / "out"
    # So much work that neither is done before.
    spec.write_text(SPEC.replace("num = 200", "num = 4000"))
    processes = pair(spec, out)
    wait_until(lambda: finished(out) > 20, *processes)
    processes[victim].kill()
    assert ended(processes[victim])[0] == -signal.SIGKILL
    code, text, err = ended(processes[1 - victim])
    assert code == 0, err
    missing = re.match(r"This share is finished\. (\d+) of 10000 chunks are still missing in", text)
    assert missing
    assert 0 < int(missing[1]) == qpc.open_sweep(out).unfinished <= 5000
    assert ended(start(spec, out, "-q")) == (0, f"Written:\n  {out}\n", "")
    exact = run(read_spec(spec), None, lambda done, total: None)
    same(out, exact["transmission"])


def test_a_limit_on_files_stops_cleanly(spec, tmp_path, whole):
    out = tmp_path / "out"
    # Less than the axis of 200 energies.
    limited = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)); "
        "sys.argv[0] = 'qpcjax'; runpy.run_module('qpcjax', run_name='__main__')"
    )
    # The compilation cache is not what is limited here.
    process = start(spec, out, "-q", code=("-c", limited), JAX_ENABLE_COMPILATION_CACHE="0")
    code, _, err = ended(process)
    assert code == 2
    assert re.fullmatch(r"Error: the folder .* cannot be written: File too large\. .*\n", err)
    code, _, err = ended(start(spec, out, "-q"))
    assert code == 0, err
    same(out, whole)
