"""A control API made of prepared answers, for tests of the client and the command line."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

EID = "89049032123451234512345678901235"
ICCID = "8900101000000000019"
NOW = "2026-12-01T00:00:00Z"
CARRIER = "/api/v1/carriers/default"


def profile(**changes):
    return {
        "iccid": ICCID, "eid": EID, "plan": "default", "imsi": "001010000000001", "msisdn": "+15550100001",
        "state": "released", "activation": {"state": "inactive", "reason": None, "since": NOW}, "matching_id": "AB-CD",
        "esim_server_url": "https://default.smdp.localhost:8443", "created_at": NOW,
        "activation_code": "LPA:1$default.smdp.localhost:8443$AB-CD", "from_the_future": 1,
    } | changes  # fmt: skip


def device(**changes):
    return {"eid": EID, "udid": "00008150-1", "serial": "F1", "imei": "353094184645589", "name": "Stub"} | changes


def event(**changes):
    return {"id": 7, "at": NOW, "wall": NOW, "type": "profile.issued", "carrier": "default", "eid": EID} | changes


def problem(status, reason, because, fix=""):
    body = {"title": "No", "status": status, "reason": reason, "because": because, "fix": fix}
    return status, body, "application/problem+json"


def page(*items, following=None):
    return {"items": list(items), "next": following}


class Stub:
    """Answers what `on` prepared, and remembers the requests as (method, path, query, body)."""

    def __init__(self):
        self.answers = {}
        self.requests = []
        self.headers = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def on(self, method, path, body, status=200, kind="application/json"):
        """Prepare an answer: an object, bytes as they are, a problem(), or a function of (query, body)."""
        self.answers[method, path] = body if isinstance(body, tuple) else (status, body, kind)

    def bodies(self, method, path):
        return [body for m, p, _, body in self.requests if (m, p) == (method, path)]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, method, target, headers, data):
        parts = urlsplit(target)
        body = json.loads(data) if data else None
        self.requests.append((method, parts.path, parts.query, body))
        self.headers.append(headers)
        missing = problem(404, "not-found", f"There is no {parts.path}.", "Look elsewhere.")
        status, answer, kind = self.answers.get((method, parts.path), missing)
        if callable(answer):
            answer = answer(parts.query, body)
        if isinstance(answer, tuple):
            status, answer, kind = answer
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), kind

    def _handler(self):
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length") or 0)
                status, data, kind = stub._answer(self.command, self.path, self.headers, self.rfile.read(length))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names http.server calls

            def log_message(self, *arguments):
                pass

        return Handler
