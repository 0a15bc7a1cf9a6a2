"""What is printed is what arrives: each curl command is run by a shell, NanoMDM's against the small MDM."""

import asyncio
import base64
import json
import os
import plistlib
import shutil
import subprocess
import sys

import pytest

from smdp import mdm_command
from smdp.demo.mdm import SmallMdm
from tests.control_stub import CARRIER

UDID = "00008020-000915083C80012E"
URL = "https://acme.smdp.localhost:8443"
VERBS = {
    "refresh": (["refresh", URL], {"RequestType": "RefreshCellularPlans", "eSIMServerURL": URL}),
    "query": (["query"], {"RequestType": "DeviceInformation", "Queries": ["ServiceSubscriptions"]}),
    "erase": (["erase", "--preserve-data-plan"], {"RequestType": "EraseDevice", "PreserveDataPlan": True}),
}
VARIABLES = {
    "MICROMDM_URL": "https://micro.test", "MICROMDM_API_TOKEN": "t", "FLEET_URL": "https://fleet.test",
    "FLEET_API_TOKEN": "t", "JAMF_URL": "https://jamf.test", "JAMF_TOKEN": "t", "JAMF_MANAGEMENT_ID": "M-1",
    "JAMF_DEVICE_ID": "7", "SIMPLEMDM_API_KEY": "k", "SIMPLEMDM_DEVICE_ID": "8",
}  # fmt: skip


@pytest.fixture
def printed(process):
    """What `smdp mdm-command` prints, as a process."""

    def run(*words, code=0, **options):
        done = process("mdm-command", *words, "--udid", UDID, "--command-uuid", "C-1", **options)
        assert (done.code, "Traceback" in done.err) == (code, False), done
        return done

    return run


def sent(text):
    """The URL, the JSON and the credentials that a curl command sends, by a shell whose curl only says what it got."""
    script = 'curl() { printf "%s\\0" "$@"; }\n' + text
    done = subprocess.run(["bash", "-euc", script], env={**os.environ, **VARIABLES}, capture_output=True, check=True)
    words = done.stdout.decode().split("\0")[:-1]
    options = dict(zip(words[1:-1:2], words[2:-1:2], strict=True))
    return words[-1], json.loads(options["-d"]), options.get("-u")


@pytest.mark.parametrize("verb", VERBS)
def test_what_the_device_gets(printed, verb):
    words, command = VERBS[verb]
    assert plistlib.loads(printed(*words).out.encode()) == {"CommandUUID": "C-1", "Command": command}


@pytest.mark.parametrize("verb", VERBS)
def test_nanomdms_command_is_taken_by_the_small_mdm(process, tmp_path, verb):
    if shutil.which("curl") is None and "CI" not in os.environ:
        pytest.skip("the command is curl's")
    words, command = VERBS[verb]

    async def send():
        async with SmallMdm(api_key="key") as mdm:
            (tmp_path / "ca.pem").write_text(mdm.ca)
            environment = {"NANOMDM_URL": mdm.url, "NANOMDM_API_KEY": "key", "CURL_CA_BUNDLE": str(tmp_path / "ca.pem")}
            shell = f'{sys.executable} -m smdp mdm-command "$@" --as nanomdm --udid {UDID} > said && . ./said'
            done = await asyncio.to_thread(
                subprocess.run, ["bash", "-euc", shell, "bash", *words], env={**os.environ, **environment},
                cwd=tmp_path, capture_output=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout), plistlib.loads(mdm.devices[UDID].queue.next("Idle"))

    answer, queued = asyncio.run(send())
    assert queued == {"CommandUUID": answer["command_uuid"], "Command": command}


@pytest.mark.parametrize(
    ("verb", "members"),
    [("refresh", {"esim_server_url": URL}), ("query", {"queries": ["ServiceSubscriptions"]}),
     ("erase", {"preserve_data_plan": True})],
)  # fmt: skip
def test_micromdm(printed, verb, members):
    words, command = VERBS[verb]
    url, body, user = sent(printed(*words, "--as", "micromdm").out)
    assert (url, user) == ("https://micro.test/v1/commands", "micromdm:t")
    assert body == {"udid": UDID, "command_uuid": "C-1", "request_type": command["RequestType"], **members}


