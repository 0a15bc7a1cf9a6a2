"""One simulated device that the server hosts, as an object: what a test holds in its hands."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from smdp.client.managing import Action, Trigger
from smdp.client.polling import Polling
from smdp.client.steps import Steps, fact, verb
from smdp.client.words import Duration, duration
from smdp.errors import ApiError
from smdp.model import Attempted, Device, Erased, Esim, Outcome, Polled

if TYPE_CHECKING:
    from smdp.client.api import Client, Verbs

T = TypeVar("T")

LEFT_BEFORE = ("not-enrolled", "device-unknown")
"""Refusals of an un-enrolment that say that there is nothing to leave any more."""


class DeviceVerbs:
    """A device of a server: what can be done with it, written once for both clients."""

    def __init__(self, client: "Verbs", described: Device) -> None:
        self._client, self._verbs = client, type(client)
        self.eid, self.udid, self.imei, self.serial = described.eid, described.udid, described.imei, described.serial

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"{type(self).__name__}(eid={self.eid!r})"

    @verb
    def show(self) -> Steps[Device]:
        """Return all of it as it is now."""
        return self._verbs.device.steps(self._client, self.eid)

    @fact
    def esims(self) -> Steps[list[Esim]]:
        """The profiles on it."""
        return (yield from DeviceVerbs.show.steps(self)).esims

    @verb
    def change(self, /, **options: Any) -> Steps[Device]:
        """Change name, os, model, supervised or online."""
        return self._verbs.change_device.steps(self._client, self.eid, **options)

    @verb
    def refresh(self, url: str | None = None) -> Steps[Outcome]:
        """Do what iOS does on RefreshCellularPlans; without a URL at the carrier where the device is at home."""
        url = url or (yield from self._verbs.esim_server_url.steps(self._client))
        return (yield from self._verbs.refresh.steps(self._client, self.eid, url))

    @verb
    def download(self, activation_code: str, *, confirmation_code: str | None = None) -> Steps[Outcome]:
        """Download with an activation code (`LPA:1$…`)."""
        return self._verbs.download.steps(self._client, self.eid, activation_code, confirmation_code=confirmation_code)

    @verb
    def enable(self, iccid: str) -> Steps[Device]:
        """Enable a profile."""
        return self._verbs.switch_esim.steps(self._client, self.eid, iccid, "enable")

    @verb
    def disable(self, iccid: str) -> Steps[Device]:
        """Disable a profile."""
        return self._verbs.switch_esim.steps(self._client, self.eid, iccid, "disable")

    @verb
    def delete(self, iccid: str) -> Steps[None]:
        """Delete a profile."""
        return self._verbs.delete_esim.steps(self._client, self.eid, iccid)

    @verb
    def reset_esim(self) -> Steps[Device]:
        """Delete all its profiles."""
        return self._verbs.reset_esim.steps(self._client, self.eid)

    # --- its MDM, and its holder

    @verb
    def enroll(
        self,
        profile: bytes | Path | str,
        *,
        ca: str | Path | None = None,
        allow_http: bool = False,
        ade: bool = False,
    ) -> Steps[Device]:
        """Enrol with an MDM: by the enrolment profile, its file, or its URL (a text); `ca` (PEM) is trusted too."""
        url, content = (profile, None) if isinstance(profile, str) else (None, profile)
        return self._verbs.enroll_device.steps(
            self._client, self.eid, url=url, profile=content, mdm_ca=ca, allow_http=allow_http, ade=ade
        )

    @verb
    def unenroll(self) -> Steps[None]:
        """Remove the enrolment profile."""
        return self._verbs.unenroll_device.steps(self._client, self.eid)

    @verb
    def poll(self) -> Steps[Polled]:
        """Ask the MDM for commands once, and answer them."""
        return self._verbs.poll_device.steps(self._client, self.eid)

    @verb
    def user(self, action: Action, /, **options: Any) -> Steps[Attempted]:
        """Let its holder try something: `user("transfer", to=eid)`, `user("wrong-passcode", times=11)`."""
        return self._verbs.user.steps(self._client, self.eid, action, **options)

    @verb
    def erase(self, by: Trigger) -> Steps[Erased]:
        """Erase it by other means than the MDM's command: `erase("find-my")`."""
        return self._verbs.erase_device.steps(self._client, self.eid, by)

    @verb
    def service_subscriptions(self, os: str | None = None) -> Steps[list[dict[str, Any]]]:
        """Return what DeviceInformation answers for ServiceSubscriptions: a row for each slot, with Apple's keys."""
        return self._verbs.service_subscriptions.steps(self._client, self.eid, os)

    @verb
    def notices(self) -> Steps[list[str]]:
        """Return what its screen has shown."""
        return self._verbs.notices.steps(self._client, self.eid)


class HostedDevice(DeviceVerbs):
    """A device of a server; its numbers stay, the rest is asked for. Raises what the client raises."""

    _client: "Client"

    def run(self, steps: Callable[[], Steps[T]]) -> T:
        """Do what a verb consists of."""
        return self._client.run(steps)

    @contextlib.contextmanager
    def enrolled(
        self,
        profile: bytes | Path | str,
        *,
        ca: str | Path | None = None,
        allow_http: bool = False,
        ade: bool = False,
        every: Duration | None = None,
    ) -> Iterator[Self]:
        """Be enrolled, and answer the MDM's commands while the block runs; un-enrolled afterwards.

        The device polls in a thread: by default every 0.1 s, less often (up to every second) while nothing comes. It
        waits while it is offline, not enrolled any more, or the server away. Raises what `enroll` raises, and at the
        end of the block what the server refused otherwise.
        """
        self.enroll(profile, ca=ca, allow_http=allow_http, ade=ade)
        try:
            with Polling(self.poll, None if every is None else duration(every).total_seconds()):
                yield self
        finally:
            self._leave()

    def _leave(self) -> None:
        """Un-enrol, unless something has done so before: the MDM, an erasure, or whoever deleted the device."""
        try:
            self.unenroll()
        except ApiError as error:
            if error.reason not in LEFT_BEFORE:
                raise
