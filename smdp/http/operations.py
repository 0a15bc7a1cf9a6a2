"""Every operation of the control API, in one table: the OpenAPI is made of it, and a test holds it against the routes.

To add an operation: one row below, with the method and path of the route, an id, a sentence, and keywords:

    Operation("POST", CARRIER + "/faults", "addFault", "Arm a fault.", takes=FaultOrder, answers=Fault, status=(201,)),

`takes` and `answers` are msgspec types (a model, or a struct of `bodies`; `Page[Fault]` for a list; a tuple for one of
several). A parameter that is new gets a row in PARAMETERS. Nothing else: tags, links and the problems follow.
"""

from typing import Any

from msgspec import Struct

from smdp.carrier.document import Document
from smdp.http import bodies
from smdp.http.bodies import Page
from smdp.http.context import API, CARRIER
from smdp.model import (
    Activation,
    Attachment,
    Attempted,
    Carrier,
    Clock,
    Device,
    EidReport,
    Erased,
    Event,
    Fault,
    FaultKind,
    NetworkChallenge,
    Outcome,
    Plan,
    Polled,
    Profile,
    Removed,
    Scenario,
    Session,
    Snapshot,
    Webhook,
)


class Operation(Struct, frozen=True):
    """One method of one path.

    `status` are the ways it succeeds; `empty` says that the body may be left out; `creates_carrier` that the answer may
    say `carrier_created`; `makes` names the path parameter that the answer leads to, and where in the answer it is;
    `more` are statuses of problems beyond the usual; `media` is what an answer is that is no JSON.
    """

    method: str
    path: str
    id: str
    summary: str
    takes: Any = None
    answers: Any = None
    status: tuple[int, ...] = (200,)
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    empty: bool = False
    creates_carrier: bool = False
    makes: tuple[str, str] | None = None
    more: tuple[int, ...] = ()
    media: tuple[str, ...] = ("application/json",)
    open: bool = False


_PAGE = ("cursor", "limit")
_PLANS = CARRIER + "/plans"
_PROFILES = CARRIER + "/profiles"
_PROFILE = _PROFILES + "/{iccid}"
_EVENTS = CARRIER + "/events"
_SESSIONS = CARRIER + "/sessions"
_CLOCK = CARRIER + "/clock"
_FAULTS = CARRIER + "/faults"
_SNAPSHOTS = CARRIER + "/snapshots"
_SNAPSHOT = _SNAPSHOTS + "/{snapshot}"
_DEVICES = API + "/devices"
_DEVICE = _DEVICES + "/{eid}"
_ESIM = _DEVICE + "/esims/{iccid}"

