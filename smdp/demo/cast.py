"""Who is in the story, and what they do in it: each verb does it, asks every side what came of it, and checks that."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from smdp.client import Client
from smdp.demo.mdm import BlockingMdm
from smdp.errors import SmdpError
from smdp.model import Device, Event, Profile, Session
from smdp.rsp.ids import ungrouped

ACKNOWLEDGED = "Acknowledged"
REFRESH, QUERY, ERASE = "RefreshCellularPlans", "DeviceInformation", "EraseDevice"
USED = ("8.1.1/3.8", "already-downloaded")
STEPS = ("profile.issued", "profile.downloaded", "profile.consumed", "profile.installed", "activation.active",
         "network.attached")  # fmt: skip
"""What the carrier's timeline has of a plan that works, in this order."""

_SPARSE = {"Slot", "EID", "IMEI"}
_REFRESH_ANSWER = {"CommandUUID", "Status", "UDID"}
_WITHIN = 60.0

Row = Mapping[str, Any]
"""A row of ServiceSubscriptions, with Apple's keys."""


class NotTrue(SmdpError):  # noqa: N818 - it says what the story's claim turned out to be
    """Something that the story would have told did not happen."""


def check(true: bool, otherwise: str) -> None:  # noqa: FBT001 - the claim itself
    """Raise NotTrue, with what is the case otherwise, unless it is true."""
    if not true:
        raise NotTrue(f"The demo failed: {otherwise}.")


class Working(NamedTuple):
    """A plan that works: the profile, the session it came in, and the ids of the events that tell so."""

    profile: Profile
    session: Session
    events: dict[str, int]


class Refused(NamedTuple):
    """A refusal, as the carrier explains it and the phone shows it."""

    session: Session
    code: str
    reason: str
    because: str
    notice: str


