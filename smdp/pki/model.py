"""What a PKI is to the rest of smdp: trust anchors, identities with their keys, and how it was put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from cryptography.x509 import CertificateRevocationList as Crl

from smdp.pki import keys, profiles
from smdp.pki.errors import PkiError
from smdp.rsp.certs import Certificate
from smdp.rsp.crypto import PrivateKey
from smdp.rsp.ids import is_eid
from smdp.rsp.server.security import Credential, Identity


class Line(NamedTuple):
    """One line of the report: a file (or what was minted), what became of it, and why or for what."""

    path: str
    use: Literal["used", "minted", "skipped"]
    why: str


@dataclass(frozen=True, slots=True)
class Pki:
    """A usable PKI.

    `cis` and `identities` are keyed by the CI's subject key identifier (20 bytes), as euiccCiPKIdListForVerification
    names them; there is an identity for at least one CI. `eums` are the EUMs whose keys are here, and `euiccs` eUICC
    certificates that came with keys, by EID. `tls_issuer` signs TLS leaves and `tls_chain` is sent behind them; `tls`
    are leaves that came with keys. `anchors` is what a client must trust to verify all of it. `ci_keys` are the CIs'
    own keys, where they are here, and `crls` the CRLs that came with the folder; both by the CI's key identifier.
    """

    name: str
    cis: Mapping[bytes, Certificate]
    identities: Mapping[bytes, Identity]
    eums: tuple[Credential, ...]
    euiccs: Mapping[str, Credential]
    operator: Credential | None
    tls_issuer: Credential
    tls_chain: tuple[Certificate, ...]
    tls: tuple[Credential, ...]
    anchors: tuple[Certificate, ...]
    report: tuple[Line, ...] = field(repr=False)
    ci_keys: Mapping[bytes, PrivateKey] = field(default_factory=dict, repr=False)
    crls: Mapping[bytes, tuple[Crl, ...]] = field(default_factory=dict, repr=False)

    @property
    def revoked(self) -> frozenset[tuple[bytes, int]]:
        """What the CRLs name: the CI's key identifier (20 bytes), and the certificate's serial number."""
        return frozenset((ci, entry.serial_number) for ci, crls in self.crls.items() for crl in crls for entry in crl)

    def ci(self, curve: str) -> Certificate:
        """Return the CI on "P-256" or "brainpoolP256r1". Raises PkiError if there is none."""
        for ci in self.cis.values():
            if ci.curve == curve:
                return ci
        raise PkiError(self.name, f"there is no CI on {curve}", "Use the public PKI, or `smdp pki new DIR`.")

    def eum_for(self, eid: str, curve: str) -> Credential:
        """Return the EUM on this curve that may certify this EID. Raises PkiError if there is none."""
        eums = [eum for eum in self.eums if eum.certificate.curve == curve]
        if not eums:
            raise PkiError(
                self.name,
                f"there is no EUM key on {curve}",
                "Add the EUM's key, or the CI's so that one can be minted.",
            )
        for eum in eums:
            if any(eid.startswith(tree.eid_prefixes) for tree in eum.certificate.permitted):
                return eum
        prefixes = ", ".join(p for eum in eums for tree in eum.certificate.permitted for p in tree.eid_prefixes)
        raise PkiError(
            self.name,
            f"the EUM may only certify EIDs that begin with {prefixes}, not {eid}",
            "Choose such an EID, or make a PKI that permits every EID with `smdp pki new DIR`.",
        )

    def mint_euicc(self, eid: str, curve: str) -> tuple[PrivateKey, bytes]:
        """Give the eUICC with this EID (32 digits) its key and its certificate (DER), always the same ones.

        They are derived from the EUM's key, so nothing has to be stored. Raises PkiError if no EUM may certify the EID.
        """
        if not is_eid(eid):
            raise PkiError(self.name, f"{eid[:64]!r} is no EID", "An EID has 32 decimal digits.")
        given = self.euiccs.get(eid)
        if given is not None and given.certificate.curve == curve:
            return given.key, given.certificate.der
        eum = self.eum_for(eid, curve)
        euicc = profiles.euicc(keys.Derived(eum.key), eum, eid)
        return euicc.key, euicc.certificate.der
