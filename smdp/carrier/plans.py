"""Plans: what the profiles of a kind are made of and how they become active. Every function runs in a transaction."""

import binascii
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec

from smdp import upp
from smdp.carrier.errors import CONFLICT, UNKNOWN, CarrierError, did_you_mean, reject_unknown, reject_value
from smdp.durations import parse_duration
from smdp.model import ActivationRule, Plan
from smdp.rsp import metadata
from smdp.rsp.tlv import Malformed
from smdp.storage import Connection
from smdp.storage.queries import carriers as queries

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PREFIX = re.compile(r"[0-9]{1,14}", re.ASCII)
_HEXADECIMAL = re.compile(r"([0-9A-Fa-f]{2})+", re.ASCII)
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_MAX_PLANS = 1000


def find(connection: Connection, carrier: str, name: str) -> Plan:
    """Return a plan. Raises CarrierError (404) with the nearest name for an unknown one."""
    plan = queries.plan(connection, carrier, name)
    if plan is None:
        hint = did_you_mean(name, queries.plans(connection, carrier))
        raise CarrierError("plan-unknown", f"The carrier {carrier} has no plan {name[:70]!r}.", hint, UNKNOWN)
    return plan


def create(connection: Connection, carrier: str, settings: Mapping[str, Any]) -> Plan:
    """Make a plan. Raises CarrierError, also if there is one of that name."""
    name = settings.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        because = "A plan needs a name of at most 64 letters, digits, dots, dashes and underscores."
        raise CarrierError("plan-name-invalid", because, 'Give one: {"name": "fleet-10gb"}.')
    if len(queries.plans(connection, carrier)) >= _MAX_PLANS:
        raise CarrierError("too-many-plans", f"A carrier has at most {_MAX_PLANS} plans.", "Delete some.", CONFLICT)
    plan = merged(Plan(name=name), settings)
    if not queries.insert_plan(connection, carrier, plan):
        because = f"The carrier {carrier} has a plan {name} already."
        raise CarrierError("plan-exists", because, "Change it with PATCH, or choose another name.", CONFLICT)
    return plan


def change(connection: Connection, carrier: str, name: str, settings: Mapping[str, Any]) -> Plan:
    """Change settings of a plan, for every profile of it that was not handed out yet. Raises CarrierError."""
    plan = merged(find(connection, carrier, name), settings)
    queries.update_plan(connection, carrier, plan)
    return plan


def delete(connection: Connection, carrier: str, name: str) -> None:
    """Delete a plan that no profile is of. Raises CarrierError."""
    find(connection, carrier, name)
    if not queries.delete_plan(connection, carrier, name):
        because = f"There are profiles of the plan {name}."
        raise CarrierError("plan-in-use", because, "A plan can be deleted that no profile is of.", CONFLICT)


def merged(plan: Plan, settings: Mapping[str, Any]) -> Plan:
    """Lay settings over a plan and check every one of them. Raises CarrierError."""
    reject_unknown(settings, Plan.__struct_fields__, "plan")
    if settings.get("name", plan.name) != plan.name:
        raise CarrierError("plan-name-fixed", "A plan's name can't be changed.", "Create another plan.")
    values = msgspec.to_builtins(plan)
    given = dict(settings)
    if isinstance(given.get("activation"), dict):
        reject_unknown(given["activation"], ActivationRule.__struct_fields__, "plan's activation")
        given["activation"] = values["activation"] | given["activation"]
    try:
        changed = msgspec.convert(values | given, Plan)
    except msgspec.ValidationError as error:
        reject_value(error, "plan")
    _check(changed)
    return changed


def _check(plan: Plan) -> None:
    for what, text, limit in (
        ("profile_name", plan.profile_name, metadata.MAX_PROFILE_NAME),
        ("service_provider", plan.service_provider, metadata.MAX_SERVICE_PROVIDER_NAME),
    ):
        if not text.isprintable() or not 1 <= len(text.encode()) <= limit:
            because = f"The plan's {what} must be 1 to {limit} bytes of UTF-8."
            raise CarrierError("value-invalid", because, "Give a shorter name, and a printable one.")
    if not _PREFIX.fullmatch(plan.iccid_prefix):
        raise CarrierError("value-invalid", "The plan's iccid_prefix must be 1 to 14 digits.", 'As in "8900101".')
    install_delay(plan)
    delay(plan)
    icon(plan)
    if plan.upp is not None:
        package_bytes(plan.upp)


def install_delay(plan: Plan) -> timedelta:
    """Return how long a plan's activation waits before it is pending. Raises CarrierError."""
    return _duration(plan.activation.install_delay)


def delay(plan: Plan) -> timedelta:
    """Return how long a plan's activation is pending. Raises CarrierError."""
    return _duration(plan.activation.delay)


@lru_cache(maxsize=256)
def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CarrierError("value-invalid", f"The plan's activation: {error}", "As in 90s, 3m, PT3M.") from None


def icon(plan: Plan) -> tuple[metadata.IconType, bytes | None]:
    """Return the type and the bytes of a plan's icon, None where it has none. Raises CarrierError."""
    if plan.icon is None:
        return "png", None
    try:
        data = binascii.a2b_base64(plan.icon, strict_mode=True)
    except ValueError:
        data = b""
    if len(data) > metadata.MAX_ICON:
        because = f"The plan's icon has {len(data)} bytes; {metadata.MAX_ICON} are allowed."
        raise CarrierError("value-invalid", because, "Use fewer colours.")
    if data.startswith(_PNG):
        return "png", data
    if data.startswith(_JPEG):
        return "jpg", data
    raise CarrierError("value-invalid", "The plan's icon is no PNG or JPEG in base64.", "64 × 64 pixels, small.")


@lru_cache(maxsize=64)
def package_bytes(text: str) -> bytes:
    """Return a user's own package, given as base64 or hexadecimal DER, once it could be read. Raises CarrierError."""
    compact = "".join(text.split())
    try:
        data = bytes.fromhex(compact) if _HEXADECIMAL.fullmatch(compact) else _base64(compact)
        upp.read(data)
    except (Malformed, ValueError) as error:
        because = f"The profile package (upp) can't be read: {str(error)[:200]}."
        raise CarrierError("upp-invalid", because, "Give the package's DER in base64 or hexadecimal.") from None
    return data


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise ValueError("it is neither base64 nor hexadecimal") from None
