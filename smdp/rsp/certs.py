"""Certificates: read one, and the rules of their profiles (SGP.22 §4.5.2, roles after Variant O and Ov3).

A rule is a sentence and a predicate, in the order in which it is checked; `eum_problem`, `euicc_problem` and
`server_problem` answer with the sentence of the first rule that fails. Validity in time is never part of them: an
expired certificate is not an invalid one (8.1.2/6.3 against 8.1.2/6.1), so `valid_at` stands alone.

Name constraints are checked by hand. {O, serialNumber} in an EUM certificate means "the eUICC's organization is equal,
and its EID begins with this", which is not what RFC 5280 means by a permitted subtree.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, TypedDict

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID, SignatureAlgorithmOID
from msgspec import Struct

from smdp.rsp.crypto import PublicKey, curve_name
from smdp.rsp.ids import is_eid
from smdp.rsp.tlv import Item, Malformed, items, only

MAX_CERTIFICATE_BYTES = 8192
"""Longest certificate that is read; the ones of RSP take 500 to 900 bytes."""

LIVE_CIS = frozenset(
    map(bytes.fromhex, ("81370F5125D0B1D408D4C3B232E6D25E795BEBFB", "4C27967AD20C14B391E9601E41E604AD57C0222F"))
)
"""Key identifiers of the GSMA's live CIs: an eUICC that knows these alone is a real device's."""

_REMEMBERED = 1024
_SHA256 = ec.ECDSA(hashes.SHA256())
_SEQUENCE, _PRINTABLE_STRING, _VERSION = 0x30, 0x13, 0xA0

_KEY_USAGE = ExtensionOID.KEY_USAGE.dotted_string
_BASIC_CONSTRAINTS = ExtensionOID.BASIC_CONSTRAINTS.dotted_string
_POLICIES = ExtensionOID.CERTIFICATE_POLICIES.dotted_string
_ALT_NAME = ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string
_NAME_CONSTRAINTS = ExtensionOID.NAME_CONSTRAINTS.dotted_string
_PERMITTED_EINS = "2.23.146.1.2.2.0"
_KNOWN_CRITICAL = frozenset({_KEY_USAGE, _BASIC_CONSTRAINTS, _POLICIES, _ALT_NAME, _NAME_CONSTRAINTS})


class Role(Enum):
    """What a certificate is for: the policy OIDs that say so, of Variant O and of the v3 variants (SGP.14)."""

    CI = ("2.23.146.1.2.1.0",)
    EUICC = ("2.23.146.1.2.1.1", "2.23.146.1.2.1.0.0.0.0.0")
    EUM = ("2.23.146.1.2.1.2", "2.23.146.1.2.1.0.0.0")
    DPTLS = ("2.23.146.1.2.1.3", "2.23.146.1.2.1.0.0.1.0")
    DPAUTH = ("2.23.146.1.2.1.4", "2.23.146.1.2.1.0.0.1.1")
    DPPB = ("2.23.146.1.2.1.5", "2.23.146.1.2.1.0.0.1.2")
    DSTLS = ("2.23.146.1.2.1.6", "2.23.146.1.2.1.0.0.2.0")
    DSAUTH = ("2.23.146.1.2.1.7", "2.23.146.1.2.1.0.0.2.1")


class Subtree(NamedTuple):
    """One permitted directoryName: the eUICC's organization, and the beginnings its EID may have."""

    organization: str
    eid_prefixes: tuple[str, ...]


