"""What a server says when it starts, in 80 columns: where it is, who trusts it, and what to try next."""

from hashlib import sha256
from importlib.metadata import version

from smdp.http.app import Parts
from smdp.settings import ROWS

_EXAMPLE_EID = "89049032123451234512345678901235"


def text(parts: Parts, device_port: int, control_port: int, plain_port: int | None) -> str:
    """Write the banner of a running server."""
    settings = parts.settings
    address = settings.address or f"localhost:{device_port}"
    rows = [
        ("devices", f"https://{address}"),
        ("", f"also *.{settings.domain}, {_names(parts)}"),
        ("control", f"http://localhost:{control_port}/api/v1"),
        ("trust", f"{_anchor(parts)}; simulated devices have it,"),
        ("", "real iPhones accept live GSMA certificates only"),
    ]
    if plain_port is not None:
        rows.insert(2, ("plain", f"http://localhost:{plain_port}, WITHOUT TLS: only behind a proxy"))
    if parts.token is not None and settings.control_token is None:
        rows.insert(-2, ("token", f"{parts.token} (commands: SMDP_CONTROL_TOKEN)"))
    if settings.database is None:
        rows.append(("state", "in memory, gone when this ends (--database sqlite:///smdp.db: kept)"))
    rows.append(("next", _next(control_port)))
    lines = [f"smdp {version('smdp')} · test carrier, not for production"]
    return "\n".join([*lines, *(f"  {name:<8} {words}" for name, words in rows)])


def _names(parts: Parts) -> str:
    """Say which other names and addresses devices may know the server by."""
    if parts.settings.pki == "public":
        return "*.test, *.example.com, private addresses"
    return "and what the PKI permits"


def _anchor(parts: Parts) -> str:
    anchor = next(iter(parts.pki.cis.values()))
    digest = sha256(anchor.der).hexdigest().upper()
    fingerprint = ":".join(digest[at : at + 2] for at in range(0, 8, 2))
    name = "the public test CI" if parts.settings.pki == "public" else parts.settings.pki
    return f"{name} {fingerprint}:…"


def _next(control_port: int) -> str:
    """Say what to try; commands have to be told of a control API that is not where they look."""
    if control_port == ROWS["control_port"].default:
        return f"smdp demo  or  smdp profile issue {_EXAMPLE_EID}"
    return f"smdp --url http://localhost:{control_port} device new"
