"""What a device still has to do, and what it said: NanoMDM's queue rules.

After NotNow the same answer skips the commands that got one; the next Idle, or the answer to another command, gets them
again. Acknowledged, Error and CommandFormatError are final.
"""

import asyncio
import plistlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_COMMANDS = 1000
"""Commands that may wait for one device."""

MAX_COMMAND_BYTES = 8 * 1024 * 1024
"""How long they may be together, as plists."""

MAX_RESULTS = 200
"""Answers that are kept for one device; the oldest go first."""

MAX_RESULT_BYTES = 4 * 1024 * 1024
"""How much of them, in bytes; the newest is always kept."""

NOT_NOW = "NotNow"
FINAL = frozenset({"Acknowledged", "Error", "CommandFormatError"})


class QueueError(Exception):
    """A command can't be queued, or will never be answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a device answered to a command: `answer` is its plist, `raw` the same as it came."""

    udid: str
    command_uuid: str
    request_type: str
    status: str
    at: datetime
    answer: Mapping[str, Any]
    raw: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the device took the command, which says nothing of what comes of it."""
        return self.status == "Acknowledged"

    @property
    def error_codes(self) -> list[int]:
        """The ErrorCode of each entry of the ErrorChain."""
        chain = self.answer.get("ErrorChain")
        entries = [one for one in chain if isinstance(one, dict)] if isinstance(chain, list) else []
        return [one["ErrorCode"] for one in entries if isinstance(one.get("ErrorCode"), int)]


@dataclass(slots=True)
class _Command:
    request_type: str
    body: bytes
    not_now: bool = False


class Queue:
    """The commands and results of one device."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Command] = {}
        self._types: dict[str, str] = {}
        self._watched: dict[str, asyncio.Future[Result]] = {}
        self.results: deque[Result] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, uuid: str, command: Mapping[str, Any]) -> None:
        """Append a command (its plist as a dictionary). Raises QueueError."""
        if uuid in self._types:
            raise QueueError(f"command already exists: {uuid}")
        if len(self._waiting) >= MAX_COMMANDS:
            raise QueueError(f"{MAX_COMMANDS} commands wait for this device already")
        try:
            body = plistlib.dumps(dict(command))
        except (TypeError, OverflowError, AttributeError, ValueError) as error:
            raise QueueError(f"the command can't be written as a property list: {error}") from None
        if len(body) + sum(len(one.body) for one in self._waiting.values()) > MAX_COMMAND_BYTES:
            raise QueueError(f"more than {MAX_COMMAND_BYTES // 1024**2} MiB of commands would wait for this device")
        if len(self._types) >= 2 * MAX_COMMANDS + MAX_RESULTS:
            self._forget()
        kind = str(command["Command"]["RequestType"])
        self._waiting[uuid] = _Command(kind, body)
        self._types[uuid] = kind

    def _forget(self) -> None:
        """Drop the types of answered commands, the oldest half."""
        answered = [uuid for uuid in self._types if uuid not in self._waiting]
        for uuid in answered[: len(answered) // 2]:
            del self._types[uuid]

    def request_type(self, uuid: str) -> str | None:
        """Return what kind of command this is, None if it was never queued."""
        return self._types.get(uuid)

    def answered(self, result: Result) -> None:
        """Take a device's answer; a final one ends the command and wakes who waits for it.

        An answer to a command that does not wait, or no longer, changes nothing: the device repeats itself.
        """
        command = self._waiting.get(result.command_uuid)
        if command is None:
            return
        self._keep(result)
        if result.status == NOT_NOW:
            command.not_now = True
            return
        del self._waiting[result.command_uuid]
        watched = self._watched.pop(result.command_uuid, None)
        if watched is not None and not watched.done():
            watched.set_result(result)

    def _keep(self, result: Result) -> None:
        self.results.append(result)
        while len(self.results) > 1 and (
            len(self.results) > MAX_RESULTS or sum(len(one.raw) for one in self.results) > MAX_RESULT_BYTES
        ):
            self.results.popleft()

    def next(self, status: str) -> bytes | None:
        """Return the command to send after a device's status, None if there is none."""
        for command in self._waiting.values():
            if not (status == NOT_NOW and command.not_now):
                return command.body
        return None

    def clear(self, why: str) -> None:
        """Drop what waits; who awaits a result is told why there will be none."""
        for uuid in self._waiting:
            self._types.pop(uuid, None)
        self._waiting.clear()
        for future in self._watched.values():
            if not future.done():
                future.set_exception(QueueError(why))
                future.exception()  # nobody may be waiting for it
        self._watched.clear()

    def result(self, uuid: str) -> asyncio.Future[Result]:
        """Return a future of a command's final result. Raises QueueError for a command that was never queued."""
        for one in self.results:
            if one.command_uuid == uuid and one.status in FINAL:
                done = asyncio.get_running_loop().create_future()
                done.set_result(one)
                return done
        if uuid not in self._waiting:
            raise QueueError(f"no command {uuid[:64]!r} waits for this device")
        return self._watched.setdefault(uuid, asyncio.get_running_loop().create_future())