class Certificate(Struct, frozen=True, eq=False, kw_only=True):
    """A certificate as RSP sees it; two are equal when their DER is.

    `ski` and `aki` are key identifiers (20 bytes in practice), `rid` is the registered id of the alternative name in
    dotted form, `policies` and `critical` hold dotted OIDs, `key_usage` the names of RFC 5280 that RSP asks for.
    """

    der: bytes
    tbs: bytes
    signature: bytes
    signature_algorithm: str
    organization: str | None
    serial_number: str | None
    common_name: str | None
    not_before: dt.datetime
    not_after: dt.datetime
    public_key: PublicKey
    curve: str
    ski: bytes | None = None
    aki: bytes | None = None
    policies: frozenset[str] = frozenset()
    key_usage: frozenset[str] = frozenset()
    ca: bool = False
    path_len: int | None = None
    rid: str | None = None
    dns_names: tuple[str, ...] = ()
    permitted: tuple[Subtree, ...] = ()
    critical: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<Certificate {self.common_name!r}, {self.curve}, key {(self.ski or b'').hex().upper()}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    @property
    def issuer(self) -> bytes:
        """The issuer's Name as DER."""
        return self._fields()[2].raw

    @property
    def subject(self) -> bytes:
        """The subject's Name as DER."""
        return self._fields()[4].raw

    @property
    def number(self) -> int:
        """The certificate's own serial number, by which a CRL names it; `serial_number` is its subject's."""
        return int.from_bytes(self._fields()[0].value, "big", signed=True)

    def _fields(self) -> list[Item]:
        """Split TBSCertificate behind its version: serial number, algorithm, issuer, validity, subject, key, …."""
        return [item for item in items(only(self.tbs, _SEQUENCE).value) if item.tag != _VERSION]

    def has_role(self, role: Role) -> bool:
        """Say whether the certificate policies name this role."""
        return not self.policies.isdisjoint(role.value)


# --- reading


@lru_cache(maxsize=_REMEMBERED)
def load(der: bytes) -> Certificate:
    """Read a certificate (DER, at most 8192 bytes); each is read once.

    Raises Malformed for anything that is not exactly one X.509 v3 certificate with a key on a curve of SGP.22.
    """
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise Malformed(f"a certificate of {len(der)} bytes is larger than {MAX_CERTIFICATE_BYTES}")
    try:
        return _read(der)
    except Malformed:
        raise
    except x509.DuplicateExtension as error:
        raise Malformed(f"it has an extension twice: {error.oid.dotted_string}") from None
    except Exception as error:  # the parser documents no complete list of what it raises
        raise Malformed("it is no readable X.509 certificate") from error


