"""The schema that the OpenAPI publishes of each body, held against what the server does with each member of it."""

import copy
import http.client
import json

import jsonschema_rs
import msgspec
import pytest

from smdp.client import Client
from smdp.http.openapi import document as openapi
from smdp.http.operations import OPERATIONS
from smdp.server import Server
from smdp.settings import Settings
from tests.e2e.phone import eid_of

IMPORT = "/api/v1/carriers/{carrier}/import"
NAMES = {"carrier": "measured", "plan": "default", "scenario": "never-ordered"}
"""What the paths lead to; the fixture `api` adds a profile and a device."""
GONE = object()
VALUES = (GONE, None, True, False, 0, -1, 1.5, "", "x", [], {}, [None], {"colour": "red"})
"""One of each kind, and nothing at all: every place of a body gets each of them."""
KIND_WORDS = ("Expected", "is no object", "is no list", "is no text", "true or false", "a text of", "has no member")
"""What a refusal says that is about the kind of a value; what is wrong in another way, no schema says."""


@pytest.fixture(scope="module")
def server():
    with Server(Settings(port=0, control_port=0, log_level="error")) as running:
        yield running


@pytest.fixture(scope="module")
def whole(server):
    """A document with every member: one session of it waits for its notification."""
    carrier = Client(server.control_url).create_carrier()
    carrier.add_fault("lost-notification")
    carrier.create_plan("gold", activation={"delay": "3m"})
    device = carrier.create_device(name="Ann's iPhone")
    carrier.issue(device.eid, plan="gold")
    assert carrier.refresh(device.eid, carrier.esim_server_url).ok
    carrier.add_fault("latency", step="handleNotification", delay="1s")
    carrier.issue(eid_of(90), matching_id="AB-CD", confirmation_code="4931", expires="48h")
    found = carrier.export()
    carrier.delete_carrier()
    found["carrier"].pop("name")
    assert {name for name, value in found.items() if value} == {
        "version", "carrier", "plans", "profiles", "devices", "sessions", "clock", "faults",
    }  # fmt: skip
    return found


@pytest.fixture
def api(server):
    """A carrier with a profile that waits and a device: what the paths of NAMES lead to."""
    client = Client(server.control_url, carrier=NAMES["carrier"])
    client.change_carrier()
    NAMES["eid"] = client.create_device().eid
    NAMES["iccid"] = client.issue().iccid
    yield client
    client.delete_carrier()


def validator(method, path):
    """Return what validates the body of an operation as the OpenAPI describes it."""
    found = openapi()
    schema = found["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": found["components"]})


def places(value, path=()):
    """Yield the path of everything in a document, the members of the first two of each list only."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, (*path, name))


def values_at(place):
    """Say what is tried at a place: all VALUES but what a schema can't tell of, or would be waited for."""
    left_out = {"with": VALUES[-1], "within": GONE}.get(place[-1] if place else "", ...)
    return [value for value in VALUES if value is not left_out]


def changed(document, path, value):
    """Return the document with a value at a place, or without it."""
    if not path:
        return {} if value is GONE else value
    found = copy.deepcopy(document)
    at = found
    for name in path[:-1]:
        at = at[name]
    if value is GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return found


def differences(server, method, path, whole, part=()):
    """Send bodies with something else at each place; tell of what the schema says otherwise."""
    schema = validator(method, path)
    connection = http.client.HTTPConnection("127.0.0.1", server.control_port, timeout=20)
    found = []
    for place in places(whole):
        if place[: len(part)] != part:
            continue
        for value in values_at(place):
            body = changed(whole, place, value)
            status, because = sent(connection, method, path, body)
            fits = schema.is_valid(body)
            of_kind = any(word in because for word in KIND_WORDS)
            if (fits and status >= 400 and of_kind) or (not fits and not 400 <= status < 500):
                found.append((place, value, "fits" if fits else "does not fit", status, because))
    connection.close()
    return "\n".join(map(str, found))


def sent(connection, method, path, body):
    """Send a body; return the answer's status and, of a problem, what is wrong."""
    query = "?replace=true" if path == IMPORT else ""
    connection.request(method, path.format(**NAMES) + query, json.dumps(body))
    answer = connection.getresponse()
    told = json.loads(answer.read())
    return answer.status, told.get("because", "")


# --- documents


def test_what_is_exported_fits_what_is_imported(whole):
    assert [error.message for error in validator("POST", IMPORT).iter_errors(whole)] == []


@pytest.mark.parametrize("part", ["version", "carrier", "plans", "profiles", "devices", "sessions", "clock", "faults"])
def test_the_import_takes_what_its_schema_says(server, whole, part):
    assert not differences(server, "POST", IMPORT, whole, (part,))


