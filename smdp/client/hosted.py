"""One simulated device that the server hosts, as an object: what a test holds in its hands."""

from typing import TYPE_CHECKING, Any

from smdp.model import Device, Esim, Outcome

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
