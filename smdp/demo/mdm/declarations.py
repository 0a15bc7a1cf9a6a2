"""Declarative management, as little as it takes: tokens, items, single declarations, and what devices report."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_KINDS = {"activation": "Activations", "asset": "Assets", "configuration": "Configurations", "management": "Management"}
_DEPTH = 2


class UnknownEndpoint(ValueError):  # noqa: N818 - says what is the matter
    """There is no such endpoint or declaration (404)."""


class Declarations:
    """The declarations that every device is given: dictionaries with Type, Identifier and Payload."""

    def __init__(self, declarations: Sequence[Mapping[str, Any]] = ()) -> None:
        self._since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._declarations: dict[tuple[str, str], dict[str, Any]] = {}
        for one in declarations:
            kind = _kind(str(one["Type"]))
            self._declarations[kind, str(one["Identifier"])] = {**one, "ServerToken": _digest(dict(one))}

    def answer(self, endpoint: str) -> bytes:
        """Answer `tokens`, `declaration-items` or `declaration/KIND/ID`. Raises UnknownEndpoint."""
        if endpoint == "tokens":
            return _json({"SyncTokens": {"Timestamp": self._since, "DeclarationsToken": self._token()}})
        if endpoint == "declaration-items":
            return _json({"Declarations": self._items(), "DeclarationsToken": self._token()})
        word, _, rest = endpoint.partition("/")
        kind, _, identifier = rest.partition("/")
        found = self._declarations.get((kind, identifier)) if word == "declaration" else None
        if found is None:
            raise UnknownEndpoint(f"there is no {endpoint[:64]!r}")
        return _json(found)

    def _items(self) -> dict[str, list[dict[str, str]]]:
        items: dict[str, list[dict[str, str]]] = {name: [] for name in _KINDS.values()}
        for (kind, identifier), one in self._declarations.items():
            items[_KINDS[kind]].append({"Identifier": identifier, "ServerToken": one["ServerToken"]})
        return items

    def _token(self) -> str:
        return _digest(sorted(one["ServerToken"] for one in self._declarations.values()))


def _kind(name: str) -> str:
    """Return the kind in a declaration's type, such as com.apple.configuration.management.test."""
    parts = name.split(".")
    kind = parts[_DEPTH] if len(parts) > _DEPTH else ""
    if kind not in _KINDS:
        raise ValueError(f"{name!r} is no type of a declaration, such as com.apple.configuration.management.test")
    return kind


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
