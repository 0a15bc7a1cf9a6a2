"""How many calls a second a carrier's ES9+ takes (`limits.per_second`): a token bucket for each that has such a limit.

A bucket holds a second's worth, so a burst of that many passes, and then one each 1/n second. It goes by monotonic
time, whatever the carrier's clock says. Each process counts for itself.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from smdp.carrier import journal
from smdp.carrier.scope import Scope
from smdp.model import Fault
from smdp.rsp.server.session import Happening

LIMIT = "limits.per_second"
REASON = "rate-limited"
_MOST_BUCKETS = 1000
_TELL_SECONDS = 1.0
"""How often a carrier tells at most that calls are turned down: a crowd must not fill its timeline."""


class TurnedDown(NamedTuple):
    """A call too many: the seconds after which there is room again, and how many are to be told of now, 0 for none."""

    retry_after: int
    tell: int

    @property
    def fault(self) -> Fault:
        """What the wire makes of it: the answer of the fault `rate-limit`."""
        return Fault(id="", do="rate-limit", with_={"period": f"{self.retry_after}s"})


class _Bucket(Struct):
    tokens: float
    at: float
    told_at: float = -math.inf
    untold: int = 0


class RateLimits:
    """The buckets of all carriers; `now` is monotonic time in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, carrier: str, per_second: int) -> TurnedDown | None:
        """Let a call of a carrier pass, or turn it down."""
        now = self.now()
        bucket = self._buckets.setdefault(carrier, _Bucket(per_second, now))
        self._buckets.move_to_end(carrier)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(per_second, bucket.tokens + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return None
        bucket.untold += 1
        tell = 0
        if now - bucket.told_at >= _TELL_SECONDS:
            bucket.told_at, tell, bucket.untold = now, bucket.untold, 0
        return TurnedDown(math.ceil((1 - bucket.tokens) / per_second), tell)


def tell(scope: Scope, step: str, count: int) -> None:
    """Append to the timeline that `count` calls were turned down since that was told last, now at this step."""
    per_second = scope.carrier.limits.per_second
    because = f"More calls came than {LIMIT} of the carrier {scope.name} lets through, {per_second} (HTTP 429)."
    fix = "Let devices come more slowly, or raise the carrier's limits.per_second."
    data = {"fault": LIMIT, "do": "rate-limit", "with": {"per_second": per_second}, "step": step, "count": count}
    told = data | {"reason": REASON, "because": because, "fix": fix}
    journal.append(scope, [Happening(type="fault.fired", data=told)])
