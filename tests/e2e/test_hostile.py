"""A hostile LPA, and a hostile eUICC with real keys: each answer is a standard's code, and no order moves.

In process, for there are thousands of messages; what HTTP makes of them is in tests/http/test_bad_input.py.
"""

import copy
import random
import time
from base64 import b64decode
from dataclasses import dataclass
from statistics import median

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from smdp.carrier.download import Downloads
from smdp.carrier.issue import IssueOrder
from smdp.carrier.service import Service
from smdp.clock import SystemClock
from smdp.http.app import security_of
from smdp.rsp.codes import CancelSessionReason
from smdp.rsp.tlv import tlv
from smdp.storage import Database
from tests.e2e.phone import Inside, Phone, eid_of, glance, public_pki, without_attempts
from tests.independent import b64, encode, parse, sign, split
from tests.rsp.test_decoder import CHANGES, places, put

HOST = "acme.smdp.localhost"
pytestmark = pytest.mark.usefixtures("log")
CODES = {
    "1.3.1/2.1", "1.3.1/2.2", "8.1/4.8", "8.1/6.1", "8.1.1/3.8", "8.1.2/6.1", "8.1.2/6.3", "8.1.3/6.1", "8.1.3/6.3",
    "8.2/1.2", "8.2/3.7", "8.2.5/4.3", "8.2.6/3.8", "8.2.7/2.2", "8.2.7/3.8", "8.2.7/6.4", "8.8/3.10", "8.8.1/3.8",
    "8.8.2/3.1", "8.8.3/3.1", "8.8.4/3.7", "8.10.1/3.9", "8.11.1/3.9",
}  # fmt: skip
"""What SGP.22 lets ES9+ say (sgp22.md B.0)."""
UNKNOWN = "8.10.1/3.9"
MEMBER = {
    "initiateAuthentication": "euiccInfo1",
    "authenticateClient": "authenticateServerResponse",
    "getBoundProfilePackage": "prepareDownloadResponse",
    "cancelSession": "cancelSessionResponse",
    "handleNotification": "pendingNotification",
}


class Shop:
    """Two carriers in one process, and everything about them that a stranger must not change."""

    def __init__(self, database, service):
        self.database, self.service = database, service
        self.downloads = Downloads(service, security_of(public_pki()))
        self.door = self.at("acme")

    def at(self, carrier):
        return Inside(self.downloads, f"{carrier}.smdp.localhost")

    async def issue(self, eid=None, carrier="acme", **order):
        return (await self.service.issue(carrier, [IssueOrder(eid=eid, **order)])).value[0]

    async def orders(self, *carriers):
        """What became of every order; how often it was tried may be counted."""
        found = [await self.service.profiles(carrier, {}, 0, 100) for carrier in carriers or ("acme", "beta")]
        return [without_attempts(profile) for page, _ in found for profile in page]

    def save(self) -> bytes:
        """Write down all that the server knows."""
        return self.database._connection.serialize()  # noqa: SLF001 - a database that is put back costs 50 µs

    def restore(self, state: bytes) -> None:
        """Put the server back to where it was."""
        self.database._connection.deserialize(state)  # noqa: SLF001 - as above

    async def last_events(self):
        return [await self.service.last_event(carrier) for carrier in ("acme", "beta")]


@pytest.fixture
async def shop():
    database = await Database.open()
    service = Service(database, SystemClock())
    await service.start()
    for carrier in ("acme", "beta"):
        await service.create_carrier(carrier, {"limits": {"download_attempts": 1_000_000}})
    yield Shop(database, service)
    await service.close()
    await database.close()


def phone_of(number, carrier="acme"):
    return Phone(eid_of(number), f"{carrier}.smdp.localhost", curves=("P-256",), examine=glance)


def cancelled(phone):
    """What this phone would say to end its session; it goes on all the same."""
    return copy.deepcopy(phone).cancel(CancelSessionReason.END_USER_REJECTION)


# --- the right messages at the wrong place


async def test_a_transaction_that_nobody_has(shop):
    order = await shop.issue(eid_of(1))
    phone = phone_of(1)
    met = await phone.meet(shop.door)
    bodies = {
        "authenticateClient": {"authenticateServerResponse": "AAAA"},
        "getBoundProfilePackage": phone.prepare(met.members),
        "cancelSession": cancelled(phone),
    }
    before = await shop.orders()
    for function, body in bodies.items():
        for other in ("00", "00" * 16, phone.transaction_id[:-2], phone.transaction_id[:-1] + "0" * 1):
            if other != phone.transaction_id:
                assert (await shop.door.ask(function, body | {"transactionId": other})).code == UNKNOWN
    assert await shop.orders() == before
    assert (await shop.door.ask("getBoundProfilePackage", bodies["getBoundProfilePackage"])).code is None
    assert (await shop.service.profile("acme", order.iccid)).state == "downloaded"


