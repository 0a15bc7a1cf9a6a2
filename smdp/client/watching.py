"""The part of the client that watches a carrier: its sessions, its events, and whom these are told."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from smdp.client.scope import OfCarrier
from smdp.client.steps import Page, Steps, call, decode, every, verb
from smdp.client.words import Duration, duration, given
from smdp.durations import format_duration
from smdp.errors import NotReached, TimedOut
from smdp.model import Event, Session, Webhook

RECONNECT_SECONDS = 0.1


class Waited(msgspec.Struct, kw_only=True):
    """The answer of `events/wait`."""

    reached: bool
    event: Event | None = None
    timed_out: bool = False
    last: Event | None = None
    reason: str | None = None
    because: str | None = None
    fix: str | None = None

    def __str__(self) -> str:
        """Say why it was not reached."""
        return " ".join(part for part in (self.because, self.fix) if part)


class Watching(OfCarrier):
    """Sessions, events and webhooks of a carrier."""

    # --- sessions

    @verb
    def sessions(self, /, **filters: str | None) -> Steps[list[Session]]:
        """Return the RSP sessions, all or by eid and iccid."""
        return every(self._path("sessions"), Session, query=filters)

    @verb
    def session(self, session_id: str) -> Steps[Session]:
        """Return one RSP session with its steps and checks."""
        return call("GET", self._path("sessions", session_id), into=Session)

    # --- events

    @verb
    def events(self, /, **filters: str | int | None) -> Steps[list[Event]]:
        """Return the events, all or by after (an event id), eid, iccid, session and type."""
        return every(self._path("events"), Event, query=filters)

    @verb
    def wait(
        self,
        type: str | Sequence[str],  # noqa: A002 - the API's word
        *,
        eid: str | None = None,
        iccid: str | None = None,
        session: str | None = None,
        after: int | None = None,
        within: Duration = 30.0,
        unless: Sequence[str] | None = None,
    ) -> Steps[Event]:
        """Wait for an event of a type or of one of several, at most `within` of real time (10 minutes).

        Only events after `after` count: by default after the last one this client waited for, else from now on.
        `unless` names the types that make it impossible. Raises TimedOut, or NotReached with the reason.
        """
        limit = duration(within)
        body = {
            "type": type,
            "eid": eid,
            "iccid": iccid,
            "session": session,
            "after": self.last_event if after is None else after,
            "within": format_duration(limit),
            "unless": unless,
        }
        answer = yield from call(
            "POST",
            self._path("events", "wait"),
            given(body),
            into=Waited,
            timeout=limit.total_seconds() + self.wire.timeout,
        )
        if answer.event is not None and answer.reached:
            self.last_event = answer.event.id
            return answer.event
        wanted = type if isinstance(type, str) else " or ".join(type)
        if answer.timed_out:
            raise TimedOut(f"No {wanted} within {format_duration(limit)}. {answer}".strip())
        raise NotReached(str(answer) or f"{wanted} will not happen: {answer.reason or 'something failed'}.")

    # --- webhooks

    @verb
    def webhooks(self) -> Steps[list[Webhook]]:
        """Return whom the carrier's events are told, without secrets."""
        return every(self._path("webhooks"), Webhook)

    @verb
    def set_webhooks(self, *hooks: Webhook | Mapping[str, Any]) -> Steps[list[Webhook]]:
        """Tell the carrier's events to these, and to nobody else: each with url, types (all if none) and secret.

        A hook as `webhooks` returned it keeps its secret and what it has still to deliver.
        """
        page = yield from call("PUT", self._path("webhooks"), list(hooks), into=Page)
        return decode(page.items, list[Webhook])
