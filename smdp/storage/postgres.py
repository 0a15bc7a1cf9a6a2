"""Opening PostgreSQL: from the URL to connections that can be relied on, or a sentence that says why not.

Every word here is the URL's but the password, which is never shown.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8Dumper

from smdp.storage.connection import Cursor
from smdp.storage.errors import EMPTY, StorageError
from smdp.storage.migrate import upgrade

BUSY_SECONDS = 5.0
"""How long a transaction waits for another server's."""
OLDEST = 14
"""The oldest PostgreSQL that statements are kept for: what its makers maintained when this was written."""
CHANNEL = "smdp"
"""Where commits are told of (NOTIFY); the payload is the schema."""

READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
"""One consistent state, and no changes."""

_LOCK = 0x736D6470
"""`smdp` in ASCII: with a hash of the schema's name, the advisory lock of whoever writes."""
_CONNECT = {
    "application_name": "smdp",
    "client_encoding": "utf8",
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A server that is cut off is noticed in seconds. The URL may say otherwise."""
_SESSION = (
    f"SET lock_timeout = {BUSY_SECONDS * 1000:.0f}",
    "SET statement_timeout = 10000",
    "SET idle_in_transaction_session_timeout = 30000",  # a server that is frozen while it writes stops no other
    "SET client_min_messages = warning",
    "SET TIME ZONE 'UTC'",
)
_PLACEHOLDER = re.compile(r"(?<!:):([a-z_]\w*)|%")

T = TypeVar("T")
Raw = psycopg.Connection[DictRow]


class PostgresConnection:
    """A connection that takes the statements as they are written for SQLite; with the notes of its transaction."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.notes: list[Any] = []

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None, /) -> Cursor:
        """Run a statement with named parameters."""
        return self.raw.execute(_translated(sql), _clean(parameters or {}))

    def executemany(self, sql: str, parameters: Iterable[Mapping[str, Any]], /) -> Cursor:
        """Run a statement once for each set of named parameters."""
        cursor = self.raw.cursor()
        cursor.executemany(_translated(sql), [_clean(one) for one in parameters])
        return cursor

    def command(self, sql: str) -> None:
        """Run statements without parameters or results, in one go."""
        self.raw.execute(sql.encode(), prepare=False)


@lru_cache(maxsize=1024)
def _translated(sql: str) -> bytes:
    """Write `:name` as psycopg does."""
    return _PLACEHOLDER.sub(lambda found: f"%({found[1]})s" if found[1] else "%%", sql).encode()


