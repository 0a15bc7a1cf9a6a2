"""Every transition a profile can make on the SM-DP+, and nothing else (SGP.22 §3.1.6).

A row is a trigger; its cells say where each state goes. One column per reuse policy would repeat itself: rows that all
policies share stand in `_COMMON`, the few that differ in `_POLICY`. What is not in the table doesn't happen.
"""

from enum import StrEnum
from typing import Literal

Reuse = Literal["never", "same-device", "always"]


class State(StrEnum):
    """Where a profile stands; the standard's names, in small letters."""

    AVAILABLE = "available"
    ALLOCATED = "allocated"
    LINKED = "linked"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    DOWNLOADED = "downloaded"
    INSTALLED = "installed"
    ERROR = "error"
    UNAVAILABLE = "unavailable"


class Trigger(StrEnum):
    """What can happen to a profile."""

    RELEASE = "release"
    """ES2+.ReleaseProfile, or the carrier's console."""
    HOLD = "hold"
    """The operator takes the release back; not in the standard, wanted by every test of it."""
    BIND = "bind"
    """ES9+.GetBoundProfilePackage hands the package out: the claim."""
    INELIGIBLE = "ineligible"
    """AuthenticateClient: this eUICC can't take the profile."""
    EXHAUSTED = "exhausted"
    """Too many download or confirmation code attempts."""
    POSTPONED = "postponed"
    """CancelSession with postponed or timeout."""
    REJECTED = "rejected"
    """CancelSession with any other reason."""
    INSTALLATION_SUCCEEDED = "installation-succeeded"
    INSTALLATION_FAILED = "installation-failed"
    INSTALLATION_INTERRUPTED = "installation-interrupted"
    """The temporary failures: insufficient memory, interruption."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    """The operator takes the profile away for good."""


_S = State
_PENDING = (_S.ALLOCATED, _S.LINKED, _S.CONFIRMED, _S.RELEASED)

_COMMON: dict[Trigger, dict[State, State]] = {
    Trigger.RELEASE: {_S.ALLOCATED: _S.RELEASED, _S.LINKED: _S.RELEASED, _S.CONFIRMED: _S.RELEASED},
    Trigger.HOLD: {_S.RELEASED: _S.CONFIRMED},
    Trigger.BIND: {_S.RELEASED: _S.DOWNLOADED},
    Trigger.INELIGIBLE: {_S.RELEASED: _S.ERROR},
    Trigger.EXHAUSTED: {_S.RELEASED: _S.ERROR, _S.DOWNLOADED: _S.ERROR},
    Trigger.POSTPONED: {_S.RELEASED: _S.RELEASED},
    Trigger.REJECTED: {_S.RELEASED: _S.ERROR, _S.DOWNLOADED: _S.ERROR},
    Trigger.INSTALLATION_SUCCEEDED: {_S.DOWNLOADED: _S.INSTALLED, _S.RELEASED: _S.INSTALLED},
    Trigger.INSTALLATION_FAILED: {_S.DOWNLOADED: _S.ERROR, _S.RELEASED: _S.ERROR},
    Trigger.INSTALLATION_INTERRUPTED: {_S.DOWNLOADED: _S.ERROR, _S.RELEASED: _S.ERROR},
    Trigger.EXPIRED: dict.fromkeys(_PENDING, _S.ERROR),
    Trigger.REVOKED: dict.fromkeys(
        (_S.AVAILABLE, *_PENDING, _S.DOWNLOADED, _S.INSTALLED, _S.ERROR),
        _S.UNAVAILABLE,
    ),
}

_RETRY: dict[Trigger, dict[State, State]] = {
    Trigger.BIND: {_S.RELEASED: _S.DOWNLOADED, _S.DOWNLOADED: _S.DOWNLOADED},
    Trigger.POSTPONED: {_S.RELEASED: _S.RELEASED, _S.DOWNLOADED: _S.RELEASED},
    Trigger.INSTALLATION_INTERRUPTED: {_S.DOWNLOADED: _S.DOWNLOADED, _S.RELEASED: _S.RELEASED},
}

_POLICY: dict[Reuse, dict[Trigger, dict[State, State]]] = {
    "never": {Trigger.POSTPONED: {_S.RELEASED: _S.RELEASED, _S.DOWNLOADED: _S.DOWNLOADED}},
    "same-device": _RETRY,
    "always": {
        **_RETRY,
        Trigger.BIND: {_S.RELEASED: _S.DOWNLOADED, _S.DOWNLOADED: _S.DOWNLOADED, _S.INSTALLED: _S.DOWNLOADED},
        Trigger.INSTALLATION_FAILED: {_S.DOWNLOADED: _S.RELEASED, _S.RELEASED: _S.RELEASED},
    },
}

CONSUMED_BY_ENTERING: dict[Reuse, State | None] = {
    "never": _S.DOWNLOADED,
    "same-device": _S.INSTALLED,
    "always": None,
}
"""The state whose entry makes a profile consumed: nobody else gets it from then on."""


def transition(state: State, trigger: Trigger, reuse: Reuse) -> State | None:
    """Say where a trigger takes a profile, or None where it is not allowed."""
    return _POLICY[reuse].get(trigger, _COMMON[trigger]).get(state)


def sources(trigger: Trigger, reuse: Reuse) -> tuple[State, ...]:
    """List the states in which a trigger is allowed, for the condition of an update."""
    return tuple(_POLICY[reuse].get(trigger, _COMMON[trigger]))
