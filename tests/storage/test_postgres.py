"""What a PostgreSQL database can be instead of ours, what can happen to it, and the sentence that says so."""

import asyncio
import builtins
import logging
import subprocess
import sys
import time

import psycopg
import pytest

from smdp.model import Carrier
from smdp.settings import Settings
from smdp.storage import Database, StorageError, postgres_database
from smdp.storage import postgres as opening
from smdp.storage.connection import moment
from smdp.storage.migrate import migrations
from smdp.storage.queries import carriers
from tests.postgres import PASSWORD as SECRET


async def refused(url):
    with pytest.raises(StorageError) as caught:
        await Database.open(url)
    text = str(caught.value)
    assert SECRET not in text
    assert "\n" not in text
    return text


def serials(connection):
    connection.execute("INSERT INTO counters (carrier) VALUES ('a') ON CONFLICT DO NOTHING")
    return carriers.next_serials(connection, "a", 1)


# --- what it can be instead


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"postgresql://user:{SECRET}@127.0.0.1:1/smdp", "nobody listens at that host and port"),
        (f"postgresql://user:{SECRET}@nowhere.invalid/smdp", "the host in its URL is unknown"),
        (f"postgresql://user:{SECRET}@/smdp?host=/nowhere", "there is no server at that socket"),
        (f"postgresql://user:{SECRET}%zz@host/smdp", "is no PostgreSQL URL"),
        (f"postgresql://user:{SECRET}@127.0.0.1:port/smdp", "value that PostgreSQL does not take"),
        (f"postgresql://user@host/smdp?pasword={SECRET}", "is no PostgreSQL URL"),
        (f"postgresql://user:{SECRET}@127.0.0.1/smdp?sslmode=maybe", "value that PostgreSQL does not take"),
    ],
)
async def test_a_url_that_leads_nowhere(url, sentence):
    assert sentence in await refused(url)


async def test_a_wrong_password_and_a_missing_one(postgres):
    assert "wants a password" in await refused(postgres.url(user="guarded"))
    assert "refuses the user or the password" in await refused(postgres.url(user=f"guarded:{SECRET}2"))
    assert "lacks a right" in await refused(postgres.url(user=f"guarded:{SECRET}"))


async def test_a_database_and_a_user_that_are_not_there(postgres):
    assert "has no such database. Create it: createdb nothing." in await refused(postgres.url("nothing"))
    assert "has no such user" in await refused(postgres.url(user="nobody"))


async def test_a_schema_that_is_not_there(postgres):
    assert "CREATE SCHEMA" in await refused(f"{postgres.url()}&options=-csearch_path%3Dnowhere")


async def test_a_server_that_is_too_old(postgres, monkeypatch):
    monkeypatch.setattr(opening, "OLDEST", 99)
    assert "smdp needs 99 or newer" in await refused(postgres.schema())


async def test_another_encoding(postgres):
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    assert "its encoding is LATIN1" in await refused(postgres.url("latin"))


@pytest.mark.parametrize("table", ["songs (title TEXT)", "meta (id BIGINT)", "meta (key TEXT, value TEXT)"])
async def test_another_programs_tables_are_left_alone(postgres, table):
    url = postgres.schema()
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE {table}")
    assert "another program has tables in it" in await refused(url)
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()").fetchone()
    assert found == (1,)


async def test_a_newer_schema(postgres):
    url = postgres.schema()
    await (await Database.open(url)).close()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    assert "newer smdp (schema 99" in await refused(url)


async def test_a_schema_number_that_is_none(postgres):
    url = postgres.schema()
    await (await Database.open(url)).close()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE meta SET value = 'x' WHERE key = 'schema'")
    assert "is not smdp's" in await refused(url)


async def test_a_standby_that_takes_no_writes(postgres):
    url = postgres.schema() + "%20-cdefault_transaction_read_only%3Don"
    assert "read-only" in await refused(url)


async def test_without_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **more):
        if name == "psycopg":
            raise ImportError("No module named 'psycopg'", name="psycopg")
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert 'pip install "smdp[postgres]"' in await refused(f"postgresql://user:{SECRET}@host/smdp")


def test_whoever_uses_none_loads_nothing_of_it():
    code = "import asyncio, sys, smdp.server; from smdp.storage import Database; db = asyncio.run(Database.open())\n"
    code += "sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_password_is_in_no_settings_that_are_shown():
    settings = Settings(database=f"postgresql://user:{SECRET}@host/name")
    assert SECRET not in repr(settings)


async def test_opening_the_same_fresh_schema_many_times_at_once(postgres):
    url = postgres.schema()
    script = (
        "import asyncio, sys\nfrom smdp.storage import Database\n"
        "async def main():\n    await (await Database.open(sys.argv[1])).close()\nasyncio.run(main())\n"
    )
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", script, url, stderr=asyncio.subprocess.PIPE)
        for _ in range(6)
    ]
    results = await asyncio.gather(*(process.communicate() for process in processes))
    assert [(process.returncode, error) for process, (_, error) in zip(processes, results, strict=True)] == [
        (0, b"")
    ] * 6
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (str(len(migrations())),)


# --- how it is used


async def test_two_schemas_of_a_database_know_nothing_of_each_other(postgres):
    one, other = await Database.open(postgres.schema()), await Database.open(postgres.schema())
    await one.write(carriers.insert_carrier, Carrier(name="acme"), moment(0))
    assert await other.read(carriers.carrier_names) == []
    await one.close()
    await other.close()


async def test_text_is_ordered_by_its_bytes_whatever_the_language(database, url):
    names = ["a-b", "ab", "a-c", "b", "a"]

    def fill(connection):
        for name in names:
            carriers.insert_carrier(connection, Carrier(name=name), moment(0))

    await database.write(fill)
    assert await database.read(carriers.carrier_names) == sorted([*names, "acme", "beta"])


