"""One suite, every place a database can be: in memory, in a file, on a PostgreSQL server."""

from collections.abc import AsyncIterator

import pytest

from smdp.model import Carrier, Plan
from smdp.storage import Connection, Database
from smdp.storage.connection import moment
from smdp.storage.queries import carriers


@pytest.fixture(params=["memory", "file", "postgres"])
def url(request, tmp_path) -> str | None:
    if request.param == "postgres":
        return request.getfixturevalue("postgres").schema()
    return None if request.param == "memory" else f"sqlite:///{tmp_path / 'smdp.db'}"


@pytest.fixture(params=["file", "postgres"])
def lasting(request, tmp_path) -> str:
    """The URL of a database that outlives its process."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres").schema()
    return f"sqlite:///{tmp_path / 'smdp.db'}"


@pytest.fixture
async def database(url) -> AsyncIterator[Database]:
    database = await Database.open(url)
    await database.write(_two_carriers)
    yield database
    await database.close()


def _two_carriers(connection: Connection) -> None:
    for name in ("acme", "beta"):
        assert carriers.insert_carrier(connection, Carrier(name=name), moment(0))
        assert carriers.insert_plan(connection, name, Plan(name="default"))
