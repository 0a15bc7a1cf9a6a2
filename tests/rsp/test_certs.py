import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from smdp.rsp import certs
from smdp.rsp.certs import EUICC_RULES, EUM_RULES, SERVER_RULES, Role, Subtree
from smdp.rsp.tlv import Malformed, tlv
from tests.pki.forge import (
    CURVE_NAMES,
    EID,
    forge,
    forge_der,
    name,
    other_curve,
    pki,
    policies,
    stranger,
    unknown_extension,
    usage,
)

SERVERS = {"dpauth": Role.DPAUTH, "dppb": Role.DPPB, "dsauth": Role.DSAUTH}
CA = x509.BasicConstraints(ca=True, path_length=0)


@pytest.fixture(params=CURVE_NAMES)
def curve(request):
    return request.param


@pytest.fixture
def good(curve):
    return pki(curve)


def permitted(*trees, critical=True):
    names = [x509.DirectoryName(name(**tree)) for tree in trees]
    return x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None), critical


def common_faults(good, own, issuer, curve):
    """What may be wrong with any certificate below another one."""
    certificate, key = good[own].certificate, good[issuer].key
    foreign = x509.AuthorityKeyIdentifier(b"\1" * 20, None, None)
    return [
        ("its authority key identifier is not its issuer's key", forge(certificate, key, put=[(foreign, False)])),
        (
            "its authority key identifier is not its issuer's key",
            forge(certificate, key, drop=[x509.AuthorityKeyIdentifier]),
        ),
        ("its curve is not its issuer's", forge(certificate, key, key=stranger(other_curve(curve)).public_key())),
        ("its signature was not made by its issuer's key", forge(certificate, stranger(curve))),
        ("its signature was not made by its issuer's key", forge(certificate, key, algorithm=hashes.SHA384())),
        (
            "it has a critical extension that SGP.22 does not know",
            forge(certificate, key, put=[(unknown_extension(), True)]),
        ),
    ]


def end_entity_faults(good, own, issuer, said):
    certificate, key = good[own].certificate, good[issuer].key
    role = SERVERS.get(own, Role.EUICC)
    return [
        ("it says that it is a CA", forge(certificate, key, put=[(CA, True)])),
        ("its keyUsage lacks digitalSignature", forge(certificate, key, put=[(usage("key_agreement"), True)])),
        ("its keyUsage is not critical", forge(certificate, key, put=[(usage("digital_signature"), False)])),
        (f"its certificate policies do not say {said}", forge(certificate, key, put=[(policies(Role.DPTLS), True)])),
        ("its certificate policies are not critical", forge(certificate, key, put=[(policies(role), False)])),
    ]


def check(cases, rules, problem):
    """Each case gives its own sentence, and every rule has a case."""
    assert [problem(certificate) for _, certificate in cases] == [sentence for sentence, _ in cases]
    assert {sentence for sentence, _ in cases} == {rule.problem for rule in rules}


def test_good_certificates_have_no_problem(good):
    ci, eum = good["ci"].certificate, good["eum"].certificate
    assert certs.eum_problem(eum, ci) is None
    assert certs.euicc_problem(good["euicc"].certificate, eum) is None
    for kind, role in SERVERS.items():
        assert certs.server_problem(good[kind].certificate, ci, role) is None


def test_every_rule_of_the_eum_profile(good, curve):
    ci, eum = good["ci"], good["eum"].certificate
    tree = {"ORGANIZATION_NAME": "smdp TEST EUM", "SERIAL_NUMBER": "89"}
    no_prefix = "its name constraints permit no organization with an EID prefix"
    length = "its pathLenConstraint is missing or too long"
    faults = [
        ("its basicConstraints do not say that it is a CA", {"put": [(x509.BasicConstraints(False, None), True)]}),
        ("its basicConstraints do not say that it is a CA", {"drop": [x509.BasicConstraints]}),
        ("its basicConstraints are not critical", {"put": [(CA, False)]}),
        (length, {"put": [(x509.BasicConstraints(True, None), True)]}),
        (length, {"put": [(x509.BasicConstraints(True, 1), True)]}),
        ("its keyUsage lacks keyCertSign", {"put": [(usage("digital_signature"), True)]}),
        ("its keyUsage is not critical", {"put": [(usage("key_cert_sign"), False)]}),
        ("its certificate policies do not say EUM", {"put": [(policies(Role.CI), True)]}),
        ("its certificate policies do not say EUM", {"drop": [x509.CertificatePolicies]}),
        ("its certificate policies are not critical", {"put": [(policies(Role.EUM), False)]}),
        (no_prefix, {"drop": [x509.NameConstraints]}),
        (no_prefix, {"put": [permitted({"ORGANIZATION_NAME": "smdp TEST EUM"})]}),
        (no_prefix, {"put": [permitted({"SERIAL_NUMBER": "89"})]}),
        ("its name constraints are not critical", {"put": [permitted(tree, critical=False)]}),
    ]
    cases = common_faults(good, "eum", "ci", curve)
    cases += [(sentence, forge(eum, ci.key, **change)) for sentence, change in faults]
    check(cases, EUM_RULES, lambda certificate: certs.eum_problem(certificate, ci.certificate))


