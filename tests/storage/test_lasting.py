"""What need not wait for the disk is still there after a crash, and a power cut lets no number be given twice."""

import asyncio
import sqlite3

import pytest

from smdp.storage import Database, boot, writer
from smdp.storage.queries import carriers, events

ADD = "INSERT INTO counters (carrier) VALUES ('a') ON CONFLICT DO NOTHING"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'smdp.db'}"


def serials(connection):
    connection.execute(ADD)
    return carriers.next_serials(connection, "a", 1)


def synchronous(connection):
    return connection.execute("PRAGMA synchronous").fetchone()[0]


async def test_only_what_was_written_lightly_does_not_wait_for_the_disk(url):
    database = await Database.open(url)
    full, normal = 2, 1
    for _ in range(2):
        assert await database.write_lightly(synchronous) == normal
        assert await database.write_short(synchronous) == full
        assert await database.write(synchronous) == full
    await database.close()


async def test_many_light_writes_are_followed_by_one_that_lasts(url):
    database = await Database.open(url)
    levels = [await database.write_lightly(synchronous) for _ in range(writer.UNSYNCED + 2)]
    assert levels == [1] * writer.UNSYNCED + [2, 1]
    await database.close()


async def test_all_kinds_of_writes_mix(url):
    database = await Database.open(url)
    kinds = (database.write, database.write_short, database.write_lightly)
    results = await asyncio.gather(*(kinds[number % 3](serials) for number in range(300)))
    assert sorted(results) == list(range(1, 301))
    await database.close()


async def test_a_light_write_is_seen_by_another_process_at_once(url, tmp_path):
    database = await Database.open(url)
    await database.write_lightly(serials)
    other = sqlite3.connect(tmp_path / "smdp.db")
    assert other.execute("SELECT serials FROM counters WHERE carrier = 'a'").fetchone() == (1,)
    other.close()
    await database.close()


async def test_short_writes_wait_for_another_process_without_stopping_the_loop(url, tmp_path):
    database = await Database.open(url)
    other = sqlite3.connect(tmp_path / "smdp.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = [asyncio.ensure_future(write(serials)) for write in (database.write_short, database.write_lightly)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(write.done() for write in waiting)
    other.execute("COMMIT")
    other.close()
    assert await asyncio.gather(*waiting) == [1, 2]
    await database.close()


@pytest.mark.parametrize("kind", ["write", "write_short", "write_lightly"])
async def test_one_that_raises_is_undone_alone_or_in_a_batch(url, kind):
    def fails(connection):
        serials(connection)
        raise KeyError("mine")

    database = await Database.open(url)
    write = getattr(database, kind)
    with pytest.raises(KeyError, match="mine"):
        await write(fails)
    results = await asyncio.gather(*(write(job) for job in (serials, fails, serials)), return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [1, 2]
    assert sum(isinstance(result, KeyError) for result in results) == 1
    await database.close()


async def test_the_same_boot_goes_on_counting_and_another_one_leaps(url, monkeypatch):
    def stream(connection):
        connection.execute(ADD)
        return carriers.next_entropy(connection, "a"), events.last_id(connection, "a")

    given = []
    for name in ("one", "one", "two", "two"):
        monkeypatch.setattr(boot, "current", lambda name=name: name)
        database = await Database.open(url)
        given.append(await database.write(stream))
        await database.close()
    assert given == [(1, 0), (2, 0), (3 + boot.LEAP, boot.LEAP), (4 + boot.LEAP, boot.LEAP)]


def test_a_boot_that_cannot_be_told_is_another_one_each_time(tmp_path, monkeypatch):
    assert boot.current() == boot.current()
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "none")
    assert boot.current() != boot.current()
