"""Put a PKI together from certificates and keys, wherever they come from, and say what became of each.

Certificates are told apart by policy OID, keys by public key, DPauth/DPpb pairs by RID. What is missing is minted where
the CI's key is at hand. A folder that chains to a live GSMA CI is refused: smdp is for tests.
"""

import datetime as dt
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

from cryptography.x509 import CertificateRevocationList as Crl
from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound, load_der_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from smdp.pki import folder as folders
from smdp.pki import keys, make, names, profiles, revocation
from smdp.pki.errors import PkiError
from smdp.pki.folder import Folder
from smdp.pki.model import Line, Pki
from smdp.rsp import certs
from smdp.rsp.certs import Certificate, Role
from smdp.rsp.crypto import curve_name, point_of
from smdp.rsp.server.security import Credential, Identity

LIVE_CIS = certs.LIVE_CIS
"""Key identifiers of the GSMA's live CIs: no real identity belongs into a test carrier."""


_SERVER_ROLES = (Role.DPAUTH, Role.DPPB, Role.DSAUTH)
_TLS_ROLES = (Role.DPTLS, Role.DSTLS)


@cache
def public() -> Pki:
    """Load the public test PKI that comes with smdp, once; its keys are derived, not read."""
    found = Folder()
    home = resources.files("smdp") / "certs"
    for entry in sorted(home.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".pem"):
            found.add(entry.name, entry.read_bytes())
    source = keys.Derived(keys.PUBLIC_SECRET)
    for name, certificate in found.certificates:
        key = keys.key(source, name.removesuffix(".pem"), certificate.curve)
        if point_of(key) == point_of(certificate.public_key):
            found.keys[point_of(key)] = (name, key)
    return assemble("public", found)


def load(directory: Path) -> Pki:
    """Load a folder: SGP.26's layout or any other, PEM or DER, with sub-folders.

    Raises PkiError if it cannot be read, chains to a live GSMA CI, or holds no identity that a server could use.
    """
    return assemble(str(directory), folders.read(directory))


def resolve(setting: str) -> Pki:
    """Load what the setting `pki` names: "public", or a folder. Raises PkiError as `load` does."""
    return public() if setting == "public" else load(Path(setting))


def assemble(name: str, found: Folder) -> Pki:
    """Put a PKI together from what was found; `name` stands for it in messages. Raises PkiError as `load` does."""
    for path, certificate in found.certificates:
        if {certificate.ski, certificate.aki} & LIVE_CIS:
            raise PkiError(
                f"{name}/{path}",
                "this certificate belongs to a live GSMA CI, and smdp is for tests only",
                "Take its file out of the folder; SGP.26 has test certificates, and `smdp pki new DIR` makes some.",
            )
    return _Assembly(name, found).build()


