"""Foreign folders, laid out as SGP.26's and otherwise."""

import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from smdp.pki import export, keys, load, make, profiles, tls
from smdp.pki.errors import PkiError
from smdp.rsp import certs
from smdp.rsp.certs import Role
from smdp.rsp.crypto import point_of
from smdp.rsp.server.security import Credential
from tests import modes
from tests.pki.forge import CURVE_NAMES, EID, SOURCE, forge, pki, stranger

NAMES = {"P-256": "NIST", "brainpoolP256r1": "BRP"}
FORMS = ["der", "pem", "sub-folders"]


def certificate_bytes(certificate, form):
    return certificate.der if form == "der" else make.pem(certificate)


def key_bytes(key, form):
    """SEC1 as OpenSSL writes it, with the parameters in front; PKCS #8 where it is DER."""
    if form == "der":
        encoding, layout, before = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, b""
    else:
        encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
        before = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    return before + key.private_bytes(encoding, layout, serialization.NoEncryption())


def tls_leaf(ci, curve, validity=profiles.ALWAYS):
    key = keys.key(SOURCE, "tls", curve)
    leaf = profiles.tls(ci, key.public_key(), ["testsmdpplus1.example.com"], validity, 77)
    return Credential(leaf, key)


def sgp26(directory: Path, curve: str, form: str, *, without=()):
    """A folder with the file names of SGP.26: CI certificate without key, everything else with."""
    found = pki(curve)
    found["tls"] = tls_leaf(found["ci"], curve)
    suffix = NAMES[curve]
    stems = {
        "ci": f"CI/CERT_CI_ECDSA_{suffix}",
        "eum": f"EUM/CERT_EUM_ECDSA_{suffix}",
        "euicc": f"eUICC/CERT_EUICC_ECDSA_{suffix}",
        "dpauth": f"SM-DP+/DPauth/CERT_S_SM_DPauth_ECDSA_{suffix}",
        "dppb": f"SM-DP+/DPpb/CERT_S_SM_DPpb_ECDSA_{suffix}",
        "dsauth": f"SM-DS/CERT_S_SM_DSauth_ECDSA_{suffix}",
        "tls": f"SM-DP+/DPtls/CERT_S_SM_DP_TLS_{suffix}",
    }
    ending = "der" if form == "der" else "pem"
    for kind, stem in stems.items():
        path = directory / (stem if form == "sub-folders" else stem.rpartition("/")[2])
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind not in without:
            path.with_suffix(f".{ending}").write_bytes(certificate_bytes(found[kind].certificate, form))
        if kind != "ci" and f"{kind} key" not in without:
            secret = path.with_name(path.name.replace("CERT", "SK")).with_suffix(f".{ending}")
            secret.write_bytes(key_bytes(found[kind].key, form))
    return found


def lines(report, use):
    return {line.path: line.why for line in report if line.use == use}


@pytest.fixture(params=CURVE_NAMES)
def curve(request):
    return request.param


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_of_sgp26_is_used_whole(tmp_path, curve, form):
    given = sgp26(tmp_path, curve, form)
    loaded = load.load(tmp_path)
    (ski,) = loaded.cis
    assert loaded.cis[ski] == given["ci"].certificate
    identity = loaded.identities[ski]
    assert identity.dsauth is not None
    for kind in ("dpauth", "dppb", "dsauth"):
        credential = getattr(identity, kind)
        assert credential.certificate == given[kind].certificate
        assert point_of(credential.key) == point_of(given[kind].key)
    assert [eum.certificate for eum in loaded.eums] == [given["eum"].certificate]
    on_p256 = curve == "P-256"
    assert [leaf.certificate for leaf in loaded.tls] == [given["tls"].certificate][:on_p256]
    assert loaded.mint_euicc(EID, curve)[1] == given["euicc"].certificate.der
    assert len(lines(loaded.report, "used")) == 6 + on_p256
    assert ["P-256 is served" in why for why in lines(loaded.report, "skipped").values()] == [True] * (not on_p256)
    assert lines(loaded.report, "minted").keys() == {"TLS root"}
    assert loaded.anchors == (given["ci"].certificate, loaded.tls_issuer.certificate)
    assert loaded.operator is None


