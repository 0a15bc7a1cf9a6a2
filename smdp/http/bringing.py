"""Devices from the entries of a document: made as `POST /devices` does, or brought back with their eUICC."""

import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from smdp.carrier.document import at
from smdp.carrier.errors import CONFLICT, CarrierError, reject_unknown
from smdp.carrier.scope import Scope
from smdp.clock import Clock
from smdp.device import Device, Es9Client, new_device
from smdp.device.apple.versions import os_problem
from smdp.model import Device as Description
from smdp.model import EnrollmentKind
from smdp.pki.errors import PkiError
from smdp.pki.model import Pki
from smdp.rsp.crypto import Entropy
from smdp.rsp.ids import ungrouped
from smdp.storage.queries import devices as queries
from smdp.storage.queries.contents import DeviceRow

MAX_DEVICES = 100_000
CHANGEABLE = frozenset({"name", "os", "model", "online", "supervised", "cellular", "physical_sim", "country"})
CHANGEABLE |= {"enrollment_kind"}
OPTIONS: dict[str, type] = {"udid": str, "serial": str, "imei": str, "os": str, "model": str, "name": str}
OPTIONS |= {"supervised": bool, "online": bool, "cellular": bool, "physical_sim": bool, "eid": str, "carrier": str}
OPTIONS |= {"country": str, "enrollment_kind": str}
"""What may be said of a device that is made, and of what kind it is."""
_FIXED = ("eid", "udid", "serial", "imei")
_MAX_TEXT = 200
_KINDS: tuple[str, ...] = get_args(EnrollmentKind)
_COUNTRY = re.compile("[A-Z]{2}", re.ASCII)
PASSED_OVER = tuple(name for name in Description.__struct_fields__ if name not in OPTIONS)
"""Members of a device that follow from others: whoever sends a device back as it came may leave them in."""


class Bringer:
    """Makes devices that trust a PKI and reach carriers through a client."""

    def __init__(self, pki: Pki, client: Es9Client, clock_of: Callable[[str], Clock]) -> None:
        self._pki, self._client, self._clock_of = pki, client, clock_of

    def make(self, options: Mapping[str, Any], entropy: Entropy) -> Device:
        """Make a device; `carrier` is among its options. Raises CarrierError for what no device has."""
        check_os(options)
        try:
            return new_device(
                self._pki,
                client=self._client,
                clock=self._clock_of(options["carrier"]),
                entropy=entropy,
                **options,  # whose kinds check() has compared
            )
        except PkiError as error:
            because = f"{error.problem[:1].upper()}{error.problem[1:]}."
            raise CarrierError("eid-not-permitted", because, error.fix) from None
        except ValueError as error:
            raise CarrierError("device-invalid", f"{error}.", "Leave it out to have one made up.") from None

    def bring(self, scope: Scope, entries: Sequence[Mapping[str, Any]], entropy: Entropy) -> list[DeviceRow]:
        """Return the rows of a document's devices, at home in the scope's carrier. Raises CarrierError with a path."""
        check_room(queries.count(scope.connection) + len(entries))
        rows = []
        for place, entry in enumerate(entries):
            with at(f"$.devices[{place}]"):
                rows.append(_row(self._device(scope.name, entry, entropy)))
        return rows

    def _device(self, carrier: str, entry: Mapping[str, Any], entropy: Entropy) -> Device:
        state = entry.get("state")
        given = {
            name: value for name, value in entry.items() if value is not None and name not in (*PASSED_OVER, "state")
        }
        check(given, OPTIONS)
        if state is None:
            return self.make(given | {"carrier": carrier}, entropy)
        device = self._brought_back(carrier, state, entropy)
        for name in _FIXED:
            its: str = getattr(device.state, name)
            if ungrouped(given.get(name, its)) != ungrouped(its):
                because = f"Its state is that of the {name} {its}, not of {given[name]}."
                raise CarrierError(f"{name}-invalid", because, "Leave out state to have another device made.")
        for name in CHANGEABLE & given.keys():
            setattr(device.state, name, given[name])
        check_os({"os": device.state.os})
        device.state.carrier = carrier
        return device

    def _brought_back(self, carrier: str, state: object, entropy: Entropy) -> Device:
        try:
            data = state if isinstance(state, bytes) else binascii.a2b_base64(str(state), strict_mode=True)
            return Device.load(data, client=self._client, clock=self._clock_of(carrier), entropy=entropy)
        except (ValueError, msgspec.MsgspecError):
            because = "Its state is not what smdp exports."
            raise CarrierError("state-invalid", because, "Leave it out, and a fresh device is made.") from None


def _row(device: Device) -> DeviceRow:
    description = msgspec.json.encode(device.describe()).decode()
    return DeviceRow(device.eid, description, device.dump(), bool(device.euicc.notifications))


def check_room(wanted: int) -> None:
    """Refuse more devices than a server hosts."""
    if wanted > MAX_DEVICES:
        because = f"A server hosts at most {MAX_DEVICES} devices."
        raise CarrierError("too-many-devices", because, "Delete some, or start another server.", CONFLICT)


def check(options: Mapping[str, Any], known: Mapping[str, type]) -> None:
    """Refuse options that no device has, and values of the wrong kind."""
    reject_unknown(options, known, "device")
    for name, value in options.items():
        kind = known[name]
        if name == "enrollment_kind" and value not in _KINDS:
            because = f"A device is enrolled in one of the kinds {', '.join(_KINDS)}."
            raise CarrierError("value-invalid", because, "Leave it out for device: by a profile that is installed.")
        if name == "country" and not (isinstance(value, str) and _COUNTRY.fullmatch(value)):
            raise CarrierError("value-invalid", "A device's country is two capital letters.", "Give one such as US.")
        if type(value) is not kind or not _plain(value):
            wanted = "true or false" if kind is bool else f"a text of at most {_MAX_TEXT} printable characters"
            raise CarrierError("value-invalid", f"A device's {name} is {wanted}.", "Correct it, or leave it out.")


def check_os(options: Mapping[str, Any]) -> None:
    """Refuse an iOS that never was, or is too old; whether the model ever ran it is nobody's business in a test."""
    if (os := options.get("os")) is not None and (problem := os_problem(os)):
        raise CarrierError("value-invalid", problem, "Give a version that this device had, such as 18.1 or 26.1.")


def _plain(value: object) -> bool:
    return not isinstance(value, str) or (len(value) <= _MAX_TEXT and value.isprintable())
