"""What one device of a farm does: be made, get its order, enrol, poll; a step is a few calls of the control API."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from smdp.cli.farm.board import Board, Cause, Member
from smdp.cli.farm.mix import name_of
from smdp.client import Client
from smdp.errors import ApiError, ServerUnreachable
from smdp.model import Device

FIRST_RETRY, LAST_RETRY = 1.0, 30.0
_FATAL = frozenset({400, 401, 403, 404, 413, 415, 422})
"""Answers that every device would get: the farm can't be as it is wanted."""

Note = Callable[[Board], None]


class World(NamedTuple):
    """What the devices of a farm share: server, plan, enrolment (arguments of `enroll_device`), seconds between polls.

    `tell` takes notes for the board, from any thread. Without an enrolment there is no MDM: devices refresh at `url`.
    """

    client: Client
    prefix: str
    plan: str | None
    enrolment: dict[str, Any] | None
    url: str
    every: float
    tell: Callable[[Note], None]


class Life:
    """One device, from nothing or from where an earlier run left it; its steps come one after the other."""

    def __init__(
        self, world: World, number: int, role: str | None, device: Device | None = None, *, ordered: bool = False
    ) -> None:
        self._world, self._number, self._role = world, number, role
        self._device = device
        self._ordered = ordered
        self._prepared = False
        self._retry = FIRST_RETRY

    def step(self) -> float | None:
        """Do what comes next; returns in how many seconds there is more to do, None if never.

        Raises ApiError for what would hold for all devices.
        """
        try:
            if not self._prepared:
                self._prepare()
                self._prepared = True
            pause = self._go_on()
        except ServerUnreachable as error:
            return self._later(Cause(reason="server-away", because=str(error), fix="smdp serve"))
        except ApiError as error:
            return self._refused(error)
        self._retry = FIRST_RETRY
        return pause

    # --- until it is ready

    def _prepare(self) -> None:
        world = self._world
        device = self._device or self._make()
        if world.plan is not None and not self._ordered:
            self._order(device.eid, world.plan)
            self._ordered = True
        if world.enrolment is not None and device.enrollment is None:
            self._enroll(device.eid, world.enrolment)
        if self._role == "offline":
            world.client.change_device(device.eid, online=False)
            world.tell(lambda board: board.offline(device.eid))

    def _make(self) -> Device:
        world = self._world
        cellular = False if self._role == "no-cellular" else None
        device = world.client.create_device(name=name_of(world.prefix, self._number, self._role), cellular=cellular)
        self._device = device
        member = Member(eid=device.eid, number=self._number, role=self._role)
        world.tell(lambda board: board.add(member))
        return device

    def _order(self, eid: str, plan: str) -> None:
        """Order what the role wants."""
        client = self._world.client
        if self._role == "used":
            client.apply_scenario("already-used", eid)
            return
        if self._role == "unordered":
            return
        if self._role == "activation-fails":
            client.add_fault("activation-fails", eid=eid)
        client.issue(eid, plan=plan, hold=True if self._role == "held" else None)

    def _enroll(self, eid: str, enrolment: dict[str, Any]) -> None:
        world = self._world
        try:
            self._device = world.client.enroll_device(eid, **enrolment)
        except ApiError as error:
            if error.reason != "already-enrolled":
                raise
        world.tell(lambda board: board.enrolled(eid))

    # --- from then on

    def _go_on(self) -> float | None:
        """Poll the MDM; without one refresh, until there is a plan."""
        if self._device is None:
            return None
        eid = self._device.eid
        if self._role == "offline" or self._world.enrolment is None:
            self._world.tell(lambda board: board.trouble(eid, None))
            return None if self._role == "offline" else self._refresh(eid)
        polled = self._world.client.poll_device(eid)
        problem = polled.problem
        cause = None if problem is None else Cause(reason=problem.reason, because=problem.because, fix=problem.fix)
        self._world.tell(lambda board: board.trouble(eid, cause))
        if polled.enrolled:
            return self._world.every
        gone = cause or Cause(reason="unenrolled", because="The MDM, or an erasure, ended the enrolment.")
        self._world.tell(lambda board: board.left(eid, gone))
        return None

    def _refresh(self, eid: str) -> float | None:
        world = self._world
        if self._device is not None and self._device.esims:
            return None
        moment = datetime.now(UTC)
        world.tell(lambda board: board.asked(eid, moment))
        outcome = world.client.refresh(eid, world.url)
        if outcome.ok:
            return None
        cause = Cause(reason=outcome.reason or "refused", because=outcome.because, fix=outcome.fix or "")
        world.tell(lambda board: board.refused(eid, cause))
        return None if self._role else world.every

    # --- when it fails

    def _refused(self, error: ApiError) -> float | None:
        cause = Cause(reason=error.reason, because=error.problem.because, fix=error.problem.fix)
        eid = "" if self._device is None else self._device.eid
        if self._device is not None and error.reason in ("not-enrolled", "device-unknown"):
            self._world.tell(lambda board: board.left(eid, cause))
            return None
        if error.status in _FATAL and not self._prepared:
            raise error
        return self._later(cause)

    def _later(self, cause: Cause) -> float:
        """Try again, with pauses that grow."""
        if self._device is not None:
            eid = self._device.eid
            self._world.tell(lambda board: board.trouble(eid, cause))
        pause, self._retry = self._retry, min(2 * self._retry, LAST_RETRY)
        return pause
