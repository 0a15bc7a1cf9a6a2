"""The main job as a story: one eSIM, one device, once. Nothing is told that was not asked of the control API first."""

from collections.abc import Callable
from dataclasses import dataclass

from smdp.client import Client
from smdp.errors import ApiError, SmdpError
from smdp.model import Device, Event, Outcome, Profile, Session

CARRIER = "demo"
_CONFLICT = 409
_ACTIVE_WITHIN = 60.0
_ORDER = ("profile.issued", "profile.downloaded", "profile.consumed", "profile.installed", "activation.active")
_REFUSAL = ("8.1.1/3.8", "already-downloaded")

Narrate = Callable[[str, str], None]
"""Told a word for what happened, and a sentence on it; an empty word goes on with the sentence before."""


class NotTrue(SmdpError):  # noqa: N818 - it says what the story's claim turned out to be
    """Something that the story would have told did not happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was told, for a second process that checks it from outside."""

    ok: bool
    control_url: str
    esim_server_url: str
    carrier: str
    eid: str
    iccid: str
    session: str
    refused_session: str
    refused: str
    reason: str
    because: str
    events: dict[str, int]


def tell(client: Client, narrate: Narrate) -> Facts:
    """Issue a profile for a new simulated iPhone, let it refresh twice, and tell what came of it.

    Raises NotTrue if anything is not as it has to be, and what the client raises.
    """
    client = _carrier(client, narrate)
    device = client.create_device(name="Demo iPhone")
    narrate("device", f"simulated {device.model}, iOS {device.os}")
    narrate("", f"EID {device.eid}")

    profile = client.issue(device.eid)
    _check(profile.eid == device.eid and profile.state == "released", f"the profile is {profile.state}, not released")
    _check(not profile.consumed and profile.activation.state == "inactive", "the profile is used before anyone asked")
    narrate("issued", f"eSIM profile {profile.iccid} for this EID, plan {profile.plan}")

    outcome = client.refresh(device.eid, profile.esim_server_url)
    _check(outcome.ok and outcome.installed == profile.iccid, f"the refresh ended otherwise: {outcome}")
    narrate("refreshed", "the device asked, as iOS does on RefreshCellularPlans")
    narrate("", profile.esim_server_url)
    client.wait("activation.active", eid=device.eid, iccid=profile.iccid, after=0, within=_ACTIVE_WITHIN)
    session = _session(client, outcome, "installed")
    events = _told(client, profile)
    _tell_success(client, narrate, device, client.profile(profile.iccid), session)

    again = client.refresh(device.eid, profile.esim_server_url)
    refused = _session(client, again, "refused")
    _check_refusal(client, again, refused, profile)
    narrate("refused", f"the second refresh: {again.refused} {again.reason}")
    narrate("", again.because)
    return Facts(
        ok=True,
        control_url=client.url,
        esim_server_url=profile.esim_server_url,
        carrier=client.carrier,
        eid=device.eid,
        iccid=profile.iccid,
        session=session.id,
        refused_session=refused.id,
        refused=_REFUSAL[0],
        reason=_REFUSAL[1],
        because=again.because,
        events=events,
    )


def _carrier(client: Client, narrate: Narrate) -> Client:
    """Make the carrier, unless a database that is kept has it already."""
    try:
        client = client.create_carrier(CARRIER)
    except ApiError as error:
        if error.status != _CONFLICT:
            raise
        client = client.on(CARRIER)
    narrate("carrier", f"{client.carrier}, on the network {client.show_carrier().network_name}")
    return client


def _tell_success(client: Client, narrate: Narrate, device: Device, profile: Profile, session: Session) -> None:
    """Check what carrier and device say of the installed profile, and tell it."""
    _check(profile.consumed and profile.consumed_at is not None, "the profile was handed out but is not consumed")
    _check(profile.consumed_by == session.id, f"the profile was consumed in session {profile.consumed_by}")
    narrate("downloaded", f"consumed at {profile.consumed_at:%H:%M:%S} UTC by this EID: nobody gets it again")
    esims = client.device(device.eid).esims
    _check(profile.state == "installed", f"the carrier says {profile.state}, not installed")
    _check([esim.iccid for esim in esims] == [profile.iccid], "the device does not hold the profile")
    narrate("installed", f"the eUICC's signed notification says so; on the device: {esims[0].state}")
    _check(profile.activation.state == "active", f"the plan is {profile.activation.state}, not active")
    narrate("active", f"{profile.msisdn or profile.imsi} works since {profile.activation.since:%H:%M:%S} UTC")


def _session(client: Client, outcome: Outcome, wanted: str) -> Session:
    """Fetch the carrier's side of what the device did, and check how it ended there."""
    if outcome.session is None:
        raise NotTrue(f"The demo failed: the device had no session with the carrier ({outcome}).")
    session = client.session(outcome.session)
    _check(session.outcome == wanted, f"the carrier calls the session {session.outcome}, not {wanted}")
    return session


def _told(client: Client, profile: Profile) -> dict[str, int]:
    """Check that every step is on the carrier's timeline once, in order; return the ids of the events."""
    events: list[Event] = client.events(iccid=profile.iccid)
    ids: dict[str, int] = {}
    for name in _ORDER:
        found = [event.id for event in events if event.type == name]
        _check(len(found) == 1, f"the timeline has {name} {len(found)} times, not once")
        ids[name] = found[0]
    _check(list(ids.values()) == sorted(ids.values()), "the timeline has the steps in another order")
    return ids


def _check_refusal(client: Client, again: Outcome, session: Session, profile: Profile) -> None:
    """Check that the second download was refused, for the right reason, and changed nothing."""
    _check(not again.ok, "the second refresh installed something")
    _check((again.refused, again.reason) == _REFUSAL, f"the second refresh ended otherwise: {again}")
    _check(bool(again.because), "the second refresh was refused without a reason")
    because = session.refusal.because if session.refusal else None
    _check(because == again.because, "device and carrier give different reasons")
    after = client.profile(profile.iccid)
    _check(after.state == "installed" and after.activation.state == "active", "the second refresh changed the profile")
    _check(len(client.profiles(eid=profile.eid)) == 1, "the second refresh made another profile")


def _check(true: bool, otherwise: str) -> None:  # noqa: FBT001 - the claim itself
    if not true:
        raise NotTrue(f"The demo failed: {otherwise}.")
