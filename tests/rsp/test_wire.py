"""The JSON binding: what is read, how each kind of nonsense is refused, what is written."""

import base64
import hashlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smdp.rsp import wire
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import Code
from smdp.rsp.wire import NotJson, Request

KEPT = {
    "initiateAuthentication": {"euiccChallenge": "AQID", "euiccInfo1": "vyAA", "smdpAddress": "smdp.example.com"},
    "authenticateClient": {"transactionId": "0A1B", "authenticateServerResponse": "vzgA"},
    "getBoundProfilePackage": {"transactionId": "0A1B", "prepareDownloadResponse": "vyEA"},
    "cancelSession": {"transactionId": "0A1B", "cancelSessionResponse": "v0EA"},
    "handleNotification": {"pendingNotification": "vzcA"},
}
EVERY_MEMBER = [(function, member) for function, members in KEPT.items() for member in members]


def refusal(function, body) -> Refusal:
    read = wire.read(function, body)
    assert isinstance(read, Refusal), "the body was accepted"
    return read


# --- bodies


def test_the_functions_of_es9plus():
    assert set(wire.FUNCTIONS) == set(KEPT)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"nothing", b"{}x", b"{'a': 1}", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1,}',
        b"\xff\xfe{}",
        b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\\ud800"}', b'{"a": "\\x"}', b'{"a": "\n"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000, b'{"a":' * 100_000, b"\x00" * 100,
    ],
    ids=lambda body: f"{len(body)}-{body[:12]!r}",
)  # fmt: skip
def test_what_is_no_json(body):
    with pytest.raises(NotJson, match="not JSON"):
        wire.decode(body)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true", b"[{}]"])
def test_json_that_is_no_object(body):
    with pytest.raises(NotJson, match="no object"):
        wire.decode(body)


def test_an_object_with_a_member_twice_has_the_last_one():
    assert wire.decode(b'{"a": 1, "b": 2, "a": 3}') == {"a": 3, "b": 2}


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
@example(b'{"a": ' + b"9" * 5000 + b"}")
def test_any_body_is_an_object_or_no_json(body):
    try:
        assert isinstance(wire.decode(body), dict)
    except NotJson as error:
        assert "JSON" in str(error)  # noqa: PT017 - either outcome is right


# --- members


@pytest.mark.parametrize("function", KEPT)
def test_members_are_read_and_unknown_ones_ignored(function):
    request = wire.read(function, {**KEPT[function], "header": {"functionCallIdentifier": "x"}, "more": [1, None]})
    assert isinstance(request, Request)
    assert request.function == function
    for member, text in KEPT[function].items():
        if member == "smdpAddress":
            assert request[member] == text
        elif member == "transactionId":
            assert request[member] == bytes.fromhex(text)
        else:
            assert request[member] == base64.b64decode(text)
    assert set(request.members) == set(KEPT[function])


@pytest.mark.parametrize("text", ["0a1b", "0A1B", "0a1B"])
def test_a_transaction_id_in_small_letters(text):
    assert wire.read("cancelSession", KEPT["cancelSession"] | {"transactionId": text})["transactionId"] == b"\x0a\x1b"


@pytest.mark.parametrize("text", ["vzc\nA", "vz\r\ncA", " vzcA ", "vzcA\n"])
def test_base64_with_line_breaks(text):
    assert wire.read("handleNotification", {"pendingNotification": text})["pendingNotification"] == b"\xbf\x37\x00"


@pytest.mark.check("ES9#1")
@pytest.mark.parametrize("how", ["missing", "null"])
@pytest.mark.parametrize(("function", "member"), EVERY_MEMBER)
def test_a_member_that_is_missing(function, member, how):
    body = {name: text for name, text in KEPT[function].items() if name != member}
    if how == "null":
        body[member] = None
    found = refusal(function, body)
    assert (found.check, str(found.code), found.reason) == ("ES9#1", "1.3.1/2.2", "member-missing")
    assert (found.field, found.because) == (member, f"The request lacks {member}.")
    assert function in found.fix


