"""The story tells the truth, or fails: it is recorded once with a real carrier and a real MDM, and told again with one
answer after the other turned into a lie."""

import dataclasses
from collections import Counter

import msgspec
import pytest

from smdp import Settings
from smdp.client import Client
from smdp.demo.cast import STEPS
from smdp.demo.mdm import BlockingMdm
from smdp.demo.story import NotTrue, tell
from smdp.errors import ApiError
from smdp.model import Activation, Esim, PolledCommand, PollProblem, Problem
from smdp.server import Server

PROPERTIES = {"url", "carrier", "esim_server_url", "enroll_url", "ca", "devices"}


class Asked:
    """A client or an MDM (`who`) that notes what it answers."""

    def __init__(self, one, tape, who=""):
        self.one, self.tape, self.who = one, tape, who

    def __getattr__(self, name):
        if name in PROPERTIES:
            return self.note(name, getattr(self.one, name))

        def ask(*given, **named):
            answer = getattr(self.one, name)(*given, **named)
            if isinstance(answer, Client):
                return self.note(name, Asked(answer, self.tape))
            return self.note(f"wait {given[0]}" if name == "wait" else name, answer)

        return ask

    def note(self, name, answer):
        self.tape.append((self.who + name, answer))
        return answer


class Told:
    """The same, answering from the tape; `lies` replaces the n-th answer of a name."""

    def __init__(self, tape, lies=None, who=""):
        self.tape, self.lies, self.who, self.asked = iter(tape), lies or {}, who, Counter()
        self.mdm = Told(self.tape, self.lies, "mdm.") if not who else None

    def __getattr__(self, name):
        wanted = self.who + name
        return self.answer(wanted) if name in PROPERTIES else lambda *given, **_: self.answer(wanted, *given)

    def answer(self, name, *given):
        wanted = f"wait {given[0]}" if name == "wait" else name
        recorded, answer = next(self.tape)
        assert recorded == wanted, "the story asks in another order than when it was recorded"
        self.asked[wanted] += 1
        if isinstance(answer, Asked):
            answer = self
        lie = self.lies.get((wanted, self.asked[wanted]))
        return lie(answer) if lie else answer


class Voice:
    def __init__(self):
        self.chapters, self.words, self.lines = 0, [], []

    def chapter(self, title):
        self.chapters += 1
        self.lines.append(title)

    def there(self, name, sentence):
        self.lines.append(f"{name} {sentence}")

    def done(self, word, sentence):
        self.words.append(word)
        self.lines.append(sentence)

    def more(self, sentence):
        self.lines.append(sentence)


@pytest.fixture(scope="module")
def recorded():
    tape, voice = [], Voice()
    with Server(Settings(port=0, control_port=0)) as server, BlockingMdm() as mdm:
        facts = tell(Asked(Client(server.control_url), tape), Asked(mdm, tape, "mdm."), voice)
    return tape, voice, facts


def test_the_story(recorded):
    _, voice, facts = recorded
    assert voice.chapters == 6
    assert voice.words == [
        "enrolled", "asked",
        "ordered", "commanded", "downloaded", "consumed", "installed", "active", "attached", "asked",
        "commanded", "refused", "unharmed",
        "erased", "enrolled", "kept",
        "erased", "enrolled", "commanded", "refused",
        "reissued", "commanded", "active",
    ]  # fmt: skip
    assert set(facts.before) == {"Slot", "EID", "IMEI"}
    assert facts.after["ICCID"].replace(" ", "") == facts.iccid
    assert facts.finally_["ICCID"].replace(" ", "") == facts.reissued != facts.iccid
    assert facts.after["PhoneNumber"] == facts.finally_["PhoneNumber"] == facts.msisdn
    assert (facts.refused, facts.reason) == ("8.1.1/3.8", "already-downloaded")
    assert list(facts.events) == list(STEPS)
    text = "\n".join(voice.lines)
    for told in (facts.iccid, facts.reissued, facts.because, facts.msisdn, facts.esim_server_url):
        assert told in text


def test_a_record_of_it_tells_the_same(recorded):
    tape, voice, facts = recorded
    again, told = Voice(), Told(tape)
    assert tell(told, told.mdm, again) == facts
    assert again.lines == voice.lines


def change(**members):
    return lambda answer: msgspec.structs.replace(answer, **members)


def result(**members):
    return lambda answer: dataclasses.replace(answer, **members)


def row(**members):
    """Change the row of ServiceSubscriptions that has the EID."""

    def lie(answer):
        (one,) = [one for one in answer.answer["QueryResponses"]["ServiceSubscriptions"] if "EID" in one]
        return dataclasses.replace(answer, answer={"QueryResponses": {"ServiceSubscriptions": [one | members]}})

    return lie


def event(name, answer):
    return [other for other in answer if other.type == name]


