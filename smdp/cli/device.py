"""`smdp device`: simulated Apple devices, hosted by the server."""

from typing import Annotated, Any

from cyclopts import Parameter

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.client import Client
from smdp.errors import SmdpError, UsageError
from smdp.model import Device, EnrollmentKind, Outcome


def new_(
    *,
    count: Annotated[int | None, Parameter(show_default=False)] = None,
    os: str | None = None,
    model: str | None = None,
    name: str | None = None,
    eid: str | None = None,
    imei: str | None = None,
    unsupervised: bool = False,
    no_cellular: bool = False,
    physical_sim: bool = False,
    enrollment: EnrollmentKind | None = None,
    json: Json = False,
) -> None:
    """Make a simulated iPhone, at home in the carrier; prints its EID.

    Args:
        count: Make so many, each with an EID of its own.
        os: Its iOS version, such as 26.1.
        model: Its model, such as iPhone17,1.
        name: Its name.
        eid: Its EID, 32 digits; made up if not given.
        imei: Its IMEI; made up if not given.
        unsupervised: Not supervised, as a device is that its owner set up alone.
        no_cellular: Without modem, as an iPad with Wi-Fi only: it downloads nothing.
        physical_sim: With a SIM card in it, besides its eSIMs.
        enrollment: How it is to be enrolled: by a profile, by its user, by ADE.
    """
    if count is not None and count < 1:
        raise UsageError(f"--count is {count}, but it wants at least 1.")
    if count is not None and (eid or imei):
        raise UsageError("--count makes devices that differ; --eid and --imei are for one.")
    options: dict[str, Any] = {
        "os": os, "model": model, "name": name, "imei": imei, "eid": session.eid(eid) if eid is not None else None,
        "supervised": False if unsupervised else None, "cellular": False if no_cellular else None,
        "physical_sim": physical_sim or None, "enrollment_kind": enrollment,
    }  # fmt: skip
    server = session.client()
    made: list[Device] = []
    for _ in range(count or 1):
        made.append(server.create_device(**options))
        output.progress(len(made), count or 1, "devices")
    if json:
        output.emit(made if count is not None else made[0])
        return
    for device in made:
        output.say(device.eid)
    if count is None:
        output.talk(f"next: smdp profile issue {made[0].eid}")


def list_(*, json: Json = False) -> None:
    """List the carrier's simulated devices."""
    found = session.client().devices()
    if json:
        output.emit(found)
    elif found:
        rows = [(d.eid, d.model, d.os, _esims(d), d.name) for d in found]
        output.table(("EID", "MODEL", "OS", "ESIMS", "NAME"), rows)
    else:
        output.talk("No devices; make one: smdp device new")


def show_(eid: str, /, *, json: Json = False) -> None:
    """Show a simulated device and its eSIMs.

    Args:
        eid: Its EID.
    """
    device = session.client().device(session.eid(eid))
    if json:
        output.emit(device)
    else:
        _print(device)


def refresh_(
    url: str,
    /,
    *,
    eid: str | None = None,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    json: Json = False,
) -> int:
    """Do what iOS does on the MDM command RefreshCellularPlans: ask an SM-DP+ for this device's plan.

    Args:
        url: The carrier's eSIMServerURL, such as https://localhost:8443.
        eid: Which device; not needed if there is one only.
        all_: All devices, one after the other.
    """
    if eid is not None and all_:
        raise UsageError("Give --eid or --all, not both.")
    server = session.client()
    chosen = [session.eid(eid)] if eid is not None else _choose(server, every=all_)
    outcomes = []
    for number, one in enumerate(chosen, 1):
        outcomes.append((one, server.refresh(one, url)))
        output.progress(number, len(chosen), "devices")
    if json:
        output.emit([outcome for _, outcome in outcomes] if all_ else outcomes[0][1])
    else:
        for one, outcome in outcomes:
            _print_outcome(one, outcome)
    return 0 if all(outcome.ok for _, outcome in outcomes) else 1


