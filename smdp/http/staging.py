"""Scenarios with both their halves: the carrier's, and the device's if this server hosts it."""

import plistlib

from aiohttp import web

from smdp.carrier import scenarios
from smdp.carrier.errors import CONFLICT, CarrierError
from smdp.carrier.helpdesk import NOTICE, Helpdesk
from smdp.carrier.scenarios import DeviceHalf, Stage
from smdp.carrier.service import Service
from smdp.carrier.transactions import Written
from smdp.device.apple import effects, erase, user
from smdp.device.apple.restrictions import APPLICATION_ACCESS
from smdp.http.hosting import Hosted
from smdp.model import Outcome, Profile
from smdp.rsp.ids import ungrouped

_IDENTIFIER = "test.smdp.scenario"


class Theatre:
    """Puts carriers into scenarios, and devices with them."""

    def __init__(self, service: Service, hosted: Hosted) -> None:
        self._service, self._hosted = service, hosted
        self._stage, self._helpdesk = Stage(service), Helpdesk(service)

    async def apply(self, carrier: str, name: str, eid: str) -> Written:
        """Apply a scenario to a carrier and to the device of an EID. The value is a Scenario. Raises CarrierError.

        The device must be at home in that carrier, and online: otherwise nothing is done.
        """
        half, eid = scenarios.find(name).device, ungrouped(eid)
        here = half is not None and await self._is_ready(carrier, eid)
        applied = await self._stage.apply(carrier, name, eid)
        if half is not None and here:
            await self._perform(carrier, half, eid)
        elif half is not None:
            applied.value.left = f"This server hosts no device with this EID. Left to do on yours: {half}."
        return applied

    async def offer(self, carrier: str, iccid: str) -> Profile:
        """Tell the profile's device that it is ready to be installed; a device that is hosted here shows it."""
        profile = await self._helpdesk.offer(carrier, iccid)
        if profile.eid is not None and await self._hosted.notify(profile.eid, NOTICE):
            await self._helpdesk.shown(carrier, iccid, profile.eid)
        return profile

    async def _is_ready(self, carrier: str, eid: str) -> bool:
        if not await self._hosted.has(eid):
            return False
        device = await self._hosted.show(eid)
        if device.carrier != carrier:
            because = f"The device {eid} is at home in the carrier {device.carrier}, not in {carrier}."
            raise CarrierError("device-elsewhere", because, f"Apply it to {device.carrier}.", CONFLICT)
        if not device.online:
            because = f"The device {eid} has no network, and something happens to it in this scenario."
            raise CarrierError("device-offline", because, "Take it online first.", CONFLICT)
        return True

    async def _perform(self, carrier: str, half: DeviceHalf, eid: str) -> None:
        """Do the device's half, in the order of its members."""
        if half.refresh:
            await self._refresh(carrier, eid)
        if half.restrictions:
            async with self._hosted.managed(eid) as managed:
                await managed.install(_profile(half.restrictions))
        if half.offer:
            released = [
                one for one in (await self._service.eid_report(carrier, eid)).profiles if one.state == "released"
            ]
            await self.offer(carrier, released[0].iccid)
        if half.transfer:
            other = await self._hosted.create({"carrier": carrier, "name": "The next iPhone"})
            async with self._hosted.managed(eid) as managed:
                tried = await managed.attempt("transfer", user.Options(), to=other.eid)
            _check(tried.outcome or Outcome(ok=False, reason="transfer-refused", because=tried.attempt.because))
        if half.erase is not None:
            async with self._hosted.managed(eid) as managed:
                verdict = erase.decide("command", managed.phone(), preserve=half.erase == "keeping")
                await managed.erase_by(effects.Erase(erasure=verdict))

    async def _refresh(self, carrier: str, eid: str) -> None:
        url = (await self._service.carrier(carrier)).esim_server_url
        async with self._hosted.awake(eid) as device:
            _check(await self._hosted.explained(await device.refresh(url), url))


def _check(outcome: Outcome) -> None:
    if not outcome.ok:
        because = f"The carrier's half of the scenario is done, the device's is not: {outcome.because}"
        raise CarrierError(outcome.reason or "device-half", because, outcome.fix or "Reset the carrier.", CONFLICT)


def _profile(restrictions: dict[str, bool]) -> bytes:
    """Write a configuration profile that restricts."""
    shared = {"PayloadVersion": 1, "PayloadDisplayName": "Restrictions of the scenario"}
    access = shared | restrictions | {
        "PayloadType": APPLICATION_ACCESS,
        "PayloadIdentifier": f"{_IDENTIFIER}.restrictions",
        "PayloadUUID": "5D0C3A52-0000-4000-8000-000000000002",
    }  # fmt: skip
    profile = shared | {
        "PayloadType": "Configuration",
        "PayloadIdentifier": _IDENTIFIER,
        "PayloadUUID": "5D0C3A52-0000-4000-8000-000000000001",
        "PayloadContent": [access],
    }
    return plistlib.dumps(profile)


THEATRE = web.AppKey("theatre", Theatre)
