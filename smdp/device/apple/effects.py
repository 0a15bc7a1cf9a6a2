"""What a command or its holder makes the device do, said and not done: whoever keeps the device carries it out."""

from typing import Any, Literal

from msgspec import Struct

from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import ConfigurationProfile

Trigger = Literal[
    "command", "settings", "wrong-passcode", "find-my", "recovery", "configurator", "dfu", "return-to-service"
]
"""What can erase a device."""


class Blocking(Struct, frozen=True, kw_only=True):
    """A restriction that forbids something, and the profile that set it."""

    key: str
    profile: str
    profile_name: str

    def __str__(self) -> str:
        """Say it as in `blocked by allowESIMModification (profile Fleet)`."""
        return f"{self.key} (profile {self.profile_name})"


class ReturnToService(Struct, frozen=True, kw_only=True):
    """How an erased device comes back by itself: the options that this iOS understands, and whether that works."""

    wifi_profile: bytes | None = None
    mdm_profile: bytes | None = None
    bootstrap_token: bytes | None = None
    should_retry_enrollment: bool = False
    works: bool = True
    because: str = ""
    evidence: Evidence = "documented"


class Erasure(Struct, frozen=True, kw_only=True):
    """The verdict on an erasure: whether it takes place at all, whether the eSIMs stay, why, and what comes then."""

    trigger: Trigger
    kept: bool
    because: str
    then: str
    evidence: Evidence
    blocked_by: Blocking | None = None

    @property
    def offered(self) -> bool:
        """Whether it takes place."""
        return self.blocked_by is None


class Refresh(Struct, frozen=True, tag=True):
    """Ask the carrier's server for this EID's plan; with `on_install` the MDM is answered when that is over."""

    url: str
    on_install: bool = False


class Erase(Struct, frozen=True, tag=True):
    """Erase everything, keep or remove the eSIMs as the verdict says, and perhaps return to service."""

    erasure: Erasure
    return_to_service: ReturnToService | None = None
    disallow_proximity_setup: bool = False


class InstallProfile(Struct, frozen=True, tag=True):
    """Install a profile in place of the one with its identifier; `profiles` is the whole set afterwards."""

    profile: ConfigurationProfile
    profiles: tuple[ConfigurationProfile, ...]
    replaced: bool = False


class RemoveProfile(Struct, frozen=True, tag=True):
    """Remove a profile; `profiles` is the whole set afterwards."""

    profile: ConfigurationProfile
    profiles: tuple[ConfigurationProfile, ...]


class Unenroll(Struct, frozen=True, tag=True):
    """Leave the MDM, as its enrolment profile goes; `profiles` are those that stay."""

    profiles: tuple[ConfigurationProfile, ...]


class Lock(Struct, frozen=True, tag=True):
    """Lock the screen, with a message and a number on it if given."""

    message: str | None = None
    phone_number: str | None = None


class Restart(Struct, frozen=True, tag=True):
    """Start again; the passcode has not been entered then."""


class ShutDown(Struct, frozen=True, tag=True):
    """Turn off, until somebody turns it on."""


class ClearPasscode(Struct, frozen=True, tag=True):
    """Take the passcode away."""


class ChangeSettings(Struct, frozen=True, tag=True):
    """Change settings: fields of DeviceSettings, and `name` for the device's."""

    changes: dict[str, Any]


class FinishSetup(Struct, frozen=True, tag=True):
    """Go on in Setup Assistant, which waited for the MDM."""


class Declarative(Struct, frozen=True, tag=True):
    """Synchronise declarations with the MDM, beginning with the tokens in `data` (JSON) if there are any."""

    data: bytes | None = None


class FailPasscode(Struct, frozen=True, tag=True):
    """Remember how often the passcode was mistyped."""

    failed_attempts: int


class AddEsim(Struct, frozen=True, tag=True):
    """Install the plan that the holder wants."""


class RemoveEsim(Struct, frozen=True, tag=True):
    """Delete an eSIM."""

    iccid: str


class Transfer(Struct, frozen=True, tag=True):
    """Move a line to another device."""

    iccid: str


Effect = (
    Refresh
    | Erase
    | InstallProfile
    | RemoveProfile
    | Unenroll
    | Lock
    | Restart
    | ShutDown
    | ClearPasscode
    | ChangeSettings
    | FinishSetup
    | Declarative
    | FailPasscode
    | AddEsim
    | RemoveEsim
    | Transfer
)
"""Whatever a device may be made to do."""
ENDS_POLL = (Erase, Restart, ShutDown, Unenroll)
"""Effects after which the device does not ask the MDM for another command."""
