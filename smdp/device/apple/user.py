"""What the holder of a device tries in Settings: whether it may be done, what forbids it, and what the screen says.

One row per attempt. Restrictions forbid in the order of the row; what the phone lacks comes before.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec import Struct

from smdp.device.apple.effects import AddEsim, Blocking, Effect, Erase, FailPasscode, RemoveEsim, Transfer
from smdp.device.apple.erase import OFFER, decide
from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Phone, Subscription
from smdp.device.apple.restrictions import blocked, max_failed_attempts
from smdp.device.apple.versions import at_least

Action = Literal["add-esim", "remove-esim", "transfer", "app-data", "plan-settings", "wrong-passcode", "erase"]

READY = "Mobile Plan is Ready to be Installed"


class Notice(NamedTuple):
    """Words on the screen: when they show, and how sure that is."""

    text: str
    when: str
    evidence: Evidence


NOTICES: dict[str, Notice] = {
    "ready": Notice(READY, "the carrier offers a plan to this EID, whether or not it may be installed", "documented"),
    "no-sim": Notice("No SIM Card Installed", "there is no line", "observed"),
    "carrier-settings": Notice("Carrier Settings Update", "a new line came into use", "observed"),
    "cannot-add": Notice("Cellular Plan Cannot Be Added", "the carrier's server refused the plan", "observed"),
    "already-active": Notice("Unable to Complete Cellular Plan Change", "the plan is in use already", "observed"),
}
"""What the holder of a device is shown, by cause."""
MAX_TIMES = 100
"""How many wrong passcodes one attempt may be."""

DELAYS = {5: 60, 6: 300, 7: 900, 8: 900, 9: 3600}
"""How many seconds the device waits after so many wrong passcodes: none up to 4; from the 10th on as after the 9th.