class _Assembly:
    """The work in progress: each step moves certificates from what was found to what is used."""

    def __init__(self, name: str, found: Folder) -> None:
        self.name = name
        self.found = found
        self.report = list(found.skipped)
        self.cis: dict[bytes, Certificate] = {}
        self.cross: list[Certificate] = []
        self.eums: dict[bytes, Certificate] = {}
        self.euiccs: dict[str, Credential] = {}
        self.servers: dict[tuple[bytes, Role], list[tuple[str, Credential]]] = {}
        self.tls: list[Credential] = []
        self.operators: list[Credential] = []
        self.crls: dict[bytes, tuple[Crl, ...]] = {}
        self.revoked: set[tuple[bytes, int]] = set()

    def build(self) -> Pki:
        """Sort the certificates, CIs first since all else hangs from them, then mint what is missing."""
        rest = self._take_cis(self.found.certificates)
        self._take_crls()
        rest = self._take_eums(rest)
        for path, certificate in rest:
            self._take(path, certificate)
        for path, key in self.found.orphans():
            self._skip(path, f"a private key on {curve_name(key)}, of none of these certificates")
        identities = self._identities()
        if not identities:
            raise PkiError(
                self.name,
                "no CI has a DPauth and a DPpb certificate with keys and the same RID, nor a key to mint them with",
                "`smdp pki show DIR` says why each file was skipped; `smdp pki new DIR` makes a complete PKI.",
                tuple(self.report),
            )
        eums = tuple(self._eums_with_keys())
        issuer, chain = self._tls_issuer(identities)
        roots = () if issuer.certificate in self.cis.values() else (issuer.certificate,)
        return Pki(
            name=self.name,
            cis=self.cis,
            identities=identities,
            eums=eums,
            euiccs=self.euiccs,
            operator=self._operator(),
            tls_issuer=issuer,
            tls_chain=chain,
            tls=tuple(self.tls),
            anchors=(*self.cis.values(), *roots),
            report=tuple(sorted(self.report, key=lambda line: (_ORDER[line.use], line.path))),
            ci_keys={ski: mine for ski, ci in self.cis.items() if (mine := self.found.key_of(ci)) is not None},
            crls=self.crls,
        )

    # --- sorting

    def _take_cis(self, certificates: Iterable[tuple[str, Certificate]]) -> list[tuple[str, Certificate]]:
        rest, crossed = [], []
        for path, certificate in certificates:
            if not (certificate.ca and certificate.has_role(Role.CI)):
                rest.append((path, certificate))
            elif certificate.ski is None or not certs.signed_by(certificate, certificate):
                crossed.append((path, certificate))
            else:
                self.cis[certificate.ski] = certificate
                self._used(path, certificate, f"CI {_hex(certificate.ski)}")
        for path, certificate in crossed:
            issuer = self.cis.get(certificate.aki or b"")
            if issuer is None or certificate.ski not in self.cis or not certs.signed_by(certificate, issuer):
                self._skip(path, "a CI that is neither self-signed nor certified by another CI of this folder")
            else:
                self.cross.append(certificate)
                self._used(
                    path, certificate, f"CI {_hex(certificate.ski)}, certified by CI {_hex(issuer.ski)}", key=False
                )
        self.cis = dict(sorted(self.cis.items(), key=lambda ci: ci[1].curve != "P-256"))
        return rest

    def _take_crls(self) -> None:
        for path, crl in self.found.crls:
            ski = next((ski for ski, ci in self.cis.items() if revocation.issued(crl, ci)), None)
            if ski is None:
                self._skip(path, "a CRL that no CI of this folder signed")
                continue
            self.crls[ski] = (*self.crls.get(ski, ()), crl)
            self.revoked |= {(ski, entry.serial_number) for entry in crl}
            self.report.append(Line(path, "used", f"CRL of CI {_hex(ski)}, {len(crl)} revoked"))

    def _take_eums(self, certificates: Iterable[tuple[str, Certificate]]) -> list[tuple[str, Certificate]]:
        rest = []
        for path, certificate in certificates:
            if not certificate.has_role(Role.EUM):
                rest.append((path, certificate))
                continue
            ci = self._issuer(path, certificate, self.cis)
            if ci is None:
                continue
            problem = certs.eum_problem(certificate, ci)
            if problem is not None or certificate.ski is None:
                self._skip(path, f"an EUM certificate, but {problem or 'it has no subject key identifier'}")
                continue
            self.eums[certificate.ski] = certificate
            prefixes = ", ".join(prefix for tree in certificate.permitted for prefix in tree.eid_prefixes)
            self._used(path, certificate, f"EUM for EIDs that begin with {prefixes}")
        return rest

    def _take(self, path: str, certificate: Certificate) -> None:
        role = next((role for role in Role if certificate.has_role(role)), None)
        if role is Role.EUICC:
            self._take_euicc(path, certificate)
        elif role in _SERVER_ROLES:
            self._take_server(path, certificate, role)
        elif role in _TLS_ROLES or (role is None and _extended_usages(certificate)):
            self._take_tls(path, certificate)
        else:
            self._skip(path, "its policies and extended key usages name no role that smdp knows")

    def _take_euicc(self, path: str, certificate: Certificate) -> None:
        eum = self._issuer(path, certificate, self.eums)
        if eum is None:
            return
        problem = certs.euicc_problem(certificate, eum)
        credential = self._credential(certificate)
        if problem is not None:
            self._skip(path, f"an eUICC certificate, but {problem}")
        elif credential is None:
            self._skip(path, "an eUICC certificate without its private key")
        else:
            self.euiccs[str(certificate.serial_number)] = credential
            self._used(path, certificate, f"eUICC {certificate.serial_number}")

    def _take_server(self, path: str, certificate: Certificate, role: Role) -> None:
        ci = self._issuer(path, certificate, self.cis)
        if ci is None or ci.ski is None:
            return
        name = _NAMES[role]
        problem = certs.server_problem(certificate, ci, role)
        credential = self._credential(certificate)
        if problem is not None:
            self._skip(path, f"a {name} certificate, but {problem}")
        elif credential is None:
            self._skip(path, f"a {name} certificate without its private key")
        else:
            self.servers.setdefault((ci.ski, role), []).append((path, credential))

    def _take_tls(self, path: str, certificate: Certificate) -> None:
        ci = self._issuer(path, certificate, self.cis)
        if ci is None:
            return
        usages = _extended_usages(certificate)
        credential = self._credential(certificate)
        if not certs.signed_by(certificate, ci):
            self._skip(path, "a TLS certificate that its CI did not sign")
        elif credential is None:
            self._skip(path, "a TLS certificate without its private key")
        elif not certs.valid_at(certificate, dt.datetime.now(dt.UTC)):
            self._skip(path, f"a TLS certificate that was valid until {certificate.not_after:%Y-%m-%d}")
        elif certificate.curve != "P-256":
            self._skip(path, "a TLS certificate on a curve that TLS 1.3 and most clients don't speak; P-256 is served")
        elif ExtendedKeyUsageOID.SERVER_AUTH in usages and certificate.dns_names:
            self.tls.append(credential)
            self._used(path, certificate, f"TLS for {', '.join(certificate.dns_names)}")
        elif ExtendedKeyUsageOID.CLIENT_AUTH in usages:
            self.operators.append(credential)
            self._used(path, certificate, f"ES2+ client certificate of {certificate.common_name}")
        else:
            self._skip(path, "a TLS certificate without a DNS name or without extended key usage")

    def _issuer(self, path: str, certificate: Certificate, issuers: dict[bytes, Certificate]) -> Certificate | None:
        issuer = issuers.get(certificate.aki or b"")
        if issuer is None:
            kind = "CI" if issuers is self.cis else "EUM"
            self._skip(path, f"no {kind} of this folder has its issuer's key identifier {_hex(certificate.aki)}")
        return issuer

    # --- choosing and minting

    def _identities(self) -> dict[bytes, Identity]:
        identities = {}
        for ski, ci in self.cis.items():
            identity = self._chosen(ski) or self._minted(ci)
            if identity is not None:
                identities[ski] = identity
            else:
                self._skip(f"CI {_hex(ski)}", "it is trusted, but there is no DPauth/DPpb pair under it, nor its key")
        return identities

    def _chosen(self, ski: bytes) -> Identity | None:
        """Choose the pair with the lowest RID, and the SM-DS likewise."""
        chosen: dict[Role, Credential] = {}
        auth, pb, ds = (self.servers.get((ski, role), []) for role in _SERVER_ROLES)
        paired = {_rid(c) for _, c in auth} & {_rid(c) for _, c in pb}
        rids = {Role.DPAUTH: min(paired, default=()), Role.DPPB: min(paired, default=())}
        rids[Role.DSAUTH] = min((_rid(c) for _, c in ds), default=())
        for role in _SERVER_ROLES:
            for path, credential in self.servers.get((ski, role), []):
                if role not in chosen and _rid(credential) == rids[role]:
                    chosen[role] = credential
                    self._used(path, credential.certificate, f"{_NAMES[role]} {credential.certificate.rid}")
                elif rids[role]:
                    self._skip(path, f"another {_NAMES[role]} certificate is used under this CI")
                else:
                    self._skip(path, f"a {_NAMES[role]} certificate without a partner that has the same RID")
        if not paired:
            return None
        return Identity(chosen[Role.DPAUTH], chosen[Role.DPPB], chosen.get(Role.DSAUTH) or self._mint_server(ski))

    def _mint_server(self, ski: bytes) -> Credential | None:
        ci = self._credential(self.cis[ski])
        if ci is None:
            return None
        self._mint(f"DSauth under CI {_hex(ski)}", "the folder has none with its key")
        return profiles.server(keys.Derived(ci.key), ci, Role.DSAUTH)

    def _minted(self, ci: Certificate) -> Identity | None:
        issuer = self._credential(ci)
        if issuer is None:
            return None
        self._mint(f"DPauth, DPpb, DSauth under CI {_hex(ci.ski)}", "the folder has no pair with keys")
        source = keys.Derived(issuer.key)
        return Identity(*(profiles.server(source, issuer, role) for role in _SERVER_ROLES))

    def _eums_with_keys(self) -> Iterable[Credential]:
        for ski, ci in self.cis.items():
            eums = [self._credential(eum) for eum in self.eums.values() if eum.aki == ski]
            ready = [eum for eum in eums if eum is not None]
            issuer = self._credential(ci)
            if ready:
                yield from ready
            elif issuer is not None:
                self._mint(f"EUM under CI {_hex(ski)}", "the folder has none with its key")
                yield profiles.eum(keys.Derived(issuer.key), issuer, make.ALL_EID_PREFIXES)
            else:
                self._skip(f"CI {_hex(ski)}", "it is trusted, but no eUICC can be made: neither EUM key nor CI key")

    def _operator(self) -> Credential | None:
        if self.operators:
            return self.operators[0]
        issuers = [self._credential(ci) for ci in self.cis.values()]
        issuer = next((issuer for issuer in issuers if issuer is not None), None)
        if issuer is None:
            return None
        self._mint(f"ES2+ client certificate of {profiles.OPERATOR}", "the folder has none with its key")
        return profiles.operator(keys.Derived(issuer.key), issuer)

    def _tls_issuer(self, identities: dict[bytes, Identity]) -> tuple[Credential, tuple[Certificate, ...]]:
        """Choose who signs TLS leaves: a CI on P-256, which every TLS stack knows, else any, else a root of our own."""
        issuers = [self._credential(ci) for ci in self.cis.values()]
        ready = sorted((ci for ci in issuers if ci is not None), key=lambda ci: ci.certificate.curve != "P-256")
        if ready:
            ski = ready[0].certificate.ski
            return ready[0], tuple(cross for cross in self.cross if cross.ski == ski)
        secret = next(iter(identities.values())).dpauth.key
        self._mint("TLS root", "no CI key is here to sign TLS certificates; clients must trust this root as well")
        return profiles.tls_root(keys.Derived(secret), names.constraints()), ()

    # --- helpers

    def _credential(self, certificate: Certificate) -> Credential | None:
        key = self.found.key_of(certificate)
        return None if key is None else Credential(certificate, key)

    def _used(self, path: str, certificate: Certificate, what: str, *, key: bool = True) -> None:
        missing = "" if not key or self.found.key_of(certificate) else ", without its key"
        expiry = f"until {certificate.not_after:%Y-%m-%d}"
        if (certificate.aki, certificate.number) in self.revoked:
            missing += ", revoked"
        self.report.append(Line(path, "used", f"{what}, {certificate.curve}, {expiry}{missing}"))

    def _skip(self, path: str, why: str) -> None:
        self.report.append(Line(path, "skipped", why))

    def _mint(self, what: str, why: str) -> None:
        self.report.append(Line(what, "minted", why))


_ORDER = {"used": 0, "minted": 1, "skipped": 2}
_NAMES = {Role.DPAUTH: "DPauth", Role.DPPB: "DPpb", Role.DSAUTH: "DSauth"}


def _rid(credential: Credential) -> tuple[int, ...]:
    """Return a RID as numbers, so that 2.999.9 comes before 2.999.10."""
    return tuple(map(int, (credential.certificate.rid or "").split(".")))


def _hex(key_identifier: bytes | None) -> str:
    return key_identifier.hex().upper() if key_identifier else "(none)"


def _extended_usages(certificate: Certificate) -> list[object]:
    extensions = load_der_x509_certificate(certificate.der).extensions
    try:
        return list(extensions.get_extension_for_class(ExtendedKeyUsage).value)
    except ExtensionNotFound:
        return []
