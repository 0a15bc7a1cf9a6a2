import contextlib
import os
import socket
import subprocess
import sys

import pytest

from smdp.cli import main
from tests.control_stub import Stub


class Result:
    """What a command printed, and its exit code."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n--- stderr\n{self.err}"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No smdp.toml is near, and the help is 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def stub(monkeypatch):
    with contextlib.closing(Stub()) as server:
        monkeypatch.setenv("SMDP_URL", server.url)
        yield server


@pytest.fixture
def nobody():
    """A URL where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def smdp(capfd):
    """Run a command in this process: fast enough for tables."""

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return Result(ended.value.code, *capfd.readouterr())

    return run


@pytest.fixture
def process():
    """Run a command as a process of its own, as people do."""

    def run(*words, **options):
        command = [sys.executable, "-m", "smdp", *map(str, words)]
        environment = {**os.environ, **options.pop("env", {})}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=environment, **options
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run
