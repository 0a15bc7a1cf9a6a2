"""The thread that writes to PostgreSQL: what waits shares a transaction, each query in a savepoint of its own.

All writers of a database, at this server and at others, go one after the other (`postgres.begin`), so one thread is
enough, and a batch pays once for the lock, the commit and the word to the others.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from smdp.storage.connection import Connection
from smdp.storage.errors import StorageError
from smdp.storage.postgres import CHANNEL, PostgresConnection, failure
from smdp.storage.postgres_link import Link

T = TypeVar("T")

_BATCH = 64
"""How many queries share a commit, at most: bounds how long the first of them waits."""
_COMMIT = f"SELECT pg_notify('{CHANNEL}', current_schema()); COMMIT"


@dataclass(slots=True, eq=False)
class _Job:
    query: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    given_up: bool = False


class PostgresWriter:
    """Runs queries one after the other; each is undone alone if it raises. Belongs to the running loop."""

    def __init__(self, link: Link, committed: Callable[[list[Any]], None]) -> None:
        """Start the thread. `committed` gets the notes of what was committed, on the loop."""
        self._link, self._committed = link, committed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Job] = deque()
        self._wakened = threading.Condition()
        self._closing = False
        self._ended = self._loop.create_future()
        threading.Thread(target=self._work, name="smdp-database", daemon=True).start()

    async def run(self, query: Callable[[Connection], T], seconds: float) -> T:
        """Run a query in a transaction and return its result after the commit. Cancelling leaves it to run.

        Raises what the query raises, and StorageError if the database fails or takes longer than `seconds`.
        """
        if self._closing:
            raise StorageError("The database is closed.")
        job = _Job(query, self._loop.create_future())
        with self._wakened:
            self._waiting.append(job)
            self._wakened.notify()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                result: T = await job.future
        except TimeoutError:
            if not limit.expired():
                raise  # the query's own
            job.given_up = True
            because = f"The database failed: its server has not answered for {seconds:.0f} s."
            raise StorageError(f"{because} What was asked for may still be done.") from None
        return result

    async def close(self, seconds: float) -> None:
        """Finish what waits and end the thread; after that many seconds, without its server's answer."""
        with self._wakened:
            self._closing = True
            self._wakened.notify()
        done, _ = await asyncio.wait([self._ended], timeout=seconds)
        if not done:
            self._link.abort()
            await asyncio.wait([self._ended], timeout=seconds)

    # --- in the thread

    def _work(self) -> None:
        while batch := self._next():
            notes = self._run(batch)
            if not self._say(self._deliver, batch, notes):
                break
        self._link.close()
        self._say(self._ended.set_result, None)

    def _next(self) -> list[_Job]:
        """Wait for work; nothing once the database is closed."""
        with self._wakened:
            while True:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH))]
                if live := [job for job in batch if not job.given_up]:
                    return live
                if self._closing and not self._waiting:
                    return []
                if not self._waiting:
                    self._wakened.wait()

    def _say(self, callback: Callable[..., object], *args: Any) -> bool:
        """Call back on the loop; False if it is gone, and everybody who waited with it."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return False
        return True

    def _run(self, batch: list[_Job]) -> list[Any]:
        """Run all of a batch in one transaction and return the notes that it left."""
        try:
            connection = self._link.begin()
            self._attempt(connection, batch)
            if all(job.error is not None for job in batch):
                self._link.undo()
                return []
            connection.command(_COMMIT)
        except (psycopg.Error, StorageError) as error:
            self._link.undo()
            for job in batch:
                job.error = failure(error)
            return []
        notes, connection.notes = connection.notes, []
        return notes

    def _attempt(self, connection: PostgresConnection, batch: list[_Job]) -> None:
        """Run the jobs. Raises psycopg.Error where all is lost."""
        connection.notes = []
        alone = len(batch) == 1
        for job in batch:
            told = len(connection.notes)
            if not alone:
                connection.command("SAVEPOINT job")
            try:
                job.result = job.query(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for it
                del connection.notes[told:]
                job.error = failure(error)
                if not alone:
                    connection.command("ROLLBACK TO job")
            if not alone:
                connection.command("RELEASE job")

    # --- on the loop

    def _deliver(self, batch: list[_Job], notes: list[Any]) -> None:
        if notes:
            self._committed(notes)
        for job in batch:
            if job.future.done():  # cancelled
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)
