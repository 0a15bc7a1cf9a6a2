"""`make bench`: downloads a second and the server's CPU for each, by transport and storage, against the floor.

The last line is `ratio to crypto floor: N.NN`, for kept-alive TLS on a SQLite file, P-256. Nothing is judged: a machine
that others use too makes every figure worse, so compare ratios, and medians of several runs.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from smdp.client import Client
from smdp.pki import load
from smdp.pki.model import Pki
from tests.bench import driver, floor, start
from tests.bench.server import running
from tests.postgres import PostgresServer


class Case(NamedTuple):
    """One row of the table."""

    name: str
    curve: str = "P-256"
    transport: str = "tls"
    storage: str = "file"
    new_connections: bool = False


CASES = (
    Case("HTTP, in memory", transport="http", storage="memory"),
    Case("TLS kept alive, in memory", storage="memory"),
    Case("TLS new connections, in memory", storage="memory", new_connections=True),
    Case("HTTP, SQLite file", transport="http"),
    Case("TLS new connections, SQLite file", new_connections=True),
    Case("TLS kept alive, SQLite file, brainpool", curve="brainpoolP256r1"),
    Case("TLS kept alive, PostgreSQL", storage="postgres"),
    Case("TLS kept alive, SQLite file"),
)
_DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "128MB", "autovacuum": "on"}


class Measured(NamedTuple):
    """What a case costs: downloads a second, microseconds of server CPU for each, MiB in use after all of them."""

    rate: float
    each: float
    resident: float


def _measure(pki: Pki, case: Case, count: int, concurrency: int) -> Measured:
    warm = count // 4
    numbers = driver.eids(count + warm)
    cards = [driver.euicc(pki, eid, case.curve) for eid in numbers]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(running(folder, _database(stack, case, folder)))
        scheme, port = ("https", server.device) if case.transport == "tls" else ("http", server.plain)
        target = driver.Target(f"{scheme}://localhost:{port}", server.address, case.new_connections)
        Client(f"http://127.0.0.1:{server.control}", carrier="default").issue_many([{"eid": eid} for eid in numbers])
        asyncio.run(driver.run(pki, target, cards[:warm], concurrency))
        before = server.cpu
        seconds = asyncio.run(driver.run(pki, target, cards[warm:], concurrency))
        return Measured(count / seconds, (server.cpu - before) / count * 1e6, server.resident)


def _database(stack: contextlib.ExitStack, case: Case, folder: Path) -> str | None:
    """Return the URL of a fresh database; a PostgreSQL server is started for it that waits for the disk."""
    if case.storage == "postgres":
        return stack.enter_context(PostgresServer(settings=_DURABLE)).database()
    return f"sqlite:///{folder / 'bench.db'}" if case.storage == "file" else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="downloads in each case, after a quarter as many")
    parser.add_argument("--concurrency", type=int, default=8, help="devices at a time")
    parser.add_argument("--only", default="", help="cases whose name contains this, and no start")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    options = _options()
    cases = [case for case in CASES if options.only in case.name]
    if not cases:
        sys.exit(f"bench: no case is called like {options.only!r}. There are: {'; '.join(case.name for case in CASES)}")
    pki = load.public()
    floors = {curve: floor.total(floor.measure(curve)) for curve in floor.CURVES}
    for curve, value in floors.items():
        print(f"floor, {curve}: {value:.0f} µs")
    if not options.only:
        seconds, used = start.answering(pki)
        print(f"import smdp: {start.importing():.0f} ms")
        print(f"smdp serve, exec to first InitiateAuthentication answered: {seconds:.2f} s ({used:.2f} s of CPU)")
    print(f"{'':<42}{'downloads/s':>12}{'CPU µs each':>12}{'ratio':>8}{'MiB after':>11}", flush=True)
    ratio = 0.0
    for case in cases:
        rate, each, resident = _measure(pki, case, options.count, options.concurrency)
        ratio = each / floors[case.curve]
        print(f"{case.name:<42}{rate:>12.0f}{each:>12.0f}{ratio:>8.2f}{resident:>11.0f}", flush=True)
    print(f"ratio to crypto floor: {ratio:.2f}")


if __name__ == "__main__":
    main()
