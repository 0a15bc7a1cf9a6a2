"""The whole loop as a story, from the MDM's command to the plan. Nothing is told that was not asked of them first."""

from dataclasses import dataclass
from typing import Any, Protocol

from smdp.client import Client
from smdp.demo.cast import Cast, NotTrue, Refused, Row, Working, check
from smdp.demo.mdm import BlockingMdm
from smdp.errors import ApiError
from smdp.model import Profile

__all__ = ["Facts", "NotTrue", "Voice", "tell"]

CARRIER = "demo"
_CONFLICT = 409
_REFRESHES = 4


class Voice(Protocol):
    """Who tells the story."""

    def chapter(self, title: str) -> None:
        """Begin a chapter."""

    def there(self, name: str, sentence: str) -> None:
        """Introduce somebody."""

    def done(self, word: str, sentence: str) -> None:
        """Tell that something happened: a word for it, and a sentence on it."""

    def more(self, sentence: str) -> None:
        """Go on with what was told last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was told, for a second process that checks it from outside.

    `mdm_ca` (PEM) is what a client of `mdm_url` has to trust; `before`, `after` and `finally_` are rows of
    ServiceSubscriptions: with no plan, with the first, and with the one that `reissued` names.
    """

    ok: bool
    control_url: str
    esim_server_url: str
    mdm_url: str
    mdm_ca: str
    carrier: str
    eid: str
    udid: str
    iccid: str
    msisdn: str | None
    session: str
    refused_session: str
    refused: str
    reason: str
    because: str
    reissued: str
    reissued_session: str
    events: dict[str, int]
    before: Row
    after: Row
    finally_: Row


def tell(client: Client, mdm: BlockingMdm, voice: Voice) -> Facts:
    """Let an MDM give a simulated iPhone its plan, ask for it again, and wipe the phone twice; tell what came of it.

    Raises NotTrue if anything is not as it has to be, and what client and MDM raise.
    """
    cast, before = _meet(client, mdm, voice)
    first, after = _plan_arrives(cast, voice)
    again = _asked_again(cast, voice, first.profile)
    _wiped_with_the_plan(cast, voice, first.profile)
    _wiped_without(cast, voice, first.profile)
    second, finally_ = _way_back(cast, voice, first.profile)
    return Facts(
        ok=True,
        control_url=client.url,
        esim_server_url=cast.server,
        mdm_url=mdm.url,
        mdm_ca=mdm.ca,
        carrier=cast.carrier.carrier,
        eid=cast.phone.eid,
        udid=cast.phone.udid,
        iccid=first.profile.iccid,
        msisdn=first.profile.msisdn,
        session=first.session.id,
        refused_session=again.session.id,
        refused=again.code,
        reason=again.reason,
        because=again.because,
        reissued=second.profile.iccid,
        reissued_session=second.session.id,
        events=first.events,
        before=before,
        after=after,
        finally_=finally_,
    )


def _meet(client: Client, mdm: BlockingMdm, voice: Voice) -> tuple[Cast, Row]:
    """Introduce carrier, iPhone and MDM, and enrol."""
    voice.chapter("An iPhone, its MDM, and a carrier")
    carrier = _carrier(client)
    shown = carrier.show_carrier()
    voice.there("carrier", f"{carrier.carrier}, on the network {shown.network_name}")
    voice.more(shown.esim_server_url)
    phone = carrier.create_device(name="Demo iPhone")
    voice.there("iPhone", f"{phone.model}, iOS {phone.os}, simulated, supervised, no SIM card")
    voice.more(f"EID {_grouped(phone.eid)}")
    check(phone.supervised and not phone.esims, "the iPhone is not new")
    voice.there("MDM", "a small one that stands in for yours")

    cast = Cast(carrier, mdm, phone)
    enrolled = cast.enrol()
    voice.done("enrolled", "by profile, with an identity from the MDM's SCEP server; topic")
    voice.more(str((enrolled.enrollment or {}).get("topic")))
    before = cast.no_plan()
    voice.done("asked", "The MDM reads ServiceSubscriptions: the slot for eSIMs has its own numbers, and no plan.")
    _show(voice, before)
    return cast, before


