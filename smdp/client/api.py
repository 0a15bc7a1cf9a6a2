"""The control API as Python calls: `Client("http://127.0.0.1:8080", carrier="acme").issue(eid)`."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self, TypeVar

from smdp.client.control import Control
from smdp.client.hosted import HostedDevice
from smdp.client.keeping import Keeping
from smdp.client.managing import Managing
from smdp.client.networking import Networking
from smdp.client.steps import Steps, call, decode, every, fact, fetch, healthy, post_list, tell, verb
from smdp.client.transport import Transport
from smdp.client.watching import RECONNECT_SECONDS, Watching
from smdp.client.wire import Wire
from smdp.client.words import duration, given, join
from smdp.durations import format_duration
from smdp.model import (
    Activation,
    ActivationState,
    Carrier,
    Device,
    EidReport,
    Event,
    Outcome,
    Plan,
    Profile,
)

T = TypeVar("T")

_DOWNLOAD_SECONDS = 120.0


class Verbs(Control, Keeping, Managing, Networking, Watching):
    """A carrier of a running server: what can be done with it, written once for both clients."""

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
        self.wire = self._wire(url, token, timeout)

    _wire = Wire
    """How it is spoken to."""

    @property
    def url(self) -> str:
        """Where the control API is."""
        return self.wire.url

    def __repr__(self) -> str:
        """Show where it leads, not the token."""
        return f"{type(self).__name__}({self.url!r}, carrier={self.carrier!r})"

    def on(self, carrier: str) -> Self:
        """Return a client for another carrier of the same server."""
        return type(self)(self.url, carrier=carrier, token=self.wire.token, timeout=self.wire.timeout)

    # --- the server

    @verb
    def about(self) -> Steps[dict[str, Any]]:
        """Return the server's version, addresses, CA fingerprint, permitted names and carriers."""
        return call("GET", "/api/v1", into=dict[str, Any])

    @verb
    def live(self) -> Steps[bool]:
        """Say whether the server runs."""
        return healthy("/livez")

    @verb
    def ready(self) -> Steps[bool]:
        """Say whether the server is ready to answer devices."""
        return healthy("/readyz")

    @verb
    def ca_pem(self) -> Steps[str]:
        """Return the certificates that a device's TLS and eUICC have to trust, as PEM."""
        return (yield from fetch("GET", "/ca.pem")).decode("utf-8", "replace")

    # --- carriers and plans

    @verb
    def carriers(self) -> Steps[list[Carrier]]:
        """Return the server's carriers."""
        return every("/api/v1/carriers", Carrier)

    def _create(self, name: str | None, settings: Mapping[str, Any]) -> Steps[Carrier]:
        body = settings if name is None else {"name": name, **settings}
        return call("POST", "/api/v1/carriers", body, into=Carrier)

    @verb
    def show_carrier(self) -> Steps[Carrier]:
        """Return this carrier's settings."""
        return call("GET", self._path(), into=Carrier)

    @verb
    def change_carrier(self, /, **settings: Any) -> Steps[Carrier]:
        """Change some of this carrier's settings."""
        return call("PATCH", self._path(), settings, into=Carrier)

    @verb
    def delete_carrier(self) -> Steps[None]:
        """Delete this carrier with all that is in it."""
        return tell("DELETE", self._path())

    @fact
    def esim_server_url(self) -> Steps[str]:
        """What an MDM puts into RefreshCellularPlans as eSIMServerURL."""
        return (yield from Verbs.show_carrier.steps(self)).esim_server_url

    @verb
    def plans(self) -> Steps[list[Plan]]:
        """Return the plans."""
        return every(self._path("plans"), Plan)

    @verb
    def plan(self, name: str) -> Steps[Plan]:
        """Return one plan."""
        return call("GET", self._path("plans", name), into=Plan)

    @verb
    def create_plan(self, /, name: str, **settings: Any) -> Steps[Plan]:
        """Make a plan."""
        return call("POST", self._path("plans"), {"name": name, **settings}, into=Plan)

    @verb
    def change_plan(self, /, name: str, **settings: Any) -> Steps[Plan]:
        """Change some of a plan's settings, for profiles issued from now on."""
        return call("PATCH", self._path("plans", name), settings, into=Plan)

    @verb
    def delete_plan(self, name: str) -> Steps[None]:
        """Delete a plan."""
        return tell("DELETE", self._path("plans", name))

    # --- profiles

    @verb
    def issue(self, /, eid: str | None = None, **order: Any) -> Steps[Profile]:
        """Issue one profile, for an EID (32 digits) or for whoever comes first.

        `order` may hold plan, iccid, imei, matching_id, confirmation_code, expires (a duration), hold.
        """
        return call("POST", self._path("profiles"), _order({"eid": eid, **order}), into=Profile)

    @verb
    def issue_many(self, orders: Sequence[Mapping[str, Any]]) -> Steps[list[Profile]]:
        """Issue a profile per order, all or none; each holds what `issue` takes."""
        body = [_order(order) for order in orders]
        return post_list(self._path("profiles"), body, Profile)

    @verb
    def issue_count(self, /, count: int, **order: Any) -> Steps[list[Profile]]:
        """Issue this many equal profiles without EID."""
        return post_list(self._path("profiles"), {"count": count, **_order(order)}, Profile)

    @verb
    def profiles(self, /, **filters: str | None) -> Steps[list[Profile]]:
        """Return the profiles, all or by eid, state, activation, plan and q (part of any number)."""
        return every(self._path("profiles"), Profile, query=filters)

    @verb
    def profile(self, iccid: str, *, credentials: bool = False) -> Steps[Profile]:
        """Return one profile, with its keys and PINs if asked for."""
        query = {"include": "credentials" if credentials else None}
        return call("GET", self._path("profiles", iccid), into=Profile, query=query)

    @verb
    def change_profile(self, /, iccid: str, **settings: Any) -> Steps[Profile]:
        """Correct an order that nobody got yet: eid, imei, expires, expires_at, confirmation_code; None takes away."""
        return call("PATCH", self._path("profiles", iccid), settings, into=Profile)

    @verb
    def hold(self, iccid: str) -> Steps[Profile]:
        """Keep a released profile back."""
        return call("POST", self._path("profiles", iccid, "hold"), into=Profile)

    @verb
    def release(self, iccid: str) -> Steps[Profile]:
        """Let a profile be downloaded that was held."""
        return call("POST", self._path("profiles", iccid, "release"), into=Profile)

    @verb
    def revoke(self, iccid: str) -> Steps[None]:
        """End a profile's order: nobody gets it any more."""
        return tell("DELETE", self._path("profiles", iccid))

    @verb
    def activation(self, iccid: str) -> Steps[Activation]:
        """Return whether a profile's plan works, and why not."""
        return call("GET", self._path("profiles", iccid, "activation"), into=Activation)

    @verb
    def set_activation(self, iccid: str, state: ActivationState, reason: str | None = None) -> Steps[Activation]:
        """Force the state of a profile's plan."""
        body = {"state": state, "reason": reason}
        return call("PUT", self._path("profiles", iccid, "activation"), body, into=Activation)

    @verb
    def why(self, eid: str) -> Steps[EidReport]:
        """Return what an EID has, what it would get now, and why."""
        return call("GET", self._path("eids", eid), into=EidReport)

    # --- devices

    @verb
    def create_device(self, /, **options: Any) -> Steps[Device]:
        """Make a simulated device at home in this carrier; options are members of the resource, such as os, model."""
        return call("POST", "/api/v1/devices", given({"carrier": self.carrier, **options}), into=Device)

    @verb
    def devices(self) -> Steps[list[Device]]:
        """Return the simulated devices whose home is this carrier."""
        return every("/api/v1/devices", Device, query={"carrier": self.carrier})

    @verb
    def device(self, eid: str) -> Steps[Device]:
        """Return one simulated device."""
        return call("GET", join("/api/v1/devices", eid), into=Device)

    @verb
    def delete_device(self, eid: str) -> Steps[None]:
        """Throw a simulated device away."""
        return tell("DELETE", join("/api/v1/devices", eid))

    @verb
    def refresh(self, eid: str, url: str) -> Steps[Outcome]:
        """Let a device ask an SM-DP+ for its plan, as iOS does on RefreshCellularPlans."""
        path = join("/api/v1/devices", eid, "refresh")
        return call("POST", path, {"url": url}, into=Outcome, timeout=_DOWNLOAD_SECONDS)

    @verb
    def download(self, eid: str, activation_code: str, *, confirmation_code: str | None = None) -> Steps[Outcome]:
        """Let a device download with an activation code (`LPA:1$…`)."""
        body = given({"activation_code": activation_code, "confirmation_code": confirmation_code})
        path = join("/api/v1/devices", eid, "download")
        return call("POST", path, body, into=Outcome, timeout=_DOWNLOAD_SECONDS)

    @verb
    def switch_esim(self, eid: str, iccid: str, to: Literal["enable", "disable"]) -> Steps[Device]:
        """Enable or disable a profile on a device."""
        return call("POST", join("/api/v1/devices", eid, "esims", iccid, to), into=Device)

    @verb
    def delete_esim(self, eid: str, iccid: str) -> Steps[None]:
        """Delete a profile from a device."""
        return tell("DELETE", join("/api/v1/devices", eid, "esims", iccid))


