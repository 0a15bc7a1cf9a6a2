"""The part of the client that decides what happens to a carrier: its clock, and what goes wrong."""

from datetime import datetime
from typing import Any

from smdp.client.transport import Transport
from smdp.client.words import Duration, duration, join
from smdp.durations import format_duration
from smdp.model import Clock, Fault, FaultKind, Scenario


class Control:
    """Clock, faults and scenarios of a carrier."""

    carrier: str
    _transport: Transport

    def _path(self, *names: str) -> str:
        return join("/api/v1/carriers", self.carrier, *names)

    # --- what goes wrong

    def add_fault(
        self,
        name: str,
        /,
        *,
        step: str | None = None,
        eid: str | None = None,
        iccid: str | None = None,
        times: int | None = 1,
        **parameters: Any,
    ) -> Fault:
        """Arm a fault of the catalogue, so many times or always (None), for whom it is to meet."""
        on = {"step": step, "eid": eid, "iccid": iccid}
        body = {"do": name, "with": parameters, "on": on, "times": times}
        return self._transport.call("POST", self._path("faults"), body, into=Fault)

    def faults(self) -> list[Fault]:
        """Return the carrier's faults, those that have fired their times included."""
        return list(self._transport.every(self._path("faults"), Fault))

    def fault(self, identifier: str) -> Fault:
        """Return one fault."""
        return self._transport.call("GET", self._path("faults", identifier), into=Fault)

    def clear_faults(self, identifier: str | None = None) -> None:
        """Take one fault away, or all of them."""
        names = ("faults",) if identifier is None else ("faults", identifier)
        self._transport.fetch("DELETE", self._path(*names))

    def fault_catalogue(self) -> list[FaultKind]:
        """Return the faults there are."""
        return list(self._transport.every("/api/v1/faults/catalogue", FaultKind))

    # --- scenarios

    def scenarios(self) -> list[Scenario]:
        """Return the scenarios there are."""
        return list(self._transport.every("/api/v1/scenarios", Scenario))

    def scenario(self, name: str) -> Scenario:
        """Return one scenario."""
        return self._transport.call("GET", join("/api/v1/scenarios", name), into=Scenario)

    def apply_scenario(self, name: str, eid: str) -> Scenario:
        """Put the carrier into a scenario for an EID."""
        return self._transport.call("POST", self._path("scenarios", name, "apply"), {"eid": eid}, into=Scenario)

    # --- the clock

    def clock(self) -> Clock:
        """Return how the carrier's clock stands."""
        return self._transport.call("GET", self._path("clock"), into=Clock)

    def set_clock(self, moment: datetime | str) -> Clock:
        """Make it this moment, with its time zone; what falls due on the way has happened when this returns."""
        text = moment.isoformat() if isinstance(moment, datetime) else moment
        return self._put_clock(now=text)

    def advance(self, by: Duration) -> Clock:
        """Let time pass at once; what falls due on the way has happened when this returns."""
        body = {"by": format_duration(duration(by))}
        return self._transport.call("POST", self._path("clock", "advance"), body, into=Clock)

    def freeze(self, *, frozen: bool = True) -> Clock:
        """Stop the carrier's clock where it stands, or let it run on from there."""
        return self._put_clock(frozen=frozen)

    def real_clock(self) -> Clock:
        """Go by the real time again."""
        return self._put_clock(real=True)

    def _put_clock(self, **change: Any) -> Clock:
        return self._transport.call("PUT", self._path("clock"), change, into=Clock)
