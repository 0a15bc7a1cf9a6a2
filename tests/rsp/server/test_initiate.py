"""InitiateAuthentication: what the server says, and each check provoked alone."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from smdp.rsp.certs import LIVE_CIS
from smdp.rsp.server.session import Happening, Policy, Stage
from tests.euicc_stub import Euicc, key_list
from tests.independent import encode, parse, verify
from tests.minted import NOW, pki
from tests.rsp.server.bench import ADDRESS, Bench, members, refused, security

STRANGER = b"\xee" * 20
P256, BRAINPOOL = "P-256", "brainpoolP256r1"


def ski(curve: str) -> bytes:
    return pki(curve).ci.ski


def test_the_server_introduces_itself(curve_bench):
    outcome = curve_bench.initiate()
    mine = curve_bench.euicc.pki
    reply, session = outcome.reply, outcome.session
    assert list(reply) == [
        "transactionId", "serverSigned1", "serverSignature1", "euiccCiPKIdToBeUsed", "serverCertificate",
    ]  # fmt: skip
    assert [node.tag for node in parse(reply["serverSigned1"]).nodes] == ["80", "81", "83", "84"]
    signed = members(reply["serverSigned1"])
    assert signed["80"] == reply["transactionId"] == session.transaction_id
    assert len(signed["80"]) == 16
    assert signed["81"] == b"\xc1" * 16 == session.euicc_challenge
    assert signed["83"] == ADDRESS.encode()
    assert signed["84"] == session.server_challenge
    assert len(signed["84"]) == 16
    verify(mine.dpauth.key.public_key(), reply["serverSignature1"], reply["serverSigned1"])
    assert reply["euiccCiPKIdToBeUsed"] == encode("04", mine.ci.ski)
    assert reply["serverCertificate"] == mine.dpauth.der
    assert (session.stage, session.opened_at) == (Stage.INITIATED, NOW)
    assert (session.signing_ci, session.server_ci, session.svn) == (mine.ci.ski, mine.ci.ski, bytes((2, 5, 0)))
    assert outcome.happenings == (Happening(type="session.opened"),)
    assert outcome.change is None


def test_each_session_has_its_own_identifier_and_challenge(bench):
    first, second = bench.initiate().session, bench.initiate().session
    assert first.transaction_id != second.transaction_id
    assert first.server_challenge != second.server_challenge


@pytest.mark.parametrize(
    "address",
    [
        "smdp.example.com",
        "SMDP.Example.COM",
        "smdp.example.com:8443",
        "https://smdp.example.com/gsma",
        " smdp.example.com ",
    ],
)
def test_the_address_comes_back_as_it_was_sent(bench, address):
    outcome = bench.initiate(address=address)
    assert members(outcome.reply["serverSigned1"])["83"] == address.encode()
    assert outcome.session.server_address == address


def test_a_carrier_may_have_several_names():
    bench = Bench(policy=Policy(hosts=frozenset({"a.test", "192.0.2.1"})))
    assert bench.initiate(address="192.0.2.1:8443").refusal is None
    assert bench.initiate(address="a.test").refusal is None


@pytest.mark.parametrize("first", [P256, BRAINPOOL])
def test_the_first_known_ci_of_each_list_is_taken(first):
    """The lists stand in the eUICC's order of preference; the two choices are independent of each other."""
    second = BRAINPOOL if first == P256 else P256
    outcome = Bench().initiate(
        info1=Euicc().info1(
            signing=[STRANGER, ski(first), ski(second)], verification=[STRANGER, ski(second), ski(first)]
        )
    )
    assert outcome.reply["euiccCiPKIdToBeUsed"] == encode("04", ski(first))
    assert outcome.reply["serverCertificate"] == pki(second).dpauth.der
    assert (outcome.session.signing_ci, outcome.session.server_ci) == (ski(first), ski(second))


def test_a_ci_that_is_only_trusted_may_sign(bench):
    """The eUICC's chain and the server's may end in different CIs."""
    both = security(pki(P256), pki(BRAINPOOL))
    identities = {ski(P256): both.identities[ski(P256)]}
    bench.security = type(both)(cis=both.cis, identities=identities)
    outcome = bench.initiate(info1=Euicc().info1(signing=[ski(BRAINPOOL)], verification=[ski(BRAINPOOL), ski(P256)]))
    assert outcome.session.signing_ci == ski(BRAINPOOL)
    assert outcome.session.server_ci == ski(P256)


def test_members_of_later_releases_are_skipped(bench):
    assert bench.initiate(info1=bench.euicc.info1(more=encode("8B", b"\x01") + encode("8D", b"\x00"))).refusal is None


