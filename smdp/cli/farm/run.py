"""Running a farm: a few threads do the devices' steps, one follows the carrier's timeline, this one keeps the board."""

import contextlib
import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from msgspec import Struct

from smdp.cli.farm.board import EVENT_TYPES, Board, Goal, Member, Report
from smdp.cli.farm.life import FIRST_RETRY, LAST_RETRY, Life, Note, World
from smdp.cli.farm.mix import number_of, spread
from smdp.client import Client
from smdp.errors import ServerUnreachable, SmdpError

WORKERS = 16
"""How many devices do something at a time; each step waits for the server, which makes an RSA key for an enrolment."""
_TICK = 0.25

Show = Callable[[Report], None]


class Wanted(Struct, kw_only=True, frozen=True):
    """What farm is wanted: how many devices, enrolled how, with which plan, and when it is over.

    `until` is what each device has to reach; without it the farm goes on until it is told, or for `seconds`.
    """

    prefix: str
    count: int
    mix: dict[str, int]
    enrolment: dict[str, Any] | None = None
    plan: str | None = None
    rate: float | None = None
    every: float = 30.0
    seconds: float | None = None
    until: Goal | None = None

    @property
    def goal(self) -> Goal:
        """What the devices are judged by at the end."""
        return self.until or ("active" if self.plan else "enrolled")


class Farm:
    """The farm `wanted` at the client's carrier; devices of its names that are there already go on."""

    def __init__(self, client: Client, wanted: Wanted) -> None:
        self._client, self._wanted = client, wanted
        self._board = Board(wanted.count, wanted.goal, wanted.plan)
        self._inbox: queue.SimpleQueue[Note | SmdpError] = queue.SimpleQueue()
        self._due: list[tuple[float, int, Life]] = []
        self._order = itertools.count()
        self._busy = 0
        self._over = threading.Event()
        self._began = time.monotonic()

    def run(self, stop: threading.Event, show: Show) -> Report:
        """Run until it is over, or `stop` is set. Raises SmdpError for what no device could get over."""
        self._began = time.monotonic()
        self._gather()
        with self._watching(), ThreadPoolExecutor(WORKERS, thread_name_prefix="smdp-farm") as pool:
            while not self._ends(stop):
                look = time.monotonic() + _TICK
                while time.monotonic() < look:
                    self._start_due(pool)
                    self._take(look)
                show(self._board.report(self._seconds()))
        self._drain()
        self._verify()
        return self._board.report(self._seconds(), final=True)

    # --- the devices

    def _gather(self) -> None:
        """Find the devices of an earlier run, and plan those that are missing."""
        wanted, client = self._wanted, self._client
        url = client.change_carrier().esim_server_url
        if wanted.plan is not None:
            client.plan(wanted.plan)
        world = World(client, wanted.prefix, wanted.plan, wanted.enrolment, url, wanted.every, self._inbox.put)
        profiles = client.profiles()
        ordered = {profile.eid for profile in profiles}
        there = {}
        for device in client.devices():
            if (known := number_of(wanted.prefix, device.name)) is not None:
                number, role = known
                there[number] = Life(world, number, role, device, ordered=device.eid in ordered)
                self._board.add(Member(eid=device.eid, number=number, role=role))
                if device.enrollment is not None:
                    self._board.enrolled(device.eid)
        self._board.verify(profiles)
        roles = spread(wanted.mix, wanted.count)
        lives = list(there.values())
        lives += [Life(world, number, role) for number, role in enumerate(roles, 1) if number not in there]
        now = time.monotonic()
        for place, life in enumerate(lives):
            self._plan(now + (place / wanted.rate if wanted.rate else 0.0), life)

    def _plan(self, moment: float, life: Life) -> None:
        heapq.heappush(self._due, (moment, next(self._order), life))

    def _start_due(self, pool: ThreadPoolExecutor) -> None:
        """Have free threads do the steps that are due."""
        while self._busy < WORKERS and self._due and self._due[0][0] <= time.monotonic():
            life = heapq.heappop(self._due)[2]
            self._busy += 1
            pool.submit(life.step).add_done_callback(partial(self._ended, life))

    def _ended(self, life: Life, done: "Future[float | None]") -> None:
        """Leave word of a step's end; called in its thread."""

        def note(_: Board) -> None:
            self._busy -= 1
            if (pause := done.result()) is not None:
                self._plan(time.monotonic() + pause, life)

        self._inbox.put(note)

    # --- the timeline

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        """Follow the carrier's timeline from its start: what an earlier run saw is seen again."""
        # A daemon, as nothing ends a stream that its server keeps open: it goes at the next event, or with the process.
        threading.Thread(target=self._watch, name="smdp-farm-events", daemon=True).start()
        try:
            yield
        finally:
            self._over.set()

    def _watch(self) -> None:
        after, pause = 0, FIRST_RETRY
        while not self._over.is_set():
            try:
                for event in self._client.follow(after=after, type=",".join(EVENT_TYPES)):
                    after, pause = event.id, FIRST_RETRY
                    self._inbox.put(partial(Board.note, event=event))
                    if self._over.is_set():
                        return
            except ServerUnreachable:
                self._over.wait(pause)
                pause = min(2 * pause, LAST_RETRY)
            except SmdpError as error:
                self._inbox.put(error)
                return

    # --- this thread

    def _take(self, until: float) -> None:
        """Write what comes in on the board, until a moment or until a thread has become free."""
        while (left := until - time.monotonic()) > 0:
            try:
                self._write(self._inbox.get(timeout=left))
            except queue.Empty:
                return
            if self._busy < WORKERS and self._due and self._due[0][0] <= time.monotonic():
                return

    def _drain(self) -> None:
        """Write what has come in meanwhile."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._write(self._inbox.get_nowait())

    def _write(self, note: Note | SmdpError) -> None:
        if isinstance(note, SmdpError):
            raise note
        note(self._board)

    def _ends(self, stop: threading.Event) -> bool:
        wanted = self._wanted
        late = wanted.seconds is not None and self._seconds() >= wanted.seconds
        return stop.is_set() or late or (wanted.until is not None and self._board.settled())

    def _verify(self) -> None:
        """Ask the carrier once what is true, if it is still there."""
        with contextlib.suppress(ServerUnreachable):
            self._board.verify(self._client.profiles())

    def _seconds(self) -> float:
        return time.monotonic() - self._began
