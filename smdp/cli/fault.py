"""`smdp fault`: things that go wrong because a test wants them."""

from typing import Annotated, Any

from cyclopts import Parameter

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.errors import UsageError
from smdp.model import Fault

_DIGITS = 4


def list_(*, json: Json = False) -> None:
    """List the carrier's faults, those that have fired their times included."""
    found = session.client().faults()
    if json:
        output.emit(found)
    elif found:
        rows = [(fault.id, fault.do, _on(fault), _with(fault), f"{fault.hits} of {_times(fault)}") for fault in found]
        output.table(("ID", "FAULT", "MEETS", "WITH", "FIRED"), rows)
    else:
        output.talk("No faults; arm one: smdp fault add NAME")


def add_(
    name: str,
    /,
    *,
    eid: str | None = None,
    iccid: str | None = None,
    step: str | None = None,
    times: Annotated[int, Parameter(show_default=True)] = 1,
    always: bool = False,
    with_: Annotated[list[str] | None, Parameter(name="--with")] = None,
    json: Json = False,
) -> None:
    """Arm a fault: something goes wrong for the next device that it meets.

    Args:
        name: Which: smdp fault catalogue lists them.
        eid: Only for this EID.
        iccid: Only for this profile.
        step: Only at this step, such as authenticateClient.
        times: How often it fires.
        always: It fires until it is cleared.
        with_: A parameter, as in --with status=429; may be given again.
    """
    if times < 1:
        raise UsageError(f"--times is {times}, but it wants at least 1; --always has no end.")
    values = dict(_parameter(text) for text in with_ or ())
    armed = session.client().add_fault(
        name,
        eid=None if eid is None else session.eid(eid),
        iccid=None if iccid is None else session.iccid(iccid),
        step=step,
        times=None if always else times,
        **values,
    )
    if json:
        output.emit(armed)
    else:
        output.say(f"{armed.id}  {armed.do} {_on(armed)}, {_times(armed)}")


def clear_(identifier: str | None = None, /) -> None:
    """Take faults away.

    Args:
        identifier: Which, such as f1; all if not given.
    """
    session.client().clear_faults(identifier)
    output.talk(f"{identifier or 'all'} cleared")


def catalogue_(*, json: Json = False) -> None:
    """List the faults there are, with their parameters and what a device says of them."""
    found = session.client().fault_catalogue()
    if json:
        output.emit(found)
        return
    for kind in found:
        output.say(f"{kind.name}  ({kind.layer}: {', '.join(kind.steps)})")
        output.say("  " + output.wrapped(kind.text, 2))
        output.say("  device: " + output.wrapped(kind.device, 10))
        for one in kind.parameters:
            default = "" if one.default is None else f" [{one.default}]"
            output.say(f"  --with {one.name}=…  {one.text}{default}")


def _parameter(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError(f"--with is {text!r}, but it wants name=value, as in status=429.")
    return name, value


def _times(fault: Fault) -> str:
    return "always" if fault.times is None else "once" if fault.times == 1 else f"{fault.times} times"


def _on(fault: Fault) -> str:
    on = fault.on
    parts = [on.step] if on.step else []
    parts += [f"{name} …{value[-_DIGITS:]}" for name, value in (("EID", on.eid), ("ICCID", on.iccid)) if value]
    return ", ".join(parts) or "any"


def _with(fault: Fault) -> str:
    return " ".join(f"{name}={value}" for name, value in fault.with_.items() if value is not None)