@pytest.mark.parametrize("verb", VERBS)
def test_fleet(printed, verb):
    words, command = VERBS[verb]
    url, body, _ = sent(printed(*words, "--as", "fleet").out)
    assert (url, body["host_uuids"]) == ("https://fleet.test/api/v1/fleet/commands/run", [UDID])
    assert plistlib.loads(base64.b64decode(body["command"]))["Command"] == command


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("refresh", "mdm/commands", {"commandType": "REFRESH_CELLULAR_PLANS", "esimServerUrl": URL}),
        ("query", "mdm/commands", {"commandType": "DEVICE_INFORMATION", "queries": ["ServiceSubscriptions"]}),
        ("erase", "mobile-devices/7/erase", {"preserveDataPlan": True}),
    ],
)
def test_jamf(printed, verb, path, body):
    done = printed(*VERBS[verb][0], "--as", "jamf")
    url, arrived, _ = sent(done.out)
    assert url == f"https://jamf.test/api/v2/{path}"
    if verb != "erase":
        body = {"clientData": [{"managementId": "M-1"}], "commandData": body}
    assert arrived == body
    assert ("not verified" if verb == "query" else "by its documentation") in done.err


@pytest.mark.parametrize(
    ("verb", "action", "body"),
    [("refresh", "refresh_cellular_plans", {"esim_server_url": URL}), ("query", "refresh", {}),
     ("erase", "wipe", {"preserve_data_plan": True})],
)  # fmt: skip
def test_simplemdm(printed, verb, action, body):
    url, arrived, user = sent(printed(*VERBS[verb][0], "--as", "simplemdm").out)
    assert (url, arrived, user) == (f"https://a.simplemdm.com/api/v1/devices/8/{action}", body, "k:")


@pytest.mark.parametrize("product", mdm_command.PRODUCTS)
def test_restrictions_reach_the_device_as_a_profile(printed, product):
    words = ["restrict", "allowESIMModification", "forcePreserveESIMOnErase", "allowESIMOutgoingTransfers=true"]
    done = printed(*words, "--as", product)
    if product in ("plist", "nanomdm"):
        text = done.out[done.out.index("<?xml") :].removesuffix("PLIST\n")
        profile = plistlib.loads(text.encode())["Command"]["Payload"]
    elif product == "micromdm":
        profile = base64.b64decode(sent(done.out)[1]["payload"])
    elif product == "fleet":
        profile = plistlib.loads(base64.b64decode(sent(done.out)[1]["command"]))["Command"]["Payload"]
    else:
        profile = done.out.encode()
        assert "upload it" in done.err
    (access,) = plistlib.loads(profile)["PayloadContent"]
    assert access["PayloadType"] == "com.apple.applicationaccess"
    found = {key: access[key] for key in mdm_command.RESTRICTIONS if key in access}
    assert found == {
        "allowESIMModification": False, "forcePreserveESIMOnErase": True, "allowESIMOutgoingTransfers": True,
    }  # fmt: skip


def test_an_erase_without_the_flag_says_what_it_costs(printed):
    done = printed("erase")
    assert plistlib.loads(done.out.encode())["Command"]["PreserveDataPlan"] is False
    assert "--preserve-data-plan keeps them" in done.err


def test_json_has_all_of_it(printed):
    told = json.loads(printed("refresh", URL, "--as", "nanomdm", "--json").out)
    assert (told["product"], told["request_type"], told["evidence"]) == (
        "nanomdm",
        "RefreshCellularPlans",
        "documentation",
    )
    assert (told["method"], told["url"]) == ("PUT", f"$NANOMDM_URL/v1/enqueue/{UDID}")
    assert plistlib.loads(told["body"].encode())["CommandUUID"] == told["command_uuid"] == "C-1"


