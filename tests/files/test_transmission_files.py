"""T(E) of other codes: any format, columns by name, rounding below zero."""

import json
import shlex

import numpy as np
import pytest
from commands import call
from measurements import refused

from qpcjax.files import read_transmission
from qpcjax.files.inspection import inspect_file
from qpcjax.files.inspection_text import as_text
from qpcjax.files.traces import Choice

ENERGY, T = np.array([1.0, 2.0, 3.5]), np.array([0.1, 1.0, 2.0])


def test_any_format(tmp_path):
    np.savez(tmp_path / "t.npz", **{"energy (eV)": ENERGY / 1e3, "T": T})
    (tmp_path / "t.json").write_text(json.dumps({"E (meV)": ENERGY.tolist(), "T": T.tolist()}))
    for name in ("t.npz", "t.json"):
        energy, transmission = read_transmission(tmp_path / name)
        np.testing.assert_allclose(energy, ENERGY, rtol=1e-15)
        np.testing.assert_array_equal(transmission, T)
    np.savez(tmp_path / "bad.npz", **{"E (meV)": ENERGY[::-1], "T": T})
    refused(lambda: read_transmission(tmp_path / "bad.npz"), "point 1", "increase")
    np.savez(tmp_path / "bad.npz", **{"E (meV)": ENERGY, "T": [0.1, np.nan, 1.0]})
    refused(lambda: read_transmission(tmp_path / "bad.npz"), "point 1", "finite")
    np.savez(tmp_path / "bad.npz", a=ENERGY)
    refused(lambda: read_transmission(tmp_path / "bad.npz"), "bad.npz", "energy")


@pytest.fixture
def kwant_table(table):
    """As a script writes it: energies without unit, three columns, rounding."""
    rows = "".join(f"{e},{t!r},0\n" for e, t in zip(np.linspace(0, 20, 21), STEP, strict=True))
    return table("E_F,T_10,R\n" + rows, "kwant.csv")


STEP = np.where(np.arange(21) < 5, -1e-17, 1.0).tolist()


def test_columns_by_name_in_the_command(kwant_table):
    words = ("evaluate", "--model", "table", "--table", kwant_table, "--mu", "10")
    status, _, err = call(*words)
    assert status == 2
    assert "energy" in err
    chosen = ("--table-energy", "E_F", "--table-transmission", "T_10", "--table-unit", "meV")
    status, printed, err = call(*words, *chosen, "--json")
    assert status == 0, err
    assert "Note: 5 of 21 transmissions are negative by rounding" in err
    found = json.loads(printed)
    assert "T" in json.dumps(found)
    status, _, err = call("evaluate", "--model", "mean", "--mu", "10", *chosen)
    assert status == 2


def test_inspect_prints_the_command_that_evaluates(tmp_path, kwant_table):
    """From a table of T(E) to a number by the command that is printed, with a name or without."""
    rows = kwant_table.read_text().splitlines(keepends=True)[1:]
    for name, head, condition in (
        ("named.csv", "E (meV),T,R\n", "to evaluate it: "),
        ("no unit.csv", "energy,transmission,R\n", "if 'energy' is the energy in meV: "),
        ("bare.csv", "", "if '0' is the energy in meV and '1' is T: "),
    ):
        path = tmp_path / name
        path.write_text(head + "".join(rows))
        words = as_text(inspect_file(path, Choice())).splitlines()
        (line,) = [line for line in words if line.startswith("  " + condition)]
        command = shlex.split(line.removeprefix("  " + condition))
        assert command[:2] == ["qpcjax", "evaluate"]
        status, printed, err = call(*command[1:], "--json")
        assert status == 0, err
        assert json.loads(printed)["results"]["G"]["value"] == pytest.approx(1, abs=1e-9)
    status, printed, _ = call("inspect", tmp_path / "named.csv", "--plot", tmp_path / "T.png")
    assert status == 0
    assert (tmp_path / "T.png").read_bytes().startswith(b"\x89PNG")


def test_columns_by_name_in_a_spec(kwant_table, tmp_path):
    from qpcjax.specifications import Reader, read_scatterer

    reader = Reader(tmp_path / "spec.toml")
    table = {"file": "kwant.csv", "energy": "E_F", "transmission": "T_10", "energy_unit": "eV"}
    with pytest.warns(UserWarning, match="rounding"):
        barrier, _ = read_scatterer(reader, {"model": "table", "table": table}, {})
    np.testing.assert_allclose(barrier.energy, 1e3 * np.linspace(0, 20, 21))
    for wrong, fact in (({"energy": "E"}, "must have a file"), ({"fil": "a"}, "there is no 'fil'")):
        refused(
            lambda w=wrong: read_scatterer(reader, {"model": "table", "table": w}, {}),
            "spec.toml",
            fact,
        )
