import pytest

from smdp.carrier.addresses import Addresses
from smdp.carrier.errors import did_you_mean
from smdp.model import Carrier
from smdp.storage.queries.carriers import read_carrier
from tests.carrier.refusals import refused


async def test_the_first_write_makes_its_carrier(bench):
    assert (await refused(bench.service.carrier("acme"))).reason == "carrier-unknown"
    first = await bench.service.create_plan("acme", {"name": "p"})
    second = await bench.service.create_plan("acme", {"name": "q"})
    assert (first.carrier_created, second.carrier_created) == (True, False)
    assert [plan.name for plan in await bench.service.plans("acme")] == ["default", "p", "q"]
    assert await bench.types() == ["carrier.created"]


async def test_a_read_of_an_unknown_carrier_makes_none_and_helps(bench):
    await bench.service.create_carrier("acme", {})
    error = await refused(bench.service.plans("acne"))
    assert error.status == 404
    assert "Did you mean acme?" in error.fix
    assert [carrier.name for carrier in (await bench.service.carriers("", 10))[0]] == ["acme", "default"]


async def test_a_write_that_is_refused_makes_no_carrier(bench):
    assert (await refused(bench.issue(plan="none"))).reason == "plan-unknown"
    assert (await refused(bench.service.carrier("acme"))).reason == "carrier-unknown"


async def test_carriers_get_names_of_their_own(bench):
    names = {(await bench.service.create_carrier(None, {})).name for _ in range(20)}
    assert len(names) == 20
    assert all(name.isalnum() and name[0] == "c" for name in names)


@pytest.mark.parametrize("name", ["", "Acme", "a.b", "-a", "a-", "a" * 64, "smds", "ä", "a b", "a\n"])
async def test_a_name_is_a_label_of_a_host(bench, name):
    assert (await refused(bench.service.create_carrier(name, {}))).reason == "carrier-name-invalid"
    assert (await refused(bench.service.change_carrier(name, {}))).reason == "carrier-name-invalid"


async def test_a_name_is_given_once(bench):
    await bench.service.create_carrier("acme", {})
    error = await refused(bench.service.create_carrier("acme", {}))
    assert (error.reason, error.status) == ("carrier-exists", 409)


async def test_settings_are_changed_one_by_one_or_all(bench):
    await bench.service.create_carrier("acme", {"mcc": "310", "mnc": "260", "limits": {"session_minutes": 5}})
    changed = (await bench.service.change_carrier("acme", {"limits": {"download_attempts": 2}})).value
    assert (changed.mcc, changed.limits.session_minutes, changed.limits.download_attempts) == ("310", 5, 2)
    changed = (await bench.service.change_carrier("acme", {"country": "DE"}, whole=True)).value
    assert (changed.mcc, changed.limits.session_minutes, changed.country) == ("001", 30, "DE")


async def test_a_carrier_may_be_sent_back_as_it_came(bench):
    import msgspec

    carrier = await bench.service.create_carrier("acme", {"hosts": ["Esim.Acme.Test."]})
    assert carrier.hosts == ["esim.acme.test"]
    again = await bench.service.change_carrier("acme", msgspec.to_builtins(carrier), whole=True)
    assert again.value == carrier


BAD = [
    {"mcc": "31"}, {"mnc": "1"}, {"mcc": 310}, {"country": "us"}, {"network_name": ""}, {"network_name": "a\nb"},
    {"hosts": ["https://x"]}, {"hosts": "x"}, {"hosts": ["x"] * 101}, {"smds_hosts": ["a b"]}, {"address": "https://x/"},
    {"limits": {"session_minutes": 0}}, {"limits": {"sessions": 1}}, {"limits": 5}, {"no_order_code": "8.1.1/9.9"},
    {"no_order_code": "x"}, {"reuse": "sometimes"}, {"name": "beta"}, {"hostss": []}, {"operators": [{"idd": 1}]},
]  # fmt: skip


@pytest.mark.parametrize("settings", BAD, ids=str)
async def test_a_wrong_setting_is_refused_and_changes_nothing(bench, settings):
    before = await bench.service.create_carrier("acme", {})
    assert (await refused(bench.service.change_carrier("acme", settings))).fix
    assert await bench.service.carrier("acme") == before


async def test_a_host_leads_to_one_carrier_only(bench):
    await bench.service.create_carrier("acme", {"hosts": ["esim.test"]})
    error = await refused(bench.service.create_carrier("beta", {"hosts": ["other.test", "esim.test"]}))
    assert (error.reason, error.status) == ("host-taken", 409)
    assert (await refused(bench.service.carrier("beta"))).reason == "carrier-unknown"
    await bench.service.change_carrier("acme", {"hosts": []})
    assert (await bench.service.create_carrier("beta", {"hosts": ["esim.test"]})).hosts == ["esim.test"]


async def test_a_deleted_carrier_is_gone_and_its_successor_begins_anew_but_never_goes_back(bench):
    first = await bench.issue()
    last = (await bench.service.last_event("acme")) + 1
    await bench.service.delete_carrier("acme")
    assert (await refused(bench.service.carrier("acme"))).reason == "carrier-unknown"
    assert (await refused(bench.service.delete_carrier("default"))).reason == "carrier-needed"
    second = await bench.issue()
    assert second.iccid != first.iccid
    assert await bench.service.last_event("acme") > last
    found, _ = await bench.service.profiles("acme", {}, 0, 10)
    assert [profile.iccid for profile in found] == [second.iccid]


