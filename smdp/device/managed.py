"""The device as its MDM, its holder and whoever erases it meet it: `apple` judges what they want, here it is done."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from msgspec import structs

from smdp import model
from smdp.device import apple
from smdp.device.apple import effects, erase, restrictions, user
from smdp.device.apple.facts import ConfigurationProfile, Phone
from smdp.device.apple.refresh import after_install
from smdp.device.apple.result import ErrorItem
from smdp.device.apple.subscriptions import service_subscriptions
from smdp.device.apple.versions import exists
from smdp.device.device import Device
from smdp.device.handset import Handset, phone_of
from smdp.device.mdm import declarations, loop
from smdp.device.mdm.channel import Channel
from smdp.device.mdm.checkin import Who, return_to_service, set_bootstrap_token
from smdp.device.mdm.enroll import World, enroll, fetch_profile, leave
from smdp.device.mdm.enrollment import Enrollment, check_replacement, host_of, read_anchors, read_enrollment, trusted_by
from smdp.device.mdm.failure import MdmError, mdm_failure
from smdp.device.mdm.profiles import read_profile
from smdp.device.trouble import Trouble
from smdp.model import Outcome

COMMAND, REFRESH = "mdmCommand", "refreshCellularPlans"
"""The steps at which faults of a device meet its MDM's commands."""
BOOTSTRAP_TOKEN = "com.apple.mdm.bootstraptoken"  # noqa: S105 - the name of a capability
_TOKEN_BYTES = 32
_log = logging.getLogger("smdp.device")


class Surroundings(NamedTuple):
    """What a managed device needs of whoever hosts it.

    `tell` notes an event; `background` runs what goes on behind a command's answer, also when nobody waits any more;
    `explained` puts the carrier's advice into an outcome; `home` names the eSIM server that offers the device plans;
    `transfer` moves the line of an ICCID to the device of an EID; `now` is the carrier's time.
    """

    world: World
    tell: loop.Tell
    background: Callable[[Coroutine[Any, Any, None]], None]
    explained: Callable[[Outcome, str], Awaitable[Outcome]]
    home: Callable[[], Awaitable[str]]
    transfer: Callable[[str, str], Awaitable[Outcome]]
    now: Callable[[], datetime]
    trouble: Trouble


