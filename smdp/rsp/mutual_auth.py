"""Common mutual authentication: what SM-DP+ and SM-DS do alike (SGP.22 §3.0.1).

The server proves itself first (serverSigned1), the eUICC answers (euiccSigned1). Here are the readers of both messages,
what the server says, and how the eUICC's chain is judged; the functions' own modules hold the lists of checks.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from asn1crypto import core

from smdp.rsp import asn1, certs
from smdp.rsp.certs import Certificate
from smdp.rsp.checks import Check
from smdp.rsp.codes import code
from smdp.rsp.crypto import sign, verify
from smdp.rsp.server.security import Credential
from smdp.rsp.tlv import Item, Malformed, items, tlv

CHALLENGE_BYTES = 16
VERSION_BYTES = 3
_MAX_LIST = 32
_MAX_INFO = 4096
"""Longest EUICCInfo that is read, in bytes: what is remembered must be bounded. Real ones take 100 to 400."""
_MAX_MATCHING_ID = 255
_MAX_MEMORY_BYTES = 8
_REMEMBERED = 256


class EuiccInfo1(NamedTuple):
    """EUICCInfo1: the eUICC's version (3 bytes) and its CI public key identifiers (20 bytes each), in its own order."""

    svn: bytes
    verification: tuple[bytes, ...]
    signing: tuple[bytes, ...]


@lru_cache(maxsize=_REMEMBERED)
def read_euicc_info1(data: bytes) -> EuiccInfo1:
    """Read BF20. Raises Malformed. Devices of one make send the same bytes, so the result is remembered."""
    _check_size(data, "euiccInfo1")
    info = asn1.decode(asn1.EUICCInfo1, data, 0xBF20)
    lists = (info["euicc_ci_pk_id_list_for_verification"].native, info["euicc_ci_pk_id_list_for_signing"].native)
    if max(map(len, lists)) > _MAX_LIST:
        raise Malformed(f"a list of CI public key identifiers has more than {_MAX_LIST} entries")
    return EuiccInfo1(_version(info, "svn"), tuple(lists[0]), tuple(lists[1]))


class EuiccInfo2(NamedTuple):
    """What of EUICCInfo2 matters for a download: versions (3 bytes), capability bits, free memory in bytes if told."""

    svn: bytes
    profile_version: bytes
    uicc_capability: frozenset[int]
    rsp_capability: frozenset[int]
    forbidden_ppr: frozenset[int]
    free_memory: int | None


@lru_cache(maxsize=_REMEMBERED)
def read_euicc_info2(data: bytes) -> EuiccInfo2:
    """Read BF22. Raises Malformed."""
    _check_size(data, "euiccInfo2")
    info = asn1.decode(asn1.EUICCInfo2, data, 0xBF22)
    resources = {item.tag: item for item in items(info["ext_card_resource"].native)}
    memory: Item | None = resources.get(0x82)
    if memory is not None and len(memory.value) > _MAX_MEMORY_BYTES:
        raise Malformed(f"extCardResource counts its free memory in {len(memory.value)} bytes")
    return EuiccInfo2(
        svn=_version(info, "svn"),
        profile_version=_version(info, "profile_version"),
        uicc_capability=_bits(info["uicc_capability"]),
        rsp_capability=_bits(info["rsp_capability"]),
        forbidden_ppr=_bits(info["forbidden_profile_policy_rules"]),
        free_memory=int.from_bytes(memory.value, "big") if memory else None,
    )


def _check_size(data: bytes, what: str) -> None:
    if len(data) > _MAX_INFO:
        raise Malformed(f"{what} of {len(data)} bytes is longer than {_MAX_INFO}")


def _version(info: core.Sequence, member: str) -> bytes:
    version: bytes = info[member].native
    if len(version) != VERSION_BYTES:
        raise Malformed(f"{member} takes {VERSION_BYTES} bytes, not {len(version)}")
    return version