def _clean(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace NUL, which PostgreSQL has no place for in text: nothing that is stored has it, so nothing is found."""
    for value in parameters.values():
        if isinstance(value, str) and "\0" in value:
            return {
                name: value.replace("\0", "\ufffd") if isinstance(value, str) else value
                for name, value in parameters.items()
            }
    return parameters


# --- where it is


class Place(NamedTuple):
    """Where a database is: `options` to connect with, and how to call it, without its password."""

    options: dict[str, Any]
    shown: str
    name: str


def place_of(url: str) -> Place:
    """Read `postgresql://USER:PASSWORD@HOST:PORT/NAME?…`. Raises StorageError."""
    try:
        options = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error:  # its text may hold the password
        because = "What is set as the database is no PostgreSQL URL."
        raise StorageError(f"{because} Write postgresql://USER:PASSWORD@HOST:5432/NAME.") from None
    user = f"{options['user']}@" if "user" in options else ""
    host = str(options.get("host", ""))
    port = f":{options['port']}" if "port" in options and not host.startswith("/") else ""
    name = str(options.get("dbname", options.get("user", "")))
    at = f"?host={host}" if host.startswith("/") else ""
    shown = f"postgresql://{user}{'' if at else host}{port}/{name}{at}"
    return Place({**_CONNECT, **options}, shown, name)


# --- connecting


def connect(place: Place) -> PostgresConnection:
    """Open a connection, each statement its own transaction until BEGIN. Raises StorageError."""
    try:
        raw = psycopg.connect(**place.options, autocommit=True, row_factory=dict_row, prepare_threshold=3)
    except psycopg.Error as error:
        raise unusable(place, error) from None
    try:
        raw.adapters.register_dumper(int, Int8Dumper)  # one type for all integers: one plan for each statement
        raw.prepared_max = 300
        for setting in _SESSION:
            raw.execute(setting.encode(), prepare=False)
    except psycopg.Error as error:
        raw.close()
        raise unusable(place, error) from None
    return PostgresConnection(raw)


def prepare(place: Place) -> str:
    """Bring a database that is ours or empty to this release; return the schema's name. Raises StorageError."""
    connection = connect(place)
    try:
        schema = check_server(connection)
        begin(connection)
        empty = check_ours(connection)
        if empty:
            _create_meta(connection)
        upgrade(_Migrating(connection), empty=False)
        connection.command("COMMIT")
        return schema
    except (psycopg.Error, StorageError, ValueError, TypeError) as error:
        raise unusable(place, error) from None
    finally:
        connection.raw.close()


def examined(place: Place, look: Callable[[PostgresConnection, str, int, set[str]], T]) -> T:
    """Look at a database, its bytes and tables, and change nothing. Raises StorageError."""
    connection = connect(place)
    try:
        connection.command(READ)
        check_server(connection)
        sizes = _sizes(connection)
        return look(connection, place.shown, sum(sizes.values()), set(sizes))
    except (psycopg.Error, StorageError, ValueError, TypeError) as error:
        raise unusable(place, error) from None
    finally:
        connection.raw.close()


def _sizes(connection: PostgresConnection) -> dict[str, int]:
    """Return the bytes of each table. Raises StorageError if they are none of ours."""
    if check_ours(connection):
        raise StorageError(EMPTY)
    found = connection.execute(
        "SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    ).fetchall()
    return {row["name"]: row["bytes"] for row in found}


class _Migrating:
    """A connection for migrations: text compares by its bytes, as SQLite's does, whatever the server's language."""

    def __init__(self, connection: PostgresConnection) -> None:
        self.notes: list[Any] = []
        self._connection = connection

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None, /) -> Cursor:
        creates = sql.startswith(("CREATE TABLE", "ALTER TABLE"))
        return self._connection.execute(sql.replace(" TEXT", ' TEXT COLLATE "C"') if creates else sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Mapping[str, Any]], /) -> Cursor:
        return self._connection.executemany(sql, parameters)


def _create_meta(connection: PostgresConnection) -> None:
    connection.command(
        'CREATE TABLE meta (key TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL); '
        "INSERT INTO meta (key, value) VALUES ('schema', '0'), ('program', 'smdp')"
    )


def begin(connection: PostgresConnection) -> None:
    """Begin a transaction that writes, behind all others of this schema, at this server and everywhere.

    Its statements see what was committed before them (READ COMMITTED), and that is everything: so no transaction has to
    be repeated, and event ids become visible in their order.
    """
    connection.command(f"BEGIN; SELECT pg_advisory_xact_lock({_LOCK}, hashtext(current_schema()))")


def check_server(connection: PostgresConnection) -> str:
    """Return the schema that holds the tables. Raises StorageError for a server of no use."""
    info = connection.raw.info
    if info.server_version < OLDEST * 10_000:
        raise StorageError(f"it is PostgreSQL {info.server_version // 10_000}; smdp needs {OLDEST} or newer.")
    if (encoding := info.parameter_status("server_encoding")) != "UTF8":
        raise StorageError(f"its encoding is {encoding}. Create one with UTF8: createdb -E UTF8 -T template0 NAME.")
    schema: str | None = connection.execute("SELECT current_schema() AS name").fetchone()["name"]
    if schema is None:
        because = "the search_path names no schema that is there and that this user may use."
        raise StorageError(f"{because} Create it: CREATE SCHEMA NAME.")
    return schema


def check_ours(connection: PostgresConnection) -> bool:
    """Say whether there is nothing yet in the schema. Raises StorageError if it is another program's."""
    tables = connection.execute(
        "SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    ).fetchall()
    names = {row["name"] for row in tables}
    if not names:
        return True
    ours = "meta" in names
    if ours:
        columns = connection.execute(
            "SELECT count(*) AS n FROM pg_attribute WHERE attrelid = 'meta'::regclass AND attname IN ('key', 'value')"
        )
        ours = columns.fetchone()["n"] == 2  # noqa: PLR2004 - both of them
    if ours:
        ours = connection.execute("SELECT 1 FROM meta WHERE key = 'program' AND value = 'smdp'").fetchone() is not None
    if not ours:
        because = "another program has tables in it."
        raise StorageError(f"{because} Name another database, or another schema: ?options=-csearch_path%3Dsmdp.")
    return False


# --- what can go wrong


def failure(error: BaseException) -> BaseException:
    """Turn a failing database into a StorageError; bugs (constraints, arguments) and all else stay what they are."""
    if not isinstance(error, psycopg.Error):
        return error
    lacking = isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.InsufficientPrivilege)
    bugs = psycopg.IntegrityError | psycopg.ProgrammingError | psycopg.DataError | psycopg.NotSupportedError
    if isinstance(error, bugs) and not lacking:
        return error
    return StorageError(f"The database failed: {explain(error)}")


