"""Whatever a person does wrong is one sentence on stderr, the right exit code, and no traceback."""

import pytest

from tests.control_stub import CARRIER, EID, ICCID, device, page, problem, profile

OTHER = "89049032123451234512345678901236"


def one_sentence(result):
    return result.err.startswith("smdp: ") and result.err.count("\n") == 1 and "Traceback" not in result.err


USAGE = [
    (["prfile"], 'Unknown command "prfile". Did you mean "profile"?'),
    (["profile", "isue"], 'Did you mean "issue"?'),
    (["profile", "issue", "--pln", "gold"], "Unknown option: --pln. Did you mean --plan?"),
    (["profile", "issue", EID, "again"], "again"),
    (["profile", "issue", "123"], "'123' is no EID: an EID has 32 decimal digits, this has 3."),
    (["profile", "issue", "x" * 32], "this has something else in it"),
    (["profile", "issue", "--count", "many"], "many"),
    (["profile", "issue", "--count", "0"], "at least 1"),
    (["profile", "issue", "--count=-5"], "at least 1"),
    (["profile", "issue", EID, "--count", "2"], "only one of them"),
    (["profile", "issue", EID, "--expires", "-48h"], "--expires: '-48h' is no duration"),
    (["profile", "issue", EID, "--expires", "soon"], "write 30, 90s, 3m, 48h, 2d or PT3M"),
    (["profile", "issue", "--from", "nowhere.csv"], "Cannot read nowhere.csv: No such file or directory."),
    (["profile", "issue", "--plan"], "--plan"),
    (["profile", "show"], "smdp profile show wants NAME; see smdp profile show --help."),
    (["profile", "show", "123"], "neither an ICCID (18 to 20 digits) nor an EID (32 digits)"),
    (["profile", "wait", EID, "activ"], "activ"),
    (["profile", "wait", EID, "active", "--within", "-3m"], "--within: '-3m' is no duration"),
    (["device", "new", "--eid", "abc"], "'abc' is no EID"),
    (["device", "new", "--count", "2", "--eid", EID], "are for one"),
    (["device", "refresh"], "URL"),
    (["device", "refresh", "https://x", "--eid", EID, "--all"], "not both"),
    (["device", "enable", EID, "12"], "'12' is no ICCID"),
    (["device", "enroll", EID], "smdp device enroll wants SOURCE"),
    (["device", "enroll", EID, "nowhere.mobileconfig"], "Cannot read nowhere.mobileconfig: No such file or directory."),
    (["device", "enroll", EID, "https://x.test", "--mdm-ca", "nowhere.pem"], "Cannot read nowhere.pem: No such file"),
    (["device", "enroll", "12", "https://x.test"], "this has 2"),
    (["device", "enrol", EID], 'Did you mean "enroll"?'),
    (["device", "poll", EID, "--every", "soon"], "--every: 'soon' is no duration"),
    (["device", "poll", EID, "--every", "0"], "--every is 0"),
    (["device", "user", EID, "ad-esim"], 'Did you mean "add-esim"?'),
    (["device", "user", EID, "transfer"], "transfer wants the EID of the other device"),
    (["device", "user", EID, "transfer", "12"], "this has 2"),
    (["device", "user", EID, "erase", OTHER], "erase takes no further word"),
    (["device", "user", EID, "erase", "--keep", "--remove"], "--keep or --remove, not both"),
    (["device", "user", EID, "app-data", "--times", "3"], "--times goes with wrong-passcode, not with app-data."),
    (["device", "user", EID, "erase", "--iccid", ICCID], "--iccid goes with remove-esim and transfer, not with erase."),
    (["device", "user", EID, "remove-esim", "--iccid", "12"], "'12' is no ICCID"),
    (["device", "erase", EID, "--by", "findmy"], 'Did you mean "find-my"?'),
    (["device", "erase", EID], "--by"),
    (["device", "subscriptions", EID, "--json", "--as", "plist"], "not both"),
    (["device", "run", "--count", "0"], "--count is 0, but it wants 1 to 100000."),
    (["device", "run", "--mix", "usd=1"], "did you mean used?"),
    (["device", "run", "--mix", "used=1"], "--mix used is about an order; give --plan, too."),
    (["device", "run", "--ramp", "fast"], "--ramp is 'fast'"),
    (["device", "run", "--every", "soon"], "--every: 'soon' is no duration"),
    (["device", "run", "--for", "0"], "--for is '0'"),
    (["device", "run", "--until", "actve"], 'Did you mean "active"?'),
    (["device", "run", "--enroll", "nowhere.mobileconfig"], "Cannot read nowhere.mobileconfig"),
    (["device", "run", "--allow-http"], "--allow-http is about an enrolment; give --enroll, too."),
    (["device", "run", "--until", "enrolled"], "--until enrolled is about an enrolment; give --enroll, too."),
    (["device", "run", "--name", ""], "--name wants 1 to 64 printable characters."),
    (["events", "--after", "-1"], "event ids start at 1"),
    (["why", "123"], "this has 3"),
    (["ca", "--as", "p12"], "p12"),
    (["--url", "localhost:8080", "profile", "list"], "--url is 'localhost:8080', but it wants http://host:port."),
    (["--carrier", "Acme Corp", "profile", "list"], "--carrier is 'Acme Corp'"),
    (["serve", "--prt", "1"], "Unknown option: --prt. Did you mean --port?"),
    (["serve", "--port", "99999"], "--port is '99999', but it wants a port number"),
    (["serve", "--port", "1", "--control-port", "1"], "are both 1"),
    (["serve", "--plain-port", "1"], "needs address"),
    (["serve", "--config", "nowhere.toml"], "Cannot read the settings file nowhere.toml"),
    (["demo", "--pace", "slow"], "slow"),
    (["ready", "--wiat", "3"], "'--wiat'"),
    (["ready", "--wait"], "--wait wants a value"),
    (["ready", "--wait", "soon"], "'soon' is no duration"),
    (["version", "please"], "'please'"),
]


