"""The sweep command and its specs: units, refusals that name the field, progress."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from commands import call

import qpcjax as qpc
from qpcjax.sweeping.progress import Clock, shown, words
from qpcjax.sweeping.spec import read_spec

SPEC = """
observables = ["transmission"]
[scatterer]
half_width = { value = 0.02, unit = "um" }
length = 40
[axes]
energy = { start = 1, stop = 13, num = 5 }
bias = [1, 2.5]
[fixed]
temperature = { value = 500, unit = "mK" }
"""


def write(folder, text=SPEC):
    path = folder / "spec.toml"
    path.write_text(text)
    return path


def test_a_spec_becomes_a_sweep(tmp_path):
    code, out, err = call("sweep", write(tmp_path), "-o", tmp_path / "out", "-q")
    assert (code, err) == (0, "")
    assert out.replace(" ", "") == f"Written:{tmp_path}/out".replace(" ", "")
    result = qpc.open_sweep(tmp_path / "out")
    assert result.dimensions == ("energy", "bias")
    assert result.attributes["fixed"]["temperature"] == 0.5
    assert result.attributes["scatterer"]["half_width"] == 20.0
    c = qpc.AbruptConstriction(20.0, 40.0, modes=2)
    exact = qpc.transmission(c, np.linspace(1, 13, 5)[:, None], np.array([1.0, 2.5]))
    np.testing.assert_allclose(np.asarray(result["transmission"]), exact, rtol=1e-13)


def test_the_example_is_a_sweep():
    plan = read_spec(Path(__file__).parents[2] / "docs" / "sweep.toml")
    assert plan.axes.shape == (3, 41, 231)
    np.testing.assert_allclose(plan.axes.values["length"], [40, 80, 160])
    np.testing.assert_allclose(plan.axes.values["bias"][[0, 20, -1]], [0.1, 1, 10])
    assert plan.fixed["temperature"] == pytest.approx(0.3)


def test_values_from_files_and_swept_parameters(tmp_path):
    np.save(tmp_path / "w.npy", np.array([15.0, 20.0]))
    (tmp_path / "mu.txt").write_text("0.004\n0.005\n")
    text = """
