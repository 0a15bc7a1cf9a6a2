"""Whatever is given is explained or refused: no traceback, no hang, no flood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.explain import MAX_BYTES, Unexplained, explain
from tests.explain.apple import MDM, SCEP, profile, signed, written
from tests.explain.session import said
from tests.independent import encode
from tests.upp.samples import EXAMPLE

REAL = [
    *said().messages.values(),
    *(text.encode() for text in (*said().requests.values(), *said().answers.values())),
    EXAMPLE,
    written(profile(SCEP, MDM)),
    written(profile(SCEP, MDM), binary=True),
    signed(written(profile(SCEP, MDM))),
    b"LPA:1$smdp.example.com$A-1",
]


def survive(thing):
    try:
        told = str(explain(thing))
    except Unexplained as error:
        told = str(error)
    assert 0 < len(told) < 200_000


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_anything(thing):
    survive(thing)


@given(st.sampled_from(REAL), st.data())
def test_real_things_that_are_spoiled(thing, data):
    place = data.draw(st.integers(0, len(thing) - 1))
    cut = data.draw(
        st.sampled_from([thing[:place], thing[:place] + data.draw(st.binary(max_size=3)) + thing[place + 1 :]])
    )
    survive(cut)


@pytest.mark.parametrize(
    "thing",
    [
        b"x" * (MAX_BYTES + 1),
        b"",
        b"   \n",
        "9" * 100_000,
        "A" * 1_000_000,
        "a-" * 10_000,
        "[" * 100_000,
        "\udcff",
        b"\x30" * 100_000,
        "30" * 100_000,
        "1." * 100_000 + "/1",
    ],
    ids=range(11),
)
def test_what_is_too_long_or_nothing(thing):
    with pytest.raises(Unexplained):
        explain(thing)


def test_deep_nesting():
    data = b""
    for _ in range(5000):
        data = encode("A0", data)
    survive(encode("BF38", data))
    survive(b"{" + b'"a":[' * 50_000)
