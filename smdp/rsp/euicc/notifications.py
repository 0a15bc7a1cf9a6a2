"""Notifications: made and signed here, listed, retrieved and removed by the LPA (SGP.22 §3.5, §5.7.9–5.7.11)."""

from dataclasses import dataclass

from smdp.rsp import asn1
from smdp.rsp.checks import Check
from smdp.rsp.codes import RemoveNotificationResult
from smdp.rsp.crypto import sign
from smdp.rsp.euicc.commands import Answer, World, code_of, integer, refused, result
from smdp.rsp.euicc.metadata import read_metadata
from smdp.rsp.euicc.state import Euicc, InstalledProfile, Notification
from smdp.rsp.tlv import bit_string, bits_of, tlv

MAX_NOTIFICATIONS = 128
"""How many are kept; the oldest makes room for one more."""


def notification_metadata(seq: int, operation: int, address: str, iccid: bytes | None) -> bytes:
    """Build NotificationMetadata, BF2F; `operation` is a bit of NotificationEvent."""
    return tlv(
        0xBF2F,
        integer(0x80, seq),
        bit_string(0x81, (operation,)),
        tlv(0x0C, address.encode()),
        b"" if iccid is None else tlv(0x5A, iccid),
    )


def keep(euicc: Euicc, notification: Notification) -> None:
    """Store a notification until it is acknowledged."""
    euicc.notifications.append(notification)
    del euicc.notifications[:-MAX_NOTIFICATIONS]


def notify(euicc: Euicc, operation: int, profile: InstalledProfile) -> None:
    """Sign an OtherSignedNotification for each address that the profile's metadata wants told (SGP.22 §3.5)."""
    credential = euicc.credentials[0]
    for address in read_metadata(profile.metadata).addresses(operation):
        seq = euicc.take_seq()
        signed = notification_metadata(seq, operation, address, profile.iccid)
        signature = tlv(0x5F37, sign(credential.key, signed))
        raw = tlv(0x30, signed, signature, credential.certificate, credential.eum_certificate)
        keep(euicc, Notification(seq=seq, operation=operation, address=address, iccid=profile.iccid, raw=raw))


def list_notification(euicc: Euicc, request: bytes, _: World) -> Answer:
    """ListNotification, BF28: what waits, without the signed bytes (SGP.22 §5.7.9)."""
    wanted = asn1.decode(asn1.ListNotificationRequest, request, 0xBF28)["profile_management_operation"].native
    found = (entry for entry in euicc.notifications if wanted is None or entry.operation in bits_of(wanted))
    entries = (notification_metadata(entry.seq, entry.operation, entry.address, entry.iccid) for entry in found)
    return Answer(tlv(0xBF28, tlv(0xA0, *entries)))


def retrieve_notifications_list(euicc: Euicc, request: bytes, _: World) -> Answer:
    """RetrieveNotificationsList, BF2B: the signed bytes of one, of some events, or of all (SGP.22 §5.7.10)."""
    criteria = asn1.decode(asn1.RetrieveNotificationsListRequest, request, 0xBF2B)["search_criteria"]
    found = euicc.notifications
    if criteria.native is not None and criteria.name == "seq_number":
        found = [entry for entry in found if entry.seq == criteria.native]
    elif criteria.native is not None:
        found = [entry for entry in found if entry.operation in bits_of(criteria.native)]
    return Answer(tlv(0xBF2B, tlv(0xA0, *(entry.raw for entry in found))))


@dataclass
class Removal:
    """A NotificationSentRequest under judgement."""

    euicc: Euicc
    seq: int

    def details(self) -> dict[str, object]:
        """Name the sequence number."""
        return {"seq": self.seq}


CHECKS: tuple[Check[Removal], ...] = (
    Check(
        id="RN#1",
        clause="SGP.22 §5.7.11",
        field="seqNumber",
        code=RemoveNotificationResult.NOTHING_TO_DELETE,
        reason="notification-unknown",
        why="The eUICC keeps no notification {seq}.",
        fix="List the notifications first.",
        holds=lambda context: any(entry.seq == context.seq for entry in context.euicc.notifications),
    ),
)


def remove_notification_from_list(euicc: Euicc, request: bytes, _: World) -> Answer:
    """RemoveNotificationFromList, BF30 (SGP.22 §5.7.11)."""
    context = Removal(euicc, asn1.decode(asn1.NotificationSentRequest, request, 0xBF30)["seq_number"].native)
    if refusal := refused(CHECKS, context):
        return result(0xBF30, code_of(refusal), refusal)
    euicc.notifications = [entry for entry in euicc.notifications if entry.seq != context.seq]
    return result(0xBF30, RemoveNotificationResult.OK)
