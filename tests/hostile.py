"""Bytes on a socket, whatever they are; and a log that may hold no traceback."""

import json
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

ES9 = "/gsma/rsp2/es9plus/"
NAME = "acme.smdp.localhost"
LOGGERS = ("smdp", "aiohttp", "asyncio")
PATIENCE = 10
"""Seconds until an answer has to be there; a server that hangs fails its test."""
ANYBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANYBODY.check_hostname, ANYBODY.verify_mode = False, ssl.CERT_NONE
"""TLS that trusts whoever answers."""


class Reply(NamedTuple):
    """An HTTP answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The status code of a function that failed."""
        assert self.status == 200, self
        status = self.json["header"]["functionExecutionStatus"]
        assert status["status"] == "Failed", self
        data = status["statusCodeData"]
        assert 0 < len(data["message"].encode()) <= 128
        return f"{data['subjectCode']}/{data['reasonCode']}"

    @property
    def reason(self) -> str:
        """The slug of a problem document, which is complete."""
        assert self.status >= 400, self
        assert self.headers["content-type"] == "application/problem+json", self
        problem = self.json
        assert problem["status"] == self.status
        assert all(problem[name].strip() for name in ("title", "reason", "because", "fix", "detail")), problem
        assert not any("{" in problem[name] and "}" not in problem[name] for name in ("because", "fix"))
        assert problem["because"].endswith("."), problem
        return problem["reason"]


def connect(port: int, *, tls: bool = True) -> socket.socket:
    """Open a connection to a server on loopback; the certificate is other tests' business."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    if not tls:
        return plain
    return ANYBODY.wrap_socket(plain, server_hostname=NAME)


def request(
    method: str = "POST",
    path: str = ES9 + "initiateAuthentication",
    body: bytes = b"",
    *,
    headers: bytes = b"",
    length: bool = True,
    version: str = "1.1",
    close: bool = True,
) -> bytes:
    """Write a request; what is odd about it goes in as it is."""
    head = f"{method} {path} HTTP/{version}\r\nHost: {NAME}\r\n".encode("latin-1")
    head += b"Connection: close\r\n" if close else b""
    head += b"Content-Length: %d\r\n" % len(body) if length else b""
    return head + headers + b"\r\n" + body


def call(function: str, members: object) -> bytes:
    """Write an honest POST of a JSON document to a function of ES9+."""
    return request(path=ES9 + function, body=json.dumps(members).encode())


def send(port: int, data: bytes, *, tls: bool = True) -> list[Reply]:
    """Send bytes and read all that is answered until the server closes the connection."""
    with connect(port, tls=tls) as wire:
        received = exchange(wire, data)
    return list(replies(received, data.split(b" ", 1)[0].decode("latin-1")))


def exchange(wire: socket.socket, data: bytes) -> bytes:
    """Send and read to the end; a server may close before it has read everything."""
    received = b""
    with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        wire.sendall(data)
    with suppress(ConnectionResetError, ssl.SSLEOFError):
        while chunk := wire.recv(65536):
            received += chunk
    return received


def replies(data: bytes, method: str = "POST") -> Iterator[Reply]:
    """Cut what a server said into its answers."""
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version.startswith("HTTP/"), first
        if status == "100":
            continue
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        yield Reply(int(status), headers, data[:length])
        data = data[length:]


class Records(logging.Handler):
    """Everything that was logged, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        """What any formatter may write of a record."""
        return [f"{one.getMessage()} {getattr(one, 'fields', '')} {one.exc_text or ''}" for one in self.records]

    def check(self) -> None:
        """Say that no bug was met: nothing at error, no exception, no traceback."""
        for record in self.records:
            assert record.levelno < logging.ERROR, record.getMessage()
            assert not record.exc_info, f"{record.getMessage()}: {record.exc_info}"
            assert "Traceback" not in record.getMessage()


@contextmanager
def logged(*names: str) -> Iterator[Records]:
    """Collect what these loggers say, at debug; however they were set up before."""
    handler = Records()
    loggers = [logging.getLogger(name) for name in names or LOGGERS]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        for logger, level in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
