"""The commands: what each must carry, what it takes, and when iOS puts it off; and the answers, one way in.

`judge` looks at all that the table knows, in the order of `judge`; `answer` judges, then has the command's own handler
make the result. Both are functions of the command and of the phone.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple

from smdp.device.apple.erase import RETURN_TO_SERVICE
from smdp.device.apple.errors import item
from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Phone, Right
from smdp.device.apple.handlers import HANDLERS, Around
from smdp.device.apple.keys import Key, problem_with
from smdp.device.apple.profiles import ReadProfile
from smdp.device.apple.result import NOT_NOW, Result, failed, format_error
from smdp.device.apple.versions import WINDOWS, exists

FAULTS: dict[str, str] = {
    "not-now": "The device answers NotNow, save to the commands of which Apple says that it never does.",
    "36001": "RefreshCellularPlans fails: the device can't reach its cellular stack.",
    "36002": "RefreshCellularPlans fails: the hardware does not support it.",
    "36003": "RefreshCellularPlans fails: the cellular stack is busy or can't do it.",
    "ack-on-install": "RefreshCellularPlans is answered when the plan is installed, instead of when it is accepted.",
}
"""The faults of a device that change the answer to a command, and what they do."""


class Command(NamedTuple):
    """A command: its keys, what it takes, and when it is put off.

    `right` None for none; `not_now` names the state in which iOS answers NotNow by itself (observed); `never_not_now`
    are those of which Apple says that they are never put off; `lost_mode` whether Managed Lost Mode lets it through
    (inferred).
    """

    name: str
    keys: tuple[Key, ...] = ()
    right: Right | None = None
    supervised: bool = False
    user_enrollment: bool = True
    never_not_now: bool = False
    not_now: Literal["locked", "before-first-unlock", "no-cloud-configuration"] | None = None
    lost_mode: bool = True
    evidence: Evidence = "documented"


_ALL = (
    Command("DeviceInformation", (Key("Queries", list, required=True),), never_not_now=True),
    Command("SecurityInfo", right=Right.SECURITY, not_now="locked"),
    Command("ProfileList", (Key("ManagedOnly", bool),), Right.INSPECT_PROFILES, never_not_now=True),
    Command(
        "Restrictions",
        (Key("ProfileRestrictions", bool),),
        Right.RESTRICTIONS,
        user_enrollment=False,
        never_not_now=True,
    ),
    Command("InstallProfile", (Key("Payload", bytes, required=True),), Right.INSTALL_PROFILES, not_now="locked"),
    Command(
        "RemoveProfile",
        (Key("Identifier", str, required=True),),
        Right.INSTALL_PROFILES,
        not_now="before-first-unlock",
    ),
    Command("DeviceLock", (Key("Message", str), Key("PhoneNumber", str)), Right.LOCK, never_not_now=True),
    Command(
        "ClearPasscode",
        (Key("UnlockToken", bytes, required=True),),
        Right.LOCK,
        user_enrollment=False,
        never_not_now=True,
        lost_mode=False,
    ),
    Command(
        "EraseDevice",
        (
            Key("PreserveDataPlan", bool),
            Key("DisallowProximitySetup", bool),
            Key("ReturnToService", dict, below=RETURN_TO_SERVICE),
        ),
        Right.ERASE,
        user_enrollment=False,
        never_not_now=True,
    ),
    Command("RestartDevice", right=Right.LOCK, supervised=True, user_enrollment=False),
    Command("ShutDownDevice", right=Right.LOCK, supervised=True, user_enrollment=False),
    Command("Settings", (Key("Settings", list, required=True),), Right.SETTINGS, lost_mode=False),
    Command(
        "DeviceConfigured",
        supervised=True,
        user_enrollment=False,
        not_now="no-cloud-configuration",
        lost_mode=False,
    ),
    Command("DeclarativeManagement", (Key("Data", bytes),), not_now="before-first-unlock"),
    Command(
        "RefreshCellularPlans",
        (Key("eSIMServerURL", str, required=True),),
        user_enrollment=False,
        lost_mode=False,
    ),
)

COMMANDS: dict[str, Command] = {command.name: command for command in _ALL}
"""Every command that the device answers, by its RequestType; which iOS has it says `versions.WINDOWS`."""

ALIASES = {"RestrictionList": "Restrictions"}
"""Another name under which a command is known: Apple's list of what is never put off says RestrictionList."""


