"""What smdp raises for people: every message is one sentence or two, and says what to do.

    SmdpError                 (exit 1)  no, and why
    ├── UsageError            (exit 2)  the words of a command make no sense
    │   └── SettingsError     (exit 2)  a flag, a variable or a line of smdp.toml does not
    ├── StartError            (exit 1)  a server cannot start: port in use, unreadable database or PKI
    ├── ServerUnreachable     (exit 3)  nobody answers at the URL, or not as smdp does
    ├── TimedOut              (exit 4)  what was waited for did not happen in time
    ├── NotReached            (exit 1)  what was waited for has become impossible
    └── ApiError              (exit 1)  the server refused, in a problem document (RFC 9457); exit 2 for a 400 or 422

What the protocol refuses is a value (`smdp.rsp.checks.Refusal`), not an exception.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smdp.model import Problem

_UNUSABLE = 400, 413, 415, 422


class SmdpError(Exception):
    """Something went wrong that a person can do something about; the message says what."""

    exit_code: int = 1


class UsageError(SmdpError):
    """The words of a command, or the arguments of a call, make no sense."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting has an unknown name or an impossible value; the message names where it was read."""


class StartError(SmdpError):
    """A server cannot start."""


class ServerUnreachable(SmdpError):  # noqa: N818 - says what is the matter, as TimedOut
    """Nobody answers at the URL, or what answers is not smdp's control API."""

    exit_code = 3


class TimedOut(SmdpError):  # noqa: N818 - reads as what happened
    """What was waited for did not happen in time."""

    exit_code = 4


class NotReached(SmdpError):  # noqa: N818 - as TimedOut
    """What was waited for has become impossible: a session was refused, an activation or a profile failed."""


class ApiError(SmdpError):
    """The server refused a request; `problem` holds its whole answer."""

    def __init__(self, problem: "Problem") -> None:
        sentence = problem.because or problem.detail or problem.title
        super().__init__(f"{sentence} {problem.fix}".strip())
        self.problem = problem
        self.exit_code = UsageError.exit_code if problem.status in _UNUSABLE else SmdpError.exit_code

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return self.problem.status

    @property
    def reason(self) -> str:
        """The stable slug of the reason, such as `plan-unknown`."""
        return self.problem.reason
