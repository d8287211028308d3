"""MATLAB's files of version 5 to 7, which SciPy reads; later ones are HDF5.

Variables and fields of structures are arrays by name. MATLAB has no units: they stand in a name,
such as gate_mV, or in a text beside it, gate_unit.
"""

import warnings
import zlib

from qpcjax.files.damage import readable
from qpcjax.files.foreign import MATLAB_AS_TEXT
from qpcjax.files.named_tree import tree_tables
from qpcjax.files.probing import check
from qpcjax.files.table import MOST_BYTES, check_size, mib
from qpcjax.measurements import InputError

_REMEDY = f"Save it once more. {MATLAB_AS_TEXT}"
_LIBRARY = 1 << 30  # bytes that SciPy takes itself
_HEADER, _PACKED = 128, 15  # bytes of the header; the type of an element that zlib packed


def read_matlab(path):
    """The tables in a MATLAB file, as `formats` calls it."""
    from scipy.io import loadmat

    check_size(path)
    with readable(path, "a MATLAB file", _REMEDY), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that SciPy does not know
        check(path, "MATLAB", "SciPy", _LIBRARY + 5 * _unpacked(path))
        content = loadmat(path, simplify_cells=True)
    tables = tree_tables(path, {k: v for k, v in content.items() if not k.startswith("__")})
    if not tables:
        raise InputError(
            f"{path}: there is no array of numbers in this MATLAB file. MATLAB's own tables and "
            "objects are not read: export them with writetable(T, 'file.csv')"
        )
    return tables


def _unpacked(path):
    """Bytes of the file when it is unpacked; InputError where they are more than is read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        order = "little" if file.read(_HEADER)[126:128] == b"IM" else "big"
        while tag := file.read(8):
            kind, length = (int.from_bytes(tag[i : i + 4], order) for i in (0, 4))
            if kind != _PACKED:
                file.seek(length, 1)
                continue
            unpack, left = zlib.decompressobj(), length
            while left > 0 and (piece := file.read(min(left, 1 << 16))):
                left -= len(piece)
                while piece:
                    size += len(unpack.decompress(piece, 1 << 20))
                    piece = unpack.unconsumed_tail
                    if size > MOST_BYTES:
                        raise InputError(
                            f"{path}: it would unpack to more than {mib(MOST_BYTES)}, and no more "
                            "are read. Save only the arrays that are to be fitted"
                        )
    return size
