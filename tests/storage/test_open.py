"""What a database can be instead of ours, and the sentence that says so."""

import asyncio
import sqlite3

import pytest

from smdp.errors import StartError
from smdp.storage import Database, StorageError
from smdp.storage.migrate import migrations, statements


async def refused(url: str) -> str:
    with pytest.raises(StorageError) as caught:
        await Database.open(url)
    assert isinstance(caught.value, StartError)
    return str(caught.value)


@pytest.mark.parametrize("url", [None, "", "sqlite://", "sqlite:///:memory:"])
async def test_nothing_or_memory_is_in_memory(url):
    database = await Database.open(url)
    assert not database.shared
    await database.close()


async def test_another_url_is_none_and_its_password_is_not_shown():
    text = await refused("mysql://user:secret@db/smdp")
    assert "no database URL" in text
    assert "secret" not in text


async def test_a_folder(tmp_path):
    assert "is a folder" in await refused(f"sqlite:///{tmp_path}")


async def test_a_folder_that_is_not_there(tmp_path):
    assert "there is no folder" in await refused(f"sqlite:///{tmp_path}/none/smdp.db")


async def test_a_file_that_is_no_database(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("dear diary, " * 100)
    assert "no SQLite database" in await refused(f"sqlite:///{file}")
    assert file.read_text().startswith("dear diary")


async def test_another_programs_database_is_left_alone(tmp_path):
    file = tmp_path / "other.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    before = file.read_bytes()
    assert "another program's" in await refused(f"sqlite:///{file}")
    assert file.read_bytes() == before


async def test_a_newer_schema(tmp_path):
    file = tmp_path / "smdp.db"
    await (await Database.open(f"sqlite:///{file}")).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.close()
    text = await refused(f"sqlite:///{file}")
    assert "newer smdp (schema 99" in text
    assert "update smdp" in text


async def test_a_schema_number_that_is_none(tmp_path):
    file = tmp_path / "smdp.db"
    await (await Database.open(f"sqlite:///{file}")).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE meta SET value = 'x'")
    connection.close()
    assert "cannot be used" in await refused(f"sqlite:///{file}")


async def test_a_damaged_file(tmp_path):
    file = tmp_path / "smdp.db"
    await (await Database.open(f"sqlite:///{file}")).close()
    data = bytearray(file.read_bytes())
    data[100:4096] = b"\xff" * 3996
    file.write_bytes(data)
    assert "damaged" in await refused(f"sqlite:///{file}")


async def test_a_file_that_another_process_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("smdp.storage.sqlite.BUSY_SECONDS", 0.05)
    file = tmp_path / "smdp.db"
    await (await Database.open(f"sqlite:///{file}")).close()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert "another process held it" in await refused(f"sqlite:///{file}")
    holder.execute("ROLLBACK")
    holder.close()


async def test_a_transaction_waits_for_another_process_only_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr("smdp.storage.sqlite.BUSY_SECONDS", 0.05)
    file = tmp_path / "smdp.db"
    database = await Database.open(f"sqlite:///{file}")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="another process held it"):
        await database.write(lambda c: c.execute("DELETE FROM counters"))
    assert await database.read(lambda c: c.execute("SELECT count(*) AS n FROM counters").fetchone()["n"]) == 0
    holder.execute("ROLLBACK")
    holder.close()
    await database.write(lambda c: c.execute("DELETE FROM counters"))
    await database.close()


async def test_opening_the_same_fresh_file_many_times_at_once(tmp_path):
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    script = (
        "import asyncio, sys\nfrom smdp.storage import Database\n"
        "async def main():\n    await (await Database.open(sys.argv[1])).close()\nasyncio.run(main())\n"
    )
    import sys

    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", script, url, stderr=asyncio.subprocess.PIPE)
        for _ in range(6)
    ]
    results = await asyncio.gather(*(process.communicate() for process in processes))
    assert [(process.returncode, error) for process, (_, error) in zip(processes, results, strict=True)] == [
        (0, b"")
    ] * 6


def test_migrations_are_numbered_without_a_gap():
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_semicolon_in_a_comment_ends_no_statement():
    assert list(statements("CREATE TABLE a (b TEXT); -- not; here\nDROP TABLE a;\n")) == [
        "CREATE TABLE a (b TEXT)",
        "DROP TABLE a",
    ]
