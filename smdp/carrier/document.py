"""A carrier as one document: the schema that export, import, fixtures, snapshots and scenarios share.

What a test writes by hand may leave out nearly everything: an entry of `profiles` is then an order as `POST …/profiles`
takes it, an entry of `devices` what `POST /devices` takes. What `export` writes has every member, so that a carrier
comes back as it was. Times are ISO 8601, bytes are base64.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from smdp.carrier.errors import CarrierError, did_you_mean, reject_unknown
from smdp.carrier.issue import IssueOrder, check_order
from smdp.model import ActivationState, Attempts, Profile, Runtime, State

VERSION = 1
"""What `version` of a document is: the schema's."""
MAX_ENTRIES = 100_000
"""How many profiles, and how many devices, a document may hold."""
_MAX_OFFSET = 1000 * 366 * 86_400.0
_HAS_AN_OWNER = ("downloaded", "installed")
_ENDED = ("error", "unavailable")

T = TypeVar("T", bound=Struct)


class AttemptsEntry(Attempts, kw_only=True, forbid_unknown_fields=True):
    """How often an order was tried, and nothing else."""


class ActivationEntry(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A profile's activation; `due_at` is when its next step is due."""

    state: ActivationState = "inactive"
    reason: str | None = None
    since: datetime | None = None
    due_at: datetime | None = None


class ProfileEntry(IssueOrder, kw_only=True, frozen=True):
    """A profile: an order, and where it stands. One with `created_at` has every member that is not null."""

    state: State | None = None
    runtime: Runtime | None = None
    reason: str | None = None
    consumed_at: datetime | None = None
    consumed_by: str | None = None
    activation: ActivationEntry | None = None
    attempts: AttemptsEntry = field(default_factory=AttemptsEntry)
    created_at: datetime | None = None
    confirmation_code_hash: bytes | None = None
    metadata: bytes | None = None

    @property
    def live(self) -> bool:
        """Whether its MatchingID is taken: ended orders give it back."""
        return self.state not in _ENDED


PASSED_OVER = tuple(name for name in Profile.__struct_fields__ if name not in ProfileEntry.__struct_fields__)
"""Members of a profile that follow from others: whoever sends a profile back as it came may leave them in."""


class SessionEntry(Struct, kw_only=True, frozen=True):
    """A session whose package went out and whose result has not come: what verifies a late notification."""

    id: str
    eid: str | None = None
    iccid: str | None = None
    opened_at: datetime
    content: bytes


class ClockEntry(Struct, kw_only=True, frozen=True):
    """The carrier's clock: what it says once the document is read, or how many seconds it is ahead; if it stands."""

    now: datetime | None = None
    offset: float = 0.0
    frozen: bool = False


class Document(Struct, kw_only=True, omit_defaults=True):
    """A carrier with all that is in it."""

    version: int
    carrier: dict[str, Any] = field(default_factory=dict)
    plans: list[dict[str, Any]] = field(default_factory=list)
    profiles: list[ProfileEntry] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    sessions: list[SessionEntry] = field(default_factory=list)
    clock: ClockEntry = field(default_factory=ClockEntry)
    faults: list[dict[str, Any]] = field(default_factory=list)


def read(value: object) -> Document:
    """Read and check a document. Raises CarrierError whose `because` begins with the JSON path of what is wrong."""
    members = _object(value, "$")
    with at("$"):
        reject_unknown(members, Document.__struct_fields__, "carrier document")
    version = members.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        because = f"$.version: this smdp reads version {VERSION}, not {str(version)[:20]!r}."
        raise CarrierError("version-unknown", because, "Export it again with this smdp, or update smdp.")
    document = Document(
        version=VERSION,
        carrier=_object(members.get("carrier", {}), "$.carrier"),
        plans=[_object(one, path) for path, one in _list(members, "plans")],
        profiles=[_profile(one, path) for path, one in _list(members, "profiles")],
        devices=[_object(one, path) for path, one in _list(members, "devices")],
        sessions=[_session(one, path) for path, one in _list(members, "sessions")],
        clock=_clock(members.get("clock", {})),
        faults=[_object(one, path) for path, one in _list(members, "faults")],
    )
    name = document.carrier.get("name")
    if name is not None and not isinstance(name, str):
        raise CarrierError("value-invalid", "$.carrier.name: it is no text.", "Name the carrier, or leave it out.")
    return document


@contextmanager
def at(path: str) -> Iterator[None]:
    """Say in what is refused inside at which JSON path it stands."""
    try:
        yield
    except CarrierError as error:
        because = error.because if error.because.startswith("$") else f"{path}: {error.because}"
        raise CarrierError(error.reason, because, error.fix, error.status) from None


def _object(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CarrierError("not-an-object", f"{path}: it is no object.", "See docs/carriers.md for the members.")
    return value


def _list(members: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a list with their paths."""
    found = members.get(name, [])
    if not isinstance(found, list):
        raise CarrierError("not-a-list", f"$.{name}: it is no list.", f'Write {{"{name}": [ … ]}}.')
    if len(found) > MAX_ENTRIES:
        because = f"$.{name}: {len(found)} entries are too many."
        raise CarrierError("too-many-entries", because, f"A document holds at most {MAX_ENTRIES}.")
    for place, one in enumerate(found):
        yield f"$.{name}[{place}]", one


def _profile(value: object, path: str) -> ProfileEntry:
    """Read a profile; members that the API derives are passed over, so that what it answered can be sent back."""
    members = _object(value, path)
    given = {name: value for name, value in members.items() if name not in PASSED_OVER}
    entry = _struct(given, ProfileEntry, path, "profile")
    with at(path):
        check_order(entry)
        _check_standing(entry)
    return entry


def _check_standing(entry: ProfileEntry) -> None:
    """Refuse a profile that can't have come about."""
    if entry.count > 1 and (entry.eid or entry.state in _HAS_AN_OWNER):
        raise CarrierError("count-invalid", "Several profiles can't be one EID's.", "Write an entry for each.")
    if entry.state in _HAS_AN_OWNER and entry.eid is None:
        because = f"A profile that is {entry.state} has an eid."
        raise CarrierError("eid-missing", because, "Say whose it is, or leave out state.")
    for name in ("consumed_at", "created_at"):
        _check_zone(name, getattr(entry, name))
    if entry.activation is not None:
        for name in ("since", "due_at"):
            _check_zone(f"activation.{name}", getattr(entry.activation, name))
    if entry.confirmation_code_hash is not None and len(entry.confirmation_code_hash) != 32:  # noqa: PLR2004 - SHA-256
        raise CarrierError("value-invalid", "confirmation_code_hash has not 32 bytes.", "Give confirmation_code.")
    if min(entry.attempts.download, entry.attempts.confirmation_code) < 0:
        raise CarrierError("value-invalid", "attempts are below 0.", "Leave them out.")


def _session(value: object, path: str) -> SessionEntry:
    entry = _struct(value, SessionEntry, path, "session")
    with at(path):
        _check_zone("opened_at", entry.opened_at)
    return entry


def _clock(value: object) -> ClockEntry:
    entry = _struct(value, ClockEntry, "$.clock", "clock")
    with at("$.clock"):
        _check_zone("now", entry.now)
        if not abs(entry.offset) <= _MAX_OFFSET:  # neither does NaN
            raise CarrierError("value-invalid", "offset is more than 1000 years.", "Give now instead.")
        if entry.now is not None and entry.offset:
            raise CarrierError("value-invalid", "now and offset are both given.", "Give one of them.")
    return entry


def _check_zone(name: str, moment: datetime | None) -> None:
    if moment is None:
        return
    if moment.tzinfo is None:
        raise CarrierError("value-invalid", f"{name} has no time zone.", "Write it with Z: 2026-12-01T00:00:00Z.")
    if not 1970 <= moment.year < 9000:  # noqa: PLR2004 - what is stored, with room for what is added
        raise CarrierError("value-invalid", f"{name} is in the year {moment.year}.", "Give one from 1970 to 8999.")


def _struct(value: object, kind: type[T], path: str, what: str) -> T:
    """Convert an entry. Raises CarrierError with the path of the member that is wrong."""
    members = _object(value, path)
    for name in members:
        if name not in kind.__struct_fields__:
            because = f"{path}: a {what} has no member {str(name)[:60]!r}."
            raise CarrierError("member-unknown", because, did_you_mean(str(name), kind.__struct_fields__))
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        text, _, inner = str(error).partition(" - at `$")
        because = f"{path}{inner.rstrip('`')}: {text[:200].replace('`', '')}."
        raise CarrierError("value-invalid", because, "Correct the value.") from None


def written(document: Document) -> bytes:
    """Write a document as JSON, without members that say nothing."""
    return msgspec.json.encode(document)
