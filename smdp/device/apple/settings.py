"""The Settings command: a list of items, each with its own result in the same order.

Apple's protocol reference says an array of results, its schema describes one of them and says dictionary.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from smdp.device.apple.effects import ChangeSettings
from smdp.device.apple.errors import item
from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Phone, Right
from smdp.device.apple.keys import Key, problem_with
from smdp.device.apple.result import ErrorItem, Result, acknowledged, failed
from smdp.device.apple.versions import exists

MAX_TEXT = 1000
"""The longest text that a setting may be, in characters."""


class Item(NamedTuple):
    """An item: the key of its value, what it takes, and the fields that it changes.

    Of a dictionary the keys below are kept, and no others.
    """

    name: str
    key: Key
    changes: Callable[[Any], dict[str, Any]]
    right: Right | None = None
    supervised: bool = False
    user_enrollment: bool = False
    evidence: Evidence = "documented"


_ENABLED = Key("Enabled", bool, required=True)
_ORGANIZATION = (
    Key("OrganizationName", str, required=True),
    Key("OrganizationShortName", str),
    Key("OrganizationAddress", str),
    Key("OrganizationPhone", str),
    Key("OrganizationEmail", str),
    Key("OrganizationMagic", str),
)
_ALL = (
    Item(
        "DataRoaming",
        _ENABLED,
        lambda on: {"data_roaming": True, "voice_roaming": True} if on else {"data_roaming": False},
        Right.NETWORK_INFORMATION,
    ),
    Item(
        "VoiceRoaming",
        _ENABLED,
        lambda on: {"voice_roaming": True} if on else {"voice_roaming": False, "data_roaming": False},
        Right.NETWORK_INFORMATION,
    ),
    Item("PersonalHotspot", _ENABLED, lambda on: {"personal_hotspot": on}, Right.NETWORK_INFORMATION),
    Item("DeviceName", Key("DeviceName", str, required=True), lambda name: {"name": name}, supervised=True),
    Item(
        "OrganizationInfo",
        Key("OrganizationInfo", dict, below=_ORGANIZATION),
        lambda info: {"organization_info": info or {}},
        user_enrollment=True,
    ),
    Item(
        "MDMOptions",
        Key("MDMOptions", dict, required=True, below=(Key("ActivationLockAllowedWhileSupervised", bool),)),
        lambda options: {"mdm_options": options},
    ),
    Item("TimeZone", Key("TimeZone", str, required=True), lambda zone: {"time_zone": zone}, supervised=True),
)
ITEMS: dict[str, Item] = {one.name: one for one in _ALL}
"""The items that the device keeps; others get 12021 as their own result."""


def change_settings(command: Mapping[str, Any], phone: Phone) -> Result:
    """Answer Settings: what could be changed is, the rest gets an error in its place."""
    wanted = command["Settings"]
    if not all(isinstance(one, Mapping) and isinstance(one.get("Item"), str) for one in wanted):
        return failed(item(12008, "Settings holds something other than dictionaries with an Item"))
    changes: dict[str, Any] = {}
    results: list[dict[str, Any]] = []
    for one in wanted:
        problem = _problem(one, phone)
        if problem is None:
            kind = ITEMS[one["Item"]]
            changes |= kind.changes(_kept(one.get(kind.key.name), kind.key))
            results.append({"Status": "Acknowledged"})
        else:
            results.append({"Status": "Error", "ErrorChain": [problem.plist()]})
    return acknowledged(ChangeSettings(changes=changes) if changes else None, Settings=results)


def _problem(wanted: Mapping[str, Any], phone: Phone) -> ErrorItem | None:
    name: str = wanted["Item"]
    kind = ITEMS.get(name)
    if kind is None or not exists("item", name, phone.os) or (phone.user_enrolled and not kind.user_enrollment):
        return item(12021, f"Settings: {name[:100]}")
    if kind.right is not None and not phone.has(kind.right):
        return item(12007, f"Settings: {name}")
    if kind.supervised and not phone.supervised:
        return item(12021, f"Settings: {name}")
    problem = problem_with(wanted, (kind.key,), f"{name}: ") or _too_long(wanted.get(kind.key.name), name)
    return item(12008, problem) if problem else None


def _kept(value: Any, key: Key) -> Any:
    return {one.name: value[one.name] for one in key.below if one.name in value} if key.below and value else value


def _too_long(value: object, name: str) -> str | None:
    texts = value.values() if isinstance(value, Mapping) else (value,)
    too_long = any(isinstance(text, str) and len(text) > MAX_TEXT for text in texts)
    return f"{name} has a text of more than {MAX_TEXT} characters" if too_long else None