def test_each_command_has_a_uuid_of_its_own(smdp):
    made = [json.loads(smdp("mdm-command", "query", "--udid", UDID, "--json").out)["command_uuid"] for _ in range(2)]
    assert made[0] != made[1]


# --- where the URL comes from


def refreshed(done):
    return plistlib.loads(done.out.encode())["Command"]["eSIMServerURL"]


def test_the_url_is_the_carriers(smdp, stub):
    stub.on("GET", CARRIER, {"name": "default", "esim_server_url": "https://esim.acme.test"})
    done = smdp("mdm-command", "refresh", "--udid", UDID)
    assert (done.code, refreshed(done), done.err) == (0, "https://esim.acme.test", "")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://localhost:8443"),
        ({"SMDP_PORT": "443"}, "https://localhost"),
        ({"SMDP_ADDRESS": "esim.test"}, "https://esim.test"),
        ({"SMDP_CARRIER": "acme", "SMDP_DOMAIN": "carriers.test"}, "https://acme.carriers.test:8443"),
    ],
)
def test_where_no_server_answers_the_url_is_made_of_the_settings(smdp, nobody, monkeypatch, settings, url):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    done = smdp("--url", nobody, "mdm-command", "refresh", "--udid", UDID)
    assert (done.code, refreshed(done)) == (0, url)
    assert "No server answers" in done.err


def test_an_odd_url_is_printed_with_a_warning(smdp):
    for odd, said in (("acme.test", "no https:// in front"), ("https://acme.test/", "a trailing slash")):
        done = smdp("mdm-command", "refresh", odd, "--udid", UDID)
        assert (done.code, refreshed(done)) == (0, odd)
        assert said in done.err


# --- mistakes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["refresh", URL], "--udid"),
        (["refresh", URL, "--udid", "a b"], "'a b' is no UDID"),
        (["refresh", URL, "--udid", UDID, "--as", "nanomd"], "did you mean nanomdm?"),
        (["refresh", URL, "--udid", UDID, "--as", "intune"], "is no MDM that is known here: plist, nanomdm"),
        (["refresh", URL, "--udid", UDID, "--command-uuid", "a\nPLIST"], "--command-uuid wants"),
        (["refresh", "a\nPLIST", "--udid", UDID], "The URL is none"),
        (["refresh", "", "--udid", UDID], "The URL is none"),
        (["query", "Service Subscriptions", "--udid", UDID], "is no query"),
        (["restrict", "--udid", UDID], "Name what to restrict: allowESIMModification"),
        (["restrict", "AllowESIMModification", "--udid", UDID], "did you mean allowESIMModification?"),
        (["restrict", "allowCamera2=x", "--udid", UDID], "is no restriction about eSIMs"),
        (["restrict", "allowESIMModification=no", "--udid", UDID], "wants true or false"),
        (["refesh"], 'Did you mean "refresh"?'),
    ],
)
def test_mistakes_are_a_sentence_and_exit_2(smdp, words, said):
    done = smdp("mdm-command", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_nothing_in_a_url_reaches_the_shell(printed):
    odd = "https://a.test/'$(touch x)`touch y`\""
    for product, member in (("micromdm", "esim_server_url"), ("simplemdm", "esim_server_url"), ("jamf", "commandData")):
        found = sent(printed("refresh", odd, "--as", product).out)[1][member]
        assert (found if isinstance(found, str) else found["esimServerUrl"]) == odd
    fleet = sent(printed("refresh", odd, "--as", "fleet").out)[1]["command"]
    nanomdm = subprocess.run(
        ["bash", "-euc", "curl() { cat; }\n" + printed("refresh", odd, "--as", "nanomdm").out],
        env={**os.environ, "NANOMDM_URL": "", "NANOMDM_API_KEY": ""}, capture_output=True, check=True,
    )  # fmt: skip
    for arrived in (base64.b64decode(fleet), nanomdm.stdout):
        assert plistlib.loads(arrived)["Command"]["eSIMServerURL"] == odd