def unusable(place: Place, error: Exception) -> StorageError:
    """Say that a database can't be used, and why."""
    return StorageError(f"The database {place.shown} cannot be used: {explain(error, place)}")


def explain(error: Exception, place: Place | None = None) -> str:
    """Say what an exception of the database means, and what to do about it."""
    if isinstance(error, StorageError):
        return str(error)
    if not isinstance(error, psycopg.Error):
        return "what it holds is not smdp's. Use another database."
    for kind, sentence in _BY_KIND.items():
        if isinstance(error, kind):
            return sentence
    text = str(error)
    for known, sentence in _BY_TEXT.items():
        if known in text:
            return sentence.format(name=place.name if place and place.name else "NAME")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        first = _first_line(text)
        because = f"its server does not answer ({first})." if first else "its server does not answer."
        return f"{because} smdp goes on by itself once it does."
    return f"PostgreSQL says: {_first_line(text) or type(error).__name__}."


def _first_line(text: str) -> str:
    """Return the words of libpq or the server that say most, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0].rstrip(".")[:200] if lines else ""


_LACKS = "it lacks a table or column of smdp's, so it is damaged or another program's. Use another database."
_BY_KIND: dict[type[Exception], str] = {
    errors.LockNotAvailable: f"another server held it for more than {BUSY_SECONDS:.0f} s. End that one, or try again.",
    errors.UndefinedTable: _LACKS,
    errors.UndefinedColumn: _LACKS,
    errors.InsufficientPrivilege: "its user lacks a right that smdp needs. Give it the schema (ALTER SCHEMA).",
    errors.ReadOnlySqlTransaction: "it is read-only here: a replica, or set so. Name its primary server.",
    errors.DiskFull: "the disk of its server is full. Make room.",
    errors.OutOfMemory: "its server has no memory left.",
    errors.QueryCanceled: "its server took too long for a statement. Look at what it is busy with.",
    errors.IdleInTransactionSessionTimeout: "its server ended a transaction that stood still for 30 s.",
    errors.AdminShutdown: "its server is stopping. smdp goes on by itself once it is back.",
    errors.CrashShutdown: "its server crashed. smdp goes on by itself once it is back.",
    errors.CannotConnectNow: "its server is starting or stopping. smdp goes on by itself once it is ready.",
    errors.TooManyConnections: "its server takes no further connection. Raise its max_connections, or end others.",
}
_BY_TEXT = {  # before a connection is there, words are all there is
    "password authentication failed": "its server refuses the user or the password. Correct the URL.",
    "no password supplied": "its server wants a password. Put it into the URL: postgresql://USER:PASSWORD@HOST/NAME.",
    "no pg_hba.conf entry": "its server takes no such connection (pg_hba.conf). Allow this user, host and encryption.",
    "does not support SSL": "its server speaks no TLS, and the URL asks for it. Leave out sslmode, or switch TLS on.",
    "certificate verify failed": "the certificate of its server is not trusted. Name its CA: ?sslrootcert=FILE.",
    "too many clients": _BY_KIND[errors.TooManyConnections],
    "remaining connection slots": _BY_KIND[errors.TooManyConnections],
    "is starting up": _BY_KIND[errors.CannotConnectNow],
    "is shutting down": _BY_KIND[errors.CannotConnectNow],
    "in recovery mode": _BY_KIND[errors.CannotConnectNow],
    'role "': "its server has no such user. Create it, or name another in the URL.",
    'database "': "its server has no such database. Create it: createdb {name}.",
    "resolve host": "the host in its URL is unknown. Correct it, or start the server.",
    "Name or service not known": "the host in its URL is unknown. Correct it, or start the server.",
    "Connection refused": "nobody listens at that host and port. Start the server, or correct the URL.",
    "No such file or directory": "there is no server at that socket. Start the server, or correct the URL.",
    "timeout expired": "its server does not answer. Check host, port and firewall.",
    "invalid connection option": "its URL has an option that PostgreSQL does not know. Correct it.",
    "invalid ": "its URL has a value that PostgreSQL does not take. Correct it.",
}
