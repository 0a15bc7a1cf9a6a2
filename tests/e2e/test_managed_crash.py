"""`kill -9` in the middle of what a managed device does, and an MDM that restarts: nothing is lost or done twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from smdp.demo.mdm.messages import Failed
from smdp.errors import SmdpError
from tests.e2e.processes import ServerProcess
from tests.managed import ManagedDevice, StrictDesk, configuration, small_mdm, sparse

ONCE = ("profile.selected", "profile.downloaded", "profile.consumed", "profile.installed", "activation.active")


@pytest.fixture
def database(tmp_path):
    return tmp_path / "smdp.db"


@pytest.fixture
def mdm():
    with small_mdm() as running:
        yield running


def again(server, database):
    """Start the server again where it was: devices come back to the same port."""
    return ServerProcess(database, port=str(server.port))


def enrolled(server, mdm):
    carrier = server.client("acme").create_carrier("acme")
    device = ManagedDevice(carrier, mdm)
    device.enroll()
    return device


def back(server, device):
    """The same device, at the server that was started again."""
    device.carrier = server.client("acme")
    return device


@pytest.mark.parametrize(
    "step", ["initiateAuthentication", "authenticateClient", "getBoundProfilePackage", "handleNotification"]
)
def test_killed_while_a_plan_is_downloaded(database, mdm, step):
    with ServerProcess(database) as server:
        device = enrolled(server, mdm)
        profile = device.carrier.issue(device.eid)
        device.carrier.add_fault("stall", step=step, longest="1m")
        assert device.refresh().status == "Acknowledged"
        device.carrier.wait("fault.fired", after=0, within=20)
        server.kill()
    with again(server, database) as server:
        carrier = back(server, device).carrier
        carrier.wait("profile.enabled", iccid=profile.iccid, after=0, within=20)
        carrier.wait("activation.active", iccid=profile.iccid, after=0, within=20)
        assert [esim.state for esim in device.show().esims] == ["enabled"]
        assert "CurrentCarrierNetwork" in device.row()
        told = [event.type for event in carrier.events(iccid=profile.iccid)]
        assert [told.count(kind) for kind in ONCE] == [2 if kind == "profile.selected" and step in BEFORE else 1
                                                       for kind in ONCE]  # fmt: skip
        assert "user.notice" not in device.told()


BEFORE = ("authenticateClient",)
"""Where the answer that is lost is that of a session which is begun anew."""


class Cutting(StrictDesk):
    """A desk that says when so many results were there, and holds its answer until somebody killed the sender."""

    def __init__(self, desk, most):
        super().__init__(desk)
        self.left, self.reached, self.killed = most, threading.Event(), threading.Event()

    def connect(self, message, fingerprint, raw):
        answer = super().connect(message, fingerprint, raw)
        self.left -= message["Status"] != "Idle"
        if self.left == 0:
            self.reached.set()
            self.killed.wait(20)
        return answer


def kill_after(server, device, *, results):
    """Poll, and kill the server when the MDM has so many results."""
    mdm = device.mdm
    desk = mdm.mdm.desk = Cutting(mdm.mdm.desk, most=results)
    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(device.poll)
        assert desk.reached.wait(20)
        server.kill()
        desk.killed.set()
        with pytest.raises(SmdpError):
            polled.result()
    mdm.mdm.desk = StrictDesk(desk)


def test_killed_when_the_mdm_has_its_answer(database, mdm):
    """The command is off the MDM's queue by then, so the device itself has to remember."""
    with ServerProcess(database) as server:
        device = enrolled(server, mdm)
        profile = device.carrier.issue(device.eid)
        command = mdm.send_refresh(device.udid, device.carrier.esim_server_url)
        kill_after(server, device, results=1)
    assert mdm.result(device.udid, command, 0.1).ok
    with again(server, database) as server:
        back(server, device).carrier.wait("profile.enabled", iccid=profile.iccid, after=0, within=20)
        assert "ICCID" in device.row()
        told = [event.type for event in device.carrier.events(iccid=profile.iccid)]
        assert (told.count("profile.downloaded"), told.count("profile.installed")) == (1, 1)


def test_the_command_comes_again_before_the_device_went_on(database, mdm):
    with ServerProcess(database) as server:
        device = enrolled(server, mdm)
        profile = device.carrier.issue(device.eid)
        device.carrier.add_fault("stall", step="getBoundProfilePackage", longest="1m")
        assert device.refresh().ok
        device.carrier.wait("fault.fired", after=0, within=20)
        server.kill()
    with again(server, database) as server:
        result = back(server, device).refresh()
        assert (result.status, result.error_codes) in (("Error", [36003]), ("Acknowledged", []))
        device.carrier.wait("activation.active", iccid=profile.iccid, after=0, within=20)
        assert [esim.iccid for esim in device.show().esims] == [profile.iccid]


def test_killed_in_the_middle_of_a_poll(database, mdm):
    names = [f"com.example.{number}" for number in range(12)]
    with ServerProcess(database) as server:
        device = enrolled(server, mdm)
        uuids = [
            mdm.install_profile(device.udid, configuration(name, "com.apple.applicationaccess", allowCamera=False))
            for name in names
        ]
        kill_after(server, device, results=5)
    with again(server, database) as server:
        answered = back(server, device).poll()["answered"]
        assert len(answered) == len(names) - 5, "what was answered is not answered again"
        assert all(mdm.result(device.udid, uuid, 0.1).ok for uuid in uuids)
        listed = [one["PayloadIdentifier"] for one in device.send("ProfileList").answer["ProfileList"]]
        assert [name for name in listed if name in names] == names, "what was answered is there"


class Forgetful(StrictDesk):
    """A desk that fails at the first result, before it took it."""

    failed = False

    def connect(self, message, fingerprint, raw):
        if message["Status"] == "Acknowledged" and not self.failed:
            self.failed = True
            raise Failed("out of order")
        return super().connect(message, fingerprint, raw)


def test_a_result_that_the_mdm_lost_is_sent_again_and_nothing_installed_twice(database, mdm):
    mdm.mdm.desk = Forgetful(mdm.mdm.desk)
    with ServerProcess(database) as server:
        device = enrolled(server, mdm)
        profile = device.carrier.issue(device.eid)
        command = mdm.send_refresh(device.udid, device.carrier.esim_server_url)
        assert device.poll()["problem"]["reason"] == "http-status"
        device.carrier.wait("activation.active", iccid=profile.iccid, after=0, within=20)
        server.kill()
    with mdm_restarted(mdm), again(server, database) as server:
        polled = back(server, device).poll()
        assert polled["answered"] == [{"command": "RefreshCellularPlans", "status": "again"}]
        assert mdm.result(device.udid, command, 0.1).ok
        device.carrier.wait("profile.enabled", iccid=profile.iccid, after=0, within=20)
        assert len(device.carrier.sessions()) == 1
        assert not sparse(device.row())


def mdm_restarted(mdm):
    """Stop and start the MDM; it keeps its queue, as a real one does."""
    mdm.__exit__(None, None, None)
    return _Started(mdm)


class _Started:
    """The MDM, running; whoever started it first ends it."""

    def __init__(self, mdm):
        mdm.__enter__()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Leave it running."""
