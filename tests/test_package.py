"""The package as it is shipped: cheap to import, complete as a wheel, without a key or a trace of the machine."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata, util
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import smdp

HEAVY = {"aiohttp", "asn1crypto", "asyncio", "cryptography", "cyclopts", "msgspec", "sqlite3", "ssl", "structlog"}
LOCK_LINE = re.compile(
    r"[a-z0-9-]+==[0-9][0-9a-z.+]*( ; [a-zA-Z0-9_.\s'<>=!()-]+)? \\" r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
)


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def files(root):
    """What git knows, or without git all there is."""
    if (root / ".git").exists():
        names = subprocess.check_output(["git", "ls-files"], cwd=root, text=True).splitlines()
        return [root / name for name in names if (root / name).is_file()]
    return [path for path in root.rglob("*") if path.is_file() and ".venv" not in path.parts]


def python(code, **options):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_import_smdp_loads_nothing_heavy(record_property):
    code = (
        "import sys, time; before = set(sys.modules); start = time.perf_counter(); import smdp;"
        "import json; took = time.perf_counter() - start;"
        "print(json.dumps([took * 1000, sorted({n.partition('.')[0] for n in set(sys.modules) - before})]))"
    )
    milliseconds, loaded = json.loads(python(code))
    record_property("import smdp [ms]", round(milliseconds, 1))
    print(f"import smdp: {milliseconds:.1f} ms")
    assert "smdp" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("name", smdp.__all__)
def test_every_public_name_is_found(name):
    assert getattr(smdp, name).__name__ == name
    assert name in dir(smdp)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'smdp' has no attribute 'Sever'"):
        smdp.Sever  # noqa: B018 - the access is what is tested


def test_versions_agree(project, root):
    assert smdp.__version__ == metadata.version("smdp") == project["version"]
    assert f'image.version="{project["version"]}"' in (root / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    missing = [name for name in ("build", "hatchling") if util.find_spec(name) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"needs {' and '.join(missing)}")
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(root)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(target.glob("*.whl"))


def test_the_wheel_carries_the_certificates(wheel, root):
    certificates = {path.name: path.read_bytes() for path in (root / "certs").glob("*.pem")}
    assert certificates
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name: archive.read(name) for name in archive.namelist()}
    assert {f"smdp/certs/{name}": content for name, content in certificates.items()}.items() <= shipped.items()
    assert "smdp/py.typed" in shipped
    assert any(name.endswith("licenses/LICENSE") for name in shipped)
    assert not [name for name in shipped if not name.startswith(("smdp/", "smdp-"))]


def test_the_wheel_finds_its_certificates_without_a_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import smdp, smdp.pki.load; smdp.pki.load.public(); print(smdp.__file__)"
    where = python(code, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert Path(where.strip()).is_relative_to(tmp_path)


def test_no_private_key_is_in_the_tree(files):
    assert files
    pem = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE" rb" KEY-----")
    assert [path for path in files if path.suffix in {".key", ".p12", ".pfx"} or pem.search(path.read_bytes())] == []


LOCKS = ("build", "dev", "runtime", "test")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_versions_and_hashes_only(lock, root):
    lines = (root / "requirements" / f"{lock}.txt").read_text().splitlines()
    assert lines
    assert [line for line in lines if not LOCK_LINE.fullmatch(line)] == []


@pytest.mark.parametrize(("lock", "extras"), [("runtime", ()), ("test", ("test",)), ("dev", ("test", "dev"))])
def test_a_lock_satisfies_the_project(lock, extras, project, root):
    pins = {}
    for line in (root / "requirements" / f"{lock}.txt").read_text().splitlines():
        if "==" in line and not line.startswith(" "):
            pin = Requirement(line.rstrip(" \\"))
            pins.setdefault(pin.name, []).append(next(iter(pin.specifier)).version)
    wanted = [*project["dependencies"], *(r for extra in extras for r in project["optional-dependencies"][extra])]
    requirements = [r for r in map(Requirement, wanted) if r.name != "smdp"]
    assert requirements
    unmet = [str(r) for r in requirements if not any(r.specifier.contains(v) for v in pins.get(r.name, ()))]
    assert unmet == [], "make lock"
