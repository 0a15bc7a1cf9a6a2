"""compose.yaml is well-formed, and what its services run does what it says; as processes, for want of an engine."""

import json
import re
import ssl
import subprocess
import urllib.request
from base64 import b64encode

import pytest
import yaml

from smdp.client import Client
from smdp.mdm_command import refresh
from tests.reader import reader  # noqa: F401 - the fixture

WITHIN = 60
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+):-([^}]*)\}")


@pytest.fixture
def services(root):
    """The services, where nobody has set a variable."""
    text = (root / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(VARIABLE.sub(lambda found: found[2], text))["services"]


def test_its_services(services, root):
    assert list(services) == ["smdp", "device", "mdm"]
    assert {service["image"] for service in services.values()} == {"smdp"}
    assert services["smdp"]["build"] == "."
    assert all("volumes" not in service for service in services.values()), "nothing is mounted"
    assert all(port.startswith("127.0.0.1:") for one in services.values() for port in one.get("ports", []))
    dockerfile = (root / "Dockerfile").read_text(encoding="utf-8")
    assert "HEALTHCHECK" in dockerfile, "service_healthy waits for it"
    assert 'ENTRYPOINT ["smdp"]' in dockerfile
    assert "command" not in services["smdp"]


def test_what_they_run(services, reader, tmp_path):  # noqa: F811 - the fixture
    reader.environment |= services["smdp"]["environment"]
    reader.serve("smdp serve")
    command = [*services["mdm"]["entrypoint"], *services["mdm"]["command"], "--port", "9443"]
    reader.mdm(" ".join(command).replace("--host mdm", "--host localhost").replace("0.0.0.0", "127.0.0.1"))  # noqa: S104 - not here
    mdm = f"https://localhost:{reader.ports['9443']}"

    def here(text):
        text = text.replace("$$", "$").replace("https://mdm:9443", mdm)
        text = text.replace("--every 5s", "--every 1s")
        return text.replace("/tmp/", f"{tmp_path}/").replace("http://smdp:8080", reader.environment["SMDP_URL"])  # noqa: S108 - in the container

    device = services["device"]
    environment = reader.environment | {name: here(value) for name, value in device["environment"].items()}
    script = [*device["entrypoint"], *map(here, device["command"])]
    with subprocess.Popen(script, env=environment, cwd=tmp_path, stdout=subprocess.PIPE) as running:
        try:
            refreshed(reader.environment["SMDP_URL"], mdm)
        finally:
            running.terminate()
            running.communicate(timeout=WITHIN)


def refreshed(url, mdm):
    """Wait for the device that enrols, order a plan for it, and have the MDM send the command."""
    client = Client(url)
    enrolled = client.wait("mdm.enrolled", after=0, within=WITHIN)
    client.issue(enrolled.eid)
    udid = client.device(enrolled.eid).udid
    assert [one["udid"] for one in ask(f"{mdm}/v1/devices")["items"]] == [udid]
    ask(f"{mdm}/v1/enqueue/{udid}", refresh(udid, "C-1", client.esim_server_url).plist())
    client.wait("activation.active", eid=enrolled.eid, after=enrolled.id, within=WITHIN)


def ask(url, body=None):
    key = b64encode(b"nanomdm:nanomdm").decode()
    method, headers = "PUT" if body else "GET", {"Authorization": f"Basic {key}"}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - https
    with urllib.request.urlopen(request, context=trusting(), timeout=30) as answer:  # noqa: S310 - as above
        return json.loads(answer.read())


def trusting():
    """Trust whoever listens: the MDM makes its CA when it starts."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
