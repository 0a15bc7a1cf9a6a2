"""SCEP's EnvelopedData (RFC 8894 §3.2.2): opened with the CA's RSA key, and made for who asked.

AES in CBC is what the server announces. DES and triple DES are opened too, as well-known clients encrypt with nothing
else; `cryptography` opens AES alone, hence the reading here.
"""

from collections.abc import Iterator

from asn1crypto import cms, parser
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from smdp.demo.mdm.cms import UNREADABLE

_DES_KEY_BYTES = 8


class BadEnvelope(ValueError):  # noqa: N818 - says what is the matter
    """An EnvelopedData can't be opened; the message says why."""


def close(data: bytes, recipient: x509.Certificate) -> bytes:
    """Encrypt for a certificate with an RSA key: AES-128 in CBC, DER."""
    return (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(data)
        .set_content_encryption_algorithm(algorithms.AES128)
        .add_recipient(recipient)
        .encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    )


def open_(data: bytes, certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    """Decrypt an EnvelopedData (DER) that is for this certificate. Raises BadEnvelope."""
    try:
        return _opened(data, certificate, key)
    except BadEnvelope:
        raise
    except UNREADABLE:
        raise BadEnvelope("it is no EnvelopedData for this key") from None


def _opened(data: bytes, certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].native != "enveloped_data":
        raise BadEnvelope("it is CMS, but no EnvelopedData")
    inner = info["content"]["encrypted_content_info"]
    encrypted = _encrypted(inner.contents)
    secret = key.decrypt(_encrypted_key(info["content"]["recipient_infos"], certificate), padding.PKCS1v15())
    scheme = inner["content_encryption_algorithm"]
    if scheme.encryption_mode != "cbc":
        raise BadEnvelope(f"it is encrypted in the mode {scheme.encryption_mode}, not CBC")
    cipher = _cipher(scheme.encryption_cipher, secret)
    decryptor = Cipher(cipher, modes.CBC(scheme.encryption_iv)).decryptor()
    unpadder = block_padding.PKCS7(cipher.block_size).unpadder()
    return unpadder.update(decryptor.update(encrypted) + decryptor.finalize()) + unpadder.finalize()


def _encrypted(contents: bytes) -> bytes:
    """Return the encryptedContent of an EncryptedContentInfo; Go writes it as pieces, which asn1crypto won't read."""
    *_, (constructed, value) = _elements(contents)
    return b"".join(piece for _, piece in _elements(value)) if constructed else value


def _elements(contents: bytes) -> Iterator[tuple[bool, bytes]]:
    """Go through the elements of a constructed one: whether each is constructed, and what is in it."""
    while contents:
        _, method, _, header, value, trailer = parser.parse(contents)
        yield method == 1, value
        contents = contents[len(header) + len(value) + len(trailer) :]


def _encrypted_key(recipients: cms.RecipientInfos, certificate: x509.Certificate) -> bytes:
    """Find the content key that is encrypted for a certificate. Raises BadEnvelope."""
    for one in recipients:
        if one.name == "ktri" and one.chosen["rid"].name == "issuer_and_serial_number":
            rid = one.chosen["rid"].chosen
            issuer_fits = rid["issuer"].dump() == certificate.issuer.public_bytes()
            if issuer_fits and rid["serial_number"].native == certificate.serial_number:
                found: bytes = one.chosen["encrypted_key"].native
                return found
    raise BadEnvelope("it is for somebody else")


def _cipher(name: str, secret: bytes) -> BlockCipherAlgorithm:
    if name == "aes":
        return algorithms.AES(secret)
    if name == "tripledes":
        return TripleDES(secret)
    if name == "des" and len(secret) == _DES_KEY_BYTES:
        return TripleDES(secret * 3)
    raise BadEnvelope(f"it is encrypted with {name}")