class Client(Verbs):
    """A carrier of a running server, over the control API.

    `url` is where the control API listens, `carrier` the namespace the calls are about (made by the first write that
    names it), `token` the bearer token if the server wants one, `timeout` seconds for each call. Raises
    ServerUnreachable and ApiError.
    """

    wire: Transport
    _wire = Transport

    def run(self, steps: Callable[[], Steps[T]]) -> T:
        """Do what a verb consists of."""
        return self.wire.run(steps())

    def follow(self, *, after: int | None = None, **filters: str | int | None) -> Iterator[Event]:
        """Yield the events after an id (all by default) as they happen; reconnects where the server cuts."""
        while True:
            for data in self.wire.stream(self._path("events"), {"after": after, **filters}):
                event = decode(data, Event)
                after = event.id
                yield event
            time.sleep(RECONNECT_SECONDS)

    @verb
    def create_carrier(self, /, name: str | None = None, **settings: Any) -> "Steps[Client]":
        """Make a fresh carrier, with a generated name if none is given, and return a client for it."""
        return self.on((yield from self._create(name, settings)).name)

    @verb
    def host_device(self, /, **options: Any) -> Steps[HostedDevice]:
        """Make a simulated device as `create_device` does, and return it as an object with verbs."""
        return HostedDevice(self, (yield from Verbs.create_device.steps(self, **options)))


def _order(members: Mapping[str, Any]) -> dict[str, Any]:
    """Make the body of an order."""
    order = given(members)
    if "expires" in order:
        order["expires"] = format_duration(duration(order["expires"]))
    return order
