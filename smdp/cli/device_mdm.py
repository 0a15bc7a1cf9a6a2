"""`smdp device enroll, unenroll, poll, user, erase, notices, subscriptions`: the MDM half of a simulated device."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from smdp.cli import orders, output, session
from smdp.cli.output import Duration, Json
from smdp.client import Client
from smdp.client.managing import Action, Trigger, content
from smdp.durations import parse_duration
from smdp.errors import ApiError, ServerUnreachable, UsageError
from smdp.model import Attempted, Erased, Polled

MdmCa = Annotated[Path | None, Parameter(name="--mdm-ca", help="PEM file of the CA that the MDM's TLS comes from.")]
AllowHttp = Annotated[bool, Parameter(name="--allow-http", help="Let the MDM and SCEP server do without TLS.")]

_WHERE_OPTION_BELONGS = {
    "iccid": ("remove-esim", "transfer"),
    "times": ("wrong-passcode",),
    "keep": ("erase",),
    "remove": ("erase",),
}


def enrolment(source: str, mdm_ca: Path | None, *, allow_http: bool) -> dict[str, Any]:
    """Read what enrols a device, as arguments of `Client.enroll_device`: a URL, or a file. Raises UsageError."""
    ca = None if mdm_ca is None else content(mdm_ca).decode("utf-8", "replace")
    found: dict[str, Any] = {"mdm_ca": ca, "allow_http": allow_http}
    if "://" in source:
        return found | {"url": source}
    return found | {"profile": content(Path(source))}


def enroll_(
    eid: str,
    source: str,
    /,
    *,
    mdm_ca: MdmCa = None,
    allow_http: AllowHttp = False,
    ade: bool = False,
    json: Json = False,
) -> None:
    """Enrol a device with your MDM, as its holder or Setup Assistant does.

    Args:
        eid: The device.
        source: The enrolment profile: a .mobileconfig file, or its URL.
        ade: As Automated Device Enrollment: it awaits its configuration.
    """
    device = session.client().enroll_device(
        session.eid(eid), **enrolment(source, mdm_ca, allow_http=allow_http), ade=ade
    )
    if json:
        output.emit(device)
        return
    enrolled = device.enrollment or {}
    output.say(f"{device.eid} is enrolled with {enrolled.get('server_url', 'its MDM')}")
    output.facts([("UDID", device.udid), ("kind", enrolled.get("kind")), ("topic", enrolled.get("topic"))])
    output.talk(f"next: smdp device poll {device.eid}    (there is no push here)")


def unenroll_(eid: str, /, *, json: Json = False) -> None:
    """Remove a device's enrolment profile, as its holder does.

    Args:
        eid: The device.
    """
    server = session.client()
    server.unenroll_device(session.eid(eid))
    if json:
        output.emit(server.device(session.eid(eid)))
    else:
        output.say(f"{session.eid(eid)} is not enrolled any more")


def poll_(eid: str, /, *, every: Duration | None = None, json: Json = False) -> int:
    """Let a device ask its MDM for commands and answer them: what a push would make it do.

    Prints each command with the status that was sent. A refresh is acknowledged
    at once and goes on in the background: smdp profile wait EID active.

    Args:
        eid: The device.
        every: Again and again, such as 30s, until Ctrl-C.
    """
    orders.check_duration("--every", every)
    server, wanted = session.client(), session.eid(eid)
    if every is None:
        return _show(server.poll_device(wanted), as_json=json)
    pause = parse_duration(every).total_seconds()
    if not pause:
        raise UsageError("--every is 0, but a device needs a moment between two polls.")
    try:
        return _poll_on(server, wanted, pause, as_json=json)
    except KeyboardInterrupt:
        return 0


def user_(
    eid: str,
    action: Action,
    to: str | None = None,
    /,
    *,
    iccid: str | None = None,
    times: Annotated[int | None, Parameter(show_default=False)] = None,
    keep: bool = False,
    remove: bool = False,
    json: Json = False,
) -> int:
    """Let the holder of a device try something: prints allowed, or what blocks it.

    Exit codes: 0 allowed, 1 blocked.

    Args:
        eid: The device.
        action: What the holder tries.
        to: With transfer: the EID of the other device.
        iccid: With remove-esim and transfer: which eSIM, if not the first.
        times: With wrong-passcode: how often in a row.
        keep: With erase: keep the eSIMs.
        remove: With erase: remove the eSIMs, as by default.
    """
    given = {"iccid": iccid, "times": times, "keep": keep, "remove": remove}
    _check(action, to, {name for name, value in given.items() if value not in (None, False)})
    options: dict[str, Any] = {
        "iccid": None if iccid is None else session.iccid(iccid), "to": None if to is None else session.eid(to),
        "times": times, "keep": keep if action == "erase" else None,
    }  # fmt: skip
    attempt = session.client().user(session.eid(eid), action, **options)
    if json:
        output.emit(attempt)
    else:
        _print_attempt(attempt)
    return 0 if attempt.allowed and (attempt.outcome is None or attempt.outcome.ok) else 1


def erase_(eid: str, /, *, by: Trigger, json: Json = False) -> None:
    """Erase a device by other means than its MDM's command; says whether its eSIMs stay.

    Args:
        eid: The device.
        by: How.
    """
    erased = session.client().erase_device(session.eid(eid), by)
    if json:
        output.emit(erased)
        return
    output.say(_erased(erased))
    output.facts([("eSIMs", ", ".join(erased.iccids) or "none"), ("then", output.wrapped(erased.then, 9) or None)])


def notices_(eid: str, /, *, json: Json = False) -> None:
    """Print what a device has shown its holder, oldest first.

    Args:
        eid: The device.
    """
    found = session.client().notices(session.eid(eid))
    if json:
        output.emit(found)
    for notice in () if json else found:
        output.say(notice)
    if not found:
        output.talk("Nothing was shown.")


def subscriptions_(
    eid: str,
    /,
    *,
    os: str | None = None,
    as_: Annotated[Literal["plist", "json"] | None, Parameter(name="--as")] = None,
    json: Json = False,
) -> None:
    """Print what a device tells its MDM of its plans (DeviceInformation/ServiceSubscriptions).

    Args:
        eid: The device.
        os: As this iOS version would, such as 18.1.
        as_: In this form; --json is --as json.
    """
    if json and as_ == "plist":
        raise UsageError("Give --json or --as plist, not both.")
    server, wanted = session.client(), session.eid(eid)
    if as_ == "plist":
        output.say(server.service_subscriptions_plist(wanted, os).decode("utf-8", "replace").rstrip("\n"))
        return
    rows = server.service_subscriptions(wanted, os)
    if json or as_ == "json":
        output.emit(rows)
        return
    for row in rows:
        output.say(str(row.get("Slot", "a slot")))
        output.facts([(key, _text(value)) for key, value in row.items() if key != "Slot"] or [("", None)])
    if not rows:
        output.talk("The device tells of no slot: it has no modem.")


# --- reading


def _check(action: str, to: str | None, given: set[str]) -> None:
    """Refuse options that the action does not know. Raises UsageError."""
    if (to is not None) != (action == "transfer"):
        raise UsageError(
            "transfer wants the EID of the other device: smdp device user EID transfer TO."
            if to is None
            else f"{action} takes no further word, such as {to[:64]!r}."
        )
    for name in sorted(given):
        if action not in _WHERE_OPTION_BELONGS[name]:
            known = " and ".join(_WHERE_OPTION_BELONGS[name])
            raise UsageError(f"--{name.replace('_', '-')} goes with {known}, not with {action}.")
    if {"keep", "remove"} <= given:
        raise UsageError("Give --keep or --remove, not both.")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- polling


def _poll_on(server: Client, eid: str, pause: float, *, as_json: bool) -> int:
    """Poll until the device is not enrolled any more; an MDM or a server that is away may come back."""
    while True:
        try:
            polled = server.poll_device(eid)
        except ServerUnreachable as error:
            output.talk(f"smdp: {error}")
        except ApiError as error:
            if error.reason != "device-offline":
                raise
            output.talk(f"smdp: {error}")
        else:
            if polled.answered or polled.problem:
                _show(polled, as_json=as_json, lines=True)
            if not polled.enrolled:
                output.talk("smdp: The device is not enrolled any more.")
                return 1
        time.sleep(pause)


def _show(polled: Polled, *, as_json: bool, lines: bool = False) -> int:
    """Print a poll; with `lines` its JSON is one of many lines."""
    if as_json:
        (output.emit_line if lines else output.emit)(polled)
    else:
        for one in polled.answered:
            mark = output.mark({"Acknowledged": True, "NotNow": None}.get(one.status, one.status == "again"))
            output.say_now(f"{mark} {one.command or '(unreadable)'}  {one.status}")
        if not polled.answered and polled.problem is None:
            output.talk("No command waits.")
    if (problem := polled.problem) is not None:
        output.talk(f"smdp: {problem.because} {problem.fix}".rstrip())
    return 0 if polled.problem is None else 1


def _erased(erased: Erased) -> str:
    sure = "" if erased.evidence == "documented" else f" ({erased.evidence})"
    return f"eSIMs {'kept' if erased.kept else 'removed'}{sure}: {erased.because}"


def _print_attempt(attempt: Attempted) -> None:
    output.say(f"{output.mark(attempt.allowed)} {attempt.said}")
    delay = f"{attempt.delay_seconds} s" if attempt.delay_seconds else None
    output.facts(
        [
            ("because", output.wrapped(attempt.because, 14) or None),
            ("on screen", attempt.notice or None),
            ("locked for", delay),
            ("evidence", attempt.evidence if attempt.evidence != "documented" else None),
            ("erased", None if attempt.erased is None else output.wrapped(_erased(attempt.erased), 14)),
            ("outcome", None if attempt.outcome is None else output.wrapped(str(attempt.outcome), 14)),
        ]
    )
