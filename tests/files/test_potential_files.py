"""Potentials of other programs, and back."""

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.files import InputError, open_file, read_potential, save_potential

X, Y = np.array([-30.0, -10.0, 0.0, 15.0, 40.0]), np.array([-20.0, -5.0, 5.0, 20.0])
ENERGY = 3.0 + 0.1 * X[:, None] - 0.2 * Y + 0.01 * X[:, None] * Y


def lines(*arrays):
    return "\n\n".join("\n".join(f"{v:.12g}" for v in np.ravel(a)) for a in arrays)


def fld(numbers="own", axes=2, kind="ascii", values=None):
    """A field as nextnano lays it out: in one file, or with the numbers beside it."""
    z = [[80.0, 90.0]] if axes == 3 else []
    coords = [X, Y, *z]
    head = ["# AVS/Express field file", "#", f"ndim = {axes}"]
    head += [f"dim{k + 1} = {len(c)}" for k, c in enumerate(coords)]
    head += [f"nspace = {axes}", "veclen = 1", "data = double", "field = rectilinear"]
    head += ["label = Gamma[eV]", ""]
    skip = len(head) + 2 + axes if numbers == "own" else 0
    name = "v.fld" if numbers == "own" else "v.dat"
    placed = []
    for k, c in enumerate(coords):
        placed.append(f"coord {k + 1} file={name} filetype={kind} skip={skip} offset=0 stride=1")
        skip += 8 * len(c) if kind == "binary" else len(c) + 1
    head.append(f"variable 1 file={name} filetype={kind} skip={skip} offset=0 stride=1")
    values = ENERGY / 1e3 if values is None else values
    return "\n".join([*head, *placed, ""]), coords, values.T  # the first axis runs fastest


def test_a_field_of_nextnano(tmp_path):
    head, coords, values = fld()
    (tmp_path / "v.fld").write_text(head + "\n" + lines(*coords, values))
    p = read_potential(tmp_path / "v.fld")
    np.testing.assert_allclose(p.energy, ENERGY, atol=1e-9)
    np.testing.assert_allclose(p.x, X)
    np.testing.assert_allclose(p.y, Y)
    assert "AVS" in open_file(tmp_path / "v.fld").format

    head, coords, values = fld("beside", kind="binary")
    (tmp_path / "b.fld").write_text(head)
    (tmp_path / "v.dat").write_bytes(b"".join(np.asarray(a).tobytes() for a in (*coords, values)))
    np.testing.assert_allclose(read_potential(tmp_path / "b.fld").energy, ENERGY, atol=1e-9)


def test_a_plane_of_three_dimensions(tmp_path):
    stacked = np.stack([ENERGY + 7.0, ENERGY], axis=-1) / 1e3
    head, coords, values = fld(axes=3, values=stacked)
    path = tmp_path / "v.fld"
    path.write_text(head + "\n" + lines(*coords, values))
    found = read_potential(path, "Gamma", at={"z": 89.0}, zero=3.0, origin=(5.0, 0.0))
    np.testing.assert_allclose(found.energy, ENERGY - 3.0, atol=1e-9)
    np.testing.assert_allclose(found.x, X - 5.0)
    with pytest.raises(InputError, match=r"z = 95 nm lies outside of the grid"):
        read_potential(path, at={"z": 95.0})
    with pytest.raises(InputError, match=r"say which column is the potential"):
        read_potential(path)


def comsol(rows=-ENERGY.T / 1e3):
    def line(values):
        return " ".join(f"{v:.12g}" for v in values)

    head = ["% Model: qpc.mph", "% Dimension: 2", "% Length unit: um", "% Grid"]
    body = [line(X / 1e3), line(Y / 1e3), "% Data", "% V (V)", *(line(row) for row in rows)]
    return "\n".join([*head, *body])


def test_a_grid_of_comsol(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text(comsol())
    p = read_potential(path)
    np.testing.assert_allclose(p.energy, ENERGY, atol=1e-9)
    np.testing.assert_allclose(p.x, X)
    path.write_text(comsol().replace("% V (V)\n", ""))
    with pytest.raises(InputError, match=r"the unit must be one of meV, eV, V, mV"):
        read_potential(path)
    np.testing.assert_allclose(read_potential(path, unit="V").energy, ENERGY, atol=1e-9)


@pytest.mark.parametrize("suffix", ["npz", "nc", "csv"])
def test_what_is_saved_is_read(tmp_path, suffix):
    path = tmp_path / f"v.{suffix}"
    square = qpc.Potential(X[:4], Y, ENERGY[:4])
    save_potential(path, square)
    found = read_potential(path)
    np.testing.assert_allclose(found.energy, ENERGY[:4], atol=1e-9)
    np.testing.assert_allclose(found.x, X[:4])
    with pytest.raises(ValueError, match=r"path must end in .npz, .nc or .csv"):
        save_potential(tmp_path / "v.xyz", square)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.fld", fld()[0] + "\n" + lines(X, Y, ENERGY[:3]), "20 numbers were expected, found 12"),
        ("a.fld", fld()[0].replace("dim2 = 4", "dim2 = four"), "'dim2 = a whole number'"),
        ("a.fld", fld()[0].replace("rectilinear", "irregular"), "a rectilinear field of 1 to 3"),
        ("a.fld", fld("beside")[0].replace("v.dat", "../v.dat"), "must stand in a file beside it"),
        ("a.txt", comsol()[:-30], "5 x 4 numbers were expected below % Data, found"),
        ("a.txt", comsol().replace("% V (V)\n", "% V (V)\nno number\n"), "numbers were expected"),
        ("a.csv", "x (nm),y (nm),V (meV)\n0,0,1\n0,1,2\n1,0,3\n", "must have one number"),
        ("a.csv", "u (nm),y (nm),V (meV)\n0,0,1\n0,1,2\n", "columns called x, y were expected"),
    ],
)
def test_files_that_are_refused(tmp_path, name, content, message):
    if name == "a.fld":
        content = content.replace("v.fld", "a.fld")
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_potential(tmp_path / name)
