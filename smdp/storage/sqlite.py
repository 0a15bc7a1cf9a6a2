"""Opening SQLite: from the URL to a connection that can be relied on, or a sentence that says why not."""

import sqlite3
from pathlib import Path
from typing import Any

from smdp.storage import boot
from smdp.storage.errors import StorageError
from smdp.storage.migrate import upgrade

APPLICATION_ID = 0x736D6470
"""`smdp` in ASCII, in the header of our files: tells them from other programs' databases."""
BUSY_SECONDS = 5.0
"""How long a transaction waits for another process's."""
_OLDEST = (3, 35, 0)
_MEMORY = ("", ":memory:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://:memory:")
_PREFIX = "sqlite:///"


class SqliteConnection(sqlite3.Connection):
    """A connection with the notes of the running transaction."""

    notes: list[Any]


def file_of(url: str | None) -> Path | None:
    """Return the file that a URL names, None for in memory. Raises StorageError for what isn't SQLite."""
    if url is None or url in _MEMORY:
        return None
    if not url.startswith(_PREFIX) or "?" in url or "\0" in url:
        shown = url.split("@")[-1][:80]  # a URL may carry a password before the @
        ways = "sqlite:///smdp.db, postgresql://USER:PASSWORD@HOST/NAME, or nothing for in memory"
        raise StorageError(f"{shown!r} is no database URL. Write {ways}.")
    return Path(url.removeprefix(_PREFIX))


def connect(file: Path | None) -> SqliteConnection:
    """Open the connection that writes, with the schema of this release. Raises StorageError."""
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StorageError(f"Python brings SQLite {sqlite3.sqlite_version}; smdp needs 3.35 or newer: update Python.")
    name = "in memory" if file is None else str(file)
    _check_place(file)
    connection: SqliteConnection | None = None
    try:
        connection = _raw(":memory:" if file is None else str(file))
        _prepare(connection, in_memory=file is None)
    except (sqlite3.Error, StorageError, OverflowError, ValueError, TypeError) as error:
        if connection is not None:
            connection.close()
        raise StorageError(f"The database {name} cannot be used: {explain(error)}") from None
    return connection


def connect_reader(file: Path) -> SqliteConnection:
    """Open a second connection on a file that can't write."""
    connection = _raw(str(file))
    connection.execute("PRAGMA query_only = ON")
    return connection


def explain(error: Exception) -> str:
    """Say what an exception of the database means, and what to do about it."""
    if isinstance(error, StorageError):
        return str(error)
    text = str(error)
    for known, sentence in _SENTENCES.items():
        if known in text:
            return sentence
    if isinstance(error, sqlite3.Error):
        return f"SQLite says: {text}."
    return "what it holds is not smdp's. Use another file, or move this one away."


def failure(error: BaseException) -> BaseException:
    """Turn a failing database into a StorageError; bugs (constraints, arguments) and all else stay what they are."""
    bugs = sqlite3.IntegrityError | sqlite3.ProgrammingError
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(error, bugs):
        return error
    return StorageError(f"The database failed: {explain(error)}")


_SENTENCES = {
    "not a database": "it is a file, but no SQLite database. Name another file, or move this one away.",
    "malformed": "it is damaged. Restore a copy, or move it away to start with an empty one.",
    "locked": f"another process held it for more than {BUSY_SECONDS:.0f} s. End that process, or try again.",
    "unable to open": "it cannot be opened. Check that the folder is there and that this user may write in it.",
    "readonly": "it is read-only. Give this user the right to write the file and its folder.",
    "disk is full": "the disk is full. Make room and start again.",
    "no such table": "it lacks a table of smdp's, so it is damaged or another program's. Use another file.",
    "no such column": "it lacks a column of smdp's, so it is damaged or another program's. Use another file.",
    "disk I/O": "reading or writing it failed. Check the disk and the rights on the file and its folder.",
}


def _check_place(file: Path | None) -> None:
    if file is None:
        return
    try:
        _check_file(file)
    except OSError as error:  # a name that is too long, a folder that this user may not look into
        because = f"The database {str(file)[:200]} cannot be used: {error.strerror}."
        raise StorageError(f"{because} Name another file, or let this user read the folder.") from None


def _check_file(file: Path) -> None:
    if file.is_dir():
        raise StorageError(f"The database {file} is a folder. Name a file in it: sqlite:///{file}/smdp.db.")
    if file.exists() and not file.is_file():
        raise StorageError(f"The database {file} is no file, but a device or a socket. Name a file.")
    if not file.parent.is_dir():
        raise StorageError(f"The database {file} cannot be created: there is no folder {file.parent}. Create it first.")


def _raw(name: str) -> SqliteConnection:
    connection = sqlite3.connect(
        name,
        timeout=BUSY_SECONDS,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,  # opened on the loop, used by the worker; never by two at once
        cached_statements=256,
        factory=SqliteConnection,
    )
    connection.row_factory = sqlite3.Row
    connection.notes = []
    return connection


def _prepare(connection: SqliteConnection, *, in_memory: bool) -> None:
    if not in_memory:
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        _identify(connection)
        if not in_memory:
            boot.leap(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    if not in_memory:
        connection.execute("PRAGMA journal_mode = WAL")


def _identify(connection: SqliteConnection) -> None:
    """Check that the file is ours or empty, and bring its schema up to date."""
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    identifier = connection.execute("PRAGMA application_id").fetchone()[0]
    if not empty and identifier != APPLICATION_ID:
        raise StorageError("it is another program's. Name another file.")
    if empty:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    upgrade(connection, empty=empty)
