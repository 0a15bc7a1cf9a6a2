"""What comes of a command: the answer for the MDM, and what the device has to do besides."""

from typing import Any, Literal

from msgspec import Struct, field

from smdp.device.apple.effects import Effect

Status = Literal["Acknowledged", "Error", "CommandFormatError", "NotNow"]


class ErrorItem(Struct, frozen=True, kw_only=True):
    """One entry of an ErrorChain."""

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


class Result(Struct, frozen=True, kw_only=True):
    """The answer to a command: status, the keys of its own, errors outermost first, and the effect to carry out.

    The effect belongs to an acknowledged command and is carried out once the MDM has the answer.
    """

    status: Status = "Acknowledged"
    body: dict[str, Any] = field(default_factory=dict)
    errors: list[ErrorItem] = field(default_factory=list)
    effect: Effect | None = None

    def answer(self) -> dict[str, Any]:
        """Write the message without UDID and CommandUUID, which the connection adds."""
        message: dict[str, Any] = {"Status": self.status, **self.body}
        return message if not self.errors else message | {"ErrorChain": [error.plist() for error in self.errors]}


NOT_NOW = Result(status="NotNow")
"""Ask again later."""


def acknowledged(effect: Effect | None = None, **body: Any) -> Result:
    """Answer that it is done, or will be."""
    return Result(body=body, effect=effect)


def failed(*errors: ErrorItem) -> Result:
    """Answer that it can't be done, outermost error first."""
    return Result(status="Error", errors=list(errors))


def format_error(*errors: ErrorItem) -> Result:
    """Answer that it is no command at all."""
    return Result(status="CommandFormatError", errors=list(errors))
