"""BSP and the bound profile package: foreign vectors both ways, limits, and an independent decoder's opinion."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from smdp.rsp import bpp
from smdp.rsp.bpp import Binding, Bsp, KeySet, ScpError
from smdp.rsp.crypto import CURVES, Stream
from smdp.rsp.metadata import Metadata, encode
from smdp.rsp.tlv import Item, Malformed, item_at, tlv
from tests.independent import cut, hash_cc, open_bpp, parse, point, verify

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "bsp.json").read_text())
EID = "89049032123451234512345678901235"
KEYS = KeySet(b"\x01" * 16, b"\x02" * 16, b"\x03" * 16)
PPK = KeySet(b"\x04" * 16, b"\x05" * 16, b"\x06" * 16)
METADATA = encode(Metadata(iccid="8900101000000000019", service_provider_name="TESTS", profile_name="Plan"))


def unhex(mapping, *names):
    return [bytes.fromhex(mapping[name]) for name in names]


def chain(vector) -> KeySet:
    return KeySet(*unhex(vector, "initial_mac_chaining_value", "s_enc", "s_mac"))


# --- foreign vectors


@pytest.mark.parametrize("vector", VECTORS["kdf"], ids=lambda vector: vector["eid"])
def test_the_key_derivation_of_another_server(vector):
    secret, host_id = unhex(vector, "shared_secret", "host_id")
    keys = bpp.session_keys(secret, host_id, vector["eid"])
    assert list(keys) == unhex(vector, "icv", "s_enc", "s_mac")
    assert unhex(vector, "key_type", "key_length") == [bpp.KEY_TYPE, bpp.KEY_LENGTH]


@pytest.mark.parametrize("vector", VECTORS["chains"], ids=["session keys", "random keys"])
def test_the_packages_of_another_server_are_sealed_alike(vector):
    bsp = Bsp(chain(vector))
    for step in vector["steps"]:
        seal = bsp.encrypt_and_mac if step["op"] == "encrypt+mac" else bsp.mac_only
        assert seal(int(step["tag"], 16), bytes.fromhex(step["plaintext"])).hex() == step["tlv"]


@pytest.mark.parametrize("vector", VECTORS["chains"], ids=["session keys", "random keys"])
def test_the_packages_of_another_server_open(vector):
    bsp = Bsp(chain(vector))
    for step in vector["steps"]:
        segment = item_at(bytes.fromhex(step["tlv"]))
        read = bsp.decrypt if step["op"] == "encrypt+mac" else bsp.read
        assert segment.tag == int(step["tag"], 16)
        assert read(segment).hex() == step["plaintext"]
    assert bsp.position[1] == len(vector["steps"])


def test_the_confirmation_code_of_the_digest():
    stored = bpp.hash_confirmation_code("1234")
    assert stored.hex() == "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4"
    transaction_id = bytes.fromhex("0123456789ABCDEF0123456789ABCDEF")
    hashed = bpp.hash_cc(stored, transaction_id)
    assert hashed.hex() == "a9ba29186c54042c9b61755664fd9d5292cf7464dcc058801b20b74071736e56"
    assert hash_cc("1234", transaction_id) == hashed


# --- BSP


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=1007)), max_size=6))
def test_what_is_sealed_opens_in_the_same_order(steps):
    sealing, opening = Bsp(KEYS), Bsp(KEYS)
    for encrypted, data in steps:
        sealed = sealing.encrypt_and_mac(0x86, data) if encrypted else sealing.mac_only(0x88, data)
        segment = item_at(sealed)
        assert (opening.decrypt(segment) if encrypted else opening.read(segment)) == data
        assert opening.position == sealing.position


@pytest.mark.parametrize("size", [0, 1, 14, 15, 16, 17, 112, 113, 1006, 1007])
def test_no_encrypted_tlv_exceeds_1020_bytes(size):
    sealed = Bsp(KEYS).encrypt_and_mac(0x86, bytes(size))
    assert len(sealed) <= bpp.MAX_SEGMENT
    assert Bsp(KEYS).decrypt(item_at(sealed)) == bytes(size)


def test_the_longest_tlvs_take_1020_bytes_exactly():
    assert len(Bsp(KEYS).encrypt_and_mac(0x87, bytes(1007))) == 1020
    assert len(Bsp(KEYS).mac_only(0x88, bytes(1008))) == 1020


def test_nothing_longer_is_sealed():
    with pytest.raises(ValueError, match="takes 1007 bytes"):
        Bsp(KEYS).encrypt_and_mac(0x86, bytes(1008))
    with pytest.raises(ValueError, match="takes 1008 bytes"):
        Bsp(KEYS).mac_only(0x88, bytes(1009))


def segment(tag: int, value: bytes) -> Item:
    return item_at(tlv(tag, value))


@pytest.mark.parametrize(
    ("spoiled", "says", "security"),
    [
        (segment(0x86, bytes(1017)), "longer than 1020", False),
        (segment(0x86, bytes(7)), "shorter than its MAC", False),
        (segment(0x86, bytes(40)), "MAC of a protected TLV is wrong", True),
        (item_at(Bsp(KEYS).mac_only(0x86, bytes(15))), "16-byte blocks", False),
        (item_at(Bsp(KEYS).mac_only(0x86, b"")), "16-byte blocks", False),
        (item_at(Bsp(KEYS).mac_only(0x86, bytes(32))), "padding", True),
    ],
    ids=["long", "short", "MAC", "blocks", "empty", "padding"],
)
def test_what_does_not_open_says_why(spoiled, says, security):
    with pytest.raises(ScpError, match=says) as caught:
        Bsp(KEYS).decrypt(spoiled)
    assert caught.value.security is security


@given(st.binary(max_size=40), st.data())
def test_one_flipped_bit_is_noticed_and_changes_nothing(data, draw):
    good = Bsp(KEYS).encrypt_and_mac(0x86, data)
    place = draw.draw(st.integers(2, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= 1 << draw.draw(st.integers(0, 7))
    bsp = Bsp(KEYS)
    before = bsp.position
    with pytest.raises(ScpError):
        bsp.decrypt(Item(0x86, bytes(bad[2:]), bytes(bad)))
    assert bsp.position == before
    assert bsp.decrypt(item_at(good)) == data


def test_a_tlv_opens_once_and_in_its_place_only():
    sealing = Bsp(KEYS)
    first, second = (item_at(sealing.encrypt_and_mac(0x86, b"same")) for _ in range(2))
    opening = Bsp(KEYS)
    with pytest.raises(ScpError):
        opening.decrypt(second)
    opening.decrypt(first)
    with pytest.raises(ScpError):
        opening.decrypt(first)


def test_a_tag_is_under_the_mac():
    sealed = Bsp(KEYS).mac_only(0x88, b"data")
    with pytest.raises(ScpError):
        Bsp(KEYS).read(item_at(b"\x87" + sealed[1:]))


def test_a_run_is_taken_up_again():
    sealing = Bsp(KEYS)
    first, second = (item_at(sealing.encrypt_and_mac(0x86, b"piece")) for _ in range(2))
    opening = Bsp(KEYS)
    opening.decrypt(first)
    chaining, count = opening.position
    resumed = Bsp(KEYS._replace(initial_mac_chaining_value=chaining), count)
    assert resumed.decrypt(second) == b"piece"


def test_keys_stay_out_of_logs():
    assert repr(KEYS) == "KeySet(…)"


def test_random_keys_are_48_bytes_of_entropy():
    assert b"".join(bpp.random_keys(Stream(b"seed"))) == Stream(b"seed").take(48)


# --- the package


@pytest.fixture(params=sorted(CURVES))
def curve(request) -> str:
    return request.param


def binding(curve: str, **changes) -> tuple[Binding, ec.EllipticCurvePrivateKey]:
    stream = Stream(b"binding")
    euicc = stream.private_key(curve)
    values = {
        "transaction_id": b"\xaa" * 16,
        "host_id": b"\xbb" * 8,
        "smdp_otsk": stream.private_key(curve),
        "signing_key": stream.private_key(curve),
        "curve": curve,
        "euicc_otpk": point(euicc),
        "eid": EID,
    }
    return Binding(**values | changes), euicc


@pytest.mark.parametrize("ppk", [None, PPK], ids=["session keys", "random keys"])
@pytest.mark.parametrize("size", [0, 1, 1006, 1007, 1008, 2014, 2015, 12_385])
@pytest.mark.parametrize("icon", [None, bytes(1024)], ids=["no icon", "icon"])
def test_an_independent_decoder_opens_it(curve, ppk, size, icon):
    bound, euicc = binding(curve)
    upp = bytes(number % 251 for number in range(size))
    metadata = encode(
        Metadata(iccid="8900101000000000019", service_provider_name="T", profile_name="P", icon=icon),
    )
    sealed = bpp.seal(bound, metadata, upp, ppk)
    opened = open_bpp(sealed, euicc, EID, signer=bound.signing_key.public_key())
    assert (opened.metadata, opened.upp) == (metadata, upp)
    assert (opened.transaction_id, opened.smdp_otpk) == (bound.transaction_id, point(bound.smdp_otsk))
    assert opened.replaced_keys is (ppk is not None)
    counts = {tag: sum(one.tag == tag for one in opened.segments) for tag in ("86", "87", "88")}
    assert counts == {"86": -(-size // 1007), "87": 1 if ppk is None else 2, "88": 2 if icon else 1}


@settings(max_examples=20)
@given(st.binary(max_size=5000), st.booleans(), st.sampled_from(sorted(CURVES)))
def test_any_content_opens(upp, random, curve):
    bound, euicc = binding(curve)
    assert open_bpp(bpp.seal(bound, METADATA, upp, PPK if random else None), euicc, EID).upp == upp


def test_what_the_server_signs(curve):
    """Five complete TLVs without anything around them (SGP.22 §5.5.1)."""
    bound, _ = binding(curve)
    request = parse(bpp.seal(bound, METADATA, b"", None))["BF23"]
    assert [node.tag for node in request.nodes] == ["82", "80", "A6", "5F49", "5F37"]
    layout = (
        bytes.fromhex("820101") + b"\x80\x10" + b"\xaa" * 16 + bytes.fromhex("A610 800188 810110 8408") + b"\xbb" * 8
        + b"\x5f\x49\x41" + point(bound.smdp_otsk) + b"\x5f\x49\x41" + bound.euicc_otpk
    )  # fmt: skip
    assert request.value.startswith(layout[: -len(bound.euicc_otpk) - 3])
    verify(bound.signing_key.public_key(), request["5F37"].raw, layout)


def test_the_same_inputs_give_the_same_bytes(curve):
    assert bpp.seal(binding(curve)[0], METADATA, b"upp", PPK) == bpp.seal(binding(curve)[0], METADATA, b"upp", PPK)


def test_a_one_time_key_that_is_no_point(curve):
    bound, _ = binding(curve, euicc_otpk=b"\x04" + bytes(64))
    with pytest.raises(Malformed, match=f"no point of {curve}"):
        bpp.seal(bound, METADATA, b"", None)


# --- cut for the card


@pytest.mark.parametrize("ppk", [None, PPK], ids=["session keys", "random keys"])
@pytest.mark.parametrize("size", [1, 1007, 3000])
def test_segments_are_what_an_lpa_loads(curve, ppk, size):
    sealed = bpp.seal(binding(curve)[0], METADATA, bytes(size), ppk)
    pieces = list(bpp.segments(sealed))
    assert pieces == cut(sealed)
    assert b"".join(pieces) == sealed


@pytest.mark.parametrize(
    ("package", "says"),
    [
        (b"", "a tag is missing"),
        (tlv(0xBF37), "expected tag BF36"),
        (tlv(0xBF36), "begins with BF23"),
        (tlv(0xBF36, tlv(0xA0)), "begins with BF23"),
        (tlv(0xBF36, tlv(0xBF23), tlv(0xA4)), "has no member A4"),
        (tlv(0xBF36, tlv(0xBF23), tlv(0xA1, b"\x88")), "length of tag 88"),
        (tlv(0xBF36, tlv(0xBF23)) + b"\x00", "trail behind"),
    ],
)
def test_what_cannot_be_cut(package, says):
    with pytest.raises(Malformed, match=says):
        list(bpp.segments(package))


def test_an_empty_section_is_cut_to_its_header():
    assert list(bpp.segments(tlv(0xBF36, tlv(0xBF23), tlv(0xA0), tlv(0xA1)))) == [
        bytes.fromhex("BF3607 BF2300"), bytes.fromhex("A000"), bytes.fromhex("A100"),
    ]  # fmt: skip
