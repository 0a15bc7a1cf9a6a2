"""ServiceSubscriptions: what DeviceInformation tells of the two SIM slots, with and without a plan.

Every phone here has two slots. With a tray, slot one takes the SIM card, and the first eSIM goes to slot two; without
one, or with the tray empty, eSIMs take both. A slot without a line is a row of Slot, IMEI and, unless it is the empty
tray, EID. ICCID and IMEI are written with spaces, MEID and EID without.
"""

import uuid
from typing import Any, NamedTuple

from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Attachment, Phone, PhysicalSim, Subscription
from smdp.device.apple.versions import exists

SLOTS = ("CTSubscriptionSlotOne", "CTSubscriptionSlotTwo")
LABELS = ("Primary", "Secondary")
"""What a line is called unless its holder called it something: by its place among the lines, in English only."""
_LABEL_SPACE = uuid.UUID("5f1f4b0c-8f0f-5d1a-9d0e-2a4f1c7f6b11")
_MEID_DIGITS = 14


class RowKey(NamedTuple):
    """A key of a row: its plist type, when it is there, and how sure that is."""

    name: str
    type: str
    present: str
    evidence: Evidence = "documented"


ROW_KEYS = (
    RowKey("CarrierSettingsVersion", "string", "with a line", "inferred"),
    RowKey("CurrentCarrierNetwork", "string", "attached", "observed"),
    RowKey("CurrentMCC", "string", "attached", "inferred"),
    RowKey("CurrentMNC", "string", "attached", "inferred"),
    RowKey("ICCID", "string", "with a line", "observed"),
    RowKey("EID", "string", "iOS 14.0, not in the tray's row while that has no eSIM"),
    RowKey("IMEI", "string", "always", "observed"),
    RowKey("IsDataPreferred", "boolean", "with a line"),
    RowKey("IsRoaming", "boolean", "attached", "inferred"),
    RowKey("IsVoicePreferred", "boolean", "with a line"),
    RowKey("Label", "string", "with a line"),
    RowKey("LabelID", "string", "with a line"),
    RowKey("MEID", "string", "with a line", "observed"),
    RowKey("PhoneNumber", "string", "once the network has told it; empty if it told none", "inferred"),
    RowKey("Slot", "string", "always", "observed"),
    RowKey("SubscriberCarrierNetwork", "string", "iOS 16.0, with a line"),
)
"""All keys of a row, in Apple's order; every one may be missing."""


class Line(NamedTuple):
    """A line in use, in Apple's form: where it is, whose it is, what it is attached to."""

    slot: int
    iccid: str
    label: str
    label_id: str
    settings_version: str
    home: Attachment
    attached: Attachment | None


def service_subscriptions(phone: Phone) -> list[dict[str, Any]]:
    """Make the rows of both slots, slot one first; none for a phone without cellular."""
    if not phone.cellular:
        return []
    in_use = lines(phone)
    by_slot = {line.slot: _line_keys(phone, line, in_use) for line in in_use}
    return [_row(phone, slot, by_slot.get(slot)) for slot in range(len(SLOTS))]


def lines(phone: Phone) -> list[Line]:
    """Name the lines in use, the SIM card's first, then up to two enabled eSIMs in the order of their installation."""
    enabled = [esim for esim in phone.esims if esim.enabled]
    free = [1, 0] if phone.tray else [0, 1]
    found: list[Line] = []
    if phone.physical_sim is not None:
        free = [1]
        found.append(_card_line(phone.physical_sim))
    for slot, esim in zip(free, enabled, strict=False):
        found.append(_esim_line(esim, slot, LABELS[len(found)]))
    return found


def spaced_iccid(iccid: str) -> str:
    """Write an ICCID as Apple does, in fours: 8901 2605 7071 8002 130."""
    digits = "".join(iccid.split())
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def spaced_imei(imei: str) -> str:
    """Write an IMEI as Apple does: 35 309418 464558 9."""
    digits = "".join(imei.split())
    return " ".join(part for part in (digits[:2], digits[2:8], digits[8:14], digits[14:]) if part)


def imei_of(phone: Phone, slot: int) -> str:
    """The IMEI of a slot (0 or 1), spaced; slot two has its own unless the phone has one only."""
    return spaced_imei(phone.imei2 if slot and phone.imei2 else phone.imei)


def meid_of(phone: Phone, slot: int) -> str:
    """The MEID of a slot, 14 digits: the given one for slot one, else the IMEI without its check digit."""
    return phone.meid if phone.meid and slot == 0 else imei_of(phone, slot).replace(" ", "")[:_MEID_DIGITS]


def _row(phone: Phone, slot: int, line: dict[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"Slot": SLOTS[slot], "IMEI": imei_of(phone, slot)} | (line or {})
    card = slot == 0 and (phone.physical_sim is not None or (phone.tray and line is None))
    if phone.esim and not card and exists("subscription key", "EID", phone.os):
        row["EID"] = phone.eid
    return {key.name: row[key.name] for key in ROW_KEYS if key.name in row}


def _line_keys(phone: Phone, line: Line, in_use: list[Line]) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "ICCID": spaced_iccid(line.iccid),
        "CarrierSettingsVersion": line.settings_version,
        "IsDataPreferred": line == _preferred(phone.data_iccid, in_use),
        "IsVoicePreferred": line == _preferred(phone.voice_iccid, in_use),
        "Label": line.label,
        "LabelID": line.label_id,
        "MEID": meid_of(phone, line.slot),
    }
    if line.home.network_name and exists("subscription key", "SubscriberCarrierNetwork", phone.os):
        keys["SubscriberCarrierNetwork"] = line.home.network_name
    if line.attached is not None:
        keys |= {
            "CurrentCarrierNetwork": line.attached.network_name,
            "CurrentMCC": line.attached.mcc,
            "CurrentMNC": line.attached.mnc,
            "IsRoaming": roaming(line),
        }
        if line.attached.msisdn is not None:
            keys["PhoneNumber"] = line.attached.msisdn
    return keys


def _preferred(iccid: str | None, in_use: list[Line]) -> Line:
    """The chosen line if it is in use, else the first."""
    return next((line for line in in_use if line.iccid == iccid), in_use[0])


def roaming(line: Line) -> bool:
    """Say whether a line is attached to another network than its own."""
    home, at = line.home, line.attached
    return at is not None and bool(home.mcc) and (home.mcc, home.mnc) != (at.mcc, at.mnc)


def _card_line(sim: PhysicalSim) -> Line:
    home = Attachment(network_name=sim.carrier, mcc=sim.mcc, mnc=sim.mnc, msisdn=sim.number)
    return Line(0, sim.iccid, LABELS[0], label_id_of(sim.iccid), sim.carrier_settings_version, home, home)


def _esim_line(esim: Subscription, slot: int, label: str) -> Line:
    home = Attachment(network_name=esim.subscriber_network, mcc=esim.subscriber_mcc, mnc=esim.subscriber_mnc)
    return Line(
        slot=slot,
        iccid=esim.iccid,
        label=label if esim.label in ("", *LABELS) else esim.label,
        label_id=esim.label_id or label_id_of(esim.iccid),
        settings_version=esim.carrier_settings_version,
        home=home,
        attached=esim.attached,
    )


def label_id_of(iccid: str) -> str:
    """Make the UUID of a line's label, the same for the same ICCID always."""
    return str(uuid.uuid5(_LABEL_SPACE, "".join(iccid.split()))).upper()