def kind_of(command: Mapping[str, Any]) -> Command | None:
    """Find the table's row for a command; None if its RequestType is missing or unknown."""
    name = command.get("RequestType")
    if not isinstance(name, str):
        return None
    return COMMANDS.get(ALIASES.get(name, name))


class Objection(NamedTuple):
    """Something that iOS has against a command as such: when, which code, and whether that is documented."""

    name: str
    code: int
    objects: Callable[[Command, Phone], bool]
    evidence: Evidence = "documented"


OBJECTIONS = (
    Objection("os", 12021, lambda kind, phone: not exists("command", kind.name, phone.os)),
    Objection(
        "user-enrollment", 12021, lambda kind, phone: phone.user_enrolled and not kind.user_enrollment, "inferred"
    ),
    Objection("lost-mode", 12078, lambda kind, phone: phone.lost_mode and not kind.lost_mode, "inferred"),
    Objection("right", 12007, lambda kind, phone: kind.right is not None and not phone.has(kind.right)),
    Objection("supervision", 12021, lambda kind, phone: kind.supervised and not phone.supervised, "inferred"),
)
"""In the order in which they are raised (inferred)."""


def judge(command: object, phone: Phone) -> Result | None:
    """Say what iOS has against a command before it looks into it; None if nothing.

    In this order (inferred): no RequestType (CommandFormatError), an unknown one (12021), OBJECTIONS, no tether
    (12081), keys missing or of a wrong type (12008).
    """
    found = _examine(command, phone)
    return found if isinstance(found, Result) else None


def answer(command: object, phone: Phone, *, read: ReadProfile, faults: Collection[str] = ()) -> Result:
    """Answer a command: the dictionary under Command.

    `read` reads the profile of InstallProfile. `faults` are names of FAULTS; others are ignored.
    """
    found = _examine(command, phone)
    if isinstance(found, Result):
        return found
    kind, keys = found
    if put_off(kind, phone) or ("not-now" in faults and not kind.never_not_now):
        return NOT_NOW
    return HANDLERS[kind.name](keys, phone, Around(faults, read))


def _examine(command: object, phone: Phone) -> Result | tuple[Command, Mapping[str, Any]]:
    """Find what iOS has against a command, or what it is and its keys."""
    if not isinstance(command, Mapping) or not isinstance(command.get("RequestType"), str):
        return format_error(item(12008, "RequestType is missing or no string"))
    name, kind = command["RequestType"], kind_of(command)
    if kind is None:
        return failed(item(12021, name[:100]))
    for objection in OBJECTIONS:
        if objection.objects(kind, phone):
            return failed(item(objection.code, name))
    if (tether := _judge_tether(command, phone)) is not None:
        return tether
    if problem := problem_with(command, keys_of(kind, phone.os)):
        return failed(item(12008, problem))
    return kind, command


def keys_of(kind: Command, os: str) -> tuple[Key, ...]:
    """Name the keys that this iOS reads; it ignores those that came later, as all that it doesn't know."""
    windows = WINDOWS["command key"]
    return tuple(
        key for key in kind.keys if (window := windows.get(f"{kind.name}.{key.name}")) is None or window.covers(os)
    )


def put_off(kind: Command, phone: Phone) -> bool:
    """Say whether iOS puts a command off in the phone's state."""
    if kind.not_now == "locked":
        return phone.locked or not phone.unlocked_since_boot
    if kind.not_now == "before-first-unlock":
        return not phone.unlocked_since_boot
    if kind.not_now == "no-cloud-configuration":
        return phone.enrollment is None or phone.enrollment.kind != "ade"
    return False


def _judge_tether(command: Mapping[str, Any], phone: Phone) -> Result | None:
    tether = command.get("RequestRequiresNetworkTether", False)
    if not isinstance(tether, bool):
        return failed(item(12008, "RequestRequiresNetworkTether is no boolean"))
    return failed(item(12081)) if tether and not phone.tethered else None
