"""A phone taken step by step: an eUICC, what it asks of a server, and two doors to that: in process, and over TLS."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple, Protocol, Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from smdp.carrier.download import Downloads
from smdp.device.examine import examine
from smdp.entropy import SystemEntropy
from smdp.model import Profile
from smdp.pki import load, tls
from smdp.rsp import bpp
from smdp.rsp.bpp import hash_cc, hash_confirmation_code
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import CancelSessionReason
from smdp.rsp.crypto import Entropy, scalar_of
from smdp.rsp.euicc.card import execute
from smdp.rsp.euicc.commands import Findings, World
from smdp.rsp.euicc.state import Credential, Euicc
from smdp.rsp.ids import eid_check_digits, host_of
from smdp.rsp.tlv import children, items, tlv
from tests.independent import b64

PATH = "/gsma/rsp2/es9plus/"
DEVICE_INFO = tlv(0xA1, tlv(0x80, bytes.fromhex("35290611")), tlv(0xA1))
HANG_UP_SECONDS = 30
CURVES = ("P-256", "brainpoolP256r1")
_PARTS = {
    "initiateAuthentication": ("serverSigned1", "serverSignature1", "euiccCiPKIdToBeUsed", "serverCertificate"),
    "authenticateClient": ("smdpSigned2", "smdpSignature2", "smdpCertificate"),
}

public_pki = cache(lambda: load.resolve("public"))


def eid_of(number: int) -> str:
    digits = f"89049032{number:022d}"
    return digits + eid_check_digits(digits)


def without_attempts(profile: Profile) -> dict[str, object]:
    """All of an order but how often it was tried: that may be counted."""
    return {name: getattr(profile, name) for name in profile.__struct_fields__ if name != "attempts"}


@cache
def credential(eid: str, curve: str) -> Credential:
    pki = public_pki()
    key, der = pki.mint_euicc(eid, curve)
    eum = pki.eum_for(eid, curve).certificate
    return Credential(
        ci=eum.aki, curve=curve, certificate=der, eum_certificate=eum.der, scalar=scalar_of(key)
    )  # fmt: skip


def new_euicc(eid: str, *curves: str) -> Euicc:
    pki = public_pki()
    mine = [credential(eid, curve) for curve in curves]
    return Euicc(eid=eid, credentials=mine, trusted={own.ci: pki.cis[own.ci].der for own in mine})


# --- what a server says


class Reply(NamedTuple):
    """An HTTP answer; `reason` is the slug of the header."""

    status: int
    body: bytes
    reason: str | None = None

    @property
    def members(self) -> dict[str, str]:
        """A successful answer's members."""
        answer = msgspec.json.decode(self.body)
        assert answer["header"]["functionExecutionStatus"]["status"] == "Executed-Success", self
        return answer

    @property
    def code(self) -> str | None:
        """The status code of a refusal, None where there is none."""
        if not self.body:
            return None
        data = msgspec.json.decode(self.body)["header"]["functionExecutionStatus"].get("statusCodeData")
        return data and f"{data['subjectCode']}/{data['reasonCode']}"


class Door(Protocol):
    """A way to a server."""

    async def ask(self, function: str, body: dict[str, str]) -> Reply:
        """Call a function of ES9+."""


@dataclass
class Inside:
    """The SM-DP+ called in process, as a carrier's host."""

    downloads: Downloads
    host: str

    async def ask(self, function: str, body: dict[str, str]) -> Reply:
        answer = await self.downloads.call(function, body, msgspec.json.encode(body), host_of(self.host))
        reason = answer.refusal.reason if answer.refusal else None
        return Reply(200 if answer.body else 204, answer.body, reason)


class Loopback(AbstractResolver):
    """Every name leads here."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:  # noqa: ARG002 - IPv4 will do
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        return


class Outside:
    """The SM-DP+ over TLS; `address` is `host:port`, a new name for the same connections with `at`."""

    def __init__(self, address: str, http: aiohttp.ClientSession | None = None) -> None:
        self.address = address
        self._http = http or aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls_context(), limit=0, resolver=Loopback()),
            timeout=aiohttp.ClientTimeout(total=30),
        )

    def at(self, address: str) -> "Outside":
        return Outside(address, self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def ask(self, function: str, body: dict[str, str], path: str = PATH + "{}") -> Reply:
        async with self._http.post(f"https://{self.address}{path.format(function)}", json=body) as response:
            return Reply(response.status, await response.read(), response.headers.get("X-Smdp-Reason"))

    async def ask_and_hang_up(self, function: str, body: dict[str, str], take: int) -> bytes:
        """Send a request, read no more than so many bytes of what comes, and cut the connection."""
        host, _, port = self.address.rpartition(":")
        content = msgspec.json.encode(body)
        head = f"POST {PATH}{function} HTTP/1.1\r\nHost: {self.address}\r\nContent-Length: {len(content)}\r\n\r\n"
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(port), ssl=tls_context(), server_hostname=host, limit=1024
        )
        writer.write(head.encode() + content)
        await writer.drain()
        try:
            async with asyncio.timeout(HANG_UP_SECONDS):
                return await reader.readexactly(take) if take else b""
        finally:
            writer.transport.abort()


@cache
def tls_context() -> ssl.SSLContext:
    return tls.client_context(public_pki().anchors)


# --- the phone


class CardRefusedError(Exception):
    """The eUICC refused what the server sent."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass
