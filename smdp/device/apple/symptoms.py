"""What goes wrong in the field, one row each: where it goes wrong, how to make it so here, and what the MDM sees.

The one table of symptoms: `smdp explain` names causes from it, docs/scenarios.md shows it, and each number is the mark
`symptom` of one test.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from smdp.device.apple.evidence import Evidence

Layer = Literal["none", "order", "device", "transport", "protocol", "carrier", "MDM"]


class Cause(NamedTuple):
    """One thing that may be the matter, and the scenario that plays it."""

    text: str
    scenario: str | None = None


class Symptom(NamedTuple):
    """A symptom: its number and slug, the layer at fault, the knob of ours, what the MDM sees, and how sure that is.

    `signs` are what a message of the device shows of it (see `signs_of`). `causes` are what is behind it in few words,
    `happens` is all of it; `fault` names one of the catalogue's, `knob` says what to do where neither that nor a
    scenario is enough.
    """

    number: int
    name: str
    layer: Layer
    signs: tuple[str, ...]
    happens: str
    mdm: str
    causes: tuple[Cause, ...]
    fault: str | None = None
    knob: str = ""
    evidence: Evidence = "documented"

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios that play it."""
        return tuple(cause.scenario for cause in self.causes if cause.scenario is not None)


NO_PLAN = ("accepted", "no-plan")
_COMMON = frozenset({"Status", "UDID", "EnrollmentID", "CommandUUID"})
_ACK_SPARSE = "Acknowledged; the row of the eSIM's slot stays without ICCID."
_USED = "Acknowledged; the row stays without ICCID, however often it is sent."

