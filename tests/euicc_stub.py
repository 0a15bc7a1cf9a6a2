"""An eUICC and its LPA made by hand, to talk to the server's half: honest, or with one thing changed.

Only tests.independent (TLV, signatures) and tests.minted (certificates): nothing of smdp is in here.
"""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from tests.independent import encode, hash_cc, point, sign
from tests.minted import CURVES, EID, SMDP_RID, Minted, Pki, pki

SVN = bytes((2, 5, 0))
ISDP_AID = bytes.fromhex("A0000005591010FFFFFFFF8900001000")
TAC = bytes.fromhex("35290611")
MEMORY = 300_000
USIM, ISIM, MILENAGE = 1, 2, 4
"""Bits of uiccCapability; the first of a BIT STRING is bit 0."""
ADDITIONAL_PROFILE = 0


def bits(*numbers: int) -> bytes:
    """The value of a BIT STRING with these bits set, as DER has it."""
    if not numbers:
        return b"\x00"
    size = max(numbers) + 1
    octets = bytearray(-(-size // 8))
    for number in numbers:
        octets[number // 8] |= 0x80 >> number % 8
    return bytes([len(octets) * 8 - size, *octets])


def arcs(dotted: str) -> bytes:
    """The value of an OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray()
    for arc in (40 * first + second, *rest):
        chunk = [arc & 0x7F]
        while arc := arc >> 7:
            chunk.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(chunk))
    return bytes(octets)


def small(number: int) -> bytes:
    """The value of an INTEGER."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def key_list(tag: str, identifiers: list[bytes]) -> bytes:
    return encode(tag, *(encode("04", identifier) for identifier in identifiers))


def swapped(iccid: str) -> bytes:
    """An ICCID as in EF.ICCID."""
    digits = iccid.ljust(20, "F")
    return bytes.fromhex("".join(digits[at + 1] + digits[at] for at in range(0, 20, 2)))


@dataclass
class Euicc:
    """One card. Each method builds one message; its keywords replace what would be honest."""

    curve: str = "P-256"
    eid: str = EID
    certificate: Minted | None = None
    eum: Minted | None = None
    svn: bytes = SVN
    pki: Pki = field(init=False)

    def __post_init__(self):
        self.pki = pki(self.curve)
        self.certificate = self.certificate or self.pki.euicc
        self.eum = self.eum or self.pki.eum
        self.key = self.certificate.key
        self.otsk = ec.generate_private_key(CURVES[self.curve])

    # --- what it says of itself

    def info1(self, *, svn=None, verification=None, signing=None, more=b"") -> bytes:
        trusted = [self.pki.ci.ski]
        lists = key_list("A9", trusted if verification is None else verification)
        lists += key_list("AA", trusted if signing is None else signing)
        return encode("BF20", encode("82", svn or self.svn), lists, more)

    def info2(
        self, *, svn=None, version=b"\x02\x03\x01", memory=MEMORY, capabilities=(USIM, ISIM, MILENAGE),
        rsp=(ADDITIONAL_PROFILE,), forbidden=(), resources=None, more=b"",
    ) -> bytes:  # fmt: skip
        free = b"" if memory is None else encode("82", memory.to_bytes(4, "big"))
        trusted = [self.pki.ci.ski]
        return encode(
            "BF22",
            encode("81", version),
            encode("82", svn or self.svn),
            encode("83", bytes((1, 0, 0))),
            encode("84", encode("81", b"\x01") + free + encode("83", b"\x10\x00") if resources is None else resources),
            encode("85", bits(*capabilities)),
            encode("88", bits(*rsp)),
            key_list("A9", trusted),
            key_list("AA", trusted),
            encode("99", bits(*forbidden)),
            encode("04", bytes((1, 0, 0))),
            encode("0C", b"XX-XX-UP-0000"),
            more,
        )

    # --- AuthenticateServer

    def context(self, *, matching_id: str | None = None, imei: bytes | None = None, more=b"") -> bytes:
        """ctxParams1."""
        wanted = b"" if matching_id is None else encode("80", matching_id.encode())
        serial = b"" if imei is None else encode("82", imei)
        device = encode("A1", encode("80", TAC), encode("A1", encode("80", bytes((8, 0, 0)))), serial, more)
        return encode("A0", wanted, device)

    def authenticate(
        self, transaction_id: bytes, address: str, challenge: bytes, *, info2=None, context=None, signature=None,
        signer=None, certificate=None, eum=None,
    ) -> bytes:  # fmt: skip
        """BF38."""
        signed = encode(
            "30",
            encode("80", transaction_id),
            encode("83", address.encode()),
            encode("84", challenge),
            self.info2() if info2 is None else info2,
            self.context() if context is None else context,
        )
        proof = sign(signer or self.key, signed) if signature is None else signature
        certificates = (certificate or self.certificate.der) + (eum or self.eum.der)
        return encode("BF38", encode("A0", signed, proof, certificates))

    # --- PrepareDownload

    def prepare(
        self, transaction_id: bytes, smdp_signature2: bytes, *, otpk=None, code=None, hashed=None, signature=None,
        signer=None,
    ) -> bytes:  # fmt: skip
        """BF21; `code` is what the user typed."""
        if code is not None:
            hashed = hash_cc(code, transaction_id)
        proof_of_code = b"" if hashed is None else encode("04", hashed)
        own = encode("5F49", point(self.otsk) if otpk is None else otpk)
        signed = encode("30", encode("80", transaction_id), own, proof_of_code)
        proof = sign(signer or self.key, signed, smdp_signature2) if signature is None else signature
        return encode("BF21", encode("A0", signed, proof))

    # --- what comes afterwards

    def notice(self, *, iccid: bytes | None, number: int = 1, events=(0,), address="smdp.example.com") -> bytes:
        """BF2F."""
        which = b"" if iccid is None else encode("5A", iccid)
        about = encode("80", small(number)) + encode("81", bits(*events)) + encode("0C", address.encode())
        return encode("BF2F", about + which)

    def result(
        self, transaction_id: bytes, iccid: bytes | None, *, failure: tuple[int, int] | None = None, oid=SMDP_RID,
        number: int = 1, signature=None, signer=None, final=None,
    ) -> bytes:  # fmt: skip
        """BF37; `failure` is (bppCommandId, errorReason)."""
        if final is None and failure is None:
            final = encode("A0", encode("4F", ISDP_AID), encode("04", encode("30")))
        elif final is None:
            final = encode("A1", encode("80", small(failure[0])), encode("81", small(failure[1])))
        notice = self.notice(iccid=iccid, number=number)
        data = encode("BF27", encode("80", transaction_id), notice, encode("06", arcs(oid)), encode("A2", final))
        return encode("BF37", data, sign(signer or self.key, data) if signature is None else signature)

    def other(self, *, signature=None, signer=None, certificate=None, eum=None, **about) -> bytes:
        """OtherSignedNotification."""
        notice = self.notice(**about)
        proof = sign(signer or self.key, notice) if signature is None else signature
        return encode("30", notice, proof, certificate or self.certificate.der, eum or self.eum.der)

    def cancel(self, transaction_id: bytes, reason: int, *, oid=SMDP_RID, signature=None, signer=None) -> bytes:
        """BF41."""
        signed = encode("30", encode("80", transaction_id), encode("81", arcs(oid)), encode("82", small(reason)))
        return encode(
            "BF41", encode("A0", signed, sign(signer or self.key, signed) if signature is None else signature)
        )


def refuses_server(transaction_id: bytes, error: int) -> bytes:
    return encode("BF38", encode("A1", encode("80", transaction_id), encode("02", small(error))))


def refuses_download(transaction_id: bytes, error: int) -> bytes:
    return encode("BF21", encode("A1", encode("80", transaction_id), encode("02", small(error))))


def refuses_cancel(error: int) -> bytes:
    return encode("BF41", encode("81", small(error)))


def stored_hash(code: str) -> bytes:
    """What a server keeps of a confirmation code."""
    return hashlib.sha256(code.encode()).digest()
