"""What an SM-DP+ says to an eUICC, built by hand: honest, or with one thing changed."""

import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from tests.independent import Keys, encode, parse, seal_bpp, sign
from tests.minted import EID, Minted, Pki, pki

ADDRESS = "smdp.example.com"
DEVICE_INFO = encode("A1", encode("80", bytes.fromhex("53034981")), encode("A1"))
ICCID = "8900101000000000019"
ICCID_BYTES = bytes.fromhex("980001010000000010F9")
PPK = Keys(b"\x11" * 16, b"\x22" * 16, b"\x33" * 16)
UPP = bytes(range(256)) * 9


def metadata(*more: bytes, iccid: bytes = ICCID_BYTES, profile_class: int | None = None) -> bytes:
    """BF25 with the members that it needs; `more` follows in the order of the standard."""
    of_class = b"" if profile_class is None else encode("95", bytes([profile_class]))
    return encode("BF25", encode("5A", iccid), encode("91", b"TESTS"), encode("92", b"Plan"), of_class, *more)


def notified(address: str = ADDRESS, events: int = 0xF0, unused: int = 4) -> bytes:
    return encode("B6", encode("30", encode("80", bytes([unused, events])), encode("81", address.encode())))


OWNER = encode("B7", encode("80", bytes.fromhex("00F110")))


def rules(bits: int, unused: int) -> bytes:
    """99: 0x40 with 6 unused bits is PPR1, 0x20 with 5 PPR2."""
    return encode("99", bytes([unused, bits]))


@dataclass
class FakeSmdp:
    """One session. The methods answer what goes to the card, built from what came from it."""

    pki: Pki = field(default_factory=pki)
    eid: str = EID
    address: str = ADDRESS
    dpauth: Minted | None = None
    dppb: Minted | None = None
    transaction_id: bytes = field(default_factory=lambda: os.urandom(16))
    otsk: ec.EllipticCurvePrivateKey | None = None
    euicc_signature1: bytes = b""
    smdp_signature2: bytes = b""
    euicc_otpk: bytes = b""

    def __post_init__(self):
        self.dpauth = self.dpauth or self.pki.dpauth
        self.dppb = self.dppb or self.pki.dppb
        self.otsk = self.otsk or ec.generate_private_key(self.dppb.key.curve)

    def server_signed1(self, challenge: bytes) -> bytes:
        return encode(
            "30",
            encode("80", self.transaction_id),
            encode("81", challenge),
            encode("83", self.address.encode()),
            encode("84", os.urandom(16)),
        )

    def authenticate_server(self, challenge, *, ci=None, signature=None, certificate=None, matching_id=b"") -> bytes:
        signed = self.server_signed1(challenge)
        return encode(
            "BF38",
            signed,
            signature or sign(self.dpauth.key, signed),
            encode("04", ci or self.pki.ci.ski),
            certificate or self.dpauth.der,
            encode("A0", encode("80", matching_id) if matching_id else b"", DEVICE_INFO),
        )

    def authenticated(self, response: bytes) -> None:
        """Remember what the next signature covers."""
        self.euicc_signature1 = parse(response)["A0"]["5F37"].raw

    def smdp_signed2(self, transaction_id=None, otpk: bytes = b"", *, cc: bool = False) -> bytes:
        bound = encode("5F49", otpk) if otpk else b""
        flag = encode("01", b"\xff" if cc else b"\0")
        return encode("30", encode("80", transaction_id or self.transaction_id), flag, bound)

    def prepare_download(
        self, *, transaction_id=None, otpk=b"", signature=None, certificate=None, hash_cc=b""
    ) -> bytes:
        signed = self.smdp_signed2(transaction_id, otpk)
        self.smdp_signature2 = signature or sign(self.dppb.key, signed, self.euicc_signature1)
        hashed = encode("04", hash_cc) if hash_cc else b""
        return encode("BF21", signed, self.smdp_signature2, hashed, certificate or self.dppb.der)

    def prepared(self, response: bytes) -> None:
        """Remember the key that the package is for."""
        self.euicc_otpk = parse(response)["A0"]["30"]["5F49"].value

    def package(self, *, profile=None, upp: bytes = UPP, **changes) -> bytes:
        honest = {
            "signer": self.dppb.key,
            "otsk": self.otsk,
            "transaction_id": self.transaction_id,
            "euicc_otpk": self.euicc_otpk,
            "eid": self.eid,
            "metadata": profile or metadata(),
            "upp": upp,
            "ppk": PPK,
        }
        return seal_bpp(**(honest | changes))

    def cancel_session(self, reason: int = 0) -> bytes:
        return encode("BF41", encode("80", self.transaction_id), encode("81", bytes([reason])))
