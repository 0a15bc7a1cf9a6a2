"""Property lists as MDM messages are made of: read with suspicion, written as XML."""

import plistlib
import re
import struct
from datetime import UTC, datetime
from typing import Any
from xml.parsers.expat import ExpatError

from smdp.device.mdm.failure import mdm_failure

MAX_PLIST = 1024 * 1024
"""Longest property list in bytes: far above any command, InstallProfile included."""
MAX_DEPTH = 48
MAX_VALUES = 50_000
_LEAST, _MOST = -(2**63), 2**64 - 1
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# What plistlib lets through when its input is nonsense, beside its own InvalidFileException (a ValueError).
_NONSENSE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    ExpatError,
    RecursionError,
    MemoryError,
    struct.error,
)


def read_plist(data: bytes, what: str = "The answer", *, limit: int = MAX_PLIST) -> dict[str, Any]:
    """Read an XML or binary property list that is a dictionary; `what` begins the sentence when it is not.

    Entities are refused by plistlib; a binary list whose parts refer to each other is bounded by what it unfolds to
    (`MAX_VALUES`, `MAX_DEPTH`). Dates come back aware, in UTC. Raises MdmError.
    """
    if len(data) > limit:
        raise mdm_failure("plist-too-large", what=what, limit=limit)
    try:
        value = plistlib.loads(data)
    except _NONSENSE:
        raise mdm_failure("plist-malformed", what=what) from None
    if not isinstance(value, dict):
        raise mdm_failure("plist-not-dict", what=what)
    found: dict[str, Any] = _Copy(what).copy(value, 0)
    return found


class _Copy:
    """Copies a tree into plain values, counting as it goes."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._left = MAX_VALUES

    def copy(self, value: Any, depth: int) -> Any:
        """Copy one value and what is in it."""
        self._left -= 1
        if self._left < 0:
            raise mdm_failure("plist-too-many", what=self._what, limit=MAX_VALUES)
        if depth > MAX_DEPTH:
            raise mdm_failure("plist-too-deep", what=self._what, limit=MAX_DEPTH)
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise mdm_failure("plist-value", what=self._what, found="a key that is no string")
            return {key: self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item, depth + 1) for item in value]
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC)
        if isinstance(value, int) and not _LEAST <= value <= _MOST:
            raise mdm_failure("plist-value", what=self._what, found="an integer of more than 64 bits")
        if not isinstance(value, str | bytes | bool | int | float):
            raise mdm_failure("plist-value", what=self._what, found=f"a {type(value).__name__}")
        return value


def write_plist(value: dict[str, Any]) -> bytes:
    """Write an XML property list, keys in alphabetical order as Apple's devices do.

    Aware dates are written in UTC; characters that XML cannot carry become U+FFFD.
    """
    return plistlib.dumps(_writable(value))


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_writable(str(key)): _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
