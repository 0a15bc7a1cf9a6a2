"""Numbers that somebody mistyped: which of those that exist was meant."""

from collections.abc import Iterable

FAR = 3
"""From how many mistakes on two numbers are no longer alike."""
_LONGEST_MIDDLE = 16


def closest(number: str, others: Iterable[str]) -> str | None:
    """Return the number that is most like this one, with at most two mistakes between them."""
    found = min(((distance(number, other), other) for other in others if other), default=(FAR, ""))
    return found[1] if found[0] < FAR else None


def distance(one: str, other: str) -> int:
    """Count the mistakes between two numbers: a digit changed, left out, added, or swapped with its neighbour.

    What both begin and end with is left out first. Where what is left is long, only a digit left out and made up for at
    the end, or the other way round, is looked for; else they are not alike, and it is the longer one's length.
    """
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    one, other = one[start:], other[start:]
    end = 0
    while end < min(len(one), len(other)) and one[-1 - end] == other[-1 - end]:
        end += 1
    one, other = one[: len(one) - end], other[: len(other) - end]
    longest = max(len(one), len(other))
    if longest > _LONGEST_MIDDLE:
        return 2 if one[1:] == other[:-1] or one[:-1] == other[1:] else longest
    return _mistakes(one, other)


def _mistakes(one: str, other: str) -> int:
    """Optimal string alignment."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
