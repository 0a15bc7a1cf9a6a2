"""The parameters of the control API, by name: what they are, as JSON Schema, and an example of each."""

from typing import Any, get_args

from smdp.http.context import MAX_NUMBER, MAX_PAGE, PAGE
from smdp.model import ActivationState, SessionOutcome, State


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
    "session": ("A session's id: its transactionId, or the first digits of it.", _NAME, "7F3A9C0D"),
    "limit": ("How many a page has at most.", _NUMBER | {"maximum": MAX_PAGE, "default": PAGE}, 20),
    "cursor": ("Where to go on: `next` of the page before.", {"type": "string", "maxLength": 64}, "0"),
    "after": ("Only events with a greater id.", _NUMBER, 0),
    "type": ("Types of events, with commas between them.", {"type": "string"}, "profile.consumed,activation.active"),
    "state": ("A profile's state.", _words(*get_args(State)), "released"),
    "activation": ("The state of a profile's activation.", _words(*get_args(ActivationState)), "active"),
    "outcome": ("How a session ended.", _words(*get_args(SessionOutcome)), "installed"),
    "q": ("A part of an ICCID, EID, IMSI, MSISDN or MatchingID.", {"type": "string"}, "0019"),
    "include": ("`credentials` shows keys and PINs too.", _words("credentials"), "credentials"),
    "as": ("`raw` shows the messages as they were.", _words("decoded", "raw"), "decoded"),
    "version": ("Which OpenAPI.", _words("3.0", "3.1"), "3.1"),
    "Last-Event-ID": ("Where a stream goes on that broke off.", _NUMBER, 0),
}  # fmt: skip
"""Name → sentence, schema, example."""
