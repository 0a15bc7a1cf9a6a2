"""One simulated device that the server hosts, as an object: what a test holds in its hands."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from smdp.client.managing import Action, Trigger
from smdp.client.polling import Polling
from smdp.client.words import Duration, duration
from smdp.errors import ApiError
from smdp.model import Attempted, Device, Erased, Esim, Outcome, Polled

if TYPE_CHECKING:
    from smdp.client.api import Client


class HostedDevice:
    """A device of a server; its numbers stay, the rest is asked for. Raises what the client raises."""

    def __init__(self, client: "Client", described: Device) -> None:
        self._client = client
        self.eid, self.udid, self.imei, self.serial = described.eid, described.udid, described.imei, described.serial

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"HostedDevice(eid={self.eid!r})"

    def show(self) -> Device:
        """Return all of it as it is now."""
        return self._client.device(self.eid)

    @property
    def esims(self) -> list[Esim]:
        """The profiles on it."""
        return self.show().esims

    def change(self, **options: Any) -> Device:
        """Change name, os, model, supervised or online."""
        return self._client.change_device(self.eid, **options)

    def refresh(self, url: str | None = None) -> Outcome:
        """Do what iOS does on RefreshCellularPlans; without a URL at the carrier where the device is at home."""
        return self._client.refresh(self.eid, url or self._client.esim_server_url)

    def download(self, activation_code: str, *, confirmation_code: str | None = None) -> Outcome:
        """Download with an activation code (`LPA:1$…`)."""
        return self._client.download(self.eid, activation_code, confirmation_code=confirmation_code)

    def enable(self, iccid: str) -> Device:
        """Enable a profile."""
        return self._client.switch_esim(self.eid, iccid, "enable")

    def disable(self, iccid: str) -> Device:
        """Disable a profile."""
        return self._client.switch_esim(self.eid, iccid, "disable")

    def delete(self, iccid: str) -> None:
        """Delete a profile."""
        self._client.delete_esim(self.eid, iccid)

    def reset_esim(self) -> Device:
        """Delete all its profiles."""
        return self._client.reset_esim(self.eid)

    # --- its MDM, and its holder

    def enroll(
        self,
        profile: bytes | Path | str,
        *,
        ca: str | Path | None = None,
        allow_http: bool = False,
        ade: bool = False,
    ) -> Device:
        """Enrol with an MDM: by the enrolment profile, its file, or its URL (a text); `ca` (PEM) is trusted too."""
        url, content = (profile, None) if isinstance(profile, str) else (None, profile)
        return self._client.enroll_device(self.eid, url=url, profile=content, mdm_ca=ca, allow_http=allow_http, ade=ade)

    def unenroll(self) -> None:
        """Remove the enrolment profile."""
        self._client.unenroll_device(self.eid)

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
            if error.reason not in ("not-enrolled", "device-unknown"):
                raise

    def poll(self) -> Polled:
        """Ask the MDM for commands once, and answer them."""
        return self._client.poll_device(self.eid)

    def user(self, action: Action, **options: Any) -> Attempted:
        """Let its holder try something: `user("transfer", to=eid)`, `user("wrong-passcode", times=11)`."""
        return self._client.user(self.eid, action, **options)

    def erase(self, by: Trigger) -> Erased:
        """Erase it by other means than the MDM's command: `erase("find-my")`."""
        return self._client.erase_device(self.eid, by)

    def service_subscriptions(self, os: str | None = None) -> list[dict[str, Any]]:
        """Return what DeviceInformation answers for ServiceSubscriptions: a row for each slot, with Apple's keys."""
        return self._client.service_subscriptions(self.eid, os)

    def notices(self) -> list[str]:
        """Return what its screen has shown."""
        return self._client.notices(self.eid)
