"""MDM commands of the eSIM flow, and how six MDM products are told to send them; pure, nothing is sent.

`plist` is what a device gets. What the products take is from their source code (MicroMDM) or their documentation
(NanoMDM, Fleet, Jamf Pro, SimpleMDM), and each `Message` says which; the tests run each call, NanoMDM's against the
small MDM of `smdp.demo`, and none against the product itself.
"""

import base64
import json
import plistlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

Verb = Literal["refresh", "query", "erase", "restrict"]
Evidence = Literal["source", "documentation", "unverified"]

REQUEST_TYPES: dict[Verb, str] = {
    "refresh": "RefreshCellularPlans",
    "query": "DeviceInformation",
    "erase": "EraseDevice",
    "restrict": "InstallProfile",
}

RESTRICTIONS = {
    "allowESIMModification": False,
    "allowESIMOutgoingTransfers": False,
    "forcePreserveESIMOnErase": True,
    "allowCellularPlanModification": False,
    "allowAppCellularDataModification": False,
    "allowEraseContentAndSettings": False,
}
"""The keys of com.apple.applicationaccess that are about eSIMs, and the value that restricts (supervised devices)."""

EVIDENCE: dict[Evidence, str] = {
    "source": "this call is by its source code, and was not run",
    "documentation": "this call is by its documentation, and was not run",
    "unverified": "this call is not verified",
}

_MICROMDM = {
    "eSIMServerURL": "esim_server_url",
    "Queries": "queries",
    "PreserveDataPlan": "preserve_data_plan",
    "Payload": "payload",
}
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}", re.ASCII)
_RESTRICTIONS_ID = "test.smdp.restrictions"


class Command(Struct, frozen=True):
    """A command for one device: the plist is `{CommandUUID, Command}`; `members` is Command without RequestType."""

    verb: Verb
    udid: str
    uuid: str
    members: dict[str, Any]

    @property
    def request_type(self) -> str:
        """Apple's name of it."""
        return REQUEST_TYPES[self.verb]

    def plist(self) -> bytes:
        """Write what the device gets (XML)."""
        inner = {"RequestType": self.request_type, **self.members}
        return plistlib.dumps({"CommandUUID": self.uuid, "Command": inner}, sort_keys=False)


class Message(Struct, frozen=True):
    """What to send to a product: an HTTP request, as a curl command too; `body` alone where it takes a file."""

    product: str
    request_type: str
    command_uuid: str
    evidence: Evidence
    body: str
    method: str | None = None
    url: str | None = None
    """With variables of the shell for what only you know."""
    curl: str | None = None
    note: str | None = None


def is_name(text: str) -> bool:
    """Say whether this can name a device (a UDID, an EnrollmentID) or a command (a CommandUUID)."""
    return _NAME.fullmatch(text) is not None


def refresh(udid: str, uuid: str, url: str) -> Command:
    """Ask a carrier's server for the device's plan; `url` is the eSIMServerURL."""
    return Command("refresh", udid, uuid, {"eSIMServerURL": url})


def query(udid: str, uuid: str, queries: Sequence[str] = ("ServiceSubscriptions",)) -> Command:
    """Ask the device for what it has."""
    return Command("query", udid, uuid, {"Queries": list(queries)})


def erase(udid: str, uuid: str, *, preserve_data_plan: bool = False) -> Command:
    """Wipe the device, with its eSIMs or without."""
    return Command("erase", udid, uuid, {"PreserveDataPlan": preserve_data_plan})


def restrict(udid: str, uuid: str, restrictions: Mapping[str, bool]) -> Command:
    """Install a profile with restrictions; its identifier is always the same, so that the next one replaces it."""
    return Command("restrict", udid, uuid, {"Payload": restrictions_profile(restrictions, uuid)})


def restrictions_profile(restrictions: Mapping[str, bool], uuid: str) -> bytes:
    """Write a profile (.mobileconfig) with restrictions; its UUIDs are made of `uuid`."""
    payload = {
        "PayloadType": "com.apple.applicationaccess",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{_RESTRICTIONS_ID}.access",
        "PayloadUUID": f"{uuid}-A",
        **restrictions,
    }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": _RESTRICTIONS_ID,
        "PayloadUUID": f"{uuid}-P",
        "PayloadDisplayName": "eSIM restrictions (smdp)",
        "PayloadContent": [payload],
    }
    return plistlib.dumps(profile, sort_keys=False)


# --- products


def message(command: Command, product: str) -> Message:
    """Say what to send to a product (a key of PRODUCTS)."""
    return PRODUCTS[product](command)


def _plist(command: Command) -> Message:
    return Message("plist", command.request_type, command.uuid, "documentation", command.plist().decode())


