import json

import pytest

from tests.control_stub import CARRIER, EID, ICCID, NOW, event, page, profile

PROFILES = f"{CARRIER}/profiles"
ONE = f"{PROFILES}/{ICCID}"
ACTIVE = profile(state="installed", consumed=True, activation={"state": "active", "reason": None, "since": NOW})


def test_issue_tells_the_number_and_what_to_do_next(smdp, stub):
    stub.on("POST", PROFILES, profile(warnings=["The check digits of the EID are wrong."]), status=201)
    grouped = " ".join(EID[place : place + 4] for place in range(0, 32, 4))
    result = smdp("profile", "issue", grouped, "--plan", "gold", "--expires", "48h", "--hold")
    assert result.code == 0
    assert result.out.startswith(f"issued {ICCID} for EID {EID}\n")
    assert "LPA:1$default.smdp.localhost:8443$AB-CD" in result.out
    assert result.err.splitlines() == [
        f"{ICCID}: The check digits of the EID are wrong.",
        f"next: smdp profile wait {EID} active",
    ]
    assert stub.bodies("POST", PROFILES) == [{"eid": EID, "plan": "gold", "expires": "2d", "hold": True}]


def test_issue_as_json_is_the_object_and_a_list_where_many_are(smdp, stub):
    stub.on("POST", PROFILES, profile(), status=201)
    assert json.loads(smdp("profile", "issue", "--json").out)["iccid"] == ICCID
    stub.on("POST", PROFILES, page(profile()), status=201)
    assert [p["iccid"] for p in json.loads(smdp("profile", "issue", "--count", "1", "--json").out)] == [ICCID]


def test_issue_reads_a_file_of_eids_or_of_named_columns(smdp, stub, tmp_path):
    stub.on("POST", PROFILES, lambda _query, body: page(*(profile(eid=order["eid"]) for order in body)), status=201)
    (tmp_path / "eids.csv").write_text(f"{EID}\n\n {EID[:-1]}6 \n")
    result = smdp("profile", "issue", "--from", "eids.csv", "--plan", "gold")
    assert result.out.splitlines()[0].split() == ["ICCID", "EID", "MATCHING", "ID"]
    assert len(result.out.splitlines()) == 3
    (tmp_path / "named.csv").write_text(f"\ufeffPlan,EID\r\nsilver,{EID}\r\n,{EID}\r\n", encoding="utf-8")
    assert smdp("profile", "issue", "--from", "named.csv", "--plan", "gold").code == 0
    assert stub.bodies("POST", PROFILES) == [
        [{"plan": "gold", "eid": EID}, {"plan": "gold", "eid": EID[:-1] + "6"}],
        [{"plan": "silver", "eid": EID}, {"plan": "gold", "eid": EID}],
    ]


def test_many_are_issued_in_batches(smdp, stub):
    stub.on("POST", PROFILES, lambda _query, body: page(*(profile() for _ in range(body["count"]))), status=201)
    result = smdp("profile", "issue", "--count", "1100")
    assert [body["count"] for body in stub.bodies("POST", PROFILES)] == [500, 500, 100]
    assert len(result.out.splitlines()) == 1101


def test_list_is_a_table(smdp, stub):
    stub.on("GET", PROFILES, page(profile(), profile(eid=None, state="installed", runtime="deleted")))
    result = smdp("profile", "list", "--state", "released", "--eid", EID)
    assert [line.split() for line in result.out.splitlines()] == [
        ["ICCID", "EID", "STATE", "PLAN"],
        [ICCID, EID, "released", "default"],
        [ICCID, "any", "deleted", "default"],
    ]
    assert stub.requests[0][2] == f"eid={EID}&state=released"
    assert max(map(len, result.out.splitlines())) <= 80


def test_show_has_what_every_kind_of_device_needs(smdp, stub):
    stub.on("GET", ONE, profile(confirmation_code_required=True))
    result = smdp("profile", "show", ICCID)
    assert result.code == 0
    assert "https://default.smdp.localhost:8443\n" in result.out
    assert "lpac profile download -a 'LPA:1$default.smdp.localhost:8443$AB-CD' -c CODE\n" in result.out
    assert result.out.count("█") > 100
    assert max(len(line) for line in result.out.splitlines() if not line.startswith("lpac")) <= 80
    assert json.loads(smdp("profile", "show", ICCID, "--json").out)["matching_id"] == "AB-CD"
    for over in ({"consumed": True, "consumed_at": NOW, "state": "installed"}, {"state": "unavailable"}):
        stub.on("GET", ONE, profile(**over))
        assert not {"lpac", "█"} & set(smdp("profile", "show", ICCID).out.split()), "nobody can fetch it any more"


