"""The parameters of the control API, by name, and the forms of what bodies carry: as JSON Schema, with examples."""

from typing import Any, get_args

from smdp.carrier.issue import MAX_PROFILES
from smdp.http.context import MAX_NUMBER, MAX_PAGE, PAGE
from smdp.model import ActivationState, Credentials, SessionOutcome, State


def _words(*words: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


_EID = {"type": "string", "pattern": "^[0-9]{32}$"}
_ICCID = {"type": "string", "pattern": "^[0-9]{18,20}$"}
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}

PARAMETERS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "carrier": ("A carrier's name.", {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}, "acme"),
    "plan": ("A plan's name.", _NAME, "default"),
    "iccid": ("An ICCID.", _ICCID, "8900101000000000019"),
    "eid": ("An EID.", _EID, "89049032123451234512345678901235"),
    "scenario": ("A scenario's name.", _NAME, "never-ordered"),
    "fault": ("A fault's id.", _NAME, "f1"),
    "session": ("A session's id: its transactionId, or the first digits of it.", _NAME, "7F3A9C0D"),
    "snapshot": ("A snapshot's name.", _NAME, "before"),
    "crl": ("A CRL's file name, as certificates have it.", {"type": "string"}, "ci-p256.crl"),
    "replace": ("Whether the document replaces what the carrier holds.", _words("false", "true"), "true"),
    "limit": ("How many a page has at most.", _NUMBER | {"maximum": MAX_PAGE, "default": PAGE}, 20),
    "cursor": ("Where to go on: `next` of the page before.", {"type": "string"}, "0"),
    "after": ("Only events with a greater id.", _NUMBER, 0),
    "type": ("Types of events, with commas between them.", {"type": "string"}, "profile.consumed,activation.active"),
    "state": ("A profile's state.", _words(*get_args(State)), "released"),
    "activation": ("The state of a profile's activation.", _words(*get_args(ActivationState)), "active"),
    "outcome": ("How a session ended.", _words(*get_args(SessionOutcome)), "installed"),
    "q": ("A part of an ICCID, EID, IMSI, MSISDN or MatchingID.", {"type": "string"}, "0019"),
    "include": ("`credentials` shows keys and PINs too.", _words("credentials"), "credentials"),
    "as": ("`raw` shows the messages as they were.", _words("decoded", "raw"), "decoded"),
    "getServiceSubscriptions.as": ("As JSON, or as an XML property list.", _words("json", "plist"), "json"),
    "os": ("Another iOS than the device has.", {"type": "string"}, "18.1"),
    "version": ("Which OpenAPI.", _words("3.0", "3.1"), "3.1"),
    "Last-Event-ID": ("The id of the last event that came, before a stream broke off.", {"type": "string"}, "41"),
}  # fmt: skip
"""Name → sentence, schema, example; a name may be that of one operation alone."""

_OS = {"type": "string", "pattern": r"^(1[2-8]|2[67])(\.[0-9]{1,2}){0,2}$", "examples": ["26.1"]}
_DEVICE_IMEI = {"type": "string", "pattern": "^([0-9] *){15}$", "examples": ["35 309418 464558 9"]}

_SECONDS_AND_MORE = r"([0-9]+(\.[0-9]+)? *(ms|[smhdw])?)|([0-9]+(ms|[smhdw]))+"
_ISO_8601 = r"[Pp]([0-9]+[Ww])?([0-9]+[Dd])?([Tt]([0-9]+[Hh])?([0-9]+[Mm])?([0-9]+([.,][0-9]+)?[Ss])?)?"
_DURATION = {"type": "string", "pattern": f"^({_SECONDS_AND_MORE}|{_ISO_8601})$", "examples": ["3m"]}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": 1_000_000}

FORMS: dict[str, dict[str, Any]] = {
    "eid": _EID | {"examples": ["89049032123451234512345678901235"]},
    "iccid": {"type": "string", "pattern": "^[0-9]{19,20}$", "examples": ["8900101000000000019"]},
    "imei": {"type": "string", "pattern": "^[0-9]{14,16}$", "examples": ["353094184645589"]},
    "DeviceOrder.imei": _DEVICE_IMEI,
    "DeviceEntry.imei": _DEVICE_IMEI,
    "imsi": {"type": "string", "examples": ["001010000000001"]},
    "AttachBody.imsi": {"type": "string", "pattern": "^[0-9]{6,15}$", "examples": ["001010000000001"]},
    "rand": {"type": "string", "pattern": "^[0-9A-Fa-f]{32}$"},
    "res": {"type": "string", "pattern": "^([0-9A-Fa-f]{2}){4,16}$"},
    "auts": {"type": "string", "pattern": "^[0-9A-Fa-f]{28}$"},
    "msisdn": {"type": "string", "examples": ["+15550100001"]},
    "matching_id": {"type": "string", "pattern": "^[0-9A-Z-]{0,64}$", "examples": ["04386-AGYFT-A74Y8-3F815"]},
    "confirmation_code": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["4931"]},
    "DownloadBody.confirmation_code": {},  # a user may type anything
    "expires": _DURATION,
    "install_delay": _DURATION,
    "delay": _DURATION,
    "within": _DURATION,
    "by": _DURATION,
    "EraseBody.by": _words("find-my", "recovery", "configurator", "dfu", "return-to-service"),
    "mcc": {"type": "string", "pattern": "^[0-9]{3}$", "examples": ["001"]},
    "mnc": {"type": "string", "pattern": "^[0-9]{2,3}$", "examples": ["01"]},
    "DeviceOrder.os": _OS,
    "DeviceEntry.os": _OS,
    "DeviceSettings.os": _OS,
    "country": {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["US"]},
    "network_name": {"type": "string", "minLength": 1, "maxLength": 32},
    "address": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?$", "examples": ["esim.acme.test"]},
    "hosts": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*$"},
    "smds_hosts": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*$"},
    "no_order_code": {"type": "string", "pattern": "^[0-9.]+/[0-9.]+$", "examples": ["8.1.1/3.8"]},
    "profile_name": {"type": "string", "minLength": 1, "maxLength": 64},
    "service_provider": {"type": "string", "minLength": 1, "maxLength": 32},
    "iccid_prefix": {"type": "string", "pattern": "^[0-9]{1,14}$", "examples": ["8900101"]},
    "icon": {"type": "string", "description": "A PNG or JPEG of 64 × 64 pixels in base64."},
    "upp": {"type": "string", "description": "A profile package: its DER in base64 or hexadecimal."},
    "credentials": {
        "type": "object",
        "properties": {name: {"type": "string"} for name in Credentials.__struct_fields__},
        "additionalProperties": False,
    },
    "count": {"type": "integer", "minimum": 1, "maximum": MAX_PROFILES},
    "download_attempts": _LIMIT,
    "confirmation_code_attempts": _LIMIT,
    "session_minutes": _LIMIT,
    "order_hours": _LIMIT,
    "per_second": _LIMIT,
}
"""Member of a body → what JSON Schema can say of it beyond its type; `Body.member` where it differs in one."""