def _bits(value: core.BitString) -> frozenset[int]:
    bits = value.native
    return frozenset(n for n, bit in enumerate(bits) if bit) if bits else frozenset()


def server_signed1(transaction_id: bytes, euicc_challenge: bytes, address: str, server_challenge: bytes) -> bytes:
    """Build serverSigned1: the complete SEQUENCE that serverSignature1 covers (SGP.22 §5.6.1)."""
    parts = (tlv(0x80, transaction_id), tlv(0x81, euicc_challenge), tlv(0x83, address.encode()))
    return tlv(0x30, *parts, tlv(0x84, server_challenge))


def signature(credential: Credential, *signed: bytes) -> bytes:
    """Sign complete TLVs and wrap the 64 bytes as 5F37."""
    return tlv(0x5F37, sign(credential.key, b"".join(signed)))


class AuthenticateServerResponse:
    """BF38 from an eUICC, read once; what is signed is kept as received. Raises Malformed.

    With `error` set, the eUICC refused the server and nothing else is there but the transactionId.
    """

    __slots__ = (
        "error",
        "euicc_certificate",
        "euicc_signature1",
        "euicc_signed1",
        "eum_certificate",
        "imei",
        "info2",
        "matching_id",
        "server_address",
        "server_challenge",
        "transaction_id",
    )

    def __init__(self, data: bytes) -> None:
        response = asn1.decode(asn1.AuthenticateServerResponse, data, 0xBF38)
        self.error: int | None = None
        if response.name == "authenticate_response_error":
            self.transaction_id: bytes = response.chosen["transaction_id"].native
            self.error = response.chosen["authenticate_error_code"].native
            return
        ok = response.chosen
        signed = ok["euicc_signed1"]
        self.euicc_signed1: bytes = signed.dump()
        self.euicc_signature1: bytes = ok["euicc_signature1"].native
        self.euicc_certificate: bytes = ok["euicc_certificate"].dump()
        self.eum_certificate: bytes = ok["eum_certificate"].dump()
        self.transaction_id = signed["transaction_id"].native
        self.server_address: str = signed["server_address"].native
        self.server_challenge: bytes = signed["server_challenge"].native
        self.info2 = read_euicc_info2(signed["euicc_info2"].dump())
        context = signed["ctx_params1"].chosen
        self.matching_id = _matching_id(context["matching_id"].native or "")
        imei = context["device_info"]["imei"].native
        self.imei: bytes | None = imei


def _matching_id(text: str) -> str:
    """Let pass what can be looked up, printed and stored; whether a MatchingID may look so is the order's business."""
    if len(text) > _MAX_MATCHING_ID or not text.isprintable():
        raise Malformed(f"matchingId takes at most {_MAX_MATCHING_ID} printable characters")
    return text


class EuiccChain:
    """The context in which an eUICC's chain is judged, one predicate a check, in their order (SGP.22 §4.5.2.2).

    Certificates are read on first use, so that a garbled one fails the check that is about it.
    """

    def __init__(self, euicc: bytes, eum: bytes, cis: Mapping[bytes, Certificate], now: datetime) -> None:
        self._euicc, self._eum, self._cis, self._now = euicc, eum, cis, now
        self.problem = ""

    @property
    def euicc(self) -> Certificate:
        """CERT.EUICC. Raises Malformed."""
        return certs.load(self._euicc)

    @property
    def eum(self) -> Certificate:
        """CERT.EUM. Raises Malformed."""
        return certs.load(self._eum)

    @property
    def ci(self) -> Certificate | None:
        """The CI whose key the EUM's authority key identifier names."""
        return self._cis.get(self.eum.aki or b"")

    def ci_known(self) -> bool:
        """Say whether the EUM's issuer is a CI we trust. A garbled certificate is not this check's business."""
        try:
            return self.ci is not None
        except Malformed:
            return True

    def eum_valid(self) -> bool:
        """Say whether CERT.EUM is what an EUM's certificate must be."""
        try:
            self.problem = certs.eum_problem(self.eum, self.ci) or "" if self.ci else ""
        except Malformed as error:
            self.problem = str(error)
        return not self.problem

    def eum_current(self) -> bool:
        """Say whether now lies in CERT.EUM's validity."""
        return certs.valid_at(self.eum, self._now)

    def euicc_valid(self) -> bool:
        """Say whether CERT.EUICC is what an eUICC's certificate must be under this EUM."""
        try:
            self.problem = certs.euicc_problem(self.euicc, self.eum) or ""
        except Malformed as error:
            self.problem = str(error)
        return not self.problem

    def euicc_current(self) -> bool:
        """Say whether now lies in CERT.EUICC's validity."""
        return certs.valid_at(self.euicc, self._now)

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Say whether the eUICC's key signed the message: 64 bytes r‖s over complete TLVs."""
        return verify(self.euicc.public_key, signature, message)

    def details(self) -> dict[str, object]:
        """Fill the sentences; a garbled certificate has no issuer to name."""
        try:
            issuer = (self.eum.aki or b"").hex().upper() or "nobody"
        except Malformed:
            issuer = "nobody"
        return {"problem": self.problem, "issuer": issuer}


