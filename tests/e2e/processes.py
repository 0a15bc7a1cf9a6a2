"""`smdp serve` as a process of its own: started, waited for, ended, whatever happens in between."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from smdp.client import Client

READY_SECONDS = 30
"""A start takes less than one second; a machine that is busy with other tests gets some more."""
STOP_SECONDS = 15
_DEVICES = re.compile(r"devices +https://[^\s:]+:(\d+)")
_CONTROL = re.compile(r"control +(http://localhost:\d+)/api/v1")
_LAST_LINE = re.compile(r"^ +next ")


class ServerProcess:
    """A running server. `with ServerProcess(…) as server`: ready inside, gone afterwards."""

    def __init__(self, database: Path | str | None = None, **settings: str) -> None:
        flags = {"port": "0", "control_port": "0", "log_level": "warning", "log_format": "console"} | settings
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SMDP_")}
        environment |= {f"SMDP_{name.upper()}": value for name, value in flags.items()}
        if database is not None:
            environment["SMDP_DATABASE"] = database if isinstance(database, str) else f"sqlite:///{database}"
        self.log: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "smdp", "serve"], env=environment, text=True, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Take what it writes, so that it never waits for us to."""
        for line in self._process.stderr:
            self.log.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def __enter__(self) -> Self:
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def _wait_until_ready(self) -> None:
        while True:
            line = self._lines.get(timeout=READY_SECONDS)
            assert line is not None, "the server ended while it started:\n" + "".join(self.log)
            if _LAST_LINE.match(line):
                break
        banner = "".join(self.log)
        self.port = int(_DEVICES.search(banner)[1])
        self.url = _CONTROL.search(banner)[1].replace("localhost", "127.0.0.1")
        assert Client(self.url).ready(), "/readyz says no, behind the banner"

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()
        self.kill()
        assert "Traceback" not in "".join(self.log), "".join(self.log)

    def client(self, carrier: str) -> Client:
        return Client(self.url, carrier=carrier)

    def address(self, carrier: str) -> str:
        """Where devices find a carrier."""
        return f"{carrier}.smdp.localhost:{self.port}"

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and don't wait."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it as an operator does."""
        self.terminate(number)
        assert self._process.wait(STOP_SECONDS) == 0, "".join(self.log)

    def kill(self) -> None:
        """End it as a power cut does; once it is gone, that is no error."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        self._process.stderr.close()


@contextmanager
def two_servers(database: Path | str) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two servers on one file, or on one PostgreSQL database (its URL)."""
    with ServerProcess(database) as one, ServerProcess(database) as two:
        yield one, two
