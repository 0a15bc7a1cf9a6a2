"""LoadBoundProfilePackage: packages sealed by the tests' own code, each with one thing wrong, and the result."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from smdp.rsp.checks import Refusal
from smdp.rsp.codes import BppCommandId as Step
from smdp.rsp.codes import ErrorReason as Reason
from smdp.rsp.codes import StatusWord
from smdp.rsp.euicc.commands import Answer, Findings, World
from smdp.rsp.euicc.load import give_up
from smdp.rsp.euicc.state import AllowedOperator, AuthorisationRule
from tests.card import new_card
from tests.fake_smdp import ADDRESS, ICCID_BYTES, OWNER, PPK, UPP, FakeSmdp, metadata, notified, rules
from tests.independent import Keys, cut, encode, parse, verify
from tests.minted import EID, pki

OTHER_ICCID = bytes.fromhex("980001010000000020F7")
PPR1, PPR2 = rules(0x40, 6), rules(0x20, 5)


def result_of(answer):
    """Check the result's signature, and return finalResult's choice."""
    data, signature = parse(answer.data).nodes
    verify(pki().euicc.key.public_key(), signature.raw, data.raw)
    assert [node.tag for node in data.nodes] == ["80", "BF2F", "06", "A2"]
    return parse(data["A2"].value)


def refused(card, check, step, reason, smdp=None, **changes):
    """Seal with one change, load, and expect exactly this refusal; the card then forgets the session."""
    smdp = smdp or card.prepare()
    return judged(card, check, step, reason, card.load(smdp.package(**changes)))


def judged(card, check, step, reason, answer):
    assert answer.refusal is not None
    assert answer.refusal.check == check, answer.refusal
    assert "?" not in answer.refusal.because
    assert "{" not in answer.refusal.because
    error = result_of(answer)
    assert error.tag == "A1"
    assert (Step(error["80"].value[0]), Reason(error["81"].value[0])) == (step, reason)
    assert card.euicc.session is None
    return error


# --- good packages


@pytest.mark.parametrize("ppk", [PPK, None], ids=["own keys", "session keys"])
def test_a_good_package_is_installed(card, ppk):
    smdp = card.prepare()
    answer = card.load(smdp.package(ppk=ppk))
    success = result_of(answer)
    data = parse(answer.data)["BF27"]
    (profile,) = card.euicc.profiles
    assert success.tag == "A0"
    assert success["4F"].value == profile.aid
    assert success["04"].value == bytes.fromhex("3007A0053003800100")
    assert data["80"].value == smdp.transaction_id
    assert data["06"].value == bytes.fromhex("88370A")
    assert [node.raw for node in data["BF2F"].nodes] == [
        encode("80", b"\x01"),
        bytes.fromhex("81020780"),
        encode("0C", ADDRESS.encode()),
        encode("5A", ICCID_BYTES),
    ]
    assert (profile.upp, profile.metadata, profile.enabled) == (UPP, metadata(), False)


def test_brainpool_works_too():
    own = pki("brainpoolP256r1")
    card = new_card(own)
    card.install(FakeSmdp(own))
    assert len(card.euicc.profiles) == 1


@pytest.mark.parametrize("size", [1, 1006, 1007, 1008, 2014, 2015])
def test_every_cut_of_the_package(card, size):
    upp = bytes(size - 1) + b"\x80"
    card.install(upp=upp)
    assert card.euicc.profiles[0].upp == upp


def test_metadata_that_need_two_segments(card):
    icon = encode("93", b"\x01") + encode("94", b"\xff" * 1024)
    profile = metadata(icon)
    card.install(profile=profile)
    assert card.euicc.profiles[0].metadata == profile


def test_the_result_is_kept_before_it_is_answered(card):
    answer = card.load(card.prepare().package())
    assert [entry.raw for entry in card.euicc.notifications] == [answer.data]


def test_whoever_wants_to_hear_of_the_installation_is_told(card):
    card.install(profile=metadata(notified("other.example.com")))
    result, other = card.euicc.notifications
    assert (result.seq, result.address) == (1, ADDRESS)
    assert (other.seq, other.address) == (2, "other.example.com")
    signed, signature, certificate, _ = parse(other.raw).nodes
    verify(pki().euicc.key.public_key(), signature.raw, signed.raw)
    assert certificate.raw == pki().euicc.der


def test_a_package_configuration_may_name_the_server(card):
    named = encode("BF24", encode("B8", encode("80", bytes.fromhex("88370A"))))
    card.install(configure=named)
    assert len(card.euicc.profiles) == 1


# --- the session


@pytest.mark.check("LB#1")
def test_a_package_that_nobody_prepared(card):
    answer = card.load(FakeSmdp(euicc_otpk=pki_point()).package())
    assert answer.status is StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED
    assert answer.refusal.check == "LB#1"


def pki_point() -> bytes:
    numbers = pki().euicc.key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


@pytest.mark.check("LB#1")
@pytest.mark.parametrize("tag", ["A0", "A1", "88", "A2", "87", "A3", "86"])
def test_a_package_without_its_beginning(card, tag):
    card.prepare()
    answer = card.refuses("LB#1", encode(tag, bytes(16)))
    assert answer.status is StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED
    assert card.euicc.session.step == "prepared"


@pytest.mark.check("LB#1")
def test_a_package_begins_once(card):
    first = cut(card.prepare().package())[0]
    card.ask(first)
    card.refuses("LB#1", first)


def test_an_unknown_segment_leaves_the_session(card):
    smdp = card.prepare()
    segments = cut(smdp.package())
    card.ask(segments[0])
    assert card.send(encode("A9", bytes(4))).status is StatusWord.REFERENCED_DATA_NOT_FOUND
    for segment in segments[1:]:
        card.ask(segment)
    assert len(card.euicc.profiles) == 1


# --- structure


def reordered(package, *order):
    """Build BF36 from these of its members."""
    members = parse(package).nodes
    return encode("BF36", *(members[number].raw for number in order))


@pytest.mark.check("LB#2")
@pytest.mark.parametrize(
    ("order", "step"),
    [
        ((0, 2, 1, 3, 4), Step.INITIALISE_SECURE_CHANNEL),
        ((0, 1, 3, 2, 4), Step.CONFIGURE_ISDP),
        ((0, 1, 2, 3), Step.STORE_METADATA),
        ((0, 1, 2, 3, 4, 4), Step.REPLACE_SESSION_KEYS),
    ],
    ids=["metadata first", "keys first", "no elements", "elements twice"],
)
def test_sections_in_another_order(card, order, step):
    answer = card.load(reordered(card.prepare().package(), *order))
    judged(card, "LB#2", step, Reason.SCP03T_STRUCTURE_ERROR, answer)


@pytest.mark.check("LB#2")
def test_a_section_with_foreign_members(card):
    first, configure, *rest = parse(card.prepare().package()).nodes
    wrong = encode("A0", encode("88", configure.nodes[0].value))
    package = encode("BF36", first.raw, wrong, *(node.raw for node in rest))
    answer = card.load(package)
    judged(card, "LB#2", Step.INITIALISE_SECURE_CHANNEL, Reason.SCP03T_STRUCTURE_ERROR, answer)


@pytest.mark.check("LB#2")
def test_a_tlv_that_is_cut_off(card):
    segments = cut(card.prepare().package())
    for segment in segments[:-1]:
        card.ask(segment)
    answer = card.send(segments[-1][:-1])
    judged(card, "LB#2", Step.LOAD_PROFILE_ELEMENTS, Reason.SCP03T_STRUCTURE_ERROR, answer)


@pytest.mark.check("LB#2")
def test_a_tlv_that_reaches_beyond_its_section(card):
    segments = cut(card.prepare().package())
    for segment in segments[:2]:
        card.ask(segment)
    card.ask(bytes([0xA1, len(segments[3]) - 1]))
    answer = card.send(segments[3])
    judged(card, "LB#2", Step.STORE_METADATA, Reason.SCP03T_STRUCTURE_ERROR, answer)


@pytest.mark.check("LB#2")
def test_an_empty_section(card):
    first, configure, _, *rest = parse(card.prepare().package()).nodes
    package = encode("BF36", first.raw, configure.raw, encode("A1"), *(node.raw for node in rest))
    answer = card.load(package)
    judged(card, "LB#2", Step.CONFIGURE_ISDP, Reason.SCP03T_STRUCTURE_ERROR, answer)


def test_a_package_that_is_too_large_does_not_begin(card):
    card.prepare()
    assert card.send(bytes.fromhex("BF3683100000")).status is StatusWord.INCORRECT_DATA
    assert card.euicc.session.step == "prepared"


# --- InitialiseSecureChannel


@pytest.mark.check("LB#3")
def test_a_secure_channel_request_without_a_template(card):
    first, *rest = parse(card.prepare().package()).nodes
    hollow = encode("BF23", *(node.raw for node in first.nodes if node.tag != "A6"))
    answer = card.load(encode("BF36", hollow, *(node.raw for node in rest)))
    judged(card, "LB#3", Step.INITIALISE_SECURE_CHANNEL, Reason.INCORRECT_INPUT_VALUES, answer)


@pytest.mark.check("LB#4")
def test_another_operation(card):
    reason = Reason.UNSUPPORTED_REMOTE_OPERATION_TYPE
    refused(card, "LB#4", Step.INITIALISE_SECURE_CHANNEL, reason, operation=bytes.fromhex("820102"))


@pytest.mark.check("LB#5")
def test_another_transaction(card):
    reason = Reason.INVALID_TRANSACTION_ID
    refused(card, "LB#5", Step.INITIALISE_SECURE_CHANNEL, reason, transaction_id=b"\x01" * 16)


@pytest.mark.check("LB#6")
@pytest.mark.parametrize("template", ["800189810110", "800188810120"], ids=["key type", "key length"])
def test_another_kind_of_key(card, template):
    changed = encode("A6", bytes.fromhex(template), encode("84", bytes.fromhex("8080808080808080")))
    refused(card, "LB#6", Step.INITIALISE_SECURE_CHANNEL, Reason.UNSUPPORTED_CRT_VALUES, template=changed)


@pytest.mark.check("LB#6")
@pytest.mark.parametrize("length", [0, 17])
def test_a_host_id_of_a_wrong_length(card, length):
    changed = encode("A6", bytes.fromhex("800188810110"), encode("84", bytes(length)))
    refused(card, "LB#6", Step.INITIALISE_SECURE_CHANNEL, Reason.UNSUPPORTED_CRT_VALUES, template=changed)


@pytest.mark.check("LB#7")
def test_a_forged_smdp_signature(card):
    signature = encode("5F37", b"\x01" * 64)
    refused(card, "LB#7", Step.INITIALISE_SECURE_CHANNEL, Reason.INVALID_SIGNATURE, signature=signature)


@pytest.mark.check("LB#7")
def test_the_key_of_dpauth_does_not_sign_packages(card):
    refused(card, "LB#7", Step.INITIALISE_SECURE_CHANNEL, Reason.INVALID_SIGNATURE, signer=pki().dpauth.key)


@pytest.mark.check("LB#8")
@pytest.mark.parametrize("otpk", [b"\x04" + b"\x01" * 64, b"\x04" * 33], ids=["off the curve", "short"])
def test_a_one_time_key_that_is_none(card, otpk):
    refused(card, "LB#8", Step.INITIALISE_SECURE_CHANNEL, Reason.INCORRECT_INPUT_VALUES, smdp_otpk=otpk)


# --- protected TLVs


def tampered(package, number, change):
    """Change the value of one segment's TLV and keep all lengths honest."""
    segments = cut(package)
    return [*segments[:number], change(segments[number]), *segments[number + 1 :]]


