"""What a phone is and holds at one moment: everything that its answers to an MDM depend on.

Built by whoever keeps the device; nothing in this package changes it. Numbers are plain digits, spaced or not; the
answers bring them into Apple's form.
"""

from datetime import datetime
from enum import IntFlag
from typing import Any, Literal

from msgspec import Struct, field

EnrollmentKind = Literal["device", "user", "ade"]
"""By a profile, account-driven User Enrollment, or Automated Device Enrollment."""


class Right(IntFlag):
    """The access rights of an MDM payload."""

    INSPECT_PROFILES = 1
    INSTALL_PROFILES = 2
    LOCK = 4
    ERASE = 8
    DEVICE_INFORMATION = 16
    NETWORK_INFORMATION = 32
    INSPECT_PROVISIONING = 64
    INSTALL_PROVISIONING = 128
    INSPECT_APPS = 256
    RESTRICTIONS = 512
    SECURITY = 1024
    SETTINGS = 2048
    MANAGE_APPS = 4096


ALL_RIGHTS = 8191
"""Every bit that there is."""
_IMPLIED = {Right.INSPECT_PROFILES: Right.INSTALL_PROFILES, Right.INSPECT_PROVISIONING: Right.INSTALL_PROVISIONING}


class PhysicalSim(Struct, frozen=True, kw_only=True):
    """A SIM card in the tray, at home in its network."""

    iccid: str
    carrier: str
    mcc: str
    mnc: str
    number: str = ""
    carrier_settings_version: str = "62.0"


class Attachment(Struct, frozen=True, kw_only=True):
    """The network that a subscription is attached to; `msisdn` None as long as the network hasn't told the number."""

    network_name: str
    mcc: str
    mnc: str
    msisdn: str | None = None


class Subscription(Struct, frozen=True, kw_only=True):
    """An installed eSIM: its home network by its metadata and IMSI, and where it is attached, if it is.

    A `label` that is empty, Primary or Secondary goes by the line's place, an empty `label_id` is a UUID that depends
    on the ICCID alone.
    """

    iccid: str
    enabled: bool = True
    label: str = ""
    label_id: str = ""
    attached: Attachment | None = None
    subscriber_network: str = ""
    subscriber_mcc: str = ""
    subscriber_mnc: str = ""
    carrier_settings_version: str = "62.0"


class Enrollment(Struct, frozen=True, kw_only=True):
    """The MDM that manages the phone: how it came to be enrolled, and what its payload says.

    `profile_identifier` is the PayloadIdentifier of the enrolment profile; `unlock_token` what TokenUpdate told.
    """

    kind: EnrollmentKind = "device"
    access_rights: int = ALL_RIGHTS
    topic: str = ""
    server_url: str = ""
    check_in_url: str = ""
    enrollment_id: str | None = None
    profile_identifier: str = ""
    unlock_token: bytes | None = None
    awaiting_configuration: bool = False

    def has(self, right: Right) -> bool:
        """Say whether the MDM has a right; User Enrollment knows no rights, its limits are other ones."""
        granted = self.access_rights
        return self.kind == "user" or bool(granted & right) or bool(granted & _IMPLIED.get(right, Right(0)))


class ConfigurationProfile(Struct, kw_only=True):
    """An installed configuration profile; `managed` if this MDM installed it, `declarative` if a declaration did.

    `payloads` are the dictionaries of PayloadContent as they came, each with PayloadType, PayloadIdentifier,
    PayloadUUID and PayloadVersion. `signed_by` names the signer; `signature` says whether somebody vouches for it.
    """

    identifier: str
    uuid: str
    version: int = 1
    display_name: str | None = None
    description: str | None = None
    organization: str | None = None
    removal_disallowed: bool = False
    has_removal_passcode: bool = False
    removal_date: datetime | None = None
    payloads: list[dict[str, Any]] = field(default_factory=list)
    signed_by: str | None = None
    signature: Literal["none", "verified", "not-verified"] = "none"
    signer_certificates: list[bytes] = field(default_factory=list)
    managed: bool = True
    declarative: bool = False

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        return self.display_name or self.identifier

    def payloads_of(self, *types: str) -> list[dict[str, Any]]:
        """The payloads of these types, in order."""
        return [payload for payload in self.payloads if payload["PayloadType"] in types]

    def payload(self, uuid: str) -> dict[str, Any] | None:
        """The payload of a PayloadUUID."""
        return next((one for one in self.payloads if one["PayloadUUID"] == uuid), None)


class Passcode(Struct, frozen=True, kw_only=True):
    """Whether there is a passcode, whether it is good enough, and how often it was mistyped since it was right."""

    present: bool = True
    compliant: bool = True
    compliant_with_profiles: bool = True
    failed_attempts: int = 0


class DeviceSettings(Struct, frozen=True, kw_only=True):
    """What the Settings command and the user may change."""

    data_roaming: bool = False
    voice_roaming: bool = False
    personal_hotspot: bool = False
    time_zone: str = "America/Los_Angeles"
    organization_info: dict[str, Any] = field(default_factory=dict)
    mdm_options: dict[str, Any] = field(default_factory=dict)


class Phone(Struct, frozen=True, kw_only=True):
    """A phone at one moment.

    `tray`: whether slot one takes a SIM card, so that the first eSIM goes to slot two; iPhones sold in the
    US since iPhone 14 and iPhone Air have none. `busy`: a plan is being
    downloaded. `locked`: its screen; `unlocked_since_boot`: whether the passcode was entered since it started.
    `data_iccid` and `voice_iccid` name the preferred lines, None the first. `cellular_error_domain` is the domain of
    36001 to 36003, of which Apple's list says the default and newer systems contain the other.
    """

    eid: str
    udid: str
    serial: str
    imei: str
    imei2: str = ""
    meid: str = ""
    os: str = "26.1"
    build: str = ""
    model: str = "iPhone17,1"
    name: str = "iPhone"
    supervised: bool = True
    cellular: bool = True
    esim: bool = True
    tray: bool = True
    physical_sim: PhysicalSim | None = None
    esims: tuple[Subscription, ...] = ()
    data_iccid: str | None = None
    voice_iccid: str | None = None
    enrollment: Enrollment | None = None
    profiles: tuple[ConfigurationProfile, ...] = ()
    passcode: Passcode = field(default_factory=Passcode)
    settings: DeviceSettings = field(default_factory=DeviceSettings)
    locked: bool = False
    unlocked_since_boot: bool = True
    lost_mode: bool = False
    tethered: bool = False
    busy: bool = False
    country: str = "US"
    battery: float = 0.9
    cellular_error_domain: Literal["MCCellularErrorDomain", "DMCCellularErrorDomain"] = "MCCellularErrorDomain"

    @property
    def user_enrolled(self) -> bool:
        """Whether it is enrolled as a user's own device."""
        return self.enrollment is not None and self.enrollment.kind == "user"

    def has(self, right: Right) -> bool:
        """Say whether the MDM has a right; one that doesn't manage it has none."""
        return self.enrollment is not None and self.enrollment.has(right)

    def profile(self, identifier: str) -> ConfigurationProfile | None:
        """Find an installed profile by its identifier."""
        return next((profile for profile in self.profiles if profile.identifier == identifier), None)
