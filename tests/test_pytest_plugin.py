"""The plugin in a test session of somebody else's, run in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from smdp.server import Server
from smdp.settings import Settings

pytest_plugins = ("pytester",)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "pytest.md"
EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0]


@pytest.fixture
def session(pytester, monkeypatch):
    """Run tests of this text as a stranger would, and return the result."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def session(text, *arguments):
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("-p", "no:schemathesis", "-p", "no:randomly", *arguments)

    return session


def test_the_example_of_the_page(session):
    session(EXAMPLE).assert_outcomes(passed=2)


def test_workers_have_a_server_each(session):
    text = """
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_alone(smdp_carrier, smdp_device, number):
            profile = smdp_carrier.issue(smdp_device.eid)
            assert smdp_device.refresh().installed == profile.iccid
            assert [one.eid for one in smdp_carrier.profiles()] == [smdp_device.eid]
    """
    session(text, "-n", "2").assert_outcomes(passed=6)


def test_each_test_has_a_carrier_that_is_gone_afterwards(session):
    text = """
        names = set()

        def test_one(smdp_carrier, smdp_devices):
            names.add(smdp_carrier.carrier)
            assert len({device.eid for device in smdp_devices(3, os="18.1")}) == 3
            assert {device.os for device in smdp_carrier.devices()} == {"18.1"}

        def test_two(smdp_carrier, smdp_server):
            assert smdp_carrier.carrier not in names
            assert names.isdisjoint(carrier.name for carrier in smdp_server.carriers())
            assert smdp_carrier.devices() == smdp_carrier.profiles() == []
    """
    session(text).assert_outcomes(passed=2)


def test_a_wait_finds_what_came_before_it_and_never_the_same_twice(session):
    text = """
        import pytest
        from smdp.errors import TimedOut

        def test_waits(smdp_carrier, smdp_device):
            smdp_carrier.issue(smdp_device.eid)
            assert smdp_carrier.wait("profile.issued").type == "profile.issued"
            with pytest.raises(TimedOut):
                smdp_carrier.wait("profile.issued", within=0.05)
    """
    session(text).assert_outcomes(passed=1)


def test_a_seed_makes_the_same_again(session):
    text = """
        import pytest

        seen = []

        @pytest.mark.smdp(seed=7)
        @pytest.mark.parametrize("turn", range(2))
        def test_seed(smdp_carrier, smdp_device, turn):
            seen.append((smdp_device.eid, smdp_carrier.issue(smdp_device.eid, iccid=None).imsi))
            assert len(set(seen)) == 1

        def test_none(smdp_carrier, smdp_device):
            assert len(seen) == 2 and smdp_device.eid != seen[0][0]
    """
    session(text).assert_outcomes(passed=3)


def test_the_clock_and_faults_are_set(session):
    text = """
        import pytest

        @pytest.mark.smdp(clock="2027-12-01T00:00Z", faults=["lost-notification", {"do": "html-instead-of-json",
                          "on": {"step": "authenticateClient"}, "times": 5}])
        def test_set(smdp_carrier, smdp_device):
            assert smdp_carrier.clock().now.isoformat()[:10] == "2027-12-01"
            assert [(fault.do, fault.times) for fault in smdp_carrier.faults()] == [
                ("lost-notification", 1), ("html-instead-of-json", 5)]
            smdp_carrier.issue(smdp_device.eid)
            assert smdp_device.refresh().reason == "answer-not-json"
    """
    session(text).assert_outcomes(passed=1)


def test_a_failure_shows_what_the_carrier_saw(session):
    text = """
        def test_fails(smdp_carrier, smdp_device):
            smdp_device.refresh()
            assert smdp_device.esims
    """
    result = session(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*smdp: what the carrier * saw*",
            "* session.refused *8.1.1/3.8*",
            "EID 8904*",
            "*No profile is waiting for this EID.*smdp profile issue 8904*",
        ]
    )


def test_a_test_that_passes_shows_nothing(session):
    result = session(EXAMPLE, "-rA")
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*smdp: what the carrier*")


@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("senario='x'", "*knows no 'senario'; it knows scenario, seed, clock, faults.*"),
        ("'already-used'", "*takes names only, such as scenario='already-used'.*"),
        ("scenario='already-usde'", "*There is no scenario 'already-usde'*already-used*"),
        ("faults=['bad-mca']", "*bad-mca*bad-mac*"),
        ("clock='yesterday'", "*yesterday*"),
    ],
)
def test_a_mistake_in_the_marker_is_told(session, marker, sentence):
    text = f"""
        import pytest

        @pytest.mark.smdp({marker})
        def test_it(smdp_carrier, smdp_device):
            raise AssertionError("came too far")
    """
    result = session(text)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])


def test_a_scenario_needs_a_device(session):
    text = """
        import pytest

        @pytest.mark.smdp(scenario="already-used")
        def test_it(smdp_carrier):
            raise AssertionError("came too far")
    """
    result = session(text)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*A scenario is applied to smdp_device; the test has to ask for that fixture.*"])


def test_a_server_elsewhere_is_used_and_left_clean(session):
    with Server(Settings(port=0, control_port=0, control_token="open sesame")) as server:
        arguments = ("--smdp-url", server.control_url, "--smdp-token", "open sesame")
        session(EXAMPLE, *arguments).assert_outcomes(passed=2)
        session("def test_it(smdp_carrier): pass", "--smdp-url", server.control_url).assert_outcomes(errors=1)
        text = "import pytest\n@pytest.mark.smdp(seed=1)\ndef test_it(smdp_carrier): pass"
        session(text, *arguments).assert_outcomes(skipped=1)


def test_a_server_that_is_not_there_is_told_once_and_clearly(session):
    result = session("def test_it(smdp_carrier): pass", "--smdp-url", "http://127.0.0.1:9")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Nobody answers at http://127.0.0.1:9*"])


def test_settings_are_overridden_by_a_fixture(session):
    text = """
        import pytest
        from smdp import Settings

        @pytest.fixture(scope="session")
        def smdp_settings():
            return Settings(port=0, control_port=0, domain="mobile.test")

        def test_it(smdp_carrier):
            assert ".mobile.test:" in smdp_carrier.esim_server_url
    """
    session(text).assert_outcomes(passed=1)


def test_the_plugin_costs_a_suite_that_does_not_use_it_nothing_but_pytest():
    program = """
import importlib, sys, pytest
before = set(sys.modules)
import smdp.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["smdp", "smdp.pytest_plugin"]


ASYNC_EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[1]


def test_the_awaitable_example_of_the_page(session):
    scope = "asyncio_default_fixture_loop_scope=function"
    done = session(ASYNC_EXAMPLE, "-p", "pytest_asyncio", "-o", "asyncio_mode=auto", "-o", scope, "-W", "error")
    done.assert_outcomes(passed=1)


def test_awaitable_fixtures_need_no_plugin(session):
    text = """
        import asyncio

        import pytest

        @pytest.mark.smdp(scenario="already-used")
        def test_second_download(async_smdp_carrier, async_smdp_device, smdp_carrier):
            async def story():
                assert (await async_smdp_device.refresh()).reason == "already-downloaded"
                await async_smdp_carrier.wait("session.refused", eid=async_smdp_device.eid, within=30)
                return await async_smdp_carrier.carriers()

            assert smdp_carrier.carrier in {carrier.name for carrier in asyncio.run(story())}
    """
    session(text, "-p", "no:asyncio", "-p", "no:pytest_asyncio", "-p", "no:aiohttp", "-W", "error").assert_outcomes(
        passed=1
    )
