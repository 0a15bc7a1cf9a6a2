"""What every command of the eUICC takes and gives: the world outside, the answer, and how checks become one.

A command is a function `(euicc, request, world) -> Answer`. Requests and answers are the TLVs of the card's command
interface (SGP.22 §5.7), so that a transport for APDUs only has to cut them up.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeVar

from asn1crypto import core

from smdp.rsp.checks import Check, Refusal, first_violated, refuse
from smdp.rsp.codes import StatusWord
from smdp.rsp.crypto import Entropy
from smdp.rsp.euicc.state import Euicc
from smdp.rsp.tlv import tlv


class Findings(NamedTuple):
    """What reading a package says: ICCID of its header (digits), bytes of memory it takes, what a card would stop at.

    `problem` is a sentence, and `response` the EUICCResponse that goes with it (upp.md §5.1). `test_keys_only` says
    that every NAA runs the test algorithm or has a published test key.
    """

    iccid: str | None
    size: int
    problem: str | None = None
    response: bytes = b""
    test_keys_only: bool = False


class World(NamedTuple):
    """What the eUICC knows from outside: the time, randomness, and how to read a profile package (DER)."""

    now: datetime
    entropy: Entropy
    examine_upp: Callable[[bytes], Findings]


class Answer(NamedTuple):
    """What the card answers: data (empty unless the status word is 9000), and for our ears the check that refused."""

    data: bytes = b""
    status: StatusWord = StatusWord.OK
    refusal: Refusal | None = None


Command = Callable[[Euicc, bytes, World], Answer]


class Context(Protocol):
    """What a list of checks is evaluated against."""

    def details(self) -> Mapping[str, object]:
        """Return the words for the sentences of the checks."""


C = TypeVar("C", bound=Context)


def refused(checks: Sequence[Check[C]], context: C) -> Refusal | None:
    """Evaluate checks in their order and turn the first that does not hold into a refusal."""
    check = first_violated(checks, context)
    return None if check is None else refuse(check, context.details())


def integer(tag: int, value: int) -> bytes:
    """Encode a non-negative INTEGER with the fewest bytes (X.690 §8.3)."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def object_identifier(tag: int, dotted: str) -> bytes:
    """Encode an OBJECT IDENTIFIER given in dotted form (X.690 §8.19)."""
    return tlv(tag, core.ObjectIdentifier(dotted).contents)


def result(tag: int, code: int, refusal: Refusal | None = None) -> Answer:
    """Answer with a result code alone: `BFxx { 80 code }`."""
    return Answer(tlv(tag, integer(0x80, code)), refusal=refusal)


def code_of(refusal: Refusal) -> int:
    """Return the error integer of an eUICC's refusal."""
    assert isinstance(refusal.code, IntEnum)  # noqa: S101 - the eUICC's lists hold no status code pairs
    return int(refusal.code)
