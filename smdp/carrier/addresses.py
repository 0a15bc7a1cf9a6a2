"""Which name leads to which carrier, and which name a carrier tells (interfaces.md: host → carrier)."""

from dataclasses import dataclass

from smdp.model import Carrier
from smdp.rsp.ids import host_of

DEFAULT = "default"
"""The carrier of everybody who names no other."""
_HTTPS = 443
_SMDS = "smds"


@dataclass(slots=True)
class Addresses:
    """What the server is called: `domain` of the carriers, the device port, and the `address` that was set, if any.

    `port` is known once it is bound, so it may be set late.
    """

    domain: str = "smdp.localhost"
    port: int = 8443
    address: str | None = None

    def of(self, carrier: Carrier) -> str:
        """Return a carrier's address, `host` or `host:port`: its own, else one under the domain."""
        if carrier.address is not None:
            return carrier.address
        if carrier.name == DEFAULT:
            return self.address or _joined("localhost", self.port)
        return _joined(f"{carrier.name}.{self.domain}", self._port())

    def url(self, carrier: Carrier) -> str:
        """Return what an MDM puts into eSIMServerURL."""
        return f"https://{self.of(carrier)}"

    def sm_ds(self, carrier: Carrier) -> str:
        """Return the address of a carrier's discovery server: its own host if it has one, else under the domain."""
        host = carrier.smds_hosts[0] if carrier.smds_hosts else f"{_SMDS}.{carrier.name}.{self.domain}"
        return _joined(host, self._port())

    def label(self, host: str) -> str | None:
        """Return the carrier that a host (lower case, no port) names by its first label, None if it is not ours."""
        suffix = f".{self.domain}"
        if not host.endswith(suffix):
            return None
        labels = host.removesuffix(suffix).split(".")
        if labels[0] == _SMDS and len(labels) > 1:
            labels = labels[1:]
        return labels[0] if len(labels) == 1 else None

    def hosts(self, carrier: Carrier) -> frozenset[str]:
        """Return the names that a carrier answers to, lower case and without port."""
        names = {*carrier.hosts, self.of(carrier), f"{carrier.name}.{self.domain}"}
        if carrier.name == DEFAULT and self.address is not None:
            names.add(self.address)
        return frozenset(host_of(name) for name in names)

    def _port(self) -> int:
        if self.address is None:
            return self.port
        host, colon, port = self.address.rpartition(":")
        return int(port) if colon and port.isdecimal() and not host.endswith(":") else _HTTPS


def _joined(host: str, port: int) -> str:
    return host if port == _HTTPS else f"{host}:{port}"