# --- the checks


@pytest.mark.check("IA#1")
@pytest.mark.parametrize("address", ["other.example.com", "smdp.example.com.evil.test", "example.com", "[::1]"])
def test_another_servers_address(bench, address):
    because = refused(bench.initiate(address=address), "IA#1", "8.8.1/3.8", "wrong-address")
    assert address in because


@pytest.mark.check("IA#2")
@pytest.mark.parametrize("major", [0, 1, 3, 255])
def test_a_version_that_is_not_2(bench, major):
    because = refused(
        bench.initiate(info1=bench.euicc.info1(svn=bytes((major, 0, 0)))), "IA#2", "8.8.3/3.1", "svn-unsupported"
    )
    assert f"SGP.22 {major}.0.0;" in because


@pytest.mark.check("IA#3")
@pytest.mark.parametrize("signing", [[], [STRANGER], [STRANGER] * 32])
@pytest.mark.parametrize("verification", [[STRANGER], None])
def test_no_ci_for_signing_is_known(bench, signing, verification):
    """Also with strangers in both lists: the list for signing is looked at first."""
    outcome = bench.initiate(info1=bench.euicc.info1(signing=signing, verification=verification))
    refused(outcome, "IA#3", "8.8.2/3.1", "ci-not-trusted")


@pytest.mark.check("IA#4")
@pytest.mark.parametrize("verification", [[], [STRANGER]])
def test_no_certificate_under_a_ci_for_verification(bench, verification):
    outcome = bench.initiate(info1=bench.euicc.info1(verification=verification))
    refused(outcome, "IA#4", "8.8.4/3.7", "no-certificate-for-ci")


@pytest.mark.parametrize("live", sorted(LIVE_CIS))
def test_a_real_device_is_told_to_be_one(bench, live):
    """What a real iPhone gets: it signs and verifies under the GSMA's live CIs."""
    outcome = bench.initiate(info1=bench.euicc.info1(signing=[live], verification=[live]))
    because = refused(outcome, "IA#3", "8.8.2/3.1", "ci-not-trusted")
    assert f"signs under {live.hex().upper()[:8]}… (a live GSMA CI); this server trusts" in because
    assert "Real devices accept live GSMA certificates only" in outcome.refusal.fix
    outcome = bench.initiate(info1=bench.euicc.info1(verification=[live]))
    assert "(a live GSMA CI)" in refused(outcome, "IA#4", "8.8.4/3.7", "no-certificate-for-ci")


# --- what is no such message


@pytest.mark.parametrize("length", [0, 1, 15, 17, 1000])
def test_a_challenge_takes_16_bytes(bench, length):
    refused(bench.initiate(challenge=b"\x01" * length), "ES9#2", "1.3.1/2.1", "member-malformed")


@pytest.mark.parametrize(
    "info1",
    [
        b"\xbf",
        encode("BF20"),
        encode("BF22", encode("82", b"\x02\x05\x00")),
        encode("BF20", encode("82", b"\x02\x05")),
        encode("BF20", encode("82", b"\x02\x05\x00"), key_list("A9", [])),
        encode("BF20", encode("82", b"\x02\x05"), key_list("A9", []), key_list("AA", [])),
        encode("BF20", encode("82", b"\x02\x05\x00\x00"), key_list("A9", []), key_list("AA", [])),
        encode("BF20", encode("82", b"\x02\x05\x00"), key_list("A9", [STRANGER] * 33), key_list("AA", [])),
        encode("BF20", encode("82", b"\x02\x05\x00"), encode("A9", encode("02", b"\x01")), key_list("AA", [])),
        encode(
            "BF20", encode("82", b"\x02\x05\x00"), key_list("A9", []), key_list("AA", []), encode("8B", bytes(4096))
        ),
        Euicc().info1() + b"\x00",
        Euicc().info1()[:-1],
    ],
    ids=lambda data: data[:8].hex(),
)
def test_what_is_no_euicc_info1(bench, info1):
    refused(bench.initiate(info1=info1), "ES9#2", "1.3.1/2.1", "member-malformed")


def test_identities_and_credentials_keep_their_keys_out_of_logs():
    identity = security(pki(P256)).identities[ski(P256)]
    assert isinstance(identity.dpauth.key, ec.EllipticCurvePrivateKey)
    assert repr(identity.dpauth).startswith("Credential(")
    assert "Key" not in repr(identity)
    assert (identity.oid, identity.curve) == ("2.999.10", P256)
