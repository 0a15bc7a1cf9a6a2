"""Declarative management (iOS 15): fetch the declarations, and report those status items that exist.

Apple's schema has no status item and no configuration about eSIM or cellular, so there is none here. The device follows
status subscriptions; of other configurations it reports "unknown", for it carries none of them out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from smdp.device.mdm.channel import Channel
from smdp.device.mdm.checkin import Who, declarative_management
from smdp.device.mdm.enrollment import Enrollment, host_of
from smdp.device.mdm.failure import MdmError, mdm_failure

ACTIVATION = "com.apple.activation.simple"
SUBSCRIPTIONS = "com.apple.configuration.management.status-subscriptions"
CAPABILITIES, DECLARATIONS = "management.client-capabilities", "management.declarations"
_IDENTIFIERS = "device.identifier.serial-number", "device.identifier.udid"
_MODEL, _SYSTEM = "device.model.", "device.operating-system."
_PASSCODE = "passcode.is-compliant", "passcode.is-present"
STATUS_ITEMS = (
    *_IDENTIFIERS,
    *(_MODEL + name for name in ("family", "identifier", "marketing-name", "number")),
    *(_SYSTEM + name for name in ("build-version", "family", "marketing-name", "version")),
    CAPABILITIES,
    DECLARATIONS,
    *_PASSCODE,
)
"""The status items of Apple's that a simulated iPhone can report."""
MAX_DECLARATIONS = 200
_KINDS = {"Activations": "activation", "Assets": "asset", "Configurations": "configuration", "Management": "management"}
_REPORTED = {kind: kind.lower() for kind in _KINDS}


class Declared(NamedTuple):
    """What a synchronisation found: the server's token, how many declarations, and which status items it wants."""

    token: str
    declarations: int
    subscribed: tuple[str, ...]


class _Item(NamedTuple):
    """A declaration of the manifest, with its content."""

    kind: str
    identifier: str
    server_token: str
    content: dict[str, Any]


async def synchronize(channel: Channel, who: Who, facts: Mapping[str, Any] | None = None) -> Declared:
    """Do what the DeclarativeManagement command asks for: tokens, declaration-items, each declaration, status.

    `facts` are values of further `STATUS_ITEMS`, such as passcode.is-present. Raises MdmError, ValueError for a fact
    that is none of them.
    """
    values = _values(channel.enrollment, who) | dict(facts or {})
    if foreign := values.keys() - set(STATUS_ITEMS):
        raise ValueError(f"{min(foreign)!r} is no status item that the device reports")
    tokens = (await declarative_management(channel, who, "tokens")).get("SyncTokens")
    token = tokens.get("DeclarationsToken") if isinstance(tokens, dict) else None
    if not isinstance(token, str):
        raise _unusable(channel, "the answer to tokens has no DeclarationsToken")
    manifest = (await declarative_management(channel, who, "declaration-items")).get("Declarations")
    if not isinstance(manifest, dict):
        raise _unusable(channel, "the answer to declaration-items has no Declarations")
    items = [await _fetch(channel, who, *entry) for entry in _entries(channel, manifest)]
    subscribed = tuple(dict.fromkeys(_subscribed(items)))
    await declarative_management(channel, who, "status", _report(values, items, subscribed))
    return Declared(token, len(items), subscribed)


def _values(enrollment: Enrollment, who: Who) -> dict[str, Any]:
    """The values that the device knows of itself; User Enrollment hides which device it is."""
    values: dict[str, Any] = {
        _MODEL + "family": "iPhone",
        _MODEL + "identifier": who.product,
        _SYSTEM + "family": "iOS",
        _SYSTEM + "version": who.os,
        _SYSTEM + "build-version": who.build,
    }
    if enrollment.kind != "user":
        values |= dict(zip(_IDENTIFIERS, (who.serial, who.udid), strict=True))
    return values


def _entries(channel: Channel, manifest: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Read the manifest: (kind, identifier, server token)."""
    found = list[tuple[str, str, str]]()
    for kind in _KINDS:
        entries = manifest.get(kind, [])
        for entry in entries if isinstance(entries, list) else [None]:
            named = entry if isinstance(entry, dict) else {}
            identifier, token = named.get("Identifier"), named.get("ServerToken")
            if not isinstance(identifier, str) or not isinstance(token, str):
                raise _unusable(channel, f"an entry of {kind} lacks Identifier or ServerToken")
            found.append((kind, identifier, token))
    if len(found) > MAX_DECLARATIONS:
        raise _unusable(channel, f"it declares more than {MAX_DECLARATIONS} things")
    return found


async def _fetch(channel: Channel, who: Who, kind: str, identifier: str, token: str) -> _Item:
    path = f"declaration/{_KINDS[kind]}/{quote(identifier, safe='')}"
    return _Item(kind, identifier, token, await declarative_management(channel, who, path))


def _active(items: list[_Item]) -> set[str]:
    """Name the configurations that an activation makes active."""
    found = set[str]()
    for item in items:
        payload = item.content.get("Payload")
        if item.content.get("Type") == ACTIVATION and isinstance(payload, dict):
            standard = payload.get("StandardConfigurations")
            found |= {one for one in standard if isinstance(one, str)} if isinstance(standard, list) else set()
    return found


def _subscribed(items: list[_Item]) -> Iterator[str]:
    """Name the status items that active subscriptions want."""
    active = _active(items)
    for item in items:
        payload = item.content.get("Payload")
        if item.identifier in active and item.content.get("Type") == SUBSCRIPTIONS and isinstance(payload, dict):
            wanted = payload.get("StatusItems")
            for one in wanted if isinstance(wanted, list) else ():
                if isinstance(one, dict) and isinstance(one.get("Name"), str):
                    yield one["Name"]


def _report(values: Mapping[str, Any], items: list[_Item], subscribed: tuple[str, ...]) -> dict[str, Any]:
    """Build a status report: capabilities and declarations always, the rest as subscribed."""
    known = dict(values) | {CAPABILITIES: _capabilities(values), DECLARATIONS: _declarations(items)}
    sent = [CAPABILITIES, DECLARATIONS, *(name for name in subscribed if name in known)]
    tree: dict[str, Any] = {}
    for name in sent:
        *branches, leaf = name.split(".")
        at = tree
        for branch in branches:
            at = at.setdefault(branch, {})
        at[leaf] = known[name]
    return {"StatusItems": tree, "Errors": [{"StatusItem": name} for name in subscribed if name not in known]}


def _capabilities(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "supported-versions": ["1.0.0"],
        "supported-features": {},
        "supported-payloads": {
            "declarations": {"activations": [ACTIVATION], "configurations": [SUBSCRIPTIONS]},
            "status-items": sorted({*values, CAPABILITIES, DECLARATIONS}),
        },
    }


def _declarations(items: list[_Item]) -> dict[str, Any]:
    active, report = _active(items), {name: list[dict[str, Any]]() for name in _REPORTED.values()}
    for item in items:
        known = item.content.get("Type") in (ACTIVATION, SUBSCRIPTIONS)
        used = item.kind == "Activations" or item.identifier in active
        report[_REPORTED[item.kind]].append(
            {
                "identifier": item.identifier,
                "server-token": item.server_token,
                "active": known and used,
                "valid": "valid" if known else "unknown",
            }
        )
    return report


def _unusable(channel: Channel, problem: str) -> MdmError:
    return mdm_failure("answer-malformed", host=host_of(channel.enrollment.check_in_url), problem=problem)
