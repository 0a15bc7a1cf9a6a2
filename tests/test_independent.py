"""The second opinion is one: it agrees with a foreign server's trace, with itself, and with the product both ways."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from smdp.rsp.bpp import Binding, KeySet, seal, segments
from tests.fake_smdp import PPK, FakeSmdp, metadata
from tests.independent import HOST_ID, Channel, Keys, cut, hash_cc, open_bpp, parse, point
from tests.minted import CURVES, EID, pki

FOREIGN = Keys(
    bytes.fromhex("406d507b448a699e7a36a38494debbde"),
    bytes.fromhex("472f5bfadd97f21d34f3ce9b51b92751"),
    bytes.fromhex("9ec07f5b36a13e12a991d66e294e6242"),
)
UPP = bytes(range(256)) * 20


def test_the_trace_of_a_foreign_server():
    secret = bytes.fromhex("c9a993dd4879a8f7161f2085410edd4f9652f1df37be097ba96ba2ca6be528fe")
    info = bytes.fromhex("8810088080808080808080" + "10" + EID)
    data = X963KDF(algorithm=hashes.SHA256(), length=48, sharedinfo=info).derive(secret)
    assert Keys(data[:16], data[16:32], data[32:]) == FOREIGN
    channel = Channel(FOREIGN)
    first = channel.encrypted("87", bytes.fromhex("bf2400"))
    assert first.hex() == "8718f6fe031e4b9cfe87c8e1e62f3fde85c49412d7722a6a2d89"
    shown = bytes.fromhex(
        "bf252d5a0a98001032547698103214910947534d415f54455354921147534d415f544553545f50524f46494c45950100"
    )
    assert channel.plain("88", shown)[-8:].hex() == "8a62cc9adbb5ccbc"


def test_a_hashed_confirmation_code():
    transaction = bytes.fromhex("0123456789ABCDEF0123456789ABCDEF")
    assert hash_cc("1234", transaction).hex() == "a9ba29186c54042c9b61755664fd9d5292cf7464dcc058801b20b74071736e56"


def bound(curve: str, ppk: KeySet | None):
    """A package sealed by the product, for a one-time key of the tests."""
    own, otsk = pki(curve), ec.generate_private_key(CURVES[curve])
    smdp_otsk = ec.generate_private_key(CURVES[curve])
    binding = Binding(b"\x05" * 16, HOST_ID, smdp_otsk, own.dppb.key, curve, point(otsk), EID)
    return seal(binding, metadata(), UPP, ppk), otsk


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("ppk", [KeySet(*PPK), None], ids=["own keys", "session keys"])
def test_it_opens_what_the_product_seals(curve, ppk):
    package, otsk = bound(curve, ppk)
    opened = open_bpp(package, otsk, EID, signer=pki(curve).dppb.key.public_key())
    assert (opened.metadata, opened.upp) == (metadata(), UPP)
    assert opened.replaced_keys == (ppk is not None)
    assert opened.transaction_id == b"\x05" * 16
    assert [piece.tag for piece in opened.segments if piece.tag == "86"] == ["86"] * 6
    assert cut(package) == list(segments(package))


def test_it_notices_a_flipped_bit_another_eid_and_another_signer():
    package, otsk = bound("P-256", KeySet(*PPK))
    with pytest.raises(AssertionError, match="the MAC of 86 number 6 is right"):
        open_bpp(package[:-1] + bytes([package[-1] ^ 1]), otsk, EID)
    with pytest.raises(AssertionError, match="the MAC of 87 number 1 is right"):
        open_bpp(package, otsk, EID[:-1] + "6")
    with pytest.raises(InvalidSignature):
        open_bpp(package, otsk, EID, signer=pki().dpauth.key.public_key())


def test_it_opens_what_it_seals():
    otsk = ec.generate_private_key(CURVES["P-256"])
    smdp = FakeSmdp(euicc_otpk=point(otsk))
    opened = open_bpp(smdp.package(upp=UPP), otsk, EID)
    assert (opened.metadata, opened.upp) == (metadata(), UPP)
    assert parse(smdp.package()).tag == "BF36"
