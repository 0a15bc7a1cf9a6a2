"""What requests carry and answers consist of where `smdp.model` has no struct for it: the types behind the OpenAPI.

The handlers check bodies with their own sentences; these types are what generators of clients read.
"""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from smdp.carrier import document
from smdp.carrier.carriers import DERIVED
from smdp.carrier.clocks import ClockChange
from smdp.carrier.faults import FaultOrder
from smdp.carrier.hooks import Hook
from smdp.carrier.issue import IssueOrder
from smdp.carrier.service import Waited
from smdp.http import bringing
from smdp.http.clock import AdvanceBody
from smdp.http.events import WaitBody
from smdp.http.managing import EnrollBody, EraseBody, UserBody
from smdp.http.network import AttachBody
from smdp.http.profiles import ActivationBody
from smdp.model import ActivationRule, Carrier, Device, EnrollmentKind, Limits, Plan

__all__ = [
    "ActivationBody",
    "AdvanceBody",
    "AttachBody",
    "ClockChange",
    "EnrollBody",
    "EraseBody",
    "FaultOrder",
    "IssueOrder",
    "UserBody",
    "WaitBody",
    "Waited",
]

T = TypeVar("T")


class Page(Struct, Generic[T]):
    """A page of a list; `next` is the cursor of the page behind it, null at the end."""

    items: list[T]
    next: int | str | None


# --- answers


class Status(Struct):
    """Whether the server lives, or is ready."""

    status: Literal["live", "ready"]


class CarrierName(Struct):
    """A carrier, and what devices are told to find it."""

    name: str
    esim_server_url: str


class About(Struct, omit_defaults=True):
    """What the server is, where it listens, and what a client has to trust."""

    version: str
    domain: str
    carriers: list[CarrierName]
    addresses: dict[str, str] | None = None
    ca_fingerprint: str | None = None
    permitted_names: list[str] | None = None


class RawMessage(Struct):
    """One function call of a session: the bodies as they were, in base64."""

    step: str
    at: datetime
    request: bytes | None
    response: bytes | None


class RawNotification(Struct):
    """A notification of a session, in base64."""

    at: datetime
    kind: str
    verified: bool
    raw: bytes


class RawSession(Struct):
    """A session's messages as they were."""

    id: str
    messages: list[RawMessage]
    notifications: list[RawNotification]


# --- requests


def some_of(name: str, struct: type[Struct], /, *, members: tuple[str, ...] = (), **more: Any) -> type[Struct]:
    """Make the type of a body that may have `members` of a struct (all, if none is named), each or none of them.

    `more` are members of another type than the struct's, or that it lacks.
    """
    chosen = [field for field in structs.fields(struct) if not members or field.name in members]
    types = {field.name: field.type for field in chosen} | more
    given = [(member, kind | UnsetType, UNSET) for member, kind in types.items()]
    return msgspec.defstruct(name, given, kw_only=True, forbid_unknown_fields=True)


CarrierLabel = Annotated[str, Meta(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", examples=["acme"])]
PlanLabel = Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["fleet-10gb"])]

_PASSED_OVER: dict[str, Any] = dict.fromkeys(DERIVED, Any)
_SETTINGS = tuple(member for member in Carrier.__struct_fields__ if member not in ("name", "esim_server_url", "sm_ds"))
LimitsSettings = some_of("LimitsSettings", Limits)
_CHANGED: dict[str, Any] = {"limits": LimitsSettings} | _PASSED_OVER
CarrierSettings = some_of("CarrierSettings", Carrier, members=_SETTINGS, **_CHANGED)
CarrierOrder = some_of("CarrierOrder", Carrier, members=_SETTINGS, name=CarrierLabel | None, **_CHANGED)

_PLAN = tuple(member for member in Plan.__struct_fields__ if member != "name")
ActivationSettings = some_of("ActivationSettings", ActivationRule)
PlanSettings = some_of("PlanSettings", Plan, members=_PLAN, activation=ActivationSettings)
PlanOrder = msgspec.defstruct("PlanOrder", [("name", PlanLabel)], bases=(PlanSettings,), kw_only=True)

ProfileSettings = some_of(
    "ProfileSettings", IssueOrder, members=("eid", "imei", "expires", "expires_at", "confirmation_code")
)

_YES_OR_NO = ("online", "supervised", "cellular", "physical_sim")
_CHANGEABLE = ("name", "os", "model", "country", "enrollment_kind", *_YES_OR_NO)
DeviceSettings = some_of("DeviceSettings", Device, members=_CHANGEABLE)
_MADE_UP: dict[str, Any] = dict.fromkeys(
    ("name", "os", "model", "country", "eid", "udid", "serial", "imei", "carrier"), str | None
)
_MADE_UP |= dict.fromkeys(_YES_OR_NO, bool | None) | {"enrollment_kind": EnrollmentKind | None}
DeviceOrder = some_of("DeviceOrder", Device, members=_CHANGEABLE, **_MADE_UP)

CarrierEntry = some_of("CarrierEntry", Carrier, members=_SETTINGS, name=str | None, **_CHANGED)
_TEXTS: dict[str, Any] = dict.fromkeys(bringing.PASSED_OVER, Any) | {"state": str | None}
DeviceEntry = some_of("DeviceEntry", Device, members=_CHANGEABLE, **_MADE_UP, **_TEXTS)
_PROFILE: list[Any] = [(member, Any, UNSET) for member in document.PASSED_OVER]
ProfileEntry = msgspec.defstruct("ProfileEntry", _PROFILE, bases=(document.ProfileEntry,), kw_only=True, frozen=True)
DocumentOrder = some_of(
    "DocumentOrder",
    document.Document,
    carrier=CarrierEntry,
    plans=list[PlanOrder],  # type: ignore[valid-type] # a type that is made here
    profiles=list[ProfileEntry],  # type: ignore[valid-type] # likewise
    devices=list[DeviceEntry],  # type: ignore[valid-type] # likewise
    faults=list[FaultOrder],
)


class WebhookOrder(Hook, frozen=True):
    """A receiver of events: every type if `types` is empty; with a `secret`, each delivery is signed."""


class ApplyBody(Struct, forbid_unknown_fields=True):
    """For which EID a carrier is put into a scenario."""

    eid: str


class ReissueBody(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Whom the new profile is for, if not for the old one's EID."""

    eid: str | None = None


class Nothing(Struct, forbid_unknown_fields=True):
    """An empty object; the body may be left out."""


class RefreshBody(Struct, forbid_unknown_fields=True):
    """What RefreshCellularPlans carries: the carrier's `esim_server_url`."""

    url: str


class DownloadBody(Struct, forbid_unknown_fields=True):
    """What a user scans, and types in."""

    activation_code: str
    confirmation_code: str | None = None
