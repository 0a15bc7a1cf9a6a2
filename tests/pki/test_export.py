import stat

import pytest

from smdp.pki import export, load, make
from smdp.pki.errors import PkiError
from smdp.rsp.crypto import point_of
from tests.pki.forge import CURVE_NAMES, EID


def test_the_exported_public_pki_is_the_public_pki(tmp_path):
    files = export.export(tmp_path / "out")
    assert {path.name for path in files} == {path.name for path in (tmp_path / "out").iterdir()}
    assert {path.name for path in files if path.suffix == ".pem" and ".key" not in path.name} == {
        f"{name}.pem" for name in make.public()
    }
    exported, public = load.load(tmp_path / "out"), load.public()
    assert exported.identities.keys() == public.identities.keys()
    for ski, identity in exported.identities.items():
        assert point_of(identity.dpauth.key) == point_of(public.identities[ski].dpauth.key)
    for curve in CURVE_NAMES:
        assert exported.mint_euicc(EID, curve)[1] == public.mint_euicc(EID, curve)[1]
    assert exported.tls_chain == public.tls_chain
    assert [line for line in exported.report if line.use == "minted"] == []


def test_a_new_pki_is_nobody_elses(tmp_path):
    one, two = tmp_path / "one", tmp_path / "deep" / "two"
    files = export.new(one, ("corp.example.net", "192.0.2.0/24"))
    export.new(two)
    for path in files:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert (".key" not in path.name) or mode == 0o600
    assert stat.S_IMODE(one.stat().st_mode) == 0o700
    assert "corp.example.net, 192.0.2.0/24" in (one / "README.md").read_text()
    first, second = load.load(one), load.load(two)
    assert not first.identities.keys() & second.identities.keys()
    assert not first.identities.keys() & load.public().identities.keys()
    for curve in CURVE_NAMES:
        for eid in (EID, "0" * 32):
            assert first.mint_euicc(eid, curve)[1] != second.mint_euicc(eid, curve)[1]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine").write_text("precious")
    for write in (export.new, export.export):
        with pytest.raises(PkiError, match="not empty"):
            write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PkiError, match="cannot be written"):
        export.new(tmp_path / "file")


def test_a_bad_name_writes_nothing(tmp_path):
    with pytest.raises(PkiError, match="neither a DNS name"):
        export.new(tmp_path / "new", ("no name",))
    assert not (tmp_path / "new").exists()


def test_show_tells_every_file(tmp_path):
    export.export(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    text = export.show(str(tmp_path))
    for path in tmp_path.iterdir():
        assert (path.name in text) == (".key" not in path.name)
    assert "notes.txt" in text
    assert text.endswith("2 CIs, an SM-DP+ under 2 of them, eUICCs can be made.")
    assert export.show("public").count("\nused") == len(make.public()) - 1