async def test_what_no_text_can_hold_is_found_nowhere(database):
    assert await database.read(carriers.carrier, "ac\0me") is None
    assert await database.find(carriers.carrier, "acme\0") is None


async def test_writers_wait_for_each_other_only_so_long(postgres, monkeypatch):
    monkeypatch.setattr(opening, "_SESSION", ("SET lock_timeout = 100",))
    url = postgres.schema()
    database = await Database.open(url)
    with psycopg.connect(url) as holder:
        holder.execute(f"SELECT pg_advisory_xact_lock({opening._LOCK}, hashtext(current_schema()))")  # noqa: SLF001 - the key that all servers take
        with pytest.raises(StorageError, match="another server held it"):
            await database.write(serials)
        assert await database.read(carriers.carrier_names) == []
    assert await database.write(serials) == 1
    await database.close()


async def test_a_server_that_stands_still_in_a_transaction_is_not_waited_for(postgres):
    """PostgreSQL ends it: what it did is undone, and its lock is free."""
    url = postgres.schema()
    database = await Database.open(url)
    assert await database.write(lambda c: c.execute("SHOW idle_in_transaction_session_timeout").fetchone()) == {
        "idle_in_transaction_session_timeout": "30s"
    }
    await database.write(lambda c: c.execute("SET idle_in_transaction_session_timeout = 50"))

    def slow(connection):
        serials(connection)
        time.sleep(0.5)
        serials(connection)

    with pytest.raises(StorageError, match="The database failed"):
        await database.write(slow)
    assert await database.write(serials) == 1
    await database.close()


async def test_nobody_listens_to_what_was_undone(postgres):
    database = await Database.open(postgres.schema())
    told = []
    database.listen(told.extend)

    def fails(connection):
        connection.notes.append("undone")
        connection.execute("SELECT nothing")

    with pytest.raises(StorageError, match="lacks a table or column"):
        await database.write(fails)
    assert told == []
    await database.close()


@pytest.mark.parametrize("how", ["write", "read", "find"])
async def test_a_timeout_of_a_query_is_its_own(postgres, how):
    def late(_):
        raise TimeoutError("mine")

    database = await Database.open(postgres.schema())
    with pytest.raises(TimeoutError, match="mine"):
        await getattr(database, how)(late)
    with pytest.raises(TimeoutError, match="mine"):
        database.look(late)
    await database.close()


async def test_a_closed_database_says_so(postgres):
    database = await Database.open(postgres.schema())
    await database.close()
    for call in (database.read, database.find):
        with pytest.raises(StorageError, match="closed"):
            await call(carriers.carrier_names)
    with pytest.raises(StorageError, match="closed"):
        database.look(carriers.carrier_names)


# --- a server that goes away


@pytest.mark.parametrize("at_once", [False, True], ids=["stopped", "crashed"])
async def test_it_goes_on_by_itself_when_the_server_is_back(stoppable, at_once, caplog):
    database = await Database.open(stoppable.database())
    assert await database.write(serials) == 1
    await asyncio.gather(*(database.read(carriers.carrier_names) for _ in range(8)))
    stoppable.stop(at_once=at_once)
    for _ in range(2):
        with pytest.raises(StorageError):
            await database.write(serials)
        with pytest.raises(StorageError):
            await database.read(carriers.carrier_names)
        with pytest.raises(StorageError):
            database.look(carriers.carrier_names)
    stoppable.start()
    async with asyncio.timeout(20):
        while True:
            try:
                found = await database.write(serials)
                break
            except StorageError:
                await asyncio.sleep(0.05)
        assert found == 2
        while "answers again" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.05)
    assert await database.read(carriers.carrier_names) == []
    assert database.look(carriers.carrier_names) == []
    away = [record for record in caplog.records if record.levelno >= logging.WARNING and "is away" in record.message]
    assert len(away) == 1
    await database.close()


async def test_a_connection_that_was_lost_meanwhile_is_made_anew_without_a_word(stoppable):
    database = await Database.open(stoppable.database())
    assert await database.write(serials) == 1
    await database.read(carriers.carrier_names)
    database.look(carriers.carrier_names)
    stoppable.stop()
    stoppable.start()
    assert await database.write(serials) == 2
    assert await database.read(carriers.carrier_names) == []
    assert database.look(carriers.carrier_names) == []
    await database.close()


async def test_a_server_that_never_answers_is_waited_for_only_so_long(stoppable, monkeypatch):
    monkeypatch.setattr(postgres_database, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(postgres_database, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(postgres_database, "_LOOK_PAUSE", 0.1)
    monkeypatch.setattr(postgres_database, "_CLOSE_SECONDS", 0.3)
    database = await Database.open(stoppable.database())
    await database.write(serials)
    await database.read(carriers.carrier_names)
    database.look(carriers.carrier_names)
    with stoppable.frozen():
        calls = [database.write(serials), *(database.read(carriers.carrier_names) for _ in range(6))]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [StorageError] * 7
        for _ in range(2):
            with pytest.raises(StorageError, match="takes too long"):
                database.look(carriers.carrier_names)
    async with asyncio.timeout(10):
        while True:
            try:
                assert await database.read(carriers.carrier_names) == []
                assert await database.write(serials) in (2, 3)
                break
            except StorageError:
                await asyncio.sleep(0.05)
    with stoppable.frozen():
        hanging = asyncio.ensure_future(database.write(serials))
        await asyncio.sleep(0)
        await database.close()
        with pytest.raises(StorageError):
            await hanging
