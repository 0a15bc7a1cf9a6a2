"""What a failed TLS handshake means for a device, in one table: the slug, why, and what to do."""

import re
from typing import NamedTuple

from smdp.carrier import journal
from smdp.carrier.scope import Scope
from smdp.model import Event
from smdp.rsp.server.session import Happening


class TlsFailure(NamedTuple):
    """Why a handshake failed: the name that was asked for, the client's alert if it sent one, and the sentences."""

    name: str | None
    alert: str | None
    reason: str
    because: str
    fix: str


_TRUST = (
    "Give the client our CI as a trust anchor: smdp ca, or /ca.pem of the control API. "
    "A real iPhone accepts live GSMA certificates only, whatever is installed on it: use a simulated device "
    "(smdp device new)."
)
_TABLE: tuple[tuple[str, str, str, str], ...] = (
    (
        "unknown ca|bad certificate|certificate unknown|unsupported certificate|bad certificate .*",
        "tls-not-trusted",
        "The client does not trust the server's certificate for {name}.",
        _TRUST,
    ),
    (
        "hung up",
        "tls-not-trusted",
        "The client hung up when it saw the server's certificate for {name}, as many do that don't trust it.",
        _TRUST,
    ),
    (
        "certificate expired|certificate revoked",
        "tls-certificate-expired",
        "The client finds the server's certificate for {name} expired or revoked.",
        "Compare the client's clock with the server's: TLS goes by the real time.",
    ),
    (
        "unsupported protocol|version too low|protocol version|.*downgrade.*",
        "tls-too-old",
        "The client speaks no TLS that is new enough: TLS 1.2 is the oldest here (SGP.22 §6.1).",
        "Let the client offer TLS 1.2 or 1.3.",
    ),
    (
        "http request|https proxy request",
        "plain-http",
        "The client spoke plain HTTP on the port for TLS.",
        "Use https:// in the URL; behind a proxy that ends TLS, use the plain port (--plain-port).",
    ),
    (
        "no shared .*|no suitable .*|handshake failure|insufficient security|no ciphers .*",
        "tls-no-common-cipher",
        "The client and the server have no cipher, curve or signature algorithm in common.",
        "Let the client offer ECDHE-ECDSA with P-256 and SHA-256 (SGP.22 §6.1).",
    ),
    (
        "unrecognized name|access denied|internal error|user canceled|close notify",
        "tls-broken-off",
        "The client broke the handshake off: {text}.",
        "Look at the client's log.",
    ),
    (
        "wrong version number|unexpected message|.*length.*|packet .*|bad .*|decode error|.*record.*",
        "not-tls",
        "What came on the port for TLS is no TLS: {text}.",
        "Use https:// and the port for devices; the control API has its own.",
    ),
)
_OTHER = ("", "tls-failed", "The TLS handshake failed: {text}.", "Look at the client's log.")
_ALERT = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_ALERT_(\w+)", re.ASCII)
_NOT_PERMITTED = "tls-name-not-permitted"
_MAX_NAME = 100


def explain(name: str | None, openssl: str, *, permitted: bool = True) -> TlsFailure:
    """Explain OpenSSL's name of a reason; `permitted` says whether our CI may certify the name that was asked for."""
    match = _ALERT.fullmatch(openssl)
    text = (match[1] if match else openssl).replace("_", " ").lower()
    rows = (row for row in _TABLE if re.fullmatch(row[0], text))
    _, reason, because, fix = next(rows, _OTHER)
    if reason == "tls-not-trusted" and not permitted:
        reason = _NOT_PERMITTED
        because = "The test CI may not certify {name}, so a client that trusts it refuses the server all the same."
        fix = "Use a name that it permits (smdp pki show lists them), or make a PKI: smdp pki new DIR --permit NAME."
    shown = None if name is None else name[:_MAX_NAME]
    words = {"name": shown or "an address", "text": text}
    return TlsFailure(shown, text if match else None, reason, because.format_map(words), fix)


def tell(scope: Scope, failure: TlsFailure, count: int) -> list[Event]:
    """Append a failed handshake to the carrier's timeline: `count` alike ones since it was told last."""
    data = {name: value for name, value in failure._asdict().items() if value is not None}
    return journal.append(scope, [Happening(type="tls.failed", data=data | {"count": count})])
