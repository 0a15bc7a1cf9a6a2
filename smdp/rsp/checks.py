"""Checks are data: each function's list of `Check` is what runs, and what the documentation, X-ray and tests read.

A check's `holds` gets the function's context and says yes or no. The first no becomes a `Refusal`: a value, not an
exception, since it may change counters and states like any other outcome.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Generic, TypeVar

from smdp.rsp.codes import Code
from smdp.rsp.tlv import Malformed

C = TypeVar("C")
MESSAGE_BYTES = 128
"""LPAs show `statusCodeData.message` from a buffer of this size."""
_WORD_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Check(Generic[C]):
    """One rule of the standard and what its violation is called.

    `code` is a status code pair on the server, an error integer on the eUICC. `why` and `fix` are sentences; braces in
    them are filled from the context's `details()`. A `holds` that meets malformed data (Malformed) counts as no.

    `passed` is the sentence that is true whenever it holds, its braces filled from what is known of the session; `when`
    names the fact without which the check has nothing to say, so that nobody takes its silence for a yes.
    """

    id: str
    clause: str
    field: str
    code: Code | IntEnum
    reason: str
    why: str
    fix: str
    holds: Callable[[C], bool]
    passed: str = ""
    when: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The check that did not hold, in words: `because` says what was found, `fix` what to do about it."""

    check: str
    code: Code | IntEnum
    reason: str
    because: str
    fix: str
    field: str = ""
    clause: str = ""

    @property
    def message(self) -> str:
        """`because` in the 128 bytes that LPAs can show, cut at a character (SGP.22 §6.5.1.4: `message`)."""
        return self.because.encode()[:MESSAGE_BYTES].decode(errors="ignore")

    def with_code(self, code: Code) -> "Refusal":
        """Say the same under another code, where a setting decides it."""
        return replace(self, code=code)


def refuse(check: Check[C], details: Mapping[str, object]) -> Refusal:
    """Turn a violated check into the refusal that says so, its braces filled with at most 300 characters each."""
    words = {name: _short(str(value)) for name, value in details.items()}
    reason, because, fix, where = (text.format_map(words) for text in (check.reason, check.why, check.fix, check.field))
    return Refusal(check.id, check.code, reason, because, fix, where, check.clause)


def _short(text: str) -> str:
    """Cut what somebody else has written: it may be as long as a message."""
    return text if len(text) <= _WORD_CHARACTERS else f"{text[: _WORD_CHARACTERS - 1]}…"


def first_violated(checks: Sequence[Check[C]], context: C) -> Check[C] | None:
    """Evaluate the checks in their order and return the first that does not hold."""
    for check in checks:
        try:
            if not check.holds(context):
                return check
        except Malformed:
            return check
    return None