def test_an_euicc_that_is_not_in_the_folder_is_minted(tmp_path, curve):
    given = sgp26(tmp_path, curve, "der")
    eid = "35" + EID[2:]
    minted = certs.load(load.load(tmp_path).mint_euicc(eid, curve)[1])
    assert certs.euicc_problem(minted, given["eum"].certificate) is None
    assert minted.serial_number == eid


def test_the_same_folder_gives_the_same_tls_root(tmp_path, curve):
    sgp26(tmp_path, curve, "der")
    assert load.load(tmp_path).tls_issuer.certificate == load.load(tmp_path).tls_issuer.certificate


def test_with_the_key_of_the_ci_what_is_missing_is_minted(tmp_path, curve):
    gone = ("eum", "eum key", "euicc", "euicc key", "dpauth", "dpauth key", "dsauth", "dsauth key", "dppb key")
    given = sgp26(tmp_path, curve, "pem", without=gone)
    (tmp_path / "SK_CI.pem").write_bytes(key_bytes(given["ci"].key, "pem"))
    loaded = load.load(tmp_path)
    ci = given["ci"].certificate
    assert ci.ski is not None
    identity = loaded.identities[ci.ski]
    assert certs.server_problem(identity.dpauth.certificate, ci, Role.DPAUTH) is None
    assert certs.server_problem(identity.dppb.certificate, ci, Role.DPPB) is None
    assert identity.dpauth.certificate.rid == identity.dppb.certificate.rid
    assert certs.eum_problem(loaded.eums[0].certificate, ci) is None
    assert loaded.mint_euicc("1" * 32, curve)
    assert loaded.tls_issuer.certificate == ci
    assert loaded.operator is not None
    assert loaded.anchors == (ci,)
    assert len(lines(loaded.report, "minted")) == 3
    assert load.load(tmp_path).identities == loaded.identities


def test_a_lone_sm_ds_is_minted_beside_the_pair(tmp_path, curve):
    given = sgp26(tmp_path, curve, "pem", without=("dsauth", "dsauth key"))
    assert next(iter(load.load(tmp_path).identities.values())).dsauth is None
    (tmp_path / "ci.key").write_bytes(key_bytes(given["ci"].key, "pem"))
    identity = next(iter(load.load(tmp_path).identities.values()))
    assert identity.dpauth.certificate == given["dpauth"].certificate
    assert identity.dsauth is not None
    assert certs.server_problem(identity.dsauth.certificate, given["ci"].certificate, Role.DSAUTH) is None


def test_both_curves_in_one_folder(tmp_path):
    for curve in CURVE_NAMES:
        sgp26(tmp_path / NAMES[curve], curve, "sub-folders")
    loaded = load.load(tmp_path)
    assert [loaded.cis[ski].curve for ski in loaded.identities] == ["P-256", "brainpoolP256r1"]
    assert {eum.certificate.curve for eum in loaded.eums} == set(CURVE_NAMES)


def test_pairs_are_made_by_rid(tmp_path, curve):
    """Two SM-DP+ in one folder, and half of a third."""
    given = sgp26(tmp_path, curve, "der")
    ci = given["ci"]
    for rid, kinds in (("2.999.12", ("dpauth", "dppb")), ("2.999.9", ("dpauth",)), ("2.999.8", ("dppb",))):
        names = x509.SubjectAlternativeName([x509.RegisteredID(x509.ObjectIdentifier(rid))])
        for kind in kinds:
            changed = forge(given[kind].certificate, ci.key, put=[(names, False)])
            (tmp_path / f"{kind}-{rid}.der").write_bytes(changed.der)
    loaded = load.load(tmp_path)
    identity = loaded.identities[ci.certificate.ski]
    assert identity.dpauth.certificate == given["dpauth"].certificate
    assert identity.dppb.certificate == given["dppb"].certificate
    skips = lines(loaded.report, "skipped")
    assert {path: why for path, why in skips.items() if not path.startswith("CERT")} == {
        "dpauth-2.999.12.der": "another DPauth certificate is used under this CI",
        "dppb-2.999.12.der": "another DPpb certificate is used under this CI",
        "dpauth-2.999.9.der": "another DPauth certificate is used under this CI",
        "dppb-2.999.8.der": "another DPpb certificate is used under this CI",
    }


def skipped(directory: Path, name: str) -> str:
    return lines(load.load(directory).report, "skipped")[name]


