"""The part of the client that is about the MDM half of a hosted device: enrolment, polls, its holder, erasure."""

from base64 import b64encode
from pathlib import Path
from typing import Any, Literal

from smdp.client.scope import OfCarrier
from smdp.client.steps import Page, Request, Steps, call, decode, every, fetch, verb
from smdp.client.words import given, join
from smdp.errors import UsageError
from smdp.model import Attempted, Device, Erased, Polled

Action = Literal["add-esim", "remove-esim", "transfer", "app-data", "plan-settings", "wrong-passcode", "erase"]
"""What the holder of a device may try."""
Trigger = Literal["find-my", "recovery", "configurator", "dfu", "return-to-service"]
"""What may erase a device, besides its MDM and its holder."""

MDM_SECONDS = 180.0
"""How long a conversation with an MDM may take, commands and SCEP retries included."""
_LARGEST_FILE = 8 * 1024**2


class Managing(OfCarrier):
    """Enrolment and the command loop of hosted devices, and what their holders do."""

    @verb
    def enroll_device(
        self,
        eid: str,
        *,
        url: str | None = None,
        profile: bytes | Path | None = None,
        mdm_ca: str | Path | None = None,
        allow_http: bool = False,
        ade: bool = False,
    ) -> Steps[Device]:
        """Enrol a device with an MDM, by the URL of its enrolment profile or by the profile (.mobileconfig) itself.

        `mdm_ca` (PEM, or the path of a file) is trusted besides the certificates in the profile; `allow_http` permits
        servers without TLS; `ade` enrols as Automated Device Enrollment does. Raises UsageError for a file that can't
        be read, ApiError for what profile, MDM or SCEP server do wrong.
        """
        if (url is None) == (profile is None):
            raise UsageError("Give the URL of an enrolment profile or the profile itself, one of them.")
        body = {
            "url": url,
            "profile": None if profile is None else b64encode(content(profile)).decode(),
            "mdm_ca": content(mdm_ca).decode("utf-8", "replace") if isinstance(mdm_ca, Path) else mdm_ca,
            "allow_http": allow_http or None,
            "ade": ade or None,
        }
        path = _device(eid, "enroll")
        return call("POST", path, given(body), into=Device, timeout=MDM_SECONDS)

    @verb
    def unenroll_device(self, eid: str) -> Steps[None]:
        """Remove a device's enrolment profile, as its holder does; the MDM gets a CheckOut if the profile says so."""
        yield Request("DELETE", _device(eid, "enroll"), timeout=MDM_SECONDS)

    @verb
    def poll_device(self, eid: str) -> Steps[Polled]:
        """Let a device ask its MDM for commands, and answer them until there are none.

        What the MDM does wrong is in the answer. Raises ApiError if the device is offline, or not enrolled.
        """
        return call("POST", _device(eid, "poll"), {}, into=Polled, timeout=MDM_SECONDS)

    @verb
    def user(self, eid: str, action: Action, /, **options: Any) -> Steps[Attempted]:
        """Let the holder of a device try something.

        Options: iccid (which eSIM), to (EID of the other device, for transfer), times (wrong-passcode), keep (erase).
        """
        body = given({"action": action, **options})
        return call("POST", _device(eid, "user"), body, into=Attempted, timeout=MDM_SECONDS)

    @verb
    def erase_device(self, eid: str, by: Trigger) -> Steps[Erased]:
        """Erase a device by other means than its MDM's command; whether eSIMs stay depends on the means."""
        return call("POST", _device(eid, "erase"), {"by": by}, into=Erased, timeout=MDM_SECONDS)

    @verb
    def service_subscriptions(self, eid: str, os: str | None = None) -> Steps[list[dict[str, Any]]]:
        """Return the rows that DeviceInformation answers for ServiceSubscriptions, with Apple's keys.

        `os` answers as another iOS version would.
        """
        page = yield from call("GET", _device(eid, "service-subscriptions"), into=Page, query={"os": os})
        return decode(page.items, list[dict[str, Any]])

    @verb
    def service_subscriptions_plist(self, eid: str, os: str | None = None) -> Steps[bytes]:
        """Return the same rows as an XML property list."""
        query = {"os": os, "as": "plist"}
        return fetch("GET", _device(eid, "service-subscriptions"), query=query)

    @verb
    def notices(self, eid: str) -> Steps[list[str]]:
        """Return what the screen of a device has shown, oldest first."""
        return every(_device(eid, "notices"), str)


def _device(eid: str, *names: str) -> str:
    return join("/api/v1/devices", eid, *names)


def content(source: bytes | Path) -> bytes:
    """Return what is given, or what a file holds: at most 8 MiB. Raises UsageError."""
    if isinstance(source, bytes):
        return source
    try:
        with source.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"Cannot read {source}: {error.strerror or error}.") from None
    if len(data) > _LARGEST_FILE:
        raise UsageError(f"{source} has more than {_LARGEST_FILE >> 20} MiB.")
    return data
