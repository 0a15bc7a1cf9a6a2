"""The ES10a, ES10b and ES10c commands besides the download: profiles, notifications, addresses, information."""

import pytest

from smdp.rsp import asn1
from tests.fake_smdp import ADDRESS, ICCID_BYTES, OWNER, metadata, notified, rules
from tests.independent import encode, parse, verify
from tests.minted import pki

ENABLE, DISABLE, DELETE = "BF31", "BF32", "BF33"
OTHER = bytes.fromhex("980001010000000020F7")
PPR1, PPR2 = rules(0x40, 6), rules(0x20, 5)


def by_iccid(function: str, iccid: bytes = ICCID_BYTES) -> bytes:
    identifier = encode("5A", iccid)
    return encode(function, identifier) if function == DELETE else switch(function, identifier)


def switch(function: str, identifier: bytes) -> bytes:
    return encode(function, encode("A0", identifier), encode("81", b"\0"))


def code(answer) -> int:
    return parse(answer.data)["80"].value[0]


@pytest.fixture
def two(card):
    """A card with two profiles; each wants its server told of everything."""
    card.install(profile=metadata(notified()))
    card.expects(iccid="8900101000000000027")
    card.install(profile=metadata(notified(), iccid=OTHER))
    card.euicc.notifications.clear()
    return card


# --- GetProfilesInfo


def test_an_empty_card_has_an_empty_list(card):
    assert card.ask(encode("BF2D")) == bytes.fromhex("BF2D02A000")


def test_profiles_are_listed_with_their_default_members(two):
    two.ask(by_iccid(ENABLE))
    first, second = parse(two.ask(encode("BF2D")))["A0"].nodes
    assert [node.tag for node in first.nodes] == ["5A", "4F", "9F70", "91", "92", "95"]
    assert (first["9F70"].value, second["9F70"].value) == (b"\1", b"\0")
    assert (first["91"].value, first["92"].value, first["95"].value) == (b"TESTS", b"Plan", b"\2")
    assert first["4F"].value.hex().upper() == "A0000005591010FFFFFFFF8900001001"


def test_only_the_members_asked_for_are_told(two):
    (first, _) = parse(two.ask(encode("BF2D", encode("5C", bytes.fromhex("5A9F70B6")))))["A0"].nodes
    assert [node.tag for node in first.nodes] == ["5A", "9F70", "B6"]


@pytest.mark.parametrize(
    ("criterion", "count"),
    [(encode("5A", OTHER), 1), (encode("5A", bytes(10)), 0), (encode("95", b"\2"), 2), (encode("95", b"\0"), 0)],
)
def test_only_the_profiles_asked_for_are_told(two, criterion, count):
    assert len(parse(two.ask(encode("BF2D", encode("A0", criterion))))["A0"].nodes) == count


def test_a_profile_is_found_by_its_aid(two):
    aid = two.euicc.profiles[1].aid
    (only,) = parse(two.ask(encode("BF2D", encode("A0", encode("4F", aid)))))["A0"].nodes
    assert only["5A"].value == OTHER


def test_a_tag_list_that_breaks_off(two):
    first, second = parse(two.ask(encode("BF2D", encode("5C", b"\x9f"))))["A0"].nodes
    assert first.value == second.value == b""


# --- enable, disable, delete


def test_enabling_one_disables_the_other_and_tells_both_servers(two):
    two.ask(by_iccid(ENABLE))
    two.euicc.notifications.clear()
    two.ask(by_iccid(ENABLE, OTHER))
    assert [profile.enabled for profile in two.euicc.profiles] == [False, True]
    assert [(entry.operation, entry.iccid) for entry in two.euicc.notifications] == [(2, ICCID_BYTES), (1, OTHER)]


def test_enabling_by_aid(two):
    two.ask(switch(ENABLE, encode("4F", two.euicc.profiles[0].aid)))
    assert two.euicc.profiles[0].enabled


def test_a_disabled_profile_can_be_deleted(two):
    two.ask(by_iccid(ENABLE))
    two.ask(by_iccid(DISABLE))
    two.ask(by_iccid(DELETE))
    assert [profile.iccid for profile in two.euicc.profiles] == [OTHER]
    assert [entry.operation for entry in two.euicc.notifications] == [1, 2, 3]


def test_each_event_has_its_bit(two):
    for function in (ENABLE, DISABLE, DELETE):
        two.ask(by_iccid(function))
    entries = parse(two.ask(encode("BF28")))["A0"].nodes
    assert [entry["81"].value.hex() for entry in entries] == ["0640", "0520", "0410"]