def test_what_does_not_fit_is_skipped_with_its_reason(tmp_path, curve):
    given = sgp26(tmp_path, curve, "der")
    ci, eum = given["ci"], given["eum"]
    secret = stranger(curve)
    foreign_ci = profiles.ci(keys.Derived(b"somebody else"), curve, x509.NameConstraints([x509.DNSName("x")], None))
    foreign = profiles.server(keys.Derived(b"somebody else"), foreign_ci, Role.DPAUTH)
    past = (profiles.ALWAYS[0], profiles.ALWAYS[0].replace(year=2001))
    expired = tls_leaf(ci, curve, past)
    no_usage = forge(given["tls"].certificate, ci.key, drop=[x509.ExtendedKeyUsage])
    roleless = forge(given["dpauth"].certificate, ci.key, drop=[x509.CertificatePolicies])
    orphan = forge(given["dpauth"].certificate, ci.key, key=secret.public_key())
    unsigned = forge(given["tls"].certificate, secret)
    wrong_role = forge(given["dppb"].certificate, ci.key, drop=[x509.SubjectAlternativeName])
    keyless = forge(given["tls"].certificate, ci.key, key=secret.public_key())
    wrong_eum = forge(eum.certificate, secret)
    wrong_euicc = forge(given["euicc"].certificate, secret)
    lone_euicc = profiles.euicc(keys.Derived(b"nowhere"), eum, "35" + EID[2:])
    crossed = profiles.cross_ci(SOURCE, foreign_ci, ci, x509.NameConstraints([x509.DNSName("x")], None))
    rsa_key = rsa.generate_private_key(65537, 2048)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files = {
        "foreign.der": foreign.certificate.der,
        "expired.der": expired.certificate.der,
        "no-usage.der": no_usage.der,
        "roleless.der": roleless.der,
        "orphan.der": orphan.der,
        "unsigned.der": unsigned.der,
        "wrong-role.der": wrong_role.der,
        "keyless.der": keyless.der,
        "wrong-eum.der": wrong_eum.der,
        "wrong-euicc.der": wrong_euicc.der,
        "lone-euicc.der": lone_euicc.certificate.der,
        "crossed.der": crossed.certificate.der,
        "twin.pem": make.pem(ci.certificate),
        "lone.key": key_bytes(keys.key(SOURCE, "lone", curve), "pem"),
        "rsa.pem": rsa_key.private_bytes(pem, pkcs8, serialization.NoEncryption()),
        "locked.pem": secret.private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"x")),
        "crl.pem": b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        "request.pem": b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "broken.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "broken.der": b"\x30\x03\x02\x01\x01",
        "notes.txt": b"hello",
        "empty": b"",
        "large.bin": bytes(300_000),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / ".hidden").write_bytes(b"not looked at")
    loaded = load.load(tmp_path)
    reasons = lines(loaded.report, "skipped")
    ski = "" if foreign_ci.certificate.ski is None else foreign_ci.certificate.ski.hex().upper()
    assert reasons.keys() - {"CERT_S_SM_DP_TLS_BRP.der"} == files.keys()
    expected = {
        "foreign.der": f"no CI of this folder has its issuer's key identifier {ski}",
        "expired.der": "a TLS certificate that was valid until 2001-01-01",
        "no-usage.der": "a TLS certificate on a curve that TLS 1.3 and most clients don't speak; P-256 is served"
        if curve != "P-256"
        else "a TLS certificate without a DNS name or without extended key usage",
        "roleless.der": "its policies and extended key usages name no role that smdp knows",
        "orphan.der": "a DPauth certificate without its private key",
        "unsigned.der": "a TLS certificate that its CI did not sign",
        "wrong-role.der": "a DPpb certificate, but its alternative name has no registered id",
        "keyless.der": "a TLS certificate without its private key",
        "wrong-eum.der": "an EUM certificate, but its signature was not made by its issuer's key",
        "wrong-euicc.der": "an eUICC certificate, but its signature was not made by its issuer's key",
        "lone-euicc.der": "an eUICC certificate without its private key",
        "crossed.der": "a CI that is neither self-signed nor certified by another CI of this folder",
        "lone.key": f"a private key on {curve}, of none of these certificates",
        "rsa.pem": "the private key cannot be read: it is no elliptic-curve key",
        "request.pem": "smdp has no use for a certificate request",
        "notes.txt": "neither PEM nor DER",
        "empty": "neither PEM nor DER",
        "large.bin": "larger than 256 KiB",
    }
    assert {name: reasons[name] for name in expected} == expected
    assert reasons["twin.pem"].startswith("the same certificate as in CERT_CI") or "twin.pem" in reasons["twin.pem"]
    assert reasons["locked.pem"].startswith("the encrypted private key cannot be read")
    assert reasons["broken.pem"].startswith("the certificate cannot be read")
    assert reasons["crl.pem"].startswith("the x509 crl cannot be read")
    assert reasons["broken.der"].startswith("neither a certificate nor a private key")
    assert next(iter(loaded.identities.values())).dpauth.certificate == given["dpauth"].certificate