def test_every_rule_of_the_euicc_profile(good, curve):
    eum, euicc = good["eum"], good["euicc"].certificate

    def named(organization="smdp TEST EUM", eid=EID):
        return {"subject": name(ORGANIZATION_NAME=organization, SERIAL_NUMBER=eid, COMMON_NAME="eUICC")}

    no_eid = "its serialNumber is no EID of 32 digits"
    stranger_organization = "its organization is not one that the EUM may certify"
    faults = [
        (no_eid, named(eid=EID[:-1])),
        (no_eid, named(eid=EID + "0")),
        (no_eid, named(eid=EID[:-1] + "A")),
        (no_eid, {"subject": name(ORGANIZATION_NAME="smdp TEST EUM")}),
        (stranger_organization, named(organization="smdp TEST EUM ")),
        (stranger_organization, {"subject": name(SERIAL_NUMBER=EID)}),
        ("its EID does not begin as the EUM's name constraints demand", named(eid="98" + EID[2:])),
    ]
    cases = common_faults(good, "euicc", "eum", curve) + end_entity_faults(good, "euicc", "eum", "eUICC")
    cases += [(sentence, forge(euicc, eum.key, **change)) for sentence, change in faults]
    check(cases, EUICC_RULES, lambda certificate: certs.euicc_problem(certificate, eum.certificate))


@pytest.mark.parametrize(("kind", "said"), [("dpauth", "DPauth"), ("dppb", "DPpb"), ("dsauth", "DSauth")])
def test_every_rule_of_the_server_profiles(good, curve, kind, said):
    ci, role = good["ci"], SERVERS[kind]
    nameless = x509.SubjectAlternativeName([x509.DNSName("localhost")]), False
    cases = common_faults(good, kind, "ci", curve) + end_entity_faults(good, kind, "ci", said)
    cases += [
        ("its alternative name has no registered id", forge(good[kind].certificate, ci.key, put=[nameless])),
        (
            "its alternative name has no registered id",
            forge(good[kind].certificate, ci.key, drop=[x509.SubjectAlternativeName]),
        ),
    ]
    check(cases, SERVER_RULES[role], lambda certificate: certs.server_problem(certificate, ci.certificate, role))


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_certificate_is_for_one_role(good, kind):
    certificate, ci = good[kind].certificate, good["ci"].certificate
    fitting = [role for role in SERVERS.values() if certs.server_problem(certificate, ci, role) is None]
    assert fitting == [SERVERS[kind]]


def test_each_permitted_subtree_stands_for_itself(good):
    trees = [{"ORGANIZATION_NAME": o, "SERIAL_NUMBER": p} for o, p in (("A", "89"), ("A", "35"), ("B", "1"))]
    eum = forge(good["eum"].certificate, good["ci"].key, put=[permitted(*trees)])
    assert eum.permitted == (Subtree("A", ("89",)), Subtree("A", ("35",)), Subtree("B", ("1",)))

    def problem(organization, eid):
        subject = name(ORGANIZATION_NAME=organization, SERIAL_NUMBER=eid)
        return certs.euicc_problem(forge(good["euicc"].certificate, good["eum"].key, subject=subject), eum)

    assert problem("A", EID) is None
    assert problem("A", "35" + EID[2:]) is None
    assert problem("B", "1" * 32) is None
    assert problem("B", EID) == "its EID does not begin as the EUM's name constraints demand"


def v3_eum(good, eins=(b"8904", b"35"), tag=0x13, path_length=1):
    value = tlv(0x30, *(tlv(tag, ein) for ein in eins))
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.23.146.1.2.2.0"), value)
    put = [
        (policies("2.23.146.1.2.1.0.0.0"), True),
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        permitted({"ORGANIZATION_NAME": "smdp TEST EUM"}),
        (extension, False),
    ]
    return forge(good["eum"].certificate, good["ci"].key, put=put)


def test_a_v3_eum_names_its_eins_in_an_extension(good):
    eum = v3_eum(good)
    assert certs.eum_problem(eum, good["ci"].certificate) is None
    assert eum.permitted == (Subtree("smdp TEST EUM", ("8904", "35")),)
    v3 = policies("2.23.146.1.2.1.0.0.0.0.0")
    euicc = forge(good["euicc"].certificate, good["eum"].key, put=[(v3, True)])
    assert certs.euicc_problem(euicc, eum) is None
    with pytest.raises(Malformed, match="PrintableString"):
        v3_eum(good, tag=0x0C)


def test_a_v3_eum_has_limits_too(good):
    ci = good["ci"].certificate
    assert certs.eum_problem(v3_eum(good, path_length=2), ci) == "its pathLenConstraint is missing or too long"
    none = "its name constraints permit no organization with an EID prefix"
    assert certs.eum_problem(v3_eum(good, eins=()), ci) == none
    assert certs.eum_problem(v3_eum(good, eins=(b"",)), ci) == none


