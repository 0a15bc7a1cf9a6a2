"""What goes wrong on a device because a test wants it: asked for where it would, and done to device and eUICC."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence

from smdp.device.failure import DownloadError, es9_failure, failure
from smdp.model import Fault
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import BppCommandId, ErrorReason
from smdp.rsp.euicc.state import Euicc

Trouble = Callable[[str, str | None, str | None], Awaitable[Sequence[Fault]]]
"""Which faults meet a step of this device, the ICCID and the session being what they are, if they are."""

_FIX = "It is meant to be so: smdp fault list shows the faults, smdp fault clear takes them away."


async def no_trouble(_step: str, _iccid: str | None, _session: str | None) -> Sequence[Fault]:
    """Let all go well."""
    return ()


def cut_off(faults: Sequence[Fault], address: str) -> DownloadError | None:
    """Say why the device can't reach the server, if these faults are why."""
    names = {fault.do for fault in faults}
    if "offline" in names:
        return failure("offline")
    if "no-route-to-carrier" in names:
        return es9_failure("server-unreachable", address=address, problem="no route to host")
    return None


@contextlib.contextmanager
def strained(euicc: Euicc, faults: Sequence[Fault]) -> Iterator[None]:
    """Have the eUICC be full while inside, if one of these faults says so."""
    memory = euicc.memory
    if any(fault.do == "no-memory" for fault in faults):
        euicc.memory -= euicc.free_memory
    try:
        yield
    finally:
        euicc.memory = memory


def given_up(faults: Sequence[Fault]) -> tuple[BppCommandId, Refusal] | None:
    """Say at which command and why the eUICC gives an installation up, if one of these faults says so."""
    for fault in faults:
        if fault.do == "iccid-already-exists":
            error = ErrorReason.INSTALL_FAILED_DUE_TO_ICCID_ALREADY_EXISTS_ON_EUICC
            because = "A profile with this ICCID is on the eUICC already, it says."
            return BppCommandId.STORE_METADATA, Refusal("fault", error, "iccid-already-exists", because, _FIX)
        if fault.do == "install-error":
            command, error = BppCommandId(fault.with_["command"]), ErrorReason(fault.with_["error"])
            because = f"The eUICC gave the installation up: bppCommandId {int(command)}, errorReason {int(error)}."
            return command, Refusal("fault", error, "install-error", because, _FIX)
    return None
