"""Issuing profiles: one, a list or a thousand, all in one transaction, all or none."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct, structs

from smdp import upp
from smdp.carrier import content, journal, numbers, plans
from smdp.carrier.errors import CONFLICT, CarrierError, reject_unknown, reject_value
from smdp.carrier.scope import Scope
from smdp.durations import parse_duration
from smdp.model import Credentials, Plan
from smdp.rsp import ids
from smdp.rsp.bpp import hash_confirmation_code
from smdp.rsp.crypto import Entropy
from smdp.rsp.server.session import Happening
from smdp.rsp.states import State
from smdp.storage import Row
from smdp.storage.connection import micros, micros_or_none
from smdp.storage.queries import carriers, profiles

MAX_PROFILES = 10_000
"""How many profiles one request may issue."""
_ROUNDS = 100
_MAX_CODE = 64
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


class IssueOrder(Struct, kw_only=True, frozen=True):
    """What somebody wants issued; what is None is made up. `expires` is a duration, `upp` a package of one's own."""

    eid: str | None = None
    plan: str = "default"
    iccid: str | None = None
    imei: str | None = None
    imsi: str | None = None
    msisdn: str | None = None
    matching_id: str | None = None
    confirmation_code: str | None = None
    expires: str | int | None = None
    expires_at: datetime | None = None
    hold: bool = False
    upp: str | None = None
    credentials: dict[str, str] | None = None
    count: int = 1

    def __post_init__(self) -> None:
        """Keep numbers as digits, however they were grouped."""
        for name in ("eid", "iccid", "imei"):
            number = getattr(self, name)
            if number is not None:
                structs.force_setattr(self, name, ids.ungrouped(number))

    @property
    def live(self) -> bool:
        """Whether its MatchingID is taken as long as it stands."""
        return True

    def __repr__(self) -> str:
        """Keep the secrets out of logs."""
        return f"IssueOrder(eid={self.eid and '…' + self.eid[-4:]}, plan={self.plan!r}, count={self.count})"


def read_order(body: Mapping[str, Any]) -> IssueOrder:
    """Read and check an order. Raises CarrierError that names the member that is wrong."""
    reject_unknown(body, IssueOrder.__struct_fields__, "profile order")
    try:
        order = msgspec.convert(dict(body), IssueOrder)
    except msgspec.ValidationError as error:
        reject_value(error, "profile order")
    check_order(order)
    return order


def check_order(order: IssueOrder) -> None:
    """Refuse an order whose members can't be what they are called. Raises CarrierError that names the member."""
    if order.eid is not None and not ids.is_eid(order.eid):
        because = f"An EID has 32 decimal digits; {order.eid[:40]!r} has not."
        raise CarrierError("eid-invalid", because, "Give all of it.")
    if order.iccid is not None and not (ids.is_iccid(order.iccid) and len(order.iccid) > 18):  # noqa: PLR2004 - E.118's check digit
        because = f"{order.iccid[:40]!r} is no ICCID of 19 or 20 digits."
        raise CarrierError("iccid-invalid", because, "Leave it out to have one made.")
    if order.imei is not None and not ids.is_imei(order.imei):
        raise CarrierError("imei-invalid", f"{order.imei[:40]!r} is no IMEI.", "Give 15 digits.")
    if order.matching_id is not None and not ids.is_matching_id(order.matching_id):
        because = f"{order.matching_id[:70]!r} can't be a MatchingID."
        raise CarrierError("matching-id-invalid", because, "Use at most 64 digits, capital letters and dashes.")
    code = order.confirmation_code
    if code is not None and not (1 <= len(code) <= _MAX_CODE and code.isprintable()):
        because = f"A confirmation code has 1 to {_MAX_CODE} printable characters."
        raise CarrierError("confirmation-code-invalid", because, "Use digits, such as 4931.")
    if not 1 <= order.count <= MAX_PROFILES:
        raise CarrierError(
            "count-invalid", f"count must be 1 to {MAX_PROFILES}.", "Issue the rest in further requests."
        )
    own = [name for name in ("iccid", "imsi", "msisdn", "matching_id") if getattr(order, name)]
    if order.count > 1 and own:
        because = f"{order.count} profiles can't share one {own[0]}."
        raise CarrierError("count-invalid", because, f"Leave {own[0]} out, or issue a list.")
    _check_end(order.expires_at)
    _lifetime(order)


def _check_end(end: datetime | None) -> None:
    if end is None:
        return
    if end.tzinfo is None:
        raise CarrierError("expires-invalid", "expires_at has no time zone.", "Write it with Z: 2026-12-01T00:00:00Z.")
    if not _FIRST_YEAR <= end.year < _LAST_YEAR:
        because = f"expires_at is in the year {end.year}."
        raise CarrierError("expires-invalid", because, "Leave it out, and the order does not end.")


