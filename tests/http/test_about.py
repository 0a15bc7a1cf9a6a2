"""What `/api/v1` tells of a server, and the advice that a hosted device's outcome carries."""

from smdp.client import Client
from smdp.server import Server
from smdp.settings import Settings

_SETTINGS = Settings(port=0, control_port=0, log_level="error")


def test_the_server_says_where_it_is_and_whom_to_trust():
    with Server(_SETTINGS) as server:
        about = Client(server.control_url).about()
        assert about["addresses"]["devices"] == f"https://localhost:{server.device_port}"
        assert len(about["ca_fingerprint"]) == 64
        assert {"localhost", "test", "127.0.0.0/8", "::1/128"} <= set(about["permitted_names"])
        assert [carrier["name"] for carrier in about["carriers"]] == ["default"]


def test_a_refused_device_is_given_the_carriers_advice():
    with Server(_SETTINGS) as server:
        client = Client(server.control_url)
        eid = client.create_device().eid
        outcome = client.refresh(eid, server.device_url("default"))
        assert (outcome.refused, outcome.reason) == ("8.1.1/3.8", "nothing-ordered")
        assert outcome.fix == f"smdp profile issue {eid}"


def test_a_test_profile_installs():
    with Server(_SETTINGS) as server:
        client = Client(server.control_url)
        client.create_plan("trial", profile_class="test")
        eid = client.create_device().eid
        client.issue(eid, plan="trial")
        assert client.refresh(eid, server.device_url("default")).ok
