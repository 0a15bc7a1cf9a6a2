"""What an explanation consists of, and how it is written as text."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from smdp.errors import SmdpError

_MAX_VALUE = 200


class Unexplained(SmdpError):  # noqa: N818 - reads as what it is
    """Nothing is known of a thing; the message says what it could have been."""


class Line(Struct):
    """A named value, with what is inside it."""

    name: str
    value: str = ""
    inside: list["Line"] = field(default_factory=list)


class Explanation(Struct):
    """What a thing is: a slug for its kind, a sentence, its parts, what is wrong with it, what to do."""

    kind: str
    title: str
    lines: list[Line] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    fixes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Write it as text: the sentence, the parts indented, problems with ✗, ways out with →."""
        told = [self.title, *_written(self.lines, 1)]
        told += [f"✗ {problem}" for problem in self.problems]
        told += [f"→ {fix}" for fix in self.fixes]
        return "\n".join(told)

    def as_line(self, name: str) -> Line:
        """Make it a part of another explanation."""
        more = [Line("problem", problem) for problem in self.problems]
        return Line(name, self.title, [*self.lines, *more])


def _written(lines: Iterable[Line], depth: int) -> Iterator[str]:
    """Write lines, the values of neighbours below each other."""
    lines = list(lines)
    width = max((len(line.name) for line in lines), default=0)
    for line in lines:
        yield "  " * depth + f"{line.name:<{width}}  {line.value}".rstrip()
        yield from _written(line.inside, depth + 1)


def lines(pairs: Iterable[tuple[str, Any]]) -> list[Line]:
    """Make lines of names and values, without those that have none."""
    return [Line(name, clipped(str(value))) for name, value in pairs if value is not None]


def clipped(text: str) -> str:
    """Cut a text that a line can't hold, and keep control characters out of it."""
    shown = "".join(letter if letter.isprintable() else "�" for letter in text[: _MAX_VALUE + 1])
    return shown if len(shown) <= _MAX_VALUE else f"{shown[:_MAX_VALUE]}… ({len(text)} characters)"


def shown(data: bytes, most: int = 32) -> str:
    """Write bytes in hexadecimal; long ones are cut, with their length."""
    if len(data) <= most:
        return data.hex().upper() or "empty"
    return f"{data[:most].hex().upper()}… ({len(data)} bytes)"


def hidden(data: bytes | str) -> str:
    """Say how long a secret is, and nothing else."""
    return f"{len(data)} {'bytes' if isinstance(data, bytes) else 'characters'}, not shown"
