"""Where the keys of a PKI come from: a secret (the same keys each time) or the operating system (new ones)."""

import os
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smdp.rsp.crypto import CURVES, PrivateKey, key_of, scalar_of

PUBLIC_SECRET = b"smdp public test PKI v1: everybody has these keys, so they protect nothing"
"""What all keys of `certs/` are derived from. It is published on purpose; see certs/README.md."""

_SCALAR_BYTES = 40  # 64 bits more than the order has, so that the remainder is not biased (FIPS 186-5 A.2.1)
_SERIAL_BYTES = 16


class KeySource(Protocol):
    """Gives each label its bytes: 40 for a key, 16 for a certificate's serial number."""

    def take(self, label: str, length: int) -> bytes:
        """Return `length` bytes that belong to the label."""


class Derived:
    """The same bytes each time: HKDF-SHA256 of a secret, without salt, with the label as info (RFC 5869)."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes | PrivateKey) -> None:
        self._secret = secret if isinstance(secret, bytes) else scalar_of(secret)

    def take(self, label: str, length: int) -> bytes:
        """Return the bytes that belong to the label."""
        return HKDF(hashes.SHA256(), length, salt=None, info=label.encode()).derive(self._secret)


class Fresh:
    """New bytes each time, from the operating system."""

    __slots__ = ()

    def take(self, label: str, length: int) -> bytes:  # noqa: ARG002 - randomness has no label
        """Return bytes that nobody else has."""
        return os.urandom(length)


def key(source: KeySource, label: str, curve: str) -> PrivateKey:
    """Make the private key of a label on "P-256" or "brainpoolP256r1": the bytes, modulo n-1, plus 1."""
    scalar = int.from_bytes(source.take(f"{label} key", _SCALAR_BYTES), "big") % (CURVES[curve].group_order - 1) + 1
    return key_of(curve, scalar.to_bytes(32, "big"))


def serial(source: KeySource, label: str) -> int:
    """Make the serial number of a label's certificate: positive, at most 16 bytes as DER (RFC 5280 §4.1.2.2)."""
    return int.from_bytes(source.take(f"{label} serial", _SERIAL_BYTES), "big") >> 1 or 1
