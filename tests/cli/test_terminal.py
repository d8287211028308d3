"""What files say never moves a terminal, and rich shows it letter by letter."""

import sqlite3

import numpy as np
import pytest
from commands import call
from typer.testing import CliRunner

from qpcjax import plot
from qpcjax.cli.app import app
from qpcjax.measurements import ConductanceTrace
from qpcjax.overviews import Overview, printable

ESCAPE, TITLE, BELL, C1, TURN = "\x1b[2J", "\x1b]0;title", "\x07", "\x9b31m", "\u202egnp"
NAMES = [f"a{ESCAPE}b.csv", f"a{C1}b.csv", f"a{TURN}b.csv", "a\rb.csv", "a\x08b.csv"]
HEAD = "gate (mV),conductance (2e2/h)"
ROWS = "".join(f"{v},{0.1 * v}\n" for v in range(1, 9))


def printed(*arguments):
    """Everything that a command prints, with nothing taken out of it."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.stdout + result.stderr


def assert_plain(text):
    assert not [c for c in text if not (c.isprintable() or c in "\n\t")], repr(text)


def test_texts_are_spelled_where_they_would_move_a_terminal():
    wild = f"{ESCAPE}{TITLE}{BELL}{C1}{TURN}\r\x7f\u2028\ud800"
    assert printable(wild) == (r"\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp\r\x7f\u2028\ud800")
    tame = "2e²/h, µS\tΔ 中文\n[red]:x: \xa0"
    assert printable(tame) == tame
    assert_plain(Overview(wild, [(wild, "1")], [wild]).text().replace("\xa0", ""))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["inspect", "fit"])
def test_names_of_files(name, command, tmp_path):
    (tmp_path / name).write_text(f"{HEAD}\n1,fast\n")
    for path in (tmp_path / name, tmp_path / f"absent {name}"):
        text = printed(command, path)
        assert_plain(text)
        assert "Error" in text or command == "inspect"


def test_headers_cells_and_comments(tmp_path):
    path = tmp_path / "wild.csv"
    for content in (
        f"# {TITLE}{BELL} <script>\n{HEAD}\n1,{ESCAPE}abc\n",
        f"{HEAD},{ESCAPE}red\n" + "".join(f"{v},{0.1 * v},1\n" for v in range(1, 9)),
        f"# {TITLE}{BELL}\n{HEAD},{C1}{TURN}\n" + ROWS.replace("\n", ",0\n"),
        f"{ESCAPE},{C1}\n{ROWS}",
    ):
        path.write_text(content, encoding="utf-8")
        for command in ("inspect", "fit"):
            assert_plain(printed(command, path, *(["--mu", "nan"] if command == "fit" else ())))


def test_databases_and_containers(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "wild.h5", "w") as file:
        file[f"gate{ESCAPE}"] = np.arange(9.0)
        file["conductance"] = np.arange(9.0)
        file.attrs[f"note{ESCAPE}"] = f"{TITLE}{BELL}"
    assert_plain(printed("inspect", tmp_path / "wild.h5"))
    with sqlite3.connect(tmp_path / "wild.db") as file:
        file.execute(f'create table "runs{ESCAPE}" (a)')
    file.close()
    assert_plain(printed("inspect", tmp_path / "wild.db"))


def test_specs_and_the_command_line_itself(tmp_path):
    spec = tmp_path / "spec.toml"
    for content in (r'"a\u001b[2J" = 1', r'observables = "\u001b[2J"', "[\x1b[2J"):
        spec.write_text(content)
        for command in ("sweep", "design"):
            assert_plain(printed(command, spec, "-o", tmp_path / f"out{ESCAPE}"))
    for words in ([f"{ESCAPE}x"], ["evaluate", f"--{ESCAPE}"], ["fit", "a.csv", "--model", C1]):
        assert_plain(printed(*words))
    assert r"--\x1b[2J" in printed("evaluate", f"--{ESCAPE}")


@pytest.mark.parametrize("name", ["a:x:b.csv", "a[bold]b.csv", ":bomb:[red].csv"])
def test_markup_and_emoji_are_shown_as_they_are_written(name, tmp_path):
    (tmp_path / name).write_text(f"{HEAD}\n1,{name}\n")
    status, _, err = call("fit", tmp_path / name)
    assert status == 2
    assert err.replace(" ", "").count(name) >= 2  # the file's name, and the cell
    status, _, err = call("inspect", tmp_path / name)
    assert status == 2
    assert err.replace(" ", "").count(name) >= 2
    (tmp_path / name).write_text(f"{HEAD}\n1,2\n2,3\n")
    status, out, _ = call("inspect", tmp_path / name)
    assert status == 0
    assert name in out


def test_a_name_with_dollars_is_no_formula_in_a_picture():
    gate = np.linspace(0, 1, 9)
    trace = ConductanceTrace(gate, gate, name=r"a$\frac$b.csv")
    axes = plot.waterfall([trace])
    assert plot.screen_bytes(axes.figure).startswith(b"\x89PNG")
    axes.figure.draw_without_rendering()
