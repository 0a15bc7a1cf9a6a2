"""Which devices a farm has: their names, and what is the matter with some of them."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

from smdp.errors import UsageError

MAX_DEVICES = 100_000


class Role(NamedTuple):
    """What is the matter with a device, and the reasons that its refresh is refused with for that; none if it has none.

    `ordered` says that it takes a plan to be ordered.
    """

    text: str
    reasons: frozenset[str] = frozenset()
    ordered: bool = False


ROLES: dict[str, Role] = {
    "used": Role("its profile was downloaded before", frozenset({"already-downloaded"}), ordered=True),
    "unordered": Role("nothing is ordered for it", frozenset({"nothing-ordered"})),
    "held": Role("its profile is held back", frozenset({"on-hold"}), ordered=True),
    "activation-fails": Role(
        "its plan does not become active", frozenset({"network-rejected", "already-downloaded"}), ordered=True
    ),
    "no-cellular": Role("it has no modem", frozenset({"36002", "no-cellular"})),
    "offline": Role("it goes offline once it is enrolled"),
}
"""What may be mixed in; every other device is expected to get its plan."""

_SHARE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(%?)", re.ASCII)
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(?:/([smh]))?", re.ASCII)
_PER = {"s": 1, "m": 60, "h": 3600, None: 1}


def read_mix(text: str, count: int) -> dict[str, int]:
    """Read `used=3%,offline=2` as how many of so many devices play each role. Raises UsageError."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, share = (word.strip() for word in part.partition("="))
        if name not in ROLES:
            near = get_close_matches(name, ROLES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ROLES)}."
            raise UsageError(f"--mix: {name[:40]!r} is nothing to mix in; {hint}")
        match = _SHARE.fullmatch(share)
        if match is None or name in found or (not match[2] and "." in match[1]):
            raise UsageError(f"--mix: {part.strip()[:60]!r} is no share; write {name}=3% or {name}=2, once each.")
        number = float(match[1])
        found[name] = round(count * number / 100) if match[2] else int(number)
    if sum(found.values()) > count:
        raise UsageError(f"--mix is about {sum(found.values())} devices, but there are {count}.")
    return found


def read_rate(text: str) -> float:
    """Read `50/s`, `10/m` or `50` as a rate in 1/s. Raises UsageError."""
    match = _RATE.fullmatch(text.strip())
    rate = float(match[1]) / _PER[match[2]] if match else 0.0
    if not rate:
        raise UsageError(f"--ramp is {text[:40]!r}, but it wants devices in a time, as in 50/s or 10/m.")
    return rate


def spread(mix: Mapping[str, int], count: int) -> list[str | None]:
    """Give each of so many devices its role, those that have one evenly among the others."""
    special = [name for name, number in mix.items() for _ in range(number)]
    roles: list[str | None] = [None] * count
    for place, name in enumerate(special):
        roles[(2 * place + 1) * count // (2 * len(special))] = name
    return roles


def name_of(prefix: str, number: int, role: str | None) -> str:
    """Name a device so that the farm knows it again after a restart, role and all."""
    return f"{prefix}-{number:04d}" + (f"-{role}" if role else "")


def number_of(prefix: str, name: str) -> tuple[int, str | None] | None:
    """Read number and role from a name; None if the device is none of this farm's."""
    match = re.fullmatch(rf"{re.escape(prefix)}-([0-9]{{4,6}})(?:-([a-z-]+))?", name, re.ASCII)
    if match is None or (match[2] is not None and match[2] not in ROLES):
        return None
    return int(match[1]), match[2]