@pytest.mark.parametrize(
    ("words", "sentence"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_words_that_make_no_sense(smdp, nobody, monkeypatch, words, sentence):
    monkeypatch.setenv("SMDP_URL", nobody)
    result = smdp(*words)
    assert result.code == 2, result
    assert one_sentence(result), result
    assert sentence in result.err
    assert not result.out


CLIENT_COMMANDS = [
    ["profile", "issue"], ["profile", "list"], ["profile", "show", EID], ["profile", "wait", EID, "active"],
    ["profile", "hold", ICCID], ["profile", "release", ICCID], ["profile", "revoke", ICCID], ["device", "new"],
    ["device", "list"], ["device", "show", EID], ["device", "refresh", "https://x"],
    ["device", "download", "LPA:1$x$Y"],
    ["device", "enable", EID, ICCID], ["device", "disable", EID, ICCID], ["device", "delete", EID, ICCID],
    ["device", "enroll", EID, "https://mdm.test/enroll"], ["device", "unenroll", EID], ["device", "poll", EID],
    ["device", "user", EID, "add-esim"], ["device", "erase", EID, "--by", "dfu"], ["device", "notices", EID],
    ["device", "subscriptions", EID], ["device", "run"],
    ["events"], ["events", "-f"], ["why", EID], ["ca"], ["ready"],
]  # fmt: skip


@pytest.mark.parametrize("words", CLIENT_COMMANDS, ids=" ".join)
def test_nobody_answers(smdp, nobody, words):
    result = smdp(*words, "--url", nobody)
    assert result.code == 3, result
    assert one_sentence(result), result
    assert "start one with: smdp serve" in result.err
    assert nobody in result.err


@pytest.mark.parametrize("words", [words for words in CLIENT_COMMANDS if words != ["ready"]], ids=" ".join)
def test_the_server_wants_a_token(smdp, stub, words):
    stub.answers = Everything(
        problem(401, "token-missing", "The control API wants a token.", "Set SMDP_CONTROL_TOKEN.")
    )
    result = smdp(*words)
    assert result.code == 1, result
    assert result.err == "smdp: The control API wants a token. Set SMDP_CONTROL_TOKEN.\n"


class Everything(dict):
    """One answer for all requests."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def get(self, _key, _default=None):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (problem(422, "imei-invalid", "'1' is no IMEI.", "Give 15 digits."), 2),
        (problem(404, "plan-unknown", "There is no plan glod.", "Did you mean gold?"), 1),
        (problem(409, "iccid-used", "This ICCID is used.", "Leave it out."), 1),
        (problem(500, "internal", "Something broke.", "Look at the log."), 1),
        ((500, b"<html>", "text/html"), 3),
        ((200, b"<html>", "text/html"), 3),
    ],
)
def test_what_the_server_refuses(smdp, stub, answer, code):
    stub.answers = Everything(answer)
    result = smdp("profile", "issue", EID)
    assert result.code == code, result
    assert one_sentence(result)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "eids.csv is empty."),
        (b"eid\n", "There is no line below the names of the columns."),
        (b"edi,plan\n", "eids.csv:1: there is no column 'edi'"),
        (f"{EID}\n\n123\n".encode(), "eids.csv:3: '123' is no EID"),
        (f"{EID},gold\n".encode(), "eids.csv:1 has 2 cells, but there are 1 columns."),
        (f"eid,expires\n{EID},soon\n".encode(), "eids.csv:2: expires: 'soon' is no duration"),
        (b"\xff\xfe", "eids.csv is no text in UTF-8."),
        (b'eid\n"' + b"9" * 200_000, "eids.csv:2 is no line of CSV"),
    ],
)
def test_a_csv_file_that_makes_no_sense(smdp, tmp_path, content, sentence):
    (tmp_path / "eids.csv").write_bytes(content)
    result = smdp("profile", "issue", "--from", "eids.csv")
    assert result.code == 2, result
    assert one_sentence(result), result
    assert sentence in result.err


def test_an_eid_with_several_profiles_asks_which(smdp, stub):
    stub.on("GET", f"{CARRIER}/profiles", page(profile(), profile(iccid="8900101000000000027")))
    result = smdp("profile", "revoke", EID)
    assert result.code == 2
    assert result.err == f"smdp: 2 profiles fit; name one: {ICCID}, 8900101000000000027.\n"


def test_an_eid_without_profile_says_how_to_get_one(smdp, stub):
    stub.on("GET", f"{CARRIER}/profiles", page())
    result = smdp("profile", "show", EID)
    assert result.code == 1
    assert result.err == f"smdp: Carrier default has no profile for this EID; issue one: smdp profile issue {EID}\n"


@pytest.mark.parametrize(("devices", "code", "sentence"), [
    ([], 1, "has no simulated device; make one: smdp device new"),
    ([device(), device(eid=OTHER)], 2, f"There are 2 devices; say which with --eid, for instance --eid {EID}"),
])  # fmt: skip
def test_which_device_is_meant(smdp, stub, devices, code, sentence):
    stub.on("GET", "/api/v1/devices", page(*devices))
    result = smdp("device", "refresh", "https://x.test")
    assert result.code == code
    assert sentence in result.err
    assert one_sentence(result)


def test_a_settings_file_with_a_mistake_is_said(smdp, tmp_path):
    (tmp_path / "smdp.toml").write_text("[serve]\nprot = 1\n")
    for words in (["profile", "list"], ["ready"], ["serve"]):
        result = smdp(*words)
        assert result.code == 2
        assert result.err == "smdp: smdp.toml:2: prot is no setting; did you mean port?\n"


def test_a_mistyped_variable_is_talked_about_and_no_more(smdp, stub, monkeypatch):
    monkeypatch.setenv("SMDP_CARIER", "acme")
    stub.on("GET", f"{CARRIER}/profiles", page())
    result = smdp("profile", "list", "--json")
    assert (result.code, result.out) == (0, "[]\n")
    assert result.err == "smdp: SMDP_CARIER is no setting; did you mean SMDP_CARRIER?\n"


def test_the_same_as_processes(process, nobody):
    for words, code in (
        (["profile", "issue", "123"], 2),
        (["why", EID, "--url", nobody], 3),
        (["ready", "--url", nobody], 3),
    ):
        result = process(*words)
        assert result.code == code
        assert one_sentence(result), result


@pytest.mark.parametrize("words", [("serve",), ("serve", "--host", "127.0.0.1")])
def test_serve_says_what_is_in_its_way_with_flags_and_without(process, words):
    result = process(*words, env={"SMDP_PORT": "lots"})
    assert result.code != 0
    assert "SMDP_PORT" in result.err
    assert "Traceback" not in result.err
