"""The JSON binding of ES9+: bodies in, bodies out (SGP.22 §6.5).

A body that is JSON but lacks a member, or has one of the wrong kind, is refused with a status code like anything else;
only what is no JSON object at all is `NotJson`, which is HTTP's business. Unknown members are ignored.
"""

import binascii
import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from smdp.rsp.checks import Check, Refusal, refuse
from smdp.rsp.codes import Code

TRANSACTION_ID_BYTES = 16
"""The longest transactionId, in bytes."""
_MAX_ADDRESS = 255

MISSING: Final[Check[Any]] = Check(
    id="ES9#1",
    clause="SGP.22 §6.5.2",
    field="{member}",
    code=Code("1.3.1", "2.2"),
    reason="member-missing",
    why="The request lacks {member}.",
    fix="Send every mandatory member of {function}.",
    holds=lambda context: context.value is not None,
    passed="It is there.",
)
MALFORMED: Final[Check[Any]] = Check(
    id="ES9#2",
    clause="SGP.22 §6.5.2",
    field="{member}",
    code=Code("1.3.1", "2.1"),
    reason="member-malformed",
    why="{member} is not well formed: {problem}.",
    fix="Encode {member} as SGP.22 §6.5.2 says.",
    holds=lambda context: context.problem is None,
    passed="It is well formed.",
)
CHECKS = (MISSING, MALFORMED)
"""What every function checks of its body first."""


class NotJson(ValueError):  # noqa: N818 - reads as what it is
    """The body is no JSON object; the message goes on after "the body"."""


class _Member(NamedTuple):
    """The context of the two checks above: a member's raw value, and what is wrong with it."""

    value: object
    problem: str | None


def decode(body: bytes) -> dict[str, Any]:
    """Read a body as a JSON object. Raises NotJson."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NotJson("is not JSON") from None
    if not isinstance(value, dict):
        raise NotJson("is JSON, but no object")
    return value


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("it is no string")  # noqa: TRY004 - what is wrong with a member is a ValueError, all of it
    return raw


def _base64(text: str) -> bytes:
    return binascii.a2b_base64("".join(text.split()), strict_mode=True)


def _hexadecimal(text: str) -> bytes:
    data = bytes.fromhex(text)
    if not 1 <= len(data) <= TRANSACTION_ID_BYTES:
        raise ValueError("it takes 2 to 32 hexadecimal digits")
    return data


def _address(text: str) -> str:
    if not text.strip() or len(text) > _MAX_ADDRESS or not text.isprintable():
        raise ValueError("it is no address")
    return text


class Request(Struct, frozen=True):
    """A decoded request: its members as bytes (an address: text), and the digest that tells repeats (32 bytes)."""

    function: str
    members: Mapping[str, Any]
    digest: bytes

    def __getitem__(self, member: str) -> Any:
        """Return a member's value."""
        return self.members[member]


_Reader = Callable[[str], Any]
_MEMBERS: dict[str, dict[str, _Reader]] = {
    "initiateAuthentication": {"euiccChallenge": _base64, "euiccInfo1": _base64, "smdpAddress": _address},
    "authenticateClient": {"transactionId": _hexadecimal, "authenticateServerResponse": _base64},
    "getBoundProfilePackage": {"transactionId": _hexadecimal, "prepareDownloadResponse": _base64},
    "cancelSession": {"transactionId": _hexadecimal, "cancelSessionResponse": _base64},
    "handleNotification": {"pendingNotification": _base64},
}
FUNCTIONS = tuple(_MEMBERS)
"""The functions of ES9+, by the last part of their path."""
MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {function: tuple(members) for function, members in _MEMBERS.items()}
"""The mandatory members of each function's request, in the order in which they are checked."""


def read(function: str, body: Mapping[str, Any]) -> Request | Refusal:
    """Read the members of a function's request, or refuse: ES9#1 missing, ES9#2 malformed."""
    members: dict[str, Any] = {}
    for name, reader in _MEMBERS[function].items():
        raw = body.get(name)
        problem = None
        try:
            if raw is not None:
                members[name] = reader(_text(raw))
        except ValueError as error:
            problem = str(error).rstrip(".").lower()
        member = _Member(raw, problem)
        for check in CHECKS:
            if not check.holds(member):
                return refuse(check, {"member": name, "function": function, "problem": problem})
    return Request(function, members, hashlib.sha256(b"".join(_flat(value) for value in members.values())).digest())


def transaction_id(body: Mapping[str, Any]) -> bytes:
    """Read the transactionId of a body that may lack everything else; nothing if there is none that is well formed."""
    try:
        return _hexadecimal(_text(body.get("transactionId")))
    except ValueError:
        return b""


def _flat(value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(4, "big") + data


_SUCCESS = {"functionExecutionStatus": {"status": "Executed-Success"}}


def answer(members: Mapping[str, bytes | str]) -> bytes:
    """Write a successful answer; bytes become base64, except the transactionId, which is upper-case hexadecimal."""
    body: dict[str, Any] = {"header": _SUCCESS}
    for name, value in members.items():
        if isinstance(value, str):
            body[name] = value
        elif name == "transactionId":
            body[name] = value.hex().upper()
        else:
            body[name] = b64encode(value).decode()
    return msgspec.json.encode(body)


def failure(refusal: Refusal) -> bytes:
    """Write a refusal: status Failed with subject, reason, and a message of at most 128 bytes (SGP.22 §6.5.1.4)."""
    subject, _, reason = str(refusal.code).partition("/")
    data = {"subjectCode": subject, "reasonCode": reason, "message": refusal.message}
    return msgspec.json.encode({"header": {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}})
