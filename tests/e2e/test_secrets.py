"""Secrets stay where they belong: in the database and, when somebody asks for credentials, in that one answer."""

import base64
import io
import json
import logging
import re

import pytest

from smdp import log as smdp_log
from smdp.carrier.issue import read_order
from smdp.model import Event
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import public_pki
from tests.hostile import Records, request, send

TOKEN = "the-control-token-of-this-test"
CODE = "confirmation-4931"
SEED = "the-seed-of-this-test"
CARRIER = "/api/v1/carriers/default"
KEYS = ("ki", "opc", "kic", "kid", "kik")
PINS = ("pin1", "pin2", "puk1", "puk2", "adm1")
EID = re.compile(r"(?<![0-9])[0-9]{32}(?![0-9])")


class Run:
    """A whole life: issued, downloaded with a confirmation code, enabled, disabled, deleted, and refused once more."""

    def __init__(self, server):
        self.server = server
        created = self.ask("POST", "/api/v1/devices", {})
        self.eid = created["eid"]
        self.order = self.ask("POST", f"{CARRIER}/profiles", {"eid": self.eid, "confirmation_code": CODE})
        self.iccid = self.order["iccid"]
        asked = self.ask("GET", f"{CARRIER}/profiles/{self.iccid}?include=credentials")
        self.credentials = asked["credentials"]
        device = f"/api/v1/devices/{self.eid}"
        code = {"activation_code": self.order["activation_code"], "confirmation_code": CODE}
        self.outcomes = [self.ask("POST", f"{device}/download", code | {"confirmation_code": "wrong-" + CODE})]
        self.outcomes.append(self.ask("POST", f"{device}/download", code))
        assert [one["ok"] for one in self.outcomes] == [False, True], self.outcomes
        self.outcomes.append(self.ask("POST", f"{device}/refresh", {"url": f"https://localhost:{server.device_port}"}))
        assert not self.outcomes[-1]["ok"]
        for method, verb in (("POST", "/disable"), ("POST", "/enable"), ("DELETE", "")):
            self.ask(method, f"{device}/esims/{self.iccid}{verb}")
        self.device = self.ask("GET", device)

    def reply(self, method, path, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        headers = f"Authorization: Bearer {TOKEN}\r\n".encode()
        (reply,) = send(self.server.control_port, request(method, path, data, headers=headers), tls=False)
        return reply

    def ask(self, method, path, body=None):
        reply = self.reply(method, path, body)
        assert reply.status < 300, reply
        return json.loads(reply.body) if reply.body else None

    @property
    def secrets(self):
        """What nobody may read anywhere, as text: keys in either case, PINs, tokens, codes, private keys."""
        keys = [self.credentials[name] for name in KEYS]
        private = [format(key, "064x") for key in scalars(self.server, self.eid)]
        words = [TOKEN, SEED, CODE, *(self.credentials[name] for name in PINS if len(self.credentials[name]) > 4)]
        written = [*keys, *private]
        written += [base64.b64encode(bytes.fromhex(key)).decode() for key in written]
        written += [repr(bytes.fromhex(key))[2:-1] for key in [*keys, *private]]
        return [*words, *written, *map(str.lower, written)]

    @property
    def raw_secrets(self):
        """The same as bytes, and as a card stores them."""
        return [bytes.fromhex(self.credentials[name]) for name in KEYS]


def scalars(server, eid):
    """The private keys in use: the server's, and the device's."""
    identities = server.parts.pki.identities.values()
    pairs = [pair for identity in identities for pair in (identity.dpauth, identity.dppb)]
    keys = [credential.key for credential in pairs]
    keys += [public_pki().mint_euicc(eid, curve)[0] for curve in ("P-256", "brainpoolP256r1")]
    return [key.private_numbers().private_value for key in keys]


@pytest.fixture(scope="module")
def life():
    """The run, everything that was logged meanwhile at debug, and what the two formatters made of it."""
    written = {}
    records = Records()
    logging.getLogger().addHandler(records)
    loggers = [logging.getLogger(name) for name in ("smdp", "aiohttp", "asyncio", "")]
    before = [(one, one.level, one.propagate, one.handlers[:]) for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.propagate = True
    for kind in ("console", "json"):
        stream = written[kind] = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(smdp_log._Console() if kind == "console" else smdp_log._Json())  # noqa: SLF001 - ours
        logging.getLogger().addHandler(handler)
    settings = Settings(port=0, control_port=0, control_token=TOKEN, seed=SEED, log_level="debug")
    try:
        with Server(settings) as server:
            yield Run(server), records, written
    finally:
        for one, level, propagate, handlers in before:
            one.setLevel(level)
            one.propagate, one.handlers[:] = propagate, handlers


def check(text, secrets):
    found = [secret for secret in secrets if secret in text]
    assert not found, f"{found[0][:4]}… is in {text[max(0, text.index(found[0]) - 80) :][:120]!r}"


def test_there_is_something_to_find(life):
    """Or all that follows would prove nothing."""
    run, records, written = life
    assert len(run.secrets) > 30
    assert len(records.records) > 15
    for text in written.values():
        assert "profile.installed" in text.getvalue()
        assert "session.refused" in text.getvalue()
    check("nothing here", run.secrets)
    with pytest.raises(AssertionError):
        check(f"Ki={run.credentials['ki']}", run.secrets)


@pytest.mark.parametrize("kind", ["console", "json"])
def test_logs(life, kind):
    run, records, written = life
    text = written[kind].getvalue()
    check(text, run.secrets)
    assert not EID.search(text)
    assert run.eid[-4:] in text
    records.check()
    for record in records.records:
        check(record.getMessage(), [*run.secrets, run.eid])


def test_events(life):
    run, _, _ = life
    check(json.dumps(run.ask("GET", f"{CARRIER}/events?limit=1000")), run.secrets)


def test_sessions_and_their_messages(life):
    """`?as=raw` holds the package as it went out: encrypted. Nothing of its content can be read in it."""
    run, _, _ = life
    sessions = run.ask("GET", f"{CARRIER}/sessions")["items"]
    assert len(sessions) >= 2
    check(json.dumps(sessions), run.secrets)
    packages = 0
    for session in sessions:
        raw = run.ask("GET", f"{CARRIER}/sessions/{session['id']}?as=raw")
        for message in (*raw["messages"], *raw["notifications"]):
            for part in ("request", "response", "raw"):
                data = base64.b64decode(message.get(part) or "")
                check(data.decode("latin-1"), run.secrets)
                packages += b"boundProfilePackage" in data
                for inner in re.findall(rb"[A-Za-z0-9+/]{40,}=*", data):
                    content = base64.b64decode(inner + b"=" * (-len(inner) % 4))
                    assert not any(secret in content for secret in run.raw_secrets)
    assert packages == 1


def test_everything_else_that_is_answered(life):
    run, _, _ = life
    for path in ("/api/v1", CARRIER, f"{CARRIER}/plans", f"{CARRIER}/profiles", f"{CARRIER}/profiles/{run.iccid}",
                 f"{CARRIER}/eids/{run.eid}", "/api/v1/devices", f"/api/v1/devices/{run.eid}"):  # fmt: skip
        check(json.dumps(run.ask("GET", path)), run.secrets)
    check(json.dumps(run.outcomes), run.secrets)


def test_problem_documents(life):
    run, _, _ = life
    ki = run.credentials["ki"]
    wrong = [{"credentials": {"ki": ki + "00"}}, {"credentials": {"ki": ki[:-1] + "x"}}, {"credentials": {"pin1": ki}},
             {"credentials": ki}, {"credentials": {"ki": ki}, "count": "x"}]  # fmt: skip
    for body in wrong:
        data = json.dumps(body).encode()
        headers = f"Authorization: Bearer {TOKEN}\r\n".encode()
        (reply,) = send(
            run.server.control_port, request("POST", f"{CARRIER}/profiles", data, headers=headers), tls=False
        )
        assert reply.status == 422, reply
        check(reply.body.decode(), [ki, ki[:-1], *run.secrets])


def things(run):
    """What a debugger, an exception or a log line might show of the server."""
    parts = run.server.parts
    identity = next(iter(parts.pki.identities.values()))
    order = read_order({"credentials": run.credentials, "confirmation_code": CODE})
    return {
        "settings": run.server.settings,
        "parts": parts,
        "service": parts.service,
        "pki": parts.pki,
        "identity": identity,
        "credential": identity.dpauth,
        "security": parts.downloads._security,  # noqa: SLF001 - as above
        "order": order,
    }


def test_reprs(life):
    run, _, _ = life
    for name, thing in things(run).items():
        text = repr(thing)
        check(text, run.secrets)
        assert not EID.search(text), name


def test_reprs_of_the_cores_objects(life):
    """Of what lives for the time of a call only: keys, packages, cards."""
    from smdp.clock import SystemClock
    from smdp.device import Device
    from smdp.device.create import new_device
    from smdp.entropy import SystemEntropy
    from smdp.model import Credentials
    from smdp.rsp.bpp import random_keys
    from smdp.rsp.server.session import Package

    run, _, _ = life
    device = new_device(public_pki(), client=None, clock=SystemClock(), entropy=SystemEntropy(), eid=run.eid)
    assert isinstance(device, Device)
    keys = random_keys(SystemEntropy())
    secret = [format(key, "064x") for key in scalars(run.server, run.eid)]
    secret += [repr(bytes.fromhex(one))[2:-1] for one in secret]
    for thing in (device, device.state, device.euicc, device.euicc.credentials[0]):
        check(repr(thing), secret)
        assert not EID.search(repr(thing)), type(thing)
    package = Package(upp=b"".join(run.raw_secrets), ppk=keys)
    for thing in (keys, package, Credentials(**run.credentials)):
        check(repr(thing), [*run.secrets, *(repr(bytes(one))[2:-1] for one in keys)])


def test_the_log_shortens_what_an_event_tells_in_words():
    """A sentence may name an EID; the log shows its last digits."""
    eid = "89049032123451234512345678901235"
    told = {"because": f"No {eid}."}
    event = Event(id=1, at=None, wall=None, type="session.refused", carrier="acme", eid=eid, data=told)
    assert smdp_log.fields_of(event)["because"] == "No …1235."