def test_show_keeps_the_credentials_unless_asked(smdp, stub):
    names = ("ki", "opc", "pin1", "pin2", "puk1", "puk2", "adm1", "kic", "kid", "kik")
    secrets = {name: f"secret-{name}" for name in names}
    stub.on("GET", ONE, lambda query, _body: profile(credentials=secrets if "include=credentials" in query else None))
    assert "secret" not in smdp("profile", "show", ICCID).out
    out = smdp("profile", "show", ICCID, "--credentials").out
    assert all(secret in out for secret in secrets.values())


def test_hold_release_and_revoke_by_eid_choose_the_profile_that_fits(smdp, stub):
    held, installed = profile(state="confirmed"), ACTIVE | {"iccid": "8900101000000000027"}
    stub.on("GET", PROFILES, page(installed, held))
    stub.on("POST", f"{ONE}/release", profile())
    assert smdp("profile", "release", EID).out == f"{ICCID} is released\n"
    stub.on("GET", PROFILES, page(installed, profile()))
    stub.on("POST", f"{ONE}/hold", held)
    assert smdp("profile", "hold", EID).out == f"{ICCID} is on hold: confirmed\n"
    stub.on("DELETE", ONE, profile(state="unavailable"))
    stub.on("GET", ONE, profile(state="unavailable"))
    assert smdp("profile", "revoke", EID).out == f"{ICCID} is unavailable\n"


@pytest.mark.parametrize("name", [EID, ICCID])
def test_wait_looks_at_the_state_first(smdp, stub, name):
    stub.on("GET", f"{CARRIER}/events", page(event()))
    stub.on("GET", PROFILES, page(ACTIVE))
    stub.on("GET", ONE, ACTIVE)
    result = smdp("profile", "wait", name, "active")
    assert (result.code, result.out) == (0, f"{ICCID} is active\n")
    assert not stub.bodies("POST", f"{CARRIER}/events/wait")


def test_wait_misses_nothing_between_the_look_and_the_wait(smdp, stub):
    stub.on("GET", f"{CARRIER}/events", page(event(id=3), event(id=9)))
    stub.on("GET", PROFILES, page(profile()))
    stub.on("POST", f"{CARRIER}/events/wait", {"reached": True, "event": event(id=10)})
    assert smdp("profile", "wait", EID, "installed", "--within", "PT1M").code == 0
    assert stub.bodies("POST", f"{CARRIER}/events/wait") == [
        {"type": "profile.installed", "eid": EID, "after": 9, "within": "1m"}
    ]


@pytest.mark.parametrize(
    ("answer", "code", "sentence"),
    [
        ({"reached": False, "timed_out": True, "because": "Nothing came.", "fix": "Try."}, 4, "Nothing came. Try."),
        ({"reached": False, "reason": "other-eid", "because": "It was refused."}, 1, "It was refused."),
    ],
)
def test_wait_ends_with_the_reason(smdp, stub, answer, code, sentence):
    stub.on("GET", f"{CARRIER}/events", page())
    stub.on("GET", PROFILES, page())
    stub.on("POST", f"{CARRIER}/events/wait", answer)
    result = smdp("profile", "wait", EID, "active")
    assert result.code == code
    assert result.err.startswith("smdp: ")
    assert result.err.endswith(f"{sentence}\n")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"state": "unavailable"}, "it is unavailable; issue another one."),
        ({"state": "installed", "activation": {"state": "failed", "reason": "account-inactive", "since": NOW}},
         "its activation is failed (account-inactive)."),
    ],
)  # fmt: skip
def test_wait_does_not_wait_for_what_cannot_happen(smdp, stub, changes, sentence):
    stub.on("GET", f"{CARRIER}/events", page())
    stub.on("GET", ONE, profile(**changes))
    result = smdp("profile", "wait", ICCID, "active")
    assert result.code == 1
    assert sentence in result.err
