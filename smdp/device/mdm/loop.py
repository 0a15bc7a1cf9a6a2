"""The command loop: say Idle, carry out what comes, send the result, until the server has nothing left.

Differences from Apple's devices, on purpose: a command whose result could not be delivered is not carried out again
when it comes back; its result is sent as it was. (Apple's devices carry it out again. Here a server that is killed in
the middle of a test must not make a device do things twice.) Results that arrived are forgotten at once.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from smdp.device.apple.result import ErrorItem
from smdp.device.mdm.channel import Channel
from smdp.device.mdm.checkin import Who, identified
from smdp.device.mdm.enrollment import MAX_UNDELIVERED
from smdp.device.mdm.failure import MdmError, mdm_failure
from smdp.device.mdm.plist import write_plist

MAX_COMMANDS = 1000
"""Most commands that are answered in one poll."""
_TOLD = 200
"""How many characters of what a server says go into an event."""

Status = Literal["Acknowledged", "Error", "CommandFormatError", "NotNow"]


class Result(NamedTuple):
    """How a command ended: its status, the keys of the answer besides the common ones, the ErrorChain, outermost first.

    `after` is run once the result was sent, whether it arrived or not, and ends the poll: erasing, restarting, or
    removing the enrolment profile. Such a result is not kept: a command that comes again is carried out again.
    """

    status: Status
    body: dict[str, Any] = {}  # noqa: RUF012 - read only
    errors: list[ErrorItem] = []  # noqa: RUF012 - as body
    after: Callable[[], Awaitable[None]] | None = None


class Command(NamedTuple):
    """A command as it came: CommandUUID, RequestType, and the whole Command dictionary."""

    uuid: str
    request_type: str
    request: dict[str, Any]


class Polled(NamedTuple):
    """How a poll ended: what was answered, and what stopped it before the server had nothing left.

    `answered` are RequestTypes with the status that was sent, "again" for a result that had not arrived before.
    `not_now` says that the last status was NotNow: only then a device asks again by itself, when its conditions change.
    `left` says that a command ended it (see `Result.after`).
    """

    answered: list[tuple[str, str]]
    not_now: bool = False
    left: bool = False
    error: MdmError | None = None


Answer = Callable[[Command], Awaitable[Result]]
Tell = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Is told what happens: mdm.enrolled, mdm.command, mdm.acknowledged, mdm.error, mdm.not-now, each with its facts."""


async def poll(channel: Channel, who: Who, answer: Answer, tell: Tell) -> Polled:
    """Ask the server for commands once, and answer them until there are none; the enrolment is updated in place.

    Nothing is raised for what the server or the way to it does: that is `Polled.error`. After an error that `unenrols`
    the enrolment is marked as not enrolled. Keep the enrolment afterwards, whatever the end. An MdmError of `answer`
    becomes the command's error. Two polls of a channel wait for each other.
    """
    asking = _Asking(channel, who, answer, tell)
    try:
        async with channel.turn:
            if not channel.enrollment.enrolled:
                raise mdm_failure("not-enrolled")
            await asking.run()
    except MdmError as error:
        if error.unenrols:
            channel.enrollment.enrolled = False
        await tell("mdm.error", _facts(error))
        return asking.polled(error)
    return asking.polled()


