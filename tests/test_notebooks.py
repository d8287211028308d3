"""Every notebook runs from top to bottom, and is stored with its outputs and no machine's paths."""

import json
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

# Of more than 15 s in the tests. What it shows of the example trace, its fit, its flat directions
# and its heat, is held by test_fits and test_fitting; the tables beyond the paper by
# test_beyond_figures.
SLOW = ("02_from_a_file_to_the_heat", "06_beyond_the_paper")
RUNS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW))
    for path in NOTEBOOKS
]


def test_notebooks_are_numbered():
    assert [path.stem[:3] for path in NOTEBOOKS] == ["01_", "02_", "03_", "04_", "05_", "06_"]
    assert set(SLOW) <= {path.stem for path in NOTEBOOKS}


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """A kernel `python3` that is this interpreter, whatever else is installed."""
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.delenv("JUPYTER_PREFER_ENV_PATH", raising=False)


@pytest.mark.end_to_end
@pytest.mark.parametrize("path", RUNS)
def test_notebook_runs(path, tmp_path, kernels):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    # Beside the example data, as in the clone, but with nothing of the clone to write into.
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "fits").symlink_to(FOLDER.parent / "fits")
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=300, resources={"metadata": {"path": folder}}
    )
    client.execute()  # raises CellExecutionError where a cell fails


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_with_its_outputs(path):
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    opening = "".join(notebook["cells"][0]["source"])
    assert re.match(r"# .*\?\n", opening)  # what it answers
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["metadata"] for cell in code)  # no times of execution
    assert any("image/png" in output.get("data", {}) for c in code for output in c["outputs"])
    assert not any(output["output_type"] == "error" for c in code for output in c["outputs"])
    assert all(c["execution_count"] for c in code)
    assert len(text) < 1_500_000
    assert not re.search(r'["\s(](/home|/work|/tmp|/root|/Users|[A-Z]:\\\\)', text)
    assert not re.search(r"qpcjax[\w.]*\._|import _", text)  # public names only
