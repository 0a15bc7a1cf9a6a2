"""The documentation is true: what it shows is run (tests/reader.py), what it lists is there."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import smdp
from smdp.demo.mdm import BlockingMdm
from smdp.http.app import assemble, control_app
from smdp.pki import load
from smdp.settings import Settings
from tests.reader import blocks, reader  # noqa: F401 - the fixture

LINK = re.compile(r"\]\(([^)#:]+)\)")
PAGES = {
    "README.md": ["is active", "already-downloaded", '"reached":true'],
    "docs/trust.md": ["eUICCs can be made"],
    "docs/embedding.md": ["installed 89"],
    "docs/recipes/acknowledged-but-no-plan.md": ["nothing-ordered", "on-hold", "already-downloaded", "is active"],
    "docs/recipes/nanomdm.md": ["iPhones take no other"],
    "docs/recipes/bring-your-own-device.md": ["8900 1010 0000 0000 019"],
    "docs/recipes/multi-carrier.md": ["nothing-ordered"],
    "docs/recipes/lpac.md": ["lpac profile download -a"],
}
"""Pages whose blocks run, and words that they print."""


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works(page, root, reader):  # noqa: F811 - the fixture
    if shutil.which("curl") is None and "CI" not in os.environ:
        pytest.skip("the examples use curl")
    out = reader.read(root / page, skip=("make ", "docker "))  # the tests below
    assert [words for words in PAGES[page] if words not in out] == []


def test_the_profile_of_the_page_on_nanomdm_enrols(root, tmp_path):
    """With the small MDM in NanoMDM's place: the same checks of identities, and of signatures on messages."""
    (code,) = [text for language, text in blocks(root / "docs/recipes/nanomdm.md") if language == "python"]
    with smdp.Server() as server, BlockingMdm() as small:
        here = {"http://localhost:8081": small.url, "http://localhost:9000": small.url, "nanomdm": small.mdm.challenge}
        for there, one in here.items():
            assert there in code
            code = code.replace(there, one, 1)
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
        phone = smdp.Client(server.control_url).create_carrier().host_device()
        phone.enroll(tmp_path / "enroll.mobileconfig", ca=small.ca)
        assert small.enrolled(phone.udid, within=30).udid == phone.udid
        command = small.query(phone.udid)
        assert [one.status for one in phone.poll().answered] == ["Acknowledged"]
        assert small.result(phone.udid, command, within=30).ok


def test_the_targets_of_make_that_the_readme_shows_exist(root):
    shown = set(re.findall(r"\bmake ([a-z]+)", (root / "README.md").read_text()))
    targets = set(re.findall(r"^([a-z]+):.*##", (root / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "check"} <= shown
    assert shown <= targets


@pytest.mark.full
def test_the_container_of_the_readme_works(root, reader):  # noqa: F811 - the fixture
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
