"""The server under test: a process of its own, measured from outside, and stopped whatever happens."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS, _STOP_SECONDS = 15.0, 10.0
_PAUSE_SECONDS = 0.005


class Server:
    """`smdp serve` in a folder of its own, with nothing set by the variables of whoever runs the bench."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.device, self.control, self.plain = _free_ports(3)
        self._log = folder / "server.log"
        variables = {name: value for name, value in os.environ.items() if not name.startswith("SMDP_")}
        variables |= {"SMDP_HOST": "127.0.0.1", "SMDP_PORT": str(self.device), "SMDP_CONTROL_PORT": str(self.control)}
        variables |= {"SMDP_PLAIN_PORT": str(self.plain), "SMDP_ADDRESS": self.address, "SMDP_LOG_LEVEL": "warning"}
        if database is not None:
            variables["SMDP_DATABASE"] = database
        command = [sys.executable, "-m", "smdp", "serve"]
        self.started = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=variables, cwd=folder, stderr=log)

    @property
    def address(self) -> str:
        """The address that LPAs sign."""
        return f"localhost:{self.device}"

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far, user and system."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def resident(self) -> float:
        """MiB of memory in use."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def wait(self) -> None:
        """Return when devices can connect. Raises SystemExit with a sentence where that never comes."""
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                said = self._log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
                raise SystemExit(f"bench: the server ended with exit code {self._process.returncode}: {said[0]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.device), 0.2):
                return
            time.sleep(_PAUSE_SECONDS)
        raise SystemExit(f"bench: the server did not listen within {_START_SECONDS:.0f} s")

    def stop(self) -> None:
        """End it, by force if it does not end itself."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def running(folder: Path, database: str | None) -> Iterator[Server]:
    """Run a server that devices can connect to, with this database; in memory without one."""
    server = Server(folder, database)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
