"""What Apple's MDM speaks in plists: command results, commands, check-ins. Profiles are `mobileconfig`'s."""

import plistlib
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers.expat import ExpatError

from smdp.explain import mdm_results, mobileconfig
from smdp.explain.apple_codes import CODES
from smdp.explain.words import Explanation, Line, clipped, lines
from smdp.rsp.tlv import Malformed

_MAX_ROWS = 20
_CHECK_INS = {
    "Authenticate": "the device begins to enrol",
    "TokenUpdate": "the device can be pushed to; the first one ends the enrolment",
    "CheckOut": "the device leaves",
    "GetBootstrapToken": "the device asks for its bootstrap token",
    "SetBootstrapToken": "the device leaves its bootstrap token",
    "DeclarativeManagement": "the device asks for declarations",
    "ReturnToService": "the device asks whether it comes back after an erase (iOS 26)",
    "GetToken": "the device asks for a token of a service",
}


def read(data: bytes) -> Mapping[str, Any]:
    """Read a property list that is a dictionary. Raises Malformed."""
    try:
        found = plistlib.loads(data)
    except (
        plistlib.InvalidFileException, ExpatError, ValueError, TypeError, AttributeError,
        KeyError, IndexError, OverflowError, RecursionError, MemoryError,
    ):  # fmt: skip
        raise Malformed("it is no readable property list") from None
    if not isinstance(found, dict):
        raise Malformed("it is a property list, but no dictionary")
    return found


def explain(data: bytes, signers: list[str] | None = None) -> Explanation:
    """Explain a property list. Raises Malformed if it is none."""
    found = read(data)
    if "PayloadContent" in found or found.get("PayloadType") == "Configuration":
        return mobileconfig.explain(found, signers)
    if isinstance(found.get("Command"), dict):
        return _command(found)
    if "Status" in found and ("CommandUUID" in found or "UDID" in found or "EnrollmentID" in found):
        return mdm_results.explain(found)
    if "MessageType" in found:
        return _check_in(found)
    told = Explanation("plist", "A property list that is no part of the eSIM flow.")
    told.lines = [Line("keys", clipped(", ".join(sorted(map(str, found)))))]
    return told


# --- commands and check-ins


def _command(found: Mapping[str, Any]) -> Explanation:
    command = found["Command"]
    kind = clipped(str(command.get("RequestType", "no RequestType")))
    told = Explanation("mdm-command", f"An MDM command: {kind}.")
    told.lines = lines((("command", found.get("CommandUUID")),))
    told.lines += lines((name, _short(value)) for name, value in list(command.items())[:_MAX_ROWS])
    if kind == "RefreshCellularPlans":
        told.problems.extend(url_problems(command.get("eSIMServerURL")))
    if kind == "EraseDevice" and not command.get("PreserveDataPlan"):
        told.problems.append("Without PreserveDataPlan the eSIMs are removed, and their profiles are used up.")
        told.fixes.append("Set PreserveDataPlan to true (iOS 11), or issue new profiles: smdp profile issue EID")
    if "CommandUUID" not in found:
        told.problems.append("It has no CommandUUID, so its answer can't be told from others.")
    return told


def _short(value: Any) -> str:
    return f"{len(value)} bytes, not shown" if isinstance(value, bytes) else clipped(str(value))


def url_problems(url: Any) -> Iterator[str]:
    """Say what is wrong with an eSIMServerURL."""
    if not isinstance(url, str) or not url:
        yield "It lacks eSIMServerURL, a string: the device answers Error 12008."
        return
    scheme, there, rest = url.partition("://")
    if not there or scheme.lower() not in ("http", "https"):
        yield "eSIMServerURL has no https:// in front: the device refuses it."
    elif "/" in rest:
        yield "eSIMServerURL has a path or a trailing slash; some carriers' servers refuse that."


def _check_in(found: Mapping[str, Any]) -> Explanation:
    kind = clipped(str(found["MessageType"]))
    told = Explanation(
        "mdm-check-in", f"An MDM check-in: {kind}, {_CHECK_INS.get(kind, 'which Apple does not document')}."
    )
    told.lines = lines(
        (name, found.get(name))
        for name in ("UDID", "EnrollmentID", "Topic", "OSVersion", "ProductName", "SerialNumber")
    )
    return told


def error_code(code: int) -> Explanation | None:
    """Explain an error code alone; None if it is none that is known."""
    meaning = CODES.get(code)
    if meaning is None:
        return None
    return Explanation("apple-error", f"{code}: {meaning.text}", fixes=[meaning.fix])
