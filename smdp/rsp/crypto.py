"""The cryptography of RSP: ECDSA in plain form, ECKA, the key derivation, and where randomness comes from.

Keys and curves are `cryptography` objects. Signatures are always deterministic (RFC 6979), so a seeded session repeats.
SGP.22 §2.6.7 (curves, BSI TR-03111), Annex G (key agreement).
"""

import hashlib
import hmac
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from smdp.rsp.tlv import Malformed

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey

CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "brainpoolP256r1": ec.BrainpoolP256R1()}
"""The curves of SGP.22 v2 that OpenSSL knows, by our name for them."""

_NAMES = {curve.name: name for name, curve in CURVES.items()}
_SHA256 = ec.ECDSA(hashes.SHA256())
_RFC6979 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_HALF = 32


class Entropy(Protocol):
    """Where random bytes come from: an argument of everything that needs them."""

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes; none is ever returned twice."""

    def private_key(self, curve: str) -> PrivateKey:
        """Make a one-time private key on the named curve."""


class Stream:
    """A reproducible Entropy: HMAC-SHA256 in counter mode under a key (HKDF-Expand of RFC 5869 without its end)."""

    __slots__ = ("_block", "_buffer", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._block = 0
        self._buffer = b""

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes of the stream."""
        while len(self._buffer) < length:
            self._block += 1
            self._buffer += hmac.digest(self._key, self._block.to_bytes(8, "big"), "sha256")
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def private_key(self, curve: str) -> PrivateKey:
        """Make a private key from 40 bytes of the stream (FIPS 186-5 A.2.1: 64 bits more than the order has)."""
        scalar = int.from_bytes(self.take(_HALF + 8), "big") % (CURVES[curve].group_order - 1) + 1
        return ec.derive_private_key(scalar, CURVES[curve])


def curve_name(key: PublicKey | PrivateKey) -> str:
    """Name the curve of a key: "P-256" or "brainpoolP256r1". Raises Malformed for any other."""
    try:
        return _NAMES[key.curve.name]
    except KeyError:
        raise Malformed(f"the curve {key.curve.name} is not one of SGP.22's") from None


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Sign with ECDSA-SHA256: 64 bytes r‖s (SGP.22 §2.6.7.2, BSI TR-03111 plain format)."""
    r, s = decode_dss_signature(key.sign(message, _RFC6979))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def verify(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Say whether 64 bytes r‖s are this key's signature over the message; any other length is none."""
    if len(signature) != 2 * _HALF:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big"))
    try:
        key.verify(der, message, _SHA256)
    except InvalidSignature:
        return False
    return True


def scalar_of(key: PrivateKey) -> bytes:
    """Return the 32 bytes of a private key, for storage; `key_of` makes the key again."""
    return key.private_numbers().private_value.to_bytes(_HALF, "big")


@lru_cache(maxsize=4096)
def key_of(curve: str, scalar: bytes) -> PrivateKey:
    """Make the private key again from its 32 bytes."""
    return ec.derive_private_key(int.from_bytes(scalar, "big"), CURVES[curve])


def point_of(key: PublicKey | PrivateKey) -> bytes:
    """Encode the public key: 65 bytes 04‖X‖Y."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def public_key(curve: str, point: bytes) -> PublicKey:
    """Decode 65 bytes 04‖X‖Y. Raises Malformed if they are no point of the curve."""
    if len(point) != 1 + 2 * _HALF or point[0] != 4:
        raise Malformed("a public key must be 65 bytes 04‖X‖Y")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[curve], point)
    except ValueError:
        raise Malformed(f"the public key is no point of {curve}") from None


def shared_secret(key: PrivateKey, other: PublicKey) -> bytes:
    """ECKA: the 32-byte X coordinate of the common point (SGP.22 Annex G, BSI TR-03111 §4.3)."""
    return key.exchange(ec.ECDH(), other)


def kdf(secret: bytes, shared_info: bytes, length: int) -> bytes:
    """X9.63 key derivation with SHA-256 (BSI TR-03111 §4.3.3)."""
    blocks = (
        hashlib.sha256(secret + n.to_bytes(4, "big") + shared_info).digest() for n in range(1, -(-length // 32) + 1)
    )
    return b"".join(blocks)[:length]
