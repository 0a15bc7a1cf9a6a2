"""Write the generated pages, or with --check say which are not what they would be.

docs/fidelity.md: the check lists of `smdp.rsp` (what is real) with the tests that provoke each, inside the hand-written
docs/fidelity.template.md (what is simulated, what is missing).
"""

import argparse
import contextlib
import io
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import smdp.rsp
from smdp.rsp.checks import Check

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "docs" / "fidelity.template.md"
PLACE = "<!-- checks -->\n"
HEADER = "<!-- Written by `make docs` from {source} and the check lists of smdp.rsp. Edit those. -->\n"

Tests = Mapping[str, set[str]]


def check_lists() -> Iterator[tuple[ModuleType, tuple[Check[object], ...]]]:
    """Every module of the protocol core that has a list of checks."""
    for info in pkgutil.walk_packages(smdp.rsp.__path__, "smdp.rsp."):
        module = import_module(info.name)
        if checks := vars(module).get("CHECKS"):
            yield module, checks


class Marks:
    """A pytest plugin that notes which file holds a test of which check."""

    def __init__(self) -> None:
        self.tests: defaultdict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called by pytest with all tests, before it leaves any out."""
        for item in items:
            for mark in item.iter_markers("check"):
                for check in mark.args:
                    self.tests[check].add(item.path.relative_to(ROOT).as_posix())


def marked_tests() -> Tests:
    """Check id → the files that test it."""
    marks, talk = Marks(), io.StringIO()
    arguments = ["--collect-only", "--quiet", "-p", "no:cacheprovider", f"--rootdir={ROOT}", str(ROOT / "tests")]
    with contextlib.redirect_stdout(talk), contextlib.redirect_stderr(talk):
        status = pytest.main(arguments, plugins=[marks])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        sys.exit(f"{talk.getvalue()}\nThe tests above do not load, so their marks cannot be read.")
    return marks.tests


def title(module: ModuleType) -> str:
    """The first sentence of a module, which names its function."""
    return (module.__doc__ or module.__name__).strip().splitlines()[0].rstrip(".")


def row(check: Check[object], tests: Tests) -> str:
    """One line of a table."""
    code = f"{check.code.name} ({int(check.code)})" if isinstance(check.code, IntEnum) else str(check.code)
    files = ", ".join(f"`{name.removeprefix('tests/')}`" for name in sorted(tests.get(check.id, ()))) or "**none**"
    cells = (check.id, f"`{check.field}`", check.clause, code, f"`{check.reason}`", files)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def fidelity(tests: Tests) -> str:
    """The page: the template with one table for each list."""
    tables: list[str] = []
    known: set[str] = set()
    for module, checks in check_lists():
        known.update(check.id for check in checks)
        head = f"### {title(module)}\n\n`{module.__name__}`\n\n| check | field | clause | code | reason | tests |\n"
        tables.append(head + "|---|---|---|---|---|---|\n" + "".join(row(check, tests) for check in checks))
    if strays := sorted(set(tests) - known):
        sys.exit(f"Tests are marked with checks that no list holds: {', '.join(strays)}")
    before, after = TEMPLATE.read_text().split(PLACE)
    return HEADER.format(source=TEMPLATE.name) + before + "\n".join(tables) + after


def main() -> None:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is not up to date")
    check_only = parser.parse_args().check
    pages = {ROOT / "docs" / "fidelity.md": fidelity(marked_tests())}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
    if check_only and stale:
        sys.exit(f"Not what `make docs` would write: {names}. Run it and commit the result.")
    if not check_only:
        for path in stale:
            path.write_text(pages[path])
        print(f"written: {names}" if stale else "nothing to write")


if __name__ == "__main__":
    main()
