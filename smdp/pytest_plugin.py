"""The pytest plugin: a carrier of its own for each test, devices that trust it, and what it saw when a test fails.

Fixtures: `smdp_settings`, `smdp_server`, `smdp_carrier`, `smdp_device`, `smdp_devices`, `smdp_mdm`, and for
coroutines `async_smdp_carrier`, `async_smdp_device`. One server a worker process serves all tests of the session, in
memory; each test gets a fresh carrier, which shares nothing with any other.
`@pytest.mark.smdp(scenario="already-used", seed=7, clock="2026-12-01T00:00Z", faults=["lost-notification"])` says what
a test needs. Only pytest is imported until a test asks for more.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from smdp.client import AsyncClient, AsyncHostedDevice, Client, HostedDevice
    from smdp.demo.mdm import BlockingMdm
    from smdp.settings import Settings

_CARRIERS = pytest.StashKey["list[Client]"]()
_LAST_EVENTS = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --smdp-url and --smdp-token: tests may use a server that runs elsewhere, such as a container."""
    group = parser.getgroup("smdp", "the mock mobile carrier")
    group.addoption("--smdp-url", metavar="URL", help="use the server whose control API is here, and start none")
    group.addoption("--smdp-token", metavar="TOKEN", help="its bearer token, if it wants one [SMDP_CONTROL_TOKEN]")


def pytest_configure(config: pytest.Config) -> None:
    """Document the marker."""
    text = "smdp(scenario, seed, clock, faults): the situation in which smdp_carrier and smdp_device start"
    config.addinivalue_line("markers", text)


# ------------------------------------------------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def smdp_settings() -> "Settings":
    """Return the settings of the session's server; override it to have others. By default free ports, in memory."""
    from smdp.settings import Settings

    return Settings(port=0, control_port=0)


@pytest.fixture(scope="session")
def smdp_server(request: pytest.FixtureRequest) -> "Iterator[Client]":
    """Return a client of the session's server: one a worker, or the one at --smdp-url."""
    url = request.config.getoption("--smdp-url")
    if url is None:
        with _running(request.getfixturevalue("smdp_settings")) as client:
            yield client
        return
    import os

    from smdp.client import Client

    client = Client(url, token=request.config.getoption("--smdp-token") or os.environ.get("SMDP_CONTROL_TOKEN"))
    client.about()
    yield client


@pytest.fixture
def smdp_carrier(request: pytest.FixtureRequest) -> "Iterator[Client]":
    """Return a fresh carrier, as a client that is about it; it is deleted after the test."""
    wanted = _Wanted.of(request.node)
    if wanted.scenario is not None and "smdp_device" not in request.fixturenames:
        pytest.fail("A scenario is applied to smdp_device; the test has to ask for that fixture.", pytrace=False)
    with contextlib.ExitStack() as stack:
        if wanted.seed is None:
            server, name = request.getfixturevalue("smdp_server"), None
        else:
            server, name = stack.enter_context(_seeded(request, wanted.seed)), "seeded"
        carrier = server.create_carrier(name)
        stack.callback(carrier.delete_carrier)
        carrier.last_event = 0
        request.node.stash.setdefault(_CARRIERS, []).append(carrier)
        if wanted.clock is not None:
            carrier.set_clock(wanted.clock)
        for fault in wanted.faults:
            _arm(carrier, fault)
        yield carrier


@pytest.fixture
def smdp_device(request: pytest.FixtureRequest, smdp_carrier: "Client") -> "HostedDevice":
    """Return a simulated iPhone that trusts the test's carrier; the marker's scenario is applied to it."""
    device = smdp_carrier.host_device()
    scenario = _Wanted.of(request.node).scenario
    if scenario is not None:
        smdp_carrier.apply_scenario(scenario, device.eid)
    return device


@pytest.fixture
def smdp_devices(smdp_carrier: "Client") -> "Callable[..., list[HostedDevice]]":
    """Return what makes n devices at once: `smdp_devices(3, os="18.1")`."""

    def devices(count: int, **options: Any) -> "list[HostedDevice]":
        return [smdp_carrier.host_device(**options) for _ in range(count)]

    return devices


