"""ES9+ from the device's side: the JSON binding over HTTPS (SGP.22 §6.2, §6.3, §6.5).

Nothing the server sends is taken on trust: answers are bounded in size and time, and whatever is wrong with one becomes
an `Es9Error` with a reason.
"""

import binascii
import json
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp

from smdp.device.failure import Es9Error, es9_failure
from smdp.device.resolve import Resolve, Resolver, system_text

PATH = "/gsma/rsp2/es9plus/"
ADMIN_PROTOCOL = "gsma/rsp/v2.5.0"
HEADERS = {
    "User-Agent": "gsma-rsp-lpad",
    "X-Admin-Protocol": ADMIN_PROTOCOL,
    "Content-Type": "application/json",
}
REASON_HEADER = "X-Smdp-Reason"
"""A header in which smdp's server tells its own devices the slug that the standard's codes leave out."""
MAX_ANSWER = 512 * 1024
"""Longest answer in bytes; a package of 256 KiB takes 350 KiB in base64."""
WITHIN = 30.0
"""Seconds until an answer must be there."""

_ADDRESS = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?", re.ASCII)
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,8}", re.ASCII)
_HTTP_OK = 200
_HTTP_MULTIPLE_CHOICES = 300
_HTTP_TOO_MANY = 429
_MAX_DIGITS = 10
_NOT_EXACT = "path-not-exact"


class InitiateAuthentication(NamedTuple):
    """The answer to InitiateAuthentication; `transaction_id` is text, to be sent back as it came."""

    transaction_id: str
    server_signed1: bytes
    server_signature1: bytes
    euicc_ci_pk_id_to_be_used: bytes
    server_certificate: bytes


class AuthenticateClient(NamedTuple):
    """The answer to AuthenticateClient: complete TLVs."""

    profile_metadata: bytes
    smdp_signed2: bytes
    smdp_signature2: bytes
    smdp_certificate: bytes


