"""The two ways to an MDM server: PUT to the check-in URL and PUT to the server URL, over mutual TLS.

The Content-Type of an answer is not looked at, as servers differ; what is in it must be a property list.
"""

import asyncio
import json
from typing import Any

from smdp.device.mdm.enrollment import Enrollment, host_of
from smdp.device.mdm.failure import MdmError, mdm_failure
from smdp.device.mdm.identity import mdm_signature, private_key
from smdp.device.mdm.plist import read_plist, write_plist
from smdp.device.mdm.web import MAX_BODY, WITHIN, Answered, Web
from smdp.device.resolve import Resolve

CHECK_IN = "application/x-apple-aspen-mdm-checkin"
CONNECT = "application/x-apple-aspen-mdm; charset=UTF-8"
USER_AGENT = "MDM/1.0"
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403
_CODES_SINCE = 17
"""The iOS from which 403 bodies have a meaning."""


class Channel:
    """One device's way to its MDM server; the TLS context is built once, on first use. Close it in the end.

    `os` decides what a 403 means. `resolve` says where names lead, before the system is asked. Who holds `turn` has the
    conversation to itself.
    """

    def __init__(
        self, enrollment: Enrollment, *, os: str = "26.1", resolve: Resolve | None = None, within: float = WITHIN
    ) -> None:
        self.enrollment = enrollment
        self.turn = asyncio.Lock()
        self._reads_codes = int(os.partition(".")[0]) >= _CODES_SINCE
        self._web = Web(enrollment.anchors, chain=enrollment.chain, key=enrollment.key, resolve=resolve, within=within)
        self._signs = _Signs(enrollment) if enrollment.sign_message else None

    async def close(self) -> None:
        """Close the connections; used again, it opens new ones. An open one costs 300 KiB, for 5 s after its use."""
        await self._web.close()

    async def check_in(self, message: dict[str, Any]) -> bytes:
        """Send a check-in message and return the body of the answer. Raises MdmError."""
        return await self._put(self.enrollment.check_in_url, CHECK_IN, write_plist(message))

    async def connect(self, status: dict[str, Any] | bytes) -> dict[str, Any] | None:
        """Send a status or a result, as a dictionary or as XML, and return the next command; None: there is none.

        Raises MdmError.
        """
        body = status if isinstance(status, bytes) else write_plist(status)
        answer = await self._put(self.enrollment.server_url, CONNECT, body)
        return read_plist(answer, "The server's command") if answer.strip() else None

    async def _put(self, url: str, kind: str, body: bytes) -> bytes:
        headers = {"Content-Type": kind, "User-Agent": USER_AGENT}
        if self._signs is not None:
            headers["Mdm-Signature"] = self._signs(body)
        answer = await self._web.request("PUT", url, body=body, headers=headers, limit=MAX_BODY)
        if answer.status != _OK:
            raise self._refused(answer, host_of(url))
        return answer.body

    def _refused(self, answer: Answered, host: str) -> MdmError:
        """Say what another status than 200 means."""
        if answer.status == _UNAUTHORIZED:
            return mdm_failure("unauthorized", host=host)
        if answer.status == _FORBIDDEN and self._reads_codes:
            said = _code(answer)
            code = said.get("code")
            if code == "com.apple.unrecognized.device":
                return mdm_failure("unrecognized-device", host=host)
            if code == "com.apple.softwareupdate.required":
                return mdm_failure("software-update-required", host=host, detail=_wanted(said))
            if isinstance(code, str):
                return mdm_failure("refused-with-code", host=host, code=repr(code[:100]))
        return mdm_failure("http-status", host=host, status=answer.status)


class _Signs:
    """Signs bodies with an identity whose key is read once."""

    def __init__(self, enrollment: Enrollment) -> None:
        self._certificate = enrollment.chain[0] if enrollment.chain else b""
        self._key = private_key(enrollment.key)

    def __call__(self, body: bytes) -> str:
        return mdm_signature(body, self._certificate, self._key)


def _code(answer: Answered) -> dict[str, Any]:
    """Read the body of a 403, JSON or property list; nothing if it is neither."""
    try:
        if answer.body.lstrip()[:1] == b"{":
            said = json.loads(answer.body)
            return said if isinstance(said, dict) else {}
        return read_plist(answer.body)
    except (MdmError, ValueError, RecursionError):
        return {}


def _wanted(said: dict[str, Any]) -> str:
    details = said.get("details")
    version = details.get("OSVersion") if isinstance(details, dict) else None
    return f", {version[:20]}" if isinstance(version, str) else ""
