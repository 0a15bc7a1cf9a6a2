"""The small MDM's HTTP: what devices call, and a few calls for programs under /v1."""

import asyncio
import base64
import contextlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from smdp.demo.mdm import cms, identity, profiles, scep
from smdp.demo.mdm.messages import BadRequest, Failed, NotFound, read
from smdp.demo.mdm.queue import QueueError, Result
from smdp.demo.mdm.registry import Enrolled, NotAssociated

if TYPE_CHECKING:
    from smdp.demo.mdm.server import SmallMdm

MAX_BODY = 1024 * 1024
"""The longest body that is read."""

_BODY_SECONDS = 30
_MAX_WITHIN_SECONDS = 600
_CHECK_IN = "application/x-apple-aspen-mdm-checkin"
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_STATUS: dict[type[Exception], int] = {
    cms.BadCms: 400, BadRequest: 400, scep.BadMessage: 400, NotFound: 404, Failed: 500, NotAssociated: 500,
}  # fmt: skip

log = logging.getLogger("smdp.demo.mdm")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(mdm: "SmallMdm") -> web.Application:
    """Make the application."""
    pages = Pages(mdm)
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_explained])
    app.add_routes(
        [
            web.get("/enroll", pages.enroll),
            web.get("/ca.pem", pages.ca),
            web.get("/scep", pages.scep),
            web.post("/scep", pages.scep),
            web.put("/checkin", pages.device),
            web.put("/mdm", pages.device),
            web.get("/v1/devices", pages.devices),
            web.put("/v1/enqueue/{udid}", pages.enqueue),
            web.post("/v1/enqueue/{udid}", pages.enqueue),
            web.get("/v1/results/{udid}", pages.results),
            web.get("/v1/results/{udid}/{uuid}", pages.result),
        ]
    )
    return app


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what went wrong in a sentence. Devices never get 401: it would unenrol them."""
    try:
        return await handler(request)
    except tuple(_STATUS) as error:
        status = _STATUS[type(error)]
        log.info("%s %s is answered %d: %s", request.method, request.path, status, error)
        return web.Response(status=status, text=f"{error}\n")


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise BadRequest("the body did not arrive in time") from None


class Pages:
    """What is answered at each path."""

    def __init__(self, mdm: "SmallMdm") -> None:
        self._mdm = mdm

    # --- for devices

    async def device(self, request: web.Request) -> web.Response:
        """Take a check-in or a command's result; the content type tells which."""
        body = await _body(request)
        owner = identity.fingerprint(
            request.headers, body, request.get_extra_info("ssl_object"), self._mdm.authority.certificate
        )
        message = read(body)
        if request.path == "/checkin" or request.content_type.startswith(_CHECK_IN):
            answer = self._mdm.desk.check_in(message, owner)
            self._mdm.remember("check-in", owner, body)
            if message.get("MessageType") == "DeclarativeManagement":
                return web.Response(body=answer, content_type="application/json")
        else:
            answer = self._mdm.desk.connect(message, owner, body)
            if message.get("Status") != "Idle":
                self._mdm.remember("connect", owner, body)
        return web.Response(body=answer, content_type="application/xml" if answer else "text/plain")

    async def scep(self, request: web.Request) -> web.Response:
        """Serve SCEP (RFC 8894 §4)."""
        operation = request.query.get("operation", "")
        if operation == "GetCACaps":
            return web.Response(text=scep.CAPS)
        if operation == "GetCACert":
            return web.Response(body=self._mdm.scep.ca_certificate(), content_type="application/x-x509-ca-cert")
        if operation != "PKIOperation":
            raise BadRequest(f"unknown operation {operation[:64]!r}; there are GetCACaps, GetCACert, PKIOperation")
        posted = request.method == "POST"
        message = await _body(request) if posted else scep.message_of_query(request.query.get("message", ""))
        if len(message) > scep.MAX_BYTES:
            raise BadRequest(f"the message is longer than {scep.MAX_BYTES // 1024} KiB")
        answer = await asyncio.to_thread(self._mdm.scep.operation, message)
        return web.Response(body=answer, content_type="application/x-pki-message")

    async def enroll(self, request: web.Request) -> web.Response:
        """Give an enrolment profile: ?identity=pkcs12, sign_message=0, rights=8191, user=1, signed=1."""
        data = self._mdm.profile(_wanted(request))
        return web.Response(
            body=data,
            content_type=profiles.CONTENT_TYPE,
            headers={"Content-Disposition": 'attachment; filename="enroll.mobileconfig"'},
        )

    async def ca(self, _request: web.Request) -> web.Response:
        """Give the CA's certificate."""
        return web.Response(text=self._mdm.ca, content_type="application/x-pem-file")

    # --- for programs

    async def devices(self, request: web.Request) -> web.Response:
        """List the devices."""
        self._allow(request)
        return web.json_response({"items": [_device(one) for one in self._mdm.devices.values()]})

    async def enqueue(self, request: web.Request) -> web.Response:
        """Queue a command, a plist as NanoMDM takes it; the answer is as NanoMDM's."""
        self._allow(request)
        udid, command = request.match_info["udid"], read(await _body(request))
        try:
            uuid = self._mdm.enqueue(udid, command)
        except QueueError as error:
            return web.json_response({"command_error": str(error)}, status=500)
        return web.json_response(
            {"status": {udid: {}}, "command_uuid": uuid, "request_type": command["Command"]["RequestType"]}
        )

    async def results(self, request: web.Request) -> web.Response:
        """List what a device answered, oldest first, and how many commands wait."""
        self._allow(request)
        device = self._device(request)
        items = [_result(one) for one in device.queue.results]
        return web.json_response({"items": items, "waiting": len(device.queue)})

    async def result(self, request: web.Request) -> web.Response:
        """Wait for the final answer to a command, ?within=SECONDS; 202 if there is none yet."""
        self._allow(request)
        device = self._device(request)
        try:
            within = min(float(request.query.get("within", "0")), _MAX_WITHIN_SECONDS)
        except ValueError:
            raise _problem(
                web.HTTPBadRequest, "within-invalid", "within is no number of seconds.", "Ask ?within=30."
            ) from None
        try:
            future = device.queue.result(request.match_info["uuid"])
            with contextlib.suppress(TimeoutError):
                return web.json_response(_result(await asyncio.wait_for(asyncio.shield(future), max(within, 0))))
        except QueueError as error:
            raise _problem(web.HTTPNotFound, "command-unknown", f"{error}.", "See GET /v1/results/UDID.") from None
        return web.json_response({"command_uuid": request.match_info["uuid"], "waiting": True}, status=202)

    def _device(self, request: web.Request) -> Enrolled:
        found = self._mdm.devices.get(request.match_info["udid"])
        if found is None:
            raise _problem(
                web.HTTPNotFound, "device-unknown", "No device of this UDID was heard of.", "See GET /v1/devices."
            )
        return found

    def _allow(self, request: web.Request) -> None:
        """Ask for the API key, if one is set, as NanoMDM does: HTTP Basic, user nanomdm."""
        if self._mdm.api_key is None:
            return
        wanted = b"Basic " + base64.b64encode(f"nanomdm:{self._mdm.api_key}".encode())
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted):
            raise _problem(
                web.HTTPUnauthorized, "api-key-wrong", "The API key is missing or wrong.", "curl -u nanomdm:KEY"
            )


