"""Looking at a database without a server of ours: is it ours, is it whole, what is in it, which schema has it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from smdp.storage.connection import Cursor
from smdp.storage.database import POSTGRES, needs_postgres
from smdp.storage.errors import EMPTY, StorageError
from smdp.storage.migrate import migrations
from smdp.storage.sqlite import APPLICATION_ID, connect, explain, file_of

T = TypeVar("T")

TABLES = ("carriers", "profiles", "sessions", "events", "devices", "snapshots")
_MAX_FAULTS = 5
_MAX_CARRIERS = 20


class _Readable(Protocol):
    def execute(self, sql: str, /) -> Cursor:
        """Run a statement."""


class Report(NamedTuple):
    """What a database holds: its schema and the newest one, rows by table, carriers by name (the first 20).

    `database` is the file, or the URL without its password.
    """

    database: str
    bytes: int
    schema: int
    newest: int
    rows: dict[str, int]
    carriers: list[str]

    @property
    def current(self) -> bool:
        """Whether it has the schema of this release."""
        return self.schema == self.newest


def check(url: str) -> Report:
    """Look at a database and change nothing. Raises StorageError that says what is wrong, and the way out."""
    if url.startswith(POSTGRES):
        needs_postgres()
        from smdp.storage import postgres  # noqa: PLC0415 - the extra `postgres`

        return postgres.examined(postgres.place_of(url), _report)
    file = _existing(url)
    return _opened(file, lambda connection: _examined(connection, file))


def upgrade(url: str) -> tuple[int, int]:
    """Bring a database to the schema of this release; return the schema it had and the one it has.

    Raises StorageError for what is no database of smdp's, or of a newer one; then nothing is changed.
    """
    before = check(url)
    if url.startswith(POSTGRES):
        from smdp.storage import postgres  # noqa: PLC0415 - as above

        postgres.prepare(postgres.place_of(url))
    else:
        connect(_existing(url)).close()
    return before.schema, check(url).schema


def _existing(url: str) -> Path:
    file = file_of(url)
    if file is None:
        raise StorageError("A database in memory ends with its server: there is no file to look at.")
    if not file.is_file():
        raise StorageError(f"There is no database {file}. Name a file that is there: sqlite:///{file.name}.")
    return file


def _opened(file: Path, look: Callable[[sqlite3.Connection], T]) -> T:
    """Open a file for reading only. A server may have it open meanwhile."""
    connection = None
    try:
        connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        return look(connection)
    except (sqlite3.Error, StorageError, OverflowError, ValueError, TypeError) as error:
        raise StorageError(f"The database {file} cannot be used: {explain(error)}") from None
    finally:
        if connection is not None:
            connection.close()


def _examined(connection: sqlite3.Connection, file: Path) -> Report:
    connection.row_factory = sqlite3.Row
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        raise StorageError(EMPTY)
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StorageError("it is another program's. Name another file.")
    faults = [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MAX_FAULTS})")]
    if faults != ["ok"]:
        raise StorageError(f"it is damaged ({'; '.join(faults)[:300]}). Restore a copy, or move it away.")
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return _report(connection, str(file), file.stat().st_size, {row["name"] for row in tables})


def _report(connection: _Readable, database: str, size: int, known: set[str]) -> Report:
    """Read what every database of ours has; `known` are its tables."""
    schema = int(connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()["value"])
    newest = migrations()[-1].number
    if schema > newest:
        because = f"it was written by a newer smdp (schema {schema}, this one knows {newest}):"
        raise StorageError(f"{because} update smdp, or use another database.")
    rows = {
        table: connection.execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"]  # noqa: S608 - one of our names
        for table in TABLES
        if table in known
    }
    first = f"SELECT name FROM carriers ORDER BY name LIMIT {_MAX_CARRIERS}"  # noqa: S608 - a number
    names = connection.execute(first).fetchall()
    return Report(database, size, schema, newest, rows, [row["name"] for row in names])
