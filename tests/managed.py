"""A hosted device under the small MDM, over REST, as a test meets it: what the MDM sees, the timeline, and `why`."""

import base64
import plistlib
from contextlib import contextmanager

from smdp.client.transport import Transport
from smdp.demo.mdm import BlockingMdm, Enrolment
from smdp.demo.mdm.messages import Desk
from smdp.errors import TimedOut
from tests.device.apple.schema import validate_check_in, validate_result

SECONDS = 20
"""How long a test waits at most for what takes a second."""


class StrictDesk(Desk):
    """A desk that holds every message against the schema of what Apple's devices send."""

    def __init__(self, desk):
        super().__init__(desk.registry, desk.declarations, desk.return_to_service)
        self.wrong = []

    def check_in(self, message, fingerprint):
        self.wrong += validate_check_in(dict(message))
        return super().check_in(message, fingerprint)

    def connect(self, message, fingerprint, raw):
        device = self.registry.devices.get(message.get("UDID") or message.get("EnrollmentID"))
        kind = device and device.queue.request_type(message.get("CommandUUID"))
        self.wrong += validate_result(dict(message), kind or "")
        return super().connect(message, fingerprint, raw)


@contextmanager
def small_mdm(**options):
    """A small MDM to which devices say nothing that Apple's schema doesn't know."""
    with BlockingMdm(**options) as mdm:
        mdm.mdm.desk = StrictDesk(mdm.mdm.desk)
        yield mdm
        assert mdm.mdm.desk.wrong == []


def program(client):
    """A program of somebody's own, that talks to the server of a client."""
    return Transport(client.url, None, 60.0)


class ManagedDevice:
    """A device of a carrier; `enroll` it, then every verb goes over REST or through the MDM."""

    def __init__(self, carrier, mdm, **options):
        self.carrier, self.mdm = carrier, mdm
        described = carrier.create_device(**options)
        self.eid, self.udid, self.imei = described.eid, described.udid, described.imei
        self.last = 0

    def call(self, path, body=None, method="POST"):
        return program(self.carrier).call(method, f"/api/v1/devices/{self.eid}/{path}", body, into=dict)

    def show(self):
        return self.carrier.device(self.eid)

    def enroll(self, *, ade=False, **wanted):
        """Enrol with the profile that the MDM writes, with these rights, this identity."""
        profile = base64.b64encode(self.mdm.profile(Enrolment(**wanted))).decode()
        answer = self.call("enroll", {"profile": profile, "mdm_ca": self.mdm.ca, "ade": ade})
        if wanted.get("user_enrollment"):
            known = [one.udid for one in self.mdm.devices.values() if one.user_enrollment and one.enrolled]
            self.udid = known[-1]
        return answer

    def poll(self):
        return self.call("poll", {})

    def user(self, action, **more):
        return self.call("user", {"action": action, **more})

    def erase(self, by):
        return self.call("erase", {"by": by})

    # --- through the MDM

    def answer(self, uuid):
        """Poll, and return what the MDM got for a command."""
        self.poll()
        return self.mdm.result(self.udid, uuid, SECONDS)

    def send(self, kind, **members):
        return self.answer(self.mdm.enqueue(self.udid, {"RequestType": kind, **members}))

    def refresh(self, url=None):
        """Send RefreshCellularPlans; what becomes of it goes on behind the answer."""
        self.mark()
        return self.answer(self.mdm.send_refresh(self.udid, url or self.carrier.esim_server_url))

    def rows(self):
        """Ask for ServiceSubscriptions as the MDM does."""
        return self.send("DeviceInformation", Queries=["ServiceSubscriptions"]).answer["QueryResponses"][
            "ServiceSubscriptions"
        ]

    def row(self):
        """The row of the eSIM slot; that of the plan if there is one."""
        rows = [row for row in self.rows() if "EID" in row]
        return next((row for row in rows if "ICCID" in row), rows[0])

    def restrict(self, identifier="com.example.restrictions", kind="com.apple.applicationaccess", **keys):
        """Install a profile with restrictions by InstallProfile."""
        return self.answer(self.mdm.install_profile(self.udid, configuration(identifier, kind, **keys)))

    # --- the carrier's side

    def mark(self):
        """From here on events count."""
        events = self.carrier.events()
        self.last = events[-1].id if events else 0

    def until(self, *types):
        """Wait for an event of this device since the mark."""
        return self.carrier.wait(list(types), eid=self.eid, after=self.last, within=SECONDS, unless=[])

    def failed(self):
        """Wait for the end of a refresh that comes to nothing: the notice to the holder."""
        notice = self.until("user.notice")
        assert notice.data["text"] == "Cellular Plan Cannot Be Added"
        return notice.data["reason"]

    def told(self, *nouns):
        """The events since the mark, of some nouns if said."""
        events = self.carrier.events(after=self.last, eid=self.eid)
        return [event.type for event in events if not nouns or event.type.partition(".")[0] in nouns]

    def why(self):
        return self.carrier.why(self.eid)


def configuration(identifier, kind, **keys):
    """Write a configuration profile with one payload."""
    shared = {"PayloadVersion": 1, "PayloadDisplayName": identifier.rpartition(".")[2]}
    payload = {"PayloadType": kind, "PayloadIdentifier": f"{identifier}.1", "PayloadUUID": f"{identifier}-1"}
    profile = {"PayloadType": "Configuration", "PayloadIdentifier": identifier, "PayloadUUID": identifier}
    return plistlib.dumps(shared | profile | {"PayloadContent": [shared | payload | keys]})


def sparse(row):
    """Whether a row says no more than that there is a slot for an eSIM."""
    return set(row) == {"Slot", "EID", "IMEI"}


def no_answer(device, uuid):
    """Whether a command still waits in the MDM's queue."""
    try:
        device.mdm.result(device.udid, uuid, 0.01)
    except TimedOut:
        return True
    return False
