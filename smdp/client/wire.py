"""What both clients say and read on the wire, and the sentence for whatever goes wrong there."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec

from smdp.client.steps import Request
from smdp.errors import ApiError, ServerUnreachable, UsageError
from smdp.model import Problem

LARGEST_ANSWER = 64 * 1024**2
LARGEST_EVENT = 1024**2
SILENCE_SECONDS = 60.0
"""How long a stream of events may say nothing; the server says something every 15 seconds."""
STREAM = {"Accept": "text/event-stream"}
_FIRST_ERROR = 400


class Wire:
    """One control API: where it is, and how it is spoken to. `timeout` in seconds. Raises UsageError for no URL."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise UsageError(f"{url!r} is no URL of a control API; it looks like http://127.0.0.1:8080.")
        self.url, self.token, self.timeout = url.rstrip("/"), token, timeout
        self.tls, self.port = parts.scheme == "https", port
        self._host, self._authority = parts.hostname, parts.netloc.rpartition("@")[2]

    @property
    def host(self) -> str:
        """Where to connect: *.localhost is this machine (RFC 6761 §6.3), whether the resolver knows it or not."""
        return "localhost" if self._host.endswith(".localhost") else self._host

    def target(self, request: Request) -> str:
        """Return the path with the query."""
        given = {name: value for name, value in (request.query or {}).items() if value is not None}
        return f"{request.path}?{urlencode(given)}" if given else request.path

    def message(
        self, request: Request, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes | None, dict[str, str]]:
        """Return body and headers."""
        message = {
            "Host": self._authority,
            "Accept": "application/json",
            "User-Agent": "smdp-client",
            **(headers or {}),
        }
        if self.token:
            message["Authorization"] = f"Bearer {self.token}"
        if request.body is None:
            return None, message
        return msgspec.json.encode(request.body), {**message, "Content-Type": "application/json"}

    def check(self, status: int, data: bytes) -> bytes:
        """Return the body of a success. Raises ApiError for what the server refuses."""
        if status >= _FIRST_ERROR:
            raise ApiError(self._problem(status, data))
        if not 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls success
            raise self.foreign(f"answers {status}")
        return data

    def check_size(self, data: bytearray) -> None:
        """Raise ServerUnreachable for an answer without end."""
        if len(data) > LARGEST_ANSWER:
            raise self.foreign(f"sends more than {LARGEST_ANSWER >> 20} MiB")

    def _problem(self, status: int, data: bytes) -> Problem:
        try:
            return msgspec.json.decode(data, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self.foreign(f"answers {status} {http.client.responses.get(status, '')}".rstrip()) from None

    def foreign(self, what: str) -> ServerUnreachable:
        """Say that somebody else answers."""
        return ServerUnreachable(f"{self.url} {what}, so it is not smdp's control API: is it the control port?")

    def unreachable(self, error: Exception, timeout: float) -> ServerUnreachable:
        """Say why nobody answers."""
        if isinstance(error, ConnectionRefusedError):
            return ServerUnreachable(f"Nobody answers at {self.url}; start one with: smdp serve")
        if isinstance(error, TimeoutError):
            return ServerUnreachable(f"{self.url} did not answer within {timeout:g} s.")
        if isinstance(error, socket.gaierror):
            return ServerUnreachable(f"The name {self._host} leads nowhere, so {self.url} cannot be reached.")
        if isinstance(error, http.client.HTTPException | ConnectionResetError):
            return self.foreign("hangs up" if isinstance(error, ConnectionError) else "does not answer in HTTP")
        if isinstance(error, ssl.SSLError):
            return ServerUnreachable(f"No trusted TLS connection to {self.url}: {error.reason or error}.")
        return ServerUnreachable(f"{self.url} cannot be reached: {getattr(error, 'strerror', None) or error}.")