class Managed:
    """A device in use, with its MDM client and its holder."""

    def __init__(self, device: Device, around: Surroundings) -> None:
        self.device = device
        self._around = around
        self._turn = asyncio.Lock()

    @property
    def _handset(self) -> Handset:
        return self.device.state.handset

    def phone(self) -> Phone:
        """Describe the device as it is at this moment."""
        return phone_of(self.device.state, self.device.esims(), busy=self.device.busy)

    def service_subscriptions(self, os: str | None = None) -> list[dict[str, Any]]:
        """Make the rows that DeviceInformation would answer, under another iOS if said."""
        phone = self.phone()
        return service_subscriptions(phone if os is None else structs.replace(phone, os=os))

    # --- enrolling and leaving

    async def enroll(
        self,
        profile: bytes | str,
        *,
        mdm_ca: bytes | None = None,
        allow_http: bool = False,
        ade: bool = False,
    ) -> None:
        """Install an enrolment profile, given as it is or by its URL; as ADE does if said here or of the device.

        Raises MdmError; nothing is left then.
        """
        ade = ade or self.device.state.enrollment_kind == "ade"
        async with self._turn:
            self._check_online()
            if (there := self._handset.enrollment) is not None:
                raise mdm_failure("already-enrolled", host=host_of(there.server_url))
            anchors = tuple(read_anchors(mdm_ca)) if mdm_ca else ()
            if isinstance(profile, str):
                world = self._around.world
                profile = await fetch_profile(profile, world, anchors=anchors, allow_http=allow_http)
            await self._enrolled(profile, anchors, allow_http=allow_http, ade=ade)

    async def _enrolled(self, data: bytes, anchors: tuple[bytes, ...], *, allow_http: bool, ade: bool) -> None:
        profile = read_profile(data, anchors=anchors, now=self._around.now())
        plan = read_enrollment(profile, allow_http=allow_http, ade=ade, anchors=anchors)
        if self.device.state.enrollment_kind == "user" and plan.enrollment.kind != "user":
            raise mdm_failure("not-user-enrollment")
        enrollment = await enroll(
            plan, self._who(), self._around.world, tell=self._around.tell, awaiting_configuration=ade
        )
        self._take_in(profile)
        handset = self._handset
        handset.enrollment, handset.awaiting_configuration = enrollment, ade
        handset.profiles = (*(one for one in handset.profiles if one.identifier != profile.identifier), profile)
        if ade:
            self.device.state.ade_profile = data
        await self.device.save(self.device)
        await self._escrow(enrollment)

    async def _escrow(self, enrollment: Enrollment) -> None:
        """Give the MDM a bootstrap token, for a return to service with apps (iOS 26, supervised), if it takes one."""
        supported = self.device.state.supervised and exists("check-in", "SetBootstrapToken", self.device.state.os)
        if not supported or BOOTSTRAP_TOKEN not in enrollment.server_capabilities:
            return
        try:
            async with self._talking(enrollment) as channel:
                await set_bootstrap_token(channel, self._who(), self._around.world.entropy.take(_TOKEN_BYTES))
        except MdmError as error:
            await self._around.tell("mdm.error", _facts(error))

    async def unenroll(self) -> None:
        """Have the holder remove the enrolment profile: the MDM is told if the profile says so. Raises MdmError."""
        async with self._turn:
            await self._leave(apple.profiles.after_unenrolment(self.phone()))

    async def _leave(self, profiles: tuple[ConfigurationProfile, ...]) -> None:
        enrollment = self._enrollment()
        self._handset.profiles = profiles
        if self.device.state.online:
            async with self._talking(enrollment) as channel:
                if problem := await leave(channel, self._who()):
                    await self._around.tell("mdm.error", _facts(problem))
        await self._forget_enrollment()

    async def _forget_enrollment(self) -> None:
        self._handset.enrollment, self._handset.awaiting_configuration = None, False
        await self.device.save(self.device)

    async def install(self, data: bytes) -> None:
        """Have the holder, or Apple Configurator, install a configuration profile. Raises MdmError."""
        async with self._turn:
            profile = read_profile(data, now=self._around.now())
            profile.managed = False
            self._take_in(profile)
            handset = self._handset
            handset.profiles = (*(one for one in handset.profiles if one.identifier != profile.identifier), profile)
            await self.device.save(self.device)

    # --- commands

    async def poll(self) -> loop.Polled:
        """Ask the MDM for commands and answer them until there are none. Raises MdmError if there is no asking.

        What the server, or the way to it, does is in the answer.
        """
        async with self._turn:
            self._check_online()
            enrollment = self._enrollment()
            async with self._talking(enrollment) as channel:
                try:
                    polled = await loop.poll(channel, self._who(), partial(self._answer, channel), self._around.tell)
                finally:
                    await self.device.save(self.device)
            if polled.error is not None and polled.error.unenrols and self._handset.enrollment is enrollment:
                self._handset.profiles = apple.profiles.after_unenrolment(self.phone())
                await self._forget_enrollment()
            return polled

    async def _answer(self, channel: Channel, command: loop.Command) -> loop.Result:
        phone = self.phone()
        faults = await self._faults(command.request_type)
        result = apple.answer(command.request, phone, read=partial(self._read, channel.enrollment), faults=faults)
        effect = result.effect
        if isinstance(effect, effects.Refresh) and effect.on_install:
            outcome = await self._refreshed(effect.url)
            result = after_install(self.phone(), installed=outcome.ok)
        elif isinstance(effect, effects.ENDS_POLL):
            return loop.Result(result.status, result.body, result.errors, partial(self._finish, effect))
        elif effect is not None:
            await self._do(channel, effect)
            await self.device.save(self.device)  # before the MDM hears that it is done
        return loop.Result(result.status, result.body, result.errors)

    async def _faults(self, request_type: str) -> set[str]:
        """Fire the faults that meet a command: those that put it off are for the commands that may be put off."""
        known = apple.commands.COMMANDS.get(request_type)
        found = list[model.Fault]()
        if known is not None and not known.never_not_now:
            found += await self._around.trouble(COMMAND, None, None)
        if request_type == "RefreshCellularPlans":
            found += await self._around.trouble(REFRESH, None, None)
        return {fault.do for fault in found}

    def _read(self, enrollment: Enrollment, data: bytes) -> ConfigurationProfile | ErrorItem:
        """Read the profile of InstallProfile; an enrolment profile may replace the one that is there."""
        try:
            profile = read_profile(data, anchors=enrollment.anchors, now=self._around.now())
            if profile.payloads_of("com.apple.mdm"):
                ade = enrollment.kind == "ade"
                plan = read_enrollment(profile, allow_http=enrollment.allow_http, ade=ade)
                check_replacement(enrollment, plan.enrollment)
            trusted_by(profile)
        except MdmError as error:
            return error.item
        return profile

    async def _do(self, channel: Channel, effect: effects.Effect) -> None:
        """Carry out what a command wants and what doesn't end the conversation."""
        handset, state = self._handset, self.device.state
        match effect:
            case effects.Refresh(url):
                self.device.accept(url)
                self._around.background(self.resume())
            case effects.InstallProfile(profile):
                handset.profiles = effect.profiles
                self._take_in(profile)
                channel.enrollment.anchors = [*dict.fromkeys((*channel.enrollment.anchors, *trusted_by(profile)))]
                self._update(channel.enrollment, profile)
            case effects.RemoveProfile():
                handset.profiles = effect.profiles
            case effects.Lock(message, number):
                if text := " ".join(part for part in (message, number) if part):
                    await self._notice(text)
            case effects.ClearPasscode():
                handset.passcode = structs.replace(handset.passcode, present=False, failed_attempts=0)
            case effects.ChangeSettings(changes):
                state.name = changes.get("name", state.name)
                handset.settings = structs.replace(
                    handset.settings, **{name: value for name, value in changes.items() if name != "name"}
                )
            case effects.FinishSetup():
                handset.awaiting_configuration = False
            case effects.Declarative():
                passcode = {"passcode.is-present": handset.passcode.present, "passcode.is-compliant": True}
                await declarations.synchronize(channel, self._who(), passcode)
            case _:
                raise AssertionError(effect)

    def _take_in(self, profile: ConfigurationProfile) -> None:
        """Say in the log what of a profile means nothing to this device."""
        for hint in restrictions.hints(profile, self.phone()):
            _log.warning("profile %s: %s", profile.identifier, hint)

    def _update(self, enrollment: Enrollment, profile: ConfigurationProfile) -> None:
        """Take over what an enrolment profile that replaces the one before may change; the identity stays."""
        if profile.payloads_of("com.apple.mdm"):
            ade = enrollment.kind == "ade"
            fresh = read_enrollment(profile, allow_http=enrollment.allow_http, ade=ade).enrollment
            for name in ("access_rights", "sign_message", "check_out_when_removed", "organization", "profile_uuid"):
                setattr(enrollment, name, getattr(fresh, name))

    async def _finish(self, effect: effects.Effect) -> None:
        """Carry out what ends the conversation, once the MDM was answered."""
        match effect:
            case effects.Erase():
                await self._erase(effect)
            case effects.Unenroll(profiles):
                await self._leave(profiles)
            case effects.ShutDown():
                self.device.state.online = False
                await self.device.save(self.device)

    # --- plans

    async def _refreshed(self, url: str) -> Outcome:
        return await self._told(await self._around.explained(await self.device.refresh(url), url), url)

    async def _told(self, outcome: Outcome, url: str) -> Outcome:
        """Tell the holder, and the timeline, if a download came to nothing."""
        if not outcome.ok:
            why = {"reason": outcome.reason, "because": outcome.because, "fix": outcome.fix, "url": url[:200]}
            await self._notice(user.NOTICES["cannot-add"].text, session=outcome.session, **why)
        return outcome

    async def resume(self) -> None:
        """Do what was accepted and is not over: nobody waits for it, so its holder is told, and so is the timeline.

        A stop of the host interrupts it, erasing the device ends it.
        """
        left = self.device.state.download
        if left is not None and (outcome := await self.device.resume()) is not None:
            url = f"https://{left.order.address}"
            await self._told(await self._around.explained(outcome, url), url)

    async def _notice(self, text: str, **facts: object) -> None:
        """Show the holder something."""
        self.device.notice(text)
        told = {name: value for name, value in facts.items() if value is not None}
        await self._around.tell("user.notice", {"text": text, **told})
        await self.device.save(self.device)

    # --- the holder

    async def attempt(
        self, action: user.Action, options: user.Options, *, to: str | None = None, code: str | None = None
    ) -> "Tried":
        """Have the holder try something; what is allowed is done. Raises ValueError for impossible times.

        `to` is the EID of the device that a line moves to, `code` the activation code of an eSIM to add; without one
        the plan is added that the carrier offers.
        """
        async with self._turn:
            options = options._replace(offered=user.READY in self.device.state.notices)
            attempt = user.attempt(action, self.phone(), options)
            if attempt.blocked_by is not None:
                block = attempt.blocked_by
                facts = {"action": action, "key": block.key, "profile": block.profile_name}
                await self._around.tell("restriction.blocked", facts | {"because": attempt.because})
            if attempt.effect is None:
                return Tried(attempt)
            return await self._try(attempt, attempt.effect, to, code)

    async def _try(self, attempt: user.Attempt, effect: effects.Effect, to: str | None, code: str | None) -> "Tried":
        match effect:
            case effects.FailPasscode(failures):
                passcode = self._handset.passcode
                self._handset.passcode = structs.replace(passcode, failed_attempts=failures)
                await self.device.save(self.device)
                return Tried(attempt)
            case effects.Erase():
                return Tried(attempt, erased=await self._erase(effect))
            case effects.AddEsim():
                if code is None:
                    return Tried(attempt, outcome=await self._refreshed(await self._around.home()))
                return Tried(attempt, outcome=await self.device.download(code))
            case effects.RemoveEsim(iccid):
                return Tried(attempt, outcome=await self.device.delete(iccid))
            case effects.Transfer(iccid):
                outcome = await self._around.transfer(iccid, to or "")
                if outcome.ok:
                    await self.device.delete(iccid)
                return Tried(attempt, outcome=outcome)
            case _:
                raise AssertionError(effect)

    # --- erasing

    async def erase(self, trigger: effects.Trigger) -> "Erased":
        """Erase the device in another way than its MDM or its holder do. Raises MdmError."""
        async with self._turn:
            if trigger == "find-my":
                self._check_online()
            if trigger == "return-to-service":
                return await self._erase(await self._asked_to_return())
            return await self._erase(effects.Erase(erasure=erase.decide(trigger, self.phone())))

    async def erase_by(self, effect: effects.Erase) -> "Erased":
        """Erase the device as was decided."""
        async with self._turn:
            return await self._erase(effect)

    async def _asked_to_return(self) -> effects.Erase:
        """Ask the MDM how to return to service. Raises MdmError."""
        if problem := erase.check_in_problem(self.phone()):
            raise mdm_failure("no-return-to-service", problem=problem[:1].upper() + problem[1:])
        self._check_online()
        async with self._talking(self._enrollment()) as channel:
            given = await return_to_service(channel, self._who())
        found = erase.by_check_in(self.phone(), preserve=given.preserve_data_plan, options=given.return_to_service)
        if isinstance(found, ErrorItem):
            raise mdm_failure("no-return-to-service", problem=found.text.rstrip("."))
        return found

    async def _erase(self, effect: effects.Erase) -> "Erased":
        """Erase everything but what the verdict keeps, tell it, and return to service if that is wanted."""
        erasure, state = effect.erasure, self.device.state
        if not erasure.offered:
            return Erased(erasure, [], self._handset.enrollment is not None)
        iccids, before = [esim.iccid for esim in self.device.esims()], self._handset.enrollment
        state.handset, state.download = Handset(), None
        state.notices.clear()
        if not erasure.kept:
            await self.device.reset_esim()
        await self.device.save(self.device)
        facts = {"by": erasure.trigger, "because": erasure.because, "evidence": erasure.evidence, "iccids": iccids}
        await self._around.tell("erase.kept" if erasure.kept else "erase.removed", facts)
        if effect.return_to_service is not None and effect.return_to_service.works:
            await self._come_back(effect.return_to_service, before)
        return Erased(erasure, iccids, state.handset.enrollment is not None)

    async def _come_back(self, how: effects.ReturnToService, before: Enrollment | None) -> None:
        """Enrol again by itself, with the profile that came along or the one of Automated Device Enrollment.

        What was trusted on the command line stays trusted: it stands for the network the device is in.
        """
        ade_profile = self.device.state.ade_profile
        data, ade = (how.mdm_profile, False) if how.mdm_profile is not None else (ade_profile, True)
        if data is None or before is None or not self.device.state.online:
            return
        try:
            await self._enrolled(data, tuple(before.anchors), allow_http=before.allow_http, ade=ade)
        except MdmError as error:
            await self._around.tell("mdm.error", _facts(error))

    # --- what all of it needs

    def _check_online(self) -> None:
        if not self.device.state.online:
            raise mdm_failure("device-offline")

    def _enrollment(self) -> Enrollment:
        enrollment = self._handset.enrollment
        if enrollment is None:
            raise mdm_failure("not-enrolled")
        return enrollment

    @asynccontextmanager
    async def _talking(self, enrollment: Enrollment) -> AsyncIterator[Channel]:
        world = self._around.world
        channel = Channel(enrollment, os=self.device.state.os, resolve=world.resolve, within=world.within)
        try:
            yield channel
        finally:
            await channel.close()

    def _who(self) -> Who:
        phone = self.phone()
        imei = self.device.state.imei if phone.cellular else None
        return Who(phone.udid, phone.serial, imei, phone.os, phone.build, phone.model, phone.meid or None)


class Erased(NamedTuple):
    """What became of an erasure: the verdict, the eSIMs that were there, whether the device is enrolled now."""

    erasure: effects.Erasure
    iccids: list[str]
    enrolled: bool


class Tried(NamedTuple):
    """What became of an attempt: whether it was allowed, and what doing it came to."""

    attempt: user.Attempt
    outcome: Outcome | None = None
    erased: Erased | None = None


def _facts(error: MdmError) -> dict[str, Any]:
    return {"reason": error.reason, "because": error.because, "fix": error.fix, "unenrolled": error.unenrols}
