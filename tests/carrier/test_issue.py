import itertools
import json
from base64 import b64encode
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp import upp
from smdp.carrier import content, numbers, orders
from smdp.carrier.issue import IssueOrder, read_order
from smdp.model import Carrier, Plan
from smdp.rsp import ids
from smdp.rsp.bpp import hash_confirmation_code
from smdp.rsp.crypto import Stream
from tests.carrier.refusals import refused

EID = "89049032123451234512345678901235"
ENTROPY = Stream(b"test")


def own_package(iccid="8988211000000000013"):
    subscriber = upp.Subscriber(
        iccid=iccid, imsi="262011234567890", msisdn="+491711234567", ki=bytes(range(16)), opc=bytes(range(16, 32)),
        kic=bytes(16), kid=bytes(16), kik=bytes(16), pin1="1234", pin2="5678", puk1="12345678", puk2="12345678",
        adm1="12345678",
    )  # fmt: skip
    return upp.build(subscriber)


async def test_an_eid_is_enough(bench):
    profile = await bench.issue(eid=EID)
    assert profile.iccid == "8900101000000000019"
    assert (profile.imsi, profile.msisdn) == ("001010000000001", "+15550100001")
    assert (profile.state, profile.consumed, profile.activation.state) == ("released", False, "inactive")
    assert profile.activation_code == f"LPA:1$acme.smdp.localhost:8443${profile.matching_id}"
    assert profile.esim_server_url == "https://acme.smdp.localhost:8443"
    assert profile.warnings == []
    assert await bench.types() == ["carrier.created", "profile.issued"]


async def test_numbers_of_two_carriers_differ_but_each_begins_its_own(bench):
    first, second, third = [await bench.issue(carrier=name) for name in ("acme", "beta", "acme")]
    assert first.iccid != second.iccid
    assert first.imsi != second.imsi
    assert int(third.imsi) == int(first.imsi) + 1


@given(st.integers(1, 10**12), st.from_regex(r"[0-9]{1,14}", fullmatch=True))
def test_made_iccids_have_19_digits_and_their_check_digit(serial, prefix):
    iccid = numbers.iccid(Plan(name="p", iccid_prefix=prefix), serial)
    assert len(iccid) == 19
    assert iccid.startswith(prefix)
    assert ids.luhn(iccid[:-1]) == iccid[-1]


@given(st.integers(1, 10**12))
def test_made_imsis_have_15_digits_under_the_carriers_plmn(serial):
    imsi = numbers.imsi(Carrier(name="c", mcc="310", mnc="260"), serial)
    assert len(imsi) == 15
    assert imsi.startswith("310260")


def test_made_matching_ids_are_valid_and_differ():
    made = {numbers.matching_id(ENTROPY) for _ in range(200)}
    assert len(made) == 200
    assert all(ids.is_matching_id(one) and len(one) == 23 for one in made)


async def test_what_is_given_is_used(bench):
    profile = await bench.issue(
        eid=EID, iccid="8988211000000000013", imsi="262011234567890", msisdn="+491711234567", imei="353094184645589",
        matching_id="MY-CODE", confirmation_code="4931", credentials={"ki": "00" * 16, "pin1": "4321"},
    )  # fmt: skip
    stored = await bench.service.profile("acme", profile.iccid, secrets=True)
    assert (stored.iccid, stored.imsi, stored.msisdn) == ("8988211000000000013", "262011234567890", "+491711234567")
    assert (stored.imei, stored.matching_id) == ("353094184645589", "MY-CODE")
    assert (stored.credentials.ki, stored.credentials.pin1, len(stored.credentials.puk1)) == ("00" * 16, "4321", 8)
    assert stored.confirmation_code_required
    assert stored.activation_code.endswith("$MY-CODE$$1")
    order = await bench.run(orders.by_iccid, stored.iccid)
    assert order.confirmation_code_hash == hash_confirmation_code("4931")


async def test_an_empty_matching_id_leaves_the_eid_alone_to_find_it(bench):
    profile = await bench.issue(eid=EID, matching_id="")
    assert profile.activation_code == "LPA:1$acme.smdp.localhost:8443$"
    assert [order.iccid for order in await bench.run(orders.by_eid, EID)] == [profile.iccid]


async def test_held_profiles_wait_for_their_release(bench):
    assert (await bench.issue(eid=EID, hold=True)).state == "confirmed"


