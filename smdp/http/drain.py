"""Stopping without harm: `/readyz` says no, and downloads that are under way get the time to finish."""

import asyncio
from datetime import timedelta

from smdp.http.app import Parts
from smdp.storage import StorageError
from smdp.storage.connection import micros
from smdp.storage.queries.draining import running_sessions

DOWNLOADS = timedelta(seconds=5)
"""How long downloads that are under way are waited for, at most."""
WEBHOOKS = timedelta(seconds=5)
"""How long webhooks may take to deliver what is due, at most."""
_SILENCE = timedelta(seconds=2)
"""After so long without a step nobody goes on with a session."""
_LOOK_SECONDS = 0.05


async def downloads(parts: Parts) -> None:
    """Take no part in load balancing any more, and wait until no download is under way.

    Devices are still answered meanwhile: the next step of a download may come on a new connection.
    """
    parts.health.ready = False
    parts.health.doing = "The server is stopping."
    try:
        async with asyncio.timeout(DOWNLOADS.total_seconds()):
            while parts.hosted.busy or await _sessions(parts):  # noqa: ASYNC110 - no event tells that sessions fell silent
                await asyncio.sleep(_LOOK_SECONDS)
    except (TimeoutError, StorageError):
        return


async def _sessions(parts: Parts) -> int:
    since = parts.service.clock.wall() - _SILENCE
    return await parts.service.database.read(running_sessions, micros(since))
