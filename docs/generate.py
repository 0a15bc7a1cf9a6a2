"""Write the generated pages, or with --check say which are not what they would be.

docs/fidelity.md: the check lists of `smdp.rsp` (what is real) with the tests that provoke each, and the settings that
change an answer, inside the hand-written docs/fidelity.template.md (what is simulated, what is missing).
docs/events.md: the types of events inside docs/events.template.md.
docs/faults.md: the catalogue of faults inside docs/faults.template.md. docs/scenarios.md: the files in smdp/scenarios,
and the table of symptoms with the test of each.
README.md: its table of settings.
"""

import argparse
import contextlib
import io
import pkgutil
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import IntEnum
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import smdp.rsp
from smdp.carrier.event_types import TYPES
from smdp.carrier.fault_catalogue import catalogue
from smdp.carrier.scenarios import scenarios
from smdp.device.apple.symptoms import SYMPTOMS
from smdp.http.operations import OPERATIONS, Operation
from smdp.model import Carrier, FaultParameter, Limits, Plan
from smdp.rsp.checks import Check
from smdp.settings import ROWS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
API = ROOT / "docs" / "api.md"
TEMPLATE = ROOT / "docs" / "fidelity.template.md"
EVENTS_TEMPLATE, EVENTS_PLACE = ROOT / "docs" / "events.template.md", "<!-- types -->\n"
FAULTS_TEMPLATE, FAULTS_PLACE = ROOT / "docs" / "faults.template.md", "<!-- faults -->\n"
FAULT_LAYERS = {
    "protocol": "The protocol",
    "wire": "The wire",
    "carrier": "The carrier",
    "device": "Hosted devices",
}
CHECKS_PLACE, SETTINGS_PLACE = "<!-- checks -->\n", "<!-- settings -->\n"
PATHS_START = "<!-- paths: written by make docs -->"
SETTINGS_START, SETTINGS_END = "<!-- settings: written by make docs -->", "<!-- end -->"
HEADER = "<!-- Written by `make docs` from {source} and the check lists of smdp.rsp. Edit those. -->\n"

CHAPTERS = {
    "What the SM-DP+ checks of a device": ["wire", "server.initiate", "server.authenticate", "server.selection",
                                           "server.bind", "server.notify", "server.cancel", "server"],
    "What the eUICC checks of a server": ["euicc.authenticate", "euicc.prepare", "euicc.load", "euicc.cancel", "euicc"],
    "What the eUICC checks of its device": ["euicc.profiles", "euicc.notifications", "euicc.info"],
}  # fmt: skip
"""The modules below smdp.rsp, or the beginnings of their names, in the order in which a download meets them."""

CARRIER, LIMITS, PLAN = Carrier(name="default"), Limits(), Plan(name="default")
SETTINGS = [
    ("nothing is ordered for an EID", CARRIER.no_order_code, "a carrier's `no_order_code`"),
    (
        "who gets a handed-out profile again (`same-device`, `always`)",
        CARRIER.reuse or "never",
        "`reuse` of a plan or a carrier",
    ),
    (
        "an eUICC that may have its package again comes with another one-time key (`refuse`, `allow`)",
        CARRIER.rebind,
        "a carrier's `rebind`",
    ),
    ("downloads tried before an order ends", LIMITS.download_attempts, "`limits.download_attempts`"),
    (
        "wrong confirmation codes before it ends",
        LIMITS.confirmation_code_attempts,
        "`limits.confirmation_code_attempts`",
    ),
    ("minutes that a session lives", LIMITS.session_minutes, "`limits.session_minutes`"),
    ("hours that an order lives", LIMITS.order_hours or "no limit", "`limits.order_hours`, `expires_at` of an order"),
    ("what protects a package (`ppk`, `session`)", PLAN.protection, "a plan's `protection`"),
    ("what makes a plan active", PLAN.activation.on, "a plan's `activation`"),
]
"""What the standard leaves open (or to the operator), what holds here, and where it is set."""

Tests = Mapping[str, set[str]]
Checks = tuple[Check[object], ...]


def check_lists() -> dict[str, tuple[ModuleType, Checks]]:
    """Every module of the protocol core that has a list of checks, by its name below smdp.rsp."""
    found = {}
    for info in pkgutil.walk_packages(smdp.rsp.__path__, "smdp.rsp."):
        module = import_module(info.name)
        if checks := vars(module).get("CHECKS"):
            found[info.name.removeprefix("smdp.rsp.")] = module, checks
    return found


def chapters(names: Iterable[str]) -> dict[str, list[str]]:
    """Put the modules into the chapters, each where the longest beginning of its name stands."""
    places = {start: (title, at) for title, starts in CHAPTERS.items() for at, start in enumerate(starts)}
    sorted_names: dict[str, list[tuple[int, str]]] = {title: [] for title in CHAPTERS}
    for name in names:
        start = max((start for start in places if name.startswith(start)), key=len, default=None)
        if start is None:
            sys.exit(f"{Path(__file__).name}: no chapter for {name}; CHAPTERS has them.")
        title, at = places[start]
        sorted_names[title].append((at, name))
    return {title: [name for _, name in sorted(found)] for title, found in sorted_names.items()}


