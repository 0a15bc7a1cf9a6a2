"""Due work where several processes share one database."""

import contextlib
from datetime import timedelta

from smdp.carrier.issue import IssueOrder
from smdp.carrier.journal import Wanted
from smdp.carrier.service import Service
from smdp.clock import SystemClock
from smdp.storage import Database


async def test_what_is_due_is_done_by_another_process_where_its_own_has_ended(tmp_path, monkeypatch):
    """Two databases on one file stand for two processes; the one that never starts its timer has ended in time."""
    monkeypatch.setattr("smdp.carrier.timer._LOOK_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path / 'smdp.db'}"
    async with contextlib.AsyncExitStack() as stack:
        alive = await _service(stack, url)
        await alive.start()
        ended = await _service(stack, url)
        await ended.issue("acme", [IssueOrder(expires="1s")])
        waited = await alive.wait(Wanted("acme", 0, ("profile.expired",)), (), timedelta(seconds=20))
    assert waited.reached


async def _service(stack, url):
    database = await Database.open(url)
    stack.push_async_callback(database.close)
    service = Service(database, SystemClock())
    stack.push_async_callback(service.close)
    return service
