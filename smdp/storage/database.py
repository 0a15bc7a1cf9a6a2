"""Where queries run: a database in memory or in a file (SQLite), or on a PostgreSQL server.

A query is a function of a connection; it runs once, in one transaction, and never awaits. Writers wait for each other,
within a process and between processes: so a query that writes sees nothing change under it, whatever the database.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from smdp.storage.connection import Connection
from smdp.storage.errors import StorageError

P = ParamSpec("P")
T = TypeVar("T")
Listener = Callable[[list[Any]], None]

POSTGRES = ("postgresql:", "postgres:")
"""How the URL of a PostgreSQL database begins."""


class Database(ABC):
    """Runs queries. Made by `open`, ended by `close`; belongs to the event loop that opened it."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    @staticmethod
    async def open(url: str | None = None) -> "Database":
        """Open `sqlite:///FILE`, `postgresql://…` or, without a URL, a database in memory. Raises StorageError."""
        if url is not None and url.startswith(POSTGRES):
            needs_postgres()
            from smdp.storage.postgres_database import PostgresDatabase  # noqa: PLC0415 - the extra `postgres`

            return await PostgresDatabase.start(url)
        from smdp.storage.sqlite_database import SqliteDatabase  # noqa: PLC0415 - whoever has the other needs it not

        return SqliteDatabase.start(url)

    @property
    @abstractmethod
    def shared(self) -> bool:
        """Whether another process may write here too."""

    def listen(self, listener: Listener) -> None:
        """Call the listener on the loop with the notes of each committed transaction that left any."""
        self._listeners.append(listener)

    @abstractmethod
    async def write(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, …)` in one transaction: committed when it returns, undone when it raises.

        Raises what it raises, and StorageError if the database fails or another process holds it for too long.
        """

    @abstractmethod
    async def write_short(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write as `write` does, perhaps on the loop: for what takes less than a millisecond, many times a second."""

    @abstractmethod
    async def write_lightly(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write as `write_short` does what a power cut may take back; a process that is killed takes nothing back."""

    @abstractmethod
    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, …)` on one consistent state; it must not write. Raises as `write`."""

    @abstractmethod
    async def find(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of one SELECT, which is consistent without a transaction. Raises as `read` does."""

    @abstractmethod
    def look(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what `find` does for whoever can't await: the loop stands still meanwhile. Raises as `read` does."""

    @abstractmethod
    def version(self) -> int:
        """Return a number that changes with every commit to the database, also by other processes."""

    @abstractmethod
    async def close(self) -> None:
        """Finish the writes that are under way and close the connections; closing twice is no error."""

    def _tell(self, notes: list[Any]) -> None:
        for listener in self._listeners:
            listener(notes)


def needs_postgres() -> None:
    """Raise StorageError if the extra `postgres` is not installed."""
    try:
        import psycopg  # noqa: F401, PLC0415 - the extra
    except ImportError as error:
        because = "A PostgreSQL database needs psycopg, which is not installed."
        if error.name != "psycopg":  # it is there, and found no libpq
            because = "A PostgreSQL database needs psycopg, which cannot be loaded here."
        raise StorageError(f'{because} Install the extra: pip install "smdp[postgres]".') from None
