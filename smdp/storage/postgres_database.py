"""PostgreSQL: queries run in threads, each with a connection of its own; what other servers commit is heard of.

Reads see one consistent state. Writes go one after the other (`postgres_writer`). A connection that was lost is made
anew by whoever needs it next; until that works, everybody is told what is wrong with the database.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from smdp.storage.connection import Connection
from smdp.storage.database import Database
from smdp.storage.errors import StorageError
from smdp.storage.postgres import CHANNEL, Place, explain, place_of, prepare
from smdp.storage.postgres_link import Link, Outage
from smdp.storage.postgres_writer import PostgresWriter

P = ParamSpec("P")
T = TypeVar("T")

_READERS = 4
_ANSWER_SECONDS = 12.0
"""How long anybody waits: longer than for another server's transaction, shorter than a device waits."""
_LOOK_SECONDS = 1.0
"""How long the loop stands still for a look, at most."""
_LOOK_PAUSE = 5.0
"""For how long nobody looks after a look took that long."""
_CLOSE_SECONDS = 5.0
_LISTEN_PAUSE = 1.0

_log = logging.getLogger("smdp.storage")


class PostgresDatabase(Database):
    """Runs queries on a PostgreSQL server."""

    def __init__(self, place: Place, schema: str) -> None:
        """Take a database whose schema is this release's."""
        super().__init__()
        self._place, self._schema = place, schema
        self._outage = Outage()
        self._idle: deque[Link] = deque(Link(place, self._outage) for _ in range(_READERS))
        self._links = [*self._idle]
        self._readers = ThreadPoolExecutor(_READERS, "smdp-reader")
        self._looks = Link(place, self._outage)
        self._looker = ThreadPoolExecutor(1, "smdp-looker")
        self._blind_until = 0.0
        self._writer = PostgresWriter(Link(place, self._outage), self._tell)
        self._version = 0
        self._following = asyncio.create_task(self._follow())
        self._closed = False

    @classmethod
    async def start(cls, url: str) -> "PostgresDatabase":
        """Bring the database to the schema of this release and open it. Raises StorageError."""
        place = place_of(url)
        return cls(place, await asyncio.to_thread(prepare, place))

    @property
    def shared(self) -> bool:
        """Whether another process may write here too."""
        return True

    async def write(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, …)` in one transaction: committed when it returns, undone when it raises.

        Raises what it raises, and StorageError if the database fails or another server holds it for too long.
        """
        return await self._writer.run(lambda connection: fn(connection, *args, **kwargs), _ANSWER_SECONDS)

    write_short = write
    write_lightly = write

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(connection, …)` on one consistent state; it must not write. Raises as `write`."""
        return await self._ask(lambda link: link.read(lambda connection: fn(connection, *args, **kwargs)))

    async def find(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query of one SELECT, which is consistent without a transaction. Raises as `read` does."""
        return await self._ask(lambda link: link.look(lambda connection: fn(connection, *args, **kwargs)))

    async def _ask(self, work: Callable[[Link], T]) -> T:
        if self._closed:
            raise StorageError("The database is closed.")
        limit = asyncio.timeout(_ANSWER_SECONDS)
        try:
            async with limit:
                return await self._asked(work)
        except TimeoutError:
            if not limit.expired():
                raise  # the query's own
            because = f"The database failed: its server has not answered for {_ANSWER_SECONDS:.0f} s."
            raise StorageError(because) from None

    def _asked(self, work: Callable[[Link], T]) -> asyncio.Future[T]:
        def run() -> T:
            link = self._idle.pop()  # as many as threads; the one that was used last
            try:
                return work(link)
            finally:
                self._idle.append(link)

        return asyncio.get_running_loop().run_in_executor(self._readers, run)

    def look(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what `find` does for whoever can't await: the loop stands still meanwhile, at most for a second."""
        if self._closed:
            raise StorageError("The database is closed.")
        if time.monotonic() < self._blind_until:
            raise StorageError("The database failed: its server takes too long to answer.")
        found: Future[T] = self._looker.submit(self._looks.look, lambda connection: fn(connection, *args, **kwargs))
        try:
            return found.result(_LOOK_SECONDS)
        except TimeoutError:
            if found.done():
                raise  # the query's own
            found.cancel()
            self._blind_until = time.monotonic() + _LOOK_PAUSE
            raise StorageError("The database failed: its server takes too long to answer.") from None

    # --- what others commit

    def version(self) -> int:
        """Return a number that changes with every commit to the database, also by other processes."""
        return self._version

    async def _follow(self) -> None:
        """Count the commits that servers tell of; after a gap there may have been some."""
        lost = False
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(**self._place.options, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}".encode())
                    self._version += 1
                    if lost:
                        lost = False
                        _log.warning("the database %s answers again", self._place.shown)
                    async for told in connection.notifies():
                        if told.payload == self._schema:
                            self._version += 1
            except (psycopg.Error, OSError) as error:
                if not lost:
                    lost = True
                    _log.warning("the database %s is away: %s", self._place.shown, explain(error, self._place))
            await asyncio.sleep(_LISTEN_PAUSE)

    # --- the end

    async def close(self) -> None:
        """Finish the writes that are under way and close the connections; closing twice is no error."""
        if self._closed:
            return
        self._closed = True
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following
        await self._writer.close(_CLOSE_SECONDS)
        for executor, links in ((self._readers, self._links), (self._looker, [self._looks])):
            await self._end(executor, links)

    async def _end(self, executor: ThreadPoolExecutor, links: list[Link]) -> None:
        """End threads, those that wait for an answer by cutting their connections off."""
        executor.shutdown(wait=False, cancel_futures=True)
        ending: asyncio.Future[Any] = asyncio.get_running_loop().run_in_executor(None, executor.shutdown)
        done, _ = await asyncio.wait([ending], timeout=_CLOSE_SECONDS)
        if not done:
            for link in links:
                link.abort()
            await asyncio.wait([ending], timeout=_CLOSE_SECONDS)
        for link in links:
            link.close()
