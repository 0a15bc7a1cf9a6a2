"""The modem and the USIM: whom they believe, what they answer, and what the device keeps of it."""

import pytest

from smdp import upp
from smdp.device.examine import Sim
from smdp.device.radio import Admitted, Challenge, Line, Rejected, attach, follow, label_id
from smdp.rsp.euicc.state import InstalledProfile
from smdp.rsp.ids import iccid_to_bytes
from smdp.upp import PlanContent, aka
from smdp.upp.contents import Aka
from smdp.upp.milenage import Milenage
from tests.upp.samples import ALICE

ADMITTED = Admitted("TESTS", "001", "01", "+15550100001")
ICCIDS = ("8900101000000000019", "8900101000000000027", "8900101000000000035")


class Network:
    """A network with one subscriber; `seqs` are the sequence numbers that it uses one after the other."""

    def __init__(self, *seqs, ki=ALICE.ki, opc=ALICE.opc, amf=aka.AMF):
        self.functions, self.seqs, self.amf = Milenage(ki, opc), list(seqs), amf
        self.told, self.heard = [], []

    async def challenge(self, imsi):
        assert imsi == ALICE.imsi
        rand = bytes((len(self.told),)) * 16
        vector = aka.challenge(self.functions, rand, aka.sqn(self.seqs.pop(0), 3), self.amf)
        self.told.append(vector)
        return Challenge(vector.rand, vector.autn)

    async def answer(self, imsi, rand, res):
        assert (imsi, rand) == (ALICE.imsi, self.told[-1].rand)
        self.heard.append(res)
        return ADMITTED if res == self.told[-1].xres else Rejected("authentication-failed")

    async def resynchronise(self, imsi, rand, auts):
        highest = aka.resynchronise(self.functions, rand, auts)
        self.heard.append(int.from_bytes(highest, "big") >> 5)
        return await self.challenge(imsi)


class Closed(Network):
    async def challenge(self, _imsi):
        return Rejected("suspended", "The line is suspended.")


@pytest.fixture
def sim():
    usim = upp.read(upp.build(ALICE, PlanContent())).usim
    return Sim(usim.imsi, "001", "01", usim.aka)


@pytest.fixture
def line():
    return Line(label="Primary")


async def test_the_key_in_the_package_is_the_one_that_answers(sim, line):
    network = Network(1)
    await attach(sim, line, network)
    assert (line.admitted, line.rejected) == (ADMITTED, None)
    assert network.heard == [network.told[0].xres]
    assert line.sequence == (0, 0, 0, 1, *(0,) * 28)


async def test_a_refusal_is_kept_and_takes_the_network_away(sim, line):
    line.admitted = ADMITTED
    await attach(sim, line, Closed())
    assert (line.admitted, line.rejected.reason) == (None, "suspended")


@pytest.mark.parametrize("other", [{"ki": bytes(16)}, {"opc": bytes(16)}, {"amf": b"\0\0"}])
async def test_a_network_that_is_not_genuine_gets_no_answer(sim, line, other):
    network = Network(1, **other)
    await attach(sim, line, network)
    assert (line.rejected.reason, network.heard, line.sequence) == ("network-not-genuine", [], None)


async def test_a_replayed_challenge_is_stale(sim, line):
    line.sequence = (9,) * 32
    network = Network(9, 10)
    await attach(sim, line, network)
    assert (line.admitted, network.heard[0]) == (ADMITTED, 9), "AUTS told the highest number"
    assert line.sequence[3] == 10


async def test_a_network_that_stays_stale_is_given_up(sim, line):
    line.sequence = (9,) * 32
    network = Network(1, 2, 3, 4)
    await attach(sim, line, network)
    assert (line.rejected.reason, network.heard) == ("sequence-stale", [9, 9])


async def test_a_number_that_leaps_too_far_is_stale_too(sim, line):
    network = Network((1 << 28) + 1, 5)
    await attach(sim, line, network)
    assert (line.admitted, network.heard[0]) == (ADMITTED, 0)


@pytest.mark.parametrize("key", [None, Aka("7FD0", 1, algorithm=2, key=bytes(16), opc=bytes(32))])
async def test_a_usim_without_an_algorithm_that_is_built_in(line, key):
    network = Network(1)
    await attach(Sim(ALICE.imsi, "001", "01", key), line, network)
    assert (line.rejected.reason, network.told) == ("authentication-failed", [])


# --- what is kept


def profiles(*enabled):
    return [
        InstalledProfile(iccid=iccid_to_bytes(iccid), aid=b"", metadata=b"", upp=b"", size=0, enabled=on)
        for iccid, on in zip(ICCIDS, enabled, strict=False)
    ]


def test_lines_come_and_go_with_their_profiles():
    lines = {}
    follow(lines, profiles(True, False))
    assert [lines[iccid].label for iccid in ICCIDS[:2]] == ["Primary", "Secondary"]
    lines[ICCIDS[0]].sequence, lines[ICCIDS[0]].admitted = (1,) * 32, ADMITTED
    follow(lines, profiles(False, True))
    assert (lines[ICCIDS[0]].sequence, lines[ICCIDS[0]].admitted) == ((1,) * 32, None)
    follow(lines, profiles(False, True)[1:])
    assert list(lines) == [ICCIDS[1]]
    follow(lines, profiles(False, True))
    assert (lines[ICCIDS[0]].label, lines[ICCIDS[0]].sequence) == ("Primary", None)


def test_a_label_has_an_id_of_its_own():
    eid = "89049032123451234512345678901235"
    found = {label_id(eid, iccid) for iccid in ICCIDS}
    assert len(found) == 3
    assert label_id(eid, ICCIDS[0]) in found
    assert all(len(one) == 36 and one[14] == "4" for one in found)


async def test_a_foreign_network_is_out_of_reach(device, server):
    from smdp.carrier.service import Service
    from smdp.clock import SystemClock
    from smdp.device.device import Device
    from smdp.http.air import Cell
    from smdp.storage import Database

    await device.refresh(server.url)
    database = await Database.open()
    cell = Cell(Service(database, SystemClock()), device.eid)
    parts = {"client": None, "clock": SystemClock(), "entropy": None}
    again = Device.load(device.dump(), **parts, network=cell)
    await again.attach()
    (esim,) = again.describe().esims
    assert (esim.network, esim.rejected, esim.subscriber_network) == ("", "no-network", "TESTS")
    await database.close()
