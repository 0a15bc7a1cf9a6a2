"""A device's steps when answers get lost: the server may have done what it could not say."""

import contextlib
import queue

import pytest

from smdp.cli.farm.board import Board
from smdp.cli.farm.life import Known, Life, World
from smdp.client import Client
from smdp.errors import ApiError
from tests.control_stub import CARRIER, EID, Stub, device, page, problem, profile

DEVICE = f"/api/v1/devices/{EID}"
WHY = {"reason": "mdm-unreachable", "because": "Nobody answers.", "fix": "Start it."}


@pytest.fixture
def stub():
    with contextlib.closing(Stub()) as server:
        server.on("POST", "/api/v1/devices", device(name="farm-0001"), status=201)
        server.on("POST", f"{CARRIER}/profiles", profile(), status=201)
        server.on("POST", f"{DEVICE}/enroll", device(name="farm-0001", enrollment={"kind": "device"}))
        server.on("POST", f"{DEVICE}/poll", {"answered": []})
        yield server


class Told:
    """A farm of one, and its board."""

    def __init__(self, stub, role=None):
        client, self.notes = Client(stub.url, timeout=5), queue.SimpleQueue()
        world = World(
            client, Known(client), "farm", "fleet", {"url": "https://m.test"}, "https://x", 7.0, self.notes.put
        )
        self.life, self.board = Life(world, 1, role), Board(1, "active")

    def step(self):
        pause = self.life.step()
        while not self.notes.empty():
            self.notes.get()(self.board)
        return pause

    @property
    def report(self):
        return self.board.report(0)


def made(stub):
    return [len(stub.bodies("POST", path)) for path in ("/api/v1/devices", f"{CARRIER}/profiles", f"{DEVICE}/enroll")]


def test_one_step_prepares_and_polls(stub):
    farm = Told(stub)
    assert farm.step() == 7.0
    assert farm.step() == 7.0
    assert (made(stub), len(stub.bodies("POST", f"{DEVICE}/poll"))) == ([1, 1, 1], 2)
    assert farm.report.states == {"enrolled": 1}


@pytest.mark.parametrize("there", [True, False])
def test_a_device_whose_answer_got_lost_is_not_made_twice(stub, there):
    farm = Told(stub)
    stub.on("POST", "/api/v1/devices", b"<html>", status=500, kind="text/html")
    stub.on("GET", "/api/v1/devices", page())
    assert (farm.step(), farm.step()) == (1.0, 2.0)
    stub.on("GET", "/api/v1/devices", page(*([device(name="farm-0001")] if there else [])))
    stub.on("POST", "/api/v1/devices", device(name="farm-0001"), status=201)
    stub.on("GET", f"{CARRIER}/profiles", page())
    assert farm.step() == 7.0
    assert made(stub)[0] == (2 if there else 3)


@pytest.mark.parametrize("there", [True, False])
def test_an_order_whose_answer_got_lost_is_not_made_twice(stub, there):
    farm = Told(stub)
    stub.on("POST", f"{CARRIER}/profiles", b"<html>", status=500, kind="text/html")
    assert farm.step() == 1.0
    assert farm.report.failures[0].reason == "server-away"
    stub.on("POST", f"{CARRIER}/profiles", profile(), status=201)
    stub.on("GET", f"{CARRIER}/profiles", page(*([profile()] if there else [])))
    assert farm.step() == 7.0
    assert made(stub) == [1, 1 if there else 2, 1]
    assert farm.report.failures == []


def test_an_enrolment_whose_answer_got_lost_counts(stub):
    farm = Told(stub)
    stub.on("POST", f"{DEVICE}/enroll", problem(409, "already-enrolled", "It is enrolled."))
    assert farm.step() == 7.0
    assert farm.report.states == {"enrolled": 1}


def test_an_mdm_that_fails_is_tried_again_less_and_less(stub):
    farm = Told(stub)
    stub.on("POST", f"{DEVICE}/enroll", problem(424, "mdm-unreachable", "Nobody answers.", "Start it."))
    stub.on("GET", f"{CARRIER}/profiles", page(profile()))
    assert [farm.step() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert farm.report.failures[0].reason == "mdm-unreachable"
    stub.on("POST", f"{DEVICE}/enroll", device(enrollment={"kind": "device"}))
    stub.on("POST", f"{DEVICE}/poll", {"answered": [], "problem": WHY})
    assert farm.step() == 7.0
    assert farm.report.failures[0].because == "Nobody answers."


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415, 422])
def test_what_holds_for_all_ends_the_farm(stub, status):
    stub.on("POST", f"{CARRIER}/profiles", problem(status, "no", "Not so."))
    with pytest.raises(ApiError, match=r"Not so\."):
        Told(stub).step()


@pytest.mark.parametrize(("status", "reason"), [(409, "not-enrolled"), (404, "device-unknown")])
def test_a_device_that_is_gone_is_left_alone(stub, status, reason):
    farm = Told(stub)
    stub.on("POST", f"{DEVICE}/poll", problem(status, reason, "It is gone."))
    assert farm.step() is None
    assert farm.report.states == {"left": 1}


def test_a_device_that_the_mdm_throws_out_is_left_alone(stub):
    farm = Told(stub)
    stub.on("POST", f"{DEVICE}/poll", {"answered": [], "enrolled": False})
    assert farm.step() is None
    assert farm.report.failures[0].reason == "unenrolled"


def test_who_is_to_be_offline_goes_once_it_is_enrolled(stub):
    farm = Told(stub, "offline")
    stub.on("PATCH", DEVICE, device(online=False))
    assert farm.step() is None
    assert stub.bodies("PATCH", DEVICE) == [{"online": False}]
    assert (farm.report.states, farm.report.ok) == ({"offline": 1}, True)
