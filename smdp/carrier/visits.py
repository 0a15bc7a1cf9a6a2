"""What a device's visits tell beside its orders: which IMEI and CI it came with, and who failed at the door."""

from collections.abc import Collection
from datetime import timedelta

from msgspec import Struct

from smdp.carrier.rate import REASON
from smdp.carrier.scope import Scope
from smdp.model import Event
from smdp.rsp.ids import imei_is
from smdp.rsp.server.session import Order
from smdp.storage.connection import micros
from smdp.storage.queries import events as event_queries
from smdp.storage.queries import visits as queries

RECENTLY = timedelta(hours=1)
"""For how long somebody who failed at the door may be the device that is asked about, in real time."""
_SEEN = ("eid.seen", "session.step", "session.refused", "session.cancelled", "session.closed")
_UNNAMED = ("tls.failed", "session.refused", "fault.fired")
_FAILED = {"tls.failed": "a TLS handshake", "fault.fired": "a call"}
_NOTIFICATION = "handleNotification"


class Visits(Struct, frozen=True):
    """What is known of an EID's visits: the `last` of all, its last proof of identity, who failed at the door since."""

    last: Event | None
    proof: Event | None
    failed: tuple[Event, ...] = ()

    def other_imei(self, order: Order) -> bool:
        """Say whether an order is bound to another IMEI than the device came with."""
        seen = str((self.proof and self.proof.data.get("imei")) or "")
        return bool(order.imei and seen) and not imei_is(str(order.imei), bytes.fromhex(seen + "f" * (len(seen) % 2)))

    def other_ci(self, cis: Collection[str]) -> str | None:
        """Return the CI of the certificate that the eUICC was shown, if this server is nobody under it any more."""
        ci = self.proof and self.proof.data.get("ci")
        return str(ci) if ci and cis and ci not in cis else None


def of(scope: Scope, eid: str) -> Visits:
    """Look up the visits of an EID."""
    last = event_queries.last(scope.connection, scope.name, types=_SEEN, eid=eid)
    proof = event_queries.last(scope.connection, scope.name, types=("eid.seen",), eid=eid)
    since = micros(scope.times.wall - RECENTLY)
    unnamed = queries.last_unnamed(scope.connection, scope.name, _UNNAMED, last.id if last else 0, since)
    return Visits(last, proof, tuple(filter(_stands_in_the_way, unnamed)))


def _stands_in_the_way(event: Event) -> bool:
    """Say whether a failure can be why a download did not come about; of faults, the carrier's limit alone."""
    by_limit = event.type != "fault.fired" or event.data.get("reason") == REASON
    return by_limit and event.data.get("step") != _NOTIFICATION


def in_words(failed: tuple[Event, ...]) -> str:
    """Tell of those who failed at the door since the device was here last: it may be one of them."""
    newest = failed[0]
    what = _FAILED.get(newest.type, "a session")
    times = "" if len(failed) == 1 else f", the last of {len(failed)}"
    return (
        f"Somebody failed before saying who it was: {what} at {newest.at:%Y-%m-%d %H:%M:%S} UTC{times}. "
        f"{newest.data.get('because', '')}"
    ).strip()
