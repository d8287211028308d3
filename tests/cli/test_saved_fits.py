"""The commands that take saved fits: which fits better, and what to measure next."""

import json
import shutil

import numpy as np
import pytest
import small_fits
from commands import call

from qpcjax.fitting import Candidates


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One fit in two folders, as the command would leave them, and one of other data."""
    where = tmp_path_factory.mktemp("fits")
    (where / "mean").mkdir()
    (where / "empty").mkdir()
    small_fits.fitted().save(where / "mean" / "fit.json")
    shutil.copytree(where / "mean", where / "saddle")
    small_fits.joint().save(where / "joint.json")
    (where / "notes.txt").write_text("no fit")
    return where


def test_fits_are_compared(folder):
    pair, drawn = (folder / "mean", folder / "saddle" / "fit.json"), folder / "compared.png"
    code, out, err = call("compare", *pair, "--plot", drawn)
    assert (code, err) == (0, "")
    assert out.startswith("model free AIC BIC rms difference weight held out")
    assert "mean and saddle are alike: within 2 of Akaike's criterion" in out
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert call("compare", *pair, "--plot", folder / "compared.eps")[0] == 2
    code, out, _ = call("compare", folder / "mean", folder / "saddle", "--json")
    told = json.loads(out)
    fit = small_fits.fitted()
    for rival in told["rivals"]:
        assert rival["name"] in ("mean", "saddle")
        assert (rival["aic"], rival["bic"]) == (fit.aic, fit.bic)
        assert (rival["weight"], rival["free"]) == (0.5, len(fit.free))
    assert told["words"] == ["mean and saddle are alike: within 2 of Akaike's criterion these data "
                             "do not tell them apart"]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("mean",), "give at least two fits to compare"),
        (("mean", "mean"), "give each fit once"),
        (("mean", "joint.json"), "mean and joint are fits of different data"),
        (("mean", "nowhere"), "nowhere cannot be read: No such file"),
        (("mean", "notes.txt"), "notes.txt is not a fit"),
        (("mean", "empty"), "empty has no fit.json: give the folder of qpcjax fit"),
        (("mean", "saddle", "--folds", "1"), "--folds must be 2 or more, or 0"),
        (("mean", "saddle", "--folds", "13"), "24 points are too few for 13 folds"),
    ],
)
def test_what_cannot_be_compared(folder, names, words):
    paths = [folder / n if n.isidentifier() or "." in n else n for n in names]
    code, out, err = call("compare", *paths)
    assert (code, out) == (2, "")
    assert words in err


def test_the_next_points(folder):
    fit = small_fits.fitted()
    code, out, err = call("next", folder / "mean", "--target", "hbar_omega_x", "--count", 2)
    assert (code, err) == (0, "")
    gates = np.linspace(*small_fits.RANGE, 41)
    wanted = fit.next_points("hbar_omega_x", Candidates("conductance", gate=gates), 2)
    value = f"hbar_omega_x = {fit.values()['hbar_omega_x']:.6g} meV (softness of the steps"
    assert out.startswith(value)
    assert out.endswith(" ".join(wanted.summary().split()))
    code, out, _ = call(
        "next", folder / "mean", "--target", "height_1", "--gate", "-30:0", "--sigma", 0.001,
        "--count", 1, "--json",
    )  # fmt: skip
    told = json.loads(out)
    (point,) = told["points"]
    assert told["stderr"] == pytest.approx(fit.stderr["height_1"], rel=1e-3)
    assert point["stderr"] < told["stderr"]
    assert -30 <= point["at"]["gate"] <= 0
    assert point["sigma"] == 0.001


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "lenght"), "lenght is neither a free parameter nor supposed free"),
        (("--target", "mu"), "mu is neither a free parameter nor supposed free"),
        (("--target", "mu", "--free", "length"), "there is no parameter 'length'"),
        (("--target", "height_1", "--kind", "voltages"), "--kind must be one of"),
        (("--target", "height_1", "--kind", "heating"), "--kind must be one of"),
        (("--target", "height_1", "--kind", "current", "--bias", "0:1"), "a sigma"),
        (("--target", "height_1", "--gate", "-0.03"), "--gate must be V1:V2, two gate voltages"),
        (("--target", "height_1", "--bias", "1"), "--bias must be V1:V2, two biases in meV"),
        (("--target", "height_1", "--gate", "900:1000"), "lies far outside of the -60 to 0 mV"),
        (("--target", "height_1", "--count", 0), "--count must be 1 or more"),
        (("--target", "height_1", "--sigma", -1), "--sigma must be a positive number"),
        (("--target", "height_1", "--temperature", -1), "--temperature must be 0 K or more"),
        ((), "Missing option '--target'"),
    ],
)
def test_questions_without_an_answer(folder, options, words):
    code, out, err = call("next", folder / "mean", *options)
    assert (code, out) == (2, "")
    assert words in err
