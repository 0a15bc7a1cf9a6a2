"""Every type an event can have, with what it tells: the one list behind filters, waits, webhooks and docs/events.md."""

from typing import NamedTuple


class EventType(NamedTuple):
    """When an event of a type comes, and the members of its `data` (ids have members of their own)."""

    text: str
    data: str = ""


_REFUSAL = "step, check, code, reason, because, fix"

TYPES: dict[str, EventType] = {
    "profile.issued": EventType("A profile was ordered.", "plan, state, replaces (the ICCID that it was reissued for)"),
    "profile.released": EventType("A profile waits for its device from now on, or again."),
    "profile.held": EventType("An operator took a released profile back, to release it later."),
    "profile.offered": EventType("The carrier told a device that a profile is ready to be installed.", "text"),
    "profile.selected": EventType("A download found the profile it is about (AuthenticateClient)."),
    "profile.downloaded": EventType("A bound profile package was handed out (GetBoundProfilePackage).", "bytes"),
    "profile.consumed": EventType("The profile is its device's for good; nobody gets it again."),
    "profile.installed": EventType("The device's notification says that the profile is installed."),
    "profile.enabled": EventType("The device's notification says that the profile was switched on."),
    "profile.disabled": EventType("The device's notification says that the profile was switched off."),
    "profile.deleted": EventType("The device's notification says that the profile was deleted."),
    "profile.failed": EventType("The profile was not installed, or its order ended in an error.", "reason"),
    "profile.expired": EventType("The order outlived its time on the carrier's clock."),
    "profile.revoked": EventType("An operator revoked the profile."),
    "activation.inactive": EventType("An operator took the activation back."),
    "activation.pending": EventType("The network began to activate the plan."),
    "activation.active": EventType("The plan works."),
    "activation.failed": EventType("The plan could not be activated.", "reason"),
    "activation.suspended": EventType("An operator suspended the line.", "reason"),
    "activation.terminated": EventType("The line has ended for good.", "reason"),
    "session.opened": EventType("A device asked for the server's certificate (InitiateAuthentication).", "ms"),
    "session.step": EventType("A further step of a download went well.", "step, ms"),
    "session.refused": EventType("A step or a notification was refused.", _REFUSAL),
    "session.cancelled": EventType(
        "The device cancelled the download, or the carrier was deleted, reset or restored.", "reason, because"
    ),
    "session.closed": EventType("The device's installation result came.", "step, outcome"),
    "order.confirmed": EventType("An operator confirmed an order (ES2+)."),
    "order.cancelled": EventType("An operator cancelled an order (ES2+)."),
    "order.progress": EventType("An operator was told of a download's progress (ES2+)."),
    "network.attached": EventType("A device attached to the network.", "network_name, mcc, mnc"),
    "network.rejected": EventType("The network turned a device away.", "reason, cause (EMM), because, fix"),
    "eid.seen": EventType(
        "An eUICC proved itself to this carrier, whatever became of its download.",
        "imei, ci (of our certificate)",
    ),
    "mdm.enrolled": EventType("A hosted device enrolled with an MDM.", "server, topic, kind, notes"),
    "mdm.command": EventType("A hosted device got a command of its MDM.", "command, command_uuid, url, again"),
    "mdm.acknowledged": EventType("A hosted device acknowledged a command.", "command, command_uuid"),
    "mdm.error": EventType(
        "A hosted device answered a command with an error, or its MDM could not be talked to.",
        "command, command_uuid, status, code, domain, text; or reason, because, fix, unenrolled",
    ),
    "mdm.not-now": EventType("A hosted device put a command off.", "command, command_uuid"),
    "erase.kept": EventType("A hosted device was erased and kept its plan.", "by, because, evidence, iccids"),
    "erase.removed": EventType("A hosted device was erased, its plan with it.", "by, because, evidence, iccids"),
    "restriction.blocked": EventType(
        "A restriction kept a hosted device's holder from something.", "action, key, profile, because"
    ),
    "user.notice": EventType(
        "A hosted device showed its holder a message, such as that the plan its MDM wanted can't be added.",
        "text, url, reason, because, fix",
    ),
    "tls.failed": EventType(
        "A TLS handshake on the device port failed.", "name, alert, reason, because, fix, count (of alike ones)"
    ),
    "fault.fired": EventType(
        "An armed fault did its work; or calls came above limits.per_second (then reason, because, fix, count).",
        "fault, do, with, step, hits, count, reason, because, fix",
    ),
    "clock.moved": EventType("The carrier's clock was moved."),
    "webhook.delivered": EventType("A webhook's receiver took an event.", "hook, delivery, event, attempt, status, ms"),
    "webhook.failed": EventType(
        "A webhook's receiver did not take an event; it is sent again unless given_up.",
        "hook, delivery, event, attempt, status, because, fix, retry_in, given_up",
    ),
    "carrier.created": EventType("The carrier was made."),
    "carrier.reset": EventType("The carrier was emptied.", "profiles, devices, sessions"),
    "carrier.restored": EventType(
        "The carrier became what a snapshot or a document says.", "by, snapshot, profiles, devices, sessions_ended"
    ),
    "carrier.deleted": EventType("The carrier was deleted.", "because, fix"),
}
"""In the order of the documentation: by noun, then as they happen."""

EVENT_TYPES = frozenset(TYPES)