@pytest.mark.check("ES9#2")
@pytest.mark.parametrize("value", [1, 1.5, True, [], ["vzcA"], {}, {"a": "b"}], ids=repr)
@pytest.mark.parametrize(("function", "member"), EVERY_MEMBER)
def test_a_member_that_is_no_string(function, member, value):
    found = refusal(function, KEPT[function] | {member: value})
    assert (found.check, str(found.code), found.reason) == ("ES9#2", "1.3.1/2.1", "member-malformed")
    assert found.because == f"{member} is not well formed: it is no string."


BAD = [
    *(("handleNotification", "pendingNotification", text) for text in ("vzc", "vzc=A", "vz-_", "ä", "=", "A", "\x00")),
    *(
        ("cancelSession", "transactionId", text)
        for text in ("", "0", "0A1", "0G", "00" * 17, "0x0A", "\u0660\u0660", "0A,1B", "  ")
    ),
    *(
        ("initiateAuthentication", "smdpAddress", text)
        for text in ("", " ", "a" * 256, "a\x00b", "a\nb", "\ud800", "\u202e")
    ),
]


@pytest.mark.check("ES9#2")
@pytest.mark.parametrize(("function", "member", "text"), BAD, ids=lambda value: ascii(value)[:24])
def test_a_member_that_is_not_well_formed(function, member, text):
    found = refusal(function, KEPT[function] | {member: text})
    assert (found.check, str(found.code), found.field) == ("ES9#2", "1.3.1/2.1", member)
    assert len(found.message.encode()) <= 128
    json.loads(wire.failure(found))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(EVERY_MEMBER), JSON)
def test_any_value_of_a_member_is_read_or_refused(place, value):
    function, member = place
    read = wire.read(function, KEPT[function] | {member: value})
    if isinstance(read, Refusal):
        assert read.field == member
        json.loads(wire.failure(read))


# --- repeats


def test_the_digest_tells_repeats_from_changes():
    body = KEPT["authenticateClient"]
    first = wire.read("authenticateClient", body).digest
    assert len(first) == hashlib.sha256().digest_size
    assert wire.read("authenticateClient", dict(reversed(body.items())) | {"more": 1}).digest == first
    assert wire.read("authenticateClient", body | {"transactionId": "0a1b"}).digest == first
    assert wire.read("authenticateClient", body | {"transactionId": "0A1C"}).digest != first


def test_the_digest_knows_where_a_member_ends():
    """Bytes that wander from one member to the next are a change."""
    one = {"transactionId": "0A1B", "cancelSessionResponse": base64.b64encode(b"\x1c\x1d").decode()}
    two = {"transactionId": "0A1B1C", "cancelSessionResponse": base64.b64encode(b"\x1d").decode()}
    assert wire.read("cancelSession", one).digest != wire.read("cancelSession", two).digest


# --- answers


def test_a_successful_answer():
    written = wire.answer({"transactionId": b"\x0a\xbc", "smdpSigned2": b"\xff\xfe\xfd", "text": "as it is"})
    assert json.loads(written) == {
        "header": {"functionExecutionStatus": {"status": "Executed-Success"}},
        "transactionId": "0ABC",
        "smdpSigned2": "//79",
        "text": "as it is",
    }
    assert b"\n" not in written


def test_an_answer_without_members():
    assert json.loads(wire.answer({})) == {"header": {"functionExecutionStatus": {"status": "Executed-Success"}}}


def test_a_refusal():
    written = wire.failure(Refusal("X#1", Code("8.8.5", "4.10"), "expired", "Ä" * 100, "fix"))
    assert json.loads(written) == {
        "header": {
            "functionExecutionStatus": {
                "status": "Failed",
                "statusCodeData": {"subjectCode": "8.8.5", "reasonCode": "4.10", "message": "Ä" * 64},
            },
        },
    }


@pytest.mark.parametrize(
    ("told", "found"),
    [("AB", b"\xab"), ("ab" * 16, b"\xab" * 16), ("", b""), ("AB" * 17, b""), ("xy", b""), (7, b""), (None, b"")],
)
def test_the_transaction_id_of_a_body_that_may_lack_everything_else(told, found):
    assert wire.transaction_id({"transactionId": told}) == found
    assert wire.transaction_id({}) == b""
