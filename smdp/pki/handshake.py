"""Handshakes that fail: asyncio drops them without a word, so the TLS object itself tells what it asked for and why."""

import asyncio
import gc
import ssl
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

HUNG_UP = "HUNG_UP"
"""The client was shown a certificate, and went away without a word."""

_PATIENCE_SECONDS = 1.0

Failed = Callable[[str | None, str], None]
"""Is told the name that the client asked for, None if it named none or nothing of it could be read, and OpenSSL's name
of the reason. May be called in any thread."""


class _Watched(ssl.SSLObject):
    """One connection's TLS: costs a successful handshake a few calls and attributes."""

    failed: Failed
    outgoing: ssl.MemoryBIO
    asked: str | None = None
    greeted = over = False

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if self.over:
                raise
            self.over = True
            self.failed(self.asked, error.reason or "UNKNOWN")
            if self.outgoing.pending:  # an alert: asyncio sends it if it has to wait, and drops it otherwise
                raise ssl.SSLWantReadError from error
            raise
        self.over = True

    def __del__(self) -> None:
        if self.greeted and not self.over:
            self.failed(self.asked, HUNG_UP)


class _Greeted:
    """The handshakes that a ClientHello came for.

    asyncio leaves a connection that broke off inside one to the garbage collector, in a cycle of its exception and that
    one's traceback. So whoever is not through after a second has the young garbage collected, once a second at most.
    """

    def __init__(self) -> None:
        self._waiting: WeakSet[_Watched] = WeakSet()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, watched: _Watched) -> None:
        self._waiting.add(watched)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        late = [one for one in self._waiting if not one.over]
        self._waiting = WeakSet(late)
        if late:
            del late
            gc.collect(1)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._look)


def watch(context: ssl.SSLContext, failed: Failed) -> None:
    """Have `failed` told of every handshake of this server context that fails.

    Connections that send nothing are none: a load balancer's look at the port is no device.
    """
    choose: Callable[..., Any] | None = context.sni_callback
    wrap, greeted = context.wrap_bio, _Greeted()

    def wrap_watched(incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        watched: Any = wrap(incoming, outgoing, *args, **kwargs)
        watched.failed, watched.outgoing = failed, outgoing
        return watched  # type: ignore[no-any-return] # it is one of ours

    def hear(connection: Any, asked: str | None, asked_of: ssl.SSLContext) -> int | None:
        connection.asked, connection.greeted = asked, True
        greeted.add(connection)
        answer: int | None = None if choose is None else choose(connection, asked, asked_of)
        return answer

    context.sslobject_class = _Watched
    context.wrap_bio = wrap_watched  # type: ignore[method-assign] # asyncio asks the instance
    context.sni_callback = hear
