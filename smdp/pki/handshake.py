"""Handshakes that fail: asyncio drops them without a word, so the TLS object itself tells what it asked for and why."""

import ssl
from collections.abc import Callable
from typing import Any

HUNG_UP = "HUNG_UP"
"""The client was shown a certificate, and went away without a word."""

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


def watch(context: ssl.SSLContext, failed: Failed) -> None:
    """Have `failed` told of every handshake of this server context that fails.

    Connections that send nothing are none: a load balancer's look at the port is no device.
    """
    choose: Callable[..., Any] | None = context.sni_callback
    wrap = context.wrap_bio

    def wrap_watched(incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        watched: Any = wrap(incoming, outgoing, *args, **kwargs)
        watched.failed, watched.outgoing = failed, outgoing
        return watched  # type: ignore[no-any-return] # it is one of ours

    def hear(connection: Any, asked: str | None, asked_of: ssl.SSLContext) -> int | None:
        connection.asked, connection.greeted = asked, True
        answer: int | None = None if choose is None else choose(connection, asked, asked_of)
        return answer

    context.sslobject_class = _Watched
    context.wrap_bio = wrap_watched  # type: ignore[method-assign] # asyncio asks the instance
    context.sni_callback = hear