# --- plans


async def test_plans_are_made_changed_and_deleted(bench):
    await bench.service.create_plan("acme", {"name": "p", "activation": {"delay": "3m"}})
    changed = await bench.service.change_plan("acme", "p", {"activation": {"fail": "x"}, "profile_name": "P"})
    assert (changed.activation.delay, changed.activation.fail, changed.profile_name) == ("3m", "x", "P")
    assert await bench.service.plan("acme", "p") == changed
    await bench.issue(plan="p")
    error = await refused(bench.service.delete_plan("acme", "p"))
    assert (error.reason, error.status) == ("plan-in-use", 409)
    await bench.service.delete_plan("acme", "default")
    assert (await refused(bench.service.plan("acme", "default"))).fix == "There is: p."
    assert (await refused(bench.service.create_plan("acme", {"name": "p"}))).reason == "plan-exists"


BAD_PLANS = [
    {}, {"name": "a b"}, {"name": 5},
    *({"name": "p", **settings} for settings in (
        {"profile_name": "x" * 65}, {"service_provider": ""}, {"service_provider": "ü" * 17}, {"iccid_prefix": "89x"},
        {"iccid_prefix": "8" * 15}, {"activation": {"delay": "soon"}}, {"activation": {"install_delay": ""}},
        {"activation": {"on": "tuesday"}}, {"activation": {"onn": "manual"}}, {"icon": "zz"}, {"icon": "aGVsbG8="},
        {"icon": "iVBORw0KGgo" + "A" * 1600 + "="}, {"ppr": ["ppr9"]}, {"upp": "zz"}, {"protection": "none"},
        {"pprs": []},
    )),
]  # fmt: skip


@pytest.mark.parametrize("settings", BAD_PLANS, ids=lambda settings: str(settings)[:60])
async def test_a_wrong_plan_is_refused(bench, settings):
    await bench.service.create_carrier("acme", {})
    assert (await refused(bench.service.create_plan("acme", settings))).fix
    assert len(await bench.service.plans("acme")) == 1


async def test_an_icon_is_recognised(bench):
    for icon in ("iVBORw0KGgo=", "/9j/4AAQ"):
        await bench.service.change_plan("default", "default", {"icon": icon})
        assert (await bench.issue(carrier="default")).iccid


# --- host → carrier


async def test_a_host_leads_to_its_carrier(bench):
    await bench.service.create_carrier("acme", {"hosts": ["esim.acme.test", "odd.smdp.localhost"]})
    expected = {
        "acme.smdp.localhost": "acme",
        "smds.acme.smdp.localhost": "acme",
        "esim.acme.test": "acme",
        "odd.smdp.localhost": "acme",
        "localhost": "default",
        "10.0.0.1": "default",
        "": "default",
        "smdp.localhost": "default",
        "x.acme.smdp.localhost": "default",
        "default.smdp.localhost": "default",
    }
    found = {host: bench.service.look_up(host) for host in expected}
    assert {host: read_carrier(row["settings"]).name for host, row in found.items()} == expected
    assert bench.service.look_up("nobody.smdp.localhost") is None


ADDRESSES = [
    (Addresses(), "default", None, "localhost:8443"),
    (Addresses(port=443), "default", None, "localhost"),
    (Addresses(), "acme", None, "acme.smdp.localhost:8443"),
    (Addresses(port=443), "acme", None, "acme.smdp.localhost"),
    (Addresses(address="smdp.test:9443"), "default", None, "smdp.test:9443"),
    (Addresses(address="smdp.test:9443", domain="smdp.test"), "acme", None, "acme.smdp.test:9443"),
    (Addresses(address="smdp.test", domain="smdp.test"), "acme", None, "acme.smdp.test"),
    (Addresses(address="smdp.test:9443"), "acme", "esim.acme.test", "esim.acme.test"),
]


@pytest.mark.parametrize(("addresses", "name", "own", "expected"), ADDRESSES)
def test_a_carrier_tells_its_address(addresses, name, own, expected):
    carrier = Carrier(name=name, address=own)
    assert addresses.of(carrier) == expected
    assert addresses.url(carrier) == f"https://{expected}"
    assert expected.partition(":")[0] in addresses.hosts(carrier)


def test_a_carrier_answers_to_all_its_names_without_port():
    carrier = Carrier(name="acme", hosts=["esim.acme.test"], address="Sim.Example.com:9443")
    assert Addresses().hosts(carrier) == {"esim.acme.test", "sim.example.com", "acme.smdp.localhost"}


def test_did_you_mean():
    assert did_you_mean("acmee", ["acme", "beta"]) == "Did you mean acme?"
    assert did_you_mean("zz", ["acme", "beta"]) == "There is: acme, beta."
    assert did_you_mean("zz", []) == "There is none."
    assert did_you_mean("zz", map(str, range(20))).endswith(", ….")
