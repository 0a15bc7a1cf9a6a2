"""The connection that writes a file: short transactions run on the event loop, what takes long in a thread.

A commit that lasts waits for the disk (fsync), so it goes to the thread, and whatever comes meanwhile shares the next
one. A commit that need not last is done on the loop, in a tenth of the time: it survives the end of this process,
however sudden, and the next commit that lasts takes it to the disk; only a power cut before that can take it back.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from smdp.storage.connection import Connection
from smdp.storage.errors import StorageError
from smdp.storage.sqlite import BUSY_SECONDS, SqliteConnection, failure

T = TypeVar("T")
Query = Callable[[Connection], Any]

_BATCH = 64
"""How many transactions share a commit, at most: bounds how long the first of them waits."""
UNSYNCED = 128
"""About how many transactions may be committed before one that lasts: bounds what a power cut takes (see `boot`)."""


@dataclass(slots=True, eq=False)
class _Job:
    query: Query
    future: asyncio.Future[Any]
    short: bool
    lasting: bool
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs queries one after the other; each is undone alone if it raises. Belongs to the running loop.

    Loop and thread never use the connection at the same time: it is away while the thread has it.
    """

    def __init__(self, connection: SqliteConnection, committed: Callable[[list[Any]], None]) -> None:
        """Start the thread. `committed` gets the notes of what was committed, on the loop."""
        self._connection = connection
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Job] = deque()
        self._away = False
        self._synced = True
        self._unsynced = 0
        self._queue: SimpleQueue[tuple[list[_Job], bool] | None] = SimpleQueue()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        connection.execute("PRAGMA busy_timeout = 0")  # the loop never waits for another process; the thread does
        threading.Thread(target=self._work, name="smdp-database", daemon=True).start()

    @property
    def idle(self) -> bool:
        """Whether the connection may be used for reading: no transaction is open on it."""
        return not self._away and not self._closing

    async def run(self, query: Callable[[Connection], T], *, short: bool = False, lasting: bool = True) -> T:
        """Run a query in a transaction and return its result after the commit. Cancelling leaves it to run.

        `short`: it may run on the loop. `lasting`: the commit is on the disk before this returns.
        """
        if self._closing:
            raise StorageError("The database is closed.")
        job = _Job(query, self._loop.create_future(), short, lasting)
        self._waiting.append(job)
        self._go_on()
        result: T = await job.future
        return result

    async def close(self) -> None:
        """Finish what waits and end the thread."""
        self._closing = True
        self._go_on()
        await asyncio.shield(self._ended)

    # --- on the loop

    def _go_on(self) -> None:
        """Run what waits, until the thread has the connection or nothing is left."""
        while self._waiting and not self._away:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH))]
            self._start(batch)
        if self._closing and not self._away and not self._ended.done():
            self._queue.put(None)
            self._ended.set_result(None)

    def _start(self, batch: list[_Job]) -> None:
        lasting = self._unsynced >= UNSYNCED or any(job.lasting for job in batch)
        short = all(job.short for job in batch)
        begun = short and self._begun(lasting=lasting)
        if begun:
            self._attempt(batch)
        if not begun or (lasting and self._connection.in_transaction):
            self._unsynced = 0
            self._away = True
            self._queue.put((batch, begun))
        else:
            self._unsynced += len(batch)
            self._deliver(batch, self._commit(batch))

    def _begun(self, *, lasting: bool) -> bool:
        """Begin a transaction, if nobody is in the way."""
        try:
            self._sync(lasting=lasting)
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:  # the thread meets it too if it stays, and tells
            return False
        return True

    def _back(self, batch: list[_Job], notes: list[Any]) -> None:
        self._away = False
        self._deliver(batch, notes)
        self._go_on()

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

    # --- in the thread

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            batch, begun = work
            if not begun:
                self._wait_and_attempt(batch)
            notes = self._commit(batch)
            try:
                self._loop.call_soon_threadsafe(self._back, batch, notes)
            except RuntimeError:  # the loop is gone, and everybody who waited with it
                return

    def _wait_and_attempt(self, batch: list[_Job]) -> None:
        connection = self._connection
        try:
            self._sync(lasting=True)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
            try:
                connection.execute("BEGIN IMMEDIATE")
            finally:
                connection.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error as error:
            _fail(batch, error)
        else:
            self._attempt(batch)

    # --- on either

    def _sync(self, *, lasting: bool) -> None:
        """Let commits wait for the disk, or not; checkpoints, which wait for it too, go with those that do."""
        if self._synced is not lasting:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {1000 if lasting else 0}")
            self._synced = lasting

    def _attempt(self, batch: list[_Job]) -> None:
        """Run all jobs in the open transaction, each in a savepoint of its own unless it is alone."""
        try:
            if len(batch) == 1:
                self._try(batch[0], "ROLLBACK")
                return
            for job in batch:
                self._connection.execute("SAVEPOINT job")
                self._try(job, "ROLLBACK TO job")
                self._connection.execute("RELEASE job")
        except sqlite3.Error as error:
            self._undo(batch, error)

    def _try(self, job: _Job, undo: str) -> None:
        """Run one job. Raises only where the whole transaction is lost."""
        connection = self._connection
        told = len(connection.notes)
        try:
            job.result = job.query(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for it
            del connection.notes[told:]
            job.error = failure(error)
            connection.execute(undo)

    def _commit(self, batch: list[_Job]) -> list[Any]:
        """Commit, unless all is undone already, and return the notes that were left."""
        connection = self._connection
        try:
            if connection.in_transaction:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo(batch, error)
        notes, connection.notes = connection.notes, []
        return notes

    def _undo(self, batch: list[_Job], error: sqlite3.Error) -> None:
        self._connection.notes = []
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        _fail(batch, error)


def _fail(batch: list[_Job], error: sqlite3.Error) -> None:
    for job in batch:
        job.error = failure(error)
