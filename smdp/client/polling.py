"""A thread that lets a hosted device poll its MDM for as long as a block runs."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from smdp.errors import ApiError, ServerUnreachable, SmdpError
from smdp.model import Polled

FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0
CONFLICT, GONE = 409, 404


class Polling:
    """`with Polling(device.poll)`: polls until the block ends, then waits for the poll under way.

    `every` seconds; by default `FIRST_PAUSE`, doubled up to `LAST_PAUSE` while there is nothing to answer. A refusal
    that is no conflict (offline, not enrolled) ends it, and is raised at the end of a block that raised nothing itself;
    that the device was deleted ends it, too.
    """

    def __init__(self, poll: Callable[[], Polled], every: float | None = None) -> None:
        self._poll = poll
        self._every = every
        self._stop = threading.Event()
        self._error: SmdpError | None = None
        self._thread = threading.Thread(target=self._run, name="smdp-polling", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End. Raises what ended it before."""
        self._stop.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                answered = bool(self._poll().answered)
            except ServerUnreachable:
                answered = False
            except ApiError as refused:
                if refused.status == GONE:
                    return
                if refused.status != CONFLICT:
                    self._error = refused
                    return
                answered = False
            pause = FIRST_PAUSE if answered else min(2 * pause, LAST_PAUSE)
            self._stop.wait(pause if self._every is None else self._every)
