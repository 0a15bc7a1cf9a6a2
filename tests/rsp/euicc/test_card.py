"""The card as a whole: any bytes get an answer, in any order; its memory survives; nothing secret is shown."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp.codes import StatusWord
from smdp.rsp.euicc.card import COMMANDS
from smdp.rsp.euicc.state import Euicc
from tests.card import Card, new_card
from tests.fake_smdp import FakeSmdp
from tests.independent import cut, encode
from tests.minted import pki

KNOWN = sorted(COMMANDS)


def put_away(card: Card) -> None:
    """What a restart does to a card."""
    card.euicc = msgspec.msgpack.decode(msgspec.msgpack.encode(card.euicc), type=Euicc)


def whole_download(card: Card) -> list[bytes]:
    """The commands of a download, as they go over the wire."""
    smdp = FakeSmdp()
    requests = [encode("BF2E")]
    challenge = card.challenge()
    requests.append(smdp.authenticate_server(challenge))
    smdp.authenticated(card.ask(requests[-1]))
    requests.append(smdp.prepare_download())
    smdp.prepared(card.ask(requests[-1]))
    requests += cut(smdp.package())
    return [*requests, smdp.cancel_session()]


def test_a_card_may_be_put_away_between_any_two_commands(card):
    smdp = FakeSmdp()
    challenge = card.challenge()
    put_away(card)
    smdp.authenticated(card.ask(smdp.authenticate_server(challenge)))
    put_away(card)
    smdp.prepared(card.ask(smdp.prepare_download()))
    for segment in cut(smdp.package()):
        put_away(card)
        card.ask(segment)
    put_away(card)
    assert len(card.euicc.profiles) == 1
    assert len(card.euicc.notifications) == 1
    assert card.euicc.next_seq == 2


def test_nothing_secret_is_shown(card):
    card.prepare()
    card.install()
    smdp = card.prepare()
    card.ask(cut(smdp.package())[0])
    euicc = card.euicc
    shown = repr([euicc, euicc.credentials, euicc.profiles, euicc.session, euicc.session.loading, euicc.one_time_keys])
    assert shown.count("(…)") == 6
    assert euicc.credentials[0].__rich_repr__() == []
    for secret in (euicc.credentials[0].scalar, euicc.session.one_time_key.scalar, euicc.profiles[0].upp[:16]):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown


@pytest.mark.parametrize("tag", KNOWN, ids=[f"{tag:X}" for tag in KNOWN])
def test_a_command_cut_short_or_continued(card, tag):
    for request in (bytes.fromhex(f"{tag:X}"), bytes.fromhex(f"{tag:X}8201"), bytes.fromhex(f"{tag:X}0501")):
        assert card.send(request).status in (StatusWord.INCORRECT_DATA, StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED)


def test_every_command_of_a_download_cut_anywhere(card):
    requests = whole_download(card)
    for request in requests:
        for length in range(0, len(request), 7):
            fresh = new_card()
            answer = fresh.send(request[:length])
            assert answer.status is not StatusWord.OK
            assert answer.data == b""


def test_commands_in_any_other_order_are_answered(card):
    requests = whole_download(card)
    card.euicc.session = None
    for request in reversed(requests):
        answer = card.send(request)
        assert answer.refusal is not None or request.startswith(b"\xbf\x2e")


def test_an_unknown_command(card):
    answer = card.send(encode("BF7F"))
    assert answer.status is StatusWord.REFERENCED_DATA_NOT_FOUND
    assert answer.refusal.reason == "command-unknown"


@given(st.binary(max_size=80), st.sampled_from(KNOWN))
def test_noise_never_breaks_the_card(noise, tag):
    card = new_card()
    for request in (noise, encode(f"{tag:X}", noise), bytes.fromhex(f"{tag:X}") + noise):
        answer = card.send(request)
        assert (answer.status is StatusWord.OK) == bool(answer.data)


@given(st.data())
def test_noise_in_a_download_never_breaks_the_card(data):
    card = new_card()
    requests = whole_download(card)
    number = data.draw(st.integers(0, len(requests) - 1))
    request = bytearray(requests[number])
    at = data.draw(st.integers(0, len(request) - 1))
    request[at] ^= data.draw(st.integers(1, 255))
    card.euicc.session = None
    answer = card.send(bytes(request))
    assert answer.data or answer.refusal is not None
    assert card.euicc.profiles == []


def test_the_public_keys_of_two_cards_differ():
    assert pki("P-256").euicc.der != pki("brainpoolP256r1").euicc.der
