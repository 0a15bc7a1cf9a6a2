"""The control API as Python calls: `Client("http://127.0.0.1:8080", carrier="acme").issue(eid)`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from smdp.client.control import Control
from smdp.client.hosted import HostedDevice
from smdp.client.keeping import Keeping
from smdp.client.managing import Managing
from smdp.client.networking import Networking
from smdp.client.transport import Transport
from smdp.client.watching import Watching
from smdp.client.words import duration, given, join
from smdp.durations import format_duration
from smdp.model import (
    Activation,
    ActivationState,
    Carrier,
    Device,
    EidReport,
    Outcome,
    Plan,
    Profile,
)

_DOWNLOAD_SECONDS = 120.0


class Client(Control, Keeping, Managing, Networking, Watching):
    """A carrier of a running server, over the control API.

    `url` is where the control API listens, `carrier` the namespace the calls are about (made by the first write that
    names it), `token` the bearer token if the server wants one, `timeout` seconds for each call. Raises
    ServerUnreachable and ApiError.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        *,
        carrier: str = "default",
        token: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.carrier = carrier
        self.last_event = None
        self._transport = Transport(url, token, timeout)

    @property
    def url(self) -> str:
        """Where the control API is."""
        return self._transport.url

    def __repr__(self) -> str:
        """Show where it leads, not the token."""
        return f"Client({self.url!r}, carrier={self.carrier!r})"

    def on(self, carrier: str) -> "Client":
        """Return a client for another carrier of the same server."""
        return Client(self.url, carrier=carrier, token=self._transport.token, timeout=self._transport.timeout)

    # --- the server

    def about(self) -> dict[str, Any]:
        """Return the server's version, addresses, CA fingerprint, permitted names and carriers."""
        return self._transport.call("GET", "/api/v1", into=dict[str, Any])

    def live(self) -> bool:
        """Say whether the server runs."""
        return self._transport.healthy("/livez")

    def ready(self) -> bool:
        """Say whether the server is ready to answer devices."""
        return self._transport.healthy("/readyz")

    def ca_pem(self) -> str:
        """Return the certificates that a device's TLS and eUICC have to trust, as PEM."""
        return self._transport.fetch("GET", "/ca.pem").decode("utf-8", "replace")

    # --- carriers and plans

    def carriers(self) -> list[Carrier]:
        """Return the server's carriers."""
        return list(self._transport.every("/api/v1/carriers", Carrier))

    def create_carrier(self, name: str | None = None, **settings: Any) -> "Client":
        """Make a fresh carrier, with a generated name if none is given, and return a client for it."""
        body = settings if name is None else {"name": name, **settings}
        return self.on(self._transport.call("POST", "/api/v1/carriers", body, into=Carrier).name)

    def show_carrier(self) -> Carrier:
        """Return this carrier's settings."""
        return self._transport.call("GET", self._path(), into=Carrier)

    def change_carrier(self, **settings: Any) -> Carrier:
        """Change some of this carrier's settings."""
        return self._transport.call("PATCH", self._path(), settings, into=Carrier)

    def delete_carrier(self) -> None:
        """Delete this carrier with all that is in it."""
        self._transport.fetch("DELETE", self._path())

    @property
    def esim_server_url(self) -> str:
        """What an MDM puts into RefreshCellularPlans as eSIMServerURL."""
        return self.show_carrier().esim_server_url

    def plans(self) -> list[Plan]:
        """Return the plans."""
        return list(self._transport.every(self._path("plans"), Plan))

    def plan(self, name: str) -> Plan:
        """Return one plan."""
        return self._transport.call("GET", self._path("plans", name), into=Plan)

    def create_plan(self, name: str, **settings: Any) -> Plan:
        """Make a plan."""
        return self._transport.call("POST", self._path("plans"), {"name": name, **settings}, into=Plan)

    def change_plan(self, name: str, **settings: Any) -> Plan:
        """Change some of a plan's settings, for profiles issued from now on."""
        return self._transport.call("PATCH", self._path("plans", name), settings, into=Plan)

    def delete_plan(self, name: str) -> None:
        """Delete a plan."""
        self._transport.fetch("DELETE", self._path("plans", name))

    # --- profiles

    def issue(self, eid: str | None = None, **order: Any) -> Profile:
        """Issue one profile, for an EID (32 digits) or for whoever comes first.

        `order` may hold plan, iccid, imei, matching_id, confirmation_code, expires (a duration), hold.
        """
        return self._transport.call("POST", self._path("profiles"), _order({"eid": eid, **order}), into=Profile)

    def issue_many(self, orders: Sequence[Mapping[str, Any]]) -> list[Profile]:
        """Issue a profile per order, all or none; each holds what `issue` takes."""
        body = [_order(order) for order in orders]
        return self._transport.post_list(self._path("profiles"), body, Profile)

    def issue_count(self, count: int, **order: Any) -> list[Profile]:
        """Issue this many equal profiles without EID."""
        return self._transport.post_list(self._path("profiles"), {"count": count, **_order(order)}, Profile)

    def profiles(self, **filters: str | None) -> list[Profile]:
        """Return the profiles, all or by eid, state, activation, plan and q (part of any number)."""
        return list(self._transport.every(self._path("profiles"), Profile, query=filters))

    def profile(self, iccid: str, *, credentials: bool = False) -> Profile:
        """Return one profile, with its keys and PINs if asked for."""
        query = {"include": "credentials" if credentials else None}
        return self._transport.call("GET", self._path("profiles", iccid), into=Profile, query=query)

    def change_profile(self, iccid: str, **settings: Any) -> Profile:
        """Correct an order that nobody got yet: eid, imei, expires, expires_at, confirmation_code; None takes away."""
        return self._transport.call("PATCH", self._path("profiles", iccid), settings, into=Profile)

    def hold(self, iccid: str) -> Profile:
        """Keep a released profile back."""
        return self._transport.call("POST", self._path("profiles", iccid, "hold"), into=Profile)

    def release(self, iccid: str) -> Profile:
        """Let a profile be downloaded that was held."""
        return self._transport.call("POST", self._path("profiles", iccid, "release"), into=Profile)

    def revoke(self, iccid: str) -> None:
        """End a profile's order: nobody gets it any more."""
        self._transport.fetch("DELETE", self._path("profiles", iccid))

    def activation(self, iccid: str) -> Activation:
        """Return whether a profile's plan works, and why not."""
        return self._transport.call("GET", self._path("profiles", iccid, "activation"), into=Activation)

    def set_activation(self, iccid: str, state: ActivationState, reason: str | None = None) -> Activation:
        """Force the state of a profile's plan."""
        body = {"state": state, "reason": reason}
        return self._transport.call("PUT", self._path("profiles", iccid, "activation"), body, into=Activation)

    def why(self, eid: str) -> EidReport:
        """Return what an EID has, what it would get now, and why."""
        return self._transport.call("GET", self._path("eids", eid), into=EidReport)

    # --- devices

    def create_device(self, **options: Any) -> Device:
        """Make a simulated device at home in this carrier; options are members of the resource, such as os, model."""
        return self._transport.call("POST", "/api/v1/devices", given({"carrier": self.carrier, **options}), into=Device)

    def host_device(self, **options: Any) -> HostedDevice:
        """Make a simulated device as `create_device` does, and return it as an object with verbs."""
        return HostedDevice(self, self.create_device(**options))

    def devices(self) -> list[Device]:
        """Return the simulated devices whose home is this carrier."""
        return list(self._transport.every("/api/v1/devices", Device, query={"carrier": self.carrier}))

    def device(self, eid: str) -> Device:
        """Return one simulated device."""
        return self._transport.call("GET", join("/api/v1/devices", eid), into=Device)

    def delete_device(self, eid: str) -> None:
        """Throw a simulated device away."""
        self._transport.fetch("DELETE", join("/api/v1/devices", eid))

    def refresh(self, eid: str, url: str) -> Outcome:
        """Let a device ask an SM-DP+ for its plan, as iOS does on RefreshCellularPlans."""
        path = join("/api/v1/devices", eid, "refresh")
        return self._transport.call("POST", path, {"url": url}, into=Outcome, timeout=_DOWNLOAD_SECONDS)

    def download(self, eid: str, activation_code: str, *, confirmation_code: str | None = None) -> Outcome:
        """Let a device download with an activation code (`LPA:1$…`)."""
        body = given({"activation_code": activation_code, "confirmation_code": confirmation_code})
        path = join("/api/v1/devices", eid, "download")
        return self._transport.call("POST", path, body, into=Outcome, timeout=_DOWNLOAD_SECONDS)

    def switch_esim(self, eid: str, iccid: str, to: Literal["enable", "disable"]) -> Device:
        """Enable or disable a profile on a device."""
        return self._transport.call("POST", join("/api/v1/devices", eid, "esims", iccid, to), into=Device)

    def delete_esim(self, eid: str, iccid: str) -> None:
        """Delete a profile from a device."""
        self._transport.fetch("DELETE", join("/api/v1/devices", eid, "esims", iccid))


def _order(members: Mapping[str, Any]) -> dict[str, Any]:
    """Make the body of an order."""
    order = given(members)
    if "expires" in order:
        order["expires"] = format_duration(duration(order["expires"]))
    return order
