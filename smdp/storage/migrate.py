"""Bring a database to the schema of this release: numbered files, each applied once, in order."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from smdp.storage.connection import Connection
from smdp.storage.errors import StorageError


class Migration(NamedTuple):
    """One file of migrations/: `NNN_name.sql`."""

    number: int
    name: str
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Read the migrations of this release, in order."""
    folder = files("smdp.storage") / "migrations"
    named = sorted((file.name, file) for file in folder.iterdir() if file.name.endswith(".sql"))
    return tuple(Migration(int(name[:3]), name[4:-4], file.read_text("utf-8")) for name, file in named)


def statements(sql: str) -> Iterator[str]:
    """Split a migration into its statements; comments go, so that none can hide a semicolon."""
    without_comments = "\n".join(line.split("--", 1)[0] for line in sql.splitlines())
    yield from (part.strip() for part in without_comments.split(";") if part.strip())


def upgrade(connection: Connection, *, empty: bool) -> None:
    """Apply what is missing, inside the caller's transaction. Raises StorageError for a newer schema."""
    if empty:
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.execute("INSERT INTO meta (key, value) VALUES ('schema', '0')")
    current = int(connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()["value"])
    newest = migrations()[-1].number
    if current > newest:
        raise StorageError(
            f"it was written by a newer smdp (schema {current}, this one knows {newest}): "
            "update smdp, or use another database."
        )
    for migration in migrations():
        if migration.number > current:
            for statement in statements(migration.sql):
                connection.execute(statement)
    connection.execute("UPDATE meta SET value = :newest WHERE key = 'schema'", {"newest": str(max(newest, current))})