def _lifetime(order: IssueOrder) -> timedelta | None:
    if order.expires is None:
        return None
    try:
        duration = parse_duration(str(order.expires))
    except ValueError as error:
        raise CarrierError("expires-invalid", f"expires: {error}", "As in 48h, 2d, PT3M.") from None
    if not duration:
        raise CarrierError("expires-invalid", "expires is 0.", "Give a time that an order can live, such as 48h.")
    return duration


class _Fresh(Struct):
    """A profile in the making: the order, and what is found or made up for it. `iccid` is empty until one is found."""

    order: IssueOrder
    plan: Plan
    serial: int
    iccid: str
    imsi: str
    msisdn: str | None
    matching_id: str
    credentials: Credentials
    upp: bytes | None = None


def issue(scope: Scope, orders: Sequence[IssueOrder], entropy: Entropy) -> list[Row]:
    """Issue what the orders ask for, or nothing at all. Raises CarrierError: an ICCID is used twice, a plan unknown."""
    rows = prepare(scope, orders, entropy)
    profiles.insert(scope.connection, rows)
    journal.append(scope, [happening(row) for row in rows])
    if any(row["expires_at"] is not None for row in rows):
        scope.wake()
    first = min((row["number"] for row in rows), default=1)
    return profiles.profiles(scope.connection, scope.name, {}, after=first - 1, limit=len(rows))


def prepare(scope: Scope, orders: Sequence[IssueOrder], entropy: Entropy) -> list[dict[str, Any]]:
    """Make the rows of fresh profiles, one behind the other as ordered; inserting them is left to the caller.

    Raises CarrierError as `issue`.
    """
    total = sum(order.count for order in orders)
    if total > MAX_PROFILES:
        because = f"{total} profiles are too many for one request."
        raise CarrierError("count-invalid", because, f"Issue at most {MAX_PROFILES} at once.")
    first = carriers.next_serials(scope.connection, scope.name, total)
    offset = carriers.block_of(scope.connection, scope.name) * carriers.BLOCK
    fresh: list[_Fresh] = []
    for order in orders:
        plan = plans.find(scope.connection, scope.name, order.plan)
        fresh += [_make(order, plan, first + len(fresh) + place, entropy) for place in range(order.count)]
    _give_iccids(scope, fresh, offset)
    _check_unique(scope, fresh)
    return [_row(scope, one, offset) for one in fresh]


def _make(order: IssueOrder, plan: Plan, serial: int, entropy: Entropy) -> _Fresh:
    fresh = _Fresh(
        order=order,
        plan=plan,
        serial=serial,
        iccid=order.iccid or "",
        imsi=order.imsi or "",
        msisdn=order.msisdn or numbers.msisdn(serial),
        matching_id=numbers.matching_id(entropy) if order.matching_id is None else order.matching_id,
        credentials=numbers.credentials(entropy),
        upp=None if order.upp is None else plans.package_bytes(order.upp),
    )
    if plan.profile_class == "test":
        fresh.credentials = structs.replace(fresh.credentials, ki=numbers.TEST_KEY)
    if order.credentials is not None:
        reject_unknown(order.credentials, Credentials.__struct_fields__, "profile's credentials")
        fresh.credentials = structs.replace(fresh.credentials, **order.credentials)
    package = fresh.upp or (None if plan.upp is None else plans.package_bytes(plan.upp))
    if package is not None and not plan.personalise:
        _take_over(fresh, upp.read(package))
    return fresh


def _take_over(fresh: _Fresh, package: upp.Package) -> None:
    """Read from a package that is used as it is what the profile's row says of it."""
    usim = package.usim
    fresh.iccid = package.iccid
    fresh.imsi, fresh.msisdn = "", None
    if usim is None:
        return
    fresh.imsi, fresh.msisdn = usim.imsi or "", usim.msisdn
    if usim.ki and usim.opc:
        fresh.credentials = structs.replace(fresh.credentials, ki=usim.ki.hex().upper(), opc=usim.opc.hex().upper())


def _give_iccids(scope: Scope, fresh: Sequence[_Fresh], offset: int) -> None:
    """Make the ICCIDs that were not given. A serial number whose ICCID somebody gave by hand is passed over."""
    taken = {one.iccid for one in fresh if one.iccid}
    missing = [(one, one.serial) for one in fresh if not one.iccid]
    for _ in range(_ROUNDS):
        for one, serial in missing:
            one.iccid = numbers.iccid(one.plan, offset + serial)
        taken |= profiles.used_iccids(scope.connection, scope.name, [one.iccid for one, _ in missing])
        again = []
        for one, _ in missing:
            if one.iccid in taken:
                again.append(one)
            taken.add(one.iccid)
        if not again:
            return
        start = carriers.next_serials(scope.connection, scope.name, len(again))
        missing = [(one, start + place) for place, one in enumerate(again)]
    because = "No free ICCID was found below the plan's iccid_prefix."
    raise CarrierError("iccids-exhausted", because, "Give the plan another iccid_prefix.", CONFLICT)


