"""The blocking way to the control API, on the standard library: a connection per call, time-outs everywhere."""

import http.client
import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from smdp.client import steps
from smdp.client.steps import Request, Steps, Unexpected
from smdp.client.wire import LARGEST_EVENT, SILENCE_SECONDS, STREAM, Wire
from smdp.errors import SmdpError

T = TypeVar("T")

_CHUNK = 64 * 1024
_OK = 200


class Transport(Wire):
    """Talks to one control API; a connection per call, so that threads may share it. Nothing is sent twice."""

    def run(self, doing: Steps[T]) -> T:
        """Send what the steps ask for, one request after the other, and return what comes of it."""
        try:
            request = next(doing)
            while True:
                try:
                    data = self._send(request)
                except SmdpError as error:
                    request = doing.throw(error)
                else:
                    request = doing.send(data)
        except StopIteration as done:
            value: T = done.value
            return value
        except Unexpected as error:
            raise self.foreign(str(error)) from None

    def call(self, method: str, path: str, body: Any = None, *, into: type[T], **more: Any) -> T:
        """Send a request, a body as JSON, and decode the answer."""
        return self.run(steps.call(method, path, body, into=into, **more))

    def fetch(self, method: str, path: str, body: Any = None, **more: Any) -> bytes:
        """Send a request and return the answer's body. Raises ApiError for what the server refuses."""
        return self.run(steps.fetch(method, path, body, **more))

    def stream(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[bytes]:
        """Yield the data of server-sent events, one line of JSON each, until the server ends the stream."""
        request = Request("GET", path, query=query, timeout=SILENCE_SECONDS)
        connection, response = self._open(request, SILENCE_SECONDS, STREAM)
        try:
            if response.status != _OK:
                self.check(response.status, self._read(response, time.monotonic() + self.timeout))
            if response.headers.get_content_type() != STREAM["Accept"]:
                raise self.foreign("sends no event stream")
            while line := response.readline(LARGEST_EVENT):
                if line.startswith(b"data:"):
                    yield line[5:].strip()
        except (OSError, http.client.HTTPException):
            return
        finally:
            response.close()
            connection.close()

    def _send(self, request: Request) -> bytes:
        timeout = request.timeout or self.timeout
        connection, response = self._open(request, timeout)
        try:
            data = self._read(response, time.monotonic() + timeout)
        finally:
            response.close()
            connection.close()
        return self.check(response.status, data)

    def _open(
        self, request: Request, timeout: float, headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=timeout)
        try:
            connection.request(request.method, self.target(request), *self.message(request, headers))
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self.unreachable(error, timeout) from None

    def _read(self, response: http.client.HTTPResponse, deadline: float) -> bytes:
        """Read a body, however slowly it comes, until the deadline."""
        data = bytearray()
        try:
            while chunk := response.read1(_CHUNK):
                data += chunk
                self.check_size(data)
                if time.monotonic() > deadline:
                    raise TimeoutError
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error, self.timeout) from None
        return bytes(data)
