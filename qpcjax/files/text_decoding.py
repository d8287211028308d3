"""Bytes of a text file as text: UTF-8, UTF-16 with or without a mark, or Windows' Latin letters."""

import codecs

from qpcjax.measurements import InputError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LOOKED_AT = 4096  # bytes
_MANY = 0.1  # of the bytes: more letters beyond ASCII are no Latin text
# Control characters that stand in text: tab, line feed, form feed, carriage return.
_IN_TEXT = frozenset(b"\t\n\x0c\r")


def decoded(path, content: bytes) -> tuple[str, str]:
    """The text, and a note where its encoding had to be guessed, "" where not.

    Args:
        path: the file, for messages.
        content: its bytes.

    Raises:
        InputError: bytes that are no text.
    """
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return _strictly(path, content, encoding), ""
    head = content[:_LOOKED_AT]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = head[first::2].count(0)
        if len(head) > 3 and zeros > 0.9 * (len(head) // 2) and not head[1 - first :: 2].count(0):
            return _strictly(path, content, encoding), ""
    try:
        text, note = content.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        text, note = _latin(path, content, error)
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(
            f"{path}: row {row} holds a zero byte, so this is not text, or it was cut off or "
            "damaged; save the table as plain CSV in UTF-8"
        )
    return text, note


def _strictly(path, content, encoding):
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: it begins as {encoding.upper()[:6]} text, but cannot be read as such from "
            f"byte {error.start} on: it was cut off or damaged; save the table as plain CSV in "
            "UTF-8"
        ) from None
    return text.lstrip("\ufeff")


def _latin(path, content, error):
    """Text in Windows' code page 1252, in which µ and ² stand where Latin-1 has them."""
    controls = {b for b in set(content) if b < 32} - _IN_TEXT
    beyond = sum(b > 127 for b in content[:_LOOKED_AT])
    try:
        if not controls and beyond <= _MANY * len(content[:_LOOKED_AT]):
            text = content.decode("cp1252")
            return text, "it is not UTF-8, and is read in Latin letters (Windows 1252)"
    except UnicodeDecodeError:
        pass
    row = content.count(b"\n", 0, error.start) + 1
    raise InputError(
        f"{path}: not UTF-8 text (byte {content[error.start]:#04x} at position {error.start}, in "
        f"row {row}); save the table as plain CSV in UTF-8"
    ) from None