def _check_unique(scope: Scope, fresh: Sequence[_Fresh]) -> None:
    iccids = [one.iccid for one in fresh]
    _refuse_double("iccid", iccids, profiles.used_iccids(scope.connection, scope.name, iccids))
    matching_ids = [one.matching_id for one in fresh if one.matching_id and one.order.live]
    _refuse_double("matching_id", matching_ids, profiles.used_matching_ids(scope.connection, scope.name, matching_ids))


_DOUBLE = {
    "iccid": ("iccid-used", "There is a profile with the ICCID {value} already.", "Leave iccid out to have one made."),
    "matching_id": (
        "matching-id-used",
        "There is a live order with the MatchingID {value} already.",
        "Revoke that one, or leave matching_id out to have one made.",
    ),
}


def _refuse_double(kind: str, values: Sequence[str], used: set[str]) -> None:
    seen = set(used)
    for value in values:
        if value in seen:
            reason, because, fix = _DOUBLE[kind]
            raise CarrierError(reason, because.format(value=value), fix, CONFLICT)
        seen.add(value)


def expires_at(scope: Scope, order: IssueOrder) -> datetime | None:
    """Return when an order ends if nobody has got it by then."""
    lifetime = _lifetime(order)
    if lifetime is None and order.expires_at is None and scope.carrier.limits.order_hours is not None:
        lifetime = timedelta(hours=scope.carrier.limits.order_hours)
    return order.expires_at if lifetime is None else scope.later(lifetime)


def _row(scope: Scope, fresh: _Fresh, offset: int) -> dict[str, Any]:
    order = fresh.order
    if not fresh.imsi:
        fresh.imsi = numbers.imsi(scope.carrier, offset + fresh.serial)
    code = order.confirmation_code
    row = {
        "carrier": scope.name,
        "iccid": fresh.iccid,
        "number": fresh.serial,
        "plan": fresh.plan.name,
        "eid": order.eid,
        "imei": order.imei,
        "imsi": fresh.imsi,
        "msisdn": fresh.msisdn,
        "state": _state(order),
        "matching_id": fresh.matching_id,
        "confirmation_code_hash": None if code is None else hash_confirmation_code(code),
        "created_at": micros(scope.now),
        "expires_at": micros_or_none(expires_at(scope, order)),
        "activation_since": micros(scope.now),
        "upp": fresh.upp,
        "credentials": msgspec.json.encode(fresh.credentials).decode(),
        "warnings": msgspec.json.encode(warnings(order)).decode(),
    }
    _check_content(fresh, row)
    return row


def _check_content(fresh: _Fresh, row: dict[str, Any]) -> None:
    """Try what somebody's own numbers, secrets or package will be made into: it is refused now, not later."""
    order = fresh.order
    own = content.own_package(fresh.plan, row)
    by_hand = (order.iccid, order.imsi, order.msisdn, order.credentials)
    if (own is not None and not fresh.plan.personalise) or not (own is not None or any(by_hand)):
        return
    try:
        subscriber = content.subscriber(row)
        if own is not None and order.count == 1:
            upp.personalise(own, subscriber)
    except ValueError as error:
        because = f"The profile can't be made: {error}."
        raise CarrierError("value-invalid", because, "Correct it, or leave it out to have one made.") from None


def _state(order: IssueOrder) -> str:
    return State.CONFIRMED if order.hold else State.RELEASED


def happening(row: Mapping[str, Any], **data: Any) -> Happening:
    """Tell that a profile was issued."""
    data = {"eid": row["eid"], "plan": row["plan"], "state": row["state"], **data}
    return Happening(type="profile.issued", iccid=row["iccid"], data=data)


def warnings(order: IssueOrder) -> list[str]:
    """Say what is odd about an order and accepted: a mistyped number is a scenario."""
    found = []
    if order.eid is not None and not ids.eid_check_digits_ok(order.eid):
        right = ids.eid_check_digits(order.eid[:30])
        found.append(f"The EID's check digits are {order.eid[30:]}, they should be {right}: was it mistyped?")
    if order.iccid is not None and ids.luhn(order.iccid[:-1]) != order.iccid[-1]:
        right = ids.luhn(order.iccid[:-1])
        found.append(f"The ICCID's check digit is {order.iccid[-1]}, it should be {right}.")
    return found