SYMPTOMS = (
    Symptom(
        1,
        "all-well",
        "none",
        ("plan",),
        "The plan is ordered for this EID and released: it is downloaded, installed and becomes active.",
        "Acknowledged; within three minutes the row gains ICCID, network and number.",
        causes=(Cause("All is well."),),
        knob="smdp profile issue EID",
    ),
    Symptom(
        2,
        "already-used",
        "order",
        NO_PLAN,
        "The profile was handed out before: 8.1.1/3.8 without a MatchingID, 8.2.6/3.8 with one.",
        _USED,
        causes=(Cause("The profile was downloaded before; it is there once.", "already-used"),),
    ),
    Symptom(
        3,
        "not-released",
        "order",
        NO_PLAN,
        "The carrier has not released the profile yet: 8.2/1.2.",
        f"{_ACK_SPARSE} Sent again after the release it works.",
        causes=(Cause("The carrier has not released the order yet.", "not-released-yet"),),
    ),
    Symptom(
        4,
        "other-eid",
        "order",
        NO_PLAN,
        "The carrier knows nothing for this EID, or ordered for another: 8.1.1/3.8, 8.2.6/3.8.",
        _USED,
        causes=(
            Cause("Nobody ordered a plan for this EID.", "never-ordered"),
            Cause("The plan was ordered for a mistyped EID.", "eid-mistyped"),
            Cause("The order expired before the device came.", "order-expired"),
        ),
    ),
    Symptom(
        5,
        "url-without-scheme",
        "device",
        ("error-12008", "error-36003"),
        "eSIMServerURL has no http or https in front.",
        "Error 12008: invalid parameter request.eSIMServerURL (perhaps 36003 on a real device).",
        causes=(Cause("eSIMServerURL is missing, is no string, or has no https:// in front."),),
        knob="send smdp.example.com instead of https://smdp.example.com",
        evidence="inferred",
    ),
    Symptom(
        6,
        "wrong-host",
        "transport",
        NO_PLAN,
        "The host can't be resolved, refuses, answers 404 or a page in HTML.",
        _ACK_SPARSE,
        causes=(Cause("The URL leads nowhere, or the device can't get there.", "no-route-to-carrier"),),
        fault="html-instead-of-json",
    ),
    Symptom(
        7,
        "trailing-slash",
        "transport",
        NO_PLAN,
        "The URL has a path or a slash at its end; some carriers' servers mind.",
        "As without it, or, where the server minds: acknowledged, and no ICCID.",
        causes=(Cause("The URL ends in a slash or has a path, and the carrier's server minds.", "trailing-slash"),),
        evidence="observed",
    ),
    Symptom(
        8,
        "tls",
        "transport",
        NO_PLAN,
        "The server's certificate is self-signed, expired or another host's, or it speaks TLS 1.1 at most.",
        _ACK_SPARSE,
        causes=(Cause("The device does not trust the server's TLS certificate.", "tls-not-trusted"),),
        fault="tls-self-signed",
    ),
    Symptom(
        9,
        "slow-activation",
        "carrier",
        ("no-network",),
        "The eSIM is installed, and the network takes minutes, or for ever, to know it.",
        "Acknowledged; the row gains ICCID, but CurrentCarrierNetwork and PhoneNumber come late or never.",
        causes=(Cause("The carrier is still activating the plan: up to 3 minutes.", "slow-carrier"),),
        fault="activation-never",
    ),
    Symptom(
        10,
        "activation-fails",
        "carrier",
        ("no-network",),
        "The eSIM is installed and enabled, and the network rejects it.",
        "Acknowledged; ICCID, without CurrentMCC and CurrentMNC.",
        causes=(
            Cause("The carrier's network rejects the line.", "activation-fails"),
            Cause("The customer's account is not active.", "account-inactive"),
        ),
    ),
    Symptom(
        11,
        "device-offline",
        "device",
        NO_PLAN,
        "The device does not connect, or loses its network before it downloads.",
        "The command stays in the queue; or it is acknowledged, and there is no ICCID.",
        causes=(Cause("The device had no network when it wanted to download.", "device-offline"),),
        fault="offline",
    ),
    Symptom(
        12,
        "not-now",
        "device",
        ("not-now",),
        "The device has no time for the command.",
        "NotNow, and later the answer.",
        causes=(Cause("The device is locked, or was not unlocked since it started.", "not-now"),),
        fault="not-now",
    ),
    Symptom(
        13,
        "busy",
        "device",
        ("error-36003",),
        "The cellular stack is busy, as with another download.",
        "Error 36003; sent again later it works.",
        causes=(Cause("The device is busy with another download.", "busy-then-success"),),
        fault="36003",
    ),
    Symptom(
        14,
        "no-cellular-hardware",
        "device",
        ("error-36002",),
        "The device has no cellular hardware, or no eUICC.",
        "Error 36002.",
        causes=(Cause("The device has no cellular modem, or no eUICC.", "no-cellular-hardware"),),
        fault="36002",
        knob="smdp device new --no-cellular",
    ),
    Symptom(
        15,
        "no-cellular-stack",
        "device",
        ("error-36001",),
        "The device can't reach its cellular stack.",
        "Error 36001.",
        causes=(Cause("The device's cellular software does not answer.", "no-cellular-stack"),),
        fault="36001",
    ),
    Symptom(
        16,
        "interrupted",
        "protocol",
        NO_PLAN,
        "The connection breaks off at GetBoundProfilePackage.",
        "Acknowledged; the device asks again and gets the same package, or it ends as number 2.",
        causes=(Cause("The download broke off, and the profile counts as used.", "download-interrupted"),),
        fault="eof",
    ),
    Symptom(
        17,
        "install-error",
        "device",
        NO_PLAN,
        "The eUICC is full or gives the installation up.",
        f"{_ACK_SPARSE} The carrier sees the error.",
        causes=(Cause("The eUICC could not install the profile: full, or an error in it.", "euicc-full"),),
        fault="no-memory",
    ),
    Symptom(
        18,
        "notification-lost",
        "protocol",
        ("plan", "no-network"),
        "The eSIM is installed, and the carrier never hears of it.",
        "ICCID; no network where the carrier activates when it hears of the installation, else as number 1.",
        causes=(Cause("The carrier never heard of the installation.", "notification-lost"),),
        fault="lost-notification",
    ),
    Symptom(
        19,
        "queue-limit",
        "carrier",
        NO_PLAN,
        "Many devices at once: the carrier turns some down with 429 or 503.",
        "Acknowledged by all; some rows gain an ICCID, the others not.",
        causes=(Cause("The carrier takes so many devices at a time, and no more.", "queue-limit"),),
        fault="rate-limit",
    ),
    Symptom(
        20,
        "sent-twice",
        "MDM",
        ("plan",),
        "The command is sent again though the plan is there.",
        "Acknowledged twice; one row with an ICCID.",
        causes=(Cause("A command that was sent twice changes nothing."),),
        knob="send it twice",
        evidence="inferred",
    ),
    Symptom(
        21,
        "not-supported",
        "MDM",
        ("error-12021", "format-error"),
        "The iOS is too old, User Enrollment forbids it, or there is no such command.",
        "Error 12021; without a RequestType CommandFormatError.",
        causes=(Cause("The iOS version or a User Enrollment does not know the command, or a key has the wrong type."),),
        knob="smdp device new --os 12.4, --enrollment user",
        evidence="inferred",
    ),
    Symptom(
        22,
        "wiped",
        "MDM",
        NO_PLAN,
        "EraseDevice came without PreserveDataPlan, and the plan is gone; the refresh after it is number 2.",
        _USED,
        causes=(Cause("The device was wiped without PreserveDataPlan.", "wiped-without-preserve"),),
        knob="EraseDevice, enrol again, refresh; then smdp profile reissue",
    ),
    Symptom(
        23,
        "top-level-query",
        "MDM",
        ("no-key",),
        "The server asks iOS 26 for ICCID or IMEI outside ServiceSubscriptions.",
        "The keys are missing from QueryResponses.",
        causes=(Cause("Since iOS 26 ICCID, PhoneNumber and their like are in ServiceSubscriptions alone."),),
        knob="smdp device new --os 26.1",
    ),
    Symptom(
        24,
        "confirmation-code",
        "order",
        NO_PLAN,
        "The carrier wants a confirmation code, which a refresh can't give: 8.2.7/2.2.",
        _ACK_SPARSE,
        causes=(Cause("The carrier wants a confirmation code, which a refresh can't give.", "confirmation-code"),),
    ),
)
"""All of them, by number."""


