"""How commands print: data on stdout, talk on stderr, colours only for eyes, JSON where asked for."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from smdp.model import Profile

Json = Annotated[bool, Parameter(name="--json", help="Print JSON.")]
Duration = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""A duration's text; -48h is told to be none, rather than taken for a flag."""

WIDTH = 80
"""Columns that people have at least."""

_SESSION_DIGITS = 8
BOLD = "\033[1m"
_GREEN, _RED, _DIM, _PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


def say(text: str = "") -> None:
    """Print data."""
    print(text)


def say_now(text: str) -> None:
    """Print data that somebody waits for at the other end of a pipe."""
    print(text, flush=True)


def talk(text: str) -> None:
    """Print what is not data."""
    print(text, file=sys.stderr, flush=True)


def emit(data: Any) -> None:
    """Print data as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())


def emit_line(data: Any) -> None:
    """Print data as one line of JSON, at once."""
    print(msgspec.json.encode(data).decode(), flush=True)


def colour(text: str, code: str) -> str:
    """Colour a text if stdout is a terminal that wants it (NO_COLOR, TERM=dumb)."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"{code}{text}{_PLAIN}" if wanted else text


def mark(ok: bool | None) -> str:  # noqa: FBT001 - the answer itself
    """Return ✓, ✗, or · for what is still to come."""
    if ok is None:
        return colour("·", _DIM)
    return colour("✓", _GREEN) if ok else colour("✗", _RED)


def counted(number: int, what: str) -> str:
    """Write a number with its noun: 1 profile, 2 profiles."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def when(moment: datetime | None) -> str:
    """Write a time as people read it, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "never"


def consumed(profile: Profile) -> str:
    """Say when and in which session a profile was handed out; --json has the whole session id."""
    if not profile.consumed:
        return "no"
    session = f" in session {profile.consumed_by[:_SESSION_DIGITS]}…" if profile.consumed_by else ""
    return f"{when(profile.consumed_at)}{session}"


def wrapped(sentence: str, indent: int = 0) -> str:
    """Break a sentence into lines of at most 80 columns, those after the first indented."""
    room = WIDTH - indent
    return ("\n" + " " * indent).join(textwrap.wrap(sentence, room, break_long_words=False, break_on_hyphens=False))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns under their names; on a terminal, what does not fit is cut."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for number, row in enumerate((head, *rows)):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if limit and len(line) > limit:
            line = line[: limit - 1] + "…"
        say(line if number else colour(line, _DIM))


def facts(pairs: Sequence[tuple[str, str | None]]) -> None:
    """Print names and values below each other, without those that have none."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        if value is not None:
            say(f"  {name:<{width}}  {value}")


def progress(done: int, total: int, what: str) -> None:
    """Show how far long work is, on a terminal."""
    if sys.stderr.isatty() and total > 1:
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} {what}", end=end, file=sys.stderr, flush=True)
