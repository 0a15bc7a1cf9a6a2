"""An SM-DP+ that speaks ES9+ over HTTPS and is built from the tests' own code."""

import json
import ssl
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.fake_smdp import FakeSmdp, metadata, notified
from tests.independent import b64, parse

UPP = bytes.fromhex(json.loads((Path(__file__).parent / "vectors" / "upp-example.json").read_text())["der"])
OK = {"header": {"functionExecutionStatus": {"status": "Executed-Success"}}}


@dataclass
class Server:
    """Answers like an SM-DP+; `replies` replaces the answers to a function, one after the other."""

    profile: bytes = b""
    upp: bytes = UPP
    confirmation_code: bool = False
    replies: dict[str, list] = field(default_factory=dict)
    calls: list[tuple[str, dict]] = field(default_factory=list)
    headers: list[dict] = field(default_factory=list)
    smdp: FakeSmdp = field(default_factory=FakeSmdp)
    changes: dict[str, dict] = field(default_factory=dict)
    port: int = 0

    @property
    def address(self) -> str:
        return f"acme.smdp.localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    def said(self, function: str) -> list[dict]:
        return [body for called, body in self.calls if called == function]

    @property
    def functions(self) -> list[str]:
        return [called for called, _ in self.calls]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        function = request.match_info["function"]
        body = await request.json()
        self.calls.append((function, body))
        self.headers.append(dict(request.headers))
        honest = getattr(self, f"on_{function}")(body)
        queue = self.replies.get(function, [])
        reply = queue.pop(0) if queue else None
        if callable(reply):
            return await reply(request)
        if reply is not None:
            return reply if isinstance(reply, web.StreamResponse) else web.json_response(reply)
        return web.Response(status=204) if honest is None else web.json_response(OK | honest)

    def on_initiateAuthentication(self, body):  # noqa: N802 - named after the function
        self.smdp = FakeSmdp(address=body["smdpAddress"])
        smdp = self.smdp
        signed = smdp.server_signed1(b64decode(body["euiccChallenge"]))
        request = smdp.authenticate_server(b64decode(body["euiccChallenge"]))
        parts = dict(zip(("signed", "signature", "ci", "certificate", "_"), parse(request).nodes, strict=True))
        assert signed[:2] == parts["signed"].raw[:2]
        return {
            "transactionId": smdp.transaction_id.hex().upper(),
            "serverSigned1": b64(parts["signed"].raw),
            "serverSignature1": b64(parts["signature"].raw),
            "euiccCiPKIdToBeUsed": b64(parts["ci"].raw),
            "serverCertificate": b64(parts["certificate"].raw),
        } | self.changes.get("initiateAuthentication", {})

    def on_authenticateClient(self, body):  # noqa: N802 - the standard's name
        response = b64decode(body["authenticateServerResponse"])
        self.smdp.authenticated(response)
        self.profile = self.profile or metadata(notified(self.smdp.address))
        if self.confirmation_code:
            self.smdp.smdp_signed2 = lambda *_: FakeSmdp.smdp_signed2(self.smdp, cc=True)
        request = self.smdp.prepare_download()
        signed, signature, certificate = parse(request).nodes
        return {
            "transactionId": body["transactionId"],
            "profileMetadata": b64(self.profile),
            "smdpSigned2": b64(signed.raw),
            "smdpSignature2": b64(signature.raw),
            "smdpCertificate": b64(certificate.raw),
        } | self.changes.get("authenticateClient", {})

    def on_getBoundProfilePackage(self, body):  # noqa: N802 - the standard's name
        self.smdp.prepared(b64decode(body["prepareDownloadResponse"]))
        changes = {"profile": self.profile, "upp": self.upp} | self.changes.get("package", {})
        package = self.smdp.package(**changes)
        return {"transactionId": body["transactionId"], "boundProfilePackage": b64(package)}

    def on_cancelSession(self, _):  # noqa: N802 - the standard's name
        return {}

    def on_handleNotification(self, _):  # noqa: N802 - the standard's name
        return None

    @property
    def cancelled(self) -> list[int]:
        """The reasons of the signed cancellations that came."""
        responses = [parse(b64decode(body["cancelSessionResponse"])) for body in self.said("cancelSession")]
        return [response["A0"]["30"]["82"].value[0] for response in responses]

    @property
    def events(self) -> list[str]:
        """What notifications came: the result, or the bit of the event."""
        found = []
        for body in self.said("handleNotification"):
            node = parse(b64decode(body["pendingNotification"]))
            found.append("result" if node.tag == "BF37" else node["BF2F"]["81"].value.hex())
        return found


def trusting(pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
