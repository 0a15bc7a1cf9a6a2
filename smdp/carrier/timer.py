"""Due work, without polling: a task that sleeps until the next thing is due, and is woken by what makes things due."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from smdp.carrier.scope import DUE
from smdp.storage import StorageError

_log = logging.getLogger("smdp.carrier")
_RETRY_SECONDS = 5.0
_LONGEST_SLEEP = 86_400.0
_LOOK_SECONDS = 5.0
"""How often it is looked where another process may have made something due, and ended before it was."""


class Timer:
    """Calls `work`, which does what is due and says in how many seconds something is due again, None for never.

    `shared` says whether other processes make things due without a word.
    """

    def __init__(self, work: Callable[[], Awaitable[float | None]], *, shared: bool = False) -> None:
        self._work = work
        self._longest = _LOOK_SECONDS if shared else _LONGEST_SLEEP
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Do what is due already, and go on."""
        self._task = asyncio.create_task(self._run())

    def committed(self, notes: Sequence[object]) -> None:
        """Look again after a transaction that made something due."""
        if any(note is DUE for note in notes):
            self._woken.set()

    def wake(self) -> None:
        """Look again: a clock was moved."""
        self._woken.set()

    async def close(self) -> None:
        """Stop; what is due later is done after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                seconds = await self._work()
            except StorageError as error:
                _log.warning("due work has to wait: %s", error)
                seconds = _RETRY_SECONDS
            except Exception:  # noqa: BLE001 - a bug in one carrier's work must not stop everybody's
                _log.exception("bug in due work")
                seconds = _RETRY_SECONDS
            try:
                async with asyncio.timeout(self._longest if seconds is None else min(seconds, self._longest)):
                    await self._woken.wait()
            except TimeoutError:
                continue
