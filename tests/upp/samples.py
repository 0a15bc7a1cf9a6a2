"""The example of the specification, random subscribers and plans, and tools to spoil a package."""

import json
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from smdp.rsp.ids import luhn
from smdp.rsp.tlv import items, tlv
from smdp.upp import PlanContent, Subscriber

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
EXAMPLE = bytes.fromhex(json.loads((VECTORS / "upp-example.json").read_text())["der"])
ALICE = Subscriber(
    iccid="8900101000000000019",
    imsi="001010000000001",
    msisdn="+15550100001",
    ki=bytes(range(16)),
    opc=bytes(range(16, 32)),
    pin1="1234",
    pin2="5678",
    puk1="12345678",
    puk2="87654321",
    adm1="11223344",
    kic=bytes(range(32, 48)),
    kid=bytes(range(48, 64)),
    kik=bytes(range(64, 80)),
)
BOB = Subscriber(
    iccid="89001010000000000270",
    imsi="00101000000012",
    msisdn="+442071838750",
    ki=b"k" * 16,
    opc=b"o" * 16,
    pin1="0000",
    pin2="99999999",
    puk1="00000001",
    puk2="00000002",
    adm1="0102030405060708",
    kic=b"1" * 16,
    kid=b"2" * 16,
    kik=b"3" * 16,
)


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


def subscribers(imsis: st.SearchStrategy[str]) -> st.SearchStrategy[Subscriber]:
    return st.builds(
        Subscriber,
        iccid=digits(18, 19).map(lambda body: body + luhn(body)),
        imsi=imsis,
        msisdn=st.none() | digits(1, 15).map(lambda number: "+" + number),
        ki=KEYS,
        opc=KEYS,
        pin1=digits(4, 8),
        pin2=digits(4, 8),
        puk1=digits(8, 8),
        puk2=digits(8, 8),
        adm1=digits(4, 8) | st.text("0123456789abcdefABCDEF", min_size=16, max_size=16),
        kic=KEYS,
        kid=KEYS,
        kik=KEYS,
    )


KEYS = st.binary(min_size=16, max_size=16)
SUBSCRIBERS = subscribers(digits(6, 15))
AIDS = st.binary(min_size=9, max_size=9).map(lambda own: bytes.fromhex("A0000000871002") + own)
PLANS = st.builds(
    PlanContent,
    mcc=digits(3, 3),
    mnc=digits(2, 3),
    spn=st.text("ABCDEFghij 0123456789-.&", min_size=1, max_size=16).filter(str.strip),
    smsc=digits(1, 15).map(lambda number: "+" + number),
    usim_aid=AIDS,
    isim_aid=AIDS.map(lambda aid: aid[:6] + b"\x04" + aid[7:]),
    gid1=st.binary(max_size=20).map(lambda gid: gid.rstrip(b"\xff")),
    gid2=st.binary(max_size=20).map(lambda gid: gid.rstrip(b"\xff")),
    pin1_enabled=st.booleans(),
    telecom=st.booleans(),
    gsm_access=st.booleans(),
    df_5gs=st.booleans(),
    isim=st.booleans(),
    legacy_links=st.booleans(),
    rfm=st.booleans(),
)


@st.composite
def plan_with_two(draw: st.DrawFn) -> tuple[PlanContent, Subscriber, Subscriber]:
    """Draw a plan and two of its operator's subscribers."""
    content = draw(PLANS)
    home = content.mcc + content.mnc
    own = subscribers(digits(1, 15 - len(home)).map(lambda rest: home + rest))
    return content, draw(own), draw(own)


def head(identification: int) -> bytes:
    """Build a PEHeader."""
    return tlv(0xA0, b"\x80\x00", tlv(0x81, bytes((identification,))))


def change(der: bytes, index: int, edit: Callable[[bytes], bytes]) -> bytes:
    """Rewrite the value of one element."""
    return b"".join(
        tlv(item.tag, edit(item.value)) if number == index else item.raw for number, item in enumerate(items(der))
    )


def swap_bytes(der: bytes, old: str, new: str) -> bytes:
    """Exchange bytes of the same length, which must be there once."""
    before, after = bytes.fromhex(old), bytes.fromhex(new)
    assert len(before) == len(after)
    assert der.count(before) == 1
    return der.replace(before, after)


def member(tag: int, new: bytes) -> Callable[[bytes], bytes]:
    """Make an edit that replaces a member, raw, or removes it."""
    return lambda value: b"".join(new if item.tag == tag else item.raw for item in items(value))


def drop(der: bytes, *indices: int) -> bytes:
    """Leave elements out."""
    return b"".join(item.raw for number, item in enumerate(items(der)) if number not in indices)


def insert(der: bytes, index: int, element: bytes) -> bytes:
    """Put an element before another one."""
    raws = [item.raw for item in items(der)]
    return b"".join((*raws[:index], element, *raws[index:]))