PROBLEM = PollProblem(reason="mdm-unreachable", because="It is away.", fix="Start it.")
ANSWERED = [PolledCommand(command="RefreshCellularPlans", status="NotNow")]
PENDING = Activation(state="pending", since="2026-12-01T00:00:00Z")
ESIM = Esim(iccid="8900101000000000993", state="enabled")
LIES = {
    "iPhone: not supervised": ("create_device", 1, change(supervised=False), "not new"),
    "iPhone: with an eSIM": ("create_device", 1, change(esims=[ESIM]), "not new"),
    "enrolled: without SCEP": ("mdm.profile", 1, lambda _: b"<plist/>", "SCEP"),
    "enrolled: not the phone": ("enroll_device", 1, change(enrollment=None), "not enrolled"),
    "enrolled: elsewhere": ("enroll_device", 1, change(enrollment={"server_url": "https://x"}), "not enrolled"),
    "enrolled: not at the MDM": ("mdm.devices", 1, lambda _: {}, "does not know the phone"),
    "answer: no MDM": ("poll_device", 1, change(problem=PROBLEM), "could not talk"),
    "answer: none": ("poll_device", 1, change(answered=[]), "answered"),
    "answer: not now": ("poll_device", 2, change(answered=ANSWERED), "NotNow"),
    "answer: the MDM heard otherwise": ("mdm.result", 2, result(status="Error"), "told Error"),
    "answer: another one": ("wait mdm.acknowledged", 2, change(data={}), "another answer"),
    "answer: to another URL": (
        "wait mdm.acknowledged", 2, lambda told: change(data=told.data | {"url": "https://x"})(told), "URL https://x",
    ),
    "answer: tells more": ("mdm.result", 2, lambda a: result(answer={**a.answer, "ICCID": "8"})(a), "told its MDM"),
    "before: no slot": ("mdm.result", 1, row(EID="8"), "0 slots"),
    "before: a plan": ("mdm.result", 1, row(ICCID="8"), "without a plan"),
    "ordered: for another": ("issue", 1, change(eid="1" * 32), "another EID"),
    "ordered: not released": ("issue", 1, change(state="confirmed"), "not released"),
    "ordered: consumed": ("issue", 1, change(consumed=True), "used before"),
    "ordered: active": ("issue", 1, change(activation=PENDING), "works before"),
    "consumed: not": ("profile", 1, change(consumed=False), "not consumed"),
    "installed: not at the carrier": ("profile", 1, change(state="downloaded"), "not installed"),
    "installed: not in the session": ("session", 1, change(outcome="downloaded"), "not installed"),
    "downloaded: by another": ("session", 1, change(eid="1" * 32), "of the EID"),
    "installed: not on the phone": ("device", 1, change(esims=[]), "does not hold"),
    "active: pending": ("profile", 1, change(activation=PENDING), "not active"),
    "told: a step is missing": ("events", 1, lambda events: events[:-3], "times, not once"),
    "told: a step is there twice": ("events", 1, lambda e: e + event("profile.consumed", e), "2 times"),
    "told: out of order": (
        "events", 1,
        lambda e: [change(id=1)(one) if one.type == "profile.installed" else one for one in e],
        "another order",
    ),
    "after: another ICCID": ("mdm.result", 3, row(ICCID="8"), "the ICCID 8"),
    "after: another network": ("mdm.result", 3, row(CurrentCarrierNetwork="x"), "the network x"),
    "after: another number": ("mdm.result", 3, row(PhoneNumber="+1"), r"the number \+1"),
    "refused: the carrier did not": ("session", 2, change(outcome="open"), "not refused"),
    "refused: without reason": ("session", 2, change(refusal=None), "refused with"),
    "refused: for another reason": (
        "session", 2, lambda one: change(refusal=change(reason="on-hold")(one.refusal))(one), "on-hold",
    ),
    "refused: without words": (
        "session", 2, lambda one: change(refusal=change(because="")(one.refusal))(one), "without a reason",
    ),
    "refused: the screen says why otherwise": ("wait user.notice", 1, change(data={}), "another reason"),
    "refused: the screen is about another": ("wait user.notice", 1, change(session="FF"), "another reason"),
    "refused: the profile changed": ("profile", 2, change(state="released"), "changed the profile"),
    "refused: another profile came": ("profiles", 1, lambda one: one * 2, "another profile"),
    "unharmed: not": ("mdm.result", 5, row(ICCID=""), "the ICCID"),
    "erased: still enrolled": ("device", 3, change(enrollment={"server_url": "https://x"}), "still enrolled"),
    "kept: the eSIM is gone": ("device", 3, change(esims=[]), "after the wipe"),
    "kept: the timeline tells of none": ("wait erase.kept", 1, change(data={}), "other eSIMs"),
    "kept: not to the MDM": ("mdm.result", 7, row(PhoneNumber=""), "the number"),
    "erased: the eSIM is there": ("device", 5, change(esims=[ESIM]), "after the wipe"),
    "reissued: for another": ("reissue", 1, change(eid="1" * 32), "went elsewhere"),
    "reissued: another number": ("reissue", 1, change(msisdn="+1"), "went elsewhere"),
    "reissued: the same": ("reissue", 1, change(iccid="8900101000000000019"), "handed out again"),
    "reissued: two lines": ("profile", 4, change(activation=PENDING), "still there"),
    "finally: another number of refreshes": ("mdm.results", 1, lambda results: results[:-2], "another number"),
    "finally: the MDM heard": (
        "mdm.results", 1, lambda results: [dataclasses.replace(one, status="Error") for one in results], "heard",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_no_claim_is_told_that_is_not_true(recorded, lie):
    name, which, instead, otherwise = LIES[lie]
    told = Told(recorded[0], {(name, which): instead})
    with pytest.raises(NotTrue, match=rf"^The demo failed: .*{otherwise}.*\.$"):
        tell(told, told.mdm, Voice())
    assert (told.mdm if name.startswith("mdm.") else told).asked[name] == which, "it failed elsewhere"


def test_what_the_server_refuses_is_passed_on(recorded):
    def refuse(_):
        raise ApiError(Problem(title="No", status=422, reason="eid-invalid", because="No.", fix="Fix."))

    told = Told(recorded[0], {("create_carrier", 1): refuse})
    with pytest.raises(ApiError, match=r"No\. Fix\."):
        tell(told, told.mdm, Voice())
