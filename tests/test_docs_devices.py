"""docs/devices.md: its commands are run in order, against a server and the small MDM, and print what the page says."""

import os
import plistlib
import re
import subprocess
import sys
from pathlib import Path

import smdp
from smdp.demo.mdm import BlockingMdm
from tests.cli.farm.conftest import sending_refresh
from tests.test_docs import blocks

PAGE = "devices.md"
UDID = "00008150-E38A94279330E782"
EID = "89049032123451234512345678901235"
RESTRICTIONS = {
    "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "fleet", "PayloadUUID": "U-1",
    "PayloadDisplayName": "Fleet", "PayloadContent": [{
        "PayloadType": "com.apple.applicationaccess", "PayloadVersion": 1, "PayloadIdentifier": "fleet.access",
        "PayloadUUID": "U-2", "allowESIMModification": False,
    }],
}  # fmt: skip


def steps():
    """The page's commands with what they print, and between them what the MDM does."""
    page = (Path(__file__).resolve().parent.parent / "docs" / PAGE).read_text(encoding="utf-8")
    for directive, block in re.findall(r"<!-- (\w+: \S+) -->|```console\n(.*?)```", page, re.DOTALL):
        if directive:
            yield directive, None
        for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = one.partition("\n")
            yield command, printed


def alike(text):
    """A text without what differs from one run to the next."""
    for pattern, word in (
        (r"(localhost|acme\.smdp\.localhost):\d+", r"\1:PORT"),
        (r"\b8904903[0-9]{25}\b", "EID"),
        (r"\b35[ \d]{12,17}\b", "IMEI"),
        (r"\$[0-9A-Z]{5}(-[0-9A-Z]{5}){3}", "$CODE"),
        (r"\b[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\b", "UUID"),
        (r"\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d\s+UTC", "WHEN"),
        (r"\b[\d.]+ s\b", "SECONDS"),
    ):
        text = re.sub(pattern, word, text)
    return text.split()


class Story:
    """The reader of the page, with the MDM that it speaks of."""

    def __init__(self, server, mdm, folder):
        self.carrier = smdp.Client(server.control_url).create_carrier("acme")
        self.mdm, self.folder = mdm, folder
        (folder / "mdm-ca.pem").write_text(mdm.ca)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONUTF8": "1"}
        self.environment |= {"SMDP_URL": server.control_url, "SMDP_CARRIER": "acme"}

    def do(self, what):
        """Play the part of MDM and time."""
        kind, word = what.split(": ")
        if kind == "wait":
            self.carrier.wait(word, eid=EID, after=0, within=60, unless=[])
        elif word == "refresh":
            self.mdm.send_refresh(self.udid, self.carrier.esim_server_url)
        else:
            assert word == "restrict"
            self.mdm.install_profile(self.udid, plistlib.dumps(RESTRICTIONS))

    @property
    def udid(self):
        return self.carrier.device(EID).udid

    def run(self, command):
        """Run a command in a shell; what it printed, with the page's UDID."""
        command = command.replace("https://localhost:9443", self.mdm.url)
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.environment, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=100,
        )  # fmt: skip
        return done.stdout.replace(self.udid, UDID)


def test_the_page_is_a_story_that_happens(tmp_path):
    with smdp.Server() as server, BlockingMdm() as mdm:
        story = Story(server, mdm, tmp_path)
        for command, printed in steps():
            if printed is None:
                story.do(command)
                continue
            if command.startswith("smdp device run"):
                with sending_refresh(mdm, story.carrier.esim_server_url):
                    assert alike(story.run(command)) == alike(printed), command
            else:
                assert alike(story.run(command)) == alike(printed), command


def test_the_page_has_all_commands():
    ran = {" ".join(command.split()[1:3]) for command, printed in steps() if printed is not None}
    verbs = ("new", "enroll", "poll", "subscriptions", "notices", "user", "erase", "run")
    assert {f"device {verb}" for verb in verbs} <= ran


def test_in_python():
    (code,) = blocks(PAGE, "python")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == blocks(PAGE, "text")[0]
