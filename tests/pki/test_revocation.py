"""CRLs: what a CI publishes, how a certificate gets onto the list, and who may do that."""

import datetime as dt
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from smdp.pki import export, load, make, revocation
from smdp.pki.errors import PkiError
from tests.pki.forge import EID

NOW = dt.datetime(2026, 11, 22, 9, 30, 15, 250_000, tzinfo=dt.UTC)
OPENSSL = shutil.which("openssl")


@pytest.fixture
def folder(tmp_path):
    export.new(tmp_path / "lab")
    return tmp_path / "lab"


def read(der):
    return x509.load_der_x509_crl(der)


def certificate(folder, name):
    return x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())


def test_the_public_cis_publish_empty_lists_under_the_names_in_their_certificates():
    pki = load.public()
    names = revocation.file_names(pki)
    for ski, ci in pki.cis.items():
        points = x509.load_der_x509_certificate(ci.der).extensions.get_extension_for_class(x509.CRLDistributionPoints)
        url = points.value[0].full_name[0].value
        assert names[url.rpartition("/")[2]] == names[f"{ski.hex()}.crl"] == ski
        crl = read(revocation.current(pki, ski, NOW))
        assert crl.is_signature_valid(ci.public_key)
        assert (len(crl), crl.last_update_utc) == (0, NOW.replace(minute=0, second=0, microsecond=0))
        assert crl.next_update_utc - crl.last_update_utc == dt.timedelta(days=7)
        key = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        assert key == ski


def test_a_list_is_the_same_within_an_hour_and_has_a_greater_number_later():
    pki = load.public()
    ski = next(iter(pki.cis))
    der = revocation.current(pki, ski, NOW)
    assert revocation.current(pki, ski, NOW + dt.timedelta(minutes=29)) == der
    later = read(revocation.current(pki, ski, NOW + dt.timedelta(hours=1)))
    one, two = (crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for crl in (read(der), later))
    assert one < two


@pytest.mark.parametrize("name", ["eum-p256", "dppb-brainpool", "ci-p256-by-brainpool", "operator"])
def test_a_certificate_is_revoked_by_its_file(folder, name):
    file, news = revocation.revoke(folder, str(folder / f"{name}.pem"), NOW)
    assert news
    assert file.parent == folder
    revoked = certificate(folder, name)
    crl = read(file.read_bytes())
    entry = crl.get_revoked_certificate_by_serial_number(revoked.serial_number)
    assert entry.revocation_date_utc == NOW.replace(microsecond=0)
    pki = load.load(folder)
    assert len(pki.revoked) == 1
    ski, number = next(iter(pki.revoked))
    assert number == revoked.serial_number
    published = read(revocation.current(pki, ski, NOW + dt.timedelta(days=900)))
    assert published.get_revoked_certificate_by_serial_number(number) is not None
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("form", ["key identifier", "serial number", "with colons"])
def test_a_certificate_is_revoked_by_its_numbers(folder, form):
    eum = certificate(folder, "eum-p256")
    ski = eum.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    words = {"key identifier": ski.hex(), "serial number": f"{eum.serial_number:X}", "with colons": ski.hex(":")}
    revocation.revoke(folder, words[form], NOW)
    assert {number for _, number in load.load(folder).revoked} == {eum.serial_number}


def test_lists_grow_and_twice_is_once(folder):
    first, _ = revocation.revoke(folder, str(folder / "eum-p256.pem"), NOW)
    second, _ = revocation.revoke(folder, str(folder / "dpauth-p256.pem"), NOW + dt.timedelta(days=1))
    assert first == second
    before = second.read_bytes()
    assert revocation.revoke(folder, str(folder / "eum-p256.pem"), NOW + dt.timedelta(days=2)) == (first, False)
    assert second.read_bytes() == before
    assert {entry.revocation_date_utc.day for entry in read(before)} == {22, 23}


def test_a_revoked_identity_still_serves_and_is_said_to_be_revoked(folder):
    revocation.revoke(folder, str(folder / "dpauth-p256.pem"), NOW)
    pki = load.load(folder)
    assert len(pki.identities) == 2
    assert [line.path for line in pki.report if line.why.endswith(", revoked")] == ["dpauth-p256.pem"]
    assert any("CRL of CI" in line.why and "1 revoked" in line.why for line in pki.report)