async def test_steps_in_another_order(shop):
    await shop.issue(eid_of(1))
    first, second = phone_of(1), phone_of(1)
    prepared = first.prepare((await first.meet(shop.door)).members)
    started = (await shop.door.ask("initiateAuthentication", second.initiate())).members
    before = await shop.orders()
    skipped = prepared | {"transactionId": started["transactionId"]}
    assert (await shop.door.ask("getBoundProfilePackage", skipped)).code in (UNKNOWN, "8.1/6.1")
    assert await shop.orders() == before
    got = await shop.door.ask("getBoundProfilePackage", prepared)
    first.install(got.members)
    back = {"transactionId": first.transaction_id, "authenticateServerResponse": "AAAA"}
    assert (await shop.door.ask("authenticateClient", back)).code in CODES
    assert (await shop.service.profile("acme", before[0]["iccid"])).state == "downloaded"


async def test_after_the_end_nothing_happens_any_more(shop):
    order = await shop.issue(eid_of(1))
    phone = phone_of(1)
    started = (await shop.door.ask("initiateAuthentication", phone.initiate())).members
    said = {"authenticateClient": phone.authenticate(started)}
    met = (await shop.door.ask("authenticateClient", said["authenticateClient"])).members
    said["getBoundProfilePackage"] = phone.prepare(met)
    got = await shop.door.ask("getBoundProfilePackage", said["getBoundProfilePackage"])
    told = phone.install(got.members)
    assert (await shop.door.ask("handleNotification", told)).status == 204
    assert (await shop.service.profile("acme", order.iccid)).state == "installed"
    before, events = await shop.orders(), await shop.last_events()
    for _ in range(3):
        assert (await shop.door.ask("handleNotification", told)).status == 204
    assert await shop.last_events() == events
    for function, body in said.items():
        assert (await shop.door.ask(function, body)).code == UNKNOWN
    assert await shop.orders() == before


async def test_another_sessions_messages(shop):
    """Two devices, two sessions, every message under the other's transactionId."""
    await shop.issue(eid_of(1))
    await shop.issue(eid_of(2))
    first, second = phone_of(1), phone_of(2)
    asked = [
        phone.authenticate((await shop.door.ask("initiateAuthentication", phone.initiate())).members)
        for phone in (first, second)
    ]
    before = await shop.orders()
    crossed = asked[0] | {"transactionId": second.transaction_id}
    assert (await shop.door.ask("authenticateClient", crossed)).code in (UNKNOWN, "8.1/6.1")
    assert await shop.orders() == before
    prepared = first.prepare((await shop.door.ask("authenticateClient", asked[0])).members)
    third = phone_of(2)
    await third.meet(shop.door)
    for function, body in (
        ("getBoundProfilePackage", prepared),
        ("cancelSession", cancelled(first)),
    ):
        crossed = body | {"transactionId": third.transaction_id}
        assert (await shop.door.ask(function, crossed)).code in (UNKNOWN, "8.1/6.1")
    assert await shop.orders() == before


async def test_another_carriers_transactions_and_matching_ids(shop):
    """They are as unknown as what never was, byte for byte, and the other carrier hears nothing of it."""
    mine, theirs = await shop.issue(), await shop.issue(carrier="beta")
    phone = phone_of(1)
    met = await phone.meet(shop.door, mine.matching_id)
    prepared = phone.prepare(met.members)
    before, events = await shop.orders(), await shop.last_events()
    elsewhere = shop.at("beta")
    for function, body in (
        ("getBoundProfilePackage", prepared),
        ("cancelSession", cancelled(phone)),
        ("authenticateClient", {"transactionId": phone.transaction_id, "authenticateServerResponse": "AAAA"}),
    ):
        foreign = await elsewhere.ask(function, body)
        never = await elsewhere.ask(function, body | {"transactionId": "00" * 16})
        assert (foreign.code, foreign.reason) == (UNKNOWN, never.reason)
        assert foreign.body == never.body
    assert (await shop.last_events())[0] == events[0]
    refused = await phone_of(2).meet(shop.door, theirs.matching_id)
    nothing = await phone_of(2).meet(shop.door, "NEVER-WAS")
    assert (refused.code, refused.reason) == ("8.2.6/3.8", nothing.reason)
    assert refused.body.replace(theirs.matching_id.encode(), b"") == nothing.body.replace(b"NEVER-WAS", b"")
    assert (await shop.last_events())[1] == events[1]
    assert await shop.orders() == before
    got = await shop.door.ask("getBoundProfilePackage", prepared)
    with_result = phone.install(got.members)
    assert (await elsewhere.ask("handleNotification", with_result)).status == 204
    assert (await shop.service.profile("acme", mine.iccid)).state == "downloaded"
    assert (await shop.door.ask("handleNotification", with_result)).status == 204
    assert (await shop.service.profile("acme", mine.iccid)).state == "installed"