def _read(der: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Malformed("the certificate's key is no elliptic-curve key")
    names = _attributes(certificate.subject)
    return Certificate(
        der=der,
        tbs=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
        signature_algorithm=certificate.signature_algorithm_oid.dotted_string,
        organization=names.get(NameOID.ORGANIZATION_NAME),
        serial_number=names.get(NameOID.SERIAL_NUMBER),
        common_name=names.get(NameOID.COMMON_NAME),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        public_key=key,
        curve=curve_name(key),
        **_extensions(certificate.extensions),
    )


def _attributes(name: x509.Name) -> dict[x509.ObjectIdentifier, str]:
    found: dict[x509.ObjectIdentifier, str] = {}
    for attribute in name:
        if attribute.oid in found and attribute.oid in (NameOID.ORGANIZATION_NAME, NameOID.SERIAL_NUMBER):
            raise Malformed("a name has two organizations or two serial numbers")
        found.setdefault(attribute.oid, str(attribute.value))
    return found


class _Extensions(TypedDict, total=False):
    ski: bytes
    aki: bytes | None
    policies: frozenset[str]
    key_usage: frozenset[str]
    ca: bool
    path_len: int | None
    rid: str | None
    dns_names: tuple[str, ...]
    permitted: tuple[Subtree, ...]
    critical: frozenset[str]


def _extensions(extensions: x509.Extensions) -> _Extensions:
    """Collect what RSP asks of the extensions, as keyword arguments of Certificate."""
    found: _Extensions = {}
    organizations: list[tuple[str, str | None]] = []
    eins: tuple[str, ...] = ()
    for extension in extensions:
        match extension.value:
            case x509.SubjectKeyIdentifier() as value:
                found["ski"] = value.digest
            case x509.AuthorityKeyIdentifier() as value:
                found["aki"] = value.key_identifier
            case x509.KeyUsage() as value:
                found["key_usage"] = frozenset(_usages(value))
            case x509.BasicConstraints() as value:
                found["ca"], found["path_len"] = value.ca, value.path_length
            case x509.CertificatePolicies() as value:
                found["policies"] = frozenset(policy.policy_identifier.dotted_string for policy in value)
            case x509.SubjectAlternativeName() as value:
                rids = value.get_values_for_type(x509.RegisteredID)
                found["rid"] = rids[0].dotted_string if rids else None
                found["dns_names"] = tuple(value.get_values_for_type(x509.DNSName))
            case x509.NameConstraints() as value:
                organizations = list(_directory_names(value))
            case x509.UnrecognizedExtension() as value if value.oid.dotted_string == _PERMITTED_EINS:
                eins = _permitted_eins(value.value)
    found["critical"] = frozenset(extension.oid.dotted_string for extension in extensions if extension.critical)
    found["permitted"] = _subtrees(organizations, eins)
    return found


def _usages(usage: x509.KeyUsage) -> Iterable[str]:
    if usage.digital_signature:
        yield "digitalSignature"
    if usage.key_cert_sign:
        yield "keyCertSign"
    if usage.crl_sign:
        yield "cRLSign"


def _directory_names(constraints: x509.NameConstraints) -> Iterable[tuple[str, str | None]]:
    for name in constraints.permitted_subtrees or ():
        if isinstance(name, x509.DirectoryName):
            attributes = _attributes(name.value)
            organization = attributes.get(NameOID.ORGANIZATION_NAME)
            if organization is not None:
                yield organization, attributes.get(NameOID.SERIAL_NUMBER)


def _permitted_eins(value: bytes) -> tuple[str, ...]:
    """Read permittedEins, SEQUENCE OF PrintableString (SGP.22 v3)."""
    eins = list(items(only(value, _SEQUENCE).value))
    if any(ein.tag != _PRINTABLE_STRING for ein in eins):
        raise Malformed("permittedEins holds something other than PrintableStrings")
    return tuple(ein.value.decode("ascii") for ein in eins)


def _subtrees(names: Iterable[tuple[str, str | None]], eins: tuple[str, ...]) -> tuple[Subtree, ...]:
    """Give each permitted organization its EID prefixes: its serialNumber (v2), else the permittedEins (v3)."""
    subtrees = (Subtree(organization, eins if serial is None else (serial,)) for organization, serial in names)
    return tuple(Subtree(organization, prefixes) for organization, prefixes in subtrees if all(prefixes) and prefixes)


# --- predicates


@lru_cache(maxsize=_REMEMBERED)
def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Say whether the issuer's key made the certificate's ECDSA-SHA256 signature; each pair is computed once."""
    if certificate.signature_algorithm != SignatureAlgorithmOID.ECDSA_WITH_SHA256.dotted_string:
        return False
    try:
        issuer.public_key.verify(certificate.signature, certificate.tbs, _SHA256)
    except InvalidSignature:
        return False
    return True


def valid_at(certificate: Certificate, now: dt.datetime) -> bool:
    """Say whether an aware datetime lies in the certificate's validity, both ends included (RFC 5280 §4.1.2.5)."""
    return certificate.not_before <= now <= certificate.not_after


class Rule(NamedTuple):
    """A rule about a certificate and its issuer: the sentence that is true when `holds` says False."""

    problem: str
    holds: Callable[[Certificate, Certificate], bool]


def _critical(certificate: Certificate, extension: str) -> bool:
    return extension in certificate.critical


def _pathlen_fits(eum: Certificate) -> bool:
    """Allow 0, since an EUM signs eUICCs directly, and for a v3 EUM, which may have a SubCA below, 1 (SGP.26 v3)."""
    longest = 0 if Role.EUM.value[0] in eum.policies else 1
    return eum.path_len is not None and eum.path_len <= longest


def _within_constraints(euicc: Certificate, eum: Certificate) -> bool:
    eid, organization = euicc.serial_number or "", euicc.organization
    return any(organization == tree.organization and eid.startswith(tree.eid_prefixes) for tree in eum.permitted)


def _organization_permitted(euicc: Certificate, eum: Certificate) -> bool:
    return any(euicc.organization == tree.organization for tree in eum.permitted)


_ISSUED: tuple[Rule, ...] = (
    Rule("its authority key identifier is not its issuer's key", lambda own, issuer: own.aki == issuer.ski is not None),
    Rule("its curve is not its issuer's", lambda own, issuer: own.curve == issuer.curve),
    Rule("its signature was not made by its issuer's key", signed_by),
    Rule("it has a critical extension that SGP.22 does not know", lambda own, _: own.critical <= _KNOWN_CRITICAL),
)

EUM_RULES: tuple[Rule, ...] = (
    *_ISSUED,
    Rule("its basicConstraints do not say that it is a CA", lambda eum, _: eum.ca),
    Rule("its basicConstraints are not critical", lambda eum, _: _critical(eum, _BASIC_CONSTRAINTS)),
    Rule("its pathLenConstraint is missing or too long", lambda eum, _: _pathlen_fits(eum)),
    Rule("its keyUsage lacks keyCertSign", lambda eum, _: "keyCertSign" in eum.key_usage),
    Rule("its keyUsage is not critical", lambda eum, _: _critical(eum, _KEY_USAGE)),
    Rule("its certificate policies do not say EUM", lambda eum, _: eum.has_role(Role.EUM)),
    Rule("its certificate policies are not critical", lambda eum, _: _critical(eum, _POLICIES)),
    Rule("its name constraints permit no organization with an EID prefix", lambda eum, _: bool(eum.permitted)),
    Rule("its name constraints are not critical", lambda eum, _: _critical(eum, _NAME_CONSTRAINTS)),
)

EUICC_RULES: tuple[Rule, ...] = (
    *_ISSUED,
    Rule("it says that it is a CA", lambda euicc, _: not euicc.ca),
    Rule("its keyUsage lacks digitalSignature", lambda euicc, _: "digitalSignature" in euicc.key_usage),
    Rule("its keyUsage is not critical", lambda euicc, _: _critical(euicc, _KEY_USAGE)),
    Rule("its certificate policies do not say eUICC", lambda euicc, _: euicc.has_role(Role.EUICC)),
    Rule("its certificate policies are not critical", lambda euicc, _: _critical(euicc, _POLICIES)),
    Rule("its serialNumber is no EID of 32 digits", lambda euicc, _: is_eid(euicc.serial_number or "")),
    Rule("its organization is not one that the EUM may certify", _organization_permitted),
    Rule("its EID does not begin as the EUM's name constraints demand", _within_constraints),
)


def _server_rules(role: Role) -> tuple[Rule, ...]:
    name = {Role.DPAUTH: "DPauth", Role.DPPB: "DPpb", Role.DSAUTH: "DSauth"}[role]
    return (
        *_ISSUED,
        Rule("it says that it is a CA", lambda own, _: not own.ca),
        Rule("its keyUsage lacks digitalSignature", lambda own, _: "digitalSignature" in own.key_usage),
        Rule("its keyUsage is not critical", lambda own, _: _critical(own, _KEY_USAGE)),
        Rule(f"its certificate policies do not say {name}", lambda own, _: own.has_role(role)),
        Rule("its certificate policies are not critical", lambda own, _: _critical(own, _POLICIES)),
        Rule("its alternative name has no registered id", lambda own, _: own.rid is not None),
    )


SERVER_RULES: dict[Role, tuple[Rule, ...]] = {
    role: _server_rules(role) for role in (Role.DPAUTH, Role.DPPB, Role.DSAUTH)
}


def _problem(rules: tuple[Rule, ...], certificate: Certificate, issuer: Certificate) -> str | None:
    return next((rule.problem for rule in rules if not rule.holds(certificate, issuer)), None)


@lru_cache(maxsize=_REMEMBERED)
def eum_problem(eum: Certificate, ci: Certificate) -> str | None:
    """Say which rule of the EUM profile fails under this CI, None if none does (SGP.22 §4.5.2.1.0.2)."""
    return _problem(EUM_RULES, eum, ci)


@lru_cache(maxsize=_REMEMBERED)
def euicc_problem(euicc: Certificate, eum: Certificate) -> str | None:
    """Say which rule of the eUICC profile fails under this EUM, None if none does (SGP.22 §4.5.2.1.0.3)."""
    return _problem(EUICC_RULES, euicc, eum)


def server_problem(certificate: Certificate, ci: Certificate, role: Role) -> str | None:
    """Say which rule of the DPauth, DPpb or DSauth profile fails under this CI, None if none does (SGP.22 §4.5.2.1)."""
    return _problem(SERVER_RULES[role], certificate, ci)