def test_several_things_in_one_file(tmp_path, curve):
    given = sgp26(tmp_path / "parts", curve, "pem")
    whole = b"".join(path.read_bytes() for path in sorted((tmp_path / "parts").iterdir()))
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "bundle.pem").write_bytes(b"Comments are fine.\n" + whole)
    loaded = load.load(tmp_path / "whole")
    assert next(iter(loaded.identities.values())).dpauth.certificate == given["dpauth"].certificate
    assert loaded.mint_euicc(EID, curve)[1] == given["euicc"].certificate.der


def test_a_ci_without_identity_is_trusted_and_mentioned(tmp_path):
    sgp26(tmp_path, "P-256", "der")
    other = pki("brainpoolP256r1")["ci"].certificate
    (tmp_path / "other.der").write_bytes(other.der)
    loaded = load.load(tmp_path)
    assert other.ski is not None
    assert other.ski in loaded.cis
    assert other.ski not in loaded.identities
    assert "no DPauth/DPpb pair" in " ".join(line.why for line in loaded.report)


LIVE = ["81370F5125D0B1D408D4C3B232E6D25E795BEBFB", "4C27967AD20C14B391E9601E41E604AD57C0222F"]


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("kind", ["ci", "eum", "dpauth", "dppb"])
def test_a_live_gsma_ci_is_refused(tmp_path, curve, live, kind):
    given = sgp26(tmp_path, curve, "der")
    key = bytes.fromhex(live)
    names_it = x509.SubjectKeyIdentifier(key) if kind == "ci" else x509.AuthorityKeyIdentifier(key, None, None)
    secret = stranger(curve)
    (tmp_path / "sub").mkdir()
    live_one = forge(given[kind].certificate, secret, put=[(names_it, False)])
    (tmp_path / "sub" / "live.der").write_bytes(live_one.der)
    with pytest.raises(PkiError, match="live GSMA CI") as caught:
        load.load(tmp_path)
    assert caught.value.path.endswith("sub/live.der")


@pytest.mark.parametrize("missing", ["ci", "dpauth", "dppb key"])
def test_a_folder_without_identity_is_refused_with_all_reasons(tmp_path, curve, missing):
    sgp26(tmp_path, curve, "der", without=(missing,))
    with pytest.raises(PkiError, match="no CI has a DPauth and a DPpb certificate") as caught:
        load.load(tmp_path)
    assert caught.value.report
    assert "smdp pki show" in caught.value.fix
    assert "This folder cannot be used" in export.show(str(tmp_path))


def test_what_is_no_folder_is_refused(tmp_path):
    for path in (tmp_path / "missing", tmp_path / "file"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(PkiError, match="this is no folder"):
            load.load(path)
        with pytest.raises(PkiError, match="this is no folder"):
            export.show(str(path))


def test_a_folder_with_too_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("smdp.pki.folder.MAX_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(PkiError, match="more than 2 files"):
        load.load(tmp_path)


def test_an_unreadable_file_is_skipped(tmp_path):
    sgp26(tmp_path, "P-256", "der")
    (tmp_path / "closed.pem").touch(mode=0o000)
    with modes.honoured():
        assert "cannot be read" in skipped(tmp_path, "closed.pem")


def test_a_named_pipe_does_not_hang(tmp_path):
    sgp26(tmp_path, "P-256", "der")
    os.mkfifo(tmp_path / "pipe")
    assert "pipe" not in {line.path for line in load.load(tmp_path).report}


def test_a_given_tls_certificate_is_preferred_for_its_name(tmp_path):
    given = sgp26(tmp_path, "P-256", "der")
    loaded = load.load(tmp_path)
    chosen = tls.given(loaded, "testsmdpplus1.example.com")
    assert chosen is not None
    assert chosen.certificate == given["tls"].certificate
    assert tls.given(loaded, "testsmdpplus2.example.com") is None