class Marks:
    """A pytest plugin that notes which file holds a test of which check, and which test shows which symptom."""

    def __init__(self) -> None:
        self.tests: defaultdict[str, set[str]] = defaultdict(set)
        self.symptoms: defaultdict[int, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called by pytest with all tests, before it leaves any out."""
        for item in items:
            for mark in item.iter_markers("check"):
                for check in mark.args:
                    self.tests[check].add(item.path.relative_to(ROOT).as_posix())
            for mark in item.iter_markers("symptom"):
                self.symptoms[mark.args[0]].add(item.name.partition("[")[0])


def marked_tests() -> Marks:
    """Collect the marks of all tests."""
    marks, talk = Marks(), io.StringIO()
    loaded = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"  # smdp is, by this page's facts
    options = ["--collect-only", "--quiet", "-p", "no:cacheprovider", "-W", loaded]
    arguments = [*options, f"--rootdir={ROOT}", str(ROOT / "tests")]
    with contextlib.redirect_stdout(talk), contextlib.redirect_stderr(talk):
        status = pytest.main(arguments, plugins=[marks])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        sys.exit(f"{talk.getvalue()}\nThe tests above do not load, so their marks cannot be read.")
    return marks


def title(module: ModuleType) -> str:
    """The first sentence of a module, which names its function."""
    return (module.__doc__ or module.__name__).strip().splitlines()[0].rstrip(".")


def row(check: Check[object], tests: Tests) -> str:
    """One line of a table."""
    code = f"{check.code.name} ({int(check.code)})" if isinstance(check.code, IntEnum) else str(check.code)
    files = ", ".join(f"`{name.removeprefix('tests/')}`" for name in sorted(tests.get(check.id, ()))) or "**none**"
    field = f"`{check.field}`" if check.field else "the order"
    return cells(check.id, field, f"`{check.reason}`", code, check.clause, files)


def cells(*words: object) -> str:
    """Write one line of a table."""
    return "| " + " | ".join(str(word).replace("|", "\\|") for word in words) + " |\n"


def tables(tests: Tests) -> str:
    """Write the checks: one chapter for each group, one table for each list."""
    lists = check_lists()
    known = {check.id for _, checks in lists.values() for check in checks}
    if strays := sorted(set(tests) - known):
        sys.exit(f"Tests are marked with checks that no list holds: {', '.join(strays)}")
    provoked = len(known & set(tests))
    text = f"{len(known)} checks, {provoked} of them provoked by a test. In braces: filled in with what was found.\n"
    for chapter, names in chapters(lists).items():
        text += f"\n### {chapter}\n"
        for name in names:
            module, checks = lists[name]
            text += f"\n**{title(module)}**, `{module.__name__}`\n\n"
            text += cells("check", "looks at", "reason", "code", "clause", "tests") + "|---|---|---|---|---|---|\n"
            text += "".join(row(check, tests) for check in checks)
    return text


def fidelity(tests: Tests) -> str:
    """Write the page: the template with its two places filled."""
    settings = "".join(cells(question, f"`{default}`", where) for question, default, where in SETTINGS)
    page = TEMPLATE.read_text().replace(CHECKS_PLACE, tables(tests)).replace(SETTINGS_PLACE, settings)
    return HEADER.format(source=TEMPLATE.name) + page


def faults() -> str:
    """Write the page on faults: the template with a table for each layer."""
    text = ""
    for layer, title in FAULT_LAYERS.items():
        text += f"## {title}\n\n" + cells("fault", "what it does", "steps", "parameters", "a device then says")
        text += "|---|---|---|---|---|\n"
        for kind in catalogue():
            if kind.layer == layer:
                steps = "any" if kind.anywhere else ", ".join(f"`{step}`" for step in kind.steps)
                given = "; ".join(f"`{one.name}`: {one.text}{default_of(one)}" for one in kind.parameters)
                text += cells(f"`{kind.name}`", kind.text, steps, given, kind.device)
        text += "\n"
    page = FAULTS_TEMPLATE.read_text().replace(FAULTS_PLACE, text.rstrip("\n") + "\n")
    return f"<!-- Written by `make docs` from {FAULTS_TEMPLATE.name} and smdp.carrier.fault_catalogue. -->\n" + page


def events() -> str:
    """Write the page on events: the template with the types, a table for each noun."""
    text, noun = "", ""
    for name, one in TYPES.items():
        if name.partition(".")[0] != noun:
            noun = name.partition(".")[0]
            text += f"\n### {noun}\n\n" + cells("type", "when", "data") + "|---|---|---|\n"
        text += cells(f"`{name}`", one.text, one.data)
    page = EVENTS_TEMPLATE.read_text().replace(EVENTS_PLACE, text.strip("\n") + "\n")
    return f"<!-- Written by `make docs` from {EVENTS_TEMPLATE.name} and smdp.carrier.event_types. -->\n" + page


SCENARIOS = """<!-- Written by `make docs` from smdp/scenarios and smdp.device.apple.symptoms. Edit those. -->
# Scenarios

Situations that an MDM has to cope with, one command each: settings, plans, orders and faults for one EID. Each is a
file in `smdp/scenarios`, in the schema of a carrier's document (docs/carriers.md).

```
smdp scenario list
smdp scenario apply already-used --eid 89049032123451234512345678901235
smdp serve --scenario already-used       a fresh carrier `default` with one device in that situation
```

| API | Python |
|---|---|
| `GET /api/v1/scenarios`, `GET /api/v1/scenarios/{name}` | `client.scenarios()`, `client.scenario(name)` |
| `POST …/scenarios/{name}/apply` `{"eid": "…"}` | `client.apply_scenario(name, eid)` |

In [pytest](pytest.md), `@pytest.mark.smdp(scenario="already-used")` applies one to the test's `smdp_device`.

Some happen to the device too: it downloads its plan, is restricted, moves its line or is wiped. That is done where
this server hosts the device, which has to be online and at home in the carrier. For any other EID the carrier's half
alone is applied, and `left` in the answer says what is left to do on your device.
"""


SYMPTOM_TEXT = """
## Symptoms

What goes wrong in the field, by what the MDM sees. Each is one test in `tests/e2e/test_symptoms.py`, through a small
MDM: what the MDM reads, what the carrier's timeline says, what `smdp why` says. What Apple does not document says so.

"""


def symptom_rows(tests: Mapping[int, set[str]]) -> str:
    """Write the table of symptoms, each with its test."""
    if set(tests) != {one.number for one in SYMPTOMS}:
        sys.exit(f"The symptoms are 1 to {len(SYMPTOMS)}, and there are tests of {sorted(tests)}.")
    text = cells("#", "what happens", "what the MDM sees", "played by", "test") + "|---|---|---|---|---|\n"
    for one in SYMPTOMS:
        played = [f"[{name}](#{name})" for name in one.scenarios]
        played += [f"the fault `{one.fault}`"] if one.fault else []
        played += [f"`{one.knob}`" if one.knob.startswith("smdp ") else one.knob] if one.knob else []
        happens = one.happens if one.evidence == "documented" else f"{one.happens} ({one.evidence})"
        named = ", ".join(f"`{name}`" for name in sorted(tests[one.number]))
        text += cells(one.number, happens, one.mdm, "; ".join(played), named)
    return text


def scenario_page(tests: Mapping[int, set[str]]) -> str:
    """Write the page on scenarios and symptoms."""
    text = SCENARIOS
    for one in scenarios():
        text += f"\n## {one.name}\n\n{one.title}.\n\n"
        text += f"* **What happens:** {one.happens}\n* **What the MDM sees:** {one.mdm}\n"
        text += f"* **How to assert it:** {one.check}.\n"
    return text + SYMPTOM_TEXT + symptom_rows(tests)


def default_of(parameter: FaultParameter) -> str:
    """Write a parameter's default, if it has one."""
    return "" if parameter.default is None else f" (`{parameter.default}`)"


def readme() -> str:
    """Write the README: as it is, with the settings between its marks."""
    before, start, rest = README.read_text().partition(SETTINGS_START)
    _, end, after = rest.partition(SETTINGS_END)
    if not (start and end):
        sys.exit(f"{README.name} has lost the marks of its settings: {SETTINGS_START}, {SETTINGS_END}")
    table = cells("variable", "default", "meaning") + "|---|---|---|\n"
    for name, setting in ROWS.items():
        write, default = setting.metadata["kind"].write, setting.default
        shown = "" if default is None else "`0`" if default is False else f"`{write(default)}`"
        table += cells(f"`SMDP_{name.upper()}`", shown, re.sub(r"([<*])", r"\\\1", setting.metadata["help"]))
    return f"{before}{start}\n{table}{end}{after}"


def api() -> str:
    """Write the page on the API: as it is, with every path of the table of operations between its marks."""
    before, start, rest = API.read_text().partition(PATHS_START)
    _, end, after = rest.partition(SETTINGS_END)
    if not (start and end):
        sys.exit(f"{API.name} has lost the marks of its paths: {PATHS_START}, {SETTINGS_END}")
    table = cells("path", "methods", "what") + "|---|---|---|\n"
    paths: dict[str, list[Operation]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, []).append(one)
    for path, operations in paths.items():
        query = sorted({name for one in operations for name in one.query})
        said = " ".join(one.summary for one in operations) + (f" `?{'=&'.join(query)}=`" if query else "")
        table += cells(f"`{path}`", ", ".join(one.method for one in operations), said)
    return f"{before}{start}\n{table}{end}{after}"


def main() -> None:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is not up to date")
    check_only = parser.parse_args().check
    marks = marked_tests()
    pages = {
        ROOT / "docs" / "fidelity.md": fidelity(marks.tests),
        ROOT / "docs" / "faults.md": faults(),
        ROOT / "docs" / "scenarios.md": scenario_page(marks.symptoms),
        ROOT / "docs" / "events.md": events(),
        README: readme(),
        API: api(),
    }
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