def download_(
    activation_code: str,
    /,
    *,
    eid: str | None = None,
    confirmation_code: str | None = None,
    json: Json = False,
) -> int:
    """Do what a user does with a QR code: download the profile of an activation code.

    Args:
        activation_code: LPA:1$… in single quotes, as the shell would take the $ for its own.
        eid: Which device; not needed if there is one only.
        confirmation_code: The code that the user enters, if the carrier asks for one.
    """
    server = session.client()
    chosen = session.eid(eid) if eid is not None else _choose(server, every=False)[0]
    outcome = server.download(chosen, activation_code, confirmation_code=confirmation_code)
    if json:
        output.emit(outcome)
    else:
        _print_outcome(chosen, outcome)
    return 0 if outcome.ok else 1


def enable_(eid: str, iccid: str, /, *, json: Json = False) -> None:
    """Enable an eSIM on a device.

    Args:
        eid: The device.
        iccid: The eSIM.
    """
    _changed(session.client().switch_esim(session.eid(eid), session.iccid(iccid), "enable"), as_json=json)


def disable_(eid: str, iccid: str, /, *, json: Json = False) -> None:
    """Disable an eSIM on a device.

    Args:
        eid: The device.
        iccid: The eSIM.
    """
    _changed(session.client().switch_esim(session.eid(eid), session.iccid(iccid), "disable"), as_json=json)


def delete_(eid: str, iccid: str, /, *, json: Json = False) -> None:
    """Delete an eSIM from a device.

    Args:
        eid: The device.
        iccid: The eSIM.
    """
    server = session.client()
    server.delete_esim(session.eid(eid), session.iccid(iccid))
    _changed(server.device(session.eid(eid)), as_json=json)


def reset_esim_(eid: str, /, *, json: Json = False) -> None:
    """Delete all eSIMs of a device, as erasing it does.

    Args:
        eid: The device.
    """
    _changed(session.client().reset_esim(session.eid(eid)), as_json=json)


# --- choosing


def _choose(server: Client, *, every: bool) -> list[str]:
    """Return the EIDs of all devices, or of the only one. Raises SmdpError if there is none, or more."""
    eids = [device.eid for device in server.devices()]
    if not eids:
        raise SmdpError(f"Carrier {server.carrier} has no simulated device; make one: smdp device new")
    if len(eids) > 1 and not every:
        raise UsageError(f"There are {len(eids)} devices; say which with --eid, for instance --eid {eids[0]}")
    return eids


# --- printing


def _esims(device: Device) -> str:
    return ", ".join(esim.state for esim in device.esims) or "none"


def _print(device: Device) -> None:
    output.say(f"{device.name}, {device.model}, iOS {device.os}")
    output.facts(
        [
            ("EID", device.eid),
            ("IMEI", device.imei),
            ("serial", device.serial),
            ("UDID", device.udid),
            ("carrier", device.carrier),
            ("online", "yes" if device.online else "no"),
            ("supervised", "yes" if device.supervised else "no"),
            ("cellular", "yes" if device.cellular else "no: it has no modem"),
            ("physical SIM", "yes" if device.physical_sim else None),
            ("enrolled", _enrolled(device)),
            (
                "restricted",
                ", ".join(f"{key}={str(value).lower()}" for key, value in device.restrictions.items()) or None,
            ),
        ]
    )
    for esim in device.esims:
        network = esim.network or (f"no network ({esim.rejected})" if esim.rejected else "no network")
        output.say(f"  eSIM {esim.iccid}  {esim.state}  {network}  {esim.msisdn or ''}".rstrip())
    for notice in device.notices:
        output.say(f"  notice: {notice}")


def _enrolled(device: Device) -> str:
    if device.enrollment is None:
        return "no"
    return f"with {device.enrollment.get('server_url')} ({device.enrollment.get('kind')})"


def _print_outcome(eid: str, outcome: Outcome) -> None:
    output.say(f"{eid}  {output.mark(outcome.ok)} " + (f"installed {outcome.installed}" if outcome.ok else "refused"))
    if not outcome.ok:
        code = " ".join(part for part in (outcome.refused, outcome.reason) if part)
        output.facts(
            [("code", code or None), ("because", output.wrapped(outcome.because, 11) or None), ("fix", outcome.fix)]
        )


def _changed(device: Device, *, as_json: bool) -> None:
    if as_json:
        output.emit(device)
        return
    output.say(f"{device.eid} has no eSIM" if not device.esims else device.eid)
    for esim in device.esims:
        output.say(f"  {esim.iccid}  {esim.state}")
