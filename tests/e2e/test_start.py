"""`smdp serve` as a process: what keeps it from starting is one sentence, and it ends when it is asked to."""

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from smdp.errors import SmdpError
from smdp.server import Server
from smdp.settings import Settings
from smdp.storage import Database
from tests import modes
from tests.e2e.processes import ServerProcess
from tests.hostile import ES9, connect, exchange, replies, request

SECONDS = 30
FREE = {"port": "0", "control_port": "0"}
KEY = "EC PRIVATE KEY"  # apart, lest this file looks like one
SECRET = "hunter2"  # a word that no message may repeat


def sentence_of(text):
    """Check that a message is one that helps: short, whole, and without a secret."""
    assert text.count("\n") == 0
    assert len(text) < 900
    assert text.endswith((".", "?"))
    assert SECRET not in text
    return text


def serve(folder, **settings):
    """Start a server that must not start, as a process; return its exit code and its one sentence."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SMDP_")}
    environment |= variables(settings)
    done = subprocess.run(
        [sys.executable, "-m", "smdp", "serve"],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert not done.stdout
    assert done.stderr.startswith("smdp: "), done.stderr
    assert done.stderr.endswith("\n")
    return done.returncode, sentence_of(done.stderr.removesuffix("\n"))


def variables(settings):
    return {f"SMDP_{name.upper()}": str(value) for name, value in (FREE | settings).items()}


def refused(**settings):
    """Start a server that must not start, here; a process would say the same, and take a second."""

    async def start():
        async with Server(Settings.load(variables(settings))):
            raise AssertionError("it started")

    with pytest.raises(SmdpError) as error:
        asyncio.run(start())
    return error.value.exit_code, sentence_of(str(error.value))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_process_says_the_same(tmp_path):
    """One of each kind; the others below are asked in this process."""
    (tmp_path / "smdp.db").write_text("hello")
    for settings in ({"pki": tmp_path / "nothing"}, {"database": f"sqlite:///{tmp_path}/smdp.db"}, {"port": "x"}):
        code, says = serve(tmp_path, **settings)
        assert (code, says.removeprefix("smdp: ")) == refused(**settings)


# --- ports and addresses


@pytest.mark.parametrize("setting", ["port", "control_port", "plain_port"])
def test_a_port_in_use(tmp_path, setting):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        code, says = refused(**{setting: port, "address": "localhost"})
    assert code == 1
    assert f"Port {port} on 127.0.0.1 is taken" in says
    assert f"--{setting.replace('_', '-')} 0 picks a free one" in says


def test_a_port_that_another_smdp_has(tmp_path):
    with ServerProcess() as server:
        assert "is taken (devices)" in refused(port=server.port)[1]


def test_an_address_that_is_another_machines(tmp_path):
    assert "Give --host an address of this machine" in serve(tmp_path, host="192.0.2.1")[1]


@pytest.mark.parametrize(
    ("settings", "code", "sentence"),
    [
        ({"host": "nowhere.invalid"}, 1, "nowhere.invalid is no address of this machine"),
        ({"host": "127.0.0.1,,x y"}, 2, "it wants an address"),
        ({"port": "-1"}, 2, "it wants a port number"),
        ({"port": "99999"}, 2, "it wants a port number"),
        ({"port": "8080", "control_port": "8080"}, 2, "are both 8080"),
        ({"address": "https://x"}, 2, "without a scheme"),
        ({"address": "x:99999"}, 2, "without a scheme"),
        ({"plain_port": "0"}, 2, "plain_port needs address"),
        ({"domain": "a..b"}, 2, "it wants a domain name"),
        ({"log_level": "loud"}, 2, "one of debug, info, warning, error"),
        ({"journal": "-5"}, 2, "it wants a size"),
        ({"control_token": f"{SECRET} {SECRET}"}, 2, "printable ASCII"),
        ({"seed": f"{SECRET}\n"}, 2, "without control characters"),
        ({"database": f"mysql://user:{SECRET}@host/name"}, 2, "it wants sqlite:///FILE"),
        (
            {"database": f"postgresql://user:{SECRET}@127.0.0.1:1/name"},
            1,
            "user@127.0.0.1:1/name cannot be used: nobody",
        ),
        ({"database": "smdp.db"}, 2, "it wants sqlite:///FILE"),
    ],
    ids=str,
)
def test_a_setting_that_can_not_be(tmp_path, settings, code, sentence):
    found, says = refused(**settings)
    assert (found, sentence in says) == (code, True), says


# --- settings files


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[serve\n", "no valid TOML"),
        (b"x = " + b"[" * 50_000, "no valid TOML"),
        (b"[serve]\nport = " + b"9" * 5000, "no valid TOML"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"[serve]\nprt = 5\n", "smdp.toml:2: prt is no setting; did you mean port?"),
        (b"[serve]\nport = 'x'\n", "smdp.toml:2: port wants a number"),
        (b"port = 5", "port belongs below a line [serve]"),
        (b"[[serve]]\nport = 5", "serve is one table"),
        (b"[server]\nport = 5", "no table [server]"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_settings_file_that_is_wrong(tmp_path, content, sentence):
    (tmp_path / "smdp.toml").write_bytes(content)
    code, says = refused()
    assert (code, sentence in says) == (2, True), says


def test_a_settings_file_that_is_not_there(tmp_path):
    assert refused(config=tmp_path / "nothing.toml")[0] == 2
    assert "Is a directory" in refused(config=tmp_path)[1]


# --- databases


def foreign(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")


async def make(path):
    database = await Database.open(f"sqlite:///{path}")
    await database.close()


def newer(path):
    asyncio.run(make(path))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '99'")


def damaged(path):
    asyncio.run(make(path))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])


BAD_DATABASES = {
    "text": (lambda path: path.write_text("hello"), "no SQLite database"),
    "noise": (lambda path: path.write_bytes(os.urandom(9000)), "no SQLite database"),
    "foreign": (foreign, "another program's"),
    "newer": (newer, "newer smdp (schema 99"),
    "damaged": (damaged, "damaged"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a pipe": (os.mkfifo, "is no file"),
}


@pytest.mark.parametrize(("prepare", "sentence"), BAD_DATABASES.values(), ids=BAD_DATABASES)
def test_a_database_that_can_not_be_used(tmp_path, prepare, sentence):
    path = tmp_path / "smdp.db"
    prepare(path)
    code, says = refused(database=f"sqlite:///{path}")
    assert (code, sentence in says) == (1, True), says


@pytest.mark.parametrize("name", ["nofolder/smdp.db", "x" * 300, "a/b/c"])
def test_a_database_that_can_not_be_made(tmp_path, name):
    code, says = refused(database=f"sqlite:///{tmp_path / name}")
    assert code == 1
    assert "cannot be" in says


def test_a_database_that_this_user_may_not_write(tmp_path):
    tmp_path.chmod(0o500)
    with modes.honoured():
        assert "may write" in refused(database=f"sqlite:///{tmp_path / 'smdp.db'}")[1]
    assert list(tmp_path.iterdir()) == []


# --- PKIs


def noise(folder):
    (folder / "a.pem").write_bytes(os.urandom(900))
    (folder / "b.der").write_bytes(b"\x30\x80" * 1000)
    (folder / "c.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (folder / "d.key").write_text(f"-----BEGIN {KEY}-----\nAAAA\n-----END {KEY}-----\n")
    (folder / "loop").symlink_to(folder / "loop")


@pytest.mark.parametrize("prepare", [noise, lambda folder: (folder / "sub").mkdir()])
def test_a_pki_that_is_none(tmp_path, prepare):
    prepare(tmp_path)
    code, says = refused(pki=tmp_path)
    assert code == 1
    assert "`smdp pki show DIR` says why" in says


@pytest.mark.parametrize("name", ["nothing", "file", "x" * 300])
def test_a_pki_that_is_no_folder(tmp_path, name):
    (tmp_path / "file").write_text("x")
    code, says = refused(pki=tmp_path / name)
    assert code == 1
    assert str(tmp_path) in says


def test_a_token_that_can_not_be_kept(tmp_path):
    (tmp_path / "file").write_text("x")
    code, says = refused(host="127.0.0.1,127.0.0.2", state=tmp_path / "file")
    assert (code, "set SMDP_CONTROL_TOKEN" in says) == (1, True), says


# --- the end


@pytest.mark.parametrize(("number", "length"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_it_ends_while_requests_run(number, length):
    """One waits for an event, one stopped in its body or before it, one is idle: exit 0, soon, and no traceback."""
    wait = b'{"type": "activation.active", "within": "5m"}'
    with ServerProcess() as server:
        control = int(server.url.rpartition(":")[2])
        with connect(control, tls=False) as waiting, connect(server.port) as halfway, connect(server.port):
            waiting.sendall(request("POST", "/api/v1/carriers/default/events/wait", wait))
            halfway.sendall(request(path=ES9 + "initiateAuthentication", body=b"{}")[: -1 if length else 50])
            assert next(replies(exchange_once(control))).status == 200
            began = time.monotonic()
            server.stop(number)
            assert time.monotonic() - began < SECONDS
            assert b" 200 " not in exchange(waiting, b"")


def exchange_once(port):
    """Ask something else, so that what was sent before has arrived."""
    with connect(port, tls=False) as wire:
        return exchange(wire, request("GET", "/readyz"))
