"""A connection that is made when it is needed, and again when it was lost."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psycopg

from smdp.storage.connection import Connection
from smdp.storage.errors import StorageError
from smdp.storage.postgres import READ, Place, PostgresConnection, begin, connect, failure

T = TypeVar("T")
Query = Callable[[Connection], T]

_PAUSE_SECONDS = 0.5
"""How long nobody tries to connect after somebody could not: meanwhile all are told the same."""


class Outage:
    """What the last attempt to connect met; shared by the links of a database."""

    def __init__(self) -> None:
        self._error: StorageError | None = None
        self._until = 0.0

    def check(self) -> None:
        """Raise what somebody else met a moment ago."""
        if self._error is not None and time.monotonic() < self._until:
            raise StorageError(str(self._error))

    def note(self, error: StorageError | None) -> None:
        """Note that connecting failed, or that it went well."""
        self._error, self._until = error, time.monotonic() + _PAUSE_SECONDS


class Link:
    """One connection, used by one thread at a time."""

    def __init__(self, place: Place, outage: Outage) -> None:
        self._place, self._outage = place, outage
        self._connection: PostgresConnection | None = None
        self._ended = False

    def begin(self) -> PostgresConnection:
        """Begin a transaction that writes. Raises StorageError and psycopg.Error."""
        return self._begun(begin)

    def read(self, query: Query[T]) -> T:
        """Run a query on one consistent state. Raises StorageError for the database, and what the query raises."""
        try:
            connection = self._begun(lambda connection: connection.command(READ))
            try:
                return query(connection)
            finally:
                connection.notes = []
                self.undo()
                self._leave()
        except Exception as error:
            if (clear := failure(error)) is not error:
                raise clear from error
            raise

    def look(self, query: Query[T]) -> T:
        """Run a query of one SELECT; once more if the connection turns out to be lost. Raises as `read` does."""
        try:
            found = self._alive()
            try:
                return query(found)
            except psycopg.OperationalError:
                if not found.raw.closed:
                    raise
                return query(self._alive())
            finally:
                self._leave()
        except Exception as error:
            if (clear := failure(error)) is not error:
                raise clear from error
            raise

    def undo(self) -> None:
        """End a transaction without its changes; what cannot even do that is a lost connection."""
        if self._connection is not None:
            try:
                self._connection.command("ROLLBACK")
            except psycopg.Error:
                self.close()

    def close(self) -> None:
        """Close the connection; the next use makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.raw.close()

    def abort(self) -> None:
        """Cut the connection off for good, so that a thread that waits for it goes on: with an error."""
        self._ended = True
        connection = self._connection
        if connection is None or connection.raw.closed:
            return
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.raw.fileno())) as cut:
            cut.shutdown(socket.SHUT_RDWR)

    def _leave(self) -> None:
        """Close what was cut off, or made after that."""
        if self._ended:
            self.close()

    def _begun(self, start: Callable[[PostgresConnection], None]) -> PostgresConnection:
        """Begin on the connection there is, or, if that was lost while nobody looked, on a new one."""
        connection = self._alive()
        try:
            start(connection)
        except psycopg.OperationalError:
            if not connection.raw.closed:
                self.undo()
                raise
            connection = self._alive()
            start(connection)
        return connection

    def _alive(self) -> PostgresConnection:
        if self._connection is None or self._connection.raw.closed:
            self.close()
            self._outage.check()
            if self._ended:
                raise StorageError("The database is closed.")
            try:
                fresh = connect(self._place)
            except StorageError as error:
                self._outage.note(error)
                raise
            self._outage.note(None)
            self._connection = fresh
        return self._connection
