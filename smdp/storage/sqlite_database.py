"""SQLite: queries run in memory on the event loop itself, on a file there too or in one thread that waits for the disk.

Nothing else happens while a transaction is open. Writers of a file wait for each other (BEGIN IMMEDIATE), within a
process and between processes.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from smdp.storage.connection import Connection
from smdp.storage.database import Database
from smdp.storage.sqlite import SqliteConnection, connect, connect_reader, failure, file_of
from smdp.storage.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class SqliteDatabase(Database):
    """Runs queries on SQLite."""

    def __init__(self, connection: SqliteConnection, reader: SqliteConnection | None) -> None:
        """Take the connection that writes and, for a file, a second one that reads."""
        super().__init__()
        self._connection = connection
        self._reader = reader or connection
        self._writer = Writer(connection, self._tell) if reader else None

    @classmethod
    def start(cls, url: str | None = None) -> "SqliteDatabase":
        """Open `sqlite:///FILE`, or a database in memory where there is no URL. Raises StorageError."""
        file = file_of(url)
        connection = connect(file)
        return cls(connection, connect_reader(file) if file else None)

    @property
    def shared(self) -> bool:
        """Whether another process may write here too."""
        return self._writer is not None

    async def write(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, …)` in one transaction: committed when it returns, undone when it raises.

        Raises what it raises, and StorageError if the database fails or another process holds it for too long.
        """
        if self._writer is not None:
            return await self._writer.run(lambda connection: fn(connection, *args, **kwargs))
        return self._write_memory(fn, *args, **kwargs)

    async def write_short(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write as `write` does, but on the loop: for what takes less than a millisecond, many times a second."""
        if self._writer is not None:
            return await self._writer.run(lambda connection: fn(connection, *args, **kwargs), short=True)
        return self._write_memory(fn, *args, **kwargs)

    async def write_lightly(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Write as `write_short` does what a power cut may take back: it reaches the disk with the next other write.

        A process that is killed takes nothing back.
        """
        if self._writer is not None:
            return await self._writer.run(lambda connection: fn(connection, *args, **kwargs), short=True, lasting=False)
        return self._write_memory(fn, *args, **kwargs)

    def _write_memory(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = self._connection
        try:
            connection.execute("BEGIN")
            result = fn(connection, *args, **kwargs)
            connection.execute("COMMIT")
        except BaseException as error:
            connection.notes = []
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if (clear := failure(error)) is not error:
                raise clear from error
            raise
        if connection.notes:
            notes, connection.notes = connection.notes, []
            self._tell(notes)
        return result

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, …)` on one consistent state; it must not write. Raises as `write`."""
        connection = self._reader
        try:
            connection.execute("BEGIN")
            return fn(connection, *args, **kwargs)
        except Exception as error:
            if (clear := failure(error)) is not error:
                raise clear from error
            raise
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    async def find(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of one SELECT, which is consistent without a transaction. Raises as `read` does."""
        return self.look(fn, *args, **kwargs)

    def look(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of one SELECT, which is consistent without a transaction. Raises as `read` does."""
        idle = self._writer is not None and self._writer.idle
        try:
            return fn(self._connection if idle else self._reader, *args, **kwargs)  # the one with the warmer cache
        except Exception as error:
            if (clear := failure(error)) is not error:
                raise clear from error
            raise

    def version(self) -> int:
        """Return a number that changes with every commit to the file, also by other processes."""
        number: int = self._reader.execute("PRAGMA data_version").fetchone()[0]
        return number

    async def close(self) -> None:
        """Finish the writes that are under way and close the connections; closing twice is no error."""
        if self._writer is not None:
            await self._writer.close()
        self._reader.close()
        self._connection.close()
