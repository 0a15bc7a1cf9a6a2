"""The name constraints of our CIs: what they may certify, so that trusting one cannot endanger real traffic.

They are not critical, since some TLS libraries of LPAs refuse a critical extension that they don't know, and they cover
DNS names and IP addresses, since a constraint on the one lets all of the other through (RFC 5280 §4.2.1.10).
"""

import ipaddress
import re
from collections.abc import Iterable

from cryptography import x509

from smdp.pki.errors import PkiError
from smdp.rsp.certs import Certificate

DNS_NAMES = (
    *("localhost", "smdp.localhost", "test", "example", "invalid", "internal", "local", "home.arpa", "smdp"),
    *("example.com", "example.net", "example.org"),
)
"""DNS names, with everything below them: they are reserved for tests, examples and local networks (RFC 2606, 6761)."""

NETWORKS = (
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
    *("::1/128", "fc00::/7", "fe80::/10"),
)
"""IP networks: loopback, private, link-local and shared addresses (RFC 1918, 3927, 4193, 4291, 6598)."""

_DNS_NAME = re.compile(r"(?!.{254})(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*", re.ASCII)


def is_dns_name(name: str) -> bool:
    """Say whether this has the form of a lower-case host name: labels of 1 to 63 characters, at most 253 in all."""
    return _DNS_NAME.fullmatch(name) is not None


def constraints(permit: Iterable[str] = ()) -> x509.NameConstraints:
    """Permit the test names and networks, and `permit` besides: DNS names, IP addresses or networks.

    Raises PkiError for anything that is neither.
    """
    permitted = [_general_name(name) for name in (*DNS_NAMES, *NETWORKS, *permit)]
    return x509.NameConstraints(permitted_subtrees=list(dict.fromkeys(permitted)), excluded_subtrees=None)


def permitted(certificate: Certificate) -> list[str]:
    """List the names and networks that a CI may certify; none if it has no name constraints, which permits all."""
    extensions = x509.load_der_x509_certificate(certificate.der).extensions
    try:
        found = extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    except x509.ExtensionNotFound:
        return []
    kinds = (x509.DNSName, x509.IPAddress)
    return [str(name.value) for name in found or () if isinstance(name, kinds)]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(name, strict=False))
    except ValueError:
        host = name.lower().removeprefix("*").removeprefix(".")
    if not is_dns_name(host):
        raise PkiError(
            "permit", f"{name[:64]!r} is neither a DNS name nor an IP network", "Write it like corp.example."
        )
    return x509.DNSName(host)
