"""Carriers: made by a POST or by the first write that names them, changed, deleted. All of it in transactions."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from smdp.carrier.errors import CONFLICT, UNKNOWN, CarrierError, did_you_mean, reject_unknown, reject_value
from smdp.carrier.scope import Times
from smdp.model import Carrier, Limits, Plan
from smdp.rsp.codes import code
from smdp.storage import Connection
from smdp.storage.queries import carriers as queries

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|\[?[0-9a-f:]+\]?", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?", re.ASCII)
_RESERVED = frozenset({"smds"})
DERIVED = ("esim_server_url", "sm_ds", "carrier_created")
"""Members that are answered and not stored; whoever sends a carrier back as it came may leave them in."""
_TEXT = {
    "mcc": (re.compile(r"[0-9]{3}", re.ASCII), "three digits"),
    "mnc": (re.compile(r"[0-9]{2,3}", re.ASCII), "two or three digits"),
    "country": (re.compile(r"[A-Z]{2}", re.ASCII), "two capital letters, such as US"),
    "network_name": (re.compile(r"[^\x00-\x1f\x7f]{1,32}"), "1 to 32 characters"),
}
_MAX_HOSTS = 100
_HIGHEST_PORT = 65535


def check_name(name: str) -> None:
    """Refuse a name that is no label of a host name."""
    if not _NAME.fullmatch(name) or name in _RESERVED:
        because = f"{name[:70]!r} can't be a carrier's name: it becomes part of a host name."
        raise CarrierError("carrier-name-invalid", because, "Use lower-case letters, digits and dashes, at most 63.")


def find(connection: Connection, name: str) -> Carrier:
    """Return a carrier. Raises CarrierError (404) with the nearest name for an unknown one."""
    carrier = queries.carrier(connection, name)
    if carrier is None:
        hint = did_you_mean(name, queries.carrier_names(connection))
        fix = f"{hint} Or create it: smdp carrier new NAME, or the first write that names it.".strip()
        raise CarrierError("carrier-unknown", f"There is no carrier {name[:70]!r}.", fix, UNKNOWN)
    return carrier


def create(connection: Connection, carrier: Carrier, times: Times) -> bool:
    """Store a fresh carrier with its plan `default`; False if there is one of that name."""
    check_name(carrier.name)
    if not queries.insert_carrier(connection, carrier, times.wall):
        return False
    _claim_hosts(connection, carrier)
    queries.insert_plan(connection, carrier.name, Plan(name="default"))
    return True


def change(connection: Connection, carrier: Carrier, settings: Mapping[str, Any], *, whole: bool = False) -> Carrier:
    """Change settings of a carrier; `whole` sets all others to their defaults. Raises CarrierError."""
    changed = merged(Carrier(name=carrier.name) if whole else carrier, settings)
    queries.update_carrier(connection, changed)
    _claim_hosts(connection, changed)
    return changed


def merged(carrier: Carrier, settings: Mapping[str, Any]) -> Carrier:
    """Lay settings over a carrier and check every one of them. Raises CarrierError."""
    given = {name: value for name, value in settings.items() if name not in DERIVED}
    reject_unknown(given, (name for name in Carrier.__struct_fields__ if name not in DERIVED), "carrier")
    if given.get("name", carrier.name) != carrier.name:
        raise CarrierError("carrier-name-fixed", "A carrier's name can't be changed.", "Create another carrier.")
    values = msgspec.to_builtins(carrier)
    if isinstance(given.get("limits"), dict):
        reject_unknown(given["limits"], Limits.__struct_fields__, "limits")
        given["limits"] = values["limits"] | given["limits"]
    try:
        changed = msgspec.convert(values | given, Carrier)
    except msgspec.ValidationError as error:
        reject_value(error, "carrier")
    changed.hosts = [_host(host) for host in changed.hosts]
    changed.smds_hosts = [_host(host) for host in changed.smds_hosts]
    _check(changed)
    return changed


def _host(text: str) -> str:
    host = text.strip().lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        because = f"{text[:70]!r} is no host name."
        raise CarrierError("host-invalid", because, "Write names without scheme, port and path: esim.acme.test.")
    return host


def _check(carrier: Carrier) -> None:
    for name, (form, wanted) in _TEXT.items():
        if not form.fullmatch(getattr(carrier, name)):
            raise CarrierError("value-invalid", f"The carrier's {name} is not {wanted}.", f"Give {wanted}.")
    if carrier.address is not None and not _is_address(carrier.address):
        because = "The carrier's address is not host or host:port."
        raise CarrierError("value-invalid", because, "Write it without scheme and path: esim.acme.test:8443.")
    if max(len(carrier.hosts), len(carrier.smds_hosts), len(carrier.operators)) > _MAX_HOSTS:
        raise CarrierError("value-invalid", f"A carrier has at most {_MAX_HOSTS} hosts and operators.", "Give fewer.")
    for name in Limits.__struct_fields__:
        value = getattr(carrier.limits, name)
        if value is not None and not 1 <= value <= 1_000_000:  # noqa: PLR2004 - far above what makes sense
            because = f"limits.{name} is {value}, not a number from 1 to 1000000."
            raise CarrierError("value-invalid", because, "Give a positive number.")
    try:
        code(carrier.no_order_code)
    except ValueError as error:
        because = f"no_order_code is not right: {error}."
        raise CarrierError("value-invalid", because, 'Use a pair of status codes such as "8.1.1/3.8".') from None


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and (match[1] is None or 0 < int(match[1][1:]) <= _HIGHEST_PORT)


def _claim_hosts(connection: Connection, carrier: Carrier) -> None:
    taken = queries.set_hosts(connection, carrier.name, carrier.hosts)
    if taken is not None:
        because = f"The host {taken} leads to another carrier already."
        raise CarrierError("host-taken", because, "Take it away there, or choose another.", CONFLICT)