@pytest.mark.check("EN#1")
def test_enabling_what_is_not_there(card):
    assert code(card.refuses("EN#1", by_iccid(ENABLE))) == 1


@pytest.mark.check("EN#2")
def test_enabling_twice(two):
    two.ask(by_iccid(ENABLE))
    assert code(two.refuses("EN#2", by_iccid(ENABLE))) == 2


@pytest.mark.check("EN#3")
def test_a_locked_profile_stays_enabled(card):
    card.install(profile=metadata(OWNER + PPR1))
    card.ask(by_iccid(ENABLE))
    card.expects(iccid="8900101000000000027")
    card.install(profile=metadata(iccid=OTHER))
    assert code(card.refuses("EN#3", by_iccid(ENABLE, OTHER))) == 3
    assert [profile.enabled for profile in card.euicc.profiles] == [True, False]


@pytest.mark.check("DI#1")
def test_disabling_what_is_not_there(card):
    assert code(card.refuses("DI#1", by_iccid(DISABLE))) == 1


@pytest.mark.check("DI#1")
def test_an_iccid_without_digits_is_told_as_it_came(card):
    answer = card.refuses("DI#1", by_iccid(DISABLE, bytes.fromhex("AA" * 10)))
    assert "AA" * 10 in answer.refusal.because


@pytest.mark.check("DI#2")
def test_disabling_what_is_disabled(two):
    assert code(two.refuses("DI#2", by_iccid(DISABLE))) == 2


@pytest.mark.check("DI#3")
def test_disabling_what_its_rules_lock(card):
    card.install(profile=metadata(OWNER + PPR1))
    card.ask(by_iccid(ENABLE))
    assert code(card.refuses("DI#3", by_iccid(DISABLE))) == 3


@pytest.mark.check("DE#1")
def test_deleting_what_is_not_there(card):
    assert code(card.refuses("DE#1", by_iccid(DELETE))) == 1


@pytest.mark.check("DE#2")
def test_deleting_what_is_enabled(two):
    two.ask(by_iccid(ENABLE))
    assert code(two.refuses("DE#2", by_iccid(DELETE))) == 2


@pytest.mark.check("DE#3")
def test_deleting_what_its_rules_keep(card):
    card.install(profile=metadata(OWNER + PPR2))
    assert code(card.refuses("DE#3", by_iccid(DELETE))) == 3
    assert len(card.euicc.profiles) == 1


# --- memory reset


def reset(options: str) -> bytes:
    return encode("BF34", encode("82", bytes.fromhex(options)))


def test_a_reset_deletes_enabled_and_protected_profiles(card):
    card.install(profile=metadata(notified(), OWNER, PPR2))
    card.ask(by_iccid(ENABLE))
    card.euicc.default_dp_address = ADDRESS
    assert card.ask(reset("05E0")) == bytes.fromhex("BF3403800100")
    assert (card.euicc.profiles, card.euicc.default_dp_address) == ([], "")
    assert card.euicc.notifications[-1].operation == 3


def test_a_reset_deletes_only_what_was_asked_for(card):
    card.install()
    card.euicc.default_dp_address = ADDRESS
    card.ask(reset("0520"))
    assert (len(card.euicc.profiles), card.euicc.default_dp_address) == (1, "")


def test_a_reset_may_leave_the_address(card):
    card.install()
    card.euicc.default_dp_address = ADDRESS
    card.ask(reset("0780"))
    assert (card.euicc.profiles, card.euicc.default_dp_address) == ([], ADDRESS)


@pytest.mark.check("MR#1")
def test_a_reset_of_an_empty_card(card):
    assert code(card.refuses("MR#1", reset("05E0"))) == 1


# --- nickname


def test_a_nickname_comes_and_goes(two):
    two.ask(encode("BF29", encode("5A", OTHER), encode("90", "Büro".encode())))
    second = parse(two.ask(encode("BF2D")))["A0"].nodes[1]
    assert second["90"].value.decode() == "Büro"
    two.ask(encode("BF29", encode("5A", OTHER), encode("90")))
    assert two.euicc.profiles[1].nickname == ""


@pytest.mark.check("NI#1")
def test_a_nickname_for_what_is_not_there(card):
    assert code(card.refuses("NI#1", encode("BF29", encode("5A", OTHER), encode("90", b"x")))) == 1


