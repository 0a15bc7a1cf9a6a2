"""Every way it can stand between an EID and its plan, in one table: the slug, why, and what to do.

The slugs of refusals are those of the checks in `smdp.rsp`, which know the session; these sentences know the carrier.
"""

from typing import NamedTuple


class Reason(NamedTuple):
    """A stable slug (None: nothing is in the way), why, and what to do: sentences with names in braces."""

    slug: str | None
    because: str
    fix: str | None = None


_ISSUE = "smdp profile issue {eid}"
_SHOW = "smdp profile show {iccid}"

STANDINGS: dict[str, Reason] = {
    "nothing-ordered": Reason("nothing-ordered", "No profile is waiting for this EID.", _ISSUE),
    "on-hold": Reason("on-hold", "The profile {iccid} is {state}, not released yet.", "smdp profile release {iccid}"),
    "ready": Reason(None, "The profile {iccid} waits for this EID: the next refresh gets it."),
    "confirmation-code-missing": Reason(
        "confirmation-code-missing",
        "The profile {iccid} asks for a confirmation code, which a refresh does not bring.",
        "Download it with its activation code and the confirmation code, or issue one without: " + _ISSUE,
    ),
    "imei-mismatch": Reason(
        "imei-mismatch",
        "The profile {iccid} is bound to another IMEI than this device had at its last visit.",
        "Use the device it was ordered for, or issue one without an IMEI: " + _ISSUE,
    ),
    "no-certificate-for-ci": Reason(
        "no-certificate-for-ci",
        "At its last visit this eUICC was shown a certificate under the CI {ci}, which this server no longer has.",
        "Serve with a PKI of that CI (smdp serve --pki DIR), or use another device.",
    ),
    "expired": Reason("expired", "The order of {iccid} expired at {expires}.", _ISSUE),
    "attempts-exceeded": Reason(
        "attempts-exceeded", "The profile {iccid} was tried {attempts} times; the order has ended.", _ISSUE
    ),
    "confirmation-code-attempts-exceeded": Reason(
        "confirmation-code-attempts-exceeded",
        "The confirmation code of {iccid} was wrong {confirmation_attempts} times; the order has ended.",
        _ISSUE,
    ),
    "revoked": Reason("revoked", "The carrier revoked the profile {iccid}.", _ISSUE),
    "cancelled": Reason("cancelled", "The order of {iccid} was cancelled on the device.", _ISSUE),
    "not-eligible": Reason(
        "not-eligible", "The eUICC could not take the profile {iccid}; the order has ended.", _ISSUE
    ),
    "failed": Reason("failed", "The profile {iccid} was not installed; the order has ended.", _ISSUE),
    "downloaded": Reason(
        "already-downloaded",
        "The profile {iccid} was downloaded at {when}{by}; the device has not said whether it is installed.",
        "Let the device send its notifications, or issue another one: " + _ISSUE,
    ),
    "deleted": Reason("deleted", "The profile {iccid} was installed, and deleted on the device.", _ISSUE),
    "inactive": Reason("inactive", "The profile {iccid} is installed; its plan becomes active {starts}.", _SHOW),
    "starting": Reason(
        "pending",
        "The profile {iccid} is installed; the network begins to activate its plan at {due} on the carrier's clock.",
        "Wait, or let time pass: smdp clock advance 3m",
    ),
    "pending": Reason(
        "pending",
        "The profile {iccid} is installed, and its plan is being activated{until}.",
        "Wait, or let time pass on the carrier's clock: smdp clock advance 3m",
    ),
    "active": Reason(
        "already-downloaded",
        "The profile {iccid} was downloaded at {when}{by}; it is installed and its plan is active.",
        "For a further plan, issue another one: " + _ISSUE,
    ),
    "attach-rejected": Reason(
        "attach-rejected",
        "The profile {iccid} is installed and its plan is active, but a fault has the network reject the device.",
        "smdp fault list shows the faults, smdp fault clear takes them away; then switch the eSIM off and on.",
    ),
    "authentication-failed": Reason(
        "authentication-failed",
        "The profile {iccid} is installed and its plan is active, but the device could not prove to be it (AKA).",
        "Compare the keys: the USIM needs the Ki and OPc of GET …/profiles/{iccid}?include=credentials.",
    ),
    "activation-failed": Reason(
        "activation-failed",
        "The profile {iccid} is installed, but its plan could not be activated: {activation}.",
        "Issue another one: " + _ISSUE,
    ),
    "suspended": Reason("suspended", "The profile {iccid} is installed, but its plan is suspended.", _SHOW),
    "terminated": Reason("terminated", "The profile {iccid} is installed, but its line is terminated.", _ISSUE),
}


def explain(standing: str, words: dict[str, object]) -> Reason:
    """Fill the sentences of a standing."""
    slug, because, fix = STANDINGS[standing]
    return Reason(slug, because.format_map(words), fix and fix.format_map(words))
