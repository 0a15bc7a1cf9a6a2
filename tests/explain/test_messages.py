import base64
import json

import pytest

from smdp.explain import Unexplained, explain, messages
from smdp.explain.words import Line
from smdp.rsp import asn1
from tests.explain.session import ADDRESS, ICCID, SECRETS, member, said
from tests.explain.test_numbers import line
from tests.independent import encode
from tests.minted import EID as CARD
from tests.minted import issue, pki
from tests.upp.samples import ALICE, EXAMPLE


def everything(lines):
    """All lines, those inside others too."""
    for one in lines:
        yield one
        yield from everything(one.inside)


def said_of(data):
    return [data, data.hex(), data.hex().upper(), base64.b64encode(data).decode()]


# --- DER


@pytest.mark.parametrize("name", sorted(said().messages))
def test_every_message_of_a_session_is_named_however_it_is_pasted(name):
    told = [explain(form) for form in said_of(said().messages[name])]
    assert told[0].title.startswith(name)
    assert told[0].kind == "message"
    assert told[0].lines
    assert all(one == told[0] for one in told)


def test_a_type_that_was_made_before_is_named_all_the_same():
    """asn1crypto rewrites the tag of a CHOICE when it first makes one."""
    message = said().messages["AuthenticateServerResponse"]
    asn1.AuthenticateServerResponse.load(message)
    messages._types.cache_clear()  # noqa: SLF001 - as in a process that explains later
    assert explain(message).title.startswith("AuthenticateServerResponse")


def test_members_have_the_standards_names_and_readable_values():
    told = explain(said().messages["AuthenticateServerResponse"])
    assert told.problems == []
    ok = ("authenticateResponseOk",)
    signed = (*ok, "euiccSigned1")
    assert line(told, *signed, "transactionId") == said().transaction_id
    assert line(told, *signed, "serverAddress") == ADDRESS
    assert line(told, *signed, "euiccInfo2", "svn") == "2.5.0"
    assert line(told, *signed, "euiccInfo2", "uiccCapability") == "usimSupport, isimSupport, akaMilenage"
    assert line(told, *signed, "euiccInfo2", "extCardResource", "free non-volatile memory") == "300000 bytes"
    common = (*signed, "ctxParams1", "ctxParamsForCommonAuthentication")
    assert line(told, *common, "matchingId") == "A-1"
    assert line(told, *ok, "euiccCertificate") == "A certificate of an eUICC (CERT.EUICC)."
    assert line(told, *ok, "euiccCertificate", "EID") == CARD


def test_a_result_a_notification_and_a_cancel_in_words():
    done = explain(said().messages["ProfileInstallationResult"])
    data = ("profileInstallationResultData",)
    assert line(done, *data, "notificationMetadata", "iccid") == ICCID
    assert line(done, *data, "notificationMetadata", "profileManagementOperation") == "notificationInstall"
    assert line(done, *data, "finalResult", "successResult", "aid").startswith("A0000005591010")
    cancelled = explain(said().messages["CancelSessionResponse"])
    assert line(cancelled, "cancelSessionResponseOk", "euiccCancelSessionSigned", "reason") == "1 (postponed)"
    assert line(explain(said().messages["CancelSessionRequest"]), "reason") == "3 (pprNotAllowed)"


def test_errors_have_the_standards_names():
    from tests.euicc_stub import Euicc, refuses_download, refuses_server

    told = explain(refuses_server(b"\x01" * 16, 7))
    assert line(told, "authenticateResponseError", "authenticateErrorCode") == "7 (ciPkUnknown)"
    told = explain(refuses_download(b"\x01" * 16, 99))
    assert line(told, "downloadResponseError", "downloadErrorCode") == "99 (not in the standard)"
    told = explain(Euicc().result(b"\x01" * 16, None, failure=(5, 10)))
    error = ("profileInstallationResultData", "finalResult", "errorResult")
    assert line(told, *error, "bppCommandId") == "5 (loadProfileElements)"
    assert line(told, *error, "errorReason") == "10 (installFailedDueToInsufficientMemoryForProfile)"


def test_a_signature_that_is_not_the_cards_is_a_problem():
    from tests.euicc_stub import Euicc

    forged = Euicc().authenticate(b"\x01" * 16, ADDRESS, b"\xc1" * 16, signer=pki().dpauth.key)
    assert explain(forged).problems == ["euiccSignature1 was not made by the key of euiccCertificate."]
    other = issue("eum", pki().ci)
    orphan = Euicc().authenticate(b"\x01" * 16, ADDRESS, b"\xc1" * 16, eum=other.der)
    assert "euiccCertificate under eumCertificate" in explain(orphan).problems[0]