def load_all(card, segments):
    for segment in segments:
        answer = card.send(segment)
        if answer != Answer():
            return answer
    raise AssertionError("the card said nothing to the last segment")


@pytest.mark.check("LB#9")
def test_a_protected_tlv_longer_than_1020_bytes(card):
    smdp = card.prepare()
    package = smdp.package()
    first, configure, _, *rest = parse(package).nodes
    long = encode("A1", encode("88", bytes(1100)))
    answer = card.load(encode("BF36", first.raw, configure.raw, long, *(node.raw for node in rest)))
    error = judged(card, "LB#9", Step.STORE_METADATA, Reason.SCP03T_STRUCTURE_ERROR, answer)
    assert [node.tag for node in error.nodes] == ["80", "81"]


@pytest.mark.check("LB#9")
def test_a_protected_tlv_shorter_than_its_mac(card):
    first, configure, _, *rest = parse(card.prepare().package()).nodes
    short = encode("A1", encode("88", bytes(7)))
    answer = card.load(encode("BF36", first.raw, configure.raw, short, *(node.raw for node in rest)))
    judged(card, "LB#9", Step.STORE_METADATA, Reason.SCP03T_STRUCTURE_ERROR, answer)


@pytest.mark.check("LB#10")
@pytest.mark.parametrize(
    ("number", "step"),
    [
        (1, Step.CONFIGURE_ISDP),
        (3, Step.STORE_METADATA),
        (4, Step.REPLACE_SESSION_KEYS),
        (6, Step.LOAD_PROFILE_ELEMENTS),
        (-1, Step.LOAD_PROFILE_ELEMENTS),
    ],
)
def test_a_flipped_bit(card, number, step):
    segments = tampered(card.prepare().package(), number % 9, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    judged(card, "LB#10", step, Reason.SCP03T_SECURITY_ERROR, load_all(card, segments))


@pytest.mark.check("LB#10")
def test_a_flipped_bit_in_the_second_half_of_the_metadata(card):
    profile = metadata(encode("93", b"\x01") + encode("94", b"\xff" * 1024))
    segments = tampered(card.prepare().package(profile=profile), 4, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    judged(card, "LB#10", Step.STORE_METADATA_2, Reason.SCP03T_SECURITY_ERROR, load_all(card, segments))


@pytest.mark.check("LB#10")
def test_two_elements_that_changed_places(card):
    segments = cut(card.prepare().package())
    segments[6], segments[7] = segments[7], segments[6]
    answer = load_all(card, segments)
    judged(card, "LB#10", Step.LOAD_PROFILE_ELEMENTS, Reason.SCP03T_SECURITY_ERROR, answer)


@pytest.mark.check("LB#10")
def test_keys_for_another_eid(card):
    refused(card, "LB#10", Step.CONFIGURE_ISDP, Reason.SCP03T_SECURITY_ERROR, eid=EID[:-2] + "36")


# --- what the sections say


@pytest.mark.check("LB#11")
@pytest.mark.parametrize(
    "configure",
    [encode("BF25"), encode("BF24", encode("B8", encode("80", bytes.fromhex("88370C"))))],
    ids=["not BF24", "another server"],
)
def test_a_wrong_configuration(card, configure):
    refused(card, "LB#11", Step.CONFIGURE_ISDP, Reason.INCORRECT_INPUT_VALUES, configure=configure)


@pytest.mark.check("LB#12")
@pytest.mark.parametrize(
    "profile",
    [
        encode("BF25", encode("5A", ICCID_BYTES)),
        metadata(iccid=b"\x98" * 9),
        metadata(encode("94", b"\xff")),
        metadata(encode("93", b"\x01") + encode("94", b"\xff" * 1025)),
    ],
    ids=["names missing", "short ICCID", "icon without type", "icon too large"],
)
def test_wrong_metadata(card, profile):
    refused(card, "LB#12", Step.STORE_METADATA, Reason.INCORRECT_INPUT_VALUES, profile=profile)


@pytest.mark.check("LB#13")
def test_a_class_that_is_not_taken(card):
    card.euicc.rsp_capability = frozenset({0})
    profile = metadata(profile_class=0)
    card.expects(test_keys_only=True)
    refused(card, "LB#13", Step.STORE_METADATA, Reason.UNSUPPORTED_PROFILE_CLASS, profile=profile)


@pytest.mark.check("LB#14")
def test_an_iccid_that_is_there_already(card):
    card.install()
    error = refused(
        card, "LB#14", Step.STORE_METADATA, Reason.INSTALL_FAILED_DUE_TO_ICCID_ALREADY_EXISTS_ON_EUICC
    )  # fmt: skip
    assert len(error.nodes) == 2
    assert len(card.euicc.profiles) == 1


@pytest.mark.check("LB#15")
@pytest.mark.parametrize("owner", [OWNER, b""], ids=["another operator's rule", "no owner"])
def test_a_policy_rule_that_the_table_does_not_allow(card, owner):
    operator = AllowedOperator(mcc_mnc=bytes.fromhex("0FF110") if owner else b"\xee\xee\xee")
    card.euicc.rules = (AuthorisationRule(ppr_ids=frozenset({1, 2}), allowed_operators=(operator,)),)
    refused(card, "LB#15", Step.STORE_METADATA, Reason.PPR_NOT_ALLOWED, profile=metadata(owner + PPR2))


def test_a_policy_rule_that_the_table_allows(card):
    operator = AllowedOperator(mcc_mnc=bytes.fromhex("0EF1EE"), gid1=b"\x01")
    card.euicc.rules = (AuthorisationRule(ppr_ids=frozenset({1, 2}), allowed_operators=(operator,)),)
    owner = encode("B7", encode("80", bytes.fromhex("00F110")), encode("81", b"\x01"))
    card.install(profile=metadata(owner + rules(0x60, 5)))
    assert len(card.euicc.profiles) == 1


@pytest.mark.check("LB#16")
def test_ppr1_beside_an_operational_profile(card):
    card.install()
    card.expects(iccid="8900101000000000027")
    profile = metadata(OWNER + PPR1, iccid=OTHER_ICCID)
    refused(card, "LB#16", Step.STORE_METADATA, Reason.PPR_NOT_ALLOWED, profile=profile)


@pytest.mark.check("LB#17")
@pytest.mark.parametrize("ppk", [Keys(b"\1" * 16, b"\2" * 24, b"\3" * 16), Keys(b"\1" * 16, b"\2" * 16, b"\3" * 32)])
def test_profile_keys_of_another_length(card, ppk):
    refused(card, "LB#17", Step.REPLACE_SESSION_KEYS, Reason.INCORRECT_INPUT_VALUES, ppk=ppk)


@pytest.mark.check("LB#17")
def test_a_key_replacement_with_a_key_missing(card):
    bf26 = encode("BF26", encode("80", PPK.chain), encode("81", PPK.enc))
    refused(card, "LB#17", Step.REPLACE_SESSION_KEYS, Reason.INCORRECT_INPUT_VALUES, bf26=bf26)


@pytest.mark.check("LB#18")
def test_a_package_that_a_card_would_not_take(card):
    response = bytes.fromhex("300CA00830068001098101058100")
    card.expects(problem="template of PE 5 unknown", response=response)
    reason = Reason.INSTALL_FAILED_DUE_TO_PE_PROCESSING_ERROR
    error = refused(card, "LB#18", Step.LOAD_PROFILE_ELEMENTS, reason)
    assert error["82"].value == response
    assert card.euicc.profiles == []


@pytest.mark.check("LB#19")
def test_another_iccid_in_the_package(card):
    card.expects(iccid="8900101000000000027")
    reason = Reason.INSTALL_FAILED_DUE_TO_DATA_MISMATCH
    error = refused(card, "LB#19", Step.LOAD_PROFILE_ELEMENTS, reason)
    assert len(error.nodes) == 2


@pytest.mark.check("LB#20")
def test_a_test_profile_with_a_real_key(card):
    reason = Reason.TEST_PROFILE_INSTALL_FAILED_DUE_TO_INVALID_NAA_KEY
    refused(card, "LB#20", Step.LOAD_PROFILE_ELEMENTS, reason, profile=metadata(profile_class=0))


def test_a_test_profile_with_a_test_key(card):
    card.expects(test_keys_only=True)
    card.install(profile=metadata(profile_class=0))
    assert len(card.euicc.profiles) == 1


@pytest.mark.check("LB#21")
def test_a_package_that_does_not_fit(card):
    card.expects(size=card.euicc.free_memory + 1)
    reason = Reason.INSTALL_FAILED_DUE_TO_INSUFFICIENT_MEMORY_FOR_PROFILE
    error = refused(card, "LB#21", Step.LOAD_PROFILE_ELEMENTS, reason)
    assert error["82"].value == bytes.fromhex("3009A00530038001048100")


def test_memory_runs_out_and_comes_back(card):
    card.install()
    assert card.euicc.free_memory == card.euicc.memory - 20_000
    info = parse(card.ask(encode("BF22")))
    resources = parse(encode("30", info["84"].value))
    assert int.from_bytes(resources["82"].value, "big") == card.euicc.free_memory


# --- afterwards


def test_a_failed_installation_is_told_and_numbered(card):
    refused(card, "LB#7", Step.INITIALISE_SECURE_CHANNEL, Reason.INVALID_SIGNATURE, signer=pki().dpauth.key)
    card.install()
    assert [entry.seq for entry in card.euicc.notifications] == [1, 2]
    assert [entry.iccid for entry in card.euicc.notifications] == [None, ICCID_BYTES]


def test_a_new_challenge_drops_a_half_loaded_package(card):
    segments = cut(card.prepare().package())
    for segment in segments[:4]:
        card.ask(segment)
    card.challenge()
    answer = card.send(segments[4])
    assert answer.status is StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED
    assert card.euicc.notifications == []


def test_an_expired_certificate_does_not_matter_while_a_package_loads(card):
    smdp = card.prepare()
    card.now += timedelta(days=40_000)
    assert card.load(smdp.package()).refusal is None


def test_a_one_time_key_on_the_session_curve(card):
    smdp = card.prepare()
    assert isinstance(smdp.otsk.curve, ec.SECP256R1)
    assert card.load(smdp.package()).refusal is None


# --- given up by the card itself


@pytest.mark.parametrize(("seen", "iccid"), [(b"", None), (metadata(), ICCID_BYTES)])
def test_a_card_can_give_up_for_reasons_of_its_own(card, seen, iccid):
    card.prepare()
    refusal = Refusal(
        "none", Reason.INSTALL_FAILED_DUE_TO_INTERRUPTION, "interrupted", "It was pulled out.", "Put it in"
    )
    world = World(card.now, card.entropy, lambda _: Findings(None, 0))
    answer = give_up(card.euicc, world, Step.STORE_METADATA_2, refusal, seen)
    judged(card, "none", Step.STORE_METADATA_2, Reason.INSTALL_FAILED_DUE_TO_INTERRUPTION, answer)
    assert [entry.iccid for entry in card.euicc.notifications] == [iccid]
