"""What people read: sentences have their full stops, and commands that are named exist."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from smdp.cli.app import build

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "smdp").rglob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "certs" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WORDS = {"because", "fix", "why"}
POSITIONS = {"CarrierError": (1, 2), "ProblemError": (2, 3), "Reason": (-2, -1), "TlsFailure": (3, 4)}
"""Which arguments of a call are sentences; negative ones are counted from the end."""


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that say why or what to do: line and text; what is filled in is written {}."""
    for node in ast.walk(ast.parse(path.read_text())):
        found: list[ast.expr | None] = []
        match node:
            case ast.Call():
                found = [word.value for word in node.keywords if word.arg in WORDS]
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                found += [node.args[at] for at in POSITIONS.get(name, ()) if -len(node.args) <= at < len(node.args)]
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if name in WORDS:
                found = [node.value]
            case ast.Dict():
                found = [value for key, value in zip(node.keys, node.values, strict=True)
                         if isinstance(key, ast.Constant) and key.value in WORDS]  # fmt: skip
        yield from ((one.lineno, text) for one in found if one is not None for text in texts(one))


def texts(node: ast.expr) -> Iterator[str]:
    """Yield what an expression can be, as far as it is written down."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.BinOp(op=ast.Add(), right=right):
            yield from (f"{{}}{text}" for text in texts(right))
        case ast.IfExp(body=one, orelse=other):
            yield from (*texts(one), *texts(other))
        case ast.BoolOp(values=values):
            for value in values:
                yield from texts(value)


def is_whole(text: str) -> bool:
    """Say whether a text ends as one does: with a stop, with what is filled in, or with a command to copy."""
    return not text or text[-1] in ".?!}:" or re.search(r"(^|: |, |or )`?smdp [^.]*$", text) is not None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_end_with_a_stop(path):
    assert [one for one in sentences(path) if not is_whole(one[1])] == []


def test_the_sentences_are_found():
    assert sum(1 for path in SOURCES for _ in sentences(path)) > 400


# --- commands

COMMAND = re.compile(r"\bsmdp ((?:--?[a-z-]+ [A-Za-z0-9_]+ )*)([a-z][a-z0-9-]*)((?: \|? ?[a-z][a-z-]+\b(?!:))*)")
PROSE = {"control", "met", "operational", "smdp"}
"""What follows the product's name in prose, beside verbs in the third person."""
SPAN = re.compile(r"```[^`\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def missing(text: str) -> list[str]:
    """Name the commands in a text that the CLI has not."""
    found = []
    for _, noun, rest in COMMAND.findall(text):
        if noun not in APP:
            found += [] if noun in PROSE or (noun.endswith("s") and noun[:-1] not in APP) else [f"smdp {noun}"]
            continue
        verbs = {name for name in APP[noun] if not name.startswith("-")}
        words = rest.split()
        spoken = words[:1] + [word for before, word in pairwise(words) if before == "|"]
        found += [f"smdp {noun} {verb}" for verb in spoken if verbs and verb not in verbs]
    return found


APP = build([])


def test_commands_that_do_not_exist_are_found():
    text = "smdp why X, smdp profile issue, smdp carrier list | shwo acme, smdp --carrier acme profil list, smdp fault"
    assert missing(text) == ["smdp carrier shwo", "smdp profil"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_texts_exist(path):
    strings = [node.value for node in ast.walk(ast.parse(path.read_text()))
               if isinstance(node, ast.Constant) and isinstance(node.value, str)]  # fmt: skip
    assert [one for text in strings for one in missing(text)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_documentation_exist(path):
    code = ["".join(span) for span in SPAN.findall(path.read_text())]
    assert [one for text in code for one in missing(text)] == []
