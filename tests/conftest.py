"""What every test gets: a clean environment, loopback only, and hypothesis without deadlines."""

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.hostile import Records, logged
from tests.postgres import PostgresServer

LOCAL_NAMES = {"localhost"}

# A deadline would measure the machine, not the code. CI repeats the same examples; `make full` looks further.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("full", settings.get_profile("default"), max_examples=1000)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the hypothesis profile; a server under test must not be configured by whoever runs it."""
    full = "full" in (config.option.markexpr or "").replace("not full", "")
    settings.load_profile("full" if full else "ci" if "CI" in os.environ else "default")
    for name in [name for name in os.environ if name.startswith("SMDP_")]:
        del os.environ[name]
    sys.addaudithook(loopback_only)


def loopback_only(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse a socket that leaves this machine or listens beyond it."""
    if event not in ("socket.bind", "socket.connect"):
        return
    address = arguments[1]
    if not isinstance(address, tuple) or address[0] in LOCAL_NAMES:  # UNIX sockets have no tuple
        return
    try:
        loopback = ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise RuntimeError(f"tests use loopback only, not {address[0]!r} ({event})")


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started by the first test that wants one."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def _stoppable() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def stoppable(_stoppable: PostgresServer) -> Iterator[PostgresServer]:
    """Another one, which a test may stop, crash and freeze."""
    yield _stoppable
    _stoppable.start()


@pytest.fixture
def log() -> Iterator[Records]:
    """Note all that is logged; nothing that a test does may end in a traceback."""
    with logged() as records:
        yield records
    records.check()
