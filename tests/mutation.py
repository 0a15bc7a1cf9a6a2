"""The mutation pass: disable each check in turn; exactly the tests marked with it must fail.

    python -m tests.mutation [--only AS] [--workers 2]

Tests are collected once. For each check a forked child makes it hold always, runs every test that is marked with any
check, and reports which failed. Checks are found in the `CHECKS` of every module of `smdp.rsp`. Exit 1 on any
difference.
"""

import argparse
import contextlib
import io
import json
import os
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import smdp.rsp
from smdp.rsp.checks import Check

ROOT = Path(__file__).resolve().parent.parent
BASELINE = "nothing"
OK, WORSE = "ok", "WRONG"


def modules() -> Iterable[ModuleType]:
    for info in pkgutil.walk_packages(smdp.rsp.__path__, "smdp.rsp."):
        yield import_module(info.name)


def find_checks() -> dict[str, list[Check]]:
    """Check id → the objects with that id; one check may stand in the lists of several modules."""
    found: dict[str, dict[int, Check]] = defaultdict(dict)
    for module in modules():
        for check in vars(module).get("CHECKS", ()):
            found[check.id][id(check)] = check
    return {name: list(checks.values()) for name, checks in found.items()}


def marks_of(item: pytest.Item) -> set[str]:
    return {str(check) for mark in item.iter_markers("check") for check in mark.args}


class Failures:
    """Notes which tests failed, in set-up, call or tear-down."""

    def __init__(self) -> None:
        self.nodes: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.nodes.add(report.nodeid)


class Mutation:
    """A pytest plugin that runs the collected tests once for each disabled check, each time in a child."""

    def __init__(self, only: str, workers: int) -> None:
        self.only = only
        self.workers = workers
        self.checks = find_checks()
        self.failed: dict[str, set[str]] = {}
        self.marked: defaultdict[str, set[str]] = defaultdict(set)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if marks_of(item)]
        for item in items:
            for check in marks_of(item):
                self.marked[check].add(item.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        todo = [BASELINE, *(name for name in self.checks if name.startswith(self.only))]
        running: dict[int, tuple[str, int]] = {}
        while todo or running:
            while todo and len(running) < self.workers:
                name = todo.pop(0)
                pid, reader = self.start(session, name)
                running[pid] = (name, reader)
            self.collect(running)
        return True

    def start(self, session: pytest.Session, name: str) -> tuple[int, int]:
        """Fork a child that runs everything with one check disabled, and writes what failed into a pipe."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writer)
            return pid, reader
        status = 1
        try:
            os.close(reader)
            failed = self.run(session, name)
            with os.fdopen(writer, "w") as pipe:
                json.dump(sorted(failed), pipe)
            status = 0
        finally:
            os._exit(status)

    def run(self, session: pytest.Session, name: str) -> set[str]:
        for check in self.checks.get(name, ()):
            object.__setattr__(check, "holds", lambda _: True)
        failures = Failures()
        session.config.pluginmanager.register(failures)
        items = session.items
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return failures.nodes

    def collect(self, running: dict[int, tuple[str, int]]) -> None:
        """Wait for one child; its answer is short, so the pipe holds it until the child is gone."""
        pid, status = os.wait()
        name, reader = running.pop(pid)
        with os.fdopen(reader) as pipe:
            answer = pipe.read()
        if status or not answer:
            sys.exit(f"The child that ran the tests without {name} died (status {status}).")
        self.failed[name] = set(json.loads(answer))


def report(mutation: Mutation) -> bool:
    """Print the table, and say whether all is as it should be. A test that fails anyway proves nothing here."""
    broken = mutation.failed[BASELINE]
    good = not broken
    if broken:
        print("Tests fail with no check disabled; they are left out below:", *sorted(broken), sep="\n    ")
    for name in mutation.checks:
        if name not in mutation.failed:
            continue
        failed, marked = mutation.failed[name] - broken, mutation.marked[name] - broken
        verdict = OK if failed == marked and marked else WORSE
        good = good and verdict is OK
        print(f"{verdict:5}  {name:7} {len(marked):3} marked  {len(failed):3} failed")
        for title, nodes in (("did not fail", marked - failed), ("failed, not marked", failed - marked)):
            print(*(f"         {title}: {node}\n" for node in sorted(nodes)), sep="", end="")
        if not marked:
            print("         no test is marked with it")
    if strays := sorted(set(mutation.marked) - set(mutation.checks)):
        good = False
        print(f"Tests are marked with checks that no list holds: {', '.join(strays)}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="the checks whose ids begin so, such as AS or LB#1")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    mutation, talk = Mutation(arguments.only, arguments.workers), io.StringIO()
    options = ["--quiet", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:terminalreporter"]
    # This module imports smdp, whose own pytest plugin can't be rewritten any more then.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    with contextlib.redirect_stdout(talk), contextlib.redirect_stderr(talk):
        status = pytest.main([*options, f"--rootdir={ROOT}", str(ROOT / "tests")], plugins=[mutation])
    if not mutation.failed:
        sys.exit(f"{talk.getvalue()}\nThe tests could not be collected (status {status}).")
    sys.exit(0 if report(mutation) else 1)


if __name__ == "__main__":
    main()
