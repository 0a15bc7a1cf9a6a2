"""The certificates and keys a server works with, and how it picks among them (SGP.22 §4.5.2, §5.6.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from smdp.rsp.certs import Certificate
from smdp.rsp.crypto import PrivateKey, curve_name


class Credential(NamedTuple):
    """A certificate and its private key."""

    certificate: Certificate
    key: PrivateKey

    def __repr__(self) -> str:
        """Show the certificate, keep the key out of logs."""
        return f"Credential({self.certificate!r})"


class Identity(NamedTuple):
    """Who an SM-DP+ (and its SM-DS, if there is one) is under one CI; DPauth and DPpb have the same registered id."""

    dpauth: Credential
    dppb: Credential
    dsauth: Credential | None = None

    @property
    def oid(self) -> str:
        """The server's OID: the registered id in both certificates."""
        return self.dpauth.certificate.rid or ""

    @property
    def curve(self) -> str:
        """The curve of one-time keys: the one of CERT.DPpb."""
        return curve_name(self.dppb.key)


@dataclass(frozen=True, slots=True)
class Security:
    """The CIs a server trusts and what it is under each of them, by CI public key identifier (20 bytes).

    `revoked` is what the CIs' CRLs name: the issuer's key identifier (20 bytes), and the certificate's serial number.
    """

    cis: Mapping[bytes, Certificate]
    identities: Mapping[bytes, Identity]
    revoked: frozenset[tuple[bytes, int]] = frozenset()

    def is_revoked(self, certificate: Certificate) -> bool:
        """Say whether a CRL of its CI names this certificate."""
        return bool(self.revoked) and (certificate.aki or b"", certificate.number) in self.revoked

    def signing_ci(self, wanted: Iterable[bytes]) -> bytes | None:
        """Pick euiccCiPKIdToBeUsed: the first of the eUICC's list that this server trusts."""
        return next((ci for ci in wanted if ci in self.cis), None)

    def server_ci(self, wanted: Iterable[bytes]) -> bytes | None:
        """Pick the CI of CERT.DPauth: the first of the eUICC's list under which this server is somebody."""
        return next((ci for ci in wanted if ci in self.identities), None)
