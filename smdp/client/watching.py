"""The part of the client that watches a carrier: its sessions, its events, and whom these are told."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from smdp.client.transport import Page, Transport
from smdp.client.words import Duration, duration, given, join
from smdp.durations import format_duration
from smdp.errors import NotReached, TimedOut
from smdp.model import Event, Session, Webhook

_RECONNECT_SECONDS = 0.1


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


class Watching:
    """Sessions, events and webhooks of a carrier."""

    carrier: str
    last_event: int | None
    _transport: Transport

    def _path(self, *names: str) -> str:
        return join("/api/v1/carriers", self.carrier, *names)

    # --- sessions

    def sessions(self, **filters: str | None) -> list[Session]:
        """Return the RSP sessions, all or by eid and iccid."""
        return list(self._transport.every(self._path("sessions"), Session, query=filters))

    def session(self, session_id: str) -> Session:
        """Return one RSP session with its steps and checks."""
        return self._transport.call("GET", self._path("sessions", session_id), into=Session)

    # --- events

    def events(self, **filters: str | int | None) -> list[Event]:
        """Return the events, all or by after (an event id), eid, iccid, session and type."""
        return list(self._transport.every(self._path("events"), Event, query=filters))

    def follow(self, *, after: int | None = None, **filters: str | int | None) -> Iterator[Event]:
        """Yield the events after an id (all by default) as they happen; reconnects where the server cuts."""
        while True:
            for data in self._transport.stream(self._path("events"), {"after": after, **filters}):
                event = self._transport.decode(data, Event)
                after = event.id
                yield event
            time.sleep(_RECONNECT_SECONDS)

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
    ) -> Event:
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
        answer = self._transport.call(
            "POST",
            self._path("events", "wait"),
            given(body),
            into=Waited,
            timeout=limit.total_seconds() + self._transport.timeout,
        )
        if answer.event is not None and answer.reached:
            self.last_event = answer.event.id
            return answer.event
        wanted = type if isinstance(type, str) else " or ".join(type)
        if answer.timed_out:
            raise TimedOut(f"No {wanted} within {format_duration(limit)}. {answer}".strip())
        raise NotReached(str(answer) or f"{wanted} will not happen: {answer.reason or 'something failed'}.")

    # --- webhooks

    def webhooks(self) -> list[Webhook]:
        """Return whom the carrier's events are told, without secrets."""
        return list(self._transport.every(self._path("webhooks"), Webhook))

    def set_webhooks(self, *hooks: Webhook | Mapping[str, Any]) -> list[Webhook]:
        """Tell the carrier's events to these, and to nobody else: each with url, types (all if none) and secret.

        A hook as `webhooks` returned it keeps its secret and what it has still to deliver.
        """
        page = self._transport.call("PUT", self._path("webhooks"), list(hooks), into=Page)
        return self._transport.decode(page.items, list[Webhook])