def likely(message: Mapping[str, Any]) -> list[Symptom]:
    """Name the symptoms that the answer to a command may be a sign of, by number; the message is read, not trusted."""
    shown = signs_of(message)
    return [symptom for symptom in SYMPTOMS if shown & set(symptom.signs)]


def signs_of(message: Mapping[str, Any]) -> set[str]:
    """Say what an answer shows: not-now, format-error, error-CODE; of ServiceSubscriptions plan, no-network, no-plan.

    An acknowledgement without anything in it is `accepted`, one of queries without ServiceSubscriptions `no-key`.
    """
    status, chain = message.get("Status"), message.get("ErrorChain")
    if status in ("NotNow", "CommandFormatError"):
        return {"not-now" if status == "NotNow" else "format-error"}
    if status == "Error":
        entries = chain if isinstance(chain, list) else []
        return {f"error-{entry.get('ErrorCode')}" for entry in entries if isinstance(entry, Mapping)}
    if status != "Acknowledged":
        return set()
    responses = message.get("QueryResponses")
    if not isinstance(responses, Mapping):
        return {"accepted"} if set(message) <= _COMMON else set()
    rows = responses.get("ServiceSubscriptions")
    return _signs_of_rows(rows) if isinstance(rows, list) else {"no-key"}


def _signs_of_rows(rows: list[Any]) -> set[str]:
    """Look at the rows of eSIMs: those with an EID, or all where no row has one."""
    known = [row for row in rows if isinstance(row, Mapping)]
    esims = [row for row in known if "EID" in row] or known
    lines = [row for row in esims if row.get("ICCID")]
    if not lines:
        return {"no-plan"}
    return {"plan"} if all(row.get("CurrentCarrierNetwork") for row in lines) else {"no-network"}
