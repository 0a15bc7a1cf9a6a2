"""Property lists from servers that mean no good."""

import datetime as dt
import plistlib
import struct

import pytest

from smdp.device.mdm.failure import MdmError
from smdp.device.mdm.plist import MAX_DEPTH, MAX_PLIST, MAX_VALUES, read_plist, write_plist

XML = b'<?xml version="1.0" encoding="UTF-8"?>'
LAUGHS = (
    XML
    + b"""<!DOCTYPE plist [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<plist version="1.0"><dict><key>k</key><string>&b;</string></dict></plist>"""
)
EXTERNAL = (
    XML
    + b"""<!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<plist version="1.0"><dict><key>k</key><string>&x;</string></dict></plist>"""
)
PARAMETER = (
    XML
    + b"""<!DOCTYPE plist [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>
<plist version="1.0"><dict/></plist>"""
)


def xml(body):
    return XML + b'<plist version="1.0">' + body + b"</plist>"


def binary(*objects, top=0, refs=1, offsets=2, count=None):
    """A binary property list put together by hand."""
    body, at = b"bplist00", []
    for found in objects:
        at.append(len(body))
        body += found
    table = len(body)
    body += b"".join(offset.to_bytes(offsets, "big") for offset in at)
    return body + struct.pack(">6xBBQQQ", offsets, refs, len(objects) if count is None else count, top, table)


def pyramid(levels):
    """A dictionary whose value is an array of two references to an array of two references to …"""
    arrays = [bytes((0xA2, 3 + level, 3 + level)) for level in range(levels)]
    return binary(b"\xd1\x01\x02", b"\x51k", *arrays, b"\x50")


HOSTILE = {
    "empty": (b"", "plist-malformed"),
    "html": (b"<html><body>Login</body></html>", "plist-malformed"),
    "json": (b'{"a": 1}', "plist-malformed"),
    "cut": (xml(b"<dict><key>a</key>")[:-10], "plist-malformed"),
    "noise": (bytes(range(256)) * 16, "plist-malformed"),
    "entities": (LAUGHS, "plist-malformed"),
    "external entity": (EXTERNAL, "plist-malformed"),
    "parameter entity": (PARAMETER, "plist-malformed"),
    "unknown encoding": (b'<?xml version="1.0" encoding="x-none"?><plist/>', "plist-malformed"),
    "a huge integer": (xml(b"<dict><key>a</key><integer>" + b"9" * 5000 + b"</integer></dict>"), "plist-malformed"),
    "a wide integer": (xml(b"<dict><key>a</key><integer>%d</integer></dict>" % 2**64), "plist-value"),
    "an array": (xml(b"<array/>"), "plist-not-dict"),
    "a string": (xml(b"<string>x</string>"), "plist-not-dict"),
    "deep": (xml(b"<dict><key>a</key>" + b"<array>" * 5000 + b"</array>" * 5000 + b"</dict>"), "plist-too-deep"),
    "many": (xml(b"<dict><key>a</key><array>" + b"<true/>" * MAX_VALUES + b"</array></dict>"), "plist-too-many"),
    "large": (b" " * (MAX_PLIST + 1), "plist-too-large"),
    "binary, cut": (b"bplist00", "plist-malformed"),
    "binary, short": (b"bplist00" + bytes(40), "plist-malformed"),
    "binary, endless table": (binary(b"\xd0", count=2**62), "plist-malformed"),
    "binary, endless string": (binary(b"\x5f\x13" + b"\x7f" * 8), "plist-malformed"),
    "binary, endless array": (binary(b"\xaf\x13" + b"\x7f" * 8), "plist-malformed"),
    "binary, in itself": (binary(b"\xd1\x01\x00", b"\x51k"), "plist-too-deep"),
    "binary, unfolding": (pyramid(30), "plist-too-many"),
    "binary, a UID": (binary(b"\xd1\x01\x02", b"\x51k", b"\x80\x05"), "plist-value"),
    "binary, keys that are none": (binary(b"\xd1\x01\x02", b"\x10\x01", b"\x50"), "plist-value"),
    "binary, keys that have no hash": (binary(b"\xd1\x01\x02", b"\xa0", b"\x50"), "plist-malformed"),
    "binary, a date beyond all": (binary(b"\xd1\x01\x02", b"\x51d", b"\x33" + b"\x7f" * 8), "plist-malformed"),
}


@pytest.mark.parametrize(("data", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_lists(data, reason):
    with pytest.raises(MdmError) as error:
        read_plist(data)
    assert error.value.reason == reason
    assert error.value.because.startswith("The answer ")
    assert "{" not in error.value.because


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_what_a_list_can_hold(form):
    when = dt.datetime(2026, 11, 22, 9, 5, tzinfo=dt.UTC)
    values = {"a": "ä", "b": b"\0\1", "c": True, "d": -3, "e": 2**64 - 1, "f": 1.5, "g": [{"h": []}]}
    data = plistlib.dumps(values | {"when": when.replace(tzinfo=None)}, fmt=form)
    assert read_plist(data) == values | {"when": when}


def test_as_deep_as_allowed():
    body = b"<dict><key>a</key>" + b"<array>" * MAX_DEPTH + b"</array>" * MAX_DEPTH + b"</dict>"
    assert read_plist(xml(body))


def test_what_is_written_can_be_read():
    when = dt.datetime(2026, 11, 22, 10, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    data = write_plist({"z": "a\x00b\uffff", "a": [when, (1, b"x")], "m": {"k": False}})
    assert data.startswith(b"<?xml")
    assert data.index(b">a<") < data.index(b">m<") < data.index(b">z<")
    read = {"a": [when, [1, b"x"]], "m": {"k": False}, "z": "a\ufffdb\ufffd"}
    assert read_plist(data) == read
