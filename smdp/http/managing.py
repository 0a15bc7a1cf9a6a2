"""Control API: hosted devices and their MDM, what their holders try, and how they are erased."""

import binascii
import plistlib
from collections.abc import Awaitable
from typing import TypeVar, cast, get_args

import msgspec
from aiohttp import web

from smdp import model
from smdp.carrier.errors import CONFLICT, CarrierError, did_you_mean, reject_unknown, reject_value
from smdp.device.apple.effects import Trigger
from smdp.device.apple.user import MAX_TIMES, Action, Options
from smdp.device.apple.versions import os_problem
from smdp.device.managed import Erased, Tried
from smdp.device.mdm import loop
from smdp.device.mdm.failure import MdmError
from smdp.http.context import API, answer, page, query, read_object
from smdp.http.devices import HOSTED, settled
from smdp.http.problems import ProblemError
from smdp.rsp.ids import is_eid, ungrouped

T = TypeVar("T")

_DEVICE = API + "/devices/{eid}"
_ACTIONS: tuple[str, ...] = get_args(Action)
_BY: tuple[Trigger, ...] = ("find-my", "recovery", "configurator", "dfu", "return-to-service")
_FAILED_DEPENDENCY, _UNPROCESSABLE = 424, 422
_STATE = frozenset(
    {"not-user-enrollment", "already-enrolled", "not-enrolled", "device-offline", "no-return-to-service"}
)
_PROFILE = ("profile-", "payload-", "pkcs12-", "identity-", "several-", "no-mdm-payload", "topic", "url-",
            "access-rights", "anchors-", "certificate-", "scep-key-usage")  # fmt: skip
"""How the reasons begin that are the profile's fault, not its server's."""


class EnrollBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An enrolment profile: where it is, or itself in base64; and what the device trusts and allows besides."""

    url: str | None = None
    profile: str | None = None
    mdm_ca: str | None = None
    allow_http: bool = False
    ade: bool = False


class UserBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the holder of a device tries, and with what."""

    action: str
    iccid: str | None = None
    to: str | None = None
    times: int = 1
    keep: bool = False
    activation_code: str | None = None


class EraseBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """In which way a device is erased."""

    by: str


def add_routes(app: web.Application) -> None:
    """Serve the MDM half of hosted devices in this application."""
    app.router.add_post(_DEVICE + "/enroll", _enroll)
    app.router.add_delete(_DEVICE + "/enroll", _unenroll)
    app.router.add_post(_DEVICE + "/poll", _poll)
    app.router.add_post(_DEVICE + "/user", _user)
    app.router.add_post(_DEVICE + "/erase", _erase)
    app.router.add_get(_DEVICE + "/service-subscriptions", _service_subscriptions)
    app.router.add_get(_DEVICE + "/notices", _notices)


async def _enroll(request: web.Request) -> web.Response:
    """Install an enrolment profile, and answer when the device is enrolled."""
    body = await _read(request, EnrollBody)
    profile = _profile(body)
    async with request.app[HOSTED].managed(_eid(request)) as managed:
        mdm_ca = body.mdm_ca.encode() if body.mdm_ca else None
        await _done(managed.enroll(profile, mdm_ca=mdm_ca, allow_http=body.allow_http, ade=body.ade))
        return answer(managed.device.describe())


async def _unenroll(request: web.Request) -> web.Response:
    """Have the holder remove the enrolment profile."""
    async with request.app[HOSTED].managed(_eid(request)) as managed:
        await _done(managed.unenroll())
    return web.Response(status=204)


async def _poll(request: web.Request) -> web.Response:
    """Have the device ask its MDM for commands; there is no APNs here that would wake it."""
    reject_unknown(await read_object(request, empty=True), (), "request of this kind")
    await settled(request)
    async with request.app[HOSTED].managed(_eid(request)) as managed:
        done = await _done(managed.poll())
        return answer(_polled(done, enrolled=managed.device.state.handset.enrollment is not None))


async def _user(request: web.Request) -> web.Response:
    """Let the holder of the device try something."""
    body = await _read(request, UserBody)
    action = _action(body)
    to = ungrouped(body.to) if body.to is not None else None
    iccid = ungrouped(body.iccid) if body.iccid is not None else None
    options = Options(iccid=iccid, times=body.times, keep=body.keep)
    async with request.app[HOSTED].managed(_eid(request)) as managed:
        tried = await _done(managed.attempt(action, options, to=to, code=body.activation_code))
        return answer(_attempted(tried))


async def _erase(request: web.Request) -> web.Response:
    """Erase the device in another way than its MDM or its holder do."""
    by = (await _read(request, EraseBody)).by
    trigger = next((word for word in _BY if word == by), None)
    if trigger is None:
        because = f"Nothing erases a device by {by[:40]!r}."
        raise CarrierError("value-invalid", because, did_you_mean(by, _BY))
    async with request.app[HOSTED].managed(_eid(request)) as managed:
        return answer(_erased(await _done(managed.erase(trigger))))


