"""What comes of a command: the answer for the MDM, and what the device has to do besides."""

from typing import Any, Literal, NamedTuple

from smdp.device.apple.effects import Effect

Status = Literal["Acknowledged", "Error", "CommandFormatError", "NotNow"]


class ErrorItem(NamedTuple):
    """One entry of an ErrorChain: ErrorCode, ErrorDomain, LocalizedDescription, USEnglishDescription."""

    code: int
    domain: str
    text: str
    us_english: str | None = None

    def plist(self) -> dict[str, Any]:
        """Write it with Apple's names."""
        entry: dict[str, Any] = {
            "ErrorCode": self.code,
            "ErrorDomain": self.domain,
            "LocalizedDescription": self.text,
        }
        return entry if self.us_english is None else entry | {"USEnglishDescription": self.us_english}


class Result(NamedTuple):
    """The answer to a command: status, the keys of its own, errors outermost first, and the effect to carry out.

    Only an acknowledged command has an effect. One of ENDS_POLL is carried out once the answer was sent and ends the
    conversation; the others are carried out before, so that the next command meets what they made.
    """

    status: Status
    body: dict[str, Any] = {}  # noqa: RUF012 - read only
    errors: list[ErrorItem] = []  # noqa: RUF012 - as body
    effect: Effect | None = None

    def answer(self) -> dict[str, Any]:
        """Write the message without UDID and CommandUUID, which the connection adds."""
        message: dict[str, Any] = {"Status": self.status, **self.body}
        return message if not self.errors else message | {"ErrorChain": [error.plist() for error in self.errors]}


NOT_NOW = Result("NotNow")
"""Ask again later."""


def acknowledged(effect: Effect | None = None, **body: Any) -> Result:
    """Answer that it is done, or will be."""
    return Result("Acknowledged", body, effect=effect)


def failed(*errors: ErrorItem) -> Result:
    """Answer that it can't be done, outermost error first."""
    return Result("Error", errors=list(errors))


def format_error(*errors: ErrorItem) -> Result:
    """Answer that it is no command at all."""
    return Result("CommandFormatError", errors=list(errors))