async def test_a_lifetime_counts_on_the_carriers_clock(bench):
    profile = await bench.issue(expires="48h")
    assert profile.expires_at == bench.clock.now() + timedelta(hours=48)
    await bench.service.change_carrier("acme", {"limits": {"order_hours": 1}})
    assert (await bench.issue()).expires_at == bench.clock.now() + timedelta(hours=1)
    assert (await bench.issue(expires_at="2027-01-01T00:00:00Z")).expires_at.year == 2027


async def test_wrong_check_digits_are_accepted_with_a_warning(bench):
    profile = await bench.issue(eid=EID[:-2] + "53", iccid="8900101000000000010")
    assert profile.warnings == [
        "The EID's check digits are 53, they should be 35: was it mistyped?",
        "The ICCID's check digit is 0, it should be 9.",
    ]


BAD = {
    "eid-invalid": [{"eid": "123"}, {"eid": EID + "0"}, {"eid": "x" * 32}, {"eid": EID.replace("8", "٨")}],
    "iccid-invalid": [{"iccid": "123"}, {"iccid": "8" * 18}, {"iccid": "8" * 21}, {"iccid": "89x" * 6}],
    "imei-invalid": [{"imei": "35 309418"}, {"imei": "1"}],
    "matching-id-invalid": [{"matching_id": "lower"}, {"matching_id": "A_B"}, {"matching_id": "A" * 65}],
    "confirmation-code-invalid": [{"confirmation_code": ""}, {"confirmation_code": "1" * 65}],
    "count-invalid": [{"count": 0}, {"count": 10_001}, {"count": 2, "iccid": "8988211000000000013"}],
    "expires-invalid": [{"expires": "soon"}, {"expires": "0s"}, {"expires_at": "2026-12-01T00:00:00"}],
    "member-unknown": [{"eidd": EID}, {"credentials": {"kii": "00"}}],
    "value-invalid": [
        {"eid": 5}, {"hold": "yes"}, {"imsi": "abc"}, {"msisdn": "555x"}, {"credentials": {"ki": "00"}},
        {"credentials": {"ki": "zz" * 16}}, {"credentials": {"pin1": "x"}}, {"credentials": []},
    ],
    "upp-invalid": [{"upp": "zz"}, {"upp": "3000"}, {"upp": b64encode(b"hello").decode()}, {"upp": ""}],
    "plan-unknown": [{"plan": "none"}],
}  # fmt: skip


@pytest.mark.parametrize(("reason", "body"), [(reason, body) for reason, bodies in BAD.items() for body in bodies])
async def test_a_wrong_member_is_named_and_nothing_is_issued(bench, reason, body):
    error = await refused(bench.issue(**body))
    assert error.reason == reason
    assert error.because
    assert error.fix
    assert await bench.service.profiles("default", {}, 0, 10) == ([], None)


async def test_a_secret_that_is_wrong_is_not_repeated(bench):
    error = await refused(bench.issue(credentials={"ki": "5ec2e7"}))
    assert "5ec2e7" not in str(error)
    assert "5ec2e7" not in repr(IssueOrder(credentials={"ki": "5ec2e7"}, confirmation_code="5ec2e7"))


async def test_an_iccid_is_used_once_in_a_carrier(bench):
    await bench.issue(iccid="8988211000000000013")
    error = await refused(bench.issue(iccid="8988211000000000013"))
    assert (error.reason, error.status) == ("iccid-used", 409)
    assert (await bench.issue(carrier="beta", iccid="8988211000000000013")).iccid == "8988211000000000013"


@pytest.mark.parametrize(("member", "value"), [("iccid", "8988211000000000013"), ("matching_id", "A")])
async def test_a_list_is_issued_whole_or_not_at_all(bench, member, value):
    await bench.issue()
    batch = [read_order({}), read_order({member: value}), read_order({member: value})]
    error = await refused(bench.service.issue("acme", batch))
    assert error.status == 409
    found, _ = await bench.service.profiles("acme", {}, 0, 10)
    assert len(found) == 1


async def test_an_iccid_given_by_hand_is_passed_over(bench):
    second = "8900101000000000027"
    await bench.issue(iccid=second)
    written = await bench.service.issue("acme", [IssueOrder(count=3)])
    iccids = [profile.iccid for profile in written.value]
    assert second not in iccids
    assert len(set(iccids)) == 3


