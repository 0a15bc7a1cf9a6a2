"""Protocol faults: a finished reply is spoiled, and signed again with the server's own keys where it must verify."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from smdp.model import Fault
from smdp.rsp import mutual_auth
from smdp.rsp.certs import Certificate
from smdp.rsp.server.security import Identity
from smdp.rsp.server.session import Session
from smdp.rsp.tlv import items, only, tlv
from smdp.rsp.wire import Request

Reissue = Callable[[Certificate, bytes, tuple[datetime, datetime]], Certificate]
"""Makes the same certificate with another validity: the certificate, its CI's key identifier (20 bytes), from, to."""

_UNKNOWN_CI = bytes.fromhex("00112233445566778899AABBCCDDEEFF00112233")
_DAY = timedelta(days=1)


class Reply(msgspec.Struct):
    """A successful reply on its way out: members in the JSON binding, the session it belongs to, and who answers."""

    request: Request
    members: dict[str, Any]
    session: Session
    identity: Identity
    reissue: Reissue | None
    now: datetime

    def read(self, member: str) -> bytes:
        """Return a member's bytes."""
        return base64.b64decode(self.members[member])

    def write(self, member: str, data: bytes) -> None:
        """Set a member."""
        self.members[member] = base64.b64encode(data).decode()

    @property
    def first(self) -> bool:
        """Whether it answers InitiateAuthentication."""
        return self.request.function == "initiateAuthentication"


def spoil(reply: Reply, fault: Fault) -> None:
    """Put a protocol fault into a reply."""
    SPOILERS[fault.do](reply, fault)


def _flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def _bad_server_signature(reply: Reply, _: Fault) -> None:
    member = "serverSignature1" if reply.first else "smdpSignature2"
    reply.write(member, _flipped(reply.read(member)))


def _wrong_transaction_id(reply: Reply, _: Fault) -> None:
    other = _flipped(reply.session.transaction_id)
    if reply.first:
        _sign_first(reply, other, reply.session.server_address)
        return
    signed = only(reply.read("smdpSigned2"), 0x30)
    rest = b"".join(item.raw for item in list(items(signed.value))[1:])
    _sign_second(reply, tlv(0x30, tlv(0x80, other), rest))


def _wrong_address(reply: Reply, fault: Fault) -> None:
    _sign_first(reply, reply.session.transaction_id, fault.with_["address"])


def _sign_first(reply: Reply, transaction_id: bytes, address: str) -> None:
    session = reply.session
    signed = mutual_auth.server_signed1(transaction_id, session.euicc_challenge, address, session.server_challenge)
    reply.write("serverSigned1", signed)
    reply.write("serverSignature1", mutual_auth.signature(reply.identity.dpauth, signed))


def _sign_second(reply: Reply, signed: bytes) -> None:
    reply.write("smdpSigned2", signed)
    message = mutual_auth.AuthenticateServerResponse(reply.request["authenticateServerResponse"])
    signature1 = tlv(0x5F37, message.euicc_signature1)
    reply.write("smdpSignature2", mutual_auth.signature(reply.identity.dppb, signed, signature1))


def _expired_dpauth(reply: Reply, _: Fault) -> None:
    assert reply.reissue is not None  # noqa: S101 - whoever arms this fault has looked
    validity = reply.now - 366 * _DAY, reply.now - _DAY
    expired = reply.reissue(reply.identity.dpauth.certificate, reply.session.server_ci, validity)
    reply.write("serverCertificate", expired.der)


def _wrong_ci(reply: Reply, _: Fault) -> None:
    reply.write("euiccCiPKIdToBeUsed", tlv(0x04, _UNKNOWN_CI))


def _bad_mac(reply: Reply, fault: Fault) -> None:
    """Flip a bit in the last byte of the n-th protected TLV: the end of its MAC."""
    package = reply.read("boundProfilePackage")
    body = only(package, 0xBF36).value
    at, ends = len(package) - len(body), []
    for part in items(body):
        start = at + len(part.raw) - len(part.value)
        at += len(part.raw)
        if part.tag == 0xBF23:  # noqa: PLR2004 - InitialiseSecureChannel, the one part without a MAC
            continue
        for piece in items(part.value):
            start += len(piece.raw)
            ends.append(start)
    segment = min(fault.with_["segment"] or len(ends), len(ends))
    reply.write("boundProfilePackage", _flipped(package, ends[segment - 1] - 1))


def _bad_metadata(reply: Reply, fault: Fault) -> None:
    """Announce another profile name, 92 in BF25."""
    metadata = only(reply.read("profileMetadata"), 0xBF25).value
    name = tlv(0x92, fault.with_["profile_name"].encode()[:64].decode(errors="ignore").encode())
    changed = b"".join(name if item.tag == 0x92 else item.raw for item in items(metadata))  # noqa: PLR2004 - profileName
    reply.write("profileMetadata", tlv(0xBF25, changed))


SPOILERS: dict[str, Callable[[Reply, Fault], None]] = {
    "bad-server-signature": _bad_server_signature,
    "wrong-transaction-id": _wrong_transaction_id,
    "wrong-address": _wrong_address,
    "expired-dpauth": _expired_dpauth,
    "wrong-ci": _wrong_ci,
    "bad-mac": _bad_mac,
    "bad-metadata": _bad_metadata,
}
"""What each fault does to a reply, by its name."""
