"""A second opinion on the bound profile package: sealed and opened by code that shares nothing with smdp.

Only `cryptography` and the standard library. What the product seals, `open_bpp` opens; what `seal_bpp` seals, the
product's eUICC opens. Layout: SGP.22 §2.5, BSP after §2.6.4 and Annex G.
"""

import hashlib
from base64 import b64encode
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

HOST_ID = bytes.fromhex("8080808080808080")
LONGEST_SEGMENT = 1020


def b64(data: bytes) -> str:
    """Write bytes as the JSON binding has them."""
    return b64encode(data).decode()


# --- TLV


def encode(tag: str, *values: bytes) -> bytes:
    """`encode("BF25", …)`; lengths are as short as they can be."""
    value = b"".join(values)
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    elif size < 0x10000:
        length = bytes([0x82, size >> 8, size & 0xFF])
    else:
        length = bytes([0x83, size >> 16, size >> 8 & 0xFF, size & 0xFF])
    return bytes.fromhex(tag) + length + value


class Node(NamedTuple):
    tag: str
    value: bytes
    raw: bytes

    def __getitem__(self, tag):
        return next(node for node in split(self.value) if node.tag == tag) if isinstance(tag, str) else self.value[tag]

    @property
    def nodes(self):
        return split(self.value)


def split(data: bytes) -> list[Node]:
    found, rest = [], data
    while rest:
        width = 2 if rest[0] & 0x1F == 0x1F else 1
        size, skip = rest[width], width + 1
        if size >= 0x80:
            count = size - 0x80
            assert 1 <= count <= 3, "lengths are definite and short"
            size, skip = int.from_bytes(rest[skip : skip + count], "big"), skip + count
        value = rest[skip : skip + size]
        assert len(value) == size, "the TLV is complete"
        raw = rest[: skip + size]
        tag = rest[:width].hex().upper()
        assert raw == encode(tag, value), "the length is as short as it can be"
        found.append(Node(tag, value, raw))
        rest = rest[skip + size :]
    return found


def parse(data: bytes) -> Node:
    (node,) = split(data)
    return node


# --- signatures


def sign(key: ec.EllipticCurvePrivateKey, *parts: bytes) -> bytes:
    """A complete 5F37 over the concatenation."""
    r, s = decode_dss_signature(key.sign(b"".join(parts), ec.ECDSA(hashes.SHA256())))
    return encode("5F37", r.to_bytes(32, "big"), s.to_bytes(32, "big"))


def verify(key: ec.EllipticCurvePublicKey, signature: bytes, *parts: bytes) -> None:
    """Raises InvalidSignature; `signature` is a complete 5F37."""
    value = parse(signature).value
    assert len(value) == 64
    der = encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big"))
    key.verify(der, b"".join(parts), ec.ECDSA(hashes.SHA256()))


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


# --- protected TLVs


class Keys(NamedTuple):
    chain: bytes
    enc: bytes
    mac: bytes


class Channel:
    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.chain = keys.chain
        self.count = 0

    def _cipher(self) -> Cipher:
        self.count += 1
        block = Cipher(algorithms.AES(self.keys.enc), modes.ECB()).encryptor()  # noqa: S305 - one block makes the ICV
        return Cipher(algorithms.AES(self.keys.enc), modes.CBC(block.update(self.count.to_bytes(16, "big"))))

    def _mac(self, data: bytes) -> bytes:
        cmac = CMAC(algorithms.AES(self.keys.mac))
        cmac.update(self.chain + data)
        self.chain = cmac.finalize()
        return self.chain[:8]

    def _wrap(self, tag: str, body: bytes) -> bytes:
        whole = encode(tag, body, bytes(8))
        return whole[:-8] + self._mac(whole[:-8])

    def encrypted(self, tag: str, data: bytes) -> bytes:
        padded = data + b"\x80" + bytes(15 - len(data) % 16)
        return self._wrap(tag, self._cipher().encryptor().update(padded))

    def plain(self, tag: str, data: bytes) -> bytes:
        self.count += 1
        return self._wrap(tag, data)

    def _checked(self, node: Node) -> bytes:
        assert self._mac(node.raw[:-8]) == node.raw[-8:], f"the MAC of {node.tag} number {self.count} is right"
        return node.value[:-8]

    def decrypted(self, node: Node) -> bytes:
        data = self._cipher().decryptor().update(self._checked(node))
        body, mark, padding = data.rpartition(b"\x80")
        assert mark, "the padding begins with 80"
        assert not any(padding), "and goes on with zeros"
        assert len(padding) < 16
        return body

    def read(self, node: Node) -> bytes:
        self.count += 1
        return self._checked(node)


def derive(own: ec.EllipticCurvePrivateKey, other: bytes, host_id: bytes, eid: str) -> Keys:
    public = ec.EllipticCurvePublicKey.from_encoded_point(own.curve, other)
    card = bytes.fromhex(eid)
    info = bytes([0x88, 0x10, len(host_id), *host_id, len(card), *card])
    data = X963KDF(algorithm=hashes.SHA256(), length=48, sharedinfo=info).derive(own.exchange(ec.ECDH(), public))
    return Keys(data[:16], data[16:32], data[32:])