def test_what_has_a_known_tag_and_is_malformed_says_why():
    told = explain(encode("BF38", encode("A0", encode("30"))))
    assert len(told.problems) == 2
    assert "AuthenticateServerResponse" in told.problems[1]
    assert "is missing" in told.problems[1]


@pytest.mark.parametrize(
    ("data", "problem"),
    [("BF3880", "indefinite"), ("BF3805300", None), ("BF380530", "wants 5 bytes"), ("BF2800BF2800", "trail behind")],
)
def test_what_is_no_der_says_why(data, problem):
    with pytest.raises(Unexplained, match=problem or "nothing that is known"):
        explain(data)


def test_der_that_nobody_knows():
    assert explain(encode("BF55", encode("80", b"\x01"))).lines == [Line("BF55", "3 bytes")]
    assert explain(encode("30", encode("02", b"\x01"))).title == "A SEQUENCE that is no message of SGP.22."
    assert explain(encode("5F37", bytes(64))).kind == "signature"
    assert "the public test PKI" in explain("04144AA31E2E0341F810B50BDEB0ABF7E4240795D807").title
    assert "a live GSMA CI" in explain("041481370F5125D0B1D408D4C3B232E6D25E795BEBFB").title


def test_sixteen_bytes_may_be_a_transaction_id():
    assert explain("7F3A9C0D7F3A9C0D7F3A9C0D7F3A9C0D").kind == "transaction-id"


# --- packages


def test_a_bound_profile_package_shows_its_structure_and_metadata():
    package = member(said().answers["getBoundProfilePackage"], "boundProfilePackage")
    for form in said_of(package):
        told = explain(form)
        assert (told.kind, told.problems) == ("bound-profile-package", [])
        assert line(told, "initialiseSecureChannelRequest", "transactionId") == said().transaction_id
        assert line(told, "sequenceOf88", "iccid") == ICCID
        assert line(told, "sequenceOf86").startswith("the profile, encrypted: 3 TLVs")


def test_a_package_that_is_cut():
    package = member(said().answers["getBoundProfilePackage"], "boundProfilePackage")
    with pytest.raises(Unexplained, match="wants"):
        explain(package[:-1])
    told = explain(encode("BF36", encode("A0", encode("87", bytes(8)))))
    assert told.problems == ["It can't be cut up: a BoundProfilePackage begins with BF23."]


def test_a_profile_package_is_summed_up_without_its_secrets():
    told = explain(EXAMPLE)
    assert told.kind == "profile-package"
    assert line(told, "ICCID")
    assert "not shown" in line(told, "secrets")
    from smdp.upp import PlanContent, build

    own = explain(build(ALICE, PlanContent()))
    assert own.problems == []
    assert line(own, "IMSI") == ALICE.imsi
    assert line(own, "MSISDN") == ALICE.msisdn
    text = str(own)
    for secret in (ALICE.ki, ALICE.opc, ALICE.kic, ALICE.kid, ALICE.kik):
        assert secret.hex() not in text.lower()
    assert not [pin for pin in (ALICE.puk1, ALICE.puk2, ALICE.adm1) if pin in text]
    assert explain(EXAMPLE[:40]).problems


def test_no_key_and_no_hashed_code_is_ever_shown():
    keys = encode("BF26", encode("80", SECRETS[1]), encode("81", SECRETS[2]), encode("82", SECRETS[3]))
    told = [explain(keys), explain(said().messages["PrepareDownloadRequest"])]
    text = "".join(map(str, told)).lower()
    assert "16 bytes, not shown" in text
    assert "32 bytes, not shown" in text
    assert not [secret for secret in SECRETS if secret.hex() in text]


# --- ES9+


@pytest.mark.parametrize("function", sorted(said().requests))
def test_every_request_of_a_session(function):
    told = explain(said().requests[function])
    assert told.title == f"ES9+ request of {function} (SGP.22 §6.5)."
    assert told.problems == []
    names = set(json.loads(said().requests[function]))
    assert names == {one.name for one in told.lines}
    assert not [one for one in everything(told.lines) if "malformed" in one.value or one.name == "problem"]


@pytest.mark.parametrize("function", sorted(said().answers))
def test_every_answer_of_a_session(function):
    told = explain(said().answers[function])
    assert told.title == f"ES9+ answer of {function} (SGP.22 §6.5)."
    assert (line(told, "status"), told.problems) == ("Executed-Success", [])


