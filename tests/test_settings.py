import re
from pathlib import Path

import pytest

from smdp.errors import SettingsError
from smdp.settings import ROWS, Settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_defaults_are_those_of_the_documentation():
    settings = Settings.load(env={})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.control_port) == (("127.0.0.1", "::1"), 8443, 8080)
    assert (settings.url, settings.carrier, settings.journal) == ("http://127.0.0.1:8080", "default", 67108864)
    assert settings.database is settings.seed is settings.plain_port is None
    assert not settings.warnings


def test_flags_win_over_variables_over_the_file_over_the_defaults(tmp_path):
    (tmp_path / "smdp.toml").write_text("[serve]\nport = 1\ncontrol_port = 2\ndomain = 'file.test'\nhost = ['::1']\n")
    env = {"SMDP_PORT": "3", "SMDP_CONTROL_PORT": "4", "SMDP_SEED": ""}
    settings = Settings.load(env, flags={"port": "5", "seed": None})
    assert (settings.port, settings.control_port, settings.domain) == (5, 4, "file.test")
    assert settings.host == ("::1",)
    assert settings.seed is None


def test_a_settings_file_is_named_by_variable_or_flag(tmp_path):
    for name, port in (("a.toml", 1), ("b.toml", 2), ("c.toml", 3)):
        (tmp_path / name).write_text(f"[serve]\nport = {port}\n")
    assert Settings.load({}, Path("a.toml")).port == 1
    assert Settings.load({"SMDP_CONFIG": "b.toml"}, Path("a.toml")).port == 2
    assert Settings.load({"SMDP_CONFIG": "b.toml"}, flags={"config": "c.toml"}).port == 3


def test_every_setting_is_read_from_a_variable_and_documented():
    texts = {
        "host": "0.0.0.0, ::", "port": "0", "control_port": "0", "plain_port": "80", "address": "smdp.test:443",
        "domain": "Carriers.TEST.", "resolve": "[::1]:8443", "database": "sqlite:///x.db", "state": "/state",
        "pki": "dir", "seed": "7", "config": "c.toml", "journal": "1kB", "control_token": "t0ken", "control_open": "1",
        "fixtures": "acme.toml", "webhook_url": "https://receiver.test/hook", "webhook_secret": "s3cret",
        "scenario": "already-used", "log_level": "DEBUG", "log_format": "json", "url": "https://smdp.test/",
        "carrier": "acme",
    }  # fmt: skip
    assert set(texts) == set(ROWS)
    Path("c.toml").write_text("")
    settings = Settings.load({f"SMDP_{name.upper()}": text for name, text in texts.items()})
    assert settings.host == ("0.0.0.0", "::")  # noqa: S104 - read, not bound
    assert (settings.domain, settings.journal, settings.control_open) == ("carriers.test", 1000, True)
    assert (settings.url, settings.log_level) == ("https://smdp.test", "debug")
    assert all(row.metadata["help"].endswith(".") for row in ROWS.values())


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        ("SMDP_PORT", "99999", "SMDP_PORT is '99999', but it wants a port number from 0 (picks one) to 65535."),
        ("SMDP_PORT", "²", "port number"),
        ("SMDP_HOST", "my host", "an address or several"),
        ("SMDP_ADDRESS", "https://x", "without a scheme"),
        ("SMDP_ADDRESS", "x:99999", "without a scheme"),
        ("SMDP_RESOLVE", "localhost", "host:port"),
        ("SMDP_DOMAIN", "a..b", "a domain name"),
        ("SMDP_DATABASE", "mysql://x", "sqlite:///FILE"),
        ("SMDP_JOURNAL", "much", "a size such as 64MiB"),
        ("SMDP_JOURNAL", "0", "at least 1kB"),
        ("SMDP_CONTROL_OPEN", "perhaps", "1 or 0"),
        ("SMDP_LOG_LEVEL", "inof", "one of debug, info, warning, error; did you mean info?"),
        ("SMDP_URL", "localhost:8080", "http://host:port"),
        ("SMDP_URL", "http://h:port", "http://host:port"),
        ("SMDP_CARRIER", "Acme Corp", "a carrier's name"),
        ("SMDP_SEED", "a\x00", "without control characters"),
        ("SMDP_WEBHOOK_URL", "receiver.test/hook", "http://… or https://…"),
        ("SMDP_WEBHOOK_URL", "https://a:b@receiver.test", "without a password in it"),
        ("SMDP_WEBHOOK_URL", "https://receiver.test:0/", "http://… or https://…"),
    ],
)
def test_an_impossible_value_is_one_sentence(variable, text, sentence):
    with pytest.raises(SettingsError) as caught:
        Settings.load({variable: text})
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(variable)
    assert "\n" not in str(caught.value)


