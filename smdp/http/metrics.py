"""`/metrics` for Prometheus: counted from the timeline when somebody scrapes, so that nobody else pays for it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from smdp.carrier.service import Service
from smdp.http.context import SERVICE
from smdp.storage import Row
from smdp.storage.queries import metrics as queries

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of a step's seconds; a step is about 0.001."""
_TOLD = (
    "session.opened",
    "session.step",
    "session.refused",
    "session.closed",
    "fault.fired",
    "tls.failed",
    "network.rejected",
)
_PAGE = 1000
_MAX_SERIES = 200
"""How many combinations of labels a metric has; what comes beyond is `other`."""
_OTHER = "other"
_NOTIFICATION = "handleNotification"
_data = msgspec.json.Decoder(dict[str, Any]).decode


def add_routes(app: web.Application) -> None:
    """Serve metrics in this application."""
    app[METRICS] = Metrics(app[SERVICE])
    app.router.add_get("/metrics", _metrics)


async def _metrics(request: web.Request) -> web.Response:
    from prometheus_client import CONTENT_TYPE_LATEST  # noqa: PLC0415 - 30 ms that a server nobody scrapes saves

    text = await request.app[METRICS].text()
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


class Metrics:
    """The numbers of one server, with a registry of its own. They begin with what the journal still holds."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._seen: dict[str, int] = {}
        self._lock = asyncio.Lock()
        self._events: Counter[tuple[str, ...]] = Counter()
        self._sessions: Counter[tuple[str, ...]] = Counter()
        self._faults: Counter[tuple[str, ...]] = Counter()
        self._handshakes: Counter[tuple[str, ...]] = Counter()
        self._rejections: Counter[tuple[str, ...]] = Counter()
        self._steps: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * (len(BUCKETS) + 2))
        self._profiles: list[Row] = []
        self._depths = queries.Depths(0, 0)

    async def text(self) -> bytes:
        """Write all metrics in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - as above

        async with self._lock:
            await self._read()
            registry = CollectorRegistry(auto_describe=False)
            registry.register(self)
            return generate_latest(registry)

    # --- counted

    async def _read(self) -> None:
        database = self._service.database
        last = await database.read(queries.last_events)
        for carrier, event in last.items():
            while (after := self._seen.get(carrier, 0)) < event:
                rows = await database.read(queries.events, carrier, after, _TOLD, _PAGE)
                for row in rows:
                    self._count(row["type"], _data(row["data"]) if row["data"] else {})
                self._seen[carrier] = rows[-1]["id"] if rows else event
                await asyncio.sleep(0)  # the first scrape of a long journal must not hold devices up
        for gone in self._seen.keys() - last.keys():
            del self._seen[gone]
        self._profiles = await database.read(queries.profiles)
        self._depths = await database.read(queries.depths)

    def _count(self, kind: str, data: dict[str, Any]) -> None:
        self._events[kind,] += 1
        if kind == "session.opened":
            self._time("initiateAuthentication", data)
        elif kind == "session.step":
            self._time(str(data.get("step")), data)
        elif kind == "session.refused" and data.get("step") != _NOTIFICATION:
            _add(self._sessions, "refused", str(data.get("code")), str(data.get("reason")))
        elif kind == "session.cancelled":
            _add(self._sessions, "cancelled", "", str(data.get("reason", "")))
        elif kind == "session.closed":
            _add(self._sessions, str(data.get("outcome")), "", "")
        elif kind == "fault.fired":
            _add(self._faults, str(data.get("do")), number=int(data.get("count", 1)))
        elif kind == "network.rejected":
            _add(self._rejections, str(data.get("reason")))
        elif kind == "tls.failed":
            _add(self._handshakes, str(data.get("reason")), number=int(data.get("count", 1)))

    def _time(self, step: str, data: dict[str, Any]) -> None:
        """Count a step's duration: in its bucket, then the number and the sum of all."""
        milliseconds = data.get("ms")
        if not isinstance(milliseconds, int | float) or (step not in self._steps and len(self._steps) >= _MAX_SERIES):
            return
        seconds, buckets = milliseconds / 1000, self._steps[step]
        place = next((place for place, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))
        buckets[place] += 1
        buckets[-1] += seconds

    # --- told

    def collect(self) -> Iterator["Metric"]:
        """Yield the metrics; called by the registry."""
        from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily  # noqa: PLC0415 - as above

        yield InfoMetricFamily("smdp", "The server.", {"version": version("smdp")})
        yield GaugeMetricFamily("smdp_carriers", "Carriers.", len(self._seen))
        yield _counter("smdp_events", "Events on all timelines.", ("type",), self._events)
        yield _counter(
            "smdp_sessions",
            "RSP sessions that ended, by the code and reason of what was refused.",
            ("outcome", "code", "reason"),
            self._sessions,
        )
        yield self._latency()
        yield _counter("smdp_faults_fired", "Faults that did their work.", ("fault",), self._faults)
        yield _counter("smdp_tls_failures", "TLS handshakes of devices that failed.", ("reason",), self._handshakes)
        yield _counter("smdp_attach_rejections", "Devices that a network turned away.", ("reason",), self._rejections)
        profiles = GaugeMetricFamily("smdp_profiles", "Profiles.", labels=("state", "activation"))
        for row in self._profiles:
            profiles.add_metric((row["state"], row["activation"]), row["count"])
        yield profiles
        yield GaugeMetricFamily("smdp_webhook_queue", "Deliveries that wait for a receiver.", self._depths.deliveries)
        yield GaugeMetricFamily(
            "smdp_devices_with_notifications", "Hosted devices whose notifications wait.", self._depths.devices
        )
        yield GaugeMetricFamily("smdp_waiters", "Requests that wait for an event.", self._service.journal.waiting)

    def _latency(self) -> "Metric":
        from prometheus_client.metrics_core import HistogramMetricFamily  # noqa: PLC0415 - as above

        family = HistogramMetricFamily("smdp_step_seconds", "How long a step took inside.", labels=("step",))
        for step, counts in sorted(self._steps.items()):
            below, buckets = 0.0, []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=False):
                below += count
                buckets.append((bound, below))
            family.add_metric((step,), buckets, counts[-1])
        return family


def _add(counter: Counter[tuple[str, ...]], *labels: str, number: int = 1) -> None:
    known = labels in counter or len(counter) < _MAX_SERIES
    counter[labels if known else (_OTHER,) * len(labels)] += number


def _counter(name: str, text: str, labels: Iterable[str], counts: Counter[tuple[str, ...]]) -> "Metric":
    from prometheus_client.metrics_core import CounterMetricFamily  # noqa: PLC0415 - as above

    family = CounterMetricFamily(name, text, labels=tuple(labels))
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


METRICS = web.AppKey("metrics", Metrics)
