"""What the server's half of RSP works on: the session row, the order it finds, the rules, and what comes out.

Nothing here touches a database. A function gets these values and returns an `Outcome`; whoever called it stores what
changed, in one transaction.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct, field

from smdp.rsp.bpp import KeySet
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import Code
from smdp.rsp.states import Reuse, State, Trigger

R = TypeVar("R")


class Stage(StrEnum):
    """Which function a session has been through."""

    INITIATED = "initiated"
    AUTHENTICATED = "authenticated"
    BOUND = "bound"
    CLOSED = "closed"


class Session(Struct, kw_only=True, frozen=True):
    """One RSP session (SGP.22 §3.1.5). Everything a later step needs, so that any process can serve it.

    `transaction_id` 16 bytes; challenges 16; `signing_ci` and `server_ci` 20 (CI public key identifiers);
    `smdp_signature2` 64; `euicc_otpk` 65; `euicc_certificate` DER.
    """

    transaction_id: bytes
    stage: Stage
    opened_at: datetime
    server_address: str
    euicc_challenge: bytes
    server_challenge: bytes
    svn: bytes
    signing_ci: bytes
    server_ci: bytes
    eid: str | None = None
    iccid: str | None = None
    matching_id: str | None = None
    euicc_certificate: bytes | None = None
    cc_required: bool = False
    smdp_signature2: bytes | None = None
    euicc_otpk: bytes | None = None


class Requirements(Struct, kw_only=True, frozen=True):
    """What a profile package needs of an eUICC: (major, minor), capability bits, bytes of memory (spec/upp §5)."""

    profile_version: tuple[int, int] = (2, 0)
    uicc_capabilities: frozenset[int] = frozenset()
    memory: int = 0


class Order(Struct, kw_only=True, frozen=True):
    """One order as a download sees it.

    `confirmation_code_hash` 32 bytes; `metadata` a complete BF25: the frozen one, before the first AuthenticateClient
    what it would be. `bound_otpk` (65 bytes) is the one-time key that an earlier session of the same eUICC had the
    package bound to, where a retry may need it.
    """

    iccid: str
    state: State
    reuse: Reuse = "never"
    eid: str | None = None
    imei: str | None = None
    matching_id: str = ""
    confirmation_code_hash: bytes | None = None
    download_attempts: int = 0
    confirmation_code_attempts: int = 0
    expires_at: datetime | None = None
    created_at: datetime | None = None
    consumed_at: datetime | None = None
    consumed_by: str | None = None
    metadata: bytes = b""
    ppr: frozenset[str] = frozenset()
    requirements: Requirements = field(default_factory=Requirements)
    bound_otpk: bytes | None = None


class Policy(Struct, kw_only=True, frozen=True):
    """What a carrier decided where the standard leaves it open; `hosts`: its names in lower case, without port."""

    hosts: frozenset[str]
    no_order_code: Code = Code("8.1.1", "3.8")
    download_attempts: int = 10
    confirmation_code_attempts: int = 3
    session_minutes: int = 30
    rebind: Literal["refuse", "allow"] = "refuse"


class Package(Struct, kw_only=True, frozen=True):
    """What gets bound: the plain profile package and the keys that protect it (None: the session keys)."""

    upp: bytes
    ppk: KeySet | None

    def __repr__(self) -> str:
        """Keep the profile's keys out of logs."""
        return f"Package({len(self.upp)} bytes)"


class Change(Struct, kw_only=True, frozen=True):
    """What an outcome does to its order: a transition, and columns to set with it.

    With `eid`, nothing at all if the order is another EID's by then: whoever lost the race for it must not end it.
    """

    iccid: str
    eid: str | None = None
    trigger: Trigger | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


class Happening(Struct, kw_only=True, frozen=True):
    """An event in the making: its type of interfaces.md and what it tells."""

    type: str
    iccid: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Outcome(Struct, Generic[R], kw_only=True, frozen=True):
    """What a function decided: a reply or a refusal, the session's next row, what changes, and what to tell.

    `session` is None where there was none to change.
    """

    reply: R | None = None
    refusal: Refusal | None = None
    session: Session | None = None
    change: Change | None = None
    happenings: tuple[Happening, ...] = ()
