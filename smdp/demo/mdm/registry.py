"""Which devices there are, and which certificate belongs to which: NanoMDM's rules of certificate and UDID.

A certificate is bound to a device when that authenticates. It can't serve for another one, and nothing else is heard
from a device without the certificate that is bound to it; a new one binds with the next Authenticate.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smdp.demo.mdm.queue import Queue

MAX_DEVICES = 10_000
"""Devices that are remembered."""


class NotAssociated(Exception):  # noqa: N818 - says what is the matter
    """The certificate does not belong to this device, or the device to nobody (500)."""


@dataclass(slots=True, kw_only=True)
class Enrolled:
    """A device: what it said of itself, and what it wants. `udid` is the EnrollmentID of a user enrolment."""

    udid: str
    user_enrollment: bool = False
    enrolled: bool = False
    token_updates: int = 0
    last_seen: datetime | None = None
    about: dict[str, Any] = field(default_factory=dict)
    """OSVersion, BuildVersion, ProductName, SerialNumber, IMEI, MEID, Topic, as it authenticated."""
    token: bytes | None = field(default=None, repr=False)
    unlock_token: bytes | None = field(default=None, repr=False)
    bootstrap_token: bytes | None = field(default=None, repr=False)
    awaiting_configuration: bool = False
    status_report: dict[str, Any] | None = None
    """The last that it reported by declarative management."""
    queue: Queue = field(default_factory=Queue, repr=False)


class Registry:
    """The devices by UDID, and the owner of each certificate by its SHA-256."""

    def __init__(self, limit: int = MAX_DEVICES) -> None:
        self.devices: dict[str, Enrolled] = {}
        self._limit = limit
        self._certificates: dict[str, bytes] = {}
        self._owners: dict[bytes, str] = {}
        self._waiting: dict[str, asyncio.Event] = {}

    def device(self, udid: str) -> Enrolled:
        """Return a device, a new one if it is unknown. Raises NotAssociated when there are too many."""
        found = self.devices.get(udid)
        if found is None:
            if len(self.devices) >= self._limit:
                raise NotAssociated(f"there are {self._limit} devices already")
            found = self.devices[udid] = Enrolled(udid=udid)
        return found

    def bind(self, udid: str, fingerprint: bytes) -> None:
        """Give a certificate to a device that authenticates. Raises NotAssociated."""
        if self._owners.get(fingerprint, udid) != udid:
            raise NotAssociated("cert re-use not permitted")
        before = self._certificates.get(udid)
        if before is not None and before != fingerprint:
            del self._owners[before]
        self._certificates[udid] = fingerprint
        self._owners[fingerprint] = udid

    def check(self, udid: str, fingerprint: bytes) -> None:
        """Check that a certificate belongs to a device. Raises NotAssociated."""
        if self._certificates.get(udid) != fingerprint:
            raise NotAssociated("enrollment not associated with cert")

    def enrolled(self, udid: str) -> None:
        """Note that a device can be pushed to, and wake who waits for it."""
        self.devices[udid].enrolled = True
        if (event := self._waiting.pop(udid, None)) is not None:
            event.set()

    async def until_enrolled(self, udid: str) -> Enrolled:
        """Wait until a device has enrolled."""
        found = self.devices.get(udid)
        while found is None or not found.enrolled:
            await self._waiting.setdefault(udid, asyncio.Event()).wait()
            found = self.devices.get(udid)
        return found
