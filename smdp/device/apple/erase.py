"""Does the eSIM survive? Each way to erase a device, with and without forcePreserveESIMOnErase, in one table.

Also how a device that was told to return to service comes back. Removed is final at the carrier: its server still has
the profile as installed, so the plan must be ordered again.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from smdp.device.apple.effects import Erase, Erasure, ReturnToService, Trigger
from smdp.device.apple.errors import item
from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Phone
from smdp.device.apple.keys import Key, problem_with
from smdp.device.apple.restrictions import blocked
from smdp.device.apple.result import ErrorItem
from smdp.device.apple.versions import at_least, exists

FORCE = "forcePreserveESIMOnErase"
OFFER = "allowEraseContentAndSettings"


RETURN_TO_SERVICE = (
    Key("Enabled", bool, required=True),
    Key("WiFiProfileData", bytes),
    Key("MDMProfileData", bytes),
    Key("BootstrapToken", bytes),
    Key("ShouldRetryEnrollment", bool),
)
"""The keys of ReturnToService, in the command as in the answer to the check-in."""


class Row(NamedTuple):
    """A way to erase, with `preserve` if it was asked to keep the eSIM and `forced` if the restriction acts."""

    trigger: Trigger
    preserve: bool
    forced: bool
    kept: bool
    evidence: Evidence
    because: str


ROWS = (
    Row("command", True, False, True, "documented", "EraseDevice said PreserveDataPlan."),
    Row("command", True, True, True, "documented", "EraseDevice said PreserveDataPlan."),
    Row("command", False, False, False, "documented", "EraseDevice removes eSIMs unless it says PreserveDataPlan."),
    Row("command", False, True, False, "inferred", f"{FORCE} is not documented to overrule EraseDevice."),
    Row("settings", True, False, True, "documented", "Settings asked, and the user kept the eSIM."),
    Row("settings", True, True, True, "documented", f"{FORCE} keeps eSIMs when the user erases."),
    Row("settings", False, False, False, "documented", "Settings asked, and the user removed the eSIM."),
    Row("settings", False, True, True, "documented", f"{FORCE} keeps eSIMs when the user erases."),
    Row("wrong-passcode", False, False, False, "documented", "Too many wrong passcodes erase everything."),
    Row("wrong-passcode", False, True, True, "documented", f"{FORCE} keeps eSIMs after too many wrong passcodes."),
    Row("find-my", False, False, False, "documented", "An erasure by Find My removes eSIMs."),
    Row("find-my", False, True, False, "documented", f"{FORCE} does not act when Find My erases."),
    Row("recovery", False, False, True, "documented", "A restore in recovery mode leaves eSIMs."),
    Row("recovery", False, True, True, "documented", "A restore in recovery mode leaves eSIMs."),
    Row("configurator", False, False, True, "documented", "An erasure by Apple Configurator leaves eSIMs."),
    Row("configurator", False, True, True, "documented", "An erasure by Apple Configurator leaves eSIMs."),
    Row("dfu", False, False, True, "documented", "A restore in DFU mode leaves eSIMs."),
    Row("dfu", False, True, True, "documented", "A restore in DFU mode leaves eSIMs."),
    Row("return-to-service", True, False, True, "documented", "The answer to ReturnToService said PreserveDataPlan."),
    Row("return-to-service", True, True, True, "documented", "The answer to ReturnToService said PreserveDataPlan."),
    Row("return-to-service", False, False, False, "documented", "ReturnToService did not say PreserveDataPlan."),
    Row("return-to-service", False, True, False, "inferred", f"{FORCE} is taken not to overrule ReturnToService."),
)
"""Every case; a trigger that can't be asked to keep the eSIM has rows without `preserve` only."""

_ASKED = frozenset(row.trigger for row in ROWS if row.preserve)
_KEPT = "The plan works on as it is: same profile, same number."
_REMOVED = (
    "The profile is gone from the device, while the carrier's server has it as installed: order the plan again "
    "(smdp profile reissue), then send the refresh."
)
_NOT_OFFERED = "Erase All Content and Settings is not offered"


def decide(trigger: Trigger, phone: Phone, *, preserve: bool = False) -> Erasure:
    """Decide whether an erasure takes place and whether the eSIMs stay.

    `preserve`: PreserveDataPlan of the command or of the ReturnToService answer (iOS 26.4), or the user's choice.
    """
    if trigger == "settings" and (block := blocked(phone, OFFER)):
        return Erasure(
            trigger=trigger,
            kept=True,
            because=f"{_NOT_OFFERED}: blocked by {block}.",
            then="Nothing changes.",
            evidence="documented",
            blocked_by=block,
        )
    row = _row(trigger, preserve=preserve and _can_ask(trigger, phone), forced=blocked(phone, FORCE) is not None)
    return Erasure(
        trigger=trigger,
        kept=row.kept,
        because=row.because,
        then=_KEPT if row.kept else _REMOVED,
        evidence=row.evidence,
    )


