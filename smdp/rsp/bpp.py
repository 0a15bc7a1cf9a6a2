"""The Bound Profile Package: BSP (encryption and MAC chain), sealing, and cutting it up again.

BSP protects a sequence of TLVs under one key set (SGP.22 §2.6.4): AES-128-CBC with an ICV made from a block counter,
then AES-CMAC over the chaining value and the whole TLV, of which 8 bytes are appended and 16 chained on.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from smdp.rsp.crypto import Entropy, PrivateKey, kdf, point_of, public_key, shared_secret, sign
from smdp.rsp.ids import eid_to_bytes
from smdp.rsp.tlv import Item, Malformed, header, items, only, tlv

MAX_SEGMENT = 1020
"""The longest protected TLV in bytes, tag, length and MAC included (SGP.22 §2.6.4.3)."""
MAX_ENCRYPTED = 1007
"""The most plaintext one encrypted TLV takes: 1020 − tag 1 − length 3 − MAC 8, and at least one byte of padding."""
MAX_PLAIN = 1008
"""The most data one TLV takes that is only MACed."""

KEY_TYPE, KEY_LENGTH = b"\x88", b"\x10"
HOST_ID_BYTES = 8
INSTALL_BOUND_PROFILE_PACKAGE = 1
_BLOCK = 16
_MAC = 8
_ECB = modes.ECB()  # noqa: S305 - one block, the counter: that is how the standard makes an ICV


class ScpError(Malformed):
    """A protected TLV did not open; `security` tells a wrong MAC or padding from a wrong structure."""

    def __init__(self, text: str, *, security: bool) -> None:
        super().__init__(text)
        self.security = security


class KeySet(NamedTuple):
    """Three times 16 bytes: initial MAC chaining value, encryption key, MAC key."""

    initial_mac_chaining_value: bytes
    enc: bytes
    mac: bytes

    def __repr__(self) -> str:
        """Keep the keys out of logs."""
        return "KeySet(…)"


def session_keys(secret: bytes, host_id: bytes, eid: str) -> KeySet:
    """Derive S-ENC, S-MAC and the first chaining value from the 32-byte shared secret (SGP.22 Annex G)."""
    eid_bytes = eid_to_bytes(eid)
    shared_info = b"".join((KEY_TYPE, KEY_LENGTH, bytes((len(host_id),)), host_id, bytes((len(eid_bytes),)), eid_bytes))
    data = kdf(secret, shared_info, 48)
    return KeySet(data[:16], data[16:32], data[32:])


def random_keys(entropy: Entropy) -> KeySet:
    """Make the random profile protection keys: 48 bytes (SGP.22 §2.5.3)."""
    data = entropy.take(48)
    return KeySet(data[:16], data[16:32], data[32:])


class Bsp:
    """One run of protected TLVs under one key set; the same steps in the same order seal here and open there.

    The block counter starts at 1 and counts every TLV, also those that are only MACed (SGP.22 §2.6.4.4). A run may be
    taken up again: `Bsp(keys, counter)` where `position` was (chaining value, counter), the former as the keys' first.
    """

    __slots__ = ("_chain", "_counter", "_ecb", "_enc", "_mac")

    def __init__(self, keys: KeySet, counter: int = 0) -> None:
        self._enc = algorithms.AES(keys.enc)
        self._mac = algorithms.AES(keys.mac)
        self._ecb = Cipher(self._enc, _ECB).encryptor()
        self._chain = keys.initial_mac_chaining_value
        self._counter = counter

    @property
    def position(self) -> tuple[bytes, int]:
        """The 16-byte chaining value and how many TLVs went by."""
        return self._chain, self._counter

    def _next(self) -> modes.CBC:
        self._counter += 1
        return modes.CBC(self._ecb.update(self._counter.to_bytes(_BLOCK, "big")))

    def _tag(self, body: bytes) -> bytes:
        mac = cmac.CMAC(self._mac)
        mac.update(self._chain + body)
        return mac.finalize()

    def _finish(self, tag: int, data: bytes) -> bytes:
        body = header(tag, len(data) + _MAC) + data
        self._chain = self._tag(body)
        return body + self._chain[:_MAC]

    def encrypt_and_mac(self, tag: int, plaintext: bytes) -> bytes:
        """Protect up to 1007 bytes as one TLV ('86', '87') of at most 1020 bytes (SGP.22 §2.6.4.3)."""
        if len(plaintext) > MAX_ENCRYPTED:
            raise ValueError(f"one encrypted TLV takes {MAX_ENCRYPTED} bytes, not {len(plaintext)}")
        padded = plaintext + b"\x80"
        padded += bytes(-len(padded) % _BLOCK)
        cipher = Cipher(self._enc, self._next()).encryptor()
        return self._finish(tag, cipher.update(padded))

    def mac_only(self, tag: int, data: bytes) -> bytes:
        """Protect up to 1008 bytes as one TLV ('88') that stays readable (SGP.22 §2.6.4.3)."""
        if len(data) > MAX_PLAIN:
            raise ValueError(f"one MACed TLV takes {MAX_PLAIN} bytes, not {len(data)}")
        self._counter += 1
        return self._finish(tag, data)

    def _verified(self, segment: Item) -> bytes:
        if len(segment.raw) > MAX_SEGMENT:
            raise ScpError(f"a protected TLV of {len(segment.raw)} bytes is longer than {MAX_SEGMENT}", security=False)
        if len(segment.value) < _MAC:
            raise ScpError("a protected TLV is shorter than its MAC", security=False)
        chain = self._tag(segment.raw[:-_MAC])
        if chain[:_MAC] != segment.raw[-_MAC:]:
            raise ScpError("the MAC of a protected TLV is wrong", security=True)
        self._chain = chain
        return segment.value[:-_MAC]

    def decrypt(self, segment: Item) -> bytes:
        """Open an encrypted TLV. Raises ScpError; the chain then stays where it was."""
        data = self._verified(segment)
        if not data or len(data) % _BLOCK:
            raise ScpError("an encrypted TLV is not made of 16-byte blocks", security=False)
        cipher = Cipher(self._enc, self._next()).decryptor()
        plaintext = cipher.update(data).rstrip(b"\0")
        if not plaintext.endswith(b"\x80"):
            raise ScpError("the padding of an encrypted TLV is wrong", security=True)
        return plaintext[:-1]

    def read(self, segment: Item) -> bytes:
        """Open a TLV that is only MACed. Raises ScpError; the chain then stays where it was."""
        data = self._verified(segment)
        self._counter += 1
        return data


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def protect(upp: bytes, bsp: Bsp) -> bytes:
    """Cut a profile package into 1007-byte pieces and seal them: the '86' TLVs, concatenated (SGP.22 §2.5.3)."""
    return b"".join(bsp.encrypt_and_mac(0x86, piece) for piece in _cut(upp, MAX_ENCRYPTED))


class Binding(NamedTuple):
    """What ties a package to one eUICC: the session, the server's keys, the eUICC's one-time key (65 bytes) and EID."""

    transaction_id: bytes
    host_id: bytes
    smdp_otsk: PrivateKey
    signing_key: PrivateKey
    curve: str
    euicc_otpk: bytes
    eid: str


def _initialise_secure_channel(binding: Binding) -> bytes:
    signed = b"".join(
        (
            tlv(0x82, bytes((INSTALL_BOUND_PROFILE_PACKAGE,))),
            tlv(0x80, binding.transaction_id),
            tlv(0xA6, tlv(0x80, KEY_TYPE), tlv(0x81, KEY_LENGTH), tlv(0x84, binding.host_id)),
            tlv(0x5F49, point_of(binding.smdp_otsk)),
        )
    )
    smdp_sign = sign(binding.signing_key, signed + tlv(0x5F49, binding.euicc_otpk))
    return tlv(0xBF23, signed, tlv(0x5F37, smdp_sign))


def seal(binding: Binding, metadata: bytes, upp: bytes, ppk: KeySet | None) -> bytes:
    """Build the BoundProfilePackage, BF36 (SGP.22 §2.5.4).

    `metadata` is the complete BF25, `upp` the plain package. With `ppk` the package is protected by those keys and BF26
    carries them; without, by the session keys. Raises Malformed if the eUICC's one-time key is no point of the curve.
    """
    secret = shared_secret(binding.smdp_otsk, public_key(binding.curve, binding.euicc_otpk))
    bsp = Bsp(session_keys(secret, binding.host_id, binding.eid))
    parts = [
        _initialise_secure_channel(binding),
        tlv(0xA0, bsp.encrypt_and_mac(0x87, tlv(0xBF24))),
        tlv(0xA1, *(bsp.mac_only(0x88, piece) for piece in _cut(metadata, MAX_PLAIN))),
    ]
    if ppk is not None:
        keys = tlv(0xBF26, tlv(0x80, ppk.initial_mac_chaining_value), tlv(0x81, ppk.enc), tlv(0x82, ppk.mac))
        parts.append(tlv(0xA2, bsp.encrypt_and_mac(0x87, keys)))
        bsp = Bsp(ppk)
    parts.append(tlv(0xA3, protect(upp, bsp)))
    return tlv(0xBF36, *parts)


def segments(package: bytes) -> Iterator[bytes]:
    """Cut a BoundProfilePackage into what the LPA loads one by one (SGP.22 §2.5.5).

    The header of BF36 with BF23; A0 with its first '87'; the header of A1; each '88'; A2 like A0; the header of A3;
    each '86'. Raises Malformed if it is no package.
    """
    body = only(package, 0xBF36).value
    parts = list(items(body))
    if not parts or parts[0].tag != 0xBF23:
        raise Malformed("a BoundProfilePackage begins with BF23")
    yield header(0xBF36, len(body)) + parts[0].raw
    for part in parts[1:]:
        inner = list(items(part.value))
        if part.tag in (0xA0, 0xA2):
            first = inner.pop(0).raw if inner else b""
            yield header(part.tag, len(part.value)) + first
        elif part.tag in (0xA1, 0xA3):
            yield header(part.tag, len(part.value))
        else:
            raise Malformed(f"a BoundProfilePackage has no member {part.tag:X}")
        yield from (item.raw for item in inner)


def hash_confirmation_code(confirmation_code: str) -> bytes:
    """Hash a confirmation code's characters for storage: 32 bytes (SGP.22 §5.3.2)."""
    return hashlib.sha256(confirmation_code.encode()).digest()


def hash_cc(stored_hash: bytes, transaction_id: bytes) -> bytes:
    """Tie the stored hash to one session: 32 bytes (SGP.22 §5.6.2)."""
    return hashlib.sha256(stored_hash + transaction_id).digest()
