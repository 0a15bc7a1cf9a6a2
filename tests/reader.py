"""Somebody who reads a page of the documentation, and types what it shows into a shell.

Blocks of `sh` and `python` run in their order, in an empty folder, against the server that the last `smdp serve` before
them started, and the small MDM (`python -m smdp.demo.mdm`); the usual ports become free ones. A block of `text` is what
the one before it printed, but for what differs from run to run.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smdp.client import Client

_BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DEVICES = re.compile(r"devices +https://localhost:(\d+)")
_CONTROL = re.compile(r"control +http://localhost:(\d+)/")
_MDM = re.compile(r"enrol +https://localhost:(\d+)/")
_SECONDS = 30
_VARIES = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\b\d\d:\d\d:\d\d\b|\b[0-9A-F]{8}(?:-[0-9A-F]{4,16})+\b"
    r"|session(?:=…| )[0-9A-F]{4,8}|imei=\d{15}|ci=[0-9A-F]{40}|IMEI +\d\d \d{6} \d{6} \d|MEID +\d{14}|LPA:1\$\S+"
)


def blocks(path):
    found = _BLOCK.findall(path.read_text(encoding="utf-8"))
    assert found, f"{path} shows no command"
    return found


def settled(text):
    """Replace what differs from run to run."""
    return _VARIES.sub("#", text)


class Reader:
    def __init__(self, folder):
        self.folder, self.variables = folder, folder / ".variables"
        self.started = {}
        self.ports = {}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SMDP_")}
        self.environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUTF8": "1",
        }

    def read(self, path, skip=()):
        """Do what a page shows, and return all that was printed."""
        out = printed = ""
        for language, text in blocks(path):
            if language == "text":
                assert settled(printed) == settled(text), f"{path.name} shows otherwise:\n{printed}"
            elif not text.startswith(skip or "\0"):
                printed = self.do(language, text)
                out += printed
        return out

    def do(self, language, text):
        *before, last = text.strip().splitlines()
        start = {"smdp serve": self.serve, "python -m smdp.demo.mdm": self.mdm}
        for words, begin in start.items():
            if last.startswith(words):
                printed = self.run(language, "\n".join(before)) if before else ""
                begin(last)
                return printed
        return self.run(language, text)

    def serve(self, command):
        flags = {"SMDP_PORT": "0", "SMDP_CONTROL_PORT": "0", "SMDP_LOG_LEVEL": "warning"}
        devices, control = self._start("serve", command, flags, _DEVICES, _CONTROL)
        self.ports |= {"8443": devices, "8080": control}
        self.environment["SMDP_URL"] = f"http://127.0.0.1:{control}"
        assert Client(self.environment["SMDP_URL"]).ready()

    def mdm(self, command):
        (self.ports["9443"],) = self._start("mdm", command.replace("9443", "0"), {}, _MDM)

    def _start(self, name, command, environment, *wanted):
        """Start what stays, and return what its banner has for each pattern."""
        self.stop(name)
        log = self.folder / f"{name}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment | environment,
                stdout=file, stderr=file, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.started[name] = process
        deadline = time.monotonic() + _SECONDS
        while not all(found := [one.search(log.read_text(encoding="utf-8")) for one in wanted]):
            assert process.poll() is None, f"{command} ended: {log.read_text(encoding='utf-8')}"
            assert time.monotonic() < deadline, f"{command} shows no banner: {log.read_text(encoding='utf-8')}"
            time.sleep(0.02)
        return [match[1] for match in found]

    def run(self, language, text):
        """Run a block, in a shell that knows the variables of the blocks before it; return what it printed."""
        for usual, free in self.ports.items():
            text = re.sub(rf"\b{usual}\b", free, text)
        program = [sys.executable, "-c", text]
        if language == "sh":
            before = f"[ ! -f {self.variables} ] || . {self.variables}"
            after = f"export -p | grep '^declare -x [a-z]' > {self.variables} || true"
            program = ["bash", "-euo", "pipefail", "-ac", f"{before}\n{text}\n{after}"]
        done = subprocess.run(
            program, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", check=False, timeout=100, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n--- exit {done.returncode}\n{done.stdout}"
        for usual, free in self.ports.items():
            done.stdout = re.sub(rf"\b{free}\b", usual, done.stdout)
        return done.stdout

    def stop(self, *names):
        """End what was started, all of it by default."""
        for name in names or tuple(self.started):
            if (process := self.started.pop(name, None)) is not None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=15) == 0


@pytest.fixture
def reader(tmp_path):
    reader = Reader(tmp_path)
    yield reader
    reader.stop()
