"""Why enrolment or the conversation with an MDM server fails: one table, one exception, Apple's codes beside ours.

Apple publishes the codes for information only; domain and number are what an ErrorChain of the real device shows.
"""

from typing import NamedTuple

from smdp.device.apple.result import ErrorItem


class MdmError(Exception):
    """Why it ended: slug, one sentence, what to do; Apple's code and domain, if Apple has one.

    `transient` says that asking again may help; `unenrols` that the device drops its enrolment because of it.
    """

    def __init__(
        self, reason: str, because: str, fix: str, *, code: int | None = None, domain: str | None = None
    ) -> None:
        super().__init__(because)
        self.reason = reason
        self.because = because
        self.fix = fix
        self.code = code
        self.domain = domain
        self.transient = reason in _TRANSIENT
        self.unenrols = reason in _UNENROLS

    @property
    def item(self) -> ErrorItem:
        """The error as an entry of an ErrorChain; what has no code of Apple's is an installation failure, 4001."""
        return ErrorItem(self.code or 4001, self.domain or "MCInstallationErrorDomain", self.because, self.because)


_TRANSIENT = frozenset({"mdm-unreachable", "mdm-timeout", "hung-up", "answer-cut", "http-status", "scep-pending"})
_UNENROLS = frozenset({"unauthorized", "unrecognized-device"})


class Reason(NamedTuple):
    """Why and what to do, with Apple's code, whose thousands name the domain."""

    because: str
    fix: str
    code: int | None = None


_DOMAINS = {
    1: "MCProfileErrorDomain",
    2: "MCPayloadErrorDomain",
    4: "MCInstallationErrorDomain",
    9: "MCCertificateErrorDomain",
    12: "MCMDMErrorDomain",
    22: "MCSCEPErrorDomain",
    23: "MCHTTPTransactionErrorDomain",
}
_PROFILE = "Correct the configuration profile that the MDM server makes."
_SERVER = "Look at what the MDM server sent, and at its log."
_SCEP = "Look at the SCEP server's log."