async def _service_subscriptions(request: web.Request) -> web.Response:
    """Answer what DeviceInformation would under ServiceSubscriptions."""
    values = query(request, "os", "as")
    os, kind = values.get("os"), values.get("as", "json")
    if os is not None and (problem := os_problem(os)):
        raise CarrierError("value-invalid", problem, "Give a version such as 18.1 or 26.1.")
    if kind not in ("json", "plist"):
        raise CarrierError("value-invalid", f"as is {kind[:40]!r}.", "It is json or plist.")
    await settled(request)
    async with request.app[HOSTED].managed(_eid(request)) as managed:
        rows = managed.service_subscriptions(os)
    if kind == "plist":
        return web.Response(body=plistlib.dumps(rows, sort_keys=False), content_type="text/xml")
    return answer(page(rows))


async def _notices(request: web.Request) -> web.Response:
    """Show what the device has shown its holder."""
    query(request)
    return answer(page((await request.app[HOSTED].show(_eid(request))).notices))


# --- bodies


def _eid(request: web.Request) -> str:
    return request.match_info["eid"]


async def _read(request: web.Request, kind: type[T]) -> T:
    body = await read_object(request)
    reject_unknown(body, tuple(field.name for field in msgspec.structs.fields(kind)), "request of this kind")  # type: ignore[arg-type] # only structs come here
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        reject_value(error, "request")


def _profile(body: EnrollBody) -> bytes | str:
    if (body.url is None) is (body.profile is None):
        because = "An enrolment takes a profile, or the URL of one: exactly one of url and profile."
        raise CarrierError("value-invalid", because, 'Send {"url": "https://…"}, or {"profile": "<base64>"}.')
    if body.profile is None:
        return body.url or ""
    try:
        return binascii.a2b_base64(body.profile, strict_mode=True)
    except ValueError:
        because = "profile is no base64."
        raise CarrierError("value-invalid", because, "Encode the .mobileconfig file in base64.") from None


def _action(body: UserBody) -> Action:
    if body.action not in _ACTIONS:
        because = f"The holder of a device can't try {body.action[:40]!r}."
        raise CarrierError("value-invalid", because, did_you_mean(body.action, _ACTIONS))
    if not 1 <= body.times <= MAX_TIMES:
        raise CarrierError("value-invalid", f"times is {body.times}.", f"It is 1 to {MAX_TIMES}.")
    if (body.to is not None) is not (body.action == "transfer"):
        because = "A transfer names the device that gets the line in `to`; nothing else does."
        raise CarrierError("value-invalid", because, 'Send {"action": "transfer", "to": "<EID>"}.')
    if body.activation_code is not None and body.action != "add-esim":
        because = "An activation code is for adding an eSIM; nothing else takes one."
        raise CarrierError("value-invalid", because, 'Send {"action": "add-esim", "activation_code": "LPA:1$…"}.')
    if body.to is not None and not is_eid(ungrouped(body.to)):
        because = f"An EID has 32 decimal digits; {body.to[:40]!r} has not."
        raise CarrierError("eid-invalid", because, "Give all of it: smdp device list shows what there is.")
    return cast("Action", body.action)


async def _done(work: Awaitable[T]) -> T:
    """Do it; what an MDM, a profile or the device's state has against it becomes a problem."""
    try:
        return await work
    except MdmError as error:
        status = CONFLICT if error.reason in _STATE else _FAILED_DEPENDENCY
        if error.reason.startswith(_PROFILE):
            status = _UNPROCESSABLE
        raise ProblemError(status, error.reason, error.because, error.fix) from None


# --- answers


def _attempted(tried: Tried) -> model.Attempted:
    attempt, block = tried.attempt, tried.attempt.blocked_by
    shown = {} if block is None else {"key": block.key, "profile": block.profile, "profile_name": block.profile_name}
    return model.Attempted(
        action=attempt.action,
        allowed=attempt.allowed,
        said=str(attempt),
        because=attempt.because,
        blocked_by=model.Blocked(**shown) if shown else None,
        notice=attempt.notice,
        delay_seconds=attempt.delay_seconds,
        evidence=attempt.evidence,
        erased=None if tried.erased is None else _erased(tried.erased),
        outcome=tried.outcome,
    )


def _erased(done: Erased) -> model.Erased:
    erasure = done.erasure
    return model.Erased(
        by=erasure.trigger,
        kept=erasure.kept,
        iccids=done.iccids,
        because=erasure.because,
        then=erasure.then,
        evidence=erasure.evidence,
        enrolled=done.enrolled,
    )


def _polled(done: loop.Polled, *, enrolled: bool) -> model.Polled:
    error = done.error
    problem = None if error is None else model.PollProblem(reason=error.reason, because=error.because, fix=error.fix)
    return model.Polled(
        answered=[model.PolledCommand(command=command, status=status) for command, status in done.answered],
        not_now=done.not_now,
        ended=done.left,
        enrolled=enrolled,
        problem=problem,
    )
