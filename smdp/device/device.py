"""One simulated Apple device: who it is, its eUICC, and what it does when it is told to (apple-mdm.md §2.1)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from msgspec import Struct, field

from smdp import model
from smdp.clock import Clock
from smdp.device import radio
from smdp.device.addresses import order_at
from smdp.device.describe import describe, esims
from smdp.device.es9plus import Es9Client
from smdp.device.examine import examine, sim_of
from smdp.device.failure import DownloadError, failure
from smdp.device.handset import Handset
from smdp.device.lpa import Lpa, Order, Sent, UnderWay
from smdp.device.trouble import Trouble, cut_off, no_trouble, strained
from smdp.model import EnrollmentKind, Outcome, OutcomeStep
from smdp.rsp.checks import Refusal
from smdp.rsp.crypto import Entropy
from smdp.rsp.euicc.commands import Answer, World
from smdp.rsp.euicc.state import Euicc, InstalledProfile
from smdp.rsp.ids import ICCID_BYTES, iccid_of_bytes, iccid_to_bytes, is_iccid, parse_activation_code
from smdp.rsp.tlv import Malformed, tlv

MAX_NOTICES = 50
"""How many notices a device remembers."""
_MEMORY_RESET = bytes.fromhex("BF3404820205E0")
"""EuiccMemoryResetRequest: operational profiles, field-loaded test profiles, the default SM-DP+ address."""
_RELEASE_15 = b"\x0f\x00\x00"
_log = logging.getLogger("smdp.device")


class State(Struct, kw_only=True):
    """Everything a device remembers; what `dump` writes and `load` reads."""

    eid: str
    udid: str
    serial: str
    imei: str
    os: str
    model: str
    name: str
    supervised: bool
    euicc: Euicc
    online: bool = True
    carrier: str = "default"
    cellular: bool = True
    physical_sim: bool = False
    country: str = "US"
    enrollment_kind: EnrollmentKind = "device"
    handset: Handset = field(default_factory=Handset)
    ade_profile: bytes | None = None
    download: UnderWay | None = None
    notices: list[str] = field(default_factory=list)
    lines: dict[str, radio.Line] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Keep the EID and what the device holds out of logs."""
        return f"<State of …{self.eid[-4:]}>"


async def _nothing(_: "Device") -> None:
    """Keep nothing."""


