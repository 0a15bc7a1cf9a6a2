"""TLS contexts: a server certificate minted for each name asked for, and clients that trust a PKI (SGP.22 §6.1).

TLS lives on real time, whatever the carrier's clock says.
"""

import datetime as dt
import ipaddress
import os
import secrets
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smdp.pki import make, profiles
from smdp.pki.errors import PkiError
from smdp.pki.model import Pki
from smdp.pki.names import is_dns_name
from smdp.pki.profiles import Validity
from smdp.rsp.certs import Certificate
from smdp.rsp.crypto import PrivateKey
from smdp.rsp.server.security import Credential

MAX_CONTEXTS = 128
"""How many asked names are remembered at a time; the certificate of a forgotten one is minted again."""

LIFETIME = dt.timedelta(days=398)
"""How long a minted certificate is valid, from a day before it was made; browsers accept no longer ones."""

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA256"
)
"""TLS 1.2 suites: the two that LPAs of SGP.22 v2 have to offer, first and last, and what others prefer."""

_RENEWED_AFTER_DAYS = 100  # well before a certificate in the cache of a long-running server expires
_NO_ENCRYPTION = serialization.NoEncryption()


class ServerCertificate(NamedTuple):
    """A TLS server's certificate, what is sent behind it, and its key."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    key: PrivateKey

    def __repr__(self) -> str:
        return f"ServerCertificate({self.certificate!r})"


def mint(
    pki: Pki, names: Sequence[str], key: PrivateKey | None = None, validity: Validity | None = None
) -> ServerCertificate:
    """Mint a TLS certificate for host names (one leading `*.` allowed) and IP addresses.

    Without `validity` it holds from a day ago for 398 days. Raises PkiError for something that is neither.
    """
    usable = list(dict.fromkeys(map(_normal, names)))
    key = key or ec.generate_private_key(ec.SECP256R1())
    if validity is None:
        yesterday = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=1)
        validity = yesterday, yesterday + LIFETIME
    leaf = profiles.tls(pki.tls_issuer, key.public_key(), usable, validity, secrets.randbits(120) + 1)
    return ServerCertificate(leaf, pki.tls_chain, key)


def server_context(
    pki: Pki,
    default_names: Sequence[str],
    *,
    client_certificates: bool = False,
    instead: Callable[[str | None], ssl.SSLContext | int | None] | None = None,
) -> ssl.SSLContext:
    """Make a server's context, which shows each client a certificate for the name it asks for (SNI).

    A client that names nothing, as when it connects to an IP address, gets one for `default_names`. With
    `client_certificates` the client needs one that the PKI's CIs signed (ES2+, ES12). `instead` may return another
    context for an asked name, or the alert that ends the handshake; `handshake.watch` hears of those that fail. Raises
    PkiError.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    default = tuple(map(_normal, default_names))
    clients = pki.anchors if client_certificates else ()

    @lru_cache(maxsize=MAX_CONTEXTS)
    def context_for(name: str | None, _period: int) -> ssl.SSLContext:
        own = None if name is None else given(pki, name)
        return context_of(own or mint(pki, default if name is None else (name,), key), clients)

    def period() -> int:
        return dt.datetime.now(dt.UTC).toordinal() // _RENEWED_AFTER_DAYS

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, asked: str | None, _context: ssl.SSLContext) -> int | None:
        other = None if instead is None else instead(asked)
        if isinstance(other, int):
            return other
        name = (asked or "").lower().rstrip(".")
        connection.context = other or context_for(name if is_dns_name(name) else None, period())
        return None

    context = context_of(mint(pki, default, key), clients)
    context.sni_callback = choose
    return context


def client_context(anchors: Iterable[Certificate], client: Credential | None = None) -> ssl.SSLContext:
    """Make the context of a client that trusts these CIs and nothing else, and shows a certificate if it has one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _trust(context, anchors)
    if client is not None:
        _show(context, (client.certificate,), client.key)
    return context


def _normal(name: str) -> str:
    text = name.strip().strip("[]").partition("%")[0].lower().rstrip(".")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if is_dns_name(text.removeprefix("*.")):
            return text
    raise PkiError("TLS", f"{name[:64]!r} is neither a host name nor an IP address", "Correct it in the settings.")


def given(pki: Pki, name: str) -> ServerCertificate | None:
    """Find a certificate that came with the PKI and is for this name, or for all names beside it (RFC 6125)."""
    wildcard = "*." + name.partition(".")[2]
    for credential in pki.tls:
        if not {name, wildcard}.isdisjoint(map(str.lower, credential.certificate.dns_names)):
            chain = pki.tls_chain if credential.certificate.aki == pki.tls_issuer.certificate.ski else ()
            return ServerCertificate(credential.certificate, chain, credential.key)
    return None


def context_of(server: ServerCertificate, clients: Sequence[Certificate] = ()) -> ssl.SSLContext:
    """Make a context that shows this certificate and, where `clients` are given, demands one that they signed.

    OpenSSL takes the demand from the connection's first context and the anchors from the one it was switched to, so
    both need both.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    _show(context, (server.certificate, *server.chain), server.key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, clients)
    return context


def _trust(context: ssl.SSLContext, anchors: Iterable[Certificate]) -> None:
    context.load_verify_locations(cadata=b"".join(map(make.pem, anchors)).decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT


def _show(context: ssl.SSLContext, chain: Iterable[Certificate], key: PrivateKey) -> None:
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _NO_ENCRYPTION)
    with private_file(b"".join(map(make.pem, chain)) + secret) as path:
        context.load_cert_chain(path)


@contextmanager
def private_file(data: bytes) -> Iterator[str]:
    """Give bytes a path for a moment, because OpenSSL's Python binding reads keys from files only.

    On Linux it is memory without a place in the file system, so that a read-only container needs no writable folder.
    """
    if sys.platform == "linux":
        descriptor = os.memfd_create("smdp-tls")
        path = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = tempfile.mkstemp(prefix="smdp-tls-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            yield path
    finally:
        if sys.platform != "linux":
            Path(path).unlink()
