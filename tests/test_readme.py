"""The documentation is true: what it shows is run, what it lists is there.

Blocks of `sh` and `python` run in their order, in an empty folder, against the server that the last `smdp serve` before
them started; the usual ports become free ones.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smdp.client import Client
from smdp.http.app import assemble, control_app
from smdp.pki import load
from smdp.settings import Settings

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")
DEVICES = re.compile(r"devices +https://localhost:(\d+)")
CONTROL = re.compile(r"control +http://localhost:(\d+)/")
READY_SECONDS = 30
PAGES = ("README.md", "docs/trust.md", "docs/embedding.md")


def blocks(path):
    found = BLOCK.findall(path.read_text())
    assert found, f"{path} shows no command"
    return found


class Reader:
    """Somebody who types what a page shows into a shell."""

    def __init__(self, folder):
        self.folder = folder
        self.server = None
        self.ports = {}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SMDP_")}
        self.environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def serve(self, command):
        self.stop()
        log = self.folder / "serve.log"
        flags = {"SMDP_PORT": "0", "SMDP_CONTROL_PORT": "0", "SMDP_LOG_LEVEL": "warning"}
        with log.open("w") as file:
            self.server = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment | flags, stderr=file,
                stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        deadline = time.monotonic() + READY_SECONDS
        while not (found := DEVICES.search(log.read_text())) or not CONTROL.search(log.read_text()):
            assert self.server.poll() is None, f"{command} ended: {log.read_text()}"
            assert time.monotonic() < deadline, f"{command} shows no banner: {log.read_text()}"
            time.sleep(0.02)
        self.ports = {"8443": found[1], "8080": CONTROL.search(log.read_text())[1]}
        self.environment["SMDP_URL"] = f"http://127.0.0.1:{self.ports['8080']}"
        assert Client(self.environment["SMDP_URL"]).ready()

    def run(self, language, text):
        for usual, free in self.ports.items():
            text = re.sub(rf"\b{usual}\b", free, text)
        program = ["bash", "-euo", "pipefail", "-c"] if language == "sh" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, text], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
            timeout=100, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n--- exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def stop(self):
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            assert self.server.wait(timeout=15) == 0
            self.server = None


@pytest.fixture
def reader(tmp_path):
    if shutil.which("curl") is None and "CI" not in os.environ:
        pytest.skip("the examples use curl")
    reader = Reader(tmp_path)
    yield reader
    reader.stop()


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works(page, root, reader):
    out = ""
    for language, text in blocks(root / page):
        if text.startswith(("make ", "docker ")):  # the tests below
            continue
        *before, last = text.strip().splitlines()
        if last.startswith("smdp serve"):
            if before:
                out += reader.run(language, "\n".join(before))
            reader.serve(last)
        else:
            out += reader.run(language, text)
    expected = {
        "README.md": ["is active", "already-downloaded", '"reached":true'],
        "docs/trust.md": ["eUICCs can be made"],
        "docs/embedding.md": ["installed 89"],
    }
    assert [words for words in expected[page] if words not in out] == []


def test_the_targets_of_make_that_the_readme_shows_exist(root):
    shown = set(re.findall(r"\bmake ([a-z]+)", (root / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z]+):.*##", (root / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "check"} <= shown
    assert shown <= targets


@pytest.mark.full
def test_the_container_of_the_readme_works(root, reader):
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs a Docker daemon; `make image` builds with buildah where there is none")
    (text,) = [text for _, text in blocks(root / "README.md") if text.startswith("docker ")]
    reader.folder = root
    assert re.search(r"^89\d{30}$", reader.run("sh", text), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", "certs/README.md", "docs"])
def test_links_lead_somewhere(page, root):
    pages = sorted((root / page).rglob("*.md")) if (root / page).is_dir() else [root / page]
    links = [(path, target) for path in pages for target in LINK.findall(path.read_text())]
    assert links or page != "docs"
    assert [(str(path), target) for path, target in links if not (path.parent / target).exists()] == []


async def test_the_page_on_the_api_lists_every_path(root):
    lines = re.findall(r"^\| (`/[^|]*) \| ([A-Z, ]+) \|", (root / "docs" / "api.md").read_text(), re.MULTILINE)
    listed = {
        (method, path) for paths, methods in lines for path in re.findall("`([^`]*)`", paths)
        for method in methods.split(", ")
    }  # fmt: skip
    async with assemble(Settings(), load.resolve("public")) as parts:
        resources = [route for route in control_app(parts).router.routes() if route.method != "HEAD"]
        served = {(route.method, route.resource.canonical) for route in resources}
    assert listed == served


def test_the_readme_is_short(root):
    assert len((root / "README.md").read_text().splitlines()) <= 250
