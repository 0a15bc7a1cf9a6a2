"""What a phone has beside its eUICC and its numbers, and how all of it looks to Apple's rules (`device.apple`)."""

from typing import TYPE_CHECKING

from msgspec import Struct, field

from smdp import model
from smdp.device.apple.facts import (
    Attachment,
    ConfigurationProfile,
    DeviceSettings,
    Passcode,
    Phone,
    PhysicalSim,
    Subscription,
)
from smdp.device.apple.facts import Enrollment as EnrollmentFacts
from smdp.device.apple.versions import build_of
from smdp.device.mdm.enrollment import Enrollment
from smdp.rsp.ids import luhn, ungrouped

if TYPE_CHECKING:
    from smdp.device.device import State

CARD = PhysicalSim(iccid="8988211000000123456", carrier="Example Mobile", mcc="999", mnc="99", number="+15550199999")
"""The SIM card of a device that has one: of a test network that no carrier here plays."""


class Handset(Struct, kw_only=True):
    """What erasing a phone takes away beside its eSIMs: its MDM, configuration profiles, passcode and settings."""

    enrollment: Enrollment | None = None
    awaiting_configuration: bool = False
    profiles: tuple[ConfigurationProfile, ...] = ()
    passcode: Passcode = field(default_factory=Passcode)
    settings: DeviceSettings = field(default_factory=DeviceSettings)


def phone_of(state: "State", esims: list[model.Esim], *, busy: bool = False) -> Phone:
    """Describe a device to Apple's rules as it is at this moment."""
    handset = state.handset
    return Phone(
        eid=state.eid,
        udid=state.udid,
        serial=state.serial,
        imei=state.imei,
        imei2=second_imei(state.imei),
        meid=ungrouped(state.imei)[:14],
        os=state.os,
        build=build_of(state.os),
        model=state.model,
        name=state.name,
        supervised=state.supervised,
        cellular=state.cellular,
        physical_sim=CARD if state.physical_sim else None,
        esims=tuple(_subscription(esim) for esim in esims),
        enrollment=_facts(handset),
        profiles=handset.profiles,
        passcode=handset.passcode,
        settings=handset.settings,
        busy=busy,
        country=state.country,
    )


def enrollment_of(handset: Handset) -> dict[str, object] | None:
    """Show an enrolment as the control API does, without its keys and tokens."""
    enrollment = handset.enrollment
    if enrollment is None:
        return None
    names = ("kind", "server_url", "topic", "access_rights", "organization", "profile_identifier")
    shown: dict[str, object] = {name: getattr(enrollment, name) for name in names}
    return shown | {"awaiting_configuration": handset.awaiting_configuration}


def second_imei(imei: str) -> str:
    """Make up the IMEI of the second slot: the next one."""
    number = f"{int(ungrouped(imei)[:14]) + 1:014d}"[-14:]
    return number + luhn(number)


def _facts(handset: Handset) -> EnrollmentFacts | None:
    enrollment = handset.enrollment
    if enrollment is None:
        return None
    return EnrollmentFacts(
        kind=enrollment.kind,
        access_rights=enrollment.access_rights,
        topic=enrollment.topic,
        server_url=enrollment.server_url,
        check_in_url=enrollment.check_in_url,
        enrollment_id=enrollment.enrollment_id,
        profile_identifier=enrollment.profile_identifier,
        unlock_token=enrollment.unlock_token,
        awaiting_configuration=handset.awaiting_configuration,
    )


def _subscription(esim: model.Esim) -> Subscription:
    attached = None
    if esim.network and esim.mcc is not None and esim.mnc is not None:
        attached = Attachment(network_name=esim.network, mcc=esim.mcc, mnc=esim.mnc, msisdn=esim.msisdn)
    return Subscription(
        iccid=esim.iccid,
        enabled=esim.state == "enabled",
        label_id=esim.label_id,
        attached=attached,
        subscriber_network=esim.subscriber_network,
        subscriber_mcc=esim.subscriber_mcc or "",
        subscriber_mnc=esim.subscriber_mnc or "",
    )
