"""`SmallMdm`: the server as an object, with a verb for each command of the eSIM flow."""

import asyncio
import inspect
import logging
import plistlib
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from smdp.demo.mdm import profiles
from smdp.demo.mdm.authority import Authority
from smdp.demo.mdm.declarations import Declarations
from smdp.demo.mdm.journal import Journal, Kind, Record
from smdp.demo.mdm.messages import Desk, read
from smdp.demo.mdm.profiles import Enrolment
from smdp.demo.mdm.queue import QueueError, Result
from smdp.demo.mdm.registry import MAX_DEVICES, Enrolled, NotAssociated, Registry
from smdp.demo.mdm.scep import Scep
from smdp.demo.mdm.web import application
from smdp.errors import SmdpError, StartError, TimedOut, UsageError

_LOCAL = ("localhost", "127.0.0.1", "::1")
_SECRET_BYTES = 18
_STOP_SECONDS = 2
_MAX_UUID = 128

log = logging.getLogger("smdp.demo.mdm")


class MdmError(SmdpError):
    """The small MDM can't do it; the message says why."""


class SmallMdm:
    """A small MDM server; `async with` lets it listen.

    What it knows lives as long as the object, or as its `state`: leaving the block and entering it again is a restart
    on the same port, with devices and queues kept. All calls belong to the loop that it runs in.

    Args:
        host: The name in its URLs and in its certificate, beside localhost.
        bind: The address to listen on.
        port: The port; 0 picks one.
        names: Further names and addresses of the TLS certificate.
        woken: Called with a UDID when a command is queued for it, in place of a push (there is no APNs here); it may
            return an awaitable.
        api_key: What programs must give at /v1 (HTTP Basic, user nanomdm); devices don't.
        declarations: What devices are given by declarative management.
        state: A file that remembers CA, devices and queues when the process ends, however it does.
    """

    def __init__(
        self,
        *,
        host: str = "localhost",
        bind: str = "127.0.0.1",
        port: int = 0,
        names: Sequence[str] = (),
        woken: Callable[[str], object] | None = None,
        api_key: str | None = None,
        declarations: Sequence[Mapping[str, Any]] = (),
        max_devices: int = MAX_DEVICES,
        state: Path | None = None,
    ) -> None:
        self.journal = None if state is None else Journal(state)
        self.port = port
        self.woken = woken
        self.api_key = api_key
        self.challenge, self.authority = self._begun()
        self.scep = Scep(self.authority, self.challenge, lambda what: log.info("SCEP %s", what))
        self.desk = Desk(Registry(max_devices), Declarations(declarations))
        self._host = host
        self._bind = bind
        self._tls = self.authority.tls_context(list(dict.fromkeys((host, *names, *_LOCAL))))
        self._stack = AsyncExitStack()
        self._waking: set[asyncio.Future[Any]] = set()
        self._replay()

    # --- what was before

    def _begun(self) -> tuple[str, Authority]:
        """Take the challenge and the CA of before, or make new ones. Raises StartError."""
        begun = self.journal.records[:1] if self.journal is not None else []
        if not begun:
            challenge, authority = secrets.token_urlsafe(_SECRET_BYTES), Authority()
            self.remember("begin", authority.key_der, challenge.encode() + b"\0" + authority.der)
            return challenge, authority
        text, _, certificate = begun[0].body.partition(b"\0")
        try:
            return text.decode("ascii"), Authority((begun[0].who, certificate))
        except ValueError:
            raise StartError("The state of the small MDM holds no CA that can be read; delete it.") from None

    def _replay(self) -> None:
        for record in self.journal.records[1:] if self.journal is not None else ():
            if record.kind == "check-in":
                self.desk.check_in(read(record.body), record.who)
            elif record.kind == "connect":
                self.desk.connect(read(record.body), record.who, record.body)
            elif record.kind == "command":
                command = read(record.body)
                self.desk.registry.device(record.who.decode()).queue.add(command["CommandUUID"], command)

    def remember(self, kind: Kind, who: bytes, body: bytes) -> None:
        """Write down what was said and taken, where there is a file for it."""
        if self.journal is not None:
            self.journal.write(Record(kind, who, body))

    # --- life

    async def __aenter__(self) -> Self:
        """Listen. Raises StartError."""
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(application(self), access_log=None, shutdown_timeout=_STOP_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            try:
                await web.TCPSite(runner, self._bind, self.port, ssl_context=self._tls).start()
            except OSError as error:
                raise StartError(f"The small MDM can't listen on port {self.port}: {error.strerror}.") from None
            self.port = runner.addresses[0][1]
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; what is known is kept."""
        for task in self._waking:
            task.cancel()
        await asyncio.gather(*self._waking, return_exceptions=True)
        await self._stack.aclose()

    # --- where it is, and how to enrol

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://[{self._host}]:{self.port}" if ":" in self._host else f"https://{self._host}:{self.port}"

    @property
    def enroll_url(self) -> str:
        """Where a device finds the enrolment profile."""
        return f"{self.url}/enroll"

    @property
    def ca(self) -> str:
        """The CA's certificate (PEM): what a device trusts that has no profile yet."""
        return self.authority.pem.decode()

    def profile(self, wanted: Enrolment | None = None) -> bytes:
        """Write an enrolment profile; one by SCEP serves any number of devices, one with PKCS #12 a single one."""
        return profiles.write(wanted or Enrolment(), self.url, self.authority, self.challenge)

    # --- devices

    @property
    def devices(self) -> Mapping[str, Enrolled]:
        """The devices by UDID (or EnrollmentID), those that checked out too."""
        return self.desk.registry.devices

    async def enrolled(self, udid: str, within: float | None = None) -> Enrolled:
        """Wait, at most so many seconds, until a device has enrolled. Raises TimedOut."""
        try:
            async with asyncio.timeout(within):
                return await self.desk.registry.until_enrolled(udid)
        except TimeoutError:
            raise TimedOut(f"The device {udid} did not enrol within {within:g} seconds.") from None

    # --- commands

    def enqueue(self, udid: str, command: Mapping[str, Any]) -> str:
        """Queue a command and return its CommandUUID.

        `command` is what Command holds (RequestType and more), or the whole plist with a CommandUUID of your choice.
        An unknown UDID is taken too, though enrolling drops what waits. Raises QueueError (also for a CommandUUID that
        was there before) and UsageError.
        """
        whole: dict[str, Any] = dict(command) if "Command" in command else {"Command": dict(command)}
        inner = whole["Command"]
        if not isinstance(inner, dict) or not isinstance(inner.get("RequestType"), str) or not inner["RequestType"]:
            raise QueueError("the command lacks Command or RequestType")
        name = whole.setdefault("CommandUUID", str(uuid.uuid4()).upper())
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_UUID:
            raise QueueError("CommandUUID is no text of 1 to 128 characters")
        if not 0 < len(udid) <= _MAX_UUID:
            raise UsageError("A UDID has 1 to 128 characters.")
        try:
            self.desk.registry.device(udid).queue.add(name, whole)
            self.remember("command", udid.encode(), plistlib.dumps(whole))
        except NotAssociated as error:
            raise QueueError(str(error)) from None
        self._wake(udid)
        return name

    def send_refresh(self, udid: str, esim_server_url: str) -> str:
        """Queue RefreshCellularPlans."""
        return self.enqueue(udid, {"RequestType": "RefreshCellularPlans", "eSIMServerURL": esim_server_url})

    def query(self, udid: str, queries: Sequence[str] = ("ServiceSubscriptions",)) -> str:
        """Queue DeviceInformation."""
        return self.enqueue(udid, {"RequestType": "DeviceInformation", "Queries": list(queries)})

    def erase(
        self, udid: str, *, preserve_data_plan: bool = False, return_to_service: Mapping[str, Any] | None = None
    ) -> str:
        """Queue EraseDevice."""
        more = {} if return_to_service is None else {"ReturnToService": dict(return_to_service)}
        command = {"RequestType": "EraseDevice", "PreserveDataPlan": preserve_data_plan, **more}
        return self.enqueue(udid, command)

    def install_profile(self, udid: str, payload: bytes) -> str:
        """Queue InstallProfile."""
        return self.enqueue(udid, {"RequestType": "InstallProfile", "Payload": payload})

    def results(self, udid: str) -> list[Result]:
        """Return what a device answered, oldest first, NotNow too."""
        device = self.devices.get(udid)
        return list(device.queue.results) if device else []

    async def result(self, udid: str, command_uuid: str, within: float | None = None) -> Result:
        """Wait, at most so many seconds, for the final answer to a command. Raises TimedOut, MdmError."""
        device = self.devices.get(udid)
        if device is None:
            raise MdmError(f"No device {udid[:64]} was heard of.")
        try:
            return await asyncio.wait_for(asyncio.shield(device.queue.result(command_uuid)), within)
        except TimeoutError:
            raise TimedOut(f"The device {udid} did not answer {command_uuid} within {within:g} seconds.") from None
        except QueueError as error:
            raise MdmError(f"There is no answer to {command_uuid}: {error}") from None

    def _wake(self, udid: str) -> None:
        """Do what a push would: tell who is to be told."""
        told = self.woken(udid) if self.woken is not None else None
        if inspect.isawaitable(told):
            waking = asyncio.ensure_future(told)
            self._waking.add(waking)
            waking.add_done_callback(self._awake)

    def _awake(self, waking: "asyncio.Future[Any]") -> None:
        self._waking.discard(waking)
        if not waking.cancelled() and (error := waking.exception()) is not None:
            log.warning("Waking a device failed: %s", error)