class Es9Client:
    """Calls SM-DP+ servers; `tls` says whom the device trusts, `resolve` where names lead. Close it in the end."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        resolve: Resolve | None = None,
        within: float = WITHIN,
        max_answer: int = MAX_ANSWER,
    ) -> None:
        self._tls = tls
        self._resolve = resolve
        self._within = within
        self._max_answer = max_answer
        self._http: aiohttp.ClientSession | None = None
        self._retired: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        for session in (self._http, self._retired):
            if session is not None:
                await session.close()
        self._http = self._retired = None

    async def reconnect(self) -> None:
        """Open new connections from now on; what is under way on the old ones has until the next time."""
        if self._retired is not None:
            await self._retired.close()
        self._http, self._retired = None, self._http

    # --- the five functions

    async def initiate_authentication(
        self, address: str, challenge: bytes, info1: bytes, *, below: str = ""
    ) -> InitiateAuthentication:
        """ES9+.InitiateAuthentication: 16 bytes challenge, EUICCInfo1 as BF20 (SGP.22 §5.6.1).

        `below` is what comes before the path of ES9+, here and in the other functions: the path of an MDM's URL.
        """
        function = "initiateAuthentication"
        members = {"euiccChallenge": _base64(challenge), "euiccInfo1": _base64(info1), "smdpAddress": address}
        answer = await self._call(address, function, members, below)
        return InitiateAuthentication(
            _text(answer, function, "transactionId"),
            _bytes(answer, function, "serverSigned1"),
            _bytes(answer, function, "serverSignature1"),
            _bytes(answer, function, "euiccCiPKIdToBeUsed"),
            _bytes(answer, function, "serverCertificate"),
        )

    async def authenticate_client(
        self, address: str, transaction_id: str, response: bytes, *, below: str = ""
    ) -> AuthenticateClient:
        """ES9+.AuthenticateClient with the eUICC's BF38 (SGP.22 §5.6.3)."""
        function = "authenticateClient"
        members = {"transactionId": transaction_id, "authenticateServerResponse": _base64(response)}
        answer = await self._call(address, function, members, below)
        return AuthenticateClient(
            _bytes(answer, function, "profileMetadata"),
            _bytes(answer, function, "smdpSigned2"),
            _bytes(answer, function, "smdpSignature2"),
            _bytes(answer, function, "smdpCertificate"),
        )

    async def get_bound_profile_package(
        self, address: str, transaction_id: str, response: bytes, *, below: str = ""
    ) -> bytes:
        """ES9+.GetBoundProfilePackage with the eUICC's BF21; the answer is BF36 (SGP.22 §5.6.2)."""
        function = "getBoundProfilePackage"
        members = {"transactionId": transaction_id, "prepareDownloadResponse": _base64(response)}
        return _bytes(await self._call(address, function, members, below), function, "boundProfilePackage")

    async def cancel_session(self, address: str, transaction_id: str, response: bytes, *, below: str = "") -> None:
        """ES9+.CancelSession with the eUICC's BF41 (SGP.22 §5.6.5)."""
        members = {"transactionId": transaction_id, "cancelSessionResponse": _base64(response)}
        await self._call(address, "cancelSession", members, below)

    async def handle_notification(self, address: str, notification: bytes) -> None:
        """ES9+.HandleNotification; any 2xx acknowledges it (SGP.22 §5.6.4)."""
        await self._post(address, "handleNotification", {"pendingNotification": _base64(notification)})

    # --- the way there

    async def _call(self, address: str, function: str, members: Mapping[str, str], below: str) -> dict[str, Any]:
        """Call a function that answers, and return the answer's members if it was executed."""
        body, slug = await self._post(address, function, members, below)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise es9_failure("answer-not-json", address=address, function=function)
        _raise_if_refused(answer, function, slug)
        return answer

    async def _post(
        self, address: str, function: str, members: Mapping[str, str], below: str = ""
    ) -> tuple[bytes, str]:
        """POST, and return the body and the server's own slug."""
        if not _ADDRESS.fullmatch(address):
            raise es9_failure("address-malformed", address=repr(address[:64]))
        words = {"address": address, "function": function}
        try:
            url = f"https://{address}{below}{PATH}{function}"
            async with self._session().post(url, json=members, headers=HEADERS, allow_redirects=False) as response:
                if not _HTTP_OK <= response.status < _HTTP_MULTIPLE_CHOICES:
                    raise _turned_away(response, words)
                return await self._read(response, words), response.headers.get(REASON_HEADER, "")
        except TimeoutError:
            raise es9_failure("server-timeout", seconds=self._within, **words) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise es9_failure("tls-untrusted", problem=system_text(error.certificate_error), **words) from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise es9_failure("tls-failed", problem=system_text(error), **words) from None
        except aiohttp.ClientPayloadError:
            raise es9_failure("answer-cut", **words) from None
        except (aiohttp.InvalidURL, ValueError):
            raise es9_failure("address-malformed", address=repr(address)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise es9_failure("server-unreachable", problem=system_text(error), **words) from None

    async def _read(self, response: aiohttp.ClientResponse, words: Mapping[str, str]) -> bytes:
        """Read the body, but not more than it may have."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_answer:
                raise es9_failure("answer-too-large", limit=self._max_answer, **words)
        return bytes(body)

    def _session(self) -> aiohttp.ClientSession:
        """Open the connection pool on first use, in the loop that uses it."""
        if self._http is None:
            connector = aiohttp.TCPConnector(ssl=self._tls, resolver=Resolver(self._resolve), use_dns_cache=False)
            timeout = aiohttp.ClientTimeout(total=self._within)
            self._http = aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._http


def _turned_away(response: aiohttp.ClientResponse, words: Mapping[str, str]) -> Es9Error:
    """Say what a status means that is no success; Retry-After may be seconds or a date (RFC 9110 §10.2.3)."""
    if response.headers.get(REASON_HEADER) == _NOT_EXACT:
        return es9_failure(_NOT_EXACT, **words)
    if response.status != _HTTP_TOO_MANY:
        return es9_failure("http-status", status=response.status, **words)
    after = response.headers.get("Retry-After", "")
    seconds = after.isascii() and after.isdecimal() and len(after) < _MAX_DIGITS
    return es9_failure("rate-limited", when=f"after {after} s" if seconds else "later", **words)


def _raise_if_refused(answer: Mapping[str, Any], function: str, slug: str) -> None:
    """Look at functionExecutionStatus (SGP.22 §6.5.1.4)."""
    status = _at(answer, "header", "functionExecutionStatus")
    if not isinstance(status, Mapping) or not isinstance(status.get("status"), str):
        raise es9_failure("answer-member-missing", function=function, member="functionExecutionStatus")
    if status["status"].startswith("Executed"):
        return
    subject, reason, message = (_short(status, name) for name in ("subjectCode", "reasonCode", "message"))
    own = slug if _SLUG.fullmatch(slug) else "server-refused"
    code = f"{subject}/{reason}" if subject and reason else None
    raise Es9Error(own, message or f"The server refused {function}.", "", code=code)


def _short(status: Mapping[str, Any], name: str) -> str:
    """Read a member of statusCodeData, at most 200 characters of it; nothing if it is no string."""
    value = _at(status, "statusCodeData", name)
    return value[:200] if isinstance(value, str) else ""


def _at(value: object, *names: str) -> object:
    """Descend into JSON objects, as far as they are there."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(answer: Mapping[str, Any], function: str, member: str) -> str:
    value = answer.get(member)
    if value is None:
        raise es9_failure("answer-member-missing", function=function, member=member)
    if not isinstance(value, str):
        raise es9_failure("answer-member-malformed", function=function, member=member)
    return value


def _bytes(answer: Mapping[str, Any], function: str, member: str) -> bytes:
    """Decode base64; some servers break lines in it."""
    try:
        return binascii.a2b_base64("".join(_text(answer, function, member).split()), strict_mode=True)
    except ValueError:
        raise es9_failure("answer-member-malformed", function=function, member=member) from None


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
