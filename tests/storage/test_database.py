import asyncio
import sqlite3

import psycopg
import pytest

from smdp.storage import Database, StorageError
from smdp.storage.queries import carriers


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is asked for is that asking is enough
            await asyncio.sleep(0.01)


def serials(connection, carrier="acme"):
    return carriers.next_serials(connection, carrier, 1)


async def test_a_write_is_there_for_the_next_read(database):
    assert await database.write(serials) == 1
    assert await database.write(serials) == 2
    assert await database.read(carriers.carrier_names) == ["acme", "beta"]


async def test_a_write_that_raises_leaves_nothing(database):
    def fails(connection):
        serials(connection)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.write(fails)
    assert await database.write(serials) == 1


async def test_one_of_many_writes_that_raises_undoes_itself_alone(database):
    def fails(connection):
        serials(connection)
        raise KeyError

    jobs = [fails if place % 5 == 0 else serials for place in range(100)]
    results = await asyncio.gather(*(database.write(job) for job in jobs), return_exceptions=True)
    assert [place for place, result in enumerate(results) if isinstance(result, KeyError)] == list(range(0, 100, 5))
    assert sorted(result for result in results if isinstance(result, int)) == list(range(1, 81))


async def test_notes_are_told_once_after_the_commit_and_never_of_what_was_undone(database):
    told = []
    database.listen(told.extend)

    def notes(connection, note):
        connection.notes.append(note)

    def fails(connection):
        connection.notes.append("undone")
        raise KeyError

    await database.write(notes, "first")
    with pytest.raises(KeyError):
        await database.write(fails)
    await database.write(notes, "second")
    assert told == ["first", "second"]


async def test_whoever_awaits_a_write_finds_its_notes_told_already(database):
    told = []
    database.listen(told.extend)
    await asyncio.gather(*(database.write(lambda c, note=note: c.notes.append(note)) for note in range(50)))
    assert told == list(range(50))


async def test_a_bug_in_a_statement_stays_what_it_is(database):
    with pytest.raises(StorageError, match="lacks a table"):
        await database.write(lambda c: c.execute("SELECT * FROM songs"))
    with pytest.raises((sqlite3.ProgrammingError, psycopg.ProgrammingError), match=r"binding|parameter missing"):
        await database.read(lambda c: c.execute("SELECT :x", {}))
    assert await database.write(serials) == 1


async def test_what_a_cancelled_caller_asked_for_does_not_stop_the_others(database):
    first = asyncio.ensure_future(database.write(serials))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await database.write(serials) == 2


async def test_closing_twice_is_no_error_and_finishes_what_waits(url):
    database = await Database.open(url)
    waiting = asyncio.ensure_future(database.write(carriers.carrier_names))
    await asyncio.sleep(0)
    await database.close()
    assert await waiting == []
    await database.close()
    with pytest.raises((StorageError, sqlite3.ProgrammingError), match="closed"):
        await database.write(carriers.carrier_names)


async def test_what_was_written_outlives_the_process(lasting):
    for expected in (1, 2, 3):
        database = await Database.open(lasting)
        await database.write(lambda c: c.execute("INSERT INTO counters (carrier) VALUES ('a') ON CONFLICT DO NOTHING"))
        assert await database.write(serials, "a") == expected
        await database.close()


async def test_a_read_cannot_write(lasting):
    database = await Database.open(lasting)
    with pytest.raises(StorageError, match="read-only"):
        await database.read(lambda c: c.execute("DELETE FROM counters"))
    await database.close()


async def test_the_version_changes_with_another_ones_commit(lasting):
    one, other = await Database.open(lasting), await Database.open(lasting)
    await until(lambda: one.version() != 0)  # it listens to PostgreSQL by then
    before = one.version()
    await other.write(lambda c: c.execute("INSERT INTO counters (carrier) VALUES ('a')"))
    await until(lambda: one.version() != before)
    await one.close()
    await other.close()
