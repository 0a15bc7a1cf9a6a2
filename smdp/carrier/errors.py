"""What a use case refuses, with the reason, the cause and the way out that a problem document tells."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

import msgspec

from smdp.errors import SmdpError

UNKNOWN, CONFLICT, UNUSABLE = 404, 409, 422
"""HTTP statuses, the only thing of HTTP that is known here."""


class CarrierError(SmdpError):
    """A use case that can't be done: a stable slug, one sentence why, one what to do, and the HTTP status it gets."""

    def __init__(self, reason: str, because: str, fix: str, status: int = UNUSABLE) -> None:
        super().__init__(f"{because} {fix}".strip())
        self.reason = reason
        self.because = because
        self.fix = fix
        self.status = status


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Say "did you mean …?" with the nearest word, or list a few, or say that there are none."""
    known = sorted(set(words))
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]}?"
    return f"There is: {', '.join(known[:10])}{', …' if len(known) > 10 else ''}." if known else "There is none."  # noqa: PLR2004 - a line full


def reject_unknown(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse members that a resource does not have."""
    known = set(known)
    for name in given:
        if name not in known:
            because = f"A {what} has no member {str(name)[:60]!r}."
            raise CarrierError("member-unknown", because, did_you_mean(str(name), known))


def reject_value(error: msgspec.ValidationError, what: str) -> NoReturn:
    """Refuse a value of the wrong kind, in msgspec's words: it names the member."""
    text = str(error).replace("`", "").replace(" - at $", " at ").replace("at .", "at ")[:300]
    raise CarrierError("value-invalid", f"The {what} is not right: {text}.", "Correct the value.") from None
