"""Keys of property lists: which must be there, of which type, with which below."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "dictionary", bytes: "data"}


class Key(NamedTuple):
    """A key: its type, whether it must be there, and the keys below it if it is a dictionary."""

    name: str
    type: type
    required: bool = False
    below: tuple["Key", ...] = ()


def is_a(value: object, wanted: type) -> bool:
    """Say whether a value of a property list has a type; a boolean is no integer there."""
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def problem_with(found: Mapping[str, Any], keys: tuple[Key, ...], above: str = "") -> str | None:
    """Say what the first key is that is missing or of a wrong type; None if none is. Other keys don't matter."""
    for key in keys:
        value = found.get(key.name)
        if value is None:
            if key.required:
                return f"{above}{key.name} is missing"
        elif not is_a(value, key.type):
            return f"{above}{key.name} is no {_TYPES[key.type]}"
        elif key.below and (problem := problem_with(value, key.below, f"{above}{key.name}.")):
            return problem
    return None