REASONS: dict[str, Reason] = {
    # property lists
    "plist-too-large": Reason("{what} exceeds {limit} bytes.", _SERVER),
    "plist-malformed": Reason("{what} is no property list that can be read.", _SERVER),
    "plist-not-dict": Reason("{what} is a property list, but not a dictionary.", _SERVER),
    "plist-too-deep": Reason("{what} nests values more than {limit} deep.", _SERVER),
    "plist-too-many": Reason("{what} holds more than {limit} values.", _SERVER),
    "plist-value": Reason("{what} holds {found}, which no MDM message has.", _SERVER),
    # configuration profiles
    "profile-unreadable": Reason(
        "The file is neither a property list nor a CMS-signed one.", "Give a .mobileconfig.", 4000
    ),
    "profile-signature": Reason("The profile's signature does not hold: {problem}.", "Sign the profile again.", 1004),
    "profile-encrypted": Reason(
        "The profile is encrypted for one device's certificate.",
        "Give the profile without EncryptedPayloadContent; a simulated device has no key of Apple Configurator's.",
        1006,
    ),
    "profile-malformed": Reason("The profile is malformed: {problem}.", _PROFILE, 1000),
    "profile-field-missing": Reason("The profile lacks {key}.", _PROFILE, 1002),
    "profile-field-type": Reason("{key} of the profile is no {wanted}.", _PROFILE, 1003),
    "profile-uuids": Reason("Two payloads of the profile have the PayloadUUID {uuid}.", _PROFILE, 1007),
    "profile-expired": Reason("The profile's RemovalDate is in the past.", "Give a later RemovalDate.", 4006),
    "profile-target": Reason("The profile's TargetDeviceType {found} is no iPhone.", "Use 1, or leave it out.", 1010),
    "payload-field-missing": Reason("The payload {payload} lacks {key}.", _PROFILE, 2002),
    "payload-field-type": Reason("{key} of the payload {payload} is no {wanted}.", _PROFILE, 2003),
    "payload-field-value": Reason("{key} of the payload {payload} is not possible: {problem}.", _PROFILE, 2004),
    # enrolment
    "no-mdm-payload": Reason(
        "The profile has no com.apple.mdm payload, so there is nothing to enrol with.",
        "Give the enrolment profile of the MDM server; other profiles are installed by InstallProfile.",
        12011,
    ),
    "several-mdm-payloads": Reason("The profile has more than one com.apple.mdm payload.", _PROFILE, 12001),
    "topic": Reason("The Topic {topic} does not begin with com.apple.mgmt.", _PROFILE, 12022),
    "url-malformed": Reason("{key} is no URL with a host: {url}.", _PROFILE, 12030),
    "url-not-https": Reason(
        "{key} is not an https URL: {url}.",
        "Let the MDM server speak TLS; for quick tests there is --allow-http.",
        12034,
    ),
    "access-rights": Reason("AccessRights {rights} is not possible: {problem}.", _PROFILE, 12000),
    "identity-missing": Reason(
        "IdentityCertificateUUID {uuid} names no com.apple.security.scep or .pkcs12 payload of the profile.",
        "Let it be the PayloadUUID of the identity's payload.",
        12016,
    ),
    "identity-acme": Reason(
        "The identity is an ACME one, which needs Apple's attestation of a real device.",
        "Use a SCEP or PKCS #12 identity for simulated devices.",
        12016,
    ),
    "replacement": Reason("The new enrolment profile changes {key}, which must stay as it is.", _PROFILE, 12012),
    "certificate-malformed": Reason("The certificate of the payload {payload} cannot be read.", _PROFILE, 9005),
    "anchors-malformed": Reason(
        "What is given as trusted is no certificate that can be read.", "Give PEM or DER.", 9005
    ),
    "pkcs12-password": Reason(
        "The password does not open the PKCS #12 identity.", "Correct the payload's Password.", 9000
    ),
    "pkcs12-malformed": Reason("The PKCS #12 identity cannot be read: {problem}.", _PROFILE, 9005),
    "pkcs12-no-identity": Reason("The PKCS #12 file holds no private key with its certificate.", _PROFILE, 9006),
    # SCEP
    "scep-ca": Reason("The SCEP server's GetCACert answer is no certificate.", _SCEP, 22002),
    "scep-fingerprint": Reason(
        "The SCEP server's CA certificate does not have the CAFingerprint of the profile.",
        "Put the CA certificate's MD5, SHA-1 or SHA-256 into CAFingerprint.",
        22002,
    ),
    "scep-no-rsa": Reason("The SCEP server has no certificate with an RSA key to encrypt for.", _SCEP, 22003),
    "scep-key-usage": Reason("The Key Usage {found} of the SCEP payload is not 1, 4 or 5.", _PROFILE, 22000),
    "scep-answer": Reason("The SCEP server's answer cannot be used: {problem}.", _SCEP, 22013),
    "scep-refused": Reason("The SCEP server refused the certificate: {problem}.", _SCEP, 22013),
    "scep-pending": Reason(
        "The SCEP server still had the request pending after {tries} tries.",
        "Approve the request, and enrol again.",
        22013,
    ),
    "scep-certificate": Reason("The SCEP server issued a certificate for another key.", _SCEP, 22007),
    # the way to a server
    "mdm-unreachable": Reason("Nobody answers at {host}: {problem}.", "Start the server, or correct host and port."),
    "mdm-timeout": Reason("{host} did not answer within {seconds:g} seconds.", "See whether the server is stuck."),
    "tls-untrusted": Reason(
        "The device does not trust the TLS certificate of {host}: {problem}.",
        "Put the server's CA into the profile (com.apple.security.root) or give it with --mdm-ca.",
        23002,
    ),
    "tls-failed": Reason(
        "TLS with {host} failed: {problem}.", "The server must speak TLS 1.2 or 1.3 and accept the device's identity."
    ),
    "identity-unusable": Reason(
        "The device's identity cannot be shown in TLS: {problem}.",
        "Use an RSA key of 2048 bits (Keysize of SCEP) or an EC key, and the certificate that belongs to it.",
        23000,
    ),
    "redirect": Reason(
        "{host} answered with a redirect (HTTP {status}), which MDM clients refuse.",
        "Write the final URL into the profile.",
        12006,
    ),
    "unauthorized": Reason("{host} answered 401, which ends the enrolment.", "Enrol the device again.", 12020),
    "unrecognized-device": Reason(
        "{host} does not know the device (com.apple.unrecognized.device), which ends the enrolment.",
        "Enrol the device again.",
        12020,
    ),
    "software-update-required": Reason(
        "{host} wants a newer iOS first (com.apple.softwareupdate.required{detail}).",
        "Give the device a newer OS, or lower the server's minimum.",
        12002,
    ),
    "refused-with-code": Reason("{host} refused with the code {code}.", _SERVER, 12002),
    "http-status": Reason("{host} answered with HTTP {status}.", _SERVER, 23001),
    "hung-up": Reason(
        "{host} hung up without an answer: {problem}.",
        "See the server's log; it may not accept the device's identity as a TLS client certificate.",
    ),
    "answer-cut": Reason("The answer of {host} broke off.", "Try again."),
    "answer-too-large": Reason("The answer of {host} exceeds {limit} bytes.", _SERVER, 23001),
    "answer-malformed": Reason("The answer of {host} cannot be used: {problem}.", _SERVER, 23001),
    "not-enrolled": Reason("The device is not enrolled.", "Enrol it: smdp device enroll EID FILE|URL."),
    "already-enrolled": Reason(
        "The device is enrolled already, with {host}; a device has one MDM.",
        "Remove that enrolment first, or erase the device.",
        12001,
    ),
    "not-user-enrollment": Reason(
        "The device is its user's own, to be enrolled by User Enrollment only, and the profile asks for more.",
        "Give a profile with EnrollmentMode BYOD, or make a device without --enrollment user.",
    ),
    "device-offline": Reason("The device has no network.", "Take it online again, then ask again."),
    "no-return-to-service": Reason("{problem}.", "Erase it in another way, or use a device to which that applies."),
    "too-many-commands": Reason(
        "The server gave more than {limit} commands in one go.", "See whether it repeats commands that were answered."
    ),
}
"""Everything that enrolment and the conversation with the server can end with."""


def mdm_failure(reason: str, **words: object) -> MdmError:
    """Make the error for a reason of the table."""
    found = REASONS[reason]
    domain = _DOMAINS[found.code // 1000] if found.code else None
    return MdmError(
        reason, found.because.format_map(words), found.fix.format_map(words), code=found.code, domain=domain
    )