# --- thousands of spoiled messages


@dataclass
class Target:
    """An honest message, and the server's state at the moment before it."""

    function: str
    body: dict[str, str]
    state: bytes
    key: ec.EllipticCurvePrivateKey
    behind: bytes = b""
    """What is signed behind the message's own bytes."""

    @property
    def message(self) -> bytes:
        return b64decode(self.body[MEMBER[self.function]])

    def with_message(self, message: bytes) -> dict[str, str]:
        return self.body | {MEMBER[self.function]: b64(message)}

    def signed_again(self, change) -> bytes:
        """Change what is signed, and sign it: what the owner of a real eUICC's key can do."""
        outer = parse(self.message)
        inner = parse(outer.value) if self.function != "handleNotification" else outer
        signed, _, *rest = split(inner.value)
        spoiled = change(signed.raw)
        made = encode(inner.tag, spoiled, sign(self.key, spoiled, self.behind), *(node.raw for node in rest))
        return made if inner is outer else encode(outer.tag, made)


async def targets(shop) -> dict[str, Target]:
    """Go through a download, and stop before every step."""
    await shop.issue(eid_of(1))
    phone = phone_of(1)
    key = ec.derive_private_key(int.from_bytes(phone.card.credentials[0].scalar), ec.SECP256R1())
    found = {}

    def stop(name, function, body, behind=b""):
        found[name] = Target(function, body, shop.save(), key, behind)
        return shop.door.ask(function, body)

    started = (await stop("initiate", "initiateAuthentication", phone.initiate())).members
    met = (await stop("authenticate", "authenticateClient", phone.authenticate(started))).members
    signature2 = b64decode(met["smdpSignature2"])
    prepared = phone.prepare(met)
    other = phone_of(1)
    await other.meet(shop.door)
    await stop("cancel", "cancelSession", other.cancel(CancelSessionReason.POSTPONED))
    got = await stop("prepare", "getBoundProfilePackage", prepared, signature2)
    await stop("again", "getBoundProfilePackage", prepared, signature2)
    await stop("installed", "handleNotification", phone.install(got.members))
    await stop("enabled", "handleNotification", phone.switch(0xBF31))
    return found


TARGETS = ("initiate", "authenticate", "cancel", "prepare", "again", "installed", "enabled")
SIGNED = TARGETS[1:]
BYTES = {
    "flipped": lambda data, at, _to, noise: (
        data[:at] + bytes(one ^ noise[0] for one in data[at : at + 1]) + data[at + 1 :]
    ),
    "cut": lambda data, at, _to, _noise: data[:at],
    "trailing": lambda data, _at, _to, noise: data + noise,
    "missing": lambda data, at, to, _noise: data[:at] + data[to:],
    "inserted": lambda data, at, _to, noise: data[:at] + noise + data[at:],
    "overwritten": lambda data, at, _to, noise: data[:at] + noise + data[at + len(noise) :],
    "repeated": lambda data, at, to, _noise: data[:at] + data[at:to] * 3 + data[to:],
}
VALUES = (
    b"", b"\x00", b"\x07", b"\x08\xff", b"\xff" * 9, b"\x80" * 60, b"\x7f" * 65, bytes(5000), b"\x30\x80" * 3000,
)  # fmt: skip
ALLOWED = ("member behind",)
"""A later version of the standard may add members, so who does not know them ignores them."""
WHOLE = {
    **{name: change for name, change in CHANGES.items() if name not in ALLOWED},
    **{f"value {number}": lambda node, value=value: encode(node.tag, value) for number, value in enumerate(VALUES)},
}