class Phone:
    """One session of one eUICC: each method makes the body of the next request out of the answer before.

    `address` is what it signs and asks for; `examine` is what reading a package says. `transaction_id`, `prepared` and
    `notification` are kept as they come to be known.
    """

    eid: str
    address: str = "acme.smdp.localhost"
    curves: tuple[str, ...] = CURVES
    entropy: Entropy = field(default_factory=SystemEntropy)
    examine: Callable[[bytes], Findings] = examine
    transaction_id: str = ""
    notification: bytes = b""

    def __post_init__(self) -> None:
        self.card = new_euicc(self.eid, *self.curves)

    def command(self, request: bytes) -> bytes:
        answer = execute(self.card, request, World(datetime.now(UTC), self.entropy, self.examine))
        if answer.refusal is not None:
            self.notification = answer.data
            raise CardRefusedError(answer.refusal)
        return answer.data

    # --- what it asks

    def initiate(self) -> dict[str, str]:
        challenge = children(self.command(tlv(0xBF2E)), 0xBF2E)[0x80].value
        info1 = self.command(tlv(0xBF20))
        return {"euiccChallenge": b64(challenge), "euiccInfo1": b64(info1), "smdpAddress": self.address}

    def authenticate(self, answer: dict[str, str], matching_id: str = "") -> dict[str, str]:
        self.transaction_id = answer["transactionId"]
        matching = tlv(0x80, matching_id.encode()) if matching_id else b""
        parts = [b64decode(answer[part]) for part in _PARTS["initiateAuthentication"]]
        response = self.command(tlv(0xBF38, *parts, tlv(0xA0, matching, DEVICE_INFO)))
        return {"transactionId": self.transaction_id, "authenticateServerResponse": b64(response)}

    def prepare(self, answer: dict[str, str], code: str | None = None) -> dict[str, str]:
        signed2, *rest = (b64decode(answer[part]) for part in _PARTS["authenticateClient"])
        hashed = hash_cc(hash_confirmation_code(code), bytes.fromhex(self.transaction_id)) if code else None
        response = self.command(tlv(0xBF21, signed2, rest[0], tlv(0x04, hashed) if hashed else b"", rest[1]))
        return {"transactionId": self.transaction_id, "prepareDownloadResponse": b64(response)}

    def install(self, answer: dict[str, str]) -> dict[str, str]:
        """Load the package; return its ProfileInstallationResult for the server."""
        for segment in bpp.segments(b64decode(answer["boundProfilePackage"])):
            self.notification = self.command(segment)
        return self.told()

    def told(self) -> dict[str, str]:
        return {"pendingNotification": b64(self.notification)}

    def cancel(self, reason: CancelSessionReason) -> dict[str, str]:
        request = tlv(0xBF41, tlv(0x80, bytes.fromhex(self.transaction_id)), tlv(0x81, bytes((reason,))))
        return {"transactionId": self.transaction_id, "cancelSessionResponse": b64(self.command(request))}

    def switch(self, tag: int) -> dict[str, str]:
        """Enable (BF31) the profile it has; return the notification for the server."""
        self.command(tlv(tag, tlv(0xA0, tlv(0x5A, self.card.profiles[-1].iccid)), tlv(0x81, b"\0")))
        return {"pendingNotification": b64(self.card.notifications[-1].raw)}

    @property
    def installed(self) -> bytes | None:
        """The package that was opened and installed."""
        return self.card.profiles[-1].upp if self.card.profiles else None

    # --- some steps at once

    async def meet(self, door: Door, matching_id: str = "") -> Reply:
        """InitiateAuthentication and AuthenticateClient."""
        started = await door.ask("initiateAuthentication", self.initiate())
        return await door.ask("authenticateClient", self.authenticate(started.members, matching_id))

    async def fetch(self, door: Door, matching_id: str = "", code: str | None = None) -> Reply:
        """Everything up to the package."""
        met = await self.meet(door, matching_id)
        if met.code is not None:
            return met
        return await door.ask("getBoundProfilePackage", self.prepare(met.members, code))

    async def download(self, door: Door, matching_id: str = "", code: str | None = None) -> Reply:
        """All of it, with the notification. The answer is that of the step that was refused, or of the last one."""
        got = await self.fetch(door, matching_id, code)
        if got.code is not None:
            return got
        return await door.ask("handleNotification", self.install(got.members))


def glance(upp: bytes) -> Findings:
    """Read no more of a package than the ICCID in its header."""
    header = next(items(upp))
    return Findings(iccid=children(header.raw, 0xA0)[0x83].value.hex().rstrip("f"), size=16_000)