That delays begin after the fourth is documented, their lengths are those of Apple's security guide of some years.
"""


class Attempt(Struct, frozen=True, kw_only=True):
    """How an attempt went: allowed or not, by what it was blocked, what the screen says, what happens."""

    action: Action
    allowed: bool
    because: str
    blocked_by: Blocking | None = None
    notice: str = ""
    delay_seconds: int = 0
    effect: Effect | None = None
    evidence: Evidence = "documented"

    def __str__(self) -> str:
        """Say it in a few words."""
        return "allowed" if self.allowed else f"blocked by {self.blocked_by}" if self.blocked_by else self.because


class Options(NamedTuple):
    """What an attempt is about: an eSIM (the first if not said), an offer of the carrier, how often, keep or remove."""

    iccid: str | None = None
    offered: bool = False
    times: int = 1
    keep: bool = False


class Rule(NamedTuple):
    """An attempt: what forbids it, what the phone must have, what allowing it says and does."""

    action: Action
    keys: tuple[str, ...]
    text: str
    effect: Callable[[Phone, Options], Effect | None]
    cellular: bool = True
    needs_esim: bool = False
    oldest: str = "12.1"
    evidence: Evidence = "documented"


def _chosen(phone: Phone, options: Options) -> Subscription | None:
    wanted = options.iccid
    return next((esim for esim in phone.esims if wanted in (None, esim.iccid)), None)


def _remove(phone: Phone, options: Options) -> Effect | None:
    esim = _chosen(phone, options)
    return None if esim is None else RemoveEsim(iccid=esim.iccid)


def _transfer(phone: Phone, options: Options) -> Effect | None:
    esim = _chosen(phone, options)
    return None if esim is None else Transfer(iccid=esim.iccid)


def _erase(phone: Phone, options: Options) -> Effect | None:
    return Erase(erasure=decide("settings", phone, preserve=options.keep))


RULES: dict[Action, Rule] = {
    rule.action: rule
    for rule in (
        Rule("add-esim", ("allowESIMModification",), "The user may add an eSIM.", lambda _, __: AddEsim()),
        Rule("remove-esim", ("allowESIMModification",), "The user may remove the eSIM.", _remove, needs_esim=True),
        Rule(
            "transfer",
            ("allowESIMOutgoingTransfers", "allowESIMModification"),
            "The line may move to another device.",
            _transfer,
            needs_esim=True,
            oldest="16.0",
            evidence="inferred",
        ),
        Rule(
            "app-data",
            ("allowAppCellularDataModification",),
            "The user may choose which apps use cellular data.",
            lambda _, __: None,
        ),
        Rule(
            "plan-settings",
            ("allowCellularPlanModification",),
            "The user may change the settings of the plan.",
            lambda _, __: None,
        ),
        Rule("erase", (OFFER,), "The user may erase the device.", _erase, cellular=False),
    )
}
"""Every attempt but wrong-passcode, which nothing forbids."""


def attempt(action: Action, phone: Phone, options: Options = Options()) -> Attempt:  # noqa: B008 - immutable
    """Try something as the holder of the phone. Raises ValueError for `times` out of 1 to 100."""
    if action == "wrong-passcode":
        return _wrong_passcode(phone, options.times)
    rule = RULES[action]
    if lack := _lack(rule, phone, options):
        return Attempt(action=action, allowed=False, because=lack, evidence=rule.evidence)
    notice = READY if action == "add-esim" and options.offered else ""
    for key in rule.keys:
        if block := blocked(phone, key):
            because = f"{_NO[action]}: {block.key} of the profile “{block.profile_name}” forbids it."
            return Attempt(
                action=action,
                allowed=False,
                because=because,
                blocked_by=block,
                notice=notice,
                evidence=rule.evidence,
            )
    effect = rule.effect(phone, options)
    because, evidence = rule.text, rule.evidence
    if isinstance(effect, Erase):
        because, evidence = effect.erasure.because, effect.erasure.evidence
    return Attempt(action=action, allowed=True, because=because, notice=notice, effect=effect, evidence=evidence)


_NO: dict[Action, str] = {
    "add-esim": "The eSIM can't be added",
    "remove-esim": "The eSIM can't be removed",
    "transfer": "The line can't move to another device",
    "app-data": "The switches of the apps are greyed out",
    "plan-settings": "The settings of the plan are greyed out",
    "erase": "Erase All Content and Settings is not there",
}


def _lack(rule: Rule, phone: Phone, options: Options) -> str:
    if not rule.cellular:
        return ""
    if not phone.cellular:
        return "The device has no cellular hardware."
    if not at_least(phone.os, rule.oldest):
        return f"That came with iOS {rule.oldest}; this device runs iOS {phone.os}."
    if rule.needs_esim and _chosen(phone, options) is None:
        return f"The device has no eSIM {options.iccid}." if options.iccid else "The device has no eSIM."
    return ""


def delay_after(failures: int) -> int:
    """Say how many seconds the device waits after so many wrong passcodes in a row."""
    return 0 if failures < min(DELAYS) else DELAYS[min(failures, max(DELAYS))]


def _wrong_passcode(phone: Phone, times: int) -> Attempt:
    """Mistype the passcode, waiting for each delay to pass; at the policy's maximum the device erases itself."""
    if not 1 <= times <= MAX_TIMES:
        raise ValueError(f"{times} wrong passcodes: 1 to {MAX_TIMES} may be tried at once")
    if not phone.passcode.present:
        return Attempt(action="wrong-passcode", allowed=False, because="The device has no passcode.")
    limit = max_failed_attempts(phone)
    failures = phone.passcode.failed_attempts + times
    if limit is not None and failures >= limit[0]:
        erasure = decide("wrong-passcode", phone)
        because = (
            f"{limit[0]} wrong passcodes are the most that “{limit[1].name}” allows: the device erases itself. "
            f"{erasure.because}"
        )
        return Attempt(
            action="wrong-passcode",
            allowed=True,
            because=because,
            effect=Erase(erasure=erasure),
            evidence=erasure.evidence,
        )
    delay = delay_after(failures)
    because = f"{failures} wrong passcodes in a row" + (f": it waits {delay} seconds." if delay else ".")
    return Attempt(
        action="wrong-passcode",
        allowed=True,
        because=because,
        delay_seconds=delay,
        effect=FailPasscode(failed_attempts=failures),
        evidence="inferred",
    )
