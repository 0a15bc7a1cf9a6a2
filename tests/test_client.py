import contextlib
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from smdp.client import Client
from smdp.client.transport import Transport
from smdp.errors import ApiError, NotReached, ServerUnreachable, TimedOut, UsageError
from tests.control_stub import CARRIER, EID, ICCID, Stub, device, event, page, problem, profile


@pytest.fixture
def stub():
    with contextlib.closing(Stub()) as server:
        yield server


@pytest.fixture
def client(stub):
    return Client(stub.url, timeout=5)


@contextlib.contextmanager
def raw_server(answer):
    """A server that reads a request and answers with these bytes, then hangs up (None: keeps silent until the end)."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                if answer is None:
                    done.wait(10)
                else:
                    with contextlib.suppress(OSError):
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            thread.join()


def test_it_is_imported_without_the_server_and_without_aiohttp():
    code = "import sys, smdp.client; print(*(n for n in sys.modules if n.startswith(('aiohttp', 'cyclopts', 'smdp'))))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) == {
        "smdp", "smdp.client", "smdp.client.api", "smdp.client.control", "smdp.client.hosted", "smdp.client.keeping",
        "smdp.client.managing", "smdp.client.networking", "smdp.client.polling", "smdp.client.scope",
        "smdp.client.steps", "smdp.client.transport", "smdp.client.watching", "smdp.client.wire", "smdp.client.words",
        "smdp.durations", "smdp.errors", "smdp.model",
    }  # fmt: skip


def test_issue_sends_what_is_given_and_returns_a_profile(stub, client):
    stub.on("POST", f"{CARRIER}/profiles", profile(), status=201)
    issued = client.issue(EID, plan="gold", expires=timedelta(hours=48), hold=True, imei=None)
    assert (issued.iccid, issued.eid, issued.state) == (ICCID, EID, "released")
    assert issued.created_at == datetime(2026, 12, 1, tzinfo=UTC)
    (body,) = stub.bodies("POST", f"{CARRIER}/profiles")
    assert body == {"eid": EID, "plan": "gold", "expires": "2d", "hold": True}


def test_many_orders_are_one_request(stub, client):
    stub.on("POST", f"{CARRIER}/profiles", page(profile(), profile(iccid="8900101000000000027")))
    assert [p.iccid for p in client.issue_many([{"eid": EID}, {"expires": "48h"}])] == [ICCID, "8900101000000000027"]
    assert len(client.issue_count(2, plan="gold")) == 2
    assert stub.bodies("POST", f"{CARRIER}/profiles") == [
        [{"eid": EID}, {"expires": "2d"}],
        {"count": 2, "plan": "gold"},
    ]


def test_lists_are_read_to_the_last_page(stub, client):
    stub.on(
        "GET",
        f"{CARRIER}/profiles",
        lambda query, _body: (
            page(profile()) if "cursor=two" in query else page(profile(iccid="1" * 18), following="two")
        ),
    )
    assert [p.iccid for p in client.profiles(state="released", eid=None)] == ["1" * 18, ICCID]
    assert [query for _, _, query, _ in stub.requests] == ["state=released", "state=released&cursor=two"]


def test_a_carrier_and_a_token_go_with_every_call(stub):
    stub.on("GET", f"/api/v1/carriers/acme/profiles/{ICCID}", profile())
    client = Client(stub.url + "/", token="s3cret").on("acme")
    assert client.profile(ICCID, credentials=True).iccid == ICCID
    assert stub.requests[0][2] == "include=credentials"
    assert stub.headers[0]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(client)


def test_what_a_person_typed_stays_one_segment_of_the_path(stub, client):
    with pytest.raises(ApiError):
        client.profile("../../x?y")
    assert stub.requests[0][1] == f"{CARRIER}/profiles/..%2F..%2Fx%3Fy"
    with pytest.raises(UsageError):
        client.profile("..")


def test_names_below_localhost_need_no_resolver(stub):
    stub.on("GET", "/readyz", {})
    port = stub.url.rpartition(":")[2]
    assert Client(f"http://acme.smdp.localhost:{port}").ready()
    assert stub.headers[0]["Host"] == f"acme.smdp.localhost:{port}"


def test_devices(stub, client):
    outcome = {"ok": True, "installed": ICCID, "session": "AA"}
    stub.on("POST", "/api/v1/devices", device(), status=201)
    stub.on("POST", f"/api/v1/devices/{EID}/refresh", outcome)
    stub.on("POST", f"/api/v1/devices/{EID}/download", outcome)
    stub.on("POST", f"/api/v1/devices/{EID}/esims/{ICCID}/enable", device())
    assert client.create_device(os="26.1", name=None).eid == EID
    assert str(client.refresh(EID, "https://x.test")) == f"installed {ICCID}"
    assert client.download(EID, "LPA:1$x$Y", confirmation_code="1").ok
    assert client.switch_esim(EID, ICCID, "enable").eid == EID
    assert [body for _, _, _, body in stub.requests] == [
        {"carrier": "default", "os": "26.1"},
        {"url": "https://x.test"},
        {"activation_code": "LPA:1$x$Y", "confirmation_code": "1"},
        None,
    ]


def test_a_problem_is_an_error_that_says_why_and_what_to_do(stub, client):
    stub.on(
        "GET", f"{CARRIER}/plans/glod", problem(404, "plan-unknown", "There is no plan glod.", "Did you mean gold?")
    )
    with pytest.raises(ApiError) as caught:
        client.plan("glod")
    assert str(caught.value) == "There is no plan glod. Did you mean gold?"
    assert (caught.value.status, caught.value.reason) == (404, "plan-unknown")


WAIT = f"{CARRIER}/events/wait"


def test_wait_returns_the_event_and_never_an_older_one_next_time(stub, client):
    stub.on("POST", WAIT, {"reached": True, "event": event(id=41, type="activation.active")})
    assert client.wait("activation.active", eid=EID, within=0.5).id == 41
    client.wait("activation.active", eid=EID, within="3m", unless=["activation.failed"])
    assert stub.bodies("POST", WAIT) == [
        {"type": "activation.active", "eid": EID, "within": "0.5s"},
        {"type": "activation.active", "eid": EID, "after": 41, "within": "3m", "unless": ["activation.failed"]},
    ]


def test_wait_tells_apart_what_did_not_and_what_cannot_happen(stub, client):
    why = {"reason": "nothing-ordered", "because": "No profile is waiting.", "fix": "smdp profile issue"}
    stub.on("POST", WAIT, {"reached": False, "timed_out": True, "last": None, **why})
    with pytest.raises(TimedOut, match=r"No activation.active within 1s. No profile is waiting. smdp profile issue"):
        client.wait("activation.active", within=1)
    stub.on("POST", WAIT, {"reached": False, "timed_out": False, "last": event(), **why})
    with pytest.raises(NotReached, match=r"No profile is waiting. smdp profile issue"):
        client.wait("activation.active", within=1)
    with pytest.raises(UsageError, match="no duration"):
        client.wait("activation.active", within="soon")


def test_follow_reads_the_stream_and_comes_back_where_it_was_cut(stub, client):
    def stream(query, body):
        after = int(query.partition("after=")[2] or 0)
        line = str(event(id=after + 1)).replace("'", '"')
        return f": hello\n\nid: {after + 1}\nevent: x\ndata: {line}\n\n".encode()

    stub.on("GET", f"{CARRIER}/events", stream, kind="text/event-stream")
    events = client.follow(eid=None)
    assert [next(events).id for _ in range(3)] == [1, 2, 3]
    assert stub.headers[0]["Accept"] == "text/event-stream"
    events.close()


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ServerUnreachable, match="start one with: smdp serve"):
        Client(url).carriers()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "hangs up"),
        (b"SSH-2.0-x\r\n\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<htm", "does not answer in HTTP|sends what smdp does not"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<htm>", "sends what smdp does not"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "sends what smdp does not"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xff", "sends what smdp does not"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n<htm>", "answers 404 Not Found"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "answers 302"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, "does not answer in HTTP"),
    ],
)
def test_what_is_no_control_api_is_said(answer, sentence):
    with raw_server(answer) as url, pytest.raises(ServerUnreachable, match=sentence):
        Client(url, timeout=5).carriers()


def test_silence_ends():
    with raw_server(None) as url, pytest.raises(ServerUnreachable, match=r"did not answer within 0\.2 s"):
        Client(url, timeout=0.2).carriers()


def test_an_endless_answer_is_cut(monkeypatch):
    monkeypatch.setattr("smdp.client.wire.LARGEST_ANSWER", 1000)
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000
    with raw_server(answer) as url, pytest.raises(ServerUnreachable, match="sends more than"):
        Client(url, timeout=5).carriers()


def test_a_name_that_leads_nowhere(monkeypatch):
    def nowhere(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(ServerUnreachable, match=r"The name no\.test leads nowhere"):
        Client("http://no.test").carriers()


def test_a_server_without_tls_is_said():
    with (
        raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url,
        pytest.raises(ServerUnreachable, match="No trusted TLS"),
    ):
        Client(url.replace("http", "https"), timeout=5).carriers()


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x", "http://", "http://h:port", "http://h:99999"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(UsageError, match="no URL of a control API"):
        Transport(url, None, 1)
