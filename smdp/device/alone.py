"""A simulated device without a server that hosts it: the same device, for a script, with verbs that block."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, Unpack

from smdp import model
from smdp.clock import SystemClock
from smdp.device.create import Identity, new_device
from smdp.device.es9plus import Es9Client
from smdp.entropy import SystemEntropy
from smdp.errors import UsageError
from smdp.model import Outcome
from smdp.pki import load, tls
from smdp.pki.authority import Authority

T = TypeVar("T")


class Device:
    """A simulated Apple device in this process: it lives as long as the object, and keeps nothing open between calls.

    `trust` is the `ca` of the server that it shall trust, the public test PKI if left out; `eid` (32 digits) and the
    members of a device (`os`, `model`, `name`, …) are made up if left out. It goes by real time, resolves names
    as the system does (`*.localhost` is this machine), and has no network: for more, let a server host it
    (`Client.host_device`). Raises UsageError for numbers that no device has, PkiError if the PKI can't certify the EID.
    """

    def __init__(self, *, trust: Authority | None = None, eid: str | None = None, **identity: Unpack[Identity]) -> None:
        pki = load.public() if trust is None else trust.pki
        self._client = Es9Client(tls.client_context(pki.anchors))
        try:
            self._device = new_device(
                pki, client=self._client, clock=SystemClock(), entropy=SystemEntropy(), eid=eid, **identity
            )
        except ValueError as error:
            raise UsageError(f"{error}.") from None

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"Device(eid={self.eid!r})"

    @property
    def eid(self) -> str:
        """The EID, 32 digits."""
        return self._device.eid

    @property
    def esims(self) -> list[model.Esim]:
        """The profiles on it."""
        return self.show().esims

    def show(self) -> model.Device:
        """Return all of it as it is now."""
        return self._device.describe()

    def refresh(self, url: str) -> Outcome:
        """Do what iOS does on RefreshCellularPlans: ask the carrier's server at this URL for the EID's plan."""
        return self._do(lambda: self._device.refresh(url))

    def download(self, activation_code: str, *, confirmation_code: str | None = None) -> Outcome:
        """Download with an activation code (`LPA:1$…`)."""
        return self._do(lambda: self._device.download(activation_code, confirmation_code))

    def enable(self, iccid: str) -> Outcome:
        """Enable a profile; the enabled one is disabled."""
        return self._do(lambda: self._device.enable(iccid))

    def disable(self, iccid: str) -> Outcome:
        """Disable a profile."""
        return self._do(lambda: self._device.disable(iccid))

    def delete(self, iccid: str) -> Outcome:
        """Delete a profile."""
        return self._do(lambda: self._device.delete(iccid))

    def reset_esim(self) -> Outcome:
        """Delete all its profiles."""
        return self._do(self._device.reset_esim)

    def _do(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something on a loop of its own, which leaves no connection behind."""

        async def done() -> T:
            try:
                return await act()
            finally:
                await self._client.close()

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(done())
        because = "This device blocks, and would stop the event loop it is called on."
        raise UsageError(f"{because} Use AsyncClient.host_device there, or asyncio.to_thread.")
