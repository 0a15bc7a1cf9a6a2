"""What an eUICC remembers: its identity, trust, profiles, notifications and the running session (SGP.22 §2.4, §3.1.5).

Everything here survives `msgspec.msgpack`, the session included, so a card may be put away between any two commands.
"""

from typing import Any, Literal

from msgspec import Struct, field

from smdp.rsp.bpp import KeySet
from smdp.rsp.crypto import PrivateKey, key_of

DEFAULT_MEMORY = 1 << 20
"""Bytes of non-volatile memory for profiles; a full profile takes 16 to 30 KiB."""
_ISDP_AID_PREFIX = bytes.fromhex("A0000005591010FFFFFFFF890000")
_FIRST_ISDP = 0x1000

USIM, ISIM, CSIM, MILENAGE, CAVE, TUAK_128, TUAK_256, TEST_ALGORITHM = 1, 2, 3, 4, 5, 6, 7, 8
_UICC_CAPABILITIES = (
    0,
    USIM,
    ISIM,
    MILENAGE,
    TUAK_128,
    TUAK_256,
    TEST_ALGORITHM,
    10,
    11,
    14,
    16,
    17,
    19,
    20,
    22,
    23,
    24,
)
ADDITIONAL_PROFILE, TEST_PROFILE = 0, 3


class Secretive(Struct, kw_only=True):
    """A struct whose repr shows none of its fields, since some are keys."""

    def __repr__(self) -> str:
        """Keep the secrets out of logs."""
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Keep the secrets out of pretty printers too."""
        return []


class Credential(Secretive, kw_only=True):
    """The eUICC's key under one CI: the CI's key identifier (20 bytes), CERT.EUICC, CERT.EUM (DER), the scalar (32)."""

    ci: bytes
    curve: str
    certificate: bytes
    eum_certificate: bytes
    scalar: bytes

    @property
    def key(self) -> PrivateKey:
        """SK.EUICC."""
        return key_of(self.curve, self.scalar)


class OneTimeKey(Secretive, kw_only=True):
    """otPK.EUICC (65 bytes) with its otSK (32), kept for a retry until the package is installed (sgp22.md C.4)."""

    curve: str
    otpk: bytes
    scalar: bytes


class AllowedOperator(Struct, kw_only=True, frozen=True):
    """Whose profiles a rule is about: MCC/MNC as 3 bytes in which a nibble E matches any digit; no GID matches any."""

    mcc_mnc: bytes
    gid1: bytes | None = None
    gid2: bytes | None = None


class AuthorisationRule(Struct, kw_only=True, frozen=True):
    """One entry of the Rules Authorisation Table (SGP.22 §2.9.2): which PPRs, whose, and whether the user is asked."""

    ppr_ids: frozenset[int]
    allowed_operators: tuple[AllowedOperator, ...]
    consent_required: bool = True


class InstalledProfile(Secretive, kw_only=True):
    """An ISD-P: ICCID (10 bytes), AID (16), the complete BF25 it came with, and the package it was made from."""

    iccid: bytes
    aid: bytes
    metadata: bytes
    upp: bytes
    size: int
    enabled: bool = False
    nickname: str = ""


class Notification(Struct, kw_only=True):
    """A notification that waits for its server: the signed bytes, and what the list shows of them."""

    seq: int
    operation: int
    address: str
    iccid: bytes | None
    raw: bytes


class Loading(Secretive, kw_only=True):
    """How far a BoundProfilePackage came: what is open, what is left of it, the keys and the plain pieces so far."""

    left: int
    section: int = 0
    section_left: int = 0
    enc: bytes = b""
    mac: bytes = b""
    chain: bytes = b""
    counter: int = 0
    pieces: list[bytes] = field(default_factory=list)
    metadata: bytes = b""

    def use(self, keys: KeySet) -> None:
        """Start a new run of protected TLVs under these keys."""
        self.chain, self.enc, self.mac = keys
        self.counter = 0


class Session(Secretive, kw_only=True):
    """The running RSP session; each step adds what the next one compares with (SGP.22 §3.1.5)."""

    challenge: bytes
    step: Literal["challenged", "authenticated", "prepared", "loading"] = "challenged"
    transaction_id: bytes = b""
    server_address: str = ""
    server_certificate: bytes = b""
    ci: bytes = b""
    euicc_signature1: bytes = b""
    smdp_certificate: bytes = b""
    one_time_key: OneTimeKey | None = None
    loading: Loading | None = None


class Euicc(Secretive, kw_only=True):
    """One eUICC. `credentials` stand in the order of preference; `trusted` maps a CI's key identifier to its DER."""

    eid: str
    credentials: list[Credential]
    trusted: dict[bytes, bytes]
    svn: bytes = b"\x02\x05\x00"
    profile_version: bytes = b"\x02\x03\x01"
    firmware: bytes = b"\x01\x00\x00"
    curves: tuple[str, ...] = ("P-256", "brainpoolP256r1")
    uicc_capability: frozenset[int] = frozenset(_UICC_CAPABILITIES)
    rsp_capability: frozenset[int] = frozenset((ADDITIONAL_PROFILE, TEST_PROFILE))
    memory: int = DEFAULT_MEMORY
    default_dp_address: str = ""
    root_ds_address: str = "lpa.ds.gsma.com"
    rules: tuple[AuthorisationRule, ...] = (
        AuthorisationRule(
            ppr_ids=frozenset((1, 2)),
            allowed_operators=(AllowedOperator(mcc_mnc=b"\xee\xee\xee"),),
            consent_required=True,
        ),
    )
    profiles: list[InstalledProfile] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    next_seq: int = 1
    next_isdp: int = 1
    one_time_keys: dict[str, OneTimeKey] = field(default_factory=dict)
    session: Session | None = None

    @property
    def free_memory(self) -> int:
        """Bytes left for profiles."""
        return self.memory - sum(profile.size for profile in self.profiles)

    def credential(self, ci: bytes) -> Credential | None:
        """Find the key under this CI."""
        return next((credential for credential in self.credentials if credential.ci == ci), None)

    def profile(self, *, iccid: bytes | None = None, aid: bytes | None = None) -> InstalledProfile | None:
        """Find a profile by ICCID (10 bytes) or AID."""
        return next((found for found in self.profiles if found.iccid == iccid or found.aid == aid), None)

    def enabled_profile(self) -> InstalledProfile | None:
        """Find the one enabled profile."""
        return next((profile for profile in self.profiles if profile.enabled), None)

    def take_seq(self) -> int:
        """Take the next sequence number; none is ever taken twice (SGP.22 §5.7.9)."""
        self.next_seq += 1
        return self.next_seq - 1

    def take_aid(self) -> bytes:
        """Take the AID of a new ISD-P (SGP.02 §2.2.3)."""
        self.next_isdp += 1
        return _ISDP_AID_PREFIX + (_FIRST_ISDP + self.next_isdp - 1).to_bytes(2, "big")
