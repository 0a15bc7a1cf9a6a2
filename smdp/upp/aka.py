"""Authentication and key agreement: challenge, answer and resynchronisation (3GPP TS 33.102 §6.3).

A sequence number SQN is 6 bytes: SEQ (43 bits), then IND (5 bits), the entry of the USIM's array that it is compared
with (annex C). The USIM's array is an argument and part of the answer; nothing is kept here.
"""

from hmac import compare_digest
from typing import Protocol

from msgspec import Struct

from smdp.upp.contents import Aka, Algorithm, Quiet
from smdp.upp.milenage import Milenage, TestAlgorithm, xor

AMF = b"\x80\x00"
"""Authentication management field with the separation bit set, as LTE and 5G want it."""
AMF_RESYNC = b"\x00\x00"
SQN_DELTA = 1 << 28
INDICES = 32


class Functions(Protocol):
    """f1 to f5*, of Milenage or another algorithm."""

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes: ...  # noqa: D102 - see Milenage
    def f1star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes: ...  # noqa: D102 - see Milenage
    def f2(self, rand: bytes) -> bytes: ...  # noqa: D102 - see Milenage
    def f3(self, rand: bytes) -> bytes: ...  # noqa: D102 - see Milenage
    def f4(self, rand: bytes) -> bytes: ...  # noqa: D102 - see Milenage
    def f5(self, rand: bytes) -> bytes: ...  # noqa: D102 - see Milenage
    def f5star(self, rand: bytes) -> bytes: ...  # noqa: D102 - see Milenage


class Vector(Quiet, frozen=True):
    """An authentication vector: rand and autn 16 bytes for the device; xres, ck, ik stay with the network."""

    hidden = frozenset({"xres", "ck", "ik"})

    rand: bytes
    autn: bytes
    xres: bytes
    ck: bytes
    ik: bytes


class Answer(Quiet, frozen=True):
    """What a USIM answers to a challenge it accepts, and its array of SEQ from then on."""

    hidden = frozenset({"res", "ck", "ik"})

    res: bytes
    ck: bytes
    ik: bytes
    sequence: tuple[int, ...]


class Synchronisation(Struct, frozen=True):
    """What a USIM answers to a stale sequence number: auts, 14 bytes."""

    auts: bytes


class MacFailure(Struct, frozen=True):
    """What a USIM answers to a network that doesn't have its key."""


def functions(aka: Aka) -> Functions | None:
    """Make the functions for what a package authenticates with; None for algorithms that are not built in (TUAK)."""
    if aka.algorithm == Algorithm.MILENAGE:
        return Milenage(aka.key, aka.opc)
    return TestAlgorithm(aka.key) if aka.algorithm == Algorithm.TEST else None


def sqn(seq: int, ind: int) -> bytes:
    """Put SEQ and IND together, 6 bytes."""
    return (seq << 5 | ind).to_bytes(6, "big")


def challenge(algorithm: Functions, rand: bytes, sqn: bytes, amf: bytes = AMF) -> Vector:
    """Make an authentication vector from RAND (16 bytes, random), SQN (6) and AMF (2). TS 33.102 §6.3.2."""
    autn = xor(sqn, algorithm.f5(rand)) + amf + algorithm.f1(rand, sqn, amf)
    return Vector(rand, autn, algorithm.f2(rand), algorithm.f3(rand), algorithm.f4(rand))


def authenticate(
    algorithm: Functions, rand: bytes, autn: bytes, sequence: tuple[int, ...], delta: int = SQN_DELTA
) -> Answer | Synchronisation | MacFailure:
    """Answer a challenge as a USIM does: AUTN 16 bytes; `sequence` holds the highest SEQ accepted, per IND. §6.3.3.

    A SEQ is fresh if it is higher than its entry, and at most `delta` higher than the highest of all (§C.2.2).
    """
    if len(autn) != 16:
        return MacFailure()
    received, amf, mac = xor(autn[:6], algorithm.f5(rand)), autn[6:8], autn[8:]
    if not compare_digest(algorithm.f1(rand, received, amf), mac):
        return MacFailure()
    number = int.from_bytes(received, "big")
    seq, ind = number >> 5, number % INDICES
    highest = max(sequence)
    if not sequence[ind] < seq <= highest + delta:
        return Synchronisation(_auts(algorithm, rand, sqn(highest, sequence.index(highest))))
    after = (*sequence[:ind], seq, *sequence[ind + 1 :])
    return Answer(algorithm.f2(rand), algorithm.f3(rand), algorithm.f4(rand), after)


def _auts(algorithm: Functions, rand: bytes, highest: bytes) -> bytes:
    return xor(highest, algorithm.f5star(rand)) + algorithm.f1star(rand, highest, AMF_RESYNC)


def resynchronise(algorithm: Functions, rand: bytes, auts: bytes) -> bytes | None:
    """Get the USIM's highest SQN, 6 bytes, out of AUTS (14 bytes); None if it isn't that USIM's. TS 33.102 §6.3.5."""
    if len(auts) != 14:
        return None
    highest = xor(auts[:6], algorithm.f5star(rand))
    return highest if compare_digest(algorithm.f1star(rand, highest, AMF_RESYNC), auts[6:]) else None
