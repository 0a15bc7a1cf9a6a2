"""RSA keys for SCEP identities, made ahead in a thread: one takes some 50 ms, and a farm wants thousands."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import rsa

USUAL_BITS = 2048
MAX_AHEAD = 256


class RsaKeys:
    """Gives RSA keys away; none twice.

    `ahead` keys of the usual size are kept ready from the first `take` on, `prepared` are given away first.
    Close it in the end.
    """

    def __init__(self, *, ahead: int = 0, prepared: Iterable[rsa.RSAPrivateKey] = ()) -> None:
        self._ahead = min(ahead, MAX_AHEAD)
        self._ready = deque(prepared)
        self._filling: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many keys are ready."""
        return len(self._ready)

    async def take(self, bits: int = USUAL_BITS) -> rsa.RSAPrivateKey:
        """Return a key that nobody has."""
        ready = next((key for key in self._ready if key.key_size == bits), None)
        if ready is not None:
            self._ready.remove(ready)
        if bits == USUAL_BITS:
            self._start()
        return await asyncio.to_thread(new_key, bits) if ready is None else ready

    async def fill(self) -> None:
        """Wait until the keys that are kept ahead are there."""
        self._start()
        if self._filling is not None:
            await self._filling

    async def close(self) -> None:
        """Make no more keys."""
        if self._filling is not None:
            self._filling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._filling
        self._filling = None

    def _start(self) -> None:
        if len(self._ready) < self._ahead and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._make())

    async def _make(self) -> None:
        while len(self._ready) < self._ahead:
            self._ready.append(await asyncio.to_thread(new_key, USUAL_BITS))


def new_key(bits: int) -> rsa.RSAPrivateKey:
    """Make an RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)
