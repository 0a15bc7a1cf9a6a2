"""The log: events first, one line each, for people on a terminal and as JSON elsewhere.

`09:05:01 profile.consumed  carrier=acme eid=…1235 iccid=…019 session=7F3A91C0`: the names are the API's event types.
No key, token or full EID is ever written at info. The standard library does it: structlog takes 200 ms to import, a
quarter of the time in which a server has to answer its first call.
"""

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from smdp.model import Event

_FIELDS = "fields"
_SHORT = {"eid": 4, "iccid": 3}
_SESSION_DIGITS = 8
_EID = re.compile(r"\b[0-9]{28}([0-9]{4})\b", re.ASCII)
_WARNING_TYPES = frozenset({"session.refused", "profile.failed", "activation.failed", "tls.failed", "webhook.failed"})

_HIDDEN = frozenset(
    {"imei", "matching_id", "confirmation_code", "secret", "token", "authorization"}
    | {"ki", "opc", "kic", "kid", "kik", "adm1", "pin1", "pin2", "puk1", "puk2"}
)
"""Members of events that are no business of a log, whoever puts them there."""

_events = logging.getLogger("smdp.events")


def set_up(level: str, kind: str, stream: TextIO | None = None) -> None:
    """Send smdp's log to a stream (stderr): `level` debug … error, `kind` auto, console or json."""
    stream = stream or sys.stderr
    console = kind == "console" or (kind == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Console() if console else _Json())
    root = logging.getLogger("smdp")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    root.propagate = False
    access = logging.getLogger("aiohttp")
    access.handlers[:] = [handler]
    access.setLevel(logging.ERROR)
    access.propagate = False


def events(committed: list[Any]) -> None:
    """Write committed events to the log."""
    for event in committed:
        if isinstance(event, Event):
            level = logging.WARNING if event.type in _WARNING_TYPES else logging.INFO
            if _events.isEnabledFor(level):
                _events.log(level, event.type, extra={_FIELDS: fields_of(event)})


def fields_of(event: Event) -> dict[str, Any]:
    """Return what a log line says of an event: identifiers cut to their last digits, and the event's plain data."""
    fields: dict[str, Any] = {"carrier": event.carrier}
    for name, digits in _SHORT.items():
        value = getattr(event, name)
        if value is not None:
            fields[name] = f"…{value[-digits:]}"
    if event.session is not None:
        fields["session"] = event.session[:_SESSION_DIGITS]
    for name, value in event.data.items():
        if name in _HIDDEN:
            continue
        if isinstance(value, str) and value:
            fields[name] = _EID.sub(r"…\1", value)
        elif isinstance(value, int | float):
            fields[name] = value
    return fields


def _text(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return msgspec.json.encode(text).decode() if " " in text or not text.isprintable() else text


class _Console(logging.Formatter):
    """One line for people; a traceback follows where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, name and fields."""
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")  # noqa: DTZ006 - the reader's own time
        fields = getattr(record, _FIELDS, {})
        words = " ".join(f"{name}={_text(value)}" for name, value in fields.items())
        line = f"{moment} {record.getMessage():<18} {words}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, name and fields."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        for name, value in getattr(record, _FIELDS, {}).items():
            line[f"{name}_" if name in line else name] = value  # webhook.delivered tells of an event, too
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
