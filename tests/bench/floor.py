"""The floor: what the cryptography of one download alone costs a server, in microseconds of process CPU.

Three signatures, five verifications, a key pair, a point decode, a key agreement, a key derivation, two certificates
read with their extensions, and the protection of a 12 kB profile in 1007-byte segments, all with `cryptography`
directly.
"""

import datetime as dt
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import cmac, hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

_ROUNDS = 5
_PROFILE_BYTES, _SEGMENT = 12_000, 1007
_ECDSA = ec.ECDSA(hashes.SHA256())
CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "brainpoolP256r1": ec.BrainpoolP256R1()}


class Part(NamedTuple):
    """One operation: how often a download needs it, and what each costs in microseconds."""

    count: int
    each: float


def cost(call: Callable[[], object], runs: int) -> float:
    """Return the median of five rounds, in microseconds of process CPU a call."""
    call()
    rounds = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(runs):
            call()
        rounds.append((time.process_time() - start) / runs * 1e6)
    return statistics.median(rounds)


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    subject = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "smdp TEST"),
            x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, "89049032" + "0" * 24),
        ]
    )
    role = x509.PolicyInformation(x509.ObjectIdentifier("2.23.146.1.2.1.1"), None)
    public = key.public_key()
    builder = (
        x509.CertificateBuilder(subject, subject, public, 1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2050, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.CertificatePolicies([role]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _load(der: bytes) -> object:
    certificate = x509.load_der_x509_certificate(der)
    return certificate.public_key(), certificate.extensions, certificate.subject


def _protect(profile: bytes, enc: bytes, mac: bytes) -> bytes:
    chain, sealed = bytes(16), []
    ecb = Cipher(algorithms.AES(enc), modes.ECB()).encryptor()  # noqa: S305 - the standard's ICV
    for counter, at in enumerate(range(0, len(profile), _SEGMENT), 1):
        block = profile[at : at + _SEGMENT] + b"\x80"
        block += bytes(-len(block) % 16)
        cbc = Cipher(algorithms.AES(enc), modes.CBC(ecb.update(counter.to_bytes(16, "big")))).encryptor()
        text = cbc.update(block) + cbc.finalize()
        head = b"\x86\x82" + (len(text) + 8).to_bytes(2, "big")
        tag = cmac.CMAC(algorithms.AES(mac))
        tag.update(chain + head + text)
        chain = tag.finalize()
        sealed.append(head + text + chain[:8])
    return b"".join(sealed)


def measure(name: str) -> dict[str, Part]:
    """Measure every operation on a curve."""
    curve = CURVES[name]
    runs = 400 if name == "P-256" else 60
    key, peer = ec.generate_private_key(curve), ec.generate_private_key(curve).public_key()
    public, message, der = key.public_key(), os.urandom(300), _certificate(key)
    signature = key.sign(message, _ECDSA)
    point = peer.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    profile, enc, mac, secret = os.urandom(_PROFILE_BYTES), os.urandom(16), os.urandom(16), os.urandom(32)
    return {
        "sign": Part(3, cost(lambda: key.sign(message, _ECDSA), runs)),
        "verify": Part(5, cost(lambda: public.verify(signature, message, _ECDSA), runs)),
        "key pair": Part(1, cost(lambda: ec.generate_private_key(curve), runs)),
        "point": Part(1, cost(lambda: ec.EllipticCurvePublicKey.from_encoded_point(curve, point), runs)),
        "key agreement": Part(1, cost(lambda: key.exchange(ec.ECDH(), peer), runs)),
        "kdf": Part(1, cost(lambda: X963KDF(hashes.SHA256(), 48, b"\x88\x10" + bytes(34)).derive(secret), runs)),
        "certificate": Part(2, cost(lambda: _load(der), runs)),
        "protection": Part(1, cost(lambda: _protect(profile, enc, mac), runs // 2)),
    }


def total(parts: dict[str, Part]) -> float:
    """Add up the floor in microseconds."""
    return sum(part.count * part.each for part in parts.values())
