"""One HTTP call to the control API: time-outs everywhere, bounded answers, and every failure a sentence."""

import http.client
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from smdp.errors import ApiError, ServerUnreachable, UsageError
from smdp.model import Problem

T = TypeVar("T")

_LARGEST_ANSWER = 64 * 1024**2
_LARGEST_EVENT = 1024**2
_LONGEST_LIST = 10_000
_SILENCE_SECONDS = 60.0
BULK_SECONDS = 120.0
_CHUNK = 64 * 1024
_FIRST_ERROR = 400


class Page(msgspec.Struct):
    """One page of a list, and the cursor of the next."""

    items: msgspec.Raw
    next: str | int | None = None


class Transport:
    """Talks to one control API; a connection per call, so that threads may share it."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise UsageError(f"{url!r} is no URL of a control API; it looks like http://127.0.0.1:8080.")
        self.url, self.token, self.timeout = url.rstrip("/"), token, timeout
        self._tls, self._host, self._port = parts.scheme == "https", parts.hostname, port
        self._authority = parts.netloc.rpartition("@")[2]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        into: type[T],
        query: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> T:
        """Send a request, a body as JSON, and decode the answer."""
        return self.decode(self.fetch(method, path, body, query=query, timeout=timeout), into)

    def every(self, path: str, into: type[T], query: Mapping[str, Any] | None = None) -> Iterator[T]:
        """Yield the items of a list, page after page."""
        cursor: str | int | None = None
        for _ in range(_LONGEST_LIST):
            page = self.call("GET", path, into=Page, query={**(query or {}), "cursor": cursor})
            yield from self._items(page, into)
            if page.next is None or page.next == cursor:
                return
            cursor = page.next

    def post_list(self, path: str, body: Any, into: type[T]) -> list[T]:
        """Send what makes several resources, and return them."""
        return self._items(self.call("POST", path, body, into=Page, timeout=BULK_SECONDS), into)

    def _items(self, page: Page, into: type[T]) -> list[T]:
        return self.decode(page.items, list[into])  # type: ignore[valid-type] # a list of what was asked for

    def fetch(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Send a request and return the answer's body. Raises ApiError for what the server refuses."""
        connection, response = self._send(method, path, body, query, timeout=timeout or self.timeout)
        try:
            data = self._read(response, time.monotonic() + (timeout or self.timeout))
        finally:
            response.close()
            connection.close()
        if response.status >= _FIRST_ERROR:
            raise ApiError(self._problem(response.status, data))
        if not 200 <= response.status < 300:  # noqa: PLR2004 - what HTTP calls success
            raise self._foreign(f"answers {response.status}")
        return data

    def healthy(self, path: str) -> bool:
        """Say whether a health route answers with success; a refusal is an answer too."""
        try:
            self.fetch("GET", path)
        except ApiError:
            return False
        return True

    def stream(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[bytes]:
        """Yield the data of server-sent events, one line of JSON each, until the server ends the stream."""
        headers = {"Accept": "text/event-stream"}
        connection, response = self._send("GET", path, None, query, headers=headers, timeout=_SILENCE_SECONDS)
        try:
            if response.status >= _FIRST_ERROR:
                raise ApiError(self._problem(response.status, self._read(response, time.monotonic() + self.timeout)))
            if response.headers.get_content_type() != "text/event-stream":
                raise self._foreign("sends no event stream")
            while line := response.readline(_LARGEST_EVENT):
                if line.startswith(b"data:"):
                    yield line[5:].strip()
        except (OSError, http.client.HTTPException):
            return
        finally:
            response.close()
            connection.close()

    def decode(self, data: bytes | msgspec.Raw, into: type[T]) -> T:
        """Decode JSON. Raises ServerUnreachable if it is not what the API answers."""
        try:
            return msgspec.json.decode(data, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._foreign(f"sends what smdp does not ({error})") from None

    def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, Any] | None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(given)}" if given else path
        connection = self._connection(timeout)
        try:
            connection.request(method, target, *self._message(body, headers))
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error, timeout) from None

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        # *.localhost is this machine (RFC 6761 §6.3), whether the resolver knows it or not.
        host = "localhost" if self._host.endswith(".localhost") else self._host
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        return kind(host, self._port, timeout=timeout)

    def _message(self, body: Any, headers: Mapping[str, str] | None) -> tuple[bytes | None, dict[str, str]]:
        message = {
            "Host": self._authority,
            "Accept": "application/json",
            "User-Agent": "smdp-client",
            **(headers or {}),
        }
        if self.token:
            message["Authorization"] = f"Bearer {self.token}"
        if body is None:
            return None, message
        return msgspec.json.encode(body), {**message, "Content-Type": "application/json"}

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        """Read a body, however slowly it comes, until the deadline."""
        data = bytearray()
        try:
            while chunk := response.read1(_CHUNK):
                data += chunk
                if len(data) > _LARGEST_ANSWER:
                    raise self._foreign(f"sends more than {_LARGEST_ANSWER >> 20} MiB")
                if time.monotonic() > deadline:
                    raise TimeoutError
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, self.timeout) from None
        return bytes(data)

    def _problem(self, status: int, data: bytes) -> Problem:
        try:
            return msgspec.json.decode(data, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self._foreign(f"answers {status} {http.client.responses.get(status, '')}".rstrip()) from None

    def _foreign(self, what: str) -> ServerUnreachable:
        return ServerUnreachable(f"{self.url} {what}, so it is not smdp's control API: is it the control port?")

    def _unreachable(self, error: Exception, timeout: float) -> ServerUnreachable:
        if isinstance(error, ConnectionRefusedError):
            return ServerUnreachable(f"Nobody answers at {self.url}; start one with: smdp serve")
        if isinstance(error, TimeoutError):
            return ServerUnreachable(f"{self.url} did not answer within {timeout:g} s.")
        if isinstance(error, socket.gaierror):
            return ServerUnreachable(f"The name {self._host} leads nowhere, so {self.url} cannot be reached.")
        if isinstance(error, http.client.HTTPException | ConnectionResetError):
            return self._foreign("hangs up" if isinstance(error, ConnectionError) else "does not answer in HTTP")
        if isinstance(error, ssl.SSLError):
            return ServerUnreachable(f"No trusted TLS connection to {self.url}: {error.reason or error}.")
        return ServerUnreachable(f"{self.url} cannot be reached: {getattr(error, 'strerror', None) or error}.")
