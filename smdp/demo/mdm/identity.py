"""Whose message a request is: by Mdm-Signature, by the TLS client certificate, or nobody's."""

import base64
import binascii
import datetime as dt
import ssl
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from smdp.demo.mdm import cms

HEADER = "Mdm-Signature"


def fingerprint(
    headers: Mapping[str, str], body: bytes, tls: ssl.SSLObject | None, authority: x509.Certificate
) -> bytes:
    """Return the SHA-256 of the certificate that a message comes with, once it is proven. Raises cms.BadCms.

    A signature must be over exactly these bytes; a certificate in TLS counts where there is none. TLS itself refuses
    those of other CAs in the handshake.
    """
    certificate = _of_signature(headers.get(HEADER), body) or _of_tls(tls)
    if certificate is None:
        raise cms.BadCms("there is neither an Mdm-Signature nor a client certificate")
    cms.check_identity(certificate, authority, dt.datetime.now(dt.UTC))
    return certificate.fingerprint(hashes.SHA256())


def _of_signature(header: str | None, body: bytes) -> x509.Certificate | None:
    if header is None:
        return None
    try:
        signature = base64.b64decode(header, validate=True)
    except (binascii.Error, ValueError):
        raise cms.BadCms("it is no base64") from None
    return cms.verify(signature, body).certificate


def _of_tls(tls: ssl.SSLObject | None) -> x509.Certificate | None:
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return x509.load_der_x509_certificate(der) if der else None
