import json
import time

import pytest

from tests.explain.apple import signed, written
from tests.explain.session import said

EID = "89049032123451234512345678901235"


def test_a_number(smdp):
    done = smdp("explain", EID)
    assert done.code == 0
    assert done.out.startswith("An EID: the number of an eUICC.\n  EID ")
    assert done.err == ""


def test_json(smdp):
    told = json.loads(smdp("explain", "8.1.1/3.8", "--json").out)
    assert told["kind"] == "status-code"
    assert told["lines"][0]["inside"][0]["name"] == "why"


def test_files_by_name_and_with_an_at_sign(smdp, tmp_path):
    (tmp_path / "result.plist").write_bytes(written({"UDID": "1", "CommandUUID": "2", "Status": "NotNow"}))
    (tmp_path / "message.der").write_bytes(said().messages["AuthenticateServerResponse"])
    (tmp_path / "enrol.mobileconfig").write_bytes(
        signed(written({"PayloadContent": [], "PayloadType": "Configuration"}))
    )
    assert "NotNow" in smdp("explain", "result.plist").out
    assert smdp("explain", "@message.der").out.startswith("AuthenticateServerResponse, tag BF38 (SGP.22 §5.7.13).")
    assert "MDM signer" in smdp("explain", "@enrol.mobileconfig").out


def test_standard_input(process, root):
    done = process("explain", "-", input=(root / "certs" / "ci-p256.pem").read_text(encoding="utf-8"))
    assert done.code == 0
    assert done.out.startswith("A certificate of the certificate issuer")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["hello"], 1, "hello is nothing that is known here. It could be an EID"),
        ([""], 1, "There is nothing to explain."),
        (["-----BEGIN"], 1, "It is PEM, but no certificate."),
        (["@missing.der"], 2, "missing.der can't be read: No such file or directory."),
        (["@."], 2, "can't be read: Is a directory."),
        (["A\0B"], 1, "It looks like something, but"),
        ([], 2, "THING"),
    ],
)
def test_what_cannot_be_explained_says_so_in_a_sentence(smdp, words, code, said):
    done = smdp("explain", *words)
    assert done.code == code
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_it_is_instant_and_needs_no_server(process):
    process("explain", EID)
    begin = time.perf_counter()
    assert process("explain", EID, env={"SMDP_URL": "http://127.0.0.1:1"}).code == 0
    assert time.perf_counter() - begin < 5


def test_a_number_loads_no_cryptography(process):
    import subprocess
    import sys

    code = "import sys; from smdp.explain import explain; explain(sys.argv[1]); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, EID], capture_output=True, text=True, check=True, timeout=60)
    assert not {"cryptography", "aiohttp", "asn1crypto", "smdp.upp.reader"} & set(done.stdout.split())
