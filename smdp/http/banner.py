"""What a server says when it starts: where it is, who trusts it, and what to try next."""

from hashlib import sha256
from importlib.metadata import version

from smdp.http.app import Parts

_EXAMPLE_EID = "89049032123451234512345678901235"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NAMES = "*.test, *.example.com, *.internal, private addresses"


def text(parts: Parts, device_port: int, control_port: int, plain_port: int | None) -> str:
    """Write the banner of a running server."""
    settings = parts.settings
    address = settings.address or f"localhost:{device_port}"
    lines = [
        f"smdp {version('smdp')} · test carrier, not for production",
        f"  devices  https://{address:<29} also *.{settings.domain}, {_NAMES}",
        f"  control  http://localhost:{control_port}/api/v1",
        f"  trust    {_trust(parts)}",
        "  next     smdp demo    or    smdp profile issue " + _EXAMPLE_EID,
    ]
    if plain_port is not None:
        lines.insert(2, f"  plain    http://localhost:{plain_port}  WITHOUT TLS: only behind a proxy")
    if parts.token is not None and not _LOOPBACK.issuperset(settings.host):
        lines.insert(3, f"  token    {parts.token}")
    if settings.database is None:
        lines.insert(-1, "  state    in memory, gone when this ends (SMDP_DATABASE=sqlite:///smdp.db keeps it)")
    return "\n".join(lines)


def _trust(parts: Parts) -> str:
    anchor = next(iter(parts.pki.cis.values()))
    digest = sha256(anchor.der).hexdigest().upper()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, 8, 2))
    name = "the public test CI" if parts.settings.pki == "public" else parts.settings.pki
    return (
        f"{name} {fingerprint}:…    simulated devices trust it already; real iPhones accept live GSMA certificates only"
    )
