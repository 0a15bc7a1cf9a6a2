"""The certificate profiles of Variant O (SGP.14, SGP.26): what a certificate of each role contains, and its issuing.

Every signature is deterministic (RFC 6979), so equal inputs give equal certificates.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from smdp.pki import keys
from smdp.pki.keys import KeySource
from smdp.rsp.certs import Certificate, Role, load
from smdp.rsp.crypto import PrivateKey, PublicKey
from smdp.rsp.server.security import Credential

RID_CI, RID_EUM, RID_DP, RID_DS, RID_OPERATOR = "2.999.1", "2.999.5", "2.999.10", "2.999.15", "2.999.20"
"""Registered ids of our test PKIs, below the arc that is reserved for examples."""

OPERATOR = "test.operator.com"
"""Common name of the ES2+ client certificate: the functionRequesterIdentifier of the operator it belongs to."""

EUM_ORGANIZATION = "smdp TEST EUM"
CRL_BASE = "http://smdp.localhost:8080/crl/"

Validity = tuple[dt.datetime, dt.datetime]
ALWAYS: Validity = (dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC))

_LONGEST_COMMON_NAME = 64
_SHORT = {"P-256": "p256", "brainpoolP256r1": "brainpool"}
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "CN": NameOID.COMMON_NAME,
}

_Extension = tuple[x509.ExtensionType, bool]  # and whether it is critical


def stem(kind: str, curve: str) -> str:
    """Name a certificate after its kind and curve: its file's name without suffix, and the label of its key."""
    return f"{kind}-{_SHORT[curve]}"


# --- certification authorities


def ci(source: KeySource, curve: str, constraints: x509.NameConstraints) -> Credential:
    """Make a CI: self-signed, RID 2.999.1, restricted by non-critical name constraints."""
    private = keys.key(source, stem("ci", curve), curve)
    return Credential(_ci_certificate(source, private, private, None, curve, constraints), private)


def cross_ci(
    source: KeySource, subject: Credential, issuer: Credential, constraints: x509.NameConstraints
) -> Credential:
    """Certify a CI's name and key by another CI, for those who trust only the other one."""
    curve = subject.certificate.curve
    return Credential(
        _ci_certificate(source, subject.key, issuer.key, issuer.certificate, curve, constraints), subject.key
    )


def _ci_certificate(
    source: KeySource,
    subject: PrivateKey,
    signer: PrivateKey,
    issuer: Certificate | None,
    curve: str,
    constraints: x509.NameConstraints,
) -> Certificate:
    label = stem("ci", curve)
    return _issue(
        _name(C="ZZ", O="smdp TEST", OU="TESTCERT", CN=f"smdp TEST CI {curve}"),
        subject.public_key(),
        signer,
        issuer,
        keys.serial(source, label if issuer is None else f"{label} by {issuer.curve}"),
        [
            (x509.BasicConstraints(ca=True, path_length=None), True),
            _usage("key_cert_sign", "crl_sign"),
            _role(Role.CI),
            _alternative_names(RID_CI),
            (constraints, False),
            _crl(CRL_BASE + (label if issuer is None else stem("ci", issuer.curve)) + ".crl"),
        ],
    )


def eum(source: KeySource, issuer: Credential, eid_prefixes: Sequence[str]) -> Credential:
    """Make an EUM that may certify EIDs with these beginnings, one permitted subtree each."""
    curve = issuer.certificate.curve
    trees = [x509.DirectoryName(_name(O=EUM_ORGANIZATION, serialNumber=prefix)) for prefix in eid_prefixes]
    return _issue_new(
        source,
        stem("eum", curve),
        curve,
        _name(C="ZZ", O=EUM_ORGANIZATION, CN="smdp TEST EUM"),
        issuer,
        [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            _usage("key_cert_sign"),
            _role(Role.EUM),
            _alternative_names(RID_EUM),
            (x509.NameConstraints(permitted_subtrees=trees, excluded_subtrees=None), True),
            *_crl_of(issuer.certificate),
        ],
    )


def tls_root(source: KeySource, constraints: x509.NameConstraints) -> Credential:
    """Make a root for TLS alone, for a PKI whose CI keys are not at hand."""
    private = keys.key(source, "tls root", "P-256")
    certificate = _issue(
        _name(C="ZZ", O="smdp TEST", OU="TESTCERT", CN="smdp TEST TLS root"),
        private.public_key(),
        private,
        None,
        keys.serial(source, "tls root"),
        [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            _usage("key_cert_sign", "crl_sign"),
            (constraints, False),
        ],
    )
    return Credential(certificate, private)


# --- end entities


