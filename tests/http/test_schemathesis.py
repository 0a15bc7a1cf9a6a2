"""schemathesis against a running server: what the OpenAPI says is what happens, whatever is sent in whatever order."""

import os
import random
import re
import shlex
import subprocess
import sys

import pytest

import smdp

# Sent data is held against the document, and so is every answer. Not asked: that whatever fits a schema is accepted
# (schemas can't say all), and that a deleted profile is gone (it is revoked, and stays listed).
EXCLUDED = "positive_data_acceptance,use_after_free"


@pytest.fixture
def run(root, tmp_path):
    """Run schemathesis and return what it printed; where it fails, say how to have the same again."""

    def run(*words, version="3.1", seed="1"):
        with smdp.Server() as server:
            url = f"{server.control_url}/openapi.json?version={version}"
            environment = {
                **os.environ,
                "PYTHONPATH": str(root),
                "SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks",
                "SMDP_TEST_NOBODY": "127.0.0.1:1",
            }
            command = [sys.executable, "-m", "schemathesis.cli", "run", url, "--no-color", "--warnings", "off"]
            command += ["--checks", "all", "--exclude-checks", EXCLUDED, "--output-truncate", "false"]
            command += ["--seed", seed, *words]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
            )
        again = f"seed {seed}: {shlex.join(command[1:])}, or the requests behind 'Reproduce with:', on a fresh server"
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\nagain: {again}"
        return done.stdout

    return run


def covered_links(report):
    return int(re.search(r"API Links: +(\d+) covered", report)[1])


def test_examples_and_edges_of_every_operation(run):
    report = run("--phases", "examples,coverage", "--max-examples", "5", "--max-time", "15")
    assert re.search(r"Tested: +\d\d", report), report


def test_links_between_operations(run):
    report = run("--phases", "stateful", "--mode", "positive", "--max-examples", "50", "--max-time", "12")
    assert covered_links(report) > 0, report  # how many, the machine decides


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("mode", "version"), [("positive", "3.0"), ("all", "3.1")])
def test_for_longer(run, mode, version):
    """Another seed each time, unless SMDP_TEST_SEED has one."""
    seed = os.environ.get("SMDP_TEST_SEED") or str(random.SystemRandom().randrange(2**32))
    words = ("--phases", "examples,coverage,fuzzing,stateful", "--mode", mode, "--max-examples", "200")
    report = run(*words, "--max-time", "150", version=version, seed=seed)
    assert covered_links(report) > 20, report
