"""`smdp pki` as people run it: a PKI of their own is made, judged and served with."""

import json
from importlib import resources

import pytest

from smdp.pki import load
from tests.e2e.processes import ServerProcess


def test_a_pki_is_made_judged_and_served_with(process, tmp_path):
    folder = tmp_path / "mine"
    made = process("pki", "new", folder, "--permit", "esim.corp.example", "--permit", "10.20.0.0/16")
    assert (made.code, made.err) == (0, f"next: smdp serve --pki {folder}\n")
    assert "esim.corp.example" in (folder / "README.md").read_text()
    shown = process("pki", "show", folder)
    assert shown.code == 0
    assert "eUICCs can be made" in shown.out
    lines = json.loads(process("pki", "show", folder, "--json").out)
    assert ("ci-p256.pem", "used") in {(line["path"], line["use"]) for line in lines}
    with ServerProcess(pki=str(folder)) as server:
        carrier = server.client("acme")
        eid = carrier.create_device().eid
        carrier.issue(eid)
        assert carrier.refresh(eid, carrier.esim_server_url).ok
        assert "corp" in " ".join(carrier.about()["permitted_names"])


def test_the_public_one_is_exported_with_its_keys(process, tmp_path):
    folder = tmp_path / "public"
    exported = process("pki", "export", folder)
    assert exported.code == 0
    assert exported.out == f"{len(list(folder.iterdir()))} files in {folder}\n"
    mine, everybodys = load.load(folder), load.public()
    assert mine.cis.keys() == everybodys.cis.keys()
    assert mine.identities.keys() == everybodys.identities.keys()
    assert process("pki", "show").out.count("used") > 10


def test_a_revoked_eum_is_refused_at_the_next_start(process, tmp_path):
    folder = tmp_path / "lab"
    process("pki", "new", folder)
    revoked = process("pki", "revoke", folder / "eum-p256.pem")
    (list_file,) = folder.glob("*.crl")
    assert (revoked.code, revoked.out) == (0, f"revoked in {list_file}\n")
    assert revoked.err == f"next: smdp serve --pki {folder}\n"
    assert process("pki", "revoke", "--pki", folder, folder / "eum-p256.pem").out.startswith("revoked before")
    lines = {line["path"]: line["why"] for line in json.loads(process("pki", "show", folder, "--json").out)}
    assert lines["eum-p256.pem"].endswith(", revoked")
    with ServerProcess(pki=str(folder)) as server:
        carrier = server.client("acme")
        eid = carrier.create_device().eid
        carrier.issue(eid)
        outcome = carrier.refresh(eid, carrier.esim_server_url)
        assert (outcome.refused, outcome.reason) == ("8.1.2/6.1", "eum-certificate-revoked")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["0A"], 2, "with --pki DIR; smdp pki export DIR"),
        (["--pki", "public", "0A"], 2, "smdp pki new DIR"),
        (["--pki", "nowhere", "0A"], 1, "cannot be opened"),
    ],
)
def test_what_can_not_be_revoked(process, words, code, says):
    refused = process("pki", "revoke", *words)
    assert (refused.code, refused.err.count("\n")) == (code, 1), refused
    assert says in refused.err


def test_the_public_one_can_not_be_revoked_where_it_lies(process):
    eum = str(resources.files("smdp") / "certs" / "eum-p256.pem")
    refused = process("pki", "revoke", eum, env={"SMDP_PKI": "public"})
    assert (refused.code, refused.err.count("\n")) == (1, 1), refused
    assert "smdp pki export DIR" in refused.err


def test_what_can_not_be_done_is_one_sentence(process, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("Dear Ann")
    for words in (("new", tmp_path / "full"), ("export", tmp_path / "full")):
        refused = process("pki", *words)
        assert (refused.code, refused.err.count("\n")) == (1, 1), refused
        assert "the folder is not empty" in refused.err
    judged = process("pki", "show", tmp_path / "full")
    assert judged.code == 1
    assert "cannot be used" in judged.out
    assert process("pki", "show", tmp_path / "full", "--json").code == 1
    odd = process("pki", "new", tmp_path / "new", "--permit", "a b")
    assert (odd.code, odd.err.count("\n"), (tmp_path / "new").exists()) == (1, 1, False)
