"""ECDSA in plain form, points, the key agreement, and randomness that can be repeated."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp import crypto
from smdp.rsp.crypto import CURVES, Stream
from smdp.rsp.tlv import Malformed

NAMES = sorted(CURVES)
ECDSA = ec.ECDSA(hashes.SHA256())


@pytest.fixture(params=NAMES)
def curve(request) -> str:
    return request.param


def key(curve: str, seed: bytes = b"key"):
    return Stream(seed).private_key(curve)


# --- signatures


def test_signatures_are_plain_and_repeat(curve):
    signature = crypto.sign(key(curve), b"message")
    assert len(signature) == 64
    assert signature == crypto.sign(key(curve), b"message")
    assert signature != crypto.sign(key(curve), b"another")
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    key(curve).public_key().verify(der, b"message", ECDSA)
    assert crypto.verify(key(curve).public_key(), signature, b"message")


def test_the_signature_of_rfc_6979():
    """A.2.5: P-256 with SHA-256, message "sample"."""
    scalar = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    signature = crypto.sign(ec.derive_private_key(scalar, ec.SECP256R1()), b"sample")
    assert signature.hex() == (
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    )


def test_short_numbers_keep_their_leading_zeros(curve):
    """One in 128 signatures has an r or s that begins with a zero byte."""
    signatures = (crypto.sign(key(curve), b"%d" % number) for number in range(2000))
    found = next(signature for signature in signatures if 0 in (signature[0], signature[32]))
    assert len(found) == 64


def test_another_implementations_signature_verifies(curve):
    r, s = decode_dss_signature(key(curve).sign(b"message", ECDSA))
    assert crypto.verify(key(curve).public_key(), r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"message")


@pytest.mark.parametrize(
    "forge",
    [
        lambda good: good[:-1],
        lambda good: good + b"\x00",
        lambda _good: b"",
        lambda _good: bytes(64),
        lambda good: bytes(32) + good[32:],
        lambda good: good[:32] + bytes(32),
        lambda _good: b"\xff" * 64,
        lambda good: good[32:] + good[:32],
        lambda good: good[:-1] + bytes([good[-1] ^ 1]),
    ],
    ids=["63", "65", "empty", "zeros", "r is zero", "s is zero", "too large", "swapped", "one bit"],
)
def test_what_is_no_signature(curve, forge):
    good = crypto.sign(key(curve), b"message")
    assert crypto.verify(key(curve).public_key(), forge(good), b"message") is False


def test_another_key_or_message_does_not_verify(curve):
    good = crypto.sign(key(curve), b"message")
    assert not crypto.verify(key(curve).public_key(), good, b"Message")
    assert not crypto.verify(key(curve, b"other").public_key(), good, b"message")
    other_curve = next(name for name in NAMES if name != curve)
    assert not crypto.verify(key(other_curve).public_key(), good, b"message")


# --- keys and points


def test_keys_survive_their_storage(curve):
    scalar = crypto.scalar_of(key(curve))
    assert len(scalar) == 32
    assert crypto.scalar_of(crypto.key_of(curve, scalar)) == scalar
    assert crypto.point_of(crypto.key_of(curve, scalar)) == crypto.point_of(key(curve))


def test_small_scalars_keep_their_leading_zeros(curve):
    assert crypto.scalar_of(ec.derive_private_key(5, CURVES[curve])) == bytes(31) + b"\x05"


def test_points_survive_their_coding(curve):
    point = crypto.point_of(key(curve))
    assert len(point) == 65
    assert point[0] == 4
    assert crypto.point_of(crypto.public_key(curve, point)) == point
    assert crypto.point_of(key(curve).public_key()) == point


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _point: b"",
        lambda _point: b"\x00",
        lambda point: point[:-1],
        lambda point: point + b"\x00",
        lambda point: b"\x05" + point[1:],
        lambda point: b"\x06" + point[1:],
        lambda point: point[:-1] + bytes([point[-1] ^ 1]),
        lambda _point: b"\x04" + bytes(64),
        lambda _point: b"\x04" + b"\xff" * 64,
    ],
    ids=["empty", "infinity", "short", "long", "form", "hybrid", "off the curve", "zeros", "not reduced"],
)
def test_what_is_no_point(curve, spoil):
    with pytest.raises(Malformed, match="public key"):
        crypto.public_key(curve, spoil(crypto.point_of(key(curve))))


def test_a_point_of_the_other_curve(curve):
    other = next(name for name in NAMES if name != curve)
    with pytest.raises(Malformed, match=f"no point of {curve}"):
        crypto.public_key(curve, crypto.point_of(key(other)))


def test_curves_have_names(curve):
    assert crypto.curve_name(key(curve)) == curve
    assert crypto.curve_name(key(curve).public_key()) == curve


def test_a_curve_that_is_not_of_sgp22():
    with pytest.raises(Malformed, match="secp384r1"):
        crypto.curve_name(ec.derive_private_key(5, ec.SECP384R1()))


def test_both_sides_agree_on_a_secret(curve):
    ours, theirs = key(curve, b"ours"), key(curve, b"theirs")
    secret = crypto.shared_secret(ours, theirs.public_key())
    assert secret == crypto.shared_secret(theirs, ours.public_key())
    assert len(secret) == 32


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.integers(1, 100))
def test_the_key_derivation_is_x963(secret, info, length):
    other = X963KDF(algorithm=hashes.SHA256(), length=length, sharedinfo=info)
    assert crypto.kdf(secret, info, length) == other.derive(secret)


# --- randomness that can be repeated


@given(st.lists(st.integers(0, 200), max_size=10))
def test_a_stream_is_the_same_however_it_is_taken(lengths):
    stream = Stream(b"seed")
    pieces = [stream.take(length) for length in lengths]
    assert [len(piece) for piece in pieces] == lengths
    assert b"".join(pieces) == Stream(b"seed").take(sum(lengths))


def test_streams_of_other_keys_differ():
    assert Stream(b"seed").take(64) != Stream(b"seed2").take(64)
    stream = Stream(b"seed")
    assert stream.take(32) != stream.take(32)


def test_a_streams_keys_repeat(curve):
    stream = Stream(b"seed")
    first, second = stream.private_key(curve), stream.private_key(curve)
    assert crypto.scalar_of(first) == crypto.scalar_of(key(curve, b"seed"))
    assert crypto.scalar_of(first) != crypto.scalar_of(second)


@pytest.mark.parametrize("octet", [b"\x00", b"\xff"])
def test_every_bit_pattern_makes_a_key(curve, octet, monkeypatch):
    stream = Stream(b"")
    monkeypatch.setattr(Stream, "take", lambda _self, length: octet * length)
    made = stream.private_key(curve)
    assert 1 <= int.from_bytes(crypto.scalar_of(made), "big") < CURVES[curve].group_order


def test_the_control_of_these_tests_fails(curve):
    """A wrong signature raises in `cryptography` itself, so the verifications above can fail."""
    with pytest.raises(InvalidSignature):
        key(curve).public_key().verify(encode_dss_signature(1, 1), b"message", ECDSA)
