"""The examples of the documentation are run, and print what the page says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import smdp

DOCS = Path(__file__).resolve().parent.parent / "docs"
RESULT = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>UDID</key><string>00008020-000915083C80012E</string>
<key>CommandUUID</key><string>9F09D114</string>
<key>Status</key><string>Acknowledged</string>
<key>QueryResponses</key><dict><key>ServiceSubscriptions</key><array><dict>
<key>Slot</key><string>CTSubscriptionSlotOne</string>
<key>EID</key><string>89049032123451234512345678901235</string>
<key>IMEI</key><string>35 309418 464558 9</string>
</dict></array></dict>
</dict></plist>
"""


def blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def examples(page):
    """Each command of a page's console blocks, with what it prints."""
    found = [one for block in blocks(page, "console") for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, printed) for command, _, printed in (one.partition("\n") for one in found)]


@pytest.mark.parametrize(("command", "printed"), [*examples("explain.md"), *examples("mdm.md")])
def test_commands_that_need_no_server(command, printed, tmp_path):
    (tmp_path / "certs").symlink_to(DOCS.parent / "certs")
    (tmp_path / "result.plist").write_text(RESULT)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env={**os.environ, "PATH": path, "PYTHONUTF8": "1"}, encoding="utf-8",
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout + done.stderr == printed


def test_there_are_examples():
    assert len(examples("explain.md")) >= 9
    assert len(examples("mdm.md")) >= 5
    assert len(blocks("mdm.md", "python")) == len(blocks("mdm.md", "text")) == 1
    assert len(blocks("api.md", "python")) == len(blocks("api.md", "text")) == 1


def test_the_small_mdm():
    done = subprocess.run(
        [sys.executable, "-c", blocks("mdm.md", "python")[0]], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == blocks("mdm.md", "text")[0]


def test_following_links():
    with smdp.Server() as server:
        code = blocks("api.md", "python")[0].replace("http://127.0.0.1:8080", server.control_url)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == blocks("api.md", "text")[0]


def alike(text):
    """What a session shows, without what differs from one to the next."""
    for pattern, word in (
        (r"localhost:\d+", "HOST"),
        (r"\b\d{32}\b", "EID"),
        (r"\b[0-9A-F]{32}\b", "ID"),
        (r"session\s+[0-9A-F]{8}…", "session ID"),
        (r"\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d\s+UTC", "WHEN"),
        (r"\d+\.\d ms", "MS"),
    ):
        text = re.sub(pattern, word, text)
    return text.split()


def test_the_x_ray_of_a_session():
    with smdp.Server() as server:
        client = smdp.Client(server.control_url)
        eid = client.create_device().eid
        client.issue(eid)
        url = f"https://default.smdp.localhost:{server.device_port}"
        assert client.refresh(eid, url).ok
        assert not client.refresh(eid, url).ok
        session = client.session(client.sessions(outcome="refused")[0].id)
        command = [sys.executable, "-m", "smdp", "--url", server.control_url, "session", "show", session.id[:8]]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    _, _, printed = blocks("sessions.md", "text")[0].partition("\n")
    assert alike(done.stdout) == alike(printed)
    (example,) = map(json.loads, blocks("sessions.md", "json"))
    assert example in [
        {name: getattr(check, name) for name in check.__struct_fields__}
        for step in session.steps
        for check in step.checks
    ]
