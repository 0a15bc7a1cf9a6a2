"""Phones for the tests of what Apple's devices answer, and asking them."""

import plistlib
from typing import Any

import msgspec

from smdp.device.apple import answer
from smdp.device.apple.facts import (
    Attachment,
    ConfigurationProfile,
    DeviceSettings,
    Enrollment,
    Phone,
    PhysicalSim,
    Subscription,
)
from smdp.device.apple.result import ErrorItem, Result
from tests.device.apple.schema import validate_result

EID = "89049032123451234512345678901235"
ICCID = "8900101000000000019"
UDID = "00008150-0011223344556677"
URL = "https://acme.smdp.localhost:8443"
TOKEN = b"unlock"
NETWORK = Attachment(network_name="smdp TEST", mcc="001", mnc="01", msisdn="+15550100001")
INSTALLED = Subscription(
    iccid=ICCID, subscriber_network="smdp TEST", subscriber_mcc="001", subscriber_mnc="01", label_id="LABEL"
)
ACTIVE = msgspec.structs.replace(INSTALLED, attached=NETWORK)
CARD = PhysicalSim(iccid="89011703278101364837", carrier="Other", mcc="310", mnc="410", number="+15550199999")
MANAGED = Enrollment(
    topic="com.apple.mgmt.External.test",
    server_url="https://mdm.test/mdm",
    profile_identifier="com.example.mdm",
    unlock_token=TOKEN,
)


def phone(**facts: Any) -> Phone:
    """A supervised, enrolled iPhone 16 Pro with iOS 26.1 and an empty tray, but for what is given."""
    known: dict[str, Any] = {
        "eid": EID,
        "udid": UDID,
        "serial": "F2LXK0A1Q1",
        "imei": "353094184645589",
        "imei2": "353094184645597",
        "os": "26.1",
        "enrollment": MANAGED,
        "settings": DeviceSettings(data_roaming=True),
    }
    return Phone(**known | facts)


def enrolled(**facts: Any) -> Enrollment:
    """The usual enrolment, but for what is given."""
    return msgspec.structs.replace(MANAGED, **facts)


def profile(*payloads: dict[str, Any], identifier: str = "com.example.fleet", **facts: Any) -> ConfigurationProfile:
    """An installed profile with these payloads."""
    known = {"identifier": identifier, "uuid": f"UUID-{identifier}", "display_name": "Fleet"}
    return ConfigurationProfile(**known | facts, payloads=list(payloads))


def payload(kind: str, **keys: Any) -> dict[str, Any]:
    """A payload of a type."""
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"com.example.{kind}",
        "PayloadUUID": f"UUID-{kind}",
        **keys,
    }


def restricting(identifier: str = "com.example.fleet", **keys: Any) -> ConfigurationProfile:
    """A profile of restrictions."""
    return profile(payload("com.apple.applicationaccess", **keys), identifier=identifier)


def passcode_policy(**keys: Any) -> ConfigurationProfile:
    """A profile with a passcode policy."""
    return profile(payload("com.apple.mobiledevice.passwordpolicy", **keys), identifier="com.example.passcode")


def mobileconfig(profile: ConfigurationProfile) -> bytes:
    """The profile as InstallProfile carries it."""
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": profile.version,
            "PayloadIdentifier": profile.identifier,
            "PayloadUUID": profile.uuid,
            "PayloadDisplayName": profile.name,
            "PayloadContent": profile.payloads,
        }
    )


def read(data: bytes) -> ConfigurationProfile | ErrorItem:
    """Read what `mobileconfig` wrote."""
    try:
        found = plistlib.loads(data)
    except plistlib.InvalidFileException:
        return ErrorItem(4000, "MCInstallationErrorDomain", "The profile can't be read.")
    if "PayloadIdentifier" not in found:
        return ErrorItem(1002, "MCProfileErrorDomain", "The profile lacks PayloadIdentifier.")
    return ConfigurationProfile(
        identifier=found["PayloadIdentifier"],
        uuid=found["PayloadUUID"],
        display_name=found["PayloadDisplayName"],
        payloads=found["PayloadContent"],
    )


def ask(phone: Phone, request_type: str, *faults: str, **keys: Any) -> Result:
    """Send a command, and have its answer pass the schema."""
    result = answer({"RequestType": request_type, **keys}, phone, read=read, faults=faults)
    message = {"UDID": phone.udid, "CommandUUID": "C1", **result.answer()}
    assert validate_result(message, request_type) == []
    assert result.effect is None or result.status == "Acknowledged"
    plistlib.dumps(message)
    return result


def codes(result: Result) -> list[int]:
    """The codes of its ErrorChain."""
    return [error.code for error in result.errors]