def test_without_the_key_the_list_of_the_folder_is_published_as_it_is(folder):
    file, _ = revocation.revoke(folder, str(folder / "eum-p256.pem"), NOW)
    (folder / "ci-p256.key.pem").unlink()
    pki = load.load(folder)
    ski = pki.ci("P-256").ski
    assert revocation.current(pki, ski, NOW + dt.timedelta(hours=3)) == file.read_bytes()


def test_without_key_and_list_there_is_none(folder):
    (folder / "ci-p256.key.pem").unlink()
    pki = load.load(folder)
    assert revocation.current(pki, pki.ci("P-256").ski, NOW) is None


def test_lists_of_others_and_broken_ones_are_skipped(folder, tmp_path):
    export.new(tmp_path / "other")
    foreign, _ = revocation.revoke(tmp_path / "other", str(tmp_path / "other" / "eum-p256.pem"), NOW)
    (folder / "foreign.crl").write_bytes(foreign.read_bytes())
    own, _ = revocation.revoke(folder, str(folder / "eum-p256.pem"), NOW)
    forged = own.read_bytes()[:-4] + b"\0\0\0\0"
    own.unlink()
    (folder / "forged.crl").write_bytes(forged)
    pem = read(foreign.read_bytes()).public_bytes(serialization.Encoding.PEM)
    (folder / "foreign.pem").write_bytes(pem)
    pki = load.load(folder)
    skipped = {line.path: line.why for line in pki.report if line.use == "skipped"}
    for name in ("foreign.crl", "foreign.pem", "forged.crl"):
        assert "CRL" in skipped[name] or "neither" in skipped[name]
    assert pki.revoked == frozenset()


def euicc(folder):
    _, der = load.load(folder).mint_euicc(EID, "P-256")
    path = folder.parent / "euicc.der"
    path.write_bytes(der)
    return str(path)


REFUSED = {
    "an eUICC": (euicc, "no CRL of SGP.22 names eUICCs"),
    "a CI": (lambda folder: str(folder / "ci-p256.pem"), "a CI cannot revoke itself"),
    "no certificate": (lambda folder: str(folder / "ci-p256.key.pem"), "holds no certificates"),
    "a word": (lambda _: "everything", "neither a file nor a hexadecimal number"),
    "an unknown serial number": (lambda _: "0A", "no certificate has the serial number 0A"),
    "an unknown key": (lambda _: "AB" * 20, "no certificate has the key identifier"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_revoked(folder, what):
    named, says = REFUSED[what]
    with pytest.raises(PkiError, match=says) as refused:
        revocation.revoke(folder, named(folder), NOW)
    assert refused.value.fix
    assert not list(folder.glob("*.crl"))


def test_who_lacks_the_key_is_told_what_to_do(tmp_path):
    for name, made in make.public().items():
        (tmp_path / f"{name}.pem").write_bytes(make.pem(made.certificate))
    with pytest.raises(PkiError, match="the key of its CI is not here") as refused:
        revocation.revoke(tmp_path, str(tmp_path / "eum-p256.pem"), NOW)
    assert "pki export" in refused.value.fix


def test_a_certificate_of_another_pki(folder, tmp_path):
    export.new(tmp_path / "other")
    with pytest.raises(PkiError, match="no CI of this folder signed"):
        revocation.revoke(folder, str(tmp_path / "other" / "eum-p256.pem"), NOW)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(PkiError, match="cannot be opened"):
        revocation.revoke(tmp_path / "nowhere", "0A", NOW)


@pytest.mark.skipif(OPENSSL is None, reason="needs the openssl command")
@pytest.mark.parametrize(("name", "verdict"), [("eum-p256", "certificate revoked"), ("dpauth-p256", "OK")])
def test_openssl_reads_the_list(folder, name, verdict):
    file, _ = revocation.revoke(folder, str(folder / "eum-p256.pem"), dt.datetime.now(dt.UTC))
    pem = folder.parent / "crl.pem"
    pem.write_bytes(read(file.read_bytes()).public_bytes(serialization.Encoding.PEM))
    command = [OPENSSL, "verify", "-crl_check", "-CAfile", folder / "ci-p256.pem", "-CRLfile", pem]
    done = subprocess.run([*command, folder / f"{name}.pem"], capture_output=True, text=True, check=False)
    assert verdict in done.stdout + done.stderr
