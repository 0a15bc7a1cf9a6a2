"""What a server says when it starts: short enough for a terminal, without a secret that somebody chose."""

from types import SimpleNamespace

import pytest

from smdp.http import banner
from smdp.pki import load
from smdp.settings import Settings


@pytest.fixture(scope="module")
def trust():
    return load.resolve("public")


def lines(trust, *, token=None, plain=None, control=8080, **settings):
    parts = SimpleNamespace(settings=Settings(**settings), pki=trust, token=token)
    return banner.text(parts, 8443, control, plain).splitlines()


@pytest.mark.parametrize(
    "settings",
    [{}, {"token": "T" * 24, "host": ("0.0.0.0",)}, {"plain": 65535, "address": "esim.acme.example.com:65535"}],  # noqa: S104 - said, not bound
    ids=["usual", "container", "behind a proxy"],
)
def test_it_fits_a_terminal_and_says_where_what_and_what_next(trust, settings):
    said = lines(trust, **settings)
    assert max(map(len, said)) <= 80
    assert said[0].endswith("test carrier, not for production")
    names = {line.split()[0] for line in said}
    assert {"devices", "control", "trust", "state", "next"} <= names
    assert ("token" in names) == ("token" in settings)
    assert ("plain" in names) == ("plain" in settings)


def test_a_token_that_somebody_chose_is_not_printed(trust):
    said = "\n".join(lines(trust, token="hunter2hunter2", control_token="hunter2hunter2"))
    assert "hunter2" not in said


def test_the_next_command_finds_a_control_api_on_another_port(trust):
    assert "--url" not in lines(trust)[-1]
    assert "smdp --url http://localhost:8081 " in lines(trust, control=8081)[-1]


def test_a_database_is_not_in_memory(trust):
    assert not any("in memory" in line for line in lines(trust, database="sqlite:///smdp.db"))
