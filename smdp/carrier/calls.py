"""One call of an ES9+ function, and what is answered."""

import time
from typing import NamedTuple

from msgspec import Struct

from smdp.model import Carrier, Fault
from smdp.rsp.checks import Refusal
from smdp.rsp.server.session import Policy
from smdp.rsp.wire import Request
from smdp.storage.queries.control import Control


class Answer(NamedTuple):
    """What goes back to the LPA: a body in the JSON binding, the refusal it carries, and what the wire does to it."""

    body: bytes
    refusal: Refusal | None = None
    faults: tuple[Fault, ...] = ()


class Call(Struct, frozen=True):
    """One call of one function, on its way through."""

    carrier: Carrier
    host: str
    control: Control
    policy: Policy
    request: Request
    body: bytes
    began: float

    @property
    def function(self) -> str:
        """The function's name."""
        return self.request.function

    @property
    def milliseconds(self) -> float:
        """How long it has taken so far."""
        return round((time.perf_counter() - self.began) * 1000, 2)
