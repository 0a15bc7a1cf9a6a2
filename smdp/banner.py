"""What a server says when it starts: where it is, who trusts it, and what to try next."""

from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smdp.server import Server

_EXAMPLE_EID = "89049032123451234512345678901235"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NAMES = "*.test, *.example.com, *.internal, private addresses"


def text(server: "Server") -> str:
    """Write the banner of a running server, at most 120 columns wide."""
    settings, parts = server.settings, server.parts
    address = settings.address or f"localhost:{server.device_port}"
    lines = [
        f"smdp {version('smdp')} · test carrier, not for production",
        f"  devices  https://{address:<29} also *.{settings.domain}, {_NAMES}",
        f"  control  http://localhost:{server.control_port}/api/v1",
        f"  trust    {_trust(server)}",
        "  next     smdp demo    or    smdp profile issue " + _EXAMPLE_EID,
    ]
    if server.plain_port is not None:
        lines.insert(2, f"  plain    http://localhost:{server.plain_port}  WITHOUT TLS: only behind a proxy")
    if parts.token is not None and not _LOOPBACK.issuperset(settings.host):
        lines.insert(3, f"  token    {parts.token}")
    if settings.database is None:
        lines.insert(-1, "  state    in memory, gone when this ends (SMDP_DATABASE=sqlite:///smdp.db keeps it)")
    return "\n".join(lines)


def _trust(server: "Server") -> str:
    anchor = next(iter(server.parts.pki.cis.values()))
    digest = sha256(anchor.der).hexdigest().upper()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, 8, 2))
    name = "the public test CI" if server.settings.pki == "public" else server.settings.pki
    return (
        f"{name} {fingerprint}:…    simulated devices trust it already; real iPhones accept live GSMA certificates only"
    )