def test_a_session_is_the_one_that_it_is_called(server, whole):
    """What is written beside a session's content is held against it: nobody reads it, and nobody would notice."""
    connection = http.client.HTTPConnection("127.0.0.1", server.control_port, timeout=20)
    for name in ("id", "eid", "iccid"):
        other = changed(whole, ("sessions", 0, name), eid_of(91))
        status, because = sent(connection, "POST", IMPORT, other)
        assert (status, because.partition(":")[0]) == (422, "$.sessions[0].content")
    connection.close()


# --- other bodies


def settings_of(api):
    """What a carrier answers, but for its name: a path names it."""
    return {name: value for name, value in msgspec.to_builtins(api.show_carrier()).items() if name != "name"}


def named_plan_of(api):
    return msgspec.to_builtins(api.plans()[0])


def plan_of(api):
    return {name: value for name, value in named_plan_of(api).items() if name != "name"}


CARRIER = "/api/v1/carriers/{carrier}"
MADE_UP = ("iccid", "imei", "imsi", "msisdn", "matching_id", "confirmation_code", "expires", "expires_at", "upp")
BODIES = {
    ("PUT", CARRIER): settings_of,
    ("PATCH", CARRIER): settings_of,
    ("POST", f"{CARRIER}/plans"): named_plan_of,
    ("PATCH", f"{CARRIER}/plans/{{plan}}"): plan_of,
    ("POST", f"{CARRIER}/profiles"): {
        "eid": eid_of(92), "plan": "default", "hold": False, "count": 1, "credentials": {"ki": "00" * 16},
        **dict.fromkeys(MADE_UP),
    },
    ("PATCH", f"{CARRIER}/profiles/{{iccid}}"): {
        "eid": eid_of(93), "imei": "353094184645589", "expires": "2d", "expires_at": None, "confirmation_code": "1",
    },
    ("POST", f"{CARRIER}/profiles/{{iccid}}/reissue"): {"eid": eid_of(94)},
    ("PUT", f"{CARRIER}/profiles/{{iccid}}/activation"): {"state": "failed", "reason": "lost"},
    ("POST", f"{CARRIER}/events/wait"): {
        "type": "profile.issued", "eid": eid_of(95), "after": 0, "within": "0s", "unless": ["profile.failed"],
    },
    ("PUT", f"{CARRIER}/webhooks"): [{"url": "http://127.0.0.1:1/", "types": ["eid.seen"], "secret": "s"}],
    ("POST", f"{CARRIER}/faults"): {
        "do": "latency", "with": {"delay": "1s"}, "times": 2,
        "on": {"step": "getBoundProfilePackage", "eid": eid_of(96), "iccid": None},
    },
    ("POST", f"{CARRIER}/scenarios/{{scenario}}/apply"): {"eid": eid_of(97)},
    ("PUT", f"{CARRIER}/clock"): {"now": "2026-12-01T00:00Z", "frozen": False, "real": False},
    ("POST", f"{CARRIER}/clock/advance"): {"by": "1s"},
    ("POST", "/api/v1/devices"): {
        "name": "Ann", "os": "26.1", "model": "iPhone17,1", "imei": "35 309418 464558 9", "online": True,
        "supervised": True, "cellular": True, "physical_sim": True, "carrier": "measured", "country": "US",
        "enrollment_kind": "ade",
    },
    ("PATCH", "/api/v1/devices/{eid}"): {
        "name": "Ann", "os": "26.1", "model": "iPhone17,1", "online": True, "supervised": True, "cellular": True,
        "physical_sim": False, "country": "DE", "enrollment_kind": "user",
    },
    ("POST", "/api/v1/devices/{eid}/erase"): {"by": "find-my"},
    ("POST", "/api/v1/devices/{eid}/refresh"): {"url": "https://127.0.0.1:1"},
    ("POST", "/api/v1/devices/{eid}/download"): {
        "activation_code": "LPA:1$127.0.0.1:1$", "confirmation_code": "1",
    },
}  # fmt: skip
"""Operation → a body with every member that its schema has, or what gets one."""
ATTACH = "/api/v1/carriers/{carrier}/network/attach"
ELSEWHERE = {("POST", IMPORT), ("POST", "/api/v1/carriers"), ("POST", "/api/v1/devices/{eid}/faults"), ("POST", ATTACH)}
ELSEWHERE |= {("POST", "/api/v1/devices/{eid}/" + name) for name in ("enroll", "poll", "user")}
"""The import is above, attach is in test_network.py, devices' MDM in test_managing.py; the others are in the table."""


def test_every_operation_that_takes_a_body_is_in_the_table():
    taking = {(one.method, one.path) for one in OPERATIONS if one.takes is not None}
    assert taking == BODIES.keys() | ELSEWHERE


@pytest.mark.parametrize(("method", "path"), BODIES, ids=lambda word: word)
def test_an_operation_takes_what_its_schema_says(server, api, method, path):
    given = BODIES[method, path]
    body = given(api) if callable(given) else given
    assert validator(method, path).is_valid(body), "the table has something that fits"
    assert not differences(server, method, path, body)
