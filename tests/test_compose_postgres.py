"""compose.postgres.yaml, as far as it can be judged without an engine: YAML, keys, variables, ports."""

import re
from pathlib import Path

import pytest
import yaml

from smdp.settings import ROWS, Settings

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "compose.postgres.yaml"
TOP = {"services", "volumes", "x-smdp"}
SERVICE = {
    "image", "build", "environment", "depends_on", "ports", "healthcheck", "volumes", "stop_grace_period", "read_only",
}  # fmt: skip
HEALTH = {"test", "interval", "timeout", "retries"}
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def servers(compose):
    return {name: one for name, one in compose["services"].items() if name.startswith("smdp")}


def test_every_key_is_one_that_compose_knows(compose):
    assert set(compose) <= TOP
    for service in compose["services"].values():
        assert set(service) <= SERVICE
        assert set(service.get("healthcheck", {})) <= HEALTH


def test_there_are_two_servers_on_one_database_that_wait_for_it(compose, servers):
    assert len(servers) == 2
    database = compose["services"]["postgres"]
    assert database["healthcheck"]["test"][0] == "CMD"
    for one in servers.values():
        assert one["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert len({one["environment"]["SMDP_DATABASE"] for one in servers.values()}) == 1


def filled(value):
    """A value as compose reads it where no variable is set."""
    return VARIABLE.sub(lambda found: found[2], str(value))


def test_a_server_is_configured_by_variables_alone_and_takes_them(compose, servers):
    database = {name: filled(value) for name, value in compose["services"]["postgres"]["environment"].items()}
    expected = f"postgresql://smdp:{database['POSTGRES_PASSWORD']}@postgres/{database['POSTGRES_DB']}"
    for one in servers.values():
        assert not {"volumes", "command", "entrypoint"} & set(one)
        environment = {name: filled(value) for name, value in one["environment"].items()}
        assert {name.removeprefix("SMDP_").lower() for name in environment} <= set(ROWS)
        settings = Settings.load(env=environment)
        assert settings.database == expected
        assert settings.warnings == ()


def test_the_ports_are_those_the_servers_listen_at_and_taken_once(servers):
    outside = []
    for one in servers.values():
        settings = Settings.load(env={name: filled(value) for name, value in one["environment"].items()})
        published = [port.split(":") for port in one["ports"]]
        assert {int(inside) for _, _, inside in published} == {settings.port, settings.control_port}
        assert {place for place, _, _ in published} == {"127.0.0.1"}
        outside += [port for _, port, _ in published]
        # devices are told the port that they used: so it has to be the same inside and outside
        assert [port for _, port, inside in published if int(inside) == settings.port] == [str(settings.port)]
    assert len(outside) == len(set(outside))


def test_the_image_has_what_a_postgresql_database_needs():
    used = re.findall(r"-r (requirements/\w+\.txt)", (ROOT / "Dockerfile").read_text("utf-8"))
    assert used == ["requirements/build.txt", "requirements/image.txt"]
    locked = {name: (ROOT / "requirements" / name).read_text("utf-8") for name in ("image.txt", "runtime.txt")}
    pinned = {name: set(re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE)) for name, text in locked.items()}
    assert pinned["runtime.txt"] < pinned["image.txt"]
    more = {line.partition("==")[0] for line in pinned["image.txt"] - pinned["runtime.txt"]}
    assert {"psycopg", "psycopg-binary"} <= more