def _plan_arrives(cast: Cast, voice: Voice) -> tuple[Working, Row]:
    voice.chapter("The plan")
    profile = cast.order()
    voice.done("ordered", f"eSIM profile {profile.iccid} for this EID, plan {profile.plan}")
    cast.refresh()
    voice.done("commanded", "The MDM sends RefreshCellularPlans with the carrier's URL.")
    voice.more("The iPhone: Acknowledged. More than that an MDM is never told. The rest is what the carrier saw:")
    works = cast.working(profile.iccid)
    got = works.profile
    voice.done("downloaded", "by an iPhone that proved its EID with its eUICC's certificate")
    voice.done("consumed", f"at {got.consumed_at:%H:%M:%S} UTC: nobody gets this profile again")
    voice.done("installed", "as the eUICC's signed notification says")
    voice.done("active", f"{got.msisdn or got.imsi}, since {got.activation.since:%H:%M:%S} UTC")
    voice.done("attached", "The network challenged the new SIM's key, and let it in.")
    after = cast.plan_of(got)
    voice.done("asked", "The MDM reads ServiceSubscriptions again:")
    _show(voice, after)
    return works, after


def _asked_again(cast: Cast, voice: Voice, used: Profile) -> Refused:
    voice.chapter("The same command once more")
    cast.refresh()
    voice.done("commanded", "RefreshCellularPlans. Acknowledged, exactly as before.")
    refused = _tell_refusal(cast, voice, used)
    cast.plan_of(used)
    voice.done("unharmed", "The plan that is there still works.")
    return refused


def _wiped_with_the_plan(cast: Cast, voice: Voice, profile: Profile) -> None:
    voice.chapter("Wiped, with PreserveDataPlan")
    cast.erase(preserve=True)
    voice.done("erased", "EraseDevice. The iPhone forgets everything, its MDM too.")
    cast.enrol()
    voice.done("enrolled", "once more, as a new device")
    cast.plan_of(profile)
    voice.done("kept", f"{profile.msisdn or profile.imsi} works on, without any refresh.")


def _wiped_without(cast: Cast, voice: Voice, profile: Profile) -> None:
    voice.chapter("Wiped, without it")
    cast.erase(preserve=False)
    voice.done("erased", "EraseDevice as it is by default: the eSIM is gone with the rest.")
    cast.enrol()
    cast.no_plan()
    voice.done("enrolled", "once more; ServiceSubscriptions has no plan.")
    cast.refresh()
    voice.done("commanded", "RefreshCellularPlans. Acknowledged, as ever.")
    _tell_refusal(cast, voice, profile)


def _way_back(cast: Cast, voice: Voice, used: Profile) -> tuple[Working, Row]:
    voice.chapter("The way back")
    profile = cast.reissue(used)
    voice.done("reissued", f"The carrier orders anew: profile {profile.iccid},")
    voice.more(f"the same number {profile.msisdn or ''}".rstrip() + "; the old line has ended.")
    cast.refresh()
    voice.done("commanded", "RefreshCellularPlans. Acknowledged.")
    works = cast.working(profile.iccid)
    row = cast.plan_of(works.profile)
    voice.done("active", "This time there was something to fetch:")
    _show(voice, row)
    check(cast.refreshes() == _REFRESHES, "the MDM sent another number of refreshes")
    return works, row


def _carrier(client: Client) -> Client:
    """Make the carrier, unless a database that is kept has it already."""
    try:
        return client.create_carrier(CARRIER)
    except ApiError as error:
        if error.status != _CONFLICT:
            raise
        return client.on(CARRIER)


def _tell_refusal(cast: Cast, voice: Voice, used: Profile) -> Refused:
    refused = cast.refused(used)
    voice.done("refused", f"by the carrier: {refused.code}, {refused.reason}")
    voice.more(refused.because)
    voice.more(f"On the screen: {refused.notice}. The MDM hears nothing.")
    return refused


def _show(voice: Voice, row: Row) -> None:
    """Show of a row what differs between no plan and a plan."""
    shown: dict[str, Any] = {name: row[name] for name in _SHOWN if name in row}
    width = max(map(len, shown))
    for name, value in shown.items():
        voice.more(f"  {name:<{width}}  {value}")


_SHOWN = ("Slot", "EID", "IMEI", "ICCID", "CurrentCarrierNetwork", "PhoneNumber")


def _grouped(eid: str) -> str:
    return " ".join(eid[place : place + 4] for place in range(0, len(eid), 4))
