"""The load: eUICCs that download over HTTP, from a process of their own, so that only the server's CPU is measured."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from smdp.entropy import SystemEntropy
from smdp.pki import tls
from smdp.pki.model import Pki
from smdp.rsp import bpp
from smdp.rsp.crypto import scalar_of
from smdp.rsp.euicc.card import execute
from smdp.rsp.euicc.commands import Findings, World
from smdp.rsp.euicc.state import Credential, Euicc
from smdp.rsp.ids import eid_check_digits
from smdp.rsp.tlv import children, items, tlv
from tests.independent import b64

_PATH = "/gsma/rsp2/es9plus/"
_HEADERS = {"User-Agent": "gsma-rsp-lpad", "X-Admin-Protocol": "gsma/rsp/v2.2.2", "Content-Type": "application/json"}
_DEVICE_INFO = tlv(0xA1, tlv(0x80, bytes.fromhex("35290611")), tlv(0xA1))


@dataclass
class Target:
    """Where to download: the base URL, the address that LPAs sign, and whether each call opens a connection."""

    url: str
    address: str
    new_connections: bool = False


def eids(count: int, start: int = 0) -> list[str]:
    """Make EIDs with right check digits."""
    first = [f"89049032{number:022d}" for number in range(start, start + count)]
    return [digits + eid_check_digits(digits) for digits in first]


def euicc(pki: Pki, eid: str, curve: str) -> Euicc:
    """Make an eUICC that knows one CI only."""
    key, der = pki.mint_euicc(eid, curve)
    ci = pki.ci(curve)
    credential = Credential(
        ci=ci.ski or b"",
        curve=curve,
        certificate=der,
        eum_certificate=pki.eum_for(eid, curve).certificate.der,
        scalar=scalar_of(key),
    )
    return Euicc(eid=eid, credentials=[credential], trusted={ci.ski or b"": ci.der})


def _glance(upp: bytes) -> Findings:
    """Read no more of a package than the ICCID in its header."""
    header = next(items(upp))
    return Findings(iccid=children(header.raw, 0xA0)[0x83].value.hex().rstrip("f"), size=16_000)


async def _post(http: aiohttp.ClientSession, target: Target, function: str, body: dict[str, str]) -> dict[str, str]:
    async with http.post(f"{target.url}{_PATH}{function}", json=body, headers=_HEADERS) as response:
        if response.status == 204:
            return {}
        answer: dict[str, str] = await response.json()
        if "transactionId" not in answer:
            raise RuntimeError(f"{function}: {answer}")
        return answer


def _asker(card: Euicc) -> Callable[[bytes], bytes]:
    world = World(datetime.now(UTC), SystemEntropy(), _glance)

    def ask(request: bytes) -> bytes:
        answer = execute(card, request, world)
        if answer.refusal is not None:
            raise RuntimeError(str(answer.refusal))
        return answer.data

    return ask


async def _initiate(http: aiohttp.ClientSession, target: Target, ask: Callable[[bytes], bytes]) -> dict[str, str]:
    challenge = children(ask(tlv(0xBF2E)), 0xBF2E)[0x80].value
    info1 = ask(tlv(0xBF20))
    body = {"euiccChallenge": b64(challenge), "euiccInfo1": b64(info1), "smdpAddress": target.address}
    return await _post(http, target, "initiateAuthentication", body)


async def knock(pki: Pki, target: Target, card: Euicc) -> None:
    """Call InitiateAuthentication, once."""
    connector = aiohttp.TCPConnector(ssl=tls.client_context(pki.anchors))
    async with aiohttp.ClientSession(connector=connector) as http:
        await _initiate(http, target, _asker(card))


async def download(http: aiohttp.ClientSession, target: Target, card: Euicc) -> None:
    """Download, install and notify: four calls. Raises RuntimeError where anything is refused."""
    ask = _asker(card)
    one = await _initiate(http, target, ask)
    parts = ("serverSigned1", "serverSignature1", "euiccCiPKIdToBeUsed", "serverCertificate")
    request = tlv(0xBF38, *(b64decode(one[part]) for part in parts), tlv(0xA0, _DEVICE_INFO))
    body = {"transactionId": one["transactionId"], "authenticateServerResponse": b64(ask(request))}
    two = await _post(http, target, "authenticateClient", body)
    parts = ("smdpSigned2", "smdpSignature2", "smdpCertificate")
    request = tlv(0xBF21, *(b64decode(two[part]) for part in parts))
    body = {"transactionId": one["transactionId"], "prepareDownloadResponse": b64(ask(request))}
    three = await _post(http, target, "getBoundProfilePackage", body)
    result = b""
    for segment in bpp.segments(b64decode(three["boundProfilePackage"])):
        result = ask(segment)
    await _post(http, target, "handleNotification", {"pendingNotification": b64(result)})


async def run(pki: Pki, target: Target, cards: Sequence[Euicc], concurrency: int) -> float:
    """Let all of them download, so many at once; return the seconds it took."""
    context = tls.client_context(pki.anchors)
    loop = asyncio.get_running_loop()
    waiting = list(cards)
    connector = aiohttp.TCPConnector(ssl=context, limit=0, force_close=target.new_connections)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def worker() -> None:
            while waiting:
                await download(http, target, waiting.pop())

        start = loop.time()
        await asyncio.gather(*(worker() for _ in range(concurrency)))
        return loop.time() - start