observables = "current"
table = true
fermi_energy = 8.0
order = 8
[scatterer]
model = "saddle"
height = 3
hbar_omega_x = 1
[axes]
hbar_omega_y = { file = "w.npy", unit = "meV" }
mu = { file = "mu.txt", unit = "eV" }
"""
    plan = read_spec(write(tmp_path, text))
    np.testing.assert_array_equal(plan.axes.values["hbar_omega_y"], [15, 20])
    np.testing.assert_allclose(plan.axes.values["mu"], [4, 5])
    assert (plan.axes.table, plan.order, plan.fermi_energy) == (True, 8, 8.0)


BAD = {
    "no file": (None, "spec.toml: there is no such file"),
    "no TOML": (("[axes]", "[axes"), "is not TOML"),
    "unknown key": (("observables", "observable"), "no 'observable': did you mean observables?"),
    "no axes": (("[axes]", "[fixed2]"), "there is no 'fixed2'"),
    "unknown axis": (("bias = [", "bais = ["), "there is no axis 'bais': did you mean bias?"),
    "unknown observable": (("transmission", "transmision"), "did you mean transmission?"),
    "unknown unit": (('"um"', '"inch"'), "scatterer.half_width has the unit 'inch', got for half_"),
    "other unit": (('"mK"', '"meV"'), "has the unit 'meV', got for temperature: one of K, mK"),
    "unknown model": (("length = 40", 'length = 40\nmodel = "meen"'), "did you mean mean?"),
    "unknown parameter": (("length = 40", "lenght = 40"), "no 'lenght' in scatterer, with the"),
    "missing parameter": (("length = 40", ""), "spec.toml: length must be given with the model"),
    "bad parameter": (("length = 40", "length = -4"), "spec.toml: length must be 0 or more, in nm"),
    "words": (("length = 40", 'length = "a"'), "scatterer.length must be a number, got 'a'"),
    "empty axis": (("[1, 2.5]", "[]"), "axes.bias is empty"),
    "no points": (("num = 5", "num = 0"), "axes.energy is empty"),
    "no stop": (("stop = 13, ", ""), "axes.energy must have values, file, or start, stop and num"),
    "spacing": (("num = 5", 'num = 5, spacing = "cubic"'), "spacing must be linear or log, got 'c"),
    "log of 0": (("start = 1,", 'spacing = "log", start = 0,'), "must have one sign"),
    "one number": (("[1, 2.5]", "1.0"), "one number belongs into [fixed]"),
    "twice": (("[fixed]", "[fixed]\nbias = 1"), "bias is in axes and in fixed"),
    "both": (("[1, 2.5]", "[1, 2.5]\nlength = [1.0]"), "length is in axes and in scatterer"),
    "fixed": (("[fixed]", "[fixed]\nlength = 1"), "there is no 'length' in fixed"),
    "table": (("observables", "table = 1\nobservables"), "table must be true or false, got 1"),
    "lengths": (("observables", "table = true\nobservables"), "table must all have one length"),
    "order": (("observables", "order = 1.5\nobservables"), "order must be a whole number"),
    "modes": (("length = 40", "length = 40\nmodes = 1"), "modes must be at least 2 for this mu"),
    "no values": (("[1, 2.5]", '{ file = "none.npy" }'), "none.npy cannot be read"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_specs_are_refused_with_the_field(change, message, tmp_path):
    path = tmp_path / "spec.toml"
    if change is not None:
        assert change[0] in SPEC
        write(tmp_path, SPEC.replace(*change, 1))
    code, out, err = call("sweep", path, "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert str(path).replace(" ", "") in err.replace(" ", "")
    assert message.replace(" ", "") in err.replace(" ", "")
    assert not (tmp_path / "out").exists()


def test_another_sweep_in_the_folder_is_refused(tmp_path):
    out = tmp_path / "out"
    assert call("sweep", write(tmp_path), "-o", out, "-q")[0] == 0
    other = write(tmp_path, SPEC.replace("length = 40", "length = 30"))
    code, _, err = call("sweep", other, "-o", out, "-q")
    assert code == 2
    assert "scatterer.length is 40.0 there, and 30.0 here" in err


def test_netcdf_is_written_in_the_end(tmp_path):
    xarray = pytest.importorskip("xarray")
    file = tmp_path / "a.nc"
    options = ("-o", tmp_path / "out", "-q", "--netcdf", file)
    assert call("sweep", write(tmp_path), *options)[0] == 0
    with xarray.open_dataset(file, engine="h5netcdf") as data:
        assert data.transmission.shape == (5, 2)
        assert json.loads(data.attrs["versions"])["qpcjax"] == qpc.__version__
    code, _, err = call(
        "sweep", write(tmp_path), "-o", tmp_path / "o2", "--netcdf", tmp_path / "no" / "a.nc"
    )
    assert code == 2
    assert "there is no folder" in err
    assert not (tmp_path / "o2").exists()


@pytest.mark.parametrize("suffix", [".csv", ".json", ".nc", ".zarr"])
def test_a_file_of_any_form_is_written_in_the_end(suffix, tmp_path):
    spec, file = write(tmp_path), tmp_path / f"a{suffix}"
    code, out, _ = call("sweep", spec, "-o", tmp_path / "out", "-q", "--export", file)
    assert code == 0
    assert str(file) in out.replace("\n", "")
    exact = np.asarray(qpc.open_sweep(tmp_path / "out")["transmission"])
    sha256 = hashlib.sha256(spec.read_bytes()).hexdigest()
    if suffix == ".csv":
        np.testing.assert_array_equal(
            np.loadtxt(file, delimiter=",", skiprows=1), grid_columns([1, 4, 7, 10, 13], exact)
        )
        assert file.read_text().startswith("energy (meV),bias (meV),transmission\n")
        assert f"\n# input: spec.toml\n# input_sha256: {sha256}\n" in file.read_text()
    elif suffix == ".json":
        found = json.loads(file.read_text())
        np.testing.assert_array_equal(found["observables"]["transmission"]["values"], exact)
        assert (found["input"], found["input_sha256"]) == ("spec.toml", sha256)
    else:
        pytest.importorskip("zarr" if suffix == ".zarr" else "h5netcdf")
        engine = {".nc": {"engine": "h5netcdf"}, ".zarr": {"engine": "zarr"}}
        with pytest.importorskip("xarray").open_dataset(file, **engine[suffix]) as data:
            np.testing.assert_array_equal(data.transmission, exact)
            assert data.attrs["input_sha256"] == sha256


def grid_columns(energy, values):
    return np.column_stack([np.repeat(energy, 2), np.tile([1, 2.5], 5), values.ravel()])


def test_files_that_would_be_refused_are_refused_before_any_work(tmp_path, monkeypatch):
    spec, out = write(tmp_path), tmp_path / "out"
    code, _, err = call("sweep", spec, "-o", out, "--export", tmp_path / "a.xls")
    assert code == 2
    assert "a name ending in .csv, .json, .nc, .zarr was expected" in " ".join(err.split())
    (tmp_path / "a.zarr").mkdir()
    code, _, err = call("sweep", spec, "-o", out, "--export", tmp_path / "a.zarr")
    assert code == 2
    assert "is there already and is no zarr group" in " ".join(err.split())
    monkeypatch.setattr("qpcjax.sweeping.export.MOST_JSON", 9)
    code, _, err = call("sweep", spec, "-o", out, "--export", tmp_path / "a.json")
    assert code == 2
    assert "write it as netCDF (.nc), zarr or CSV" in " ".join(err.split())
    assert not out.exists()


def test_options_of_several_processes_belong_together(tmp_path):
    path = write(tmp_path)
    code, _, err = call("sweep", path, "-o", tmp_path / "o", "--processes", 2)
    assert code == 2
    assert "--coordinator, --processes and --process-id belong together" in err
    options = ("--coordinator", "127.0.0.1:1", "--processes", 2, "--process-id", 2)
    code, _, err = call("sweep", path, "-o", tmp_path / "o", *options)
    assert code == 2
    assert "--process-id must be below 2, got 2" in err


def test_a_job_says_what_is_missing_and_the_last_one_writes_the_export(tmp_path):
    spec, out, file = write(tmp_path, "chunk = 2\n" + SPEC), tmp_path / "out", tmp_path / "a.csv"
    code, text, err = call("sweep", spec, "-o", out, "--job", "1/2", "-q", "--export", file)
    assert (code, err) == (0, "")
    assert "This share is finished. 3 of 5 chunks are still missing in" in text
    assert not file.exists()
    code, text, _ = call("sweep", spec, "-o", out, "--job", "0/2", "-q", "--export", file)
    assert code == 0
    assert "Written:" in text
    assert file.exists()
    assert qpc.open_sweep(out).unfinished == 0


@pytest.mark.parametrize("job", ["2/2", "1", "a/b", "-1/2", "0/0"])
def test_jobs_that_there_are_not_are_refused(job, tmp_path):
    code, _, err = call("sweep", write(tmp_path), "-o", tmp_path / "out", f"--job={job}")
    assert code == 2
    assert "--job must be i/n for job i of n, counted from 0, such as 0/4 to 3/4" in err
    options = ("--job", "0/2", "--coordinator", "127.0.0.1:1", "--processes", 2)
    code, _, err = call("sweep", write(tmp_path), "-o", tmp_path / "out", *options)
    assert code == 2
    assert "leave out --job, or --distributed and --coordinator" in " ".join(err.split())
    assert not (tmp_path / "out").exists()


# --- progress -------------------------------------------------------------------------------


def test_rate_and_time_left():
    now = iter([10.0, 12.0, 14.0]).__next__
    clock = Clock(now)
    assert clock.read(100, 1000) == (None, None)  # those of an earlier run
    assert clock.read(200, 1000) == (None, None)  # the first chunk, with the compilation
    assert clock.read(400, 1000) == (100.0, 6.0)
    assert clock.read(600, 1000) == (100.0, 4.0)
    assert words(600, 1000, 100.0, 3725.0) == " 60.0 % of 1000 points, 100 points/s, 1:02:05 left"


def test_a_log_gets_lines_and_quiet_nothing():
    stream = io.StringIO()
    with shown(True, stream) as advance:
        for done in (0, 1, 2, 4):
            advance(done, 4)
    first, last = stream.getvalue().splitlines()
    assert first.strip() == "0.0 % of 4 points"
    assert last.startswith("100.0 % of 4 points")
    with shown(False, stream) as advance:
        advance(1, 4)
    assert len(stream.getvalue().splitlines()) == 2
