"""`smdp device run`: many simulated devices at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Annotated

from cyclopts import Parameter

from smdp.cli import orders, output, session
from smdp.cli.device_mdm import AllowHttp, MdmCa, enrolment
from smdp.cli.farm.board import Goal
from smdp.cli.farm.mix import MAX_DEVICES, ROLES, read_mix, read_rate
from smdp.cli.farm.run import Farm, Wanted
from smdp.cli.output import Duration, Json
from smdp.durations import parse_duration
from smdp.errors import UsageError


def run_(
    *,
    count: Annotated[int, Parameter(show_default=True)] = 1,
    enroll: Annotated[str | None, Parameter(name="--enroll")] = None,
    mdm_ca: MdmCa = None,
    allow_http: AllowHttp = False,
    plan: str | None = None,
    mix: str | None = None,
    ramp: str | None = None,
    every: Duration = "30s",
    until: Goal | None = None,
    for_: Annotated[Duration | None, Parameter(name="--for")] = None,
    name: str = "farm",
    json: Json = False,
) -> int:
    """Run many devices: made, enrolled with your MDM, polling it for commands.

    With --plan each gets a profile of that plan, and the run ends when all have
    it; else it goes on until Ctrl-C. Run again, it goes on with the devices it
    finds. Your MDM sends RefreshCellularPlans; without --enroll devices refresh
    by themselves.

    To mix in: used, unordered, held, activation-fails, no-cellular, offline.

    Exit codes: 0 all devices are as the mix wants, 1 not all.

    Args:
        count: How many.
        enroll: The MDM's enrolment profile: a .mobileconfig file, or its URL.
        plan: Issue a profile of this plan for each device.
        mix: What is the matter with some, such as used=3%,offline=2.
        ramp: Start so many in a time, such as 50/s; at once if not given.
        every: How often each device polls.
        until: End when all devices are enrolled, or have an active plan.
        for_: End after this time, such as 10m.
        name: Its devices are named farm-0001 and so on.
    """
    _check(enroll, until, {"--mdm-ca": mdm_ca is not None, "--allow-http": allow_http})
    wanted = Wanted(
        prefix=_name(name),
        count=_count(count),
        mix=_mix(mix, count, plan),
        enrolment=None if enroll is None else enrolment(enroll, mdm_ca, allow_http=allow_http),
        plan=plan,
        rate=None if ramp is None else read_rate(ramp),
        every=_seconds("--every", every),
        seconds=None if for_ is None else _seconds("--for", for_),
        until=until or ("active" if plan is not None else None),
    )
    farm = Farm(session.client(), wanted)
    from smdp.cli.farm.screen import screen, summary

    with _told() as stop, screen() as shown:
        report = farm.run(stop, shown.show)
    if json:
        output.emit(report)
    else:
        summary(report)
    return 0 if report.ok else 1


def _check(enroll: str | None, until: Goal | None, given: Mapping[str, bool]) -> None:
    """Refuse what is about an enrolment where there is none. Raises UsageError."""
    given = {**given, "--until enrolled": until == "enrolled"}
    flag = next((flag for flag, there in given.items() if there), None)
    if enroll is None and flag is not None:
        raise UsageError(f"{flag} is about an enrolment; give --enroll, too.")


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 64:  # noqa: PLR2004 - as long as a host name's label
        raise UsageError("--name wants 1 to 64 printable characters.")
    return text


def _count(number: int) -> int:
    if not 1 <= number <= MAX_DEVICES:
        raise UsageError(f"--count is {number}, but it wants 1 to {MAX_DEVICES}.")
    return number


def _mix(text: str | None, count: int, plan: str | None) -> dict[str, int]:
    found = {} if text is None else read_mix(text, count)
    if plan is None and (name := next((name for name in found if ROLES[name].ordered), None)):
        raise UsageError(f"--mix {name} is about an order; give --plan, too.")
    return found


def _seconds(flag: str, text: str) -> float:
    orders.check_duration(flag, text)
    seconds = parse_duration(text).total_seconds()
    if not seconds:
        raise UsageError(f"{flag} is {text!r}, but it wants more than no time.")
    return seconds


@contextlib.contextmanager
def _told() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set; the second one ends the program at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def tell(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)
        output.talk("Ending; what is under way is waited for. Again ends at once.")

    for number in before:
        signal.signal(number, tell)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
