"""How a farm is shown: a live table on a terminal, lines elsewhere, a summary at the end."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from smdp.cli import output
from smdp.cli.farm.board import STATES, Report

_LINE_SECONDS = 2.0
_STYLES = {"active": "green", "refused": "red", "left": "red"}


class Screen(Protocol):
    """Shows reports while the farm runs."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def show(self, report: Report) -> None:
        """Show how the farm stands."""


def screen() -> Screen:
    """Return the live table if stderr is a terminal, else lines."""
    return LiveTable() if sys.stderr.isatty() else Lines()


class Lines:
    """A line when something has changed, every two seconds at most; and one for each reason that nobody wants."""

    def __init__(self) -> None:
        self._last, self._at = "", -_LINE_SECONDS
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def show(self, report: Report) -> None:
        """Print a line, if it says something new."""
        text = ", ".join(f"{count} {state}" for state, count in report.states.items())
        if text != self._last and time.monotonic() - self._at >= _LINE_SECONDS:
            self._last, self._at = text, time.monotonic()
            output.talk(f"{report.seconds:6.1f} s  {text}")
        for one in report.failures:
            if not one.expected and one.reason not in self._told:
                self._told.add(one.reason)
                output.talk(f"smdp: {one.reason}: {one.because} {one.fix}".rstrip())


class LiveTable:
    """The live table on stderr; it is gone at the end, as the summary says the same."""

    def __init__(self) -> None:
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        """Take the screen."""
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._live.__exit__(kind, error, trace)

    def show(self, report: Report) -> None:
        """Draw the table anew."""
        self._live.update(table(report), refresh=True)


def table(report: Report) -> Group:
    """Draw a report."""
    states = Table(box=None, padding=(0, 1), show_header=False)
    for state, text in STATES.items():
        count = report.states.get(state, 0)
        style = _STYLES.get(state, "") if count else "dim"
        share = "█" * round(20 * count / max(report.devices, 1))
        states.add_row(Text(state, style), Text(f"{count:>6}", style), Text(share, style), Text(text, "dim"))
    failures = Table(box=None, padding=(0, 1), show_header=False)
    for one in report.failures[:5]:
        failures.add_row(Text(f"{one.count:>6}"), Text(one.reason, "yellow" if one.expected else "red"), one.because)
    return Group(Text(head(report), "bold"), states, Text(times(report)), failures)


def head(report: Report) -> str:
    """Say in one line what the farm is, and how far."""
    plan = f", plan {report.plan}" if report.plan else ""
    devices = output.counted(report.devices, "device")
    return f"{devices}{plan}, {report.seconds:.0f} s: {report.expected} as expected"


def times(report: Report) -> str:
    """Say how long it took from the refresh to the active plan."""
    if (found := report.refresh_to_active) is None:
        return "refresh → active: none yet"
    percentiles = "  ".join(f"{name} {getattr(found, name):.2f} s" for name in ("p50", "p95", "p99"))
    return f"refresh → active: {percentiles}  ({output.counted(found.count, 'plan')})"


def summary(report: Report) -> None:
    """Print how it ended: states, times, each reason with one device as its example."""
    output.say(f"{output.mark(report.ok)} {head(report)}")
    output.facts([(state, str(count)) for state, count in report.states.items()] or [("", None)])
    output.say(times(report))
    for one in report.failures:
        wanted = ", as expected" if one.expected else ""
        output.say(f"{output.mark(one.expected)} {one.reason}: {output.counted(one.count, 'device')}{wanted}")
        output.facts(
            [
                ("for instance", one.eid),
                ("because", output.wrapped(one.because, 16) or None),
                ("fix", one.fix or None),
            ]
        )