async def test_a_thousand_in_one_call_are_a_thousand(bench):
    written = await bench.service.issue("acme", [IssueOrder(count=1000)])
    assert len({profile.iccid for profile in written.value}) == 1000
    assert len({profile.matching_id for profile in written.value}) == 1000


async def test_a_package_of_ones_own_is_used_as_it_is_once(bench):
    data = own_package()
    await bench.service.create_plan("acme", {"name": "own", "upp": data.hex(), "personalise": False})
    profile = await bench.issue(plan="own")
    assert (profile.iccid, profile.imsi, profile.msisdn) == ("8988211000000000013", "262011234567890", "+491711234567")
    assert (await bench.run(orders.package, profile.iccid, ENTROPY)).upp == data
    secrets = (await bench.service.profile("acme", profile.iccid, secrets=True)).credentials
    assert (secrets.ki, secrets.opc) == (bytes(range(16)).hex().upper(), bytes(range(16, 32)).hex().upper())
    assert (await refused(bench.issue(plan="own"))).reason == "iccid-used"


async def test_a_package_of_ones_own_is_personalised_for_each_order(bench):
    profile = await bench.issue(upp=b64encode(own_package()).decode(), eid=EID)
    package = upp.read((await bench.run(orders.package, profile.iccid, ENTROPY)).upp)
    secrets = (await bench.service.profile("acme", profile.iccid, secrets=True)).credentials
    assert (package.iccid, package.usim.imsi, package.usim.msisdn) == (profile.iccid, profile.imsi, profile.msisdn)
    assert package.usim.ki.hex().upper() == secrets.ki


async def test_the_built_package_holds_what_the_credentials_say(bench):
    profile = await bench.issue(eid=EID)
    made = await bench.run(orders.package, profile.iccid, ENTROPY)
    package = upp.read(made.upp)
    secrets = (await bench.service.profile("acme", profile.iccid, secrets=True)).credentials
    assert (package.iccid, package.ef_iccid, package.usim.imsi) == (profile.iccid, profile.iccid, profile.imsi)
    assert (package.usim.ki.hex().upper(), package.usim.opc.hex().upper()) == (secrets.ki, secrets.opc)
    assert package.pin(1).value.rstrip(b"\xff").decode() == secrets.pin1
    assert made.ppk is not None


async def test_no_repr_of_a_profile_shows_its_secrets(bench):
    profile = await bench.issue()
    stored = await bench.service.profile("acme", profile.iccid, secrets=True)
    assert profile.credentials is None
    assert stored.credentials.ki not in repr(stored)


async def test_events_and_listed_profiles_carry_no_secret(bench):
    profile = await bench.issue(confirmation_code="49314931")
    secrets = (await bench.service.profile("acme", profile.iccid, secrets=True)).credentials
    listed, _ = await bench.service.profiles("acme", {}, 0, 10)
    assert listed[0].credentials is None
    rows = await bench.run(lambda scope: scope.connection.execute("SELECT data FROM events").fetchall())
    told = json.dumps([row["data"] for row in rows])
    assert not any(secret in told for secret in (secrets.ki, secrets.opc, secrets.adm1, "49314931"))


async def test_the_requirements_of_a_built_package_are_measured(bench):
    profile = await bench.issue()
    needed = (await bench.run(orders.by_iccid, profile.iccid)).requirements
    assert needed.profile_version == (2, 3)
    assert 4_000 < needed.memory < 64_000


async def test_metadata_is_made_until_it_is_frozen(bench):
    profile = await bench.issue()
    before = (await bench.run(orders.by_iccid, profile.iccid)).metadata
    await bench.service.change_plan("acme", "default", {"profile_name": "Renamed"})
    after = (await bench.run(orders.by_iccid, profile.iccid)).metadata
    assert (b"smdp TEST" in before, b"Renamed" in after) == (True, True)

    await bench.run(lambda scope: orders.apply(scope, orders.Change(iccid=profile.iccid, values={"metadata": before})))
    await bench.service.change_plan("acme", "default", {"profile_name": "Again"})
    assert (await bench.run(orders.by_iccid, profile.iccid)).metadata == before


def test_content_is_measured_once_for_a_plan():
    carrier, plan = Carrier(name="a"), Plan(name="p")
    row = {"upp": None}
    first, second = itertools.starmap(content.requirements_of, [(carrier, plan, row)] * 2)
    assert first is second
