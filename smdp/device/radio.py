"""The modem: the USIM of the enabled eSIM attaches to its network by AKA (TS 33.102 §6.3.3, TS 24.301 §5.5.1).

The USIM works out RES from the key in the package that is installed, and believes a network only whose AUTN was made
with the same key and a fresh sequence number. What the network says is kept for each eSIM, until it is switched off.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from smdp.device.examine import Sim
from smdp.rsp.euicc.state import InstalledProfile
from smdp.rsp.ids import iccid_of_bytes
from smdp.upp import aka

_SYNCHRONISATIONS = 2
"""How often in a row a device tells a network that its sequence number is stale (TS 24.301 §5.4.2.7)."""
_SEPARATION_BIT = 0x80
_LABELS = ("Primary", "Secondary")


class Challenge(Struct, frozen=True):
    """What a network asks of a USIM: RAND and AUTN, 16 bytes each."""

    rand: bytes
    autn: bytes


class Admitted(Struct, frozen=True):
    """What the network tells a device that it lets in."""

    network_name: str
    mcc: str
    mnc: str
    msisdn: str | None = None


class Rejected(Struct, frozen=True):
    """Why a device has no network: a slug, and one sentence."""

    reason: str
    because: str = ""


class Network(Protocol):
    """The network in reach that knows a USIM, if there is one; RES and AUTS go to it as they are."""

    async def challenge(self, imsi: str) -> Challenge | Rejected:
        """Be asked to let an IMSI in."""

    async def answer(self, imsi: str, rand: bytes, res: bytes) -> Admitted | Rejected:
        """Be given RES, 4 to 16 bytes."""

    async def resynchronise(self, imsi: str, rand: bytes, auts: bytes) -> Challenge | Rejected:
        """Be given AUTS, 14 bytes."""


class Line(Struct, kw_only=True):
    """What a device remembers of an eSIM beside its profile: label, the USIM's sequence numbers, the network's answer.

    `sequence` holds the highest SEQ accepted per IND, 32 of them; it stays when the eSIM is switched off.
    """

    label: str
    sequence: tuple[int, ...] | None = None
    admitted: Admitted | None = None
    rejected: Rejected | None = None


def follow(lines: dict[str, Line], profiles: Iterable[InstalledProfile]) -> None:
    """Have a line for each profile and no others; those of disabled profiles have no network."""
    installed = {iccid_of_bytes(profile.iccid): profile for profile in profiles}
    for iccid in lines.keys() - installed.keys():
        del lines[iccid]
    for iccid, profile in installed.items():
        if iccid not in lines:
            first = all(line.label != _LABELS[0] for line in lines.values())
            lines[iccid] = Line(label=_LABELS[0] if first else _LABELS[1])
        if not profile.enabled:
            lines[iccid].admitted = lines[iccid].rejected = None


def has_tried(line: Line) -> bool:
    """Say whether an eSIM knows already what its network says."""
    return line.admitted is not None or line.rejected is not None


def label_id(eid: str, iccid: str) -> str:
    """Name the label of an eSIM on a device: a UUID, the same as long as the eSIM is there."""
    return str(UUID(bytes=sha256(f"{eid} {iccid}".encode()).digest()[:16], version=4)).upper()


async def attach(sim: Sim, line: Line, network: Network) -> None:
    """Attach, and note in `line` what became of it."""
    functions = None if sim.aka is None else aka.functions(sim.aka)
    if sim.aka is None or functions is None:
        because = "The USIM's algorithm is not built in (TUAK), or it has none."
        line.admitted, line.rejected = None, Rejected("authentication-failed", because)
        return
    reply: Challenge | Admitted | Rejected = await network.challenge(sim.imsi)
    stale = 0
    while isinstance(reply, Challenge):
        sequence = line.sequence or sim.aka.sqn_init
        said = aka.authenticate(functions, reply.rand, reply.autn, sequence, sim.aka.sqn_delta)
        if isinstance(said, aka.Answer) and reply.autn[6] & _SEPARATION_BIT:
            line.sequence = said.sequence
            reply = await network.answer(sim.imsi, reply.rand, said.res)
        elif isinstance(said, aka.Synchronisation) and stale < _SYNCHRONISATIONS:
            stale += 1
            reply = await network.resynchronise(sim.imsi, reply.rand, said.auts)
        else:
            reply = _distrusted(said)
    line.admitted = reply if isinstance(reply, Admitted) else None
    line.rejected = reply if isinstance(reply, Rejected) else None


def _distrusted(said: aka.Answer | aka.Synchronisation | aka.MacFailure) -> Rejected:
    if isinstance(said, aka.MacFailure):
        return Rejected("network-not-genuine", "AUTN was not made with the USIM's key (MAC failure).")
    if isinstance(said, aka.Synchronisation):
        return Rejected("sequence-stale", "The network's sequence number stays stale (synch failure).")
    return Rejected("network-not-genuine", "AUTN's separation bit is not set, so it is none for LTE or 5G.")
