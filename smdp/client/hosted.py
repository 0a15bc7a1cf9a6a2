"""One simulated device that the server hosts, as an object: what a test holds in its hands."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from smdp.client.steps import Steps, fact, verb
from smdp.model import Device, Esim, Outcome

if TYPE_CHECKING:
    from smdp.client.api import Client, Verbs

T = TypeVar("T")


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


class HostedDevice(DeviceVerbs):
    """A device of a server; its numbers stay, the rest is asked for. Raises what the client raises."""

    _client: "Client"

    def run(self, steps: Callable[[], Steps[T]]) -> T:
        """Do what a verb consists of."""
        return self._client.run(steps)