def _can_ask(trigger: Trigger, phone: Phone) -> bool:
    if trigger == "return-to-service":
        return exists("check-in key", "ReturnToService.PreserveDataPlan", phone.os)
    if trigger == "command":
        return exists("command key", "EraseDevice.PreserveDataPlan", phone.os)
    return trigger in _ASKED


def _row(trigger: Trigger, *, preserve: bool, forced: bool) -> Row:
    return next(row for row in ROWS if (row.trigger, row.preserve, row.forced) == (trigger, preserve, forced))


# --- returning to service


def by_command(command: Mapping[str, Any], phone: Phone) -> Erase | ErrorItem:
    """Make what a well-formed EraseDevice does; keys that this iOS doesn't know yet are ignored."""
    apart = bool(command.get("DisallowProximitySetup", False))
    others = [key for key in ("PreserveDataPlan", "ReturnToService") if key in command]
    if apart and others and not at_least(phone.os, "14.0"):
        return item(12008, f"before iOS 14 DisallowProximitySetup goes with no other option, so not with {others[0]}")
    comeback: ReturnToService | ErrorItem | None = None
    erasure = decide("command", phone, preserve=bool(command.get("PreserveDataPlan", False)))
    if exists("command key", "EraseDevice.ReturnToService", phone.os):
        comeback = return_to_service(command.get("ReturnToService"), phone, erasure, "command key")
    if isinstance(comeback, ErrorItem):
        return comeback
    return Erase(erasure=erasure, return_to_service=comeback, disallow_proximity_setup=apart)


def by_check_in(phone: Phone, *, preserve: bool, options: Mapping[str, Any] | None) -> Erase | ErrorItem:
    """Make what an MDM's answer to the check-in ReturnToService does (iOS 26.0, supervised, ADE)."""
    if problem := check_in_problem(phone):
        return item(12008, problem)
    if options is not None and (wrong := problem_with(options, RETURN_TO_SERVICE, "ReturnToService.")):
        return item(12008, wrong)
    erasure = decide("return-to-service", phone, preserve=preserve)
    comeback = return_to_service(options, phone, erasure, "check-in key")
    return comeback if isinstance(comeback, ErrorItem) else Erase(erasure=erasure, return_to_service=comeback)


def check_in_problem(phone: Phone) -> str:
    """Say why this phone sends no ReturnToService check-in; nothing if it does."""
    if not exists("check-in", "ReturnToService", phone.os):
        return f"the check-in ReturnToService came with iOS 26.0, and this device runs iOS {phone.os}"
    if not phone.supervised or phone.enrollment is None or phone.enrollment.kind != "ade":
        return "the check-in ReturnToService takes a supervised device with Automated Device Enrollment"
    return ""


def return_to_service(
    options: Mapping[str, Any] | None, phone: Phone, erasure: Erasure, kind: Literal["command key", "check-in key"]
) -> ReturnToService | ErrorItem | None:
    """Read the options of a return to service: None if it is not asked for, an error if they can't work."""
    if options is None or not options.get("Enabled", False):
        return None
    ade = phone.supervised and phone.enrollment is not None and phone.enrollment.kind == "ade"
    if not ade and "MDMProfileData" not in options:
        return item(12008, "ReturnToService lacks MDMProfileData, which a device without supervision and ADE needs")
    where = "EraseDevice" if kind == "command key" else "ReturnToService"
    bootstrap = exists(kind, f"{where}.ReturnToService.BootstrapToken", phone.os)
    retry = exists(kind, f"{where}.ReturnToService.ShouldRetryEnrollment", phone.os)
    works, because, evidence = _network_after(options, phone, erasure)
    return ReturnToService(
        wifi_profile=options.get("WiFiProfileData"),
        mdm_profile=options.get("MDMProfileData"),
        bootstrap_token=options.get("BootstrapToken") if bootstrap else None,
        should_retry_enrollment=retry and bool(options.get("ShouldRetryEnrollment", False)),
        works=works,
        because=because,
        evidence=evidence,
    )


def _network_after(options: Mapping[str, Any], phone: Phone, erasure: Erasure) -> tuple[bool, str, Evidence]:
    """Say whether the erased device finds its MDM again: by Wi-Fi, by tether, from iOS 27 by a plan that was kept."""
    if "WiFiProfileData" in options:
        return True, "It joins the Wi-Fi network of WiFiProfileData and enrols again.", "documented"
    if phone.tethered:
        return True, "It enrols again over its tether.", "documented"
    plan = phone.physical_sim is not None or (erasure.kept and any(esim.attached for esim in phone.esims))
    if plan and at_least(phone.os, "27.0"):
        return True, "It enrols again over its cellular plan, which iOS 27 accepts.", "documented"
    if plan:
        return (
            False,
            "Before iOS 27 a cellular plan is not enough: it waits for a network in Setup Assistant.",
            "inferred",
        )
    return False, "It has no network: it waits in Setup Assistant.", "inferred"