@pytest.mark.check("NI#2")
def test_a_nickname_that_is_too_long(two):
    assert code(two.refuses("NI#2", encode("BF29", encode("5A", OTHER), encode("90", b"x" * 65)))) == 127
    assert two.euicc.profiles[1].nickname == ""


# --- notifications


def test_an_empty_list_of_notifications(card):
    assert card.ask(encode("BF28")) == bytes.fromhex("BF2802A000")
    assert card.ask(encode("BF2B")) == bytes.fromhex("BF2B02A000")


def test_notifications_are_listed_retrieved_and_removed(two):
    two.ask(by_iccid(ENABLE))
    two.ask(by_iccid(DISABLE))
    listed = parse(two.ask(encode("BF28")))["A0"].nodes
    seq = listed[0]["80"].value
    (found,) = parse(two.ask(encode("BF2B", encode("A0", encode("80", seq)))))["A0"].nodes
    assert found.nodes[0].raw == listed[0].raw
    verify(pki().euicc.key.public_key(), found.nodes[1].raw, found.nodes[0].raw)
    assert two.ask(encode("BF30", encode("80", seq))) == bytes.fromhex("BF3003800100")
    assert len(parse(two.ask(encode("BF28")))["A0"].nodes) == 1


@pytest.mark.parametrize(("bits", "count"), [("0640", 1), ("0560", 2), ("0780", 0)])
def test_notifications_of_some_events(two, bits, count):
    two.ask(by_iccid(ENABLE))
    two.ask(by_iccid(DISABLE))
    wanted = encode("81", bytes.fromhex(bits))
    assert len(parse(two.ask(encode("BF28", wanted)))["A0"].nodes) == count
    assert len(parse(two.ask(encode("BF2B", encode("A0", wanted))))["A0"].nodes) == count


@pytest.mark.check("RN#1")
def test_removing_a_notification_twice(two):
    two.ask(by_iccid(ENABLE))
    request = encode("BF30", encode("80", bytes([two.euicc.notifications[0].seq])))
    two.ask(request)
    assert code(two.refuses("RN#1", request)) == 1


def test_sequence_numbers_are_never_used_again(two):
    before = two.euicc.next_seq
    two.ask(by_iccid(ENABLE))
    two.euicc.notifications.clear()
    two.ask(by_iccid(DISABLE))
    assert two.euicc.notifications[0].seq == before + 1


def test_notifications_do_not_grow_without_end(two):
    for _ in range(80):
        two.ask(by_iccid(ENABLE))
        two.ask(by_iccid(DISABLE))
    seqs = [entry.seq for entry in two.euicc.notifications]
    assert len(seqs) == 128
    assert seqs == sorted(seqs)


# --- addresses and information


def test_the_default_address_is_set_shown_and_cleared(card):
    assert card.ask(encode("BF3C")) == encode("BF3C", encode("81", b"lpa.ds.gsma.com"))
    card.ask(encode("BF3F", encode("80", ADDRESS.encode())))
    assert parse(card.ask(encode("BF3C")))["80"].value == ADDRESS.encode()
    card.ask(encode("BF3F", encode("80")))
    assert card.euicc.default_dp_address == ""


@pytest.mark.check("SD#1")
def test_a_default_address_that_is_too_long(card):
    assert code(card.refuses("SD#1", encode("BF3F", encode("80", b"a" * 256)))) == 127


def test_the_information_is_what_the_standard_wants(card):
    info = asn1.decode(asn1.EUICCInfo2, card.ask(encode("BF22")), 0xBF22).native
    assert info["svn"] == b"\x02\x05\x00"
    assert info["euicc_ci_pk_id_list_for_signing"] == [pki().ci.ski]
    assert info["forbidden_profile_policy_rules"] == ()
    short = asn1.decode(asn1.EUICCInfo1, card.ask(encode("BF20")), 0xBF20).native
    assert short["euicc_ci_pk_id_list_for_verification"] == [pki().ci.ski]


def test_ppr1_is_forbidden_beside_an_operational_profile(card):
    card.install()
    info = asn1.decode(asn1.EUICCInfo2, card.ask(encode("BF22")), 0xBF22)
    assert info["forbidden_profile_policy_rules"].native == (0, 1)


def test_the_table_of_rules(card):
    (entry,) = parse(card.ask(encode("BF43")))["A0"].nodes
    assert entry["80"].value == bytes.fromhex("0560")
    assert entry["A1"]["30"]["80"].value == b"\xee\xee\xee"
    assert entry["82"].value == bytes.fromhex("0780")