def server(source: KeySource, issuer: Credential, role: Role) -> Credential:
    """Make a DPauth, DPpb or DSauth certificate; the first two share a RID, as a pair must (SGP.22 §4.5.2)."""
    curve = issuer.certificate.curve
    name, rid = ("SM-DS", RID_DS) if role is Role.DSAUTH else ("SM-DP+", RID_DP)
    return _issue_new(
        source,
        stem(role.name.lower(), curve),
        curve,
        _name(C="ZZ", O="smdp TEST", CN=f"smdp TEST {name}"),
        issuer,
        [_usage("digital_signature"), _role(role), _alternative_names(rid), *_crl_of(issuer.certificate)],
    )


def euicc(source: KeySource, issuer: Credential, eid: str) -> Credential:
    """Make the certificate of the eUICC with this EID, under the organization that its EUM permits."""
    trees = issuer.certificate.permitted
    organization = next((tree.organization for tree in trees if eid.startswith(tree.eid_prefixes)), EUM_ORGANIZATION)
    return _issue_new(
        source,
        f"euicc {eid}",
        issuer.certificate.curve,
        _name(C="ZZ", O=organization, serialNumber=eid, CN="smdp TEST eUICC"),
        issuer,
        [_usage("digital_signature"), _role(Role.EUICC)],
    )


def operator(source: KeySource, issuer: Credential) -> Credential:
    """Make an operator's ES2+ client certificate.

    Its common name is the operator's identity. The alternative name holds another, permitted name, because a common
    name that looks like a host is checked against the CI's constraints where there is no DNS name.
    """
    return _issue_new(
        source,
        "operator",
        issuer.certificate.curve,
        _name(C="ZZ", O="smdp TEST operator", CN=OPERATOR),
        issuer,
        [
            _usage("digital_signature"),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), True),
            _alternative_names(RID_OPERATOR, dns=["operator.test"]),
            *_crl_of(issuer.certificate),
        ],
    )


def tls(issuer: Credential, key: PublicKey, names: Sequence[str], validity: Validity, serial: int) -> Certificate:
    """Make a DPtls certificate for host names and IP addresses.

    The common name is the first host name; where there is none it must not look like one, or the CI's name constraints
    would be applied to it.
    """
    addresses = [address for address in map(_address, names) if address is not None]
    hosts = [name for name in names if _address(name) is None]
    common = hosts[0] if hosts and len(hosts[0]) <= _LONGEST_COMMON_NAME else "smdp TEST TLS"
    return _issue(
        _name(C="ZZ", O="smdp TEST", CN=common),
        key,
        issuer.key,
        issuer.certificate,
        serial,
        [
            _usage("digital_signature"),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), True),
            (_role(Role.DPTLS)[0], False),
            _alternative_names(RID_DP, dns=hosts, addresses=addresses),
            *_crl_of(issuer.certificate),
        ],
        validity,
    )


# --- issuing


def _issue_new(
    source: KeySource, label: str, curve: str, subject: x509.Name, issuer: Credential, extensions: list[_Extension]
) -> Credential:
    private = keys.key(source, label, curve)
    serial = keys.serial(source, label)
    return Credential(
        _issue(subject, private.public_key(), issuer.key, issuer.certificate, serial, extensions), private
    )


def _issue(
    subject: x509.Name,
    key: PublicKey,
    signer: PrivateKey,
    issuer: Certificate | None,
    serial: int,
    extensions: Iterable[_Extension],
    validity: Validity = ALWAYS,
) -> Certificate:
    """Sign a certificate; without issuer it is self-signed and has no authority key identifier."""
    builder = x509.CertificateBuilder(
        issuer_name=subject if issuer is None else _x509(issuer).subject,
        subject_name=subject,
        public_key=key,
        serial_number=serial,
        not_valid_before=validity[0].replace(tzinfo=None),
        not_valid_after=validity[1].replace(tzinfo=None),
    )
    if issuer is not None:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(issuer.ski, None, None), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(signer, hashes.SHA256(), ecdsa_deterministic=True)
    return load(certificate.public_bytes(serialization.Encoding.DER))


def _x509(certificate: Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.der)


def _name(**attributes: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[short], value) for short, value in attributes.items()])


def _usage(*usages: str) -> _Extension:
    return x509.KeyUsage(**{usage: usage in usages for usage in _USAGES}), True


def _role(role: Role) -> _Extension:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(role.value[0]), None)]), True


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _alternative_names(
    rid: str,
    dns: Iterable[str] = (),
    addresses: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address] = (),
) -> _Extension:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
    names += [x509.IPAddress(address) for address in addresses]
    return x509.SubjectAlternativeName([*names, x509.RegisteredID(x509.ObjectIdentifier(rid))]), False


def _crl(url: str) -> _Extension:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point]), False


def _crl_of(issuer: Certificate) -> list[_Extension]:
    """Repeat where a CI publishes its CRL, if it says so: what it issues is revoked there as well."""
    try:
        points = _x509(issuer).extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return []
    return [(points.value, False)]
