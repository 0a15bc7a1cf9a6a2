"""The Settings command: a list of items, each with its own result in the same order.

Apple's protocol reference says an array of results, its schema describes one of them and says dictionary.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from smdp.device.apple.effects import ChangeSettings
from smdp.device.apple.errors import item
from smdp.device.apple.evidence import Evidence
from smdp.device.apple.facts import Phone, Right
from smdp.device.apple.profiles import is_a
from smdp.device.apple.result import ErrorItem, Result, acknowledged, failed
from smdp.device.apple.versions import exists


class Item(NamedTuple):
    """An item: the key of its value and its type, what it takes, and the fields that it changes."""

    name: str
    key: str
    type: type
    changes: Callable[[Any], dict[str, Any]]
    right: Right | None = None
    supervised: bool = False
    user_enrollment: bool = False
    optional: bool = False
    evidence: Evidence = "documented"


_ALL = (
    Item(
        "DataRoaming",
        "Enabled",
        bool,
        lambda on: {"data_roaming": True, "voice_roaming": True} if on else {"data_roaming": False},
        Right.NETWORK_INFORMATION,
    ),
    Item(
        "VoiceRoaming",
        "Enabled",
        bool,
        lambda on: {"voice_roaming": True} if on else {"voice_roaming": False, "data_roaming": False},
        Right.NETWORK_INFORMATION,
    ),
    Item("PersonalHotspot", "Enabled", bool, lambda on: {"personal_hotspot": on}, Right.NETWORK_INFORMATION),
    Item("DeviceName", "DeviceName", str, lambda name: {"name": name}, supervised=True),
    Item(
        "OrganizationInfo",
        "OrganizationInfo",
        dict,
        lambda info: {"organization_info": info or {}},
        user_enrollment=True,
        optional=True,
    ),
    Item("MDMOptions", "MDMOptions", dict, lambda options: {"mdm_options": options}),
    Item("TimeZone", "TimeZone", str, lambda zone: {"time_zone": zone}, supervised=True),
)
ITEMS: dict[str, Item] = {one.name: one for one in _ALL}
"""The items that the device keeps; others get 12021 as their own result."""


def change_settings(command: Mapping[str, Any], phone: Phone, _: Collection[str]) -> Result:
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
            changes |= kind.changes(one.get(kind.key))
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
    value = wanted.get(kind.key)
    if value is None and not kind.optional:
        return item(12008, f"{name} lacks {kind.key}")
    return (
        item(12008, f"{kind.key} of {name} has a wrong type")
        if value is not None and not is_a(value, kind.type)
        else None
    )