_EXPIRED = "is out of its validity on the carrier's clock."
_CURRENT = "Use a current certificate, or look at the carrier's clock."
CHAIN_CLAUSE = "SGP.22 §4.5.2.2"
_CHAIN: tuple[tuple[str, str, str, str, str, Callable[[EuiccChain], bool], str], ...] = (
    (
        "eumCertificate",
        "8.11.1/3.9",
        "ci-unknown",
        "CERT.EUM was issued by {issuer}, which is none of the CIs trusted here.",
        "Use an eUICC of a trusted CI, or serve with its PKI (smdp serve --pki DIR).",
        EuiccChain.ci_known,
        "CERT.EUM names {issuer} as its issuer, a CI that is trusted here.",
    ),
    (
        "eumCertificate",
        "8.1.2/6.1",
        "eum-certificate-invalid",
        "CERT.EUM is not valid: {problem}.",
        "Issue the EUM certificate after SGP.22 §4.5.2 (smdp pki show DIR says what is wrong).",
        EuiccChain.eum_valid,
        "CERT.EUM is an EUM's certificate, signed by that CI.",
    ),
    (
        "eumCertificate",
        "8.1.2/6.3",
        "eum-certificate-expired",
        f"CERT.EUM {_EXPIRED}",
        _CURRENT,
        EuiccChain.eum_current,
        "CERT.EUM is within its validity on the carrier's clock.",
    ),
    (
        "euiccCertificate",
        "8.1.3/6.1",
        "euicc-certificate-invalid",
        "CERT.EUICC is not valid: {problem}.",
        "Issue the eUICC certificate after SGP.22 §4.5.2, under this EUM and within its name constraints.",
        EuiccChain.euicc_valid,
        "CERT.EUICC is an eUICC's certificate, signed by that EUM and within its name constraints.",
    ),
    (
        "euiccCertificate",
        "8.1.3/6.3",
        "euicc-certificate-expired",
        f"CERT.EUICC {_EXPIRED}",
        _CURRENT,
        EuiccChain.euicc_current,
        "CERT.EUICC is within its validity on the carrier's clock.",
    ),
)


def chain_checks(*identifiers: str) -> tuple[Check[Any], ...]:
    """Make the five checks of an eUICC's chain, in their order, under the identifiers of a function's own list."""
    return tuple(
        Check(identifier, CHAIN_CLAUSE, member, code(pair), reason, why, fix, holds, passed, _when(holds))
        for identifier, (member, pair, reason, why, fix, holds, passed) in zip(identifiers, _CHAIN, strict=True)
    )


def _when(holds: Callable[[EuiccChain], bool]) -> str:
    """Name the fact that a check of the chain needs: whether a CI is known can't be told of a garbled certificate."""
    return "issuer" if holds is EuiccChain.ci_known else ""
