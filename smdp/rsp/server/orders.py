"""Which order a download is about: by MatchingID, or by the EID alone (SGP.22 §3.1.2, three use cases)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from smdp.rsp.server.session import Order, Policy
from smdp.rsp.states import State, Trigger, transition

_WAITING = frozenset({State.ALLOCATED, State.LINKED, State.CONFIRMED})
_TAKEN_BACK = frozenset({State.AVAILABLE, State.UNAVAILABLE})
"""Revoked or cancelled: that is the reason, however old the order has become since."""


def is_expired(order: Order, now: datetime) -> bool:
    """Say whether an order that nobody downloaded has outlived its time."""
    return order.consumed_at is None and order.expires_at is not None and order.expires_at <= now


def is_exhausted(order: Order, policy: Policy) -> bool:
    """Say whether an order ended because it was tried too often; one that may be downloaded always never is."""
    tried = order.download_attempts > policy.download_attempts
    return order.consumed_at is None and order.reuse != "always" and tried


def in_words(moment: datetime | None) -> str:
    """Write a time as the sentences of refusals have it; nothing if there is none."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else ""


def can_bind(order: Order) -> bool:
    """Say whether a package may be handed out for it, first or again."""
    return transition(order.state, Trigger.BIND, order.reuse) is not None


class Found(NamedTuple):
    """The order to go on with, or None and in a word why it is none: its slug and what happened to it."""

    order: Order | None
    ended: Order | None = None


def find(candidates: Sequence[Order], eid: str, policy: Policy, now: datetime) -> Found:
    """Choose among the orders of a MatchingID or an EID.

    One that can be handed out comes first, then one that waits for its release, then one that ended for a reason that
    has a code of its own (expired, tried too often); oldest first. All others ended.
    """
    mine = [order for order in candidates if order.eid in (None, eid)] or list(candidates)

    def rank(order: Order) -> int:
        too_late = is_expired(order, now) or is_exhausted(order, policy)
        explained = too_late and order.state not in _TAKEN_BACK
        ranks = (can_bind(order) and not explained, order.state in _WAITING and not explained, explained)
        return ranks.index(True) if any(ranks) else len(ranks)

    best = min(mine, key=rank, default=None)
    if best is None:
        return Found(None)
    return Found(best) if rank(best) < 3 else Found(None, best)


_ENDED = {
    State.DOWNLOADED: "already-downloaded",
    State.INSTALLED: "already-downloaded",
    State.ERROR: "failed",
    State.UNAVAILABLE: "revoked",
    State.AVAILABLE: "cancelled",
}
_ENDED_BECAUSE = {
    "already-downloaded": "The profile was already downloaded",
    "failed": "The order ended without an installation",
    "revoked": "The carrier revoked the profile",
    "cancelled": "The order was cancelled",
}
_ENDED_FIX = {
    "already-downloaded": "A profile is handed out once: issue a new one (smdp profile issue {eid}).",
    "failed": "Issue a new profile (smdp profile issue {eid}).",
    "revoked": "Issue a new profile (smdp profile issue {eid}).",
    "cancelled": "Order it again (smdp profile issue {eid}).",
}


def endings() -> list[tuple[str, str, str]]:
    """Return every way an order ends: the slug, the sentence, the fix."""
    return [(slug, f"{_ENDED_BECAUSE[slug]}.", fix) for slug, fix in _ENDED_FIX.items()]


def why_ended(order: Order, eid: str) -> dict[str, str]:
    """Tell in a slug, a sentence and a fix what became of an order that can't be downloaded any more."""
    slug = "already-downloaded" if order.consumed_at is not None else _ENDED[order.state]
    because = _ENDED_BECAUSE[slug]
    if slug == "already-downloaded" and order.consumed_at is not None:
        because += f" at {in_words(order.consumed_at)}"
        if order.consumed_by is not None and order.eid == eid:
            because += f" by session {order.consumed_by[:8]}…"
    return {"ended": slug, "because": because + ".", "ended_fix": _ENDED_FIX[slug].format(eid=eid)}
