"""How calls become paths and bodies."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from smdp.durations import parse_duration
from smdp.errors import UsageError

Duration = float | str | timedelta
"""Seconds, a text such as `3m`, or a timedelta."""


def join(root: str, *names: str) -> str:
    """Append names to a path; what a person typed stays one segment of it."""
    if not all(name.strip(".") for name in names):
        raise UsageError(f"{'/'.join(names)!r} names nothing.")
    return "/".join((root, *(quote(name, safe="") for name in names)))


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None: the server has the defaults."""
    return {name: value for name, value in members.items() if value is not None}


def duration(value: Duration) -> timedelta:
    """Read a duration. Raises UsageError."""
    if isinstance(value, timedelta):
        return value
    try:
        return parse_duration(value if isinstance(value, str) else f"{value:f}")
    except ValueError as error:
        raise UsageError(str(error)) from None