def test_a_secret_is_never_shown():
    with pytest.raises(SettingsError) as caught:
        Settings.load({"SMDP_CONTROL_TOKEN": "hunter 2"})
    assert "hunter" not in str(caught.value)
    assert "hunter2" not in repr(Settings(control_token="hunter2", seed="hunter2"))
    assert "hunter2" not in repr(Settings(webhook_url="http://x/hunter2", webhook_secret="hunter2"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[serve]\nhost='::1'\nprot = 1", "smdp.toml:3: prot is no setting; did you mean port?"),
        ("[serve]\nzzz = 1", "smdp.toml:2: zzz is no setting; smdp serve --help lists them."),
        ("port = 1", "smdp.toml:1: port belongs below a line [serve]."),
        ("# hi\n[server]\nport = 1", "smdp.toml:2: there is no table [server]; settings go below [serve]."),
        ("[serve]\nport = '8443'", "smdp.toml:2: port wants a number."),
        ("[serve]\nport = true", "smdp.toml:2: port wants a number."),
        ("[serve]\nport = 70000", "smdp.toml:2: port is '70000', but it wants a port number"),
        ("[serve]\nhost = [1]", "smdp.toml:2: host wants a text in quotes or a list of texts."),
        ("serve = 3", "serve is one table"),
        ("[serve", "smdp.toml is no valid TOML"),
        (b"\xff", "no text in UTF-8"),
    ],
)
def test_a_wrong_settings_file_is_one_sentence_with_file_and_line(content, sentence):
    Path("smdp.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as caught:
        Settings.load({})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_settings_file_is_said():
    with pytest.raises(SettingsError, match=r"Cannot read the settings file nowhere\.toml: No such file"):
        Settings.load({}, Path("nowhere.toml"))


def test_kubernetes_service_links_are_ignored_with_a_warning():
    links = {
        "SMDP_PORT": "tcp://10.0.0.1:8443", "SMDP_SERVICE_HOST": "10.0.0.1", "SMDP_SERVICE_PORT_DEVICES": "8443",
        "SMDP_PORT_8443_TCP_ADDR": "10.0.0.1", "SMDP_CONTROL_SERVICE_PORT": "80", "SMDP_FOO_PORT": "udp://10.0.0.1:53",
    }  # fmt: skip
    settings = Settings.load(links)
    assert settings == Settings()
    (warning,) = settings.warnings
    assert all(re.search(rf"\b{name}\b", warning) for name in links)


def test_a_mistyped_variable_is_a_warning():
    (warning,) = Settings.load({"SMDP_PROT": "1"}).warnings
    assert warning == "SMDP_PROT is no setting; did you mean SMDP_PORT?"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"plain_port": 8000}, "plain_port needs address"),
        ({"port": 8080}, "port and control_port are both 8080"),
        ({"plain_port": 8443, "address": "x.test"}, "port and plain_port are both 8443"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Settings(**settings)


def test_several_ports_may_be_picked():
    assert Settings(port=0, control_port=0).port == 0


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({"SMDP_CONTROL_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"SMDP_CONTROL_PORT": "9000", "SMDP_HOST": "::"}, "http://127.0.0.1:9000"),
        ({"SMDP_CONTROL_PORT": "9000", "SMDP_HOST": "::1"}, "http://[::1]:9000"),
        ({"SMDP_CONTROL_PORT": "0"}, "http://127.0.0.1:8080"),
        ({"SMDP_CONTROL_PORT": "9000", "SMDP_URL": "http://smdp:1"}, "http://smdp:1"),
    ],
)
def test_client_commands_find_the_server_of_the_same_environment(env, url):
    assert Settings.load(env).url == url


def test_client_commands_find_the_token_that_a_server_generated(tmp_path):
    settings = Settings(state=tmp_path)
    assert settings.client_token() is None
    settings.token_file.write_text("generated\n")
    assert settings.client_token() == "generated"
    assert Settings(state=tmp_path, control_token="given").client_token() == "given"
