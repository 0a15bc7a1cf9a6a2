"""Milenage by 3GPP's test set, and the challenge between network and USIM."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.upp import read
from smdp.upp.aka import (
    Answer,
    MacFailure,
    Synchronisation,
    authenticate,
    challenge,
    functions,
    resynchronise,
    sqn,
)
from smdp.upp.contents import Aka
from smdp.upp.milenage import Milenage, TestAlgorithm, opc
from tests.upp.samples import ALICE, EXAMPLE, KEYS, VECTORS

RAND = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
FRESH = (0,) * 32
SETS = json.loads((VECTORS / "milenage.json").read_text())["sets"]


@pytest.mark.parametrize("vector", SETS)
def test_3gpp_test_sets(vector: dict[str, str]) -> None:
    values = {name: bytes.fromhex(text) for name, text in vector.items()}
    assert opc(values["k"], values["op"]) == values["opc"]
    milenage = Milenage(values["k"], values["opc"])
    rand, number, amf = values["rand"], values["sqn"], values["amf"]
    assert milenage.f1(rand, number, amf) == values["f1"]
    assert milenage.f1star(rand, number, amf) == values["f1star"]
    assert milenage.f2(rand) == values["f2"]
    assert milenage.f3(rand) == values["f3"]
    assert milenage.f4(rand) == values["f4"]
    assert milenage.f5(rand) == values["f5"]
    assert milenage.f5star(rand) == values["f5star"]


def test_the_example_profile_authenticates() -> None:
    usim = read(EXAMPLE).usim
    assert usim is not None
    assert usim.aka is not None
    card = functions(usim.aka)
    assert card is not None
    network = Milenage(ALICE.ki, ALICE.opc)
    vector = challenge(network, RAND, sqn(1, 0))
    assert vector.autn.hex().upper() == "21FE6397EB828000E1E112C5F06404D4"
    assert vector.xres.hex().upper() == "E78C651AA2D9DC63"
    assert vector.ck.hex().upper() == "4D1FCA2001835A3816959B6692BDF3B0"
    assert vector.ik.hex().upper() == "8F8A98E6F3E5BFC27F2254D05CB32C32"
    answer = authenticate(card, RAND, vector.autn, usim.aka.sqn_init)
    assert isinstance(answer, Answer)
    assert (answer.res, answer.ck, answer.ik) == (vector.xres, vector.ck, vector.ik)
    again = authenticate(card, RAND, vector.autn, answer.sequence)
    assert isinstance(again, Synchronisation)
    assert again.auts.hex().upper() == "2E91B51D60B551095875B33CDC8B"
    assert resynchronise(network, RAND, again.auts) == sqn(1, 0)


def test_the_test_algorithm_of_the_specification() -> None:
    test = TestAlgorithm(bytes(range(16)))
    vector = challenge(test, RAND, sqn(1, 0))
    assert vector.xres.hex().upper() == "00102030405060708090A0B0C0D0E0F0"
    assert vector.ck.hex().upper() == "102030405060708090A0B0C0D0E0F000"
    assert vector.ik.hex().upper() == "2030405060708090A0B0C0D0E0F00010"
    assert vector.autn.hex().upper() == "3040506070A08000001020304070E070"


@given(KEYS, KEYS, KEYS, st.integers(1, 2**28), st.integers(0, 31))
def test_network_and_card_agree_on_fresh_numbers_only(ki: bytes, key: bytes, rand: bytes, seq: int, ind: int) -> None:
    algorithm = Milenage(ki, key)
    vector = challenge(algorithm, rand, sqn(seq, ind))
    answer = authenticate(algorithm, rand, vector.autn, FRESH)
    assert isinstance(answer, Answer)
    assert answer.res == vector.xres
    assert answer.sequence[ind] == seq
    stale = authenticate(algorithm, rand, vector.autn, answer.sequence)
    assert isinstance(stale, Synchronisation)
    assert resynchronise(algorithm, rand, stale.auts) == sqn(seq, ind)


def test_a_jump_beyond_delta_asks_for_synchronisation() -> None:
    algorithm = Milenage(ALICE.ki, ALICE.opc)
    far = challenge(algorithm, RAND, sqn(2**28 + 1, 3))
    assert isinstance(authenticate(algorithm, RAND, far.autn, FRESH), Synchronisation)
    near = challenge(algorithm, RAND, sqn(2**28, 3))
    assert isinstance(authenticate(algorithm, RAND, near.autn, FRESH), Answer)


@pytest.mark.parametrize("position", range(16))
def test_a_changed_autn_is_a_mac_failure(position: int) -> None:
    algorithm = Milenage(ALICE.ki, ALICE.opc)
    autn = bytearray(challenge(algorithm, RAND, sqn(5, 0)).autn)
    autn[position] ^= 1
    assert authenticate(algorithm, RAND, bytes(autn), FRESH) == MacFailure()


def test_a_foreign_network_and_a_foreign_card_are_told() -> None:
    ours, theirs = Milenage(ALICE.ki, ALICE.opc), Milenage(ALICE.opc, ALICE.ki)
    assert authenticate(ours, RAND, challenge(theirs, RAND, sqn(1, 0)).autn, FRESH) == MacFailure()
    assert authenticate(ours, RAND, b"short", FRESH) == MacFailure()
    stale = authenticate(ours, RAND, challenge(ours, RAND, sqn(0, 0)).autn, FRESH)
    assert isinstance(stale, Synchronisation)
    assert resynchronise(theirs, RAND, stale.auts) is None
    assert resynchronise(ours, RAND, stale.auts[:-1]) is None


def test_wrong_lengths_are_refused_and_keys_not_shown() -> None:
    for wrong in (lambda: Milenage(b"", ALICE.opc), lambda: TestAlgorithm(b""), lambda: Milenage(ALICE.ki, b"x")):
        with pytest.raises(ValueError, match="16 bytes"):
            wrong()
    with pytest.raises(ValueError, match="RAND takes 16 bytes"):
        Milenage(ALICE.ki, ALICE.opc).f2(b"short")
    algorithm = Milenage(ALICE.ki, ALICE.opc)
    shown = repr(algorithm) + repr(TestAlgorithm(ALICE.ki)) + repr(challenge(algorithm, RAND, sqn(1, 0)))
    assert "xres" not in shown
    assert repr(ALICE.ki) not in shown


def test_tuak_is_not_built_in() -> None:
    assert functions(Aka("7FD0", 1, algorithm=2, key=bytes(16), opc=bytes(32))) is None
    assert isinstance(functions(Aka("7FD0", 1, algorithm=3, key=bytes(16))), TestAlgorithm)
