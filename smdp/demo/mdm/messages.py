"""What devices say: check-ins and answers to commands, from a plist to what is sent back."""

import json
import plistlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.parsers.expat import ExpatError

from smdp.demo.mdm.declarations import Declarations, UnknownEndpoint
from smdp.demo.mdm.queue import FINAL, NOT_NOW, Result
from smdp.demo.mdm.registry import Enrolled, Registry

_IDLE = "Idle"
_ABOUT = ("Topic", "OSVersion", "BuildVersion", "ProductName", "SerialNumber", "IMEI", "MEID")
_MAX_NAME = 128
_MAX_KEPT = 64 * 1024
_KEPT = ("Token", "UnlockToken", "BootstrapToken", "Data")
_CLEARED = "The device enrolled anew: what waited for it was dropped, as real MDM servers do."
_GONE = "The device checked out."


class BadRequest(Exception):  # noqa: N818 - named after its status, 400
    """A message can't be read, or lacks what it needs; the message says what."""


class Failed(Exception):  # noqa: N818 - as BadRequest, 500
    """A message is readable, and makes no sense to this server."""


class NotFound(Exception):  # noqa: N818 - as BadRequest, 404
    """A device asks for a declaration that is not there."""


def read(body: bytes) -> dict[str, Any]:
    """Read a property list that is a dictionary. Raises BadRequest."""
    try:
        found = plistlib.loads(body)
    except (
        plistlib.InvalidFileException, ExpatError, ValueError, TypeError, AttributeError, KeyError, IndexError,
        OverflowError, RecursionError, MemoryError,
    ):  # fmt: skip
        raise BadRequest("the body is no property list") from None
    if not isinstance(found, dict):
        raise BadRequest("the property list is no dictionary")
    return found


@dataclass(slots=True)
class Desk:
    """Where messages arrive: `check_in` and `connect` take one, with the certificate it came with."""

    registry: Registry
    declarations: Declarations
    return_to_service: dict[str, Any] = field(default_factory=lambda: {"ReturnToService": {"Enabled": True}})
    """What devices are told that ask for return to service (iOS 26), such as PreserveDataPlan too (26.4)."""

    # --- check-in

    def check_in(self, message: Mapping[str, Any], fingerprint: bytes) -> bytes:
        """Answer a check-in. Raises BadRequest, Failed, NotFound, NotAssociated."""
        kind = message.get("MessageType")
        udid, user = _who(message)
        for name in _KEPT:
            if isinstance(message.get(name), bytes) and len(message[name]) > _MAX_KEPT:
                raise BadRequest(f"{name} is longer than {_MAX_KEPT // 1024} KiB")
        if kind == "Authenticate":
            self._authenticate(udid, message, fingerprint, user=user)
            return b""
        handler = {
            "TokenUpdate": _token_update,
            "CheckOut": _check_out,
            "SetBootstrapToken": _set_bootstrap_token,
            "GetBootstrapToken": _get_bootstrap_token,
            "DeclarativeManagement": self._declarative_management,
            "ReturnToService": self._return_to_service,
        }.get(kind if isinstance(kind, str) else "")
        if handler is None:
            raise BadRequest(f"unknown MessageType {str(kind)[:64]!r}")
        answer = handler(self._known(udid, fingerprint), message)
        if kind == "TokenUpdate":
            self.registry.enrolled(udid)
        return answer

    def _authenticate(self, udid: str, message: Mapping[str, Any], fingerprint: bytes, *, user: bool) -> None:
        device = self.registry.device(udid)
        self.registry.bind(udid, fingerprint)
        device.about = {name: message[name][:_MAX_NAME] for name in _ABOUT if isinstance(message.get(name), str)}
        device.user_enrollment, device.enrolled, device.token_updates = user, False, 0
        device.token = device.unlock_token = device.bootstrap_token = device.status_report = None
        device.last_seen = datetime.now(UTC)
        device.queue.clear(_CLEARED)

    def _known(self, udid: str, fingerprint: bytes) -> Enrolled:
        self.registry.check(udid, fingerprint)
        device = self.registry.devices[udid]
        device.last_seen = datetime.now(UTC)
        return device

    def _declarative_management(self, device: Enrolled, message: Mapping[str, Any]) -> bytes:
        endpoint = message.get("Endpoint")
        if not isinstance(endpoint, str):
            raise BadRequest("DeclarativeManagement lacks Endpoint")
        if endpoint != "status":
            try:
                return self.declarations.answer(endpoint)
            except UnknownEndpoint as error:
                raise NotFound(str(error)) from None
        try:
            report = json.loads(message.get("Data", b""))
        except (ValueError, TypeError, RecursionError):
            raise BadRequest("the status report is no JSON") from None
        if not isinstance(report, dict):
            raise BadRequest("the status report is no JSON object")
        device.status_report = report
        return b""

    def _return_to_service(self, _device: Enrolled, _message: Mapping[str, Any]) -> bytes:
        return plistlib.dumps(self.return_to_service)

    # --- commands

    def connect(self, message: Mapping[str, Any], fingerprint: bytes, raw: bytes) -> bytes:
        """Take a status or a result (`raw` is the same in bytes); answer with the next command, or nothing.

        Raises as `check_in`.
        """
        udid, _ = _who(message)
        status = message.get("Status")
        if not isinstance(status, str) or not status:
            raise BadRequest("it lacks Status")
        device = self._known(udid, fingerprint)
        if status != _IDLE:
            self._answered(device, status, message, raw)
        return (device.queue.next(status) or b"") if device.enrolled else b""

    def _answered(self, device: Enrolled, status: str, message: Mapping[str, Any], raw: bytes) -> None:
        uuid = message.get("CommandUUID")
        if not isinstance(uuid, str) or not 0 < len(uuid) <= _MAX_NAME:
            raise Failed("it lacks CommandUUID")
        if status not in FINAL and status != NOT_NOW:
            raise Failed(f"unknown Status {status[:64]!r}")
        kind = device.queue.request_type(uuid)
        if kind is not None:
            device.queue.answered(Result(device.udid, uuid, kind, status, datetime.now(UTC), message, raw))


def _who(message: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the device's UDID, or its EnrollmentID and True. Raises BadRequest."""
    for name in ("UDID", "EnrollmentID"):
        found = message.get(name)
        if isinstance(found, str) and 0 < len(found) <= _MAX_NAME:
            return found, name == "EnrollmentID"
    raise BadRequest("it has neither UDID nor EnrollmentID")


def _token_update(device: Enrolled, message: Mapping[str, Any]) -> bytes:
    token, magic = message.get("Token"), message.get("PushMagic")
    if not isinstance(token, bytes) or not isinstance(magic, str):
        raise BadRequest("TokenUpdate lacks Token or PushMagic")
    device.token = token
    unlock = message.get("UnlockToken")
    device.unlock_token = unlock if isinstance(unlock, bytes) else device.unlock_token
    device.awaiting_configuration = message.get("AwaitingConfiguration") is True
    device.token_updates += 1
    return b""


def _check_out(device: Enrolled, _message: Mapping[str, Any]) -> bytes:
    device.enrolled, device.token = False, None
    device.queue.clear(_GONE)
    return b""


def _set_bootstrap_token(device: Enrolled, message: Mapping[str, Any]) -> bytes:
    token = message.get("BootstrapToken")
    device.bootstrap_token = token if isinstance(token, bytes) and token else None
    return b""


def _get_bootstrap_token(device: Enrolled, _message: Mapping[str, Any]) -> bytes:
    if device.bootstrap_token is None:
        return b""
    return plistlib.dumps({"BootstrapToken": device.bootstrap_token})
