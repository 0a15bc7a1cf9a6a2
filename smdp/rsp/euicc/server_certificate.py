"""The checks that CERT.DPauth, CERT.DSauth and CERT.DPpb have in common (SGP.22 §4.5.2.2)."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from smdp.rsp import certs
from smdp.rsp.certs import Certificate, Role
from smdp.rsp.checks import Check
from smdp.rsp.codes import AuthenticateErrorCode, DownloadErrorCode
from smdp.rsp.euicc.commands import World
from smdp.rsp.tlv import Malformed


class ServerCertificate(Protocol):
    """A context with a certificate to judge: the curves and the roles it may have, and the CI it chains to."""

    world: World

    @property
    def curves(self) -> tuple[str, ...]:
        """The curves that are taken."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that are taken."""

    @property
    def certificate(self) -> Certificate:
        """The certificate, read. Raises Malformed."""

    @property
    def ci(self) -> Certificate:
        """The CI that its authority key identifier names. Raises Malformed if the eUICC does not know it."""

    def details(self) -> Mapping[str, object]:
        """The words of the sentences."""


C = TypeVar("C", bound=ServerCertificate)
_REISSUE = "Sign the certificate anew: smdp pki show DIR says what it must look like"


def role_of(context: ServerCertificate) -> Role:
    """Return the one of the allowed roles that the certificate has, else the first of them."""
    return next((role for role in context.roles if context.certificate.has_role(role)), context.roles[0])


def problem(context: ServerCertificate) -> str | None:
    """Return the first rule of the certificate's profile that fails."""
    return certs.server_problem(context.certificate, context.ci, role_of(context))


def readable(number: str, field: str, code: type[AuthenticateErrorCode | DownloadErrorCode]) -> tuple[Check[C], ...]:
    """Make the checks of the certificate by itself, numbered from `number` ("AS#3")."""
    name, first = _split(number)
    return (
        Check(
            id=f"{name}#{first}",
            clause="SGP.22 §4.5.2.2",
            field=field,
            code=code.INVALID_CERTIFICATE,
            reason="certificate-unreadable",
            why="The server's {certificate_name} is no readable certificate.",
            fix="Send one complete X.509 v3 certificate in DER.",
            holds=lambda context: bool(context.certificate.der),
        ),
        Check(
            id=f"{name}#{first + 1}",
            clause="SGP.22 §2.6.7",
            field=field,
            code=code.UNSUPPORTED_CURVE,
            reason="curve-unsupported",
            why="The server's {certificate_name} is on {curve}; this eUICC takes {curves} here.",
            fix="Offer a certificate on a curve of euiccCiPKIdListForVerification's CIs.",
            holds=lambda context: context.certificate.curve in context.curves,
        ),
    )


def issued(number: str, field: str, code: type[AuthenticateErrorCode | DownloadErrorCode]) -> tuple[Check[C], ...]:
    """Make the checks of the certificate under its CI and of its role, numbered from `number` ("AS#6")."""
    name, first = _split(number)
    return (
        Check(
            id=f"{name}#{first}",
            clause="SGP.22 §4.5.2.2",
            field=field,
            code=code.INVALID_CERTIFICATE,
            reason="certificate-signature-wrong",
            why="The server's {certificate_name} was not signed by the CI that it names.",
            fix=_REISSUE,
            holds=lambda context: certs.signed_by(context.certificate, context.ci),
        ),
        Check(
            id=f"{name}#{first + 1}",
            clause="SGP.22 §4.5.2.1",
            field=field,
            code=code.INVALID_CERTIFICATE,
            reason="certificate-role-wrong",
            why="The server's {certificate_name} has not the role {roles}.",
            fix=_REISSUE,
            holds=lambda context: any(context.certificate.has_role(role) for role in context.roles),
        ),
    )


def formed(number: str, field: str, code: type[AuthenticateErrorCode | DownloadErrorCode]) -> tuple[Check[C], ...]:
    """Make the checks of the rest of the certificate's profile and of its validity, numbered from `number` ("AS#9")."""
    name, first = _split(number)
    return (
        Check(
            id=f"{name}#{first}",
            clause="SGP.22 §4.5.2.1",
            field=field,
            code=code.INVALID_CERTIFICATE,
            reason="certificate-malformed",
            why="The server's {certificate_name} is not as SGP.22 wants it: {problem}.",
            fix=_REISSUE,
            holds=lambda context: problem(context) is None,
        ),
        Check(
            id=f"{name}#{first + 1}",
            clause="SGP.22 §4.5.2.2",
            field=field,
            code=code.INVALID_CERTIFICATE,
            reason="certificate-expired",
            why="The server's {certificate_name} is valid {validity}, and it is {now}.",
            fix="Renew the certificate, or set the clock: smdp clock show",
            holds=lambda context: certs.valid_at(context.certificate, context.world.now),
        ),
    )


def _split(number: str) -> tuple[str, int]:
    name, _, first = number.partition("#")
    return name, int(first)


def certificate_details(context: ServerCertificate, name: str) -> dict[str, str]:
    """Say in words what is known of the certificate, however little that is."""
    words = {
        "certificate_name": name,
        "curves": " and ".join(context.curves),
        "roles": " or ".join(role.name for role in context.roles),
        "now": f"{context.world.now:%Y-%m-%d}",
        "curve": "an unknown curve",
        "validity": "at no time",
        "problem": "it cannot be read",
        "ci": "nothing",
    }
    try:
        certificate = context.certificate
        words["curve"] = certificate.curve
        words["validity"] = f"from {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
        words["ci"] = certificate.aki.hex().upper() if certificate.aki else "nothing"
        words["problem"] = problem(context) or "nothing is"
    except Malformed:
        pass  # the words above stand
    return words
