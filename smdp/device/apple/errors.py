"""The errors that the device reports: code, domain and words, in one table.

Apple calls the codes no contract; code and domain are those of its published list. Texts are ours, with names in
braces filled in.
"""

from typing import NamedTuple

from smdp.device.apple.evidence import Evidence
from smdp.device.apple.result import ErrorItem

MDM = "MCMDMErrorDomain"
INSTALLATION = "MCInstallationErrorDomain"
PAYLOAD = "MCPayloadErrorDomain"
PASSCODE = "MCPasscodeErrorDomain"
CELLULAR = "MCCellularErrorDomain"


class ErrorKind(NamedTuple):
    """An error: its domain, what Apple's list calls it, our words, and whether its use here is documented."""

    domain: str
    meaning: str
    text: str
    evidence: Evidence = "documented"


ERRORS: dict[int, ErrorKind] = {
    2003: ErrorKind(PAYLOAD, "Bad data type in field", "A payload's {problem}."),
    2004: ErrorKind(PAYLOAD, "Unsupported field value", "A payload's {problem}."),
    4001: ErrorKind(INSTALLATION, "Installation failure", "The profile {problem} was not installed."),
    4018: ErrorKind(INSTALLATION, "Multiple APN or Cellular payloads", "One APN or cellular payload is allowed."),
    5013: ErrorKind(PASSCODE, "Cannot clear passcode", "The UnlockToken is not this device's.", "inferred"),
    12001: ErrorKind(MDM, "Multiple MDM instances", "The device is managed by another MDM payload already."),
    12007: ErrorKind(MDM, "Not authorized", "The MDM payload does not grant the right for {problem}."),
    12008: ErrorKind(MDM, "Malformed request", "The request is malformed: {problem}."),
    12013: ErrorKind(MDM, "Profile not managed", "The profile {problem} was not installed by this MDM."),
    12021: ErrorKind(MDM, "Invalid request type", "The request “{problem}” is not supported."),
    12075: ErrorKind(MDM, "Specified profile not installed", "No profile {problem} is installed."),
    12078: ErrorKind(MDM, "Invalid request type in MDM Lost mode", "“{problem}” is not allowed in Managed Lost Mode."),
    12081: ErrorKind(MDM, "Not network tethered", "The request wants a network tether, and there is none."),
    36000: ErrorKind(CELLULAR, "Cellular already configured", "Another profile configures cellular: {problem}."),
    36001: ErrorKind(CELLULAR, "Stack unreachable", "The device can't communicate with its cellular stack."),
    36002: ErrorKind(CELLULAR, "Hardware lacks support", "This hardware does not support the request: {problem}."),
    36003: ErrorKind(CELLULAR, "Stack can't perform", "The cellular stack could not perform the request: {problem}."),
}
"""Every code that an answer to a command may have; what is wrong with a profile's form says who reads it."""


def item(code: int, problem: str = "", domain: str | None = None) -> ErrorItem:
    """Make one entry of an ErrorChain; `problem` fills the braces, `domain` replaces the table's."""
    kind = ERRORS[code]
    text = kind.text.format(problem=problem)
    return ErrorItem(code=code, domain=domain or kind.domain, text=text, us_english=text)
