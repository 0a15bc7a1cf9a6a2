"""The public PKI: what is committed is what is made, and what it says."""

import datetime as dt
import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from smdp.pki import load, make, names
from smdp.pki.errors import PkiError
from smdp.pki.keys import PUBLIC_SECRET, Derived
from smdp.rsp import certs
from smdp.rsp.certs import Role
from smdp.rsp.crypto import point_of, sign, verify
from tests.pki.forge import CURVE_NAMES, EID

COMMITTED = {
    entry.name: entry.read_bytes()
    for entry in (resources.files("smdp") / "certs").iterdir()
    if entry.name.endswith(".pem")
}


def test_what_is_committed_is_what_is_made():
    assert {f"{name}.pem": make.pem(made.certificate) for name, made in make.public().items()} == COMMITTED


def test_the_command_writes_the_same(tmp_path):
    make.main(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == COMMITTED


def test_no_key_is_committed():
    home = resources.files("smdp") / "certs"
    assert {entry.name for entry in home.iterdir()} == {*COMMITTED, "README.md"}
    assert not any(b"PRIVATE" in entry.read_bytes() for entry in home.iterdir())


def test_the_keys_are_derived_as_the_readme_says():
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    made = make.public()["eum-brainpool"]
    okm = HKDF(hashes.SHA256(), 40, None, b"eum-brainpool key").derive(PUBLIC_SECRET)
    order = 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7
    assert made.key.private_numbers().private_value == int.from_bytes(okm, "big") % (order - 1) + 1


def test_it_loads_completely():
    pki = load.public()
    assert [line.use for line in pki.report] == ["used"] * len(COMMITTED)
    assert [ci.curve for ci in pki.cis.values()] == ["P-256", "brainpoolP256r1"]
    assert list(pki.identities) == list(pki.cis)
    for ski, identity in pki.identities.items():
        ci = pki.cis[ski]
        assert ci.ski == ski
        assert identity.dsauth is not None
        pairs = {Role.DPAUTH: identity.dpauth, Role.DPPB: identity.dppb, Role.DSAUTH: identity.dsauth}
        for role, credential in pairs.items():
            assert certs.server_problem(credential.certificate, ci, role) is None
            assert point_of(credential.key) == point_of(credential.certificate.public_key)
        assert identity.dpauth.certificate.rid == identity.dppb.certificate.rid == "2.999.10"
        assert identity.dsauth.certificate.rid == "2.999.15"
    assert pki.anchors == tuple(pki.cis.values())
    assert pki.operator is not None
    assert pki.operator.certificate.common_name == "test.operator.com"
    assert load.resolve("public") is pki


@pytest.mark.parametrize("curve", CURVE_NAMES)
def test_it_makes_each_euicc_its_own_certificate_again_and_again(curve):
    pki = load.public()
    key, der = pki.mint_euicc(EID, curve)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert pki.mint_euicc(EID, curve)[1] == der
    euicc, eum = certs.load(der), pki.eum_for(EID, curve).certificate
    assert certs.euicc_problem(euicc, eum) is None
    assert certs.eum_problem(eum, pki.ci(curve)) is None
    assert (euicc.serial_number, euicc.curve) == (EID, curve)
    assert verify(euicc.public_key, sign(key, b"message"), b"message")
    other = certs.load(pki.mint_euicc(EID[:-1] + "6", curve)[1])
    assert point_of(other.public_key) != point_of(euicc.public_key)


@pytest.mark.parametrize("eid", ["35" + EID[2:], EID[:-1], EID + "1", "x" * 32, ""])
def test_it_makes_no_euicc_for_other_eids(eid):
    with pytest.raises(PkiError) as caught:
        load.public().mint_euicc(eid, "P-256")
    assert caught.value.fix


def test_there_is_no_third_curve():
    with pytest.raises(PkiError, match="no CI on FRP256v1"):
        load.public().ci("FRP256v1")
    with pytest.raises(PkiError, match="no EUM key on FRP256v1"):
        load.public().mint_euicc(EID, "FRP256v1")


@pytest.mark.parametrize("file", sorted(COMMITTED))
def test_rsp_certificates_are_valid_on_any_simulated_clock(file):
    certificate = x509.load_pem_x509_certificate(COMMITTED[file])
    assert certificate.not_valid_before_utc == dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    assert certificate.not_valid_after_utc == dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name[0].value.startswith("http://smdp.localhost:8080/crl/ci-")


@pytest.mark.parametrize("file", ["ci-p256.pem", "ci-brainpool.pem", "ci-p256-by-brainpool.pem"])
def test_the_cis_are_harmless(file):
    extension = x509.load_pem_x509_certificate(COMMITTED[file]).extensions.get_extension_for_class(x509.NameConstraints)
    assert not extension.critical
    kinds = {type(name) for name in extension.value.permitted_subtrees}
    assert kinds == {x509.DNSName, x509.IPAddress}
    public = [name for name in extension.value.permitted_subtrees if getattr(name.value, "is_global", False)]
    assert public == []


@pytest.mark.parametrize("name", ["bad name", "", "-x", "a..b", "x" * 64, "1.2.3.4/99", "http://x"])
def test_only_names_can_be_permitted(name):
    with pytest.raises(PkiError, match="neither a DNS name nor an IP network"):
        names.constraints([name])


def test_permitted_names_may_be_written_in_many_ways():
    listed = names.constraints(["*.Corp.example.net", ".corp.example.net", "192.0.2.7", "2001:db8::/32"])
    added = [str(name.value) for name in listed.permitted_subtrees][-3:]
    assert added == ["corp.example.net", "192.0.2.7/32", "2001:db8::/32"]


OPENSSL = shutil.which("openssl")


@pytest.mark.skipif(OPENSSL is None and "CI" not in os.environ, reason="needs the openssl command, as CI has it")
@pytest.mark.parametrize(
    ("anchor", "between", "file"),
    [
        *(("ci-p256", None, f"{kind}-p256") for kind in ("eum", "dpauth", "dppb", "dsauth")),
        *(("ci-brainpool", None, f"{kind}-brainpool") for kind in ("eum", "dpauth", "dppb", "dsauth")),
        ("ci-p256", None, "operator"),
        ("ci-brainpool", "ci-p256-by-brainpool", "operator"),
    ],
)
def test_openssl_agrees(tmp_path, anchor, between, file):
    assert OPENSSL is not None, "CI needs the openssl command"
    for name, content in COMMITTED.items():
        (tmp_path / name).write_bytes(content)
    command = [OPENSSL, "verify", "-x509_strict", "-no-CApath", "-CAfile", f"{anchor}.pem"]
    command += ["-untrusted", f"{between}.pem"] if between else []
    done = subprocess.run([*command, f"{file}.pem"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"{file}.pem: OK"), done.stderr


def test_another_secret_makes_another_pki():
    one, two = (make.make(Derived(secret)) for secret in (b"one", b"two"))
    assert one.keys() == two.keys()
    points = [point_of(made.key) for pki in (one, two) for made in pki.values()]
    assert len(set(points)) == len(points) - 2  # a cross certificate repeats its CI's key


def test_a_checkout_links_the_certificates():
    home = Path(str(resources.files("smdp") / "certs"))
    assert home.is_dir()
