"""Wire faults: what happens to an answer of ES9+ on its way to the device. Used only where one has fired."""

import asyncio
import socket
import struct
from collections.abc import Sequence

from aiohttp import web

from smdp.durations import parse_duration
from smdp.model import Fault

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing sends RST
_LOOK_SECONDS = 0.1
_PAGE = (
    b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>Log in to use this network</h1></body></html>"
)


async def send(request: web.Request, response: web.Response, faults: Sequence[Fault]) -> web.StreamResponse:
    """Send a response the way that these faults have it; what delays it comes first, then the first that ends it."""
    for fault in faults:
        if fault.do == "latency":
            await asyncio.sleep(parse_duration(fault.with_["delay"]).total_seconds())
    for fault in faults:
        match fault.do:
            case "status" | "rate-limit" | "duplicate-notification" | "html-instead-of-json":
                return _instead(fault)
            case "stall":
                return await _stalled(request, fault)
            case "dribble":
                return await _dribbled(request, response, fault)
            case "reset":
                return _reset(request)
            case "eof":
                return await _cut(request, response, fault.with_["bytes"])
    return response


def _instead(fault: Fault) -> web.Response:
    """Make what a proxy on the way answers."""
    if fault.do == "html-instead-of-json":
        return web.Response(body=_PAGE, content_type="text/html")
    if fault.do == "duplicate-notification":
        return web.Response(status=500, text="500")
    if fault.do == "rate-limit":
        seconds = round(parse_duration(fault.with_["period"]).total_seconds())
        return web.Response(status=429, text="429", headers={"Retry-After": str(seconds)})
    after = fault.with_["retry_after"]
    status = fault.with_["status"]
    return web.Response(status=status, text=str(status), headers={} if after is None else {"Retry-After": str(after)})


async def _stalled(request: web.Request, fault: Fault) -> web.Response:
    """Answer nothing until the client leaves, or time is up; then close."""
    loop = asyncio.get_running_loop()
    end = loop.time() + parse_duration(fault.with_["longest"]).total_seconds()
    while loop.time() < end and not _gone(request):  # noqa: ASYNC110 - aiohttp tells nobody that a client left
        await asyncio.sleep(_LOOK_SECONDS)
    return _reset(request)


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _dribbled(request: web.Request, response: web.Response, fault: Fault) -> web.StreamResponse:
    """Send the body in small pieces."""
    size, pause = fault.with_["bytes"], parse_duration(fault.with_["pause"]).total_seconds()
    body, stream = await _begun(request, response)
    for at in range(0, len(body), size):
        if _gone(request):
            break
        await stream.write(body[at : at + size])
        await asyncio.sleep(pause)
    return stream


async def _cut(request: web.Request, response: web.Response, size: int) -> web.StreamResponse:
    """Send the beginning of the body and close: the headers promise more."""
    body, stream = await _begun(request, response)
    if size:
        await stream.write(body[:size])
    if request.transport is not None:
        request.transport.close()
    return stream


async def _begun(request: web.Request, response: web.Response) -> tuple[bytes, web.StreamResponse]:
    """Send the headers, and return the body that they promise."""
    body = response.body if isinstance(response.body, bytes) else b""
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(body)
    await stream.prepare(request)
    return body, stream


def _reset(request: web.Request) -> web.Response:
    """Reset the connection; what is returned goes nowhere."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        request.transport.abort()
    return web.Response()
