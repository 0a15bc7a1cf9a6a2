"""Where names lead, for everything a device calls: a hook first, .localhost is this machine, then the system."""

import socket
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

Resolve = Callable[[str, int], tuple[str, int] | None]
"""Where a host and port really are, None to ask the system."""

_LOCALHOST = ".localhost"


class Resolver(AbstractResolver):
    """Asks the hook first; names under .localhost are this machine (RFC 6761 §6.3); then the system."""

    def __init__(self, resolve: Resolve | None) -> None:
        self._resolve = resolve
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Say where to connect."""
        found = self._resolve(host, port) if self._resolve else None
        if found is None and host.endswith(_LOCALHOST):
            found = ("127.0.0.1", port)
        if found is None:
            return await self._system.resolve(host, port, family)
        place, at = found
        kind = socket.AF_INET6 if ":" in place else socket.AF_INET
        return [
            ResolveResult(hostname=host, host=place, port=at, family=kind, proto=0, flags=int(socket.AI_NUMERICHOST))
        ]

    async def close(self) -> None:
        """Nothing to give back."""


def system_text(error: BaseException) -> str:
    """Say in a few words what the system or OpenSSL said."""
    inner = getattr(error, "os_error", error)
    text = getattr(inner, "verify_message", None) or getattr(inner, "strerror", None) or str(inner)
    return str(text or type(inner).__name__).strip().rstrip(".")
