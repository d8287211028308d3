"""SQLite databases, opened for reading without a trace, as they were last committed.

What a program has written and not committed yet, or wrote when it was killed, is no data. In the
mode of a rollback journal it may stand in the database itself, and the journal beside it holds what
was there before. SQLite undoes that when it may write: here in a copy.
"""

import contextlib
import shutil
import sqlite3
import tempfile
import urllib.parse
from pathlib import Path

from qpcjax.files.table import MOST_BYTES, mib, read_head
from qpcjax.measurements import InputError

_PATIENCE = 1.0  # seconds to wait for a program that has locked the database
_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"  # first bytes of a rollback journal in use
_WAL = 2  # in bytes 18 and 19 of the database: rows are first written to a log of their own


def waiting(path) -> list[Path]:
    """Files beside the database that hold a part of it: its log, or what was there before."""
    log = path.with_name(path.name + "-wal")
    found = [log] if log.exists() and log.stat().st_size > 0 else []
    return found + _journal(path)


def _journal(path):
    journal = path.with_name(path.name + "-journal")
    return [journal] if journal.exists() and read_head(journal, 8) == _JOURNAL else []


def check_whole(path):
    """Raise InputError for a database that was cut off: SQLite would read what lacks as zeros."""
    head = read_head(path, 100)
    size = int.from_bytes(head[16:18], "big")
    whole = (65536 if size == 1 else size) * int.from_bytes(head[28:32], "big")
    if len(head) < 100 or (path.stat().st_size < whole and not waiting(path)):
        raise InputError(
            f"{path}: cut off: it has {path.stat().st_size} of {whole} bytes. Copy it once more, "
            "while no other program has it open"
        )


def quoted(name):
    """The name of a table or a column in a statement."""
    return '"' + str(name).replace('"', '""') + '"'


def exists(database, name):
    """Whether the database has a table of this name."""
    found = database.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (str(name),)
    )
    return found.fetchone() is not None


@contextlib.contextmanager
def opened(path):
    """The database, for reading alone.

    Raises:
        InputError: another program has locked it, it is damaged, or it is too large to undo in a
            copy what was not committed.
    """
    beside = waiting(path)
    # What is `immutable` is opened without locks and without a trace, which a log would leave.
    sleeps = read_head(path, 20)[18:20] == bytes([_WAL, _WAL]) and not beside
    try:
        with contextlib.ExitStack() as stack:
            database = stack.enter_context(_connected(path, sleeps))
            try:
                database.execute("SELECT 1 FROM sqlite_master").fetchone()
            except sqlite3.OperationalError as error:
                if not _journal(path) or _is_locked(error):
                    raise
                database = stack.enter_context(_rolled_back(path, stack))
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA query_only = ON")
            yield database
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter from damaged names
        if _is_locked(error):
            raise InputError(
                f"{path}: another program has locked this database, and is writing to it. Read it "
                "again when that is done, or close the program"
            ) from None
        hint = f", or {beside[0].name} beside it does not belong to it" if beside else ""
        raise InputError(
            f"{path}: cut off or damaged, and cannot be read as SQLite ({error}){hint}. Copy it "
            "once more, while no other program has it open"
        ) from None


def _is_locked(error):
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _connected(path, sleeps=False, mode="ro"):
    way = f"mode={mode}" + ("&immutable=1" if sleeps else "")
    address = f"file:{urllib.parse.quote(str(path.absolute()))}?{way}"
    return contextlib.closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE))


def _rolled_back(path, stack):
    """A copy in which SQLite has undone what was not committed."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"{path}: a program was stopped while it wrote, and {path.name}-journal beside it "
            "holds what has to be undone. It is undone here in a copy of databases up to "
            f"{mib(MOST_BYTES)}; open this one once with QCoDeS, which undoes it"
        )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qpcjax-")))
    for part in (path, *_journal(path)):
        shutil.copyfile(part, folder / part.name)
    return _connected(folder / path.name, mode="rw")