def _nanomdm(command: Command) -> Message:
    body = command.plist().decode()
    url = f"$NANOMDM_URL/v1/enqueue/{command.udid}"
    curl = f'curl -fsS -u "nanomdm:$NANOMDM_API_KEY" -T - "{url}" <<\'PLIST\'\n{body}PLIST'
    return Message("nanomdm", command.request_type, command.uuid, "documentation", body, "PUT", url, curl)


def _micromdm(command: Command) -> Message:
    members = {
        _MICROMDM[name]: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in command.members.items()
    }
    body = {"udid": command.udid, "command_uuid": command.uuid, "request_type": command.request_type, **members}
    return _json(command, "micromdm", "source", "$MICROMDM_URL/v1/commands", body, '-u "micromdm:$MICROMDM_API_TOKEN"')


def _fleet(command: Command) -> Message:
    body = {"host_uuids": [command.udid], "command": base64.b64encode(command.plist()).decode()}
    url = "$FLEET_URL/api/v1/fleet/commands/run"
    return _json(command, "fleet", "documentation", url, body, '-H "Authorization: Bearer $FLEET_API_TOKEN"')


def _jamf(command: Command) -> Message:
    auth = '-H "Authorization: Bearer $JAMF_TOKEN"'
    note = "Jamf Pro names devices by ids of its own: see GET /api/v2/mobile-devices for id and managementId."
    if command.verb == "restrict":
        return _by_upload(command, "jamf", "a configuration profile for mobile devices")
    if command.verb == "erase":
        url = "$JAMF_URL/api/v2/mobile-devices/$JAMF_DEVICE_ID/erase"
        return _json(command, "jamf", "documentation", url, _preserve("preserveDataPlan", command), auth, note)
    if command.verb == "refresh":
        data = {"commandType": "REFRESH_CELLULAR_PLANS", "esimServerUrl": command.members["eSIMServerURL"]}
    else:
        data = {"commandType": "DEVICE_INFORMATION", "queries": command.members["Queries"]}
    body = {"clientData": [{"managementId": "$JAMF_MANAGEMENT_ID"}], "commandData": data}
    evidence: Evidence = "documentation" if command.verb == "refresh" else "unverified"
    return _json(command, "jamf", evidence, "$JAMF_URL/api/v2/mdm/commands", body, auth, note)


def _simplemdm(command: Command) -> Message:
    if command.verb == "restrict":
        return _by_upload(command, "simplemdm", "a custom configuration profile")
    action, body = {
        "refresh": ("refresh_cellular_plans", {"esim_server_url": command.members.get("eSIMServerURL")}),
        "query": ("refresh", {}),
        "erase": ("wipe", _preserve("preserve_data_plan", command)),
    }[command.verb]
    note = "SimpleMDM names devices by ids of its own: see GET /api/v1/devices."
    if command.verb == "query":
        note += " It asks for all that it knows; the answer is in GET /api/v1/devices/ID."
    url = f"https://a.simplemdm.com/api/v1/devices/$SIMPLEMDM_DEVICE_ID/{action}"
    return _json(command, "simplemdm", "documentation", url, body, '-u "$SIMPLEMDM_API_KEY:"', note)


def _preserve(name: str, command: Command) -> dict[str, Any]:
    return {name: command.members.get("PreserveDataPlan")}


def _json(
    command: Command, product: str, evidence: Evidence, url: str, body: Mapping[str, Any], auth: str, note: str = ""
) -> Message:
    """Write a POST of JSON; variables in the body are the shell's, too."""
    text = json.dumps(body)
    quoted = "'" + "'\"$JAMF_MANAGEMENT_ID\"'".join(map(_inside, text.split("$JAMF_MANAGEMENT_ID"))) + "'"
    curl = f'curl -fsS {auth} -H "Content-Type: application/json" -d {quoted} "{url}"'
    return Message(product, command.request_type, command.uuid, evidence, text, "POST", url, curl, note or None)


def _inside(text: str) -> str:
    """Quote a text for a shell, without the quotes at its ends."""
    return text.replace("'", "'\"'\"'")


def _by_upload(command: Command, product: str, what: str) -> Message:
    """Give the profile itself, for products that take one as a file."""
    note = f"This is the profile: upload it as {what} and assign it to the device."
    body = command.members["Payload"].decode()
    return Message(product, command.request_type, command.uuid, "documentation", body, note=note)


PRODUCTS: dict[str, Callable[[Command], Message]] = {
    "plist": _plist,
    "nanomdm": _nanomdm,
    "micromdm": _micromdm,
    "fleet": _fleet,
    "jamf": _jamf,
    "simplemdm": _simplemdm,
}
"""The products by the name that `--as` takes."""