def spoil(message: bytes, chance: random.Random) -> bytes:
    """Do to a message what nobody would do: to some of its bytes, or to a TLV with the right lengths around it."""
    if chance.random() < 0.5:
        return put(message, chance.choice(list(places(message))), WHOLE[chance.choice(sorted(WHOLE))])
    at, to = sorted(chance.randrange(len(message) + 1) for _ in range(2))
    noise = bytes([1 << chance.randrange(8)]) + chance.randbytes(chance.choice((0, 1, 3, 30, 300)))
    return BYTES[chance.choice(sorted(BYTES))](message, at, to, noise)


async def judge(shop, target, message):
    """Send a message to the server as it was; return the answer and the seconds of CPU it took."""
    shop.restore(target.state)
    body = target.with_message(message)
    began = time.process_time()
    reply = await shop.door.ask(target.function, body)
    return reply, time.process_time() - began


def report(name, seconds):
    """Print (pytest -rP) what an input costs: the dearest one beside the median. Other tests share the machine."""
    usual = median(seconds)
    print(f"{name}: median {usual * 1e6:.0f} us, dearest {max(seconds) / usual:.1f} times that")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", TARGETS)
async def test_spoiled_messages(shop, name, seed):
    target = (await targets(shop))[name]
    shop.restore(target.state)
    before = await shop.orders()
    chance, seconds = random.Random(f"{name} {seed}"), []
    for _ in range(300):
        message = spoil(target.message, chance)
        if message == target.message:
            continue
        reply, cost = await judge(shop, target, message)
        seconds.append(cost)
        if target.function == "handleNotification":
            assert (reply.status, reply.body) == (204, b"")
        elif reply.code is not None or target.function != "initiateAuthentication":
            assert reply.code in CODES, message.hex()
        assert await shop.orders() == before, message.hex()
    report(name, seconds)


OUTCOMES = {
    "authenticate": {"released", "error"},
    "cancel": {"released", "error", "confirmed"},
    "prepare": {"released", "downloaded"},
    "again": {"downloaded"},
    "installed": {"downloaded", "installed", "error"},
    "enabled": {"installed"},
}
"""Where an order may stand after something that its own eUICC signed."""


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", SIGNED)
async def test_spoiled_messages_that_are_signed_all_the_same(shop, name, seed):
    """The keys of the public test PKI are public: a signature proves nothing about what is signed."""
    target = (await targets(shop))[name]
    chance, seconds = random.Random(f"signed {name} {seed}"), []
    for _ in range(300):
        message = target.signed_again(lambda signed: spoil(signed, chance))
        reply, cost = await judge(shop, target, message)
        seconds.append(cost)
        if target.function == "handleNotification":
            assert (reply.status, reply.body) == (204, b"")
        else:
            assert reply.code is None or reply.code in CODES, message.hex()
        states = {order["state"] for order in await shop.orders()}
        assert states <= OUTCOMES[name], message.hex()
    report(name, seconds)


@pytest.mark.parametrize("name", SIGNED)
async def test_signing_again_what_was_not_spoiled_is_honest(shop, name):
    """Or the test above would prove nothing."""
    target = (await targets(shop))[name]
    reply, _ = await judge(shop, target, target.signed_again(lambda signed: signed))
    assert reply.code is None


WEIGHTS = {
    "zeros": bytes(190_000),
    "many small ones": b"\x30\x00" * 90_000,
    "deep": b"\x30\x80" * 90_000,
    "deep and right": b"",
    "one long one": tlv(0x30, bytes(180_000)),
    "many bit strings": tlv(0x30, b"\x03\x01\x00" * 60_000),
    "a long integer": tlv(0x30, tlv(0x02, b"\x7f" * 180_000)),
}


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", TARGETS)
async def test_the_heaviest_messages_cost_little(shop, name, weight):
    """256 KiB of whatever takes no second of CPU; the bound is far above what it is, for machines differ."""
    target = (await targets(shop))[name]
    data = WEIGHTS[weight]
    if weight == "deep and right":
        for _ in range(400):
            data = tlv(0x30, data)
    inside = target.message[: 2 if name != "enabled" else 1]
    for message in (data, tlv(int.from_bytes(inside), data)):
        reply, cost = await judge(shop, target, message)
        assert cost < 1
        assert (reply.code in CODES) != (target.function == "handleNotification")