class Device:
    """A device in use: its state, and the world it lives in.

    `client` reaches servers, `clock` tells the time, `entropy` feeds its eUICC. `save` is awaited with the device
    whenever it must not forget what just happened: a key made, a profile installed, a notification acknowledged.
    `trouble` says what goes wrong because a test wants it. `network` is what its modem finds on the air, None for none.
    """

    def __init__(
        self,
        state: State,
        *,
        client: Es9Client,
        clock: Clock,
        entropy: Entropy,
        save: Callable[["Device"], Awaitable[None]] = _nothing,
        trouble: Trouble = no_trouble,
        network: radio.Network | None = None,
    ) -> None:
        self.state = state
        self.save = save
        self._network = network
        self._trouble = trouble
        self._world = lambda: World(clock.now(), entropy, examine)
        self._lpa = Lpa(state.euicc, client, self._world, _device_info(state.imei), lambda: self.save(self), trouble)
        self._lock = asyncio.Lock()
        self._downloading = False
        self._on_air = asyncio.Lock()

    @classmethod
    def load(
        cls,
        data: bytes,
        *,
        client: Es9Client,
        clock: Clock,
        entropy: Entropy,
        save: Callable[["Device"], Awaitable[None]] = _nothing,
        trouble: Trouble = no_trouble,
        network: radio.Network | None = None,
    ) -> "Device":
        """Bring back what `dump` wrote. Raises ValueError if the bytes are something else."""
        state = msgspec.msgpack.decode(data, type=State)
        return cls(state, client=client, clock=clock, entropy=entropy, save=save, trouble=trouble, network=network)

    def dump(self) -> bytes:
        """Write down everything the device remembers, keys included."""
        return msgspec.msgpack.encode(self.state)

    def __repr__(self) -> str:
        return f"<Device …{self.state.eid[-4:]} {self.state.model} {self.state.os}>"

    @property
    def eid(self) -> str:
        """The EID, 32 digits."""
        return self.state.eid

    @property
    def euicc(self) -> Euicc:
        """The eUICC."""
        return self.state.euicc

    @property
    def enabled(self) -> str | None:
        """The ICCID of the enabled eSIM."""
        profile = self.euicc.enabled_profile()
        return None if profile is None else iccid_of_bytes(profile.iccid)

    @property
    def busy(self) -> bool:
        """Whether it is downloading, or about to; sending notifications does not keep it from that."""
        return self._downloading or self.state.download is not None

    @property
    def unfinished(self) -> bool:
        """Whether something is left to do for which nobody need ask: a download, or notifications to send."""
        return self.state.download is not None or bool(self.euicc.notifications)

    def esims(self) -> list[model.Esim]:
        """Show its profiles, in the order of their installation."""
        return esims(self.state)

    def describe(self) -> model.Device:
        """Show it as the control API does."""
        return describe(self.state)

    def notice(self, text: str) -> None:
        """Show the user something."""
        self.state.notices.append(text)
        del self.state.notices[:-MAX_NOTICES]

    # --- downloading

    @property
    def unable(self) -> Outcome | None:
        """Why it can download nothing at the moment, if it can't."""
        if not self.state.cellular:
            return _failed(failure("no-cellular"))
        if self._downloading:
            return _failed(failure("busy"))
        return None if self.state.online else _failed(failure("offline"))

    async def refresh(self, url: str) -> Outcome:
        """Do what RefreshCellularPlans makes iOS do: ask the carrier's server for this EID's plan, install, enable.

        The device speaks HTTPS whatever the scheme is. A path of the URL, if only a slash, comes before ES9+'s own, as
        some servers mind (inferred: Apple's device hands all of the URL on). No MatchingID is sent.
        """
        try:
            order = order_at(url)
        except DownloadError as error:
            return _failed(error)
        return await self._download(order)

    async def download(self, code: str, confirmation_code: str | None = None) -> Outcome:
        """Download what an activation code (LPA:1$host$token) stands for, install and enable it."""
        try:
            parsed = parse_activation_code(code)
        except Malformed as error:
            return _failed(failure("activation-code-malformed", problem=_sentence(error)))
        return await self._download(Order(parsed.address, parsed.matching_id, parsed.oid, confirmation_code))

    async def _download(self, order: Order) -> Outcome:
        if unable := self.unable:
            return unable
        self._downloading = True
        try:
            async with self._changing():  # after notifications that are under way, or a change of profiles
                left = self.state.download
                if left is not None and left.begun and left.order != order:
                    await self._work_off(left)
                if left is None or left.order != order:
                    left = UnderWay(order=order)
                outcome = await self._work_off(left)
        finally:
            self._downloading = False
        if outcome.installed is not None:
            await self.attach()
        return outcome

    async def _work_off(self, under_way: UnderWay) -> Outcome:
        """Download, install and enable a profile, and tell its server; it is remembered until it is over."""
        self.state.download = under_way
        try:
            outcome = await self._fetched(under_way)
            if outcome.installed is not None:
                enabled = self._switch(0xBF31, outcome.installed)
                outcome.steps.append(_step("enableProfile", enabled))
        except asyncio.CancelledError:
            raise  # the server stops; the device goes on when it is back
        except BaseException:
            self.state.download = None
            raise
        self.state.download = None
        if self.euicc.notifications:
            outcome.steps.append(_told(await self._lpa.flush()))
        return outcome

    async def _fetched(self, under_way: UnderWay) -> Outcome:
        """Download and install; what was left in the middle and can't be gone on with is begun anew."""
        if under_way.installed is not None:
            return Outcome(ok=True, installed=under_way.installed)
        faults = await self._trouble("download", None, None)
        if problem := cut_off(faults, under_way.order.address):
            return _failed(problem)
        with strained(self.euicc, faults):
            resumed = under_way.begun
            outcome = await self._lpa.download(under_way)
            if resumed and not outcome.ok:
                self.state.download = UnderWay(order=under_way.order)
                outcome = await self._lpa.download(self.state.download)
        return outcome

    def accept(self, url: str) -> None:
        """Remember that a plan is to be asked for at this URL, so that whoever is told so next was told the truth."""
        with contextlib.suppress(DownloadError):
            self.state.download = UnderWay(order=order_at(url))

    async def resume(self) -> Outcome | None:
        """Do the download that was accepted, or that was under way when the device's server stopped.

        None if there is none left by the time that it is this one's turn, or no network.
        """
        left = self.state.download
        if left is None or not self.state.online:
            return None
        async with self._changing():
            if self.state.download is not left:
                return None
            self._downloading = True
            try:
                outcome = await self._work_off(left)
            finally:
                self._downloading = False
        if outcome.installed is not None:
            await self.attach()
        return outcome

    async def flush_notifications(self) -> Sent:
        """Send the notifications that wait on the eUICC; those whose server is away stay there."""
        if not self.state.online:
            return Sent(0, len(self.euicc.notifications))
        async with self._changing():
            return await self._lpa.flush()

    # --- the network

    async def attach(
        self,
        unless: Callable[[radio.Line], bool] = radio.has_tried,
        save: Callable[["Device"], Awaitable[None]] | None = None,
    ) -> None:
        """Attach with the enabled eSIM, unless its line says that there is no need to; what comes of it is saved.

        Whatever goes wrong on the air is no failure of what led to it.
        """
        if self._network is None or not self.state.online:
            return
        async with self._on_air:
            profile = self.euicc.enabled_profile()
            sim = None if profile is None else sim_of(profile.upp)
            line = None if profile is None else self.line(iccid_of_bytes(profile.iccid))
            if sim is None or line is None or unless(line):
                return
            try:
                await radio.attach(sim, line, self._network)
                await (save or self.save)(self)
            except Exception:  # noqa: BLE001 - the profile is installed, whatever becomes of its network
                _log.exception("bug on the air")

    def line(self, iccid: str) -> radio.Line | None:
        """Return what the device remembers of an eSIM (ICCID as digits) beside its profile."""
        radio.follow(self.state.lines, self.euicc.profiles)
        return self.state.lines.get(iccid)

    # --- the profiles it has

    async def enable(self, iccid: str) -> Outcome:
        """Enable a profile (ICCID as digits); the enabled one is disabled. Servers that want to know are told."""
        return await self._change("enableProfile", 0xBF31, iccid)

    async def disable(self, iccid: str) -> Outcome:
        """Disable a profile."""
        return await self._change("disableProfile", 0xBF32, iccid)

    async def delete(self, iccid: str) -> Outcome:
        """Delete a profile, disabling it first if need be, as Settings does."""
        profile = self._profile(iccid)
        if profile is not None and profile.enabled:
            disabled = await self.disable(iccid)
            if not disabled.ok:
                return disabled
        return await self._change("deleteProfile", 0xBF33, iccid)

    async def reset_esim(self) -> Outcome:
        """Delete all its eSIMs, test profiles and the default address too, as erasing does (SGP.22 §5.7.19).

        Having none is no error. Servers that want to know are told.
        """
        outcome = await self._do("eUICCMemoryReset", lambda: self.command(_MEMORY_RESET).refusal)
        return Outcome(ok=True, steps=outcome.steps) if outcome.reason == "nothing-to-reset" else outcome

    async def _change(self, name: str, tag: int, iccid: str) -> Outcome:
        return await self._do(name, lambda: self._switch(tag, iccid))

    async def _do(self, name: str, change: Callable[[], Refusal | None]) -> Outcome:
        """Change something on the eUICC and send the notifications that it makes."""
        async with self._changing():
            refusal = change()
            steps = [_step(name, refusal)]
            if self.state.online and self.euicc.notifications:
                await self.save(self)
                steps.append(_told(await self._lpa.flush()))
        await self.attach()
        if refusal is None:
            return Outcome(ok=True, steps=steps)
        return Outcome(ok=False, reason=refusal.reason, because=refusal.because, fix=refusal.fix, steps=steps)

    def _switch(self, tag: int, iccid: str) -> Refusal | None:
        """Send EnableProfile, DisableProfile or DeleteProfile, and say what the eUICC has against it."""
        coded = iccid_to_bytes(iccid) if is_iccid(iccid) else bytes(ICCID_BYTES)
        identifier = tlv(0x5A, coded)
        request = tlv(tag, identifier) if tag == 0xBF33 else tlv(tag, tlv(0xA0, identifier), tlv(0x81, b"\0"))  # noqa: PLR2004 - DeleteProfile
        return self.command(request).refusal

    def command(self, request: bytes) -> Answer:
        """Send the eUICC a command of its own, as a card reader would."""
        return self._lpa.command(request)

    def _profile(self, iccid: str) -> InstalledProfile | None:
        return self.euicc.profile(iccid=iccid_to_bytes(iccid)) if is_iccid(iccid) else None

    @contextlib.asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """One change at a time; what it left is saved, however it ended."""
        async with self._lock:
            try:
                yield
            finally:
                radio.follow(self.state.lines, self.euicc.profiles)
                await self.save(self)


def _device_info(imei: str) -> bytes:
    """Build DeviceInfo, A1: TAC and IMEI as TBCD, the check digit alone in the last octet (SGP.22 §5.7.13)."""
    digits = "".join(filter(str.isdecimal, imei))
    swapped = bytes(int(digits[at + 1] + digits[at], 16) for at in range(0, 14, 2))
    capabilities = tlv(0xA1, *(tlv(tag, _RELEASE_15) for tag in (0x80, 0x81, 0x85, 0x89)))
    return tlv(0xA1, tlv(0x80, swapped[:4]), capabilities, tlv(0x82, swapped + bytes((int(digits[14] + "F", 16),))))


def _step(name: str, refusal: Refusal | None) -> OutcomeStep:
    return OutcomeStep(name=name, ok=refusal is None, text=refusal.because if refusal else "")


def _told(sent: Sent) -> OutcomeStep:
    text = f"{sent.sent} sent" + (f", {sent.waiting} wait for their server" if sent.waiting else "")
    return OutcomeStep(name="handleNotification", ok=not sent.waiting, text=text)


def _failed(error: DownloadError) -> Outcome:
    return Outcome(ok=False, refused=error.code, reason=error.reason, because=error.because, fix=error.fix)


def _sentence(error: Malformed) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