# --- the package


class Segment(NamedTuple):
    tag: str
    size: int


class Opened(NamedTuple):
    """What was inside: BF25, the package, the protected TLVs in their order, whether BF26 replaced the keys."""

    metadata: bytes
    upp: bytes
    segments: list[Segment]
    replaced_keys: bool
    transaction_id: bytes
    smdp_otpk: bytes


def open_bpp(package: bytes, otsk: ec.EllipticCurvePrivateKey, eid: str, *, signer=None) -> Opened:
    """Open a BoundProfilePackage with the eUICC's one-time key; `signer` is the public key of CERT.DPpb, if known."""
    first, *sections = parse(package).nodes
    assert parse(package).tag == "BF36"
    assert first.tag == "BF23"
    operation, transaction, template, otpk, signature = first.nodes
    assert operation.raw == bytes.fromhex("820101")
    if signer is not None:
        signed = operation.raw + transaction.raw + template.raw + otpk.raw
        verify(signer, signature.raw, signed, encode("5F49", point(otsk)))
    assert template["80"].value + template["81"].value == b"\x88\x10"
    channel = Channel(derive(otsk, otpk.value, template["84"].value, eid))
    order = [section.tag for section in sections]
    assert order in (["A0", "A1", "A3"], ["A0", "A1", "A2", "A3"])
    part = {section.tag: section.nodes for section in sections}
    assert [channel.decrypted(node) for node in part["A0"]] == [bytes.fromhex("BF2400")]
    metadata = b"".join(channel.read(node) for node in part["A1"])
    if "A2" in part:
        keys = parse(b"".join(channel.decrypted(node) for node in part["A2"]))
        assert keys.tag == "BF26"
        channel = Channel(Keys(*(node.value for node in keys.nodes)))
    upp = b"".join(channel.decrypted(node) for node in part["A3"])
    inner = [node for section in sections for node in section.nodes]
    assert [node.tag for node in inner] == [
        {"A1": "88", "A3": "86"}.get(s.tag, "87") for s in sections for _ in s.nodes
    ]
    found = [Segment(node.tag, len(node.raw)) for node in inner]
    assert max(segment.size for segment in found) <= LONGEST_SEGMENT
    return Opened(metadata, upp, found, "A2" in part, transaction.value, otpk.value)


def initialise(signer, transaction_id: bytes, smdp_otpk: bytes, euicc_otpk: bytes, **changes: bytes) -> bytes:
    """BF23; `operation`, `template` replace a member and are signed over, `signature` replaces the signature."""
    parts = (
        changes.get("operation", bytes.fromhex("820101")),
        encode("80", transaction_id),
        changes.get("template", encode("A6", bytes.fromhex("800188810110"), encode("84", HOST_ID))),
        encode("5F49", smdp_otpk),
    )
    signature = changes.get("signature") or sign(signer, *parts, encode("5F49", euicc_otpk))
    return encode("BF23", *parts, signature)


def seal_bpp(
    *,
    signer: ec.EllipticCurvePrivateKey,
    otsk: ec.EllipticCurvePrivateKey,
    transaction_id: bytes,
    euicc_otpk: bytes,
    eid: str,
    metadata: bytes,
    upp: bytes,
    ppk: Keys | None = None,
    configure: bytes = b"\xbf\x24\x00",
    bf26: bytes | None = None,
    **changes: bytes,
) -> bytes:
    """Seal a package for an eUICC, honestly or with one thing changed."""
    smdp_otpk = changes.pop("smdp_otpk", point(otsk))
    channel = Channel(derive(otsk, euicc_otpk, HOST_ID, eid))
    parts = [initialise(signer, transaction_id, smdp_otpk, euicc_otpk, **changes)]
    parts.append(encode("A0", channel.encrypted("87", configure)))
    pieces = [metadata[at : at + 1008] for at in range(0, len(metadata), 1008)]
    parts.append(encode("A1", *(channel.plain("88", piece) for piece in pieces)))
    if ppk is not None:
        keys = bf26 or encode("BF26", encode("80", ppk.chain), encode("81", ppk.enc), encode("82", ppk.mac))
        parts.append(encode("A2", channel.encrypted("87", keys)))
        channel = Channel(ppk)
    pieces = [upp[at : at + 1007] for at in range(0, len(upp), 1007)]
    parts.append(encode("A3", *(channel.encrypted("86", piece) for piece in pieces)))
    return encode("BF36", *parts)


def cut(package: bytes) -> list[bytes]:
    """The segments that an LPA loads (SGP.22 §2.5.5)."""
    first, *sections = parse(package).nodes
    head = len(package) - len(parse(package).value)
    segments = [package[:head] + first.raw]
    for section in sections:
        head = section.raw[: len(section.raw) - len(section.value)]
        nodes = [node.raw for node in section.nodes]
        segments += [head + nodes[0], *nodes[1:]] if section.tag in ("A0", "A2") else [head, *nodes]
    return segments


def hash_cc(code: str, transaction_id: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(code.encode()).digest() + transaction_id).digest()
