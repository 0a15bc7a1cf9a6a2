"""The story tells the truth, or fails: every claim it makes is taken from it in turn."""

# ruff: noqa: ARG002 - a client that answers the same whatever it is asked

import dataclasses
from datetime import UTC, datetime

import msgspec
import pytest

from smdp.demo.story import NotTrue, tell
from smdp.errors import ApiError
from smdp.model import Activation, Carrier, Device, Esim, Event, Outcome, Problem, Profile, RefusalText, Session

NOW = datetime(2026, 12, 1, tzinfo=UTC)
EID, ICCID, URL = "89049032123451234512345678901235", "8900101000000000019", "https://demo.smdp.localhost:8443"
REFUSAL = {"reason": "already-downloaded", "because": "It was handed out.", "fix": "Issue another."}
EVENTS = ("profile.issued", "profile.downloaded", "profile.consumed", "profile.installed", "activation.active")


@dataclasses.dataclass
class World:
    """What the control API would answer, all of it as it should be."""

    issued: Profile
    afterwards: Profile
    device: Device
    first: Outcome
    second: Outcome
    sessions: dict[str, Session]
    events: list[Event]
    finally_: Profile
    all_profiles: list[Profile]


def a_session(number, **members):
    return Session(id=number, carrier="demo", opened_at=NOW, **members)


@pytest.fixture
def world():
    waiting = Profile(
        iccid=ICCID,
        eid=EID,
        activation=Activation(since=NOW),
        created_at=NOW,
        esim_server_url=URL,
        msisdn="+15550100001",
    )
    done = msgspec.structs.replace(
        waiting, state="installed", consumed=True, consumed_at=NOW, consumed_by="AA",
        activation=Activation(state="active", since=NOW),
    )  # fmt: skip
    return World(
        issued=waiting,
        afterwards=done,
        device=Device(eid=EID, udid="U", serial="S", imei="I", esims=[Esim(iccid=ICCID, state="enabled")]),
        first=Outcome(ok=True, installed=ICCID, session="AA"),
        second=Outcome(ok=False, refused="8.1.1/3.8", session="BB", **REFUSAL),
        sessions={
            "AA": a_session("AA", outcome="installed"),
            "BB": a_session("BB", outcome="refused", refusal=RefusalText(check="AC#14", code="8.1.1/3.8", **REFUSAL)),
        },
        events=[
            Event(id=number, at=NOW, wall=NOW, type=name, carrier="demo", iccid=ICCID)
            for number, name in enumerate(EVENTS, 3)
        ],
        finally_=done,
        all_profiles=[done],
    )


class Told:
    """A client that answers out of a world."""

    url, carrier = "http://127.0.0.1:1", "demo"

    def __init__(self, world, *, exists=False):
        self.world, self.exists = world, exists
        self.profiles_asked, self.refreshes, self.waited = 0, 0, []

    def create_carrier(self, name):
        if self.exists:
            raise ApiError(Problem(title="Conflict", status=409, reason="carrier-exists", because="It exists.", fix=""))
        return self.on(name)

    def on(self, name):
        assert name == "demo"
        return self

    def show_carrier(self):
        return Carrier(name="demo")

    def create_device(self, **options):
        return self.world.device

    def device(self, eid):
        return self.world.device

    def issue(self, eid):
        return self.world.issued

    def profile(self, iccid):
        self.profiles_asked += 1
        return self.world.afterwards if self.profiles_asked == 1 else self.world.finally_

    def profiles(self, eid):
        return self.world.all_profiles

    def refresh(self, eid, url):
        self.refreshes += 1
        return self.world.first if self.refreshes == 1 else self.world.second

    def wait(self, name, **options):
        self.waited.append((name, options["eid"]))

    def session(self, number):
        return self.world.sessions[number]

    def events(self, iccid):
        return self.world.events


@pytest.mark.parametrize("exists", [False, True])
def test_the_story(world, exists):
    lines = []
    client = Told(world, exists=exists)
    facts = tell(client, lambda word, sentence: lines.append((word, sentence)))
    words = [word for word, _ in lines if word]
    assert words == ["carrier", "device", "issued", "refreshed", "downloaded", "installed", "active", "refused"]
    assert all(len(sentence) <= 64 for _, sentence in lines)
    assert client.waited == [("activation.active", EID)]
    assert (facts.eid, facts.iccid, facts.session, facts.refused_session) == (EID, ICCID, "AA", "BB")
    assert facts.events == dict(zip(EVENTS, range(3, 8), strict=True))


def change(part, **members):
    return lambda world: setattr(world, part, msgspec.structs.replace(getattr(world, part), **members))


def change_session(number, **members):
    def lie(world):
        world.sessions[number] = msgspec.structs.replace(world.sessions[number], **members)

    return lie


LIES = {
    "issued: not released": change("issued", state="confirmed"),
    "issued: for another": change("issued", eid="1" * 32),
    "issued: consumed": change("issued", consumed=True),
    "issued: active": change("issued", activation=Activation(state="active", since=NOW)),
    "refreshed: refused": change("first", ok=False),
    "refreshed: another profile": change("first", installed="1" * 19),
    "refreshed: no session": change("first", session=None),
    "refreshed: the carrier disagrees": change_session("AA", outcome="downloaded"),
    "downloaded: not consumed": change("afterwards", consumed=False),
    "downloaded: by another": change("afterwards", consumed_by="BB"),
    "installed: not at the carrier": change("afterwards", state="downloaded"),
    "installed: not on the device": change("device", esims=[]),
    "active: pending": change("afterwards", activation=Activation(state="pending", since=NOW)),
    "timeline: a step is missing": lambda world: world.events.pop(2),
    "timeline: a step is there twice": lambda world: world.events.append(world.events[-1]),
    "timeline: out of order": lambda world: setattr(world.events[4], "id", 1),
    "refused: installed again": change("second", ok=True),
    "refused: another code": change("second", refused="8.2.6/3.8"),
    "refused: another reason": change("second", reason="nothing-ordered"),
    "refused: no reason": change("second", because=""),
    "refused: the carrier has none": change_session("BB", refusal=None),
    "refused: the carrier did not": change_session("BB", outcome="open"),
    "refused: the profile changed": change("finally_", state="released"),
    "refused: the plan changed": change("finally_", activation=Activation(since=NOW)),
    "refused: another profile came": lambda world: world.all_profiles.append(world.issued),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_claim_is_told_that_is_not_true(world, lie):
    LIES[lie](world)
    with pytest.raises(NotTrue, match=r"^The demo failed: .+\.$"):
        tell(Told(world), lambda _word, _sentence: None)


def test_what_the_server_refuses_is_passed_on(world, monkeypatch):
    def refuse(_client, _eid):
        raise ApiError(Problem(title="No", status=422, reason="eid-invalid", because="No.", fix="Fix."))

    monkeypatch.setattr(Told, "issue", refuse)
    with pytest.raises(ApiError, match=r"No\. Fix\."):
        tell(Told(world), lambda _word, _sentence: None)