@pytest.fixture
def async_smdp_carrier(smdp_carrier: "Client") -> "AsyncClient":
    """Return the test's fresh carrier as a client whose verbs are awaited; the fixture itself needs no loop."""
    from smdp.client import AsyncClient

    carrier = AsyncClient.of(smdp_carrier)
    carrier.last_event = smdp_carrier.last_event
    return carrier


@pytest.fixture
def async_smdp_device(async_smdp_carrier: "AsyncClient", smdp_device: "HostedDevice") -> "AsyncHostedDevice":
    """Return the simulated iPhone of `smdp_device` with verbs that are awaited."""
    from smdp.client import AsyncHostedDevice

    return AsyncHostedDevice(async_smdp_carrier, smdp_device.show())


@pytest.fixture
def smdp_mdm() -> "Iterator[BlockingMdm]":
    """Return the small MDM, where you have none; `with smdp_device.enrolled(smdp_mdm.profile(), ca=smdp_mdm.ca):`."""
    from smdp.demo.mdm import BlockingMdm

    with BlockingMdm() as mdm:
        yield mdm


@contextlib.contextmanager
def _running(settings: "Settings") -> "Iterator[Client]":
    from smdp.client import Client
    from smdp.server import Server

    with Server(settings) as server:
        yield Client(server.control_url, token=server.parts.token)


def _seeded(request: pytest.FixtureRequest, seed: int | str) -> "contextlib.AbstractContextManager[Client]":
    """Run a server of the test's own: what a seed makes depends on all that was made before."""
    if request.config.getoption("--smdp-url") is not None:
        pytest.skip("A seed needs a server of the test's own; --smdp-url names one that others use.")
    import dataclasses

    return _running(dataclasses.replace(request.getfixturevalue("smdp_settings"), seed=str(seed)))


def _arm(carrier: "Client", fault: str | dict[str, Any]) -> None:
    """Arm a fault: a name of the catalogue, or what `POST …/faults` takes."""
    if isinstance(fault, str):
        carrier.add_fault(fault)
        return
    members = dict(fault)
    on = members.pop("on", {})
    carrier.add_fault(members.pop("do"), **on, **members.pop("with", {}), **members)


# --------------------------------------------------------------------------------------------------------------- marker


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What the markers of a test ask for; the one nearest to the test counts."""

    scenario: str | None = None
    seed: int | str | None = None
    clock: str | None = None
    faults: list[str | dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, node: pytest.Item) -> "_Wanted":
        members: dict[str, Any] = {}
        for marker in node.iter_markers("smdp"):
            if marker.args:
                pytest.fail(f"The marker smdp takes names only, such as scenario={marker.args[0]!r}.", pytrace=False)
            members = {**marker.kwargs, **members}
        unknown = sorted(members.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            pytest.fail(f"The marker smdp knows no {unknown[0]!r}; it knows {known}.", pytrace=False)
        return cls(**members)


# --------------------------------------------------------------------------------------------------------------- report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the carrier saw to the report of a test that failed."""
    report = yield
    if report.failed and call.when == "call":
        for carrier in item.stash.get(_CARRIERS, []):
            report.sections.append((f"smdp: what the carrier {carrier.carrier} saw", _seen(carrier)))
    return report


def _seen(carrier: "Client") -> str:
    """Tell a carrier's timeline, and of each device on it why it has, or has not got, its plan."""
    from smdp.errors import SmdpError

    try:
        events = carrier.events()
        lines = [str(event) for event in events[-_LAST_EVENTS:]]
        if len(events) > _LAST_EVENTS:
            lines.insert(0, f"… {len(events) - _LAST_EVENTS} earlier events")
        for eid in dict.fromkeys(event.eid for event in events if event.eid):
            lines += ["", str(carrier.why(eid))]
    except SmdpError as error:
        return f"The carrier can't be asked any more: {error}"
    return "\n".join(lines) or "Nothing."