def _wanted(request: web.Request) -> profiles.Enrolment:
    """Read which profile is asked for. Raises a problem."""
    query = request.query
    wanted = profiles.Enrolment()
    try:
        for name, text in query.items():
            if name == "identity" and text in ("scep", "pkcs12"):
                wanted = replace(wanted, identity="scep" if text == "scep" else "pkcs12")
            elif name == "rights" and 1 <= int(text) <= profiles.ALL_RIGHTS:
                wanted = replace(wanted, access_rights=int(text))
            elif name == "sign_message":
                wanted = replace(wanted, sign_message=_FLAGS[text])
            elif name == "user":
                wanted = replace(wanted, user_enrollment=_FLAGS[text])
            elif name == "signed":
                wanted = replace(wanted, signed=_FLAGS[text])
            else:
                raise ValueError(name)  # noqa: TRY301 - as what the branches raise
    except (ValueError, KeyError):
        raise _problem(
            web.HTTPBadRequest,
            "query-invalid",
            "The query asks for a profile that there is not.",
            "It takes identity=scep|pkcs12, sign_message=0|1, rights=1…8191, user=0|1, signed=0|1.",
        ) from None
    return wanted


def _problem(kind: type[web.HTTPError], reason: str, because: str, fix: str) -> web.HTTPError:
    body = {"status": kind.status_code, "title": kind.__name__.removeprefix("HTTP"), "reason": reason,
            "because": because, "fix": fix}  # fmt: skip
    return kind(text=web.json_response(body).text, content_type="application/problem+json")


def _device(device: Enrolled) -> dict[str, Any]:
    return {
        "udid": device.udid,
        "enrolled": device.enrolled,
        "user_enrollment": device.user_enrollment,
        "token_updates": device.token_updates,
        "last_seen": device.last_seen.isoformat() if device.last_seen else None,
        "waiting": len(device.queue),
        **device.about,
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "udid": result.udid,
        "command_uuid": result.command_uuid,
        "request_type": result.request_type,
        "status": result.status,
        "error_codes": result.error_codes,
        "at": result.at.isoformat(),
        "answer": _plain(result.answer),
        "raw": base64.b64encode(result.raw).decode(),
    }


def _plain(value: Any) -> Any:
    """Turn what a plist holds into what JSON can: data as base64, times as ISO 8601."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)