def test_an_expired_certificate_is_not_an_invalid_one(good):
    euicc = good["euicc"].certificate
    assert certs.euicc_problem(euicc, good["eum"].certificate) is None
    first = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    last = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    assert certs.valid_at(euicc, first)
    assert certs.valid_at(euicc, last)
    assert not certs.valid_at(euicc, first - dt.timedelta(seconds=1))
    assert not certs.valid_at(euicc, last + dt.timedelta(microseconds=1))


def test_a_certificate_shows_its_fields(good):
    eum, euicc, dpauth = (good[kind].certificate for kind in ("eum", "euicc", "dpauth"))
    assert (eum.organization, eum.common_name, eum.rid, eum.ca, eum.path_len) == (
        *("smdp TEST EUM", "smdp TEST EUM", "2.999.5", True, 0),
    )
    assert eum.issuer == good["ci"].certificate.subject == good["ci"].certificate.issuer
    assert euicc.issuer == eum.subject
    assert (euicc.serial_number, euicc.aki, euicc.key_usage) == (EID, eum.ski, {"digitalSignature"})
    assert (dpauth.policies, dpauth.rid) == ({"2.23.146.1.2.1.4"}, "2.999.10")
    assert dpauth.critical == {"2.5.29.15", "2.5.29.32"}
    assert good["ci"].certificate.key_usage == {"keyCertSign", "cRLSign"}
    assert eum == certs.load(bytes(bytearray(eum.der)))
    assert eum != euicc
    assert "smdp TEST EUM" in repr(eum)
    assert eum.der.hex() not in repr(eum)


def test_a_certificate_is_read_once(good):
    der = good["eum"].certificate.der
    assert certs.load(der) is certs.load(bytes(bytearray(der)))


# --- what cannot be read


def own_certificate(key, *, subject=None, algorithm=None, extensions=()):
    subject = subject or name(COMMON_NAME="own")
    span = dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, *span)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, algorithm or hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x00", b"garbage", b"\x30\x80\x00\x00", b"\x30\x03\x02\x01\x01"])
def test_garbage_is_malformed(der):
    with pytest.raises(Malformed):
        certs.load(der)


def test_nothing_may_follow(good):
    with pytest.raises(Malformed):
        certs.load(good["eum"].certificate.der + b"\x00")


def test_other_keys_and_curves_are_malformed():
    with pytest.raises(Malformed, match="elliptic"):
        certs.load(own_certificate(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(Malformed, match="curve"):
        certs.load(own_certificate(ec.generate_private_key(ec.SECP384R1())))


def test_a_huge_certificate_is_malformed():
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), bytes(8192))
    with pytest.raises(Malformed, match="larger than 8192"):
        certs.load(own_certificate(ec.generate_private_key(ec.SECP256R1()), extensions=[filler]))


@pytest.mark.parametrize("oid", [x509.NameOID.ORGANIZATION_NAME, x509.NameOID.SERIAL_NUMBER])
def test_a_name_with_two_of_what_counts_is_malformed(oid):
    twice = x509.Name([x509.NameAttribute(oid, "1"), x509.NameAttribute(oid, "2")])
    with pytest.raises(Malformed, match="two organizations"):
        certs.load(own_certificate(ec.generate_private_key(ec.SECP256R1()), subject=twice))


def test_an_extension_given_twice_is_malformed(good):
    put = [
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x05\x00"), False),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.2"), b"\x05\x00"), False),
    ]
    der = forge_der(good["euicc"].certificate, good["eum"].key, put=put)
    first, second = bytes.fromhex("0603883701"), bytes.fromhex("0603883702")  # the two OIDs
    assert der.count(second) == 1
    with pytest.raises(Malformed, match=r"2\.999\.1"):
        certs.load(der.replace(second, first))


def test_dates_that_are_none_are_malformed(good):
    der = good["euicc"].certificate.der
    assert der.count(b"000101000000Z") == 1
    for date in (b"001301000000Z", b"xx0101000000Z", b"000101000000+"):
        with pytest.raises(Malformed):
            certs.load(der.replace(b"000101000000Z", date))


DERS = [credential.certificate.der for curve in CURVE_NAMES for credential in pki(curve).values()]


@given(st.sampled_from(DERS), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_damage_raises_anything_else(der, damage):
    damaged = bytearray(der)
    for at, octet in damage:
        damaged[at % len(damaged)] = octet
    try:
        certificate = certs.load(bytes(damaged))
    except Malformed:
        return
    assert certificate.der == bytes(damaged)
    assert certificate.issuer.startswith(b"\x30")
    for issuer in map(certs.load, DERS):
        untouched = certificate == certs.load(der)
        assert untouched or certs.eum_problem(certificate, issuer) is not None


@given(st.sampled_from(DERS), st.integers(0, 600))
def test_a_cut_certificate_is_malformed(der, length):
    with pytest.raises(Malformed):
        certs.load(der[: min(length, len(der) - 1)])
