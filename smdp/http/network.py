"""Control API: the network that devices attach to. Two POSTs to one path: who one is, then the proof."""

import re

import msgspec
from aiohttp import web

from smdp.carrier.errors import CarrierError, reject_unknown, reject_value
from smdp.carrier.network import RAND_BYTES, Network
from smdp.carrier.rejections import Rejection
from smdp.http.context import CARRIER, answer, name_of, query, read_object
from smdp.http.problems import ProblemError
from smdp.model import Attachment, NetworkChallenge

NETWORK = web.AppKey("network", Network)

_REFUSED = 403
_IMSI = re.compile(r"[0-9]{6,15}", re.ASCII)
_RES_BYTES = range(4, 17)
_AUTS_BYTES = range(14, 15)


class AttachBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An IMSI alone asks for a challenge; RAND with RES answers it, RAND with AUTS resynchronises. All hexadecimal."""

    imsi: str
    rand: str | None = None
    res: str | None = None
    auts: str | None = None


def add_routes(app: web.Application) -> None:
    """Serve the carriers' networks in this application."""
    app.router.add_post(CARRIER + "/network/attach", _attach)


async def _attach(request: web.Request) -> web.Response:
    query(request)
    body = await read_object(request)
    reject_unknown(body, AttachBody.__struct_fields__, "attach")
    try:
        asked = msgspec.convert(body, AttachBody)
    except msgspec.ValidationError as error:
        reject_value(error, "attach")
    reply = await _asked(request.app[NETWORK], name_of(request), asked)
    if isinstance(reply, Rejection):
        raise ProblemError(_REFUSED, reply.reason, reply.because, reply.fix)
    return answer(reply)


async def _asked(network: Network, carrier: str, asked: AttachBody) -> NetworkChallenge | Attachment | Rejection:
    if not _IMSI.fullmatch(asked.imsi):
        because = f"An IMSI has 6 to 15 digits; {asked.imsi[:40]!r} has not."
        raise CarrierError("value-invalid", because, "smdp profile show tells a profile's.")
    if asked.rand is None and asked.res is None and asked.auts is None:
        return await network.challenge(carrier, asked.imsi)
    if asked.rand is None or (asked.res is None) is (asked.auts is None):
        because = "An answer has the challenge's rand, and either res or auts."
        raise CarrierError("value-invalid", because, 'Send {"imsi": "…"} alone for a challenge.')
    rand = _octets("rand", asked.rand, range(RAND_BYTES, RAND_BYTES + 1))
    if asked.res is not None:
        return await network.answer(carrier, asked.imsi, rand, _octets("res", asked.res, _RES_BYTES))
    return await network.resynchronise(carrier, asked.imsi, rand, _octets("auts", asked.auts or "", _AUTS_BYTES))


def _octets(name: str, text: str, lengths: range) -> bytes:
    """Read hexadecimal. Raises CarrierError."""
    if text.isascii() and text.isalnum():
        try:
            data = bytes.fromhex(text)
        except ValueError:
            data = b""
        if len(data) in lengths:
            return data
    wanted = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else f"{lengths[0]}"
    raise CarrierError(
        "value-invalid", f"{name} is no hexadecimal of {wanted} bytes.", "Write two digits for each byte."
    )
