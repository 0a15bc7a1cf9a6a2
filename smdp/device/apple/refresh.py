"""RefreshCellularPlans: what the device checks before it asks the carrier, and what it tells the MDM (iOS 13).

The MDM hears that the request was accepted, never what came of it. Restrictions don't stop it: allowESIMModification
is about the holder of the device.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from smdp.device.apple.effects import Refresh
from smdp.device.apple.errors import item
from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Phone
from smdp.device.apple.result import ErrorItem, Result, acknowledged, failed

SCHEMES = ("http", "https")
"""Schemes that the device takes (inferred: its list is not visible); Apple's own example says http."""
_MAX_URL = 2048


class Check(NamedTuple):
    """A check, in order: when it objects, what it reports."""

    name: str
    objects: Callable[[str, Phone, Collection[str]], bool]
    code: int
    problem: str
    evidence: Evidence


def _bad_url(url: str, _phone: Phone, _faults: Collection[str]) -> bool:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        return True
    return parts.scheme not in SCHEMES or not parts.hostname or len(url) > _MAX_URL


CHECKS = (
    Check("url", _bad_url, 12008, "invalid parameter request.eSIMServerURL, no URL with http or https", "inferred"),
    Check(
        "cellular",
        lambda _, phone, faults: not phone.cellular or "36002" in faults,
        36002,
        "no cellular hardware",
        "inferred",
    ),
    Check("euicc", lambda _, phone, __: not phone.esim or not phone.eid, 36002, "no eUICC", "inferred"),
    Check("stack", lambda _, __, faults: "36001" in faults, 36001, "", "documented"),
    Check("failing", lambda _, __, faults: "36003" in faults, 36003, "try again later", "documented"),
    Check(
        "busy", lambda _, phone, __: phone.busy, 36003, "it is busy with another plan; try again later", "documented"
    ),
)
"""The checks in the order in which the device makes them."""


def refresh(url: str, phone: Phone, faults: Collection[str] = ()) -> Result:
    """Answer RefreshCellularPlans: the first objection, or an acknowledgement with the effect Refresh."""
    for check in CHECKS:
        if check.objects(url, phone, faults):
            return failed(_error(check, phone))
    return acknowledged(Refresh(url=url.strip(), on_install="ack-on-install" in faults))


def after_install(phone: Phone, *, installed: bool) -> Result:
    """Answer at the end of a refresh that is acknowledged on install: 36003 if there is no plan then (inferred)."""
    if installed:
        return acknowledged()
    return failed(item(36003, "the plan was not installed", phone.cellular_error_domain))


def _error(check: Check, phone: Phone) -> ErrorItem:
    cellular = check.code != CHECKS[0].code
    return item(check.code, check.problem, phone.cellular_error_domain if cellular else None)
