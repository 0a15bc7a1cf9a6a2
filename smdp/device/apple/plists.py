"""Reading property lists that others wrote: bounded, and never an exception."""

import plistlib
from typing import Any
from xml.parsers.expat import ExpatError

from asn1crypto import cms

_SEQUENCE = 0x30
# What plistlib is known to raise on hostile input besides its own InvalidFileException (a ValueError).
_BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, ExpatError)


def read_plist(data: bytes) -> dict[str, Any] | None:
    """Read a property list, XML or binary, whose root is a dictionary; None for anything else."""
    try:
        found = plistlib.loads(data)
    except _BROKEN:
        return None
    return found if isinstance(found, dict) else None


def unwrap(data: bytes) -> tuple[bytes, tuple[bytes, ...]] | None:
    """Take a profile out of its CMS signature (DER); gives it with the certificates in DER, None if there is none.

    The signature itself is not verified: a device shows an unverified profile as such and installs it all the same.
    """
    if data[:1] != bytes((_SEQUENCE,)):
        return None
    try:
        signed = cms.ContentInfo.load(data)["content"]
        content = signed["encap_content_info"]["content"].native
        certificates = tuple(choice.chosen.dump() for choice in signed["certificates"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (content, certificates) if isinstance(content, bytes) else None
