"""The part of the client that decides what happens to a carrier: its clock, and what goes wrong."""

from datetime import datetime
from typing import Any

from smdp.client.scope import OfCarrier
from smdp.client.steps import Steps, call, every, tell, verb
from smdp.client.words import Duration, duration, join
from smdp.durations import format_duration
from smdp.model import Clock, Fault, FaultKind, Scenario


class Control(OfCarrier):
    """Clock, faults and scenarios of a carrier."""

    # --- what goes wrong

    @verb
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
    ) -> Steps[Fault]:
        """Arm a fault of the catalogue, so many times or always (None), for whom it is to meet."""
        on = {"step": step, "eid": eid, "iccid": iccid}
        body = {"do": name, "with": parameters, "on": on, "times": times}
        return call("POST", self._path("faults"), body, into=Fault)

    @verb
    def faults(self) -> Steps[list[Fault]]:
        """Return the carrier's faults, those that have fired their times included."""
        return every(self._path("faults"), Fault)

    @verb
    def fault(self, identifier: str) -> Steps[Fault]:
        """Return one fault."""
        return call("GET", self._path("faults", identifier), into=Fault)

    @verb
    def clear_faults(self, identifier: str | None = None) -> Steps[None]:
        """Take one fault away, or all of them."""
        names = ("faults",) if identifier is None else ("faults", identifier)
        return tell("DELETE", self._path(*names))

    @verb
    def fault_catalogue(self) -> Steps[list[FaultKind]]:
        """Return the faults there are."""
        return every("/api/v1/faults/catalogue", FaultKind)

    # --- scenarios

    @verb
    def scenarios(self) -> Steps[list[Scenario]]:
        """Return the scenarios there are."""
        return every("/api/v1/scenarios", Scenario)

    @verb
    def scenario(self, name: str) -> Steps[Scenario]:
        """Return one scenario."""
        return call("GET", join("/api/v1/scenarios", name), into=Scenario)

    @verb
    def apply_scenario(self, name: str, eid: str) -> Steps[Scenario]:
        """Put the carrier into a scenario for an EID."""
        return call("POST", self._path("scenarios", name, "apply"), {"eid": eid}, into=Scenario)

    # --- the clock

    @verb
    def clock(self) -> Steps[Clock]:
        """Return how the carrier's clock stands."""
        return call("GET", self._path("clock"), into=Clock)

    @verb
    def set_clock(self, moment: datetime | str) -> Steps[Clock]:
        """Make it this moment, with its time zone; what falls due on the way has happened when this returns."""
        text = moment.isoformat() if isinstance(moment, datetime) else moment
        return self._put_clock(now=text)

    @verb
    def advance(self, by: Duration) -> Steps[Clock]:
        """Let time pass at once; what falls due on the way has happened when this returns."""
        body = {"by": format_duration(duration(by))}
        return call("POST", self._path("clock", "advance"), body, into=Clock)

    @verb
    def freeze(self, *, frozen: bool = True) -> Steps[Clock]:
        """Stop the carrier's clock where it stands, or let it run on from there."""
        return self._put_clock(frozen=frozen)

    @verb
    def real_clock(self) -> Steps[Clock]:
        """Go by the real time again."""
        return self._put_clock(real=True)

    def _put_clock(self, **change: Any) -> Steps[Clock]:
        return call("PUT", self._path("clock"), change, into=Clock)
