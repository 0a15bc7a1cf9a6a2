"""The one grammar for durations and sizes, in flags, settings and the control API: `30`, `48h`, `PT3M`; `64MiB`."""

import re
from datetime import timedelta

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = timedelta(days=36500)
_SIMPLE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(ms|[smhdw])?", re.ASCII)
_COMPOUND = re.compile(r"(?:[0-9]+(?:ms|[smhdw]))+", re.ASCII)
_ISO_8601 = re.compile(
    r"P(?=[0-9T])(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:[.,][0-9]+)?)S)?)?",
    re.ASCII,
)
_SIZE = re.compile(r"([0-9]+) *(?:([kmg])(i?)b?|b)?", re.ASCII | re.IGNORECASE)
_LONGEST_TEXT = 64


def parse_duration(text: str) -> timedelta:
    """Read a duration: a number of seconds, a number with ms, s, m, h, d or w, several of these (`1h30m`), or ISO 8601.

    At most 100 years. Raises ValueError with a sentence that names the text.
    """
    seconds = _seconds(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if seconds is None:
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is no duration: write 30, 90s, 3m, 48h, 2d or PT3M.")
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than 100 years.")
    return timedelta(seconds=seconds)


def _seconds(text: str) -> float | None:
    """Return the seconds of a text, or None if it follows no grammar."""
    if simple := _SIMPLE.fullmatch(text):
        return float(simple[1]) * _SECONDS[simple[2] or "s"]
    if _COMPOUND.fullmatch(text):
        return sum(int(n) * _SECONDS[unit] for n, unit in re.findall(r"([0-9]+)(ms|[smhdw])", text))
    if iso := _ISO_8601.fullmatch(text.upper()):
        parts = (float((part or "0").replace(",", ".")) for part in iso.groups())
        return sum(part * unit for part, unit in zip(parts, (604800, 86400, 3600, 60, 1), strict=True))
    return None


def format_duration(duration: timedelta) -> str:
    """Write a duration as `parse_duration` reads it: `3m`, `1h30m`, `0.25s`."""
    seconds = duration.total_seconds()
    if seconds != int(seconds) or not seconds:
        return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"
    text, rest = "", int(seconds)
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[unit]))
        text += f"{count}{unit}" if count else ""
    return text


def parse_size(text: str) -> int:
    """Read a size in bytes: `1048576`, `64MiB` (1024s) or `64MB` (1000s). Raises ValueError with a sentence."""
    match = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is no size: write 64MiB, 500kB or a number of bytes.")
    number, prefix, binary = match.groups()
    unit: int = (1024 if binary else 1000) ** ("kmg".index(prefix.lower()) + 1) if prefix else 1
    return int(number) * unit


def format_size(size: int) -> str:
    """Write a size as `parse_size` reads it, in the largest unit that divides it: `64MiB`."""
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return str(size)
