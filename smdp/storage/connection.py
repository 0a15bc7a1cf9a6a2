"""What queries need of a database connection: the common part of sqlite3's and psycopg's."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Row(Protocol):
    """A result row, read by column name."""

    def __getitem__(self, column: str, /) -> Any:
        """Return a column's value."""


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows an INSERT, UPDATE or DELETE met."""

    def fetchone(self) -> Any:
        """Return the next row or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""


class Connection(Protocol):
    """A connection inside a transaction. `notes` reach the database's listeners if, and once, it is committed."""

    notes: list[Any]

    def execute(self, sql: str, parameters: Mapping[str, Any] = ..., /) -> Cursor:
        """Run a statement with named parameters."""

    def executemany(self, sql: str, parameters: Iterable[Mapping[str, Any]], /) -> Cursor:
        """Run a statement once for each set of named parameters."""


def micros(moment: datetime) -> int:
    """Return the microseconds since 1970 of an aware datetime: how times are stored."""
    return (moment - _EPOCH) // _MICROSECOND


def micros_or_none(moment: datetime | None) -> int | None:
    """Return the microseconds since 1970, or None."""
    return None if moment is None else micros(moment)


def moment(stored: int) -> datetime:
    """Return the time that is stored as microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=stored)


def moment_or_none(stored: int | None) -> datetime | None:
    """Return the time that is stored, or None."""
    return None if stored is None else moment(stored)


def one_of(name: str, values: Iterable[Any], parameters: dict[str, Any]) -> str:
    """Write `:name0, :name1` for a list after IN, and add its values to the parameters.

    An empty list becomes NULL: `x IN (NULL)` holds for no x.
    """
    names = []
    for place, value in enumerate(values):
        parameters[f"{name}{place}"] = value
        names.append(f":{name}{place}")
    return ", ".join(names) or "NULL"
