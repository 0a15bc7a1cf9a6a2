"""`make bench`: downloads a second and the server's CPU for each, by transport and storage, against the floor.

The last line is `ratio to crypto floor: N.NN`, for kept-alive TLS on a SQLite file, P-256.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from smdp.client import Client
from smdp.pki import load
from tests.bench import driver, floor

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 15.0


class Case(NamedTuple):
    """One row of the table."""

    name: str
    curve: str = "P-256"
    transport: str = "tls"
    stored: bool = True
    new_connections: bool = False


CASES = (
    Case("HTTP, in memory", transport="http", stored=False),
    Case("TLS kept alive, in memory", stored=False),
    Case("TLS new connections, in memory", stored=False, new_connections=True),
    Case("HTTP, SQLite file", transport="http"),
    Case("TLS new connections, SQLite file", new_connections=True),
    Case("TLS kept alive, SQLite file, brainpool", curve="brainpoolP256r1"),
    Case("TLS kept alive, SQLite file"),
)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def _server(case: Case, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Client, driver.Target]]:
    device, control, plain = _free_ports(3)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SMDP_")}
    variables |= {"SMDP_HOST": "127.0.0.1", "SMDP_PORT": str(device), "SMDP_CONTROL_PORT": str(control)}
    variables |= {"SMDP_PLAIN_PORT": str(plain), "SMDP_ADDRESS": f"localhost:{device}", "SMDP_LOG_LEVEL": "warning"}
    if case.stored:
        variables["SMDP_DATABASE"] = f"sqlite:///{folder / f'{time.monotonic_ns()}.db'}"
    process = subprocess.Popen([sys.executable, "-m", "smdp", "serve"], env=variables, cwd=folder)
    try:
        client = Client(f"http://127.0.0.1:{control}", carrier="default")
        _until_ready(control, process)
        scheme, port = ("https", device) if case.transport == "tls" else ("http", plain)
        target = driver.Target(f"{scheme}://localhost:{port}", f"localhost:{device}", case.new_connections)
        yield process, client, target
    finally:
        process.terminate()
        process.wait(10)


def _until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise SystemExit("the server did not start")


def _cpu(process: subprocess.Popen[bytes]) -> float:
    """Return the seconds of CPU a process has used, user and system."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _measure(case: Case, count: int, concurrency: int) -> tuple[float, float]:
    """Return downloads a second and microseconds of server CPU for each."""
    pki = load.public()
    warm = count // 4
    numbers = driver.eids(count + warm)
    cards = [driver.euicc(pki, eid, case.curve) for eid in numbers]
    with tempfile.TemporaryDirectory() as folder, _server(case, Path(folder)) as (process, client, target):
        client.issue_many([{"eid": eid} for eid in numbers])
        asyncio.run(driver.run(pki, target, cards[:warm], concurrency))
        before = _cpu(process)
        seconds = asyncio.run(driver.run(pki, target, cards[warm:], concurrency))
        used = _cpu(process) - before
    return count / seconds, used / count * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="downloads in each case")
    parser.add_argument("--concurrency", type=int, default=8, help="devices at a time")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    floors = {curve: floor.total(floor.measure(curve)) for curve in floor.CURVES}
    for curve, value in floors.items():
        print(f"floor, {curve}: {value:.0f} µs")
    print(f"{'':<42}{'downloads/s':>12}{'CPU µs each':>12}{'ratio':>8}")
    ratio = 0.0
    for case in CASES:
        if options.only not in case.name:
            continue
        rate, used = _measure(case, options.count, options.concurrency)
        ratio = used / floors[case.curve]
        print(f"{case.name:<42}{rate:>12.0f}{used:>12.0f}{ratio:>8.2f}", flush=True)
    print(f"ratio to crypto floor: {ratio:.2f}")


if __name__ == "__main__":
    main()
