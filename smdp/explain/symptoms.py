"""What an MDM sees when a plan does not come, and what it is a symptom of: the table behind docs/scenarios.md.

The numbers are those of the tests' mark `symptom`; the names are scenarios that show the symptom.
"""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from smdp.explain.words import Line


class Seen(Enum):
    """What the MDM sees."""

    NO_PLAN = "acknowledged, and the row of the eSIM slot stays sparse"
    NO_SERVICE = "the row has an ICCID, and no network"
    PLAN = "the row has an ICCID and a network"
    NOT_NOW = "NotNow"
    NO_SUBSCRIPTIONS = "an answer without ServiceSubscriptions"
    FORMAT_ERROR = "CommandFormatError"


class Symptom(NamedTuple):
    """What is the matter (`text`), where it is shown (`scenario`), and what the MDM sees: an error code, or `Seen`."""

    number: int
    seen: Seen | int
    text: str
    scenario: str | None = None


SYMPTOMS = (
    Symptom(1, Seen.PLAN, "All is well."),
    Symptom(2, Seen.NO_PLAN, "The profile was downloaded before; it is there once.", "already-used"),
    Symptom(3, Seen.NO_PLAN, "The carrier has not released the order yet.", "not-released-yet"),
    Symptom(4, Seen.NO_PLAN, "Nobody ordered a plan for this EID.", "never-ordered"),
    Symptom(4, Seen.NO_PLAN, "The plan was ordered for a mistyped EID.", "eid-mistyped"),
    Symptom(4, Seen.NO_PLAN, "The order expired before the device came.", "order-expired"),
    Symptom(5, 12008, "eSIMServerURL is missing, or no string."),
    Symptom(5, 36003, "eSIMServerURL has no https:// in front."),
    Symptom(6, Seen.NO_PLAN, "The URL leads nowhere, or the device can't get there.", "no-route-to-carrier"),
    Symptom(7, Seen.NO_PLAN, "The URL ends in a slash or has a path, and the carrier's server refuses that."),
    Symptom(8, Seen.NO_PLAN, "The device does not trust the server's TLS certificate.", "tls-not-trusted"),
    Symptom(9, Seen.NO_SERVICE, "The carrier is still activating the plan: up to 3 minutes.", "slow-carrier"),
    Symptom(10, Seen.NO_SERVICE, "The carrier's network rejects the line.", "activation-fails"),
    Symptom(10, Seen.NO_SERVICE, "The customer's account is not active.", "account-inactive"),
    Symptom(11, Seen.NO_PLAN, "The device had no network when it wanted to download.", "device-offline"),
    Symptom(12, Seen.NOT_NOW, "The device is locked, or was not unlocked since it started."),
    Symptom(13, 36003, "The device is busy with another download.", "busy-then-success"),
    Symptom(14, 36002, "The device has no cellular modem, or no eUICC."),
    Symptom(15, 36001, "The device's cellular software does not answer."),
    Symptom(16, Seen.NO_PLAN, "The download broke off, and the profile counts as used.", "download-interrupted"),
    Symptom(17, Seen.NO_PLAN, "The eUICC could not install the profile: full, or an error in it."),
    Symptom(18, Seen.NO_SERVICE, "The carrier never heard of the installation.", "notification-lost"),
    Symptom(19, Seen.NO_PLAN, "The carrier takes so many devices at a time, and no more.", "queue-limit"),
    Symptom(20, Seen.PLAN, "A command that was sent twice changes nothing."),
    Symptom(21, 12021, "The iOS version or a User Enrollment does not know the command."),
    Symptom(21, Seen.FORMAT_ERROR, "The command's keys are wrong, or of the wrong type."),
    Symptom(22, Seen.NO_PLAN, "The device was wiped without PreserveDataPlan.", "wiped-without-preserve"),
    Symptom(
        23, Seen.NO_SUBSCRIPTIONS, "Since iOS 26 ICCID, PhoneNumber and their like are in ServiceSubscriptions alone."
    ),
    Symptom(
        24, Seen.NO_PLAN, "The carrier wants a confirmation code, which a refresh can't give.", "confirmation-code"
    ),
)
"""The symptoms in the order of their numbers; one number may have several causes."""


def likely(*seen: Seen | int) -> Line | None:
    """List what may be the matter when this is seen, the likeliest first where it is known; None if nothing is."""
    found = list(_lines(seen))
    return (
        Line("likely", "one of these, by the name of its scenario" if len(found) > 1 else "", found) if found else None
    )


def _lines(seen: tuple[Seen | int, ...]) -> Iterator[Line]:
    for one in SYMPTOMS:
        if one.seen in seen:
            yield Line(one.scenario or "·", one.text)
