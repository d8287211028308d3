"""Formats that are not read: what they are, and how their programs export the numbers."""

from qpcjax.measurements import InputError

# How formats that are read are written as text, for files that are damaged.
IGOR_AS_TEXT = "In Igor, save it as text: Data, Save Waves, Save Delimited Text"
TDMS_AS_TEXT = "In LabVIEW or DIAdem, export it as text"
MATLAB_AS_TEXT = "In MATLAB, write the columns as text: writematrix([gate(:) G(:)], 'file.csv')"

_PICKLED = ("pickled", "A pickled object may run any code and is never read: save as .npz")
_OFFICE = (
    "an Excel sheet of the time before .xlsx, or another document of Office",
    "Save the sheet as .xlsx, or as plain CSV in UTF-8",
)
_ORIGIN = (
    "a project of Origin",
    "In Origin, export the sheet: File, Export, ASCII, with the long names and units as header",
)
_IGOR = (
    "a packed experiment of Igor",
    "In Igor, save its waves: Data, Save Waves, Save Igor Binary (.ibw) or Save Delimited Text",
)
_PICTURE = ("a picture", "Give the file of the numbers that it was drawn from")
_ARCHIVE = ("an archive", "Unpack it, and give the file of the measurement")
_COLUMNS = ("{} of columns", "Write it as text: pandas.read_{}(file).to_csv('file.csv')")

# First bytes -> what it is, and a remedy.
_FOREIGN = {
    b"version https://git-lfs": (
        "a pointer of Git LFS, not the data",
        "Run git lfs pull where it was cloned, which fetches the data",
    ),
    b"/annex/objects/": (
        "a pointer of git-annex, not the data",
        "Run git annex get where it was cloned, which fetches the data",
    ),
    b"CDF\x05": ("netCDF-3 with 64-bit data", "Convert it: nccopy -k nc4 in.nc out.nc"),
    **{bytes([0x80, protocol]): _PICKLED for protocol in (2, 3, 4, 5)},
    b"\xd0\xcf\x11\xe0": _OFFICE,
    b"CPYA": _ORIGIN,
    b"CPYUA": _ORIGIN,
    b"TDSh": ("the index of a TDMS file", "Give the file .tdms itself"),
    b"PAR1": (_COLUMNS[0].format("a Parquet file"), _COLUMNS[1].format("parquet")),
    b"ARROW1": (_COLUMNS[0].format("an Arrow file"), _COLUMNS[1].format("feather")),
    b"%%MatrixMarket": (
        "a sparse matrix of MatrixMarket",
        "Write its columns as text: numpy.savetxt",
    ),
    b"\x28\xb5\x2f\xfd": ("compressed by Zstandard", "Unpack it: unzstd FILE"),
    b"7z\xbc\xaf\x27\x1c": _ARCHIVE,
    b"Rar!": _ARCHIVE,
    b"%PDF": ("a PDF document", "Save the table as plain CSV in UTF-8"),
    **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"), _PICTURE),
}
# Ends of names -> the same, where the first bytes do not tell it.
_NAMES = {
    (".pxp", ".pxt", ".uxp"): _IGOR,
    (".opj", ".opju", ".ogg", ".oggu", ".ogw", ".ogwu"): _ORIGIN,
    (".xls", ".xlsb"): _OFFICE,
    (".fig",): ("a figure of MATLAB", "Save the numbers: save('file.mat', 'gate', 'G')"),
    (".p", ".pkl", ".pickle"): _PICKLED,
}


def refuse_foreign(path, head):
    """Raise InputError for a file of a format that is known and not read.

    Args:
        path: the file.
        head: its first bytes.
    """
    known = [said for mark, said in _FOREIGN.items() if head.startswith(mark)]
    if b"\0" in head:  # no text, so that its name tells
        known += [said for ends, said in _NAMES.items() if path.suffix.lower() in ends]
    if known:
        kind, remedy = known[0]
        raise InputError(f"{path}: this file is {kind}, which is not read. {remedy}")
