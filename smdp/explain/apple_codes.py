"""Error codes that Apple's devices answer MDM commands with: what each means, and what makes it likely."""

from typing import NamedTuple


class Meaning(NamedTuple):
    """What a code says, and what to do about it."""

    text: str
    fix: str


CODES: dict[int, Meaning] = {
    1000: Meaning(
        "The configuration profile is malformed.", "Check the profile's XML: smdp explain @FILE.mobileconfig"
    ),
    2002: Meaning("A payload lacks a field that it needs.", "Add the field."),
    2003: Meaning("A field of a payload has the wrong type.", "Correct the field."),
    4000: Meaning("The configuration profile can't be parsed.", "Check that it is a plist, and its signature whole."),
    4001: Meaning("The configuration profile could not be installed.", "Read the errors behind it in the chain."),
    4018: Meaning("There are several APN or Cellular payloads.", "Keep one com.apple.cellular, and no APN payload."),
    4022: Meaning("The profile must be installed by the MDM server.", "Send it with InstallProfile."),
    4025: Meaning(
        "The profile asks for supervision that the device has not.", "Supervise the device, or leave it out."
    ),
    11000: Meaning("The APN payload was refused.", "Remove it, or the Cellular payload beside it."),
    12006: Meaning("The server redirected the device, which it does not follow.", "Answer at the ServerURL itself."),
    12007: Meaning(
        "The enrolment has no right to this command.", "Enrol with the AccessRights it needs (8191 has all)."
    ),
    12008: Meaning(
        "The command is malformed: a key is missing or of the wrong type.",
        "RefreshCellularPlans needs eSIMServerURL, a string with https://.",
    ),
    12013: Meaning("The profile is not managed by this server.", "Remove what this server installed, no other."),
    12020: Meaning("The server did not authorize the device.", "See why the MDM server answers 401 or 403."),
    12021: Meaning(
        "The device does not know this request type.",
        "RefreshCellularPlans needs iOS 13 or newer, and no User Enrollment.",
    ),
    12030: Meaning("A URL is invalid.", "Write it with scheme and host: https://host[:port]."),
    12034: Meaning("The URL is not HTTPS.", "MDM URLs begin with https://."),
    12075: Meaning("The profile is not installed.", "Nothing is left to remove."),
    12078: Meaning("The command is not allowed in Managed Lost Mode.", "End Lost Mode first."),
    12081: Meaning(
        "The command wants a network tether, and the device has none.", "Drop RequestRequiresNetworkTether."
    ),
    12084: Meaning("The command is not allowed in Single App Mode.", "End Single App Mode first."),
    36000: Meaning("Cellular is configured already.", "Remove the other APN or Cellular payload."),
    36001: Meaning(
        "The device can't reach its cellular software (the daemon is gone); the carrier was never asked.",
        "Restart the device and send the command again.",
    ),
    36002: Meaning(
        "The hardware can't do it: no cellular modem, or no eUICC.",
        "Use a device with an eSIM.",
    ),
    36003: Meaning(
        "The cellular software could not do it now: most likely it is busy with another download.",
        "Send the command again later, as in the scenario busy-then-success.",
    ),
}
"""Code → meaning (MCMDMErrorDomain, MCInstallationErrorDomain, MCCellularErrorDomain and their like)."""

STATUSES = {
    "Idle": "the device asks for its next command",
    "Acknowledged": "the device took the command",
    "Error": "the device tried and failed; the ErrorChain says why",
    "CommandFormatError": "the device can't read the command",
    "NotNow": "the device can't do it now, and asks again by itself, unless it answers another command first",
}
"""What a device says of a command."""
