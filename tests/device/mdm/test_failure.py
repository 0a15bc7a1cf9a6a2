"""The table of reasons: none is left over, each is a sentence with something to do."""

import re
from pathlib import Path

import pytest

import smdp.device.mdm
from smdp.device.mdm.failure import REASONS, MdmError, mdm_failure

FOLDER = Path(smdp.device.mdm.__file__).parent
SOURCE = "\n".join(
    path.read_text() for path in (*FOLDER.glob("*.py"), FOLDER.parent / "managed.py") if path.name != "failure.py"
)
OWN = (FOLDER / "failure.py").read_text()


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_somebodys(reason):
    assert f'"{reason}"' in SOURCE


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_a_sentence(reason):
    names = set(re.findall(r"\{(\w+)", REASONS[reason].because + REASONS[reason].fix))
    error = mdm_failure(reason, **dict.fromkeys(names, 1))
    assert error.because[0].isupper() or error.because[0].isdigit()
    assert error.because.endswith(".")
    assert error.fix
    assert (error.code is None) == (error.domain is None)
    assert error.item.code > 0
    assert error.item.domain.startswith("MC")


def test_slugs_with_a_meaning_exist():
    named = set(re.findall(r'"([a-z0-9-]+)"', OWN.partition("_TRANSIENT = ")[2].partition("class Reason")[0]))
    assert named
    assert named <= REASONS.keys()


def test_an_error_without_a_code_is_an_installation_failure():
    assert MdmError("x", "y", "z").item == (4001, "MCInstallationErrorDomain", "y", "y")