OPERATIONS: tuple[Operation, ...] = (
    # the server
    Operation("GET", "/livez", "live", "Say that the server lives.", answers=bodies.Status, open=True),
    Operation(
        "GET", "/readyz", "ready", "Say whether it serves devices.", answers=bodies.Status, more=(503,), open=True
    ),
    Operation(
        "GET", "/ca.pem", "getCa", "Get what a client has to trust.", media=("application/x-pem-file",), open=True
    ),
    Operation(
        "GET", "/crl/{crl}", "getCrl", "Get the CRL of a CI (RFC 5280).", media=("application/pkix-crl",), open=True
    ),
    Operation("GET", "/metrics", "getMetrics", "Get numbers for Prometheus.", media=("text/plain",)),
    Operation(
        "GET", "/openapi.json", "getOpenapi", "Get this document.", answers=dict[str, Any], query=("version",)
    ),
    Operation("GET", API, "getAbout", "Tell version, addresses, trust and carriers.", answers=bodies.About),
    # carriers
    Operation(
        "GET", f"{API}/carriers", "listCarriers", "List carriers by name.", query=_PAGE, answers=Page[Carrier],
        makes=("carrier", "/items/0/name"),
    ),
    Operation(
        "POST", f"{API}/carriers", "createCarrier", "Create a carrier; without a name, one is made up.",
        takes=bodies.CarrierOrder, empty=True, answers=Carrier, status=(201,), makes=("carrier", "/name"),
    ),
    Operation("GET", CARRIER, "getCarrier", "Show a carrier.", answers=Carrier),
    Operation(
        "PUT", CARRIER, "putCarrier", "Set all settings of a carrier; it is created if there is none.",
        takes=bodies.CarrierSettings, empty=True, answers=Carrier, status=(200, 201), creates_carrier=True,
    ),
    Operation(
        "PATCH", CARRIER, "changeCarrier", "Change some settings of a carrier; it is created if there is none.",
        takes=bodies.CarrierSettings, answers=Carrier, status=(200, 201), creates_carrier=True,
    ),
    Operation("DELETE", CARRIER, "deleteCarrier", "Delete a carrier with all that is in it.", status=(204,)),
    Operation(
        "GET", CARRIER + "/export", "exportCarrier", "Get all of a carrier as one document, secrets included.",
        answers=Document,
    ),
    Operation(
        "POST", CARRIER + "/import", "importCarrier", "Make a carrier what a document says; it is created if needed.",
        takes=bodies.DocumentOrder, answers=Carrier, status=(200, 201), query=("replace",), creates_carrier=True,
    ),
    Operation(
        "POST", CARRIER + "/reset", "resetCarrier",
        "Empty a carrier: profiles, sessions, notifications, hosted devices; faults go, the clock is real again.",
        answers=Removed, status=(200, 201), creates_carrier=True,
    ),
    Operation(
        "GET", _SNAPSHOTS, "listSnapshots", "List the snapshots of a carrier, the oldest first.",
        answers=Page[Snapshot], makes=("snapshot", "/items/0/name"),
    ),
    Operation("GET", _SNAPSHOT, "getSnapshot", "Show a snapshot.", answers=Snapshot),
    Operation(
        "PUT", _SNAPSHOT, "takeSnapshot", "Keep what the carrier and its hosted devices are now.", answers=Snapshot,
        status=(200, 201), creates_carrier=True, makes=("snapshot", "/name"),
    ),
    Operation(
        "POST", _SNAPSHOT + "/restore", "restoreSnapshot",
        "Make the carrier and its hosted devices what they were; the timeline goes on.", answers=Carrier,
    ),
    Operation("DELETE", _SNAPSHOT, "deleteSnapshot", "Forget a snapshot.", status=(204,)),
    # plans
    Operation(
        "GET", _PLANS, "listPlans", "List the plans of a carrier.", answers=Page[Plan], makes=("plan", "/items/0/name")
    ),
    Operation(
        "POST", _PLANS, "createPlan", "Create a plan.",
        takes=bodies.PlanOrder, answers=Plan, status=(201,), creates_carrier=True, makes=("plan", "/name"),
    ),
    Operation("GET", _PLANS + "/{plan}", "getPlan", "Show a plan.", answers=Plan),
    Operation(
        "PATCH", _PLANS + "/{plan}", "changePlan", "Change some settings of a plan.",
        takes=bodies.PlanSettings, answers=Plan,
    ),
    Operation("DELETE", _PLANS + "/{plan}", "deletePlan", "Delete a plan that no profile is of.", status=(204,)),
    # profiles
    Operation(
        "GET", _PROFILES, "listProfiles", "List profiles in the order in which they were issued.",
        query=(*_PAGE, "include", "eid", "state", "activation", "plan", "q"), answers=Page[Profile],
        makes=("iccid", "/items/0/iccid"),
    ),
    Operation(
        "POST", _PROFILES, "issueProfiles",
        "Issue one profile (an object), several (a list), or many alike (an object with count).",
        takes=(bodies.IssueOrder, list[bodies.IssueOrder]), answers=(Profile, Page[Profile]), status=(201,),
        creates_carrier=True, makes=("iccid", "/iccid"),
    ),
    Operation("GET", _PROFILE, "getProfile", "Show a profile.", query=("include",), answers=Profile),
    Operation(
        "PATCH", _PROFILE, "changeProfile", "Correct an order that no device got yet.",
        takes=bodies.ProfileSettings, answers=Profile,
    ),
    Operation("DELETE", _PROFILE, "revokeProfile", "Revoke a profile; it stays listed.", answers=Profile),
    Operation("POST", _PROFILE + "/release", "releaseProfile", "Let devices download a profile.", answers=Profile),
    Operation("POST", _PROFILE + "/hold", "holdProfile", "Keep devices from a profile.", answers=Profile),
    Operation(
        "POST", _PROFILE + "/reissue", "reissueProfile",
        "Issue a profile in the place of another one: same plan and number; the old line is terminated.",
        takes=bodies.ReissueBody, empty=True, answers=Profile, status=(201,), makes=("iccid", "/iccid"),
    ),
    Operation(
        "POST", _PROFILE + "/offer", "offerProfile", "Tell the profile's device that it is ready to be installed.",
        answers=Profile,
    ),
    Operation("GET", _PROFILE + "/activation", "getActivation", "Show whether the plan works.", answers=Activation),
    Operation(
        "PUT", _PROFILE + "/activation", "forceActivation", "Set whether the plan works.",
        takes=bodies.ActivationBody, answers=Activation,
    ),
    Operation(
        "GET", CARRIER + "/eids/{eid}", "getEid", "Say what an EID has, what it would get now, and why.",
        answers=EidReport,
    ),
    # what happened
    Operation(
        "GET", _EVENTS, "listEvents", "List events, or stream them (Accept: text/event-stream).",
        query=("after", *_PAGE, "eid", "iccid", "session", "type"), headers=("Last-Event-ID",), answers=Page[Event],
        media=("application/json", "text/event-stream"),
    ),
    Operation(
        "POST", _EVENTS + "/wait", "waitForEvent", "Wait for an event, unless one comes that makes it impossible.",
        takes=bodies.WaitBody, answers=bodies.Waited,
    ),
    Operation(
        "GET", CARRIER + "/webhooks", "listWebhooks", "Show whom events are told, without secrets.",
        answers=Page[Webhook],
    ),
    Operation(
        "PUT", CARRIER + "/webhooks", "setWebhooks", "Choose whom events are told.",
        takes=list[bodies.WebhookOrder], answers=Page[Webhook], status=(200, 201), creates_carrier=True,
    ),
    Operation(
        "GET", _SESSIONS, "listSessions", "List RSP sessions, newest first.",
        query=(*_PAGE, "eid", "iccid", "outcome"), answers=Page[Session], makes=("session", "/items/0/id"),
    ),
    Operation(
        "GET", _SESSIONS + "/{session}", "getSession", "Show a session, decoded with the checks, or raw.",
        query=("as",), answers=(Session, bodies.RawSession),
    ),
    Operation(
        "POST", CARRIER + "/network/attach", "attach",
        "Attach to the network: get a challenge for an IMSI, answer it, resynchronise.",
        takes=bodies.AttachBody, answers=(NetworkChallenge, Attachment), more=(403,),
    ),
    # what a test does to a carrier
    Operation(
        "GET", f"{API}/faults/catalogue", "listFaultKinds", "List the faults there are.", answers=Page[FaultKind]
    ),
    Operation(
        "GET", _FAULTS, "listFaults", "List a carrier's faults, those that have fired their times included.",
        answers=Page[Fault], makes=("fault", "/items/0/id"),
    ),
    Operation(
        "POST", _FAULTS, "addFault", "Arm a fault.",
        takes=bodies.FaultOrder, answers=Fault, status=(201,), creates_carrier=True, makes=("fault", "/id"),
    ),
    Operation("DELETE", _FAULTS, "clearFaults", "Take all faults away.", status=(204,)),
    Operation("GET", _FAULTS + "/{fault}", "getFault", "Show a fault and how often it has fired.", answers=Fault),
    Operation("DELETE", _FAULTS + "/{fault}", "deleteFault", "Take a fault away.", status=(204,)),
    Operation(
        "GET", _DEVICE + "/faults", "listDeviceFaults", "List the faults of its home carrier that are about a device.",
        answers=Page[Fault],
    ),
    Operation(
        "POST", _DEVICE + "/faults", "addDeviceFault", "Arm a fault for a device, in its home carrier.",
        takes=bodies.FaultOrder, answers=Fault, status=(201,),
    ),
    Operation(
        "DELETE", _DEVICE + "/faults", "clearDeviceFaults", "Take the faults away that are about a device.",
        status=(204,),
    ),
    Operation(
        "GET", f"{API}/scenarios", "listScenarios", "List the scenarios.", answers=Page[Scenario],
        makes=("scenario", "/items/0/name"),
    ),
    Operation(
        "GET", f"{API}/scenarios/{{scenario}}", "getScenario", "Show a scenario.", answers=Scenario,
    ),
    Operation(
        "POST", CARRIER + "/scenarios/{scenario}/apply", "applyScenario", "Put a carrier into a scenario for an EID.",
        takes=bodies.ApplyBody, answers=Scenario, status=(200, 201), creates_carrier=True,
    ),
    Operation("GET", _CLOCK, "getClock", "Say how the carrier's clock stands.", answers=Clock),
    Operation(
        "PUT", _CLOCK, "setClock", "Set the clock, freeze it, let it run, or go by the real time again.",
        takes=bodies.ClockChange, answers=Clock, status=(200, 201), creates_carrier=True,
    ),
    Operation(
        "POST", _CLOCK + "/advance", "advanceClock", "Let time pass; what falls due meanwhile has happened then.",
        takes=bodies.AdvanceBody, answers=Clock, status=(200, 201), creates_carrier=True,
    ),
    # hosted devices
    Operation(
        "GET", _DEVICES, "listDevices", "List the devices that this server hosts.",
        query=("carrier", *_PAGE), answers=Page[Device], makes=("eid", "/items/0/eid"),
    ),
    Operation(
        "POST", _DEVICES, "createDevice", "Make a simulated Apple device; what is left out is made up.",
        takes=bodies.DeviceOrder, empty=True, answers=Device, status=(201,), makes=("eid", "/eid"),
    ),
    Operation("GET", _DEVICE, "getDevice", "Show a device.", answers=Device),
    Operation(
        "PATCH", _DEVICE, "changeDevice", "Rename a device, give it another OS, take it offline.",
        takes=bodies.DeviceSettings, answers=Device,
    ),
    Operation("DELETE", _DEVICE, "deleteDevice", "Throw a device away.", status=(204,)),
    Operation(
        "POST", _DEVICE + "/refresh", "refreshDevice", "Do what RefreshCellularPlans makes a device do.",
        takes=bodies.RefreshBody, answers=Outcome,
    ),
    Operation(
        "POST", _DEVICE + "/download", "downloadToDevice", "Download with an activation code.",
        takes=bodies.DownloadBody, answers=Outcome,
    ),
    Operation("POST", _DEVICE + "/reset-esim", "resetEsim", "Delete all eSIMs of a device.", answers=Device),
    Operation("POST", _ESIM + "/enable", "enableEsim", "Enable a profile on a device.", answers=Device),
    Operation("POST", _ESIM + "/disable", "disableEsim", "Disable a profile on a device.", answers=Device),
    Operation("DELETE", _ESIM, "deleteEsim", "Delete a profile from a device.", status=(204,)),
    # their MDM and their holders
    Operation(
        "POST", _DEVICE + "/enroll", "enrollDevice", "Enrol a device with an MDM, by an enrolment profile.",
        takes=bodies.EnrollBody, answers=Device, more=(424,),
    ),
    Operation(
        "DELETE", _DEVICE + "/enroll", "unenrollDevice", "Remove the enrolment profile, as its holder would.",
        status=(204,),
    ),
    Operation(
        "POST", _DEVICE + "/poll", "pollDevice", "Have a device ask its MDM for commands, and answer them.",
        takes=bodies.Nothing, empty=True, answers=Polled,
    ),
    Operation(
        "POST", _DEVICE + "/user", "tryOnDevice", "Let the holder of a device try something.",
        takes=bodies.UserBody, answers=Attempted,
    ),
    Operation(
        "POST", _DEVICE + "/erase", "eraseDevice", "Erase a device in another way than its MDM does.",
        takes=bodies.EraseBody, answers=Erased, more=(424,),
    ),
    Operation(
        "GET", _DEVICE + "/service-subscriptions", "getServiceSubscriptions",
        "Answer what DeviceInformation would under ServiceSubscriptions, under another iOS if wanted.",
        query=("os", "as"), answers=Page[dict[str, Any]], media=("application/json", "text/xml"),
    ),
    Operation(
        "GET", _DEVICE + "/notices", "listNotices", "Show what a device has shown its holder.", answers=Page[str]
    ),
)  # fmt: skip
