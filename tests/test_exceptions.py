"""Exceptions from lint and types carry their reason."""

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for folder in ("smdp", "tests", "docs") for path in (ROOT / folder).rglob("*.py"))
NOQA = re.compile(r"#\s*(ruff:\s*)?noqa\b")
WITH_REASON = re.compile(r"# (ruff: )?noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \S.*")
IGNORE = re.compile(r"#\s*type:\s*ignore")
IGNORE_WITH_REASON = re.compile(r"# type: ignore\[[a-z-]+(, [a-z-]+)*\] # \S.*")


def without_reason(text: str, *, typed: bool) -> list[str]:
    """Return the comments that turn something off and don't say why; where types aren't checked, any that ignores."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        comment = token.string if token.type == tokenize.COMMENT else ""
        if NOQA.search(comment) and not WITH_REASON.search(comment):
            found.append(comment)
        if IGNORE.search(comment) and not (typed and IGNORE_WITH_REASON.search(comment)):
            found.append(comment)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_exception_has_a_reason(path):
    assert without_reason(path.read_text(), typed=path.relative_to(ROOT).parts[0] != "tests") == []


@pytest.mark.parametrize(
    "comment",
    ["noqa", "noqa: E501", "noqa:E501 - long", "ruff: noqa", "type: ignore", "type: ignore[x]"],
)
def test_one_without_is_found(comment):
    assert without_reason(f"x = 1  # {comment}\n", typed=True) == [f"# {comment}"]


def test_one_with_a_reason_passes():
    text = "x = 1  # noqa: E501, PLR2004 - long\ny = 1  # type: ignore[misc] # because\nz = '# noqa'\n"
    assert without_reason(text, typed=True) == []
