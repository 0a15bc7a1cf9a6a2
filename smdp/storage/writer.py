"""The thread that writes a file: whatever waits is committed together, so that one fsync serves many transactions."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from smdp.storage.connection import Connection
from smdp.storage.errors import StorageError
from smdp.storage.sqlite import SqliteConnection, failure

T = TypeVar("T")
Query = Callable[[Connection], Any]

_BATCH = 64
"""How many transactions share a commit, at most: bounds how long the first of them waits."""


@dataclass(slots=True)
class _Job:
    query: Query
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs queries one after the other in a thread of its own; each is undone alone if it raises."""

    def __init__(self, connection: SqliteConnection, committed: Callable[[list[Any]], None]) -> None:
        """Start the thread. `committed` gets the notes of what was committed, on the running loop."""
        self._connection = connection
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        threading.Thread(target=self._work, name="smdp-database", daemon=True).start()

    async def run(self, query: Callable[[Connection], T]) -> T:
        """Run a query in a transaction and return its result after the commit. Cancelling leaves it to run."""
        if self._closing:
            raise StorageError("The database is closed.")
        future = self._loop.create_future()
        self._queue.put(_Job(query, future))
        result: T = await future
        return result

    async def close(self) -> None:
        """Finish what waits and end the thread."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        await asyncio.shield(self._ended)

    def _work(self) -> None:
        going = True
        while going:
            batch, going = self._take()
            notes = self._commit(batch) if batch else []
            try:
                self._loop.call_soon_threadsafe(self._deliver, batch, notes, going)
            except RuntimeError:  # the loop is gone, and everybody who waited with it
                return

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job, and take what else is there. False says that it was the last."""
        batch: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            if len(batch) == _BATCH:
                return batch, True
            try:
                job = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: list[_Job]) -> list[Any]:
        """Run a batch in one transaction with a savepoint for each job, and return the notes it left."""
        connection = self._connection
        notes: list[Any] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._attempt(job)
                notes += connection.notes
                connection.notes = []
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.notes = []
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for job in batch:
                job.error = failure(error)
            return []
        return notes

    def _attempt(self, job: _Job) -> None:
        """Run one job. Raises only where the whole transaction is lost."""
        connection = self._connection
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.query(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for it
            connection.notes = []
            connection.execute("ROLLBACK TO job")
            job.error = failure(error)
        connection.execute("RELEASE job")

    def _deliver(self, batch: list[_Job], notes: list[Any], going: bool) -> None:  # noqa: FBT001 - a callback
        if notes:
            self._committed(notes)
        for job in batch:
            if job.future.done():  # cancelled
                continue
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)
        if not going and not self._ended.done():
            self._ended.set_result(None)
