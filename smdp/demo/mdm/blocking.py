"""The small MDM for programs without a loop: it lives in a thread of its own, and every call waits."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from smdp.demo.mdm.profiles import Enrolment
from smdp.demo.mdm.queue import Result
from smdp.demo.mdm.registry import Enrolled
from smdp.demo.mdm.server import SmallMdm

T = TypeVar("T")


class BlockingMdm:
    """`with BlockingMdm() as mdm`: a SmallMdm with the same options and the same verbs; `mdm` is the one inside.

    Functions given to it (`woken`) are called in its thread. Raises what SmallMdm raises.
    """

    def __init__(self, **options: Any) -> None:
        self.mdm = SmallMdm(**options)
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    def __enter__(self) -> Self:
        """Start to listen. Raises StartError."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="small-mdm", daemon=True)
        self._thread.start()
        try:
            self._wait(self.mdm.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, and end the thread."""
        try:
            self._wait(self.mdm.__aexit__(kind, error, trace))
        finally:
            self._end()

    def _end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_default_executor(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _call(self, verb: Callable[..., T], *given: Any, **named: Any) -> T:
        async def call() -> T:
            return verb(*given, **named)

        return self._wait(call())

    @property
    def url(self) -> str:
        """Where it is."""
        return self.mdm.url

    @property
    def enroll_url(self) -> str:
        """Where a device finds the enrolment profile."""
        return self.mdm.enroll_url

    @property
    def ca(self) -> str:
        """The CA's certificate (PEM)."""
        return self.mdm.ca

    @property
    def devices(self) -> Mapping[str, Enrolled]:
        """The devices by UDID, as they are now."""
        return self._call(lambda: dict(self.mdm.devices))

    def profile(self, wanted: Enrolment | None = None) -> bytes:
        """Write an enrolment profile."""
        return self._call(self.mdm.profile, wanted)

    def enrolled(self, udid: str, within: float | None = None) -> Enrolled:
        """Wait until a device has enrolled. Raises TimedOut."""
        return self._wait(self.mdm.enrolled(udid, within))

    def enqueue(self, udid: str, command: Mapping[str, Any]) -> str:
        """Queue a command."""
        return self._call(self.mdm.enqueue, udid, command)

    def send_refresh(self, udid: str, esim_server_url: str) -> str:
        """Queue RefreshCellularPlans."""
        return self._call(self.mdm.send_refresh, udid, esim_server_url)

    def query(self, udid: str, queries: Sequence[str] = ("ServiceSubscriptions",)) -> str:
        """Queue DeviceInformation."""
        return self._call(self.mdm.query, udid, queries)

    def erase(self, udid: str, **options: Any) -> str:
        """Queue EraseDevice."""
        return self._call(self.mdm.erase, udid, **options)

    def install_profile(self, udid: str, payload: bytes) -> str:
        """Queue InstallProfile."""
        return self._call(self.mdm.install_profile, udid, payload)

    def results(self, udid: str) -> list[Result]:
        """Return what a device answered, oldest first."""
        return self._call(self.mdm.results, udid)

    def result(self, udid: str, command_uuid: str, within: float | None = None) -> Result:
        """Wait for the final answer to a command. Raises TimedOut, MdmError."""
        return self._wait(self.mdm.result(udid, command_uuid, within))
