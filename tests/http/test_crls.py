"""`/crl/…` on the control port: where the certificates say that their CI's list is."""

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography import x509

from smdp.http.crls import Crls
from smdp.model import Problem
from smdp.pki import export, load, revocation
from smdp.server import Server
from smdp.settings import Settings


def fetch(server, name):
    with urllib.request.urlopen(f"{server.control_url}/crl/{name}", timeout=10) as answer:  # noqa: S310 - our own server
        return answer.headers, answer.read()


def problem(server, name):
    with pytest.raises(urllib.error.HTTPError) as error:
        fetch(server, name)
    with error.value as answer:
        return msgspec.json.decode(answer.read(), type=Problem)


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.mark.parametrize("name", ["ci-p256.crl", "ci-brainpool.crl", "CI-P256.CRL"])
def test_the_public_cis_lists(server, name):
    headers, der = fetch(server, name)
    assert (headers.get_content_type(), headers["Cache-Control"]) == ("application/pkix-crl", "public, max-age=3600")
    crl = x509.load_der_x509_crl(der)
    now = datetime.now(UTC)
    assert crl.last_update_utc <= now < crl.next_update_utc
    assert sum(crl.is_signature_valid(ci.public_key) for ci in load.public().cis.values()) == 1
    assert fetch(server, name)[1] == der


def test_an_unknown_list(server):
    told = problem(server, "other.crl")
    assert (told.status, told.reason) == (404, "crl-unknown")
    assert "ci-p256.crl" in told.fix


def test_what_a_folder_revoked_and_what_nobody_can_sign(tmp_path):
    export.new(tmp_path / "lab")
    revocation.revoke(tmp_path / "lab", str(tmp_path / "lab" / "dppb-p256.pem"), datetime.now(UTC))
    (tmp_path / "lab" / "ci-brainpool.key.pem").unlink()
    with Server(Settings(port=0, control_port=0, pki=str(tmp_path / "lab"))) as server:
        crl = x509.load_der_x509_crl(fetch(server, "ci-p256.crl")[1])
        revoked = x509.load_pem_x509_certificate((tmp_path / "lab" / "dppb-p256.pem").read_bytes()).serial_number
        assert [entry.serial_number for entry in crl] == [revoked]
        told = problem(server, "ci-brainpool.crl")
    assert (told.status, told.reason) == (404, "crl-unsigned")
    assert "key of CI" in told.because
    assert str(tmp_path) not in told.detail


def test_a_list_is_signed_once_an_hour(monkeypatch):
    crls, signed, current = Crls(load.public()), [], revocation.current
    monkeypatch.setattr(revocation, "current", lambda *given: signed.append(given) or current(*given))
    now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    lists = [crls.get("ci-p256.crl", now + timedelta(minutes=minutes)) for minutes in (0, 30, 59, 60)]
    assert (len(signed), len(set(lists))) == (2, 2)
