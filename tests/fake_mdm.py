"""An MDM server for tests: it keeps what it hears, and says what it is told to."""

import plistlib
from contextlib import asynccontextmanager

from aiohttp import web

from tests.mdm_identities import der, root, server_context

TOPIC = "com.apple.mgmt.External.7f1a2b3c"


class FakeMdm:
    """Check-ins and results as they came; `queue` are commands, `replies` are handlers or responses that come first."""

    def __init__(self):
        self.port = 0
        self.scheme = "https"
        self.heard = []  # (kind, message)
        self.bodies = []
        self.headers = []
        self.peers = []
        self.queue = []
        self.replies = []
        self.check_in_replies = {}

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def said(self, kind):
        return [message for which, message in self.heard if which == kind]

    async def handle(self, request):
        body = await request.read()
        self.bodies.append(body)
        self.headers.append(request.headers)
        peer = request.transport and request.transport.get_extra_info("ssl_object")
        self.peers.append(peer and peer.getpeercert(binary_form=True))
        kind = "checkin" if request.content_type == "application/x-apple-aspen-mdm-checkin" else "connect"
        message = plistlib.loads(body)
        self.heard.append((kind, message))
        if self.replies:
            reply = self.replies.pop(0)
            if reply is not None:
                return await reply(request) if callable(reply) else reply
        if kind == "checkin":
            return web.Response(body=self.check_in_replies.get(message["MessageType"], b""))
        return self.next_command(message)

    def next_command(self, message):
        done = message.get("CommandUUID")
        if done and message["Status"] != "NotNow":
            self.queue = [command for command in self.queue if command.get("CommandUUID") != done]
        skip = done if message["Status"] == "NotNow" else None
        waiting = [command for command in self.queue if command.get("CommandUUID") != skip]
        return web.Response(body=plistlib.dumps(waiting[0]) if waiting else b"")


@asynccontextmanager
async def serving(handler, *, tls=True, path="/{tail:.*}"):
    """Serve a handler of any method on loopback; gives the port."""
    app = web.Application(client_max_size=2**22)
    app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context() if tls else None).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def command(kind, uuid=None, **members):
    return {"CommandUUID": uuid or f"uuid-{kind}", "Command": {"RequestType": kind, **members}}


def payload(kind, uuid, **members):
    """A payload with what every payload has."""
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"com.example.mdm.{uuid}",
        "PayloadUUID": uuid,
        **members,
    }


def profile(*payloads, **members):
    """A profile as a dictionary; None takes a key away."""
    top = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.mdm",
        "PayloadUUID": "6E1F6A0E-0000-4000-8000-000000000001",
        "PayloadDisplayName": "Example MDM",
        "PayloadOrganization": "Example",
        "PayloadContent": list(payloads),
        **members,
    }
    return {key: value for key, value in top.items() if value is not None}


def mdm_payload(url, identity="identity", **members):
    """The com.apple.mdm payload of an enrolment; None takes a key away."""
    found = payload(
        "com.apple.mdm",
        "mdm",
        **{
            "IdentityCertificateUUID": identity,
            "Topic": TOPIC,
            "ServerURL": f"{url}/connect",
            "CheckInURL": f"{url}/checkin",
            "AccessRights": 8191,
            **members,
        },
    )
    return {key: value for key, value in found.items() if value is not None}


def root_payload():
    return payload("com.apple.security.root", "root", PayloadContent=der(root()))