class Cast:
    """A carrier, an MDM and a phone. Raises NotTrue, and what client and MDM raise."""

    def __init__(self, carrier: Client, mdm: BlockingMdm, phone: Device) -> None:
        self.carrier, self.mdm, self.phone = carrier, mdm, phone
        self.server = carrier.esim_server_url
        self._seen = 0

    def _next(self, *kinds: str, iccid: str | None = None) -> Event:
        """Wait for the next events of these kinds about the phone, in any order; return the one that came last.

        The verbs wait one after the other, so the timeline has what they do in their order.
        """
        wait, eid, seen = self.carrier.wait, self.phone.eid, self._seen
        events = [wait(kind, eid=eid, iccid=iccid, after=seen, within=_WITHIN) for kind in kinds]
        last = max(events, key=lambda event: event.id)
        self._seen = last.id
        return last

    # --- the MDM

    def enrol(self) -> Device:
        """Enrol the phone with the MDM, and ask both whether it is."""
        scep = b"com.apple.security.scep" in self.mdm.profile()
        check(scep, "the MDM's profile wants no identity by SCEP")
        phone = self.carrier.enroll_device(self.phone.eid, url=self.mdm.enroll_url, mdm_ca=self.mdm.ca)
        check((phone.enrollment or {}).get("server_url", "").startswith(self.mdm.url), "the phone is not enrolled")
        there = self.mdm.devices.get(self.phone.udid)
        check(there is not None and there.enrolled, "the MDM does not know the phone")
        self._next("mdm.enrolled")
        return phone

    def _answer(self, uuid: str, command: str, url: str | None = None) -> Row:
        """Let the phone fetch a command, which may hold a URL, and answer it; return what the MDM got."""
        polled = self.carrier.poll_device(self.phone.eid)
        check(polled.problem is None, f"the phone could not talk to its MDM: {polled.problem}")
        answered = [(one.command, one.status) for one in polled.answered]
        check(answered == [(command, ACKNOWLEDGED)], f"the phone answered {answered}")
        result = self.mdm.result(self.phone.udid, uuid, _WITHIN)
        check(result.status == ACKNOWLEDGED, f"the MDM was told {result.status}")
        told = self._next("mdm.acknowledged")
        check(told.data.get("command_uuid") == uuid, "the timeline has another answer to the MDM")
        check(told.data.get("url") == url, f"the command had the URL {told.data.get('url')}")
        return result.answer

    def refresh(self) -> None:
        """Have the MDM send RefreshCellularPlans; its answer has nothing in it about a plan."""
        uuid = self.mdm.send_refresh(self.phone.udid, self.server)
        answer = self._answer(uuid, REFRESH, self.server)
        check(set(answer) == _REFRESH_ANSWER, f"the phone told its MDM {sorted(answer)}")

    def subscriptions(self) -> Row:
        """Have the MDM ask for ServiceSubscriptions, and return the row of the slot for eSIMs."""
        answer = self._answer(self.mdm.query(self.phone.udid), QUERY)
        rows = answer.get("QueryResponses", {}).get("ServiceSubscriptions", [])
        mine = [row for row in rows if row.get("EID") == self.phone.eid]
        check(len(mine) == 1, f"the phone has {len(mine)} slots with its EID, not one")
        return dict(mine[0])

    def no_plan(self) -> Row:
        """Ask for ServiceSubscriptions, and check that there is no plan in it."""
        row = self.subscriptions()
        check(set(row) == _SPARSE, f"a row without a plan has {sorted(row)}")
        return row

    def plan_of(self, profile: Profile) -> Row:
        """Ask for ServiceSubscriptions, and check that it has this profile's plan."""
        row = self.subscriptions()
        check(ungrouped(row.get("ICCID", "")) == profile.iccid, f"the MDM sees the ICCID {row.get('ICCID')}")
        network = self.carrier.show_carrier().network_name
        check(
            row.get("CurrentCarrierNetwork") == network, f"the MDM sees the network {row.get('CurrentCarrierNetwork')}"
        )
        check(row.get("PhoneNumber") == profile.msisdn, f"the MDM sees the number {row.get('PhoneNumber')}")
        return row

    def erase(self, *, preserve: bool) -> Event:
        """Have the MDM send EraseDevice, and check what the phone forgot, and whether the eSIMs are there."""
        before = self._held()
        self._answer(self.mdm.erase(self.phone.udid, preserve_data_plan=preserve), ERASE)
        event = self._next("erase.kept" if preserve else "erase.removed")
        check(event.data.get("iccids") == before, "the timeline tells of other eSIMs")
        phone = self.carrier.device(self.phone.eid)
        check(phone.enrollment is None, "the erased phone is still enrolled")
        held = [esim.iccid for esim in phone.esims]
        check(held == (before if preserve else []), f"after the wipe the phone holds {held}")
        return event

    def refreshes(self) -> int:
        """Count the refreshes the MDM sent; it must have heard Acknowledged of each, once, and nothing else."""
        heard = [result.status for result in self.mdm.results(self.phone.udid) if result.request_type == REFRESH]
        check(set(heard) == {ACKNOWLEDGED}, f"the MDM heard {heard}")
        return len(heard)

    # --- the carrier

    def order(self) -> Profile:
        """Order a plan for the phone's EID."""
        profile = self.carrier.issue(self.phone.eid)
        check(profile.eid == self.phone.eid, "the order is for another EID")
        self._check_new(profile)
        return profile

    def reissue(self, old: Profile) -> Profile:
        """Order the plan again, in the place of one that is used up: a new profile, the same number."""
        new = self.carrier.reissue(old.iccid)
        check((new.eid, new.msisdn) == (self.phone.eid, old.msisdn), "the line went elsewhere")
        check(new.iccid != old.iccid, "the profile that was used up is handed out again")
        check(self.carrier.profile(old.iccid).activation.state == "terminated", "the old line is still there")
        self._check_new(new)
        return new

    def _check_new(self, profile: Profile) -> None:
        check(profile.state == "released", f"the profile is {profile.state}, not released")
        check(not profile.consumed, "the profile is used before anyone asked")
        check(profile.activation.state == "inactive", "the plan works before anyone has it")

    def working(self, iccid: str) -> Working:
        """Wait until a plan works, and ask carrier and phone for it."""
        self._next("network.attached", "profile.enabled", iccid=iccid)
        profile = self.carrier.profile(iccid)
        check(profile.consumed and profile.consumed_at is not None, "the profile was handed out but is not consumed")
        check(profile.state == "installed", f"the carrier says {profile.state}, not installed")
        check(profile.activation.state == "active", f"the plan is {profile.activation.state}, not active")
        session = self.carrier.session(profile.consumed_by or "")
        check(session.outcome == "installed", f"the carrier calls the session {session.outcome}, not installed")
        check(session.eid == self.phone.eid, f"the session was of the EID {session.eid}")
        check(self._held() == [iccid], "the phone does not hold the profile")
        return Working(profile, session, self._told(iccid))

    def _told(self, iccid: str) -> dict[str, int]:
        """Check that every step is on the carrier's timeline once, in order; return the ids of the events."""
        events = self.carrier.events(iccid=iccid)
        ids: dict[str, int] = {}
        for name in STEPS:
            found = [event.id for event in events if event.type == name]
            check(len(found) == 1, f"the timeline has {name} {len(found)} times, not once")
            ids[name] = found[0]
        check(list(ids.values()) == sorted(ids.values()), "the timeline has the steps in another order")
        return ids

    def refused(self, used: Profile) -> Refused:
        """Wait for the carrier's refusal of a profile that is used up, and check that it changed nothing."""
        event = self._next("session.refused")
        session = self.carrier.session(event.session or "")
        check(session.outcome == "refused", f"the carrier calls the session {session.outcome}, not refused")
        why = session.refusal
        code, reason, because = (why.code, why.reason, why.because) if why else ("", "", "")
        check((code, reason) == USED, f"the carrier refused with {code} {reason}")
        check(bool(because), "the carrier refused without a reason")
        notice = self._next("user.notice")
        check(notice.session == session.id and notice.data.get("because") == because, "the phone gives another reason")
        after = self.carrier.profile(used.iccid)
        check((after.state, after.activation.state) == ("installed", "active"), "the refusal changed the profile")
        check(len(self.carrier.profiles(eid=self.phone.eid)) == 1, "the refresh made another profile")
        return Refused(session, code, reason, because, str(notice.data.get("text")))

    def _held(self) -> list[str]:
        return [esim.iccid for esim in self.carrier.device(self.phone.eid).esims]
