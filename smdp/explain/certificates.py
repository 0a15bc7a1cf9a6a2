"""Certificates: whose they are, for what, under whom, and what is wrong with them."""

import re
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from smdp.explain.words import Explanation, lines
from smdp.pki import load as pki
from smdp.rsp import certs
from smdp.rsp.certs import Certificate, Role, Subtree
from smdp.rsp.tlv import Malformed

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_MAX_CERTIFICATES = 20
_NAMES = {
    Role.CI: "the certificate issuer, root of everything (CERT.CI)",
    Role.EUICC: "an eUICC (CERT.EUICC)",
    Role.EUM: "an eUICC manufacturer (CERT.EUM)",
    Role.DPTLS: "an SM-DP+ for TLS (CERT.DP.TLS)",
    Role.DPAUTH: "an SM-DP+ for authentication (CERT.DPauth)",
    Role.DPPB: "an SM-DP+ for binding profiles (CERT.DPpb)",
    Role.DSTLS: "an SM-DS for TLS (CERT.DS.TLS)",
    Role.DSAUTH: "an SM-DS for authentication (CERT.DSauth)",
}


def whose(key_identifier: bytes) -> str:
    """Say which CI a key identifier is of, if it is one that is known."""
    if key_identifier in pki.LIVE_CIS:
        return " (a live GSMA CI)"
    known = pki.public().cis.get(key_identifier)
    return f" ({known.common_name}: the public test PKI)" if known else ""


def of_pem(data: bytes) -> Explanation:
    """Explain the certificates of a PEM text, each under the others."""
    blocks = _PEM.findall(data)[:_MAX_CERTIFICATES]
    found = []
    for block in blocks:
        try:
            found.append(x509.load_pem_x509_certificate(block).public_bytes(Encoding.DER))
        except (ValueError, UnsupportedAlgorithm):
            return Explanation(
                "certificate", "A certificate.", problems=["Its PEM can't be read: it is cut or changed."]
            )
    if len(found) == 1:
        return of_bytes(found[0])
    told = Explanation("certificates", f"{len(found)} certificates.")
    told.lines = [of_bytes(one, tuple(found)).as_line(str(place)) for place, one in enumerate(found, 1)]
    return told


def of_bytes(der: bytes, others: tuple[bytes, ...] = ()) -> Explanation:
    """Explain a certificate (DER), judged under `others` and the public test PKI."""
    try:
        own = certs.load(der)
    except Malformed as error:
        return _other(der, str(error))
    roles = [role for role in Role if own.has_role(role)]
    what = _NAMES[roles[0]] if roles else "a TLS server" if own.dns_names else "no role of SGP.22"
    told = Explanation("certificate", f"A certificate of {what}.")
    valid = f"{own.not_before:%Y-%m-%d} to {own.not_after:%Y-%m-%d}"
    told.lines = lines(
        (
            ("name", own.common_name),
            ("organization", own.organization),
            ("EID" if Role.EUICC in roles else "serial number", own.serial_number),
            ("curve", own.curve),
            ("valid", valid),
            ("key", own.ski and own.ski.hex().upper() + whose(own.ski)),
            ("issuer's key", own.aki and own.aki.hex().upper() + whose(own.aki)),
            ("OID", own.rid),
            ("DNS names", ", ".join(own.dns_names) or None),
            ("permits", "; ".join(_permitted(one) for one in own.permitted) or None),
        )
    )
    issuer = _issuer(own, others)
    if issuer is None:
        told.lines += lines((("signature", "not judged: its issuer is not at hand"),))
    told.problems = _problems(own, roles, issuer)
    return told


def _permitted(tree: Subtree) -> str:
    return f"eUICCs of {tree.organization} whose EID begins with {' or '.join(tree.eid_prefixes)}"


def _problems(own: Certificate, roles: list[Role], issuer: Certificate | None) -> list[str]:
    now = datetime.now(UTC)
    found = []
    if now < own.not_before:
        found.append("It is not valid yet.")
    elif now > own.not_after:
        found.append("It has expired.")
    if {own.ski, own.aki} & pki.LIVE_CIS:
        found.append("It belongs to the GSMA's live PKI, which no test server can have keys of.")
    if issuer is not None and (sentence := _broken(own, roles, issuer)):
        found.append(f"Under its issuer {issuer.common_name}, {sentence}.")
    return found


def _issuer(own: Certificate, others: tuple[bytes, ...]) -> Certificate | None:
    if own.ski is not None and own.aki in (None, own.ski) and own.ca:
        return own
    known = pki.public()
    for other in (*others, *(anchor.der for anchor in known.anchors), *(eum.certificate.der for eum in known.eums)):
        try:
            issuer = certs.load(other)
        except Malformed:
            continue
        if issuer.ski is not None and issuer.ski == own.aki:
            return issuer
    return None


def _broken(own: Certificate, roles: list[Role], issuer: Certificate) -> str | None:
    """Say which rule of its profile a certificate breaks under its issuer."""
    role = roles[0] if roles else None
    if role is Role.EUM:
        return certs.eum_problem(own, issuer)
    if role is Role.EUICC:
        return certs.euicc_problem(own, issuer)
    if role in certs.SERVER_RULES:
        return certs.server_problem(own, issuer, role)
    return None if certs.signed_by(own, issuer) else "its signature was not made by its issuer's key"


def _other(der: bytes, problem: str) -> Explanation:
    """Explain a certificate that is none of RSP: of an MDM server, perhaps."""
    told = Explanation("certificate", "A certificate, but none that SGP.22 knows.", problems=[_sentence(problem)])
    try:
        own = x509.load_der_x509_certificate(der[: certs.MAX_CERTIFICATE_BYTES])
        told.lines = lines(
            (
                ("subject", own.subject.rfc4514_string()),
                ("issuer", own.issuer.rfc4514_string()),
                ("valid", f"{own.not_valid_before_utc:%Y-%m-%d} to {own.not_valid_after_utc:%Y-%m-%d}"),
                ("key", type(own.public_key()).__name__.removesuffix("PublicKey").strip("_")),
            )
        )
    except (ValueError, UnsupportedAlgorithm):
        told.title = "Something that begins like a certificate."
    return told


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