def refusal(subject, reason, message):
    data = {"subjectCode": subject, "reasonCode": reason, "message": message}
    return {"header": {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}}


def test_a_refusal_leads_to_the_check_and_its_fix():
    body = refusal("8.1", "6.1", "euiccSignature1 is not the eUICC's signature over euiccSigned1.")
    told = explain(json.dumps(body))
    assert line(told, "status") == "Failed"
    assert line(told, "code").startswith("8.1/6.1: eUICC, Verification Failed")
    assert line(told, "code", "AC#9") == "euicc-signature-invalid"
    assert told.fixes == ["Sign the received bytes of euiccSigned1 with the key of CERT.EUICC, 64 bytes r‖s."]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"transactionId": "AA", "authenticateServerResponse": 7}', "no string: 7"),
        ('{"transactionId": "AA", "authenticateServerResponse": "%%"}', "no base64"),
        ('{"transactionId": "AA", "authenticateServerResponse": "AAAA"}', "00"),
        ('{"euiccChallenge": "AAAA"}', "It lacks euiccInfo1, smdpAddress."),
        ('{"header": 3, "boundProfilePackage": ""}', "header"),
        (json.dumps(refusal("9", "1.1", "")), "there is no subject code 9"),
    ],
)
def test_a_body_that_is_not_right_says_so(body, told):
    assert told in str(explain(body))


def test_a_problem_document():
    text = (
        '{"status": 422, "title": "Unprocessable", "reason": "eid-invalid", "because": "An EID …", "fix": "Give all."}'
    )
    told = explain(text)
    assert (told.kind, told.fixes) == ("problem", ["Give all."])


@pytest.mark.parametrize(
    ("body", "why"), [('{"a": 1}', "no body of ES9"), ("{", "is not JSON"), ("{" * 100_000, "is not JSON")]
)
def test_other_json(body, why):
    with pytest.raises(Unexplained, match=why):
        explain(body)


# --- certificates


def pem(der):
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("role", ["ci", "eum", "euicc", "dpauth", "dppb", "dsauth"])
def test_each_role(role):
    found = getattr(pki(), role)
    for form in (*said_of(found.der), pem(found.der)):
        told = explain(form)
        assert told.kind == "certificate"
        assert {"ci": "CERT.CI", "eum": "CERT.EUM", "euicc": "CERT.EUICC", "dpauth": "CERT.DPauth", "dppb": "CERT.DPpb",
                "dsauth": "CERT.DSauth"}[role] in told.title  # fmt: skip
        assert told.problems == []
    assert line(told, "curve") == "P-256"


def test_a_chain_is_judged_under_itself():
    trusted = pki()
    told = explain(pem(trusted.ci.der) + pem(trusted.eum.der) + pem(trusted.euicc.der))
    assert told.title == "3 certificates."
    assert [one for one in everything(told.lines) if one.name in ("problem", "signature")] == []
    stranger = issue("eum", trusted.ci, subject=None, policies_critical=False)
    told = explain(pem(trusted.ci.der) + pem(stranger.der))
    assert line(told, "2", "problem").startswith("Under its issuer CI, its certificate policies are not critical")


def test_certificates_of_the_public_pki(root):
    told = explain((root / "certs" / "dpauth-p256.pem").read_bytes())
    assert told.problems == []
    assert "the public test PKI" in line(told, "issuer's key")
    with pytest.raises(StopIteration):
        line(told, "signature")


def test_an_expired_one():
    import datetime as dt

    old = issue("dpauth", pki().ci, not_after=dt.datetime(2021, 1, 1, tzinfo=dt.UTC))
    assert explain(old.der).problems == ["It has expired."]


def test_a_certificate_that_is_none_of_rsp_and_one_that_is_cut():
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tests.explain.apple import signer

    certificate, _ = signer()
    told = explain(certificate)
    assert told.title == "A certificate, but none that SGP.22 knows."
    assert line(told, "key") == rsa.RSAPublicKey.__name__.removesuffix("PublicKey")
    assert explain(pem(pki().ci.der).replace("M", "N", 3)).problems
    with pytest.raises(Unexplained, match="the end is missing"):
        explain(pem(pki().ci.der)[:200])


def test_a_private_key_is_not_looked_at():
    told = explain("-----BEGIN EC " + "PRIVATE KEY-----\nAAAA")
    assert told.kind == "private-key"
    assert "AAAA" not in str(told)


def test_certificates_are_bounded():
    told = explain(pem(pki().ci.der) * 100)
    assert len(told.lines) == 20
