"""A webhook: where it leads, what it wants to hear of, and what may be given for one."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from smdp.carrier import journal
from smdp.carrier.errors import CarrierError, reject_unknown, reject_value
from smdp.model import Event

MAX_HOOKS = 10
OWN = "webhook."
"""Events about deliveries are not delivered."""
_MAX_TEXT, _MAX_SECRET = 2000, 256
_MEMBERS = ("id", "url", "types", "secret")
_ANSWERED = ("signed", "pending")
"""Members that are answered and not stored; whoever sends a webhook back as it came may leave them in."""


class Hook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver: its id, its URL, which types it wants (all of them if empty), and the secret that signs."""

    id: str = ""
    url: str
    types: tuple[str, ...] = ()
    secret: str | None = None

    def __repr__(self) -> str:
        """Keep the secret out of logs."""
        return f"Hook({self.id}, {self.url})"

    @property
    def place(self) -> str:
        """Where the receiver is, without its path: that may hold a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def wants(self, event: Event) -> bool:
        """Say whether it is to be told of an event."""
        return event.type in self.types if self.types else not event.type.startswith(OWN)


def read(given: Sequence[Any]) -> list[tuple[Hook, bool]]:
    """Read a carrier's webhooks, each with whether it leaves its secret as it is. Raises CarrierError."""
    if len(given) > MAX_HOOKS:
        raise CarrierError("value-invalid", f"A carrier has at most {MAX_HOOKS} webhooks.", "Give fewer.")
    return [_read(one) for one in given]


def _read(given: Any) -> tuple[Hook, bool]:
    if not isinstance(given, dict):
        raise CarrierError("value-invalid", "A webhook is an object.", 'Such as {"url": "https://…", "secret": "…"}.')
    members = {name: value for name, value in given.items() if name not in _ANSWERED}
    reject_unknown(members, (*_MEMBERS, *_ANSWERED), "webhook")
    try:
        hook = msgspec.convert(members, Hook)
    except msgspec.ValidationError as error:
        reject_value(error, "webhook")
    return check(hook), "secret" not in members


def check(hook: Hook) -> Hook:
    """Refuse a webhook that can't be sent to, or not be signed. Raises CarrierError."""
    journal.check_types(hook.types)
    if any(one.startswith(OWN) for one in hook.types):
        because = "Events about deliveries are not delivered: each would make another."
        raise CarrierError("value-invalid", because, "Leave out webhook.*; smdp events shows them.")
    _check_url(hook.url)
    secret = hook.secret
    if secret is not None and not (secret.isprintable() and 1 <= len(secret) <= _MAX_SECRET):
        because = f"A webhook's secret is 1 to {_MAX_SECRET} printable characters."
        raise CarrierError("value-invalid", because, "Leave it out, or null, for deliveries without a signature.")
    return hook


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, parts = False, None
    if parts is None or not usable or not url.isprintable() or " " in url or len(url) > _MAX_TEXT:
        because = "A webhook's url is http://… or https://…, with a host."
        raise CarrierError("value-invalid", because, "Such as https://receiver.example.com/smdp.")
    if parts.username is not None or parts.password is not None:
        because = "A webhook's url must not hold a password: it is shown to whoever may read the carrier."
        raise CarrierError("value-invalid", because, "Give a secret; each delivery is signed with it.")