class _Asking:
    """One poll under way."""

    def __init__(self, channel: Channel, who: Who, answer: Answer, tell: Tell) -> None:
        self._channel = channel
        self._answer = answer
        self._tell = tell
        self._common = identified(channel.enrollment, who)
        self._undelivered = channel.enrollment.undelivered
        self._answered = list[tuple[str, str]]()
        self._put_off: str | None = None
        self._left = False

    def polled(self, error: MdmError | None = None) -> Polled:
        return Polled(self._answered, self._put_off is not None, self._left, error)

    async def run(self) -> None:
        """Go on until the server has nothing left, or a command says that this was the last."""
        given = await self._channel.connect(self._common | {"Status": "Idle"})
        while given is not None:
            if len(self._answered) >= MAX_COMMANDS:
                raise mdm_failure("too-many-commands", limit=MAX_COMMANDS)
            command = _read(given)
            if command is None:
                given = await self._malformed(given)
                continue
            result, body = await self._carry_out(command)
            again = result is not None and result.status == "NotNow" and self._put_off == command.uuid
            self._note(command, result)
            try:
                given = await self._deliver(command, body, keep=_worth_keeping(result))
            except MdmError:
                await self._afterwards(result)
                raise
            await self._afterwards(result)
            if self._left or again:
                return

    async def _afterwards(self, result: Result | None) -> None:
        """Do what a command wants done when its answer is on its way; not when the poll is cancelled."""
        if result is not None and result.after is not None:
            self._left = True
            await result.after()

    async def _carry_out(self, command: Command) -> tuple[Result | None, bytes]:
        """Carry a command out, or find the result that never arrived; the result as it is sent, XML."""
        facts = {"command": command.request_type[:_TOLD], "command_uuid": command.uuid[:_TOLD]}
        if isinstance(url := command.request.get("eSIMServerURL"), str):
            facts["url"] = url[:_TOLD]
        if (kept := self._undelivered.get(command.uuid)) is not None:
            await self._tell("mdm.command", facts | {"again": True})
            return None, kept
        await self._tell("mdm.command", facts)
        try:
            result = await self._answer(command)
        except MdmError as error:
            result = Result("Error", errors=[error.item])
        await self._tell(*_event(result, facts))
        return result, write_plist(self._common | _body(command.uuid, result))

    def _note(self, command: Command, result: Result | None) -> None:
        status = result.status if result is not None else "again"
        self._answered.append((command.request_type, status))
        self._put_off = command.uuid if status == "NotNow" else None

    async def _deliver(self, command: Command, body: bytes, *, keep: bool) -> dict[str, Any] | None:
        """Send a result; if nobody knows whether it arrived, keep it for when the command comes again."""
        # What the server read and answered with nonsense has arrived; so has what made it end the enrolment.
        try:
            given = await self._channel.connect(body)
        except BaseException as error:
            lost = not isinstance(error, MdmError) or error.reason in _UNHEARD
            self._remember(command.uuid, body if lost and keep else None)
            raise
        self._remember(command.uuid, None)
        return given

    def _remember(self, uuid: str, body: bytes | None) -> None:
        """Keep a result as the latest, or forget it."""
        self._undelivered.pop(uuid, None)
        if body is not None:
            self._undelivered[uuid] = body
            while len(self._undelivered) > MAX_UNDELIVERED:
                del self._undelivered[next(iter(self._undelivered))]

    async def _malformed(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """Say CommandFormatError; what has no CommandUUID cannot be taken off the queue, so that ends the poll."""
        uuid = given.get("CommandUUID")
        named = {"CommandUUID": uuid} if isinstance(uuid, str) else {}
        self._answered.append(("", "CommandFormatError"))
        self._put_off = None
        await self._tell(
            "mdm.error", {"command": None, "status": "CommandFormatError", "command_uuid": uuid if named else None}
        )
        next_one = await self._channel.connect(self._common | {"Status": "CommandFormatError"} | named)
        return next_one if named else None


_UNHEARD = frozenset(
    {
        "mdm-unreachable",
        "mdm-timeout",
        "hung-up",
        "answer-cut",
        "tls-failed",
        "tls-untrusted",
        "http-status",
        "redirect",
    }
)


def _worth_keeping(result: Result | None) -> bool:
    """Whether a result may stand for carrying the command out: not if it was put off, or had an effect afterwards."""
    return result is None or (result.status != "NotNow" and result.after is None)


def _read(given: dict[str, Any]) -> Command | None:
    """Read a command; None if it has no CommandUUID or no Command with a RequestType."""
    uuid, request = given.get("CommandUUID"), given.get("Command")
    if not isinstance(uuid, str) or not isinstance(request, dict):
        return None
    kind = request.get("RequestType")
    return Command(uuid, kind, request) if isinstance(kind, str) else None


def _body(uuid: str, result: Result) -> dict[str, Any]:
    """Put a result into words, without who it is from."""
    body = result.body | {"CommandUUID": uuid, "Status": result.status}
    if result.errors:
        body["ErrorChain"] = [item.plist() for item in result.errors]
    return body


def _event(result: Result, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name the event of a result."""
    if result.status == "Acknowledged":
        return "mdm.acknowledged", facts
    if result.status == "NotNow":
        return "mdm.not-now", facts
    facts = facts | {"status": result.status}
    if result.errors:
        first = result.errors[0]
        facts |= {"code": first.code, "domain": first.domain, "text": first.text[:_TOLD]}
    return "mdm.error", facts


def _facts(error: MdmError) -> dict[str, Any]:
    return {"reason": error.reason, "because": error.because, "fix": error.fix, "unenrolled": error.unenrols}
