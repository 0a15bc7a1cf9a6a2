"""Status codes, checks and reasons: what the check lists of `smdp.rsp` and the tables of reasons say of them."""

import pkgutil
import re
from collections.abc import Iterator
from difflib import get_close_matches
from enum import IntEnum
from functools import cache
from importlib import import_module
from typing import Any

import smdp.rsp
from smdp.explain.words import Explanation, Line, lines
from smdp.rsp.checks import Check
from smdp.rsp.codes import REASONS, SUBJECTS, Code
from smdp.rsp.server.orders import endings


@cache
def checks() -> tuple[Check[Any], ...]:
    """Return every check of the SM-DP+ and the eUICC, in the order of their modules; a shared one once."""
    found: dict[str, Check[Any]] = {}
    for info in pkgutil.walk_packages(smdp.rsp.__path__, "smdp.rsp."):
        for check in vars(import_module(info.name)).get("CHECKS", ()):
            found.setdefault(check.id, check)
    return tuple(found.values())


def _said(one: Check[Any]) -> list[tuple[str, str, str]]:
    """Return the slugs, sentences and fixes of a check: several where it tells what became of an order."""
    found = endings() if one.reason == "{ended}" else [(one.reason, one.why, one.fix)]
    return [(slug, _plain(why), _plain(fix)) for slug, why, fix in found]


def _plain(text: str) -> str:
    """Write what is filled in as a word in capitals."""
    text = text.replace("{by}", "")  # by which session, where that is known
    return re.sub(r"{(\w+)[^}]*}", lambda match: match[1].upper(), text)


def _code(code: Code | IntEnum) -> str:
    return f"{code.name} ({int(code)})" if isinstance(code, IntEnum) else str(code)


def status_code(subject: str, reason: str) -> Explanation | None:
    """Explain a status code pair, as in `statusCodeData`; None if there is no such subject or reason."""
    if subject not in SUBJECTS or reason not in REASONS:
        return None
    told = Explanation("status-code", f"{subject}/{reason}: {SUBJECTS[subject]}, {REASONS[reason]} (SGP.22 §5.2.6).")
    using = [check for check in checks() if check.code == Code(subject, reason)]
    for check in using:
        for slug, why, fix in _said(check):
            told.lines.append(Line(check.id, slug, lines((("why", why), ("fix", fix)))))
    if not using:
        told.fixes.append("No check of smdp answers it; another server may.")
    return told


def like_status_code(subject: str, reason: str) -> str:
    """Say which half of a pair is unknown, and what was meant."""
    unknown, known = (subject, SUBJECTS) if subject not in SUBJECTS else (reason, REASONS)
    what = "subject" if known is SUBJECTS else "reason"
    near = get_close_matches(unknown, known, n=1)
    hint = f"; did you mean {near[0]} ({known[near[0]]})?" if near else "."
    return f"{subject}/{reason} is no status code: there is no {what} code {unknown}{hint}"


def check(identifier: str) -> Explanation | None:
    """Explain a check by its id; None if there is none."""
    one = next((one for one in checks() if one.id.lower() == identifier.lower()), None)
    if one is None:
        return None
    told = Explanation("check", f"{one.id}: {'a check of ' + one.clause if one.clause else 'a check'}.")
    told.lines = lines((("checks", _plain(one.field) or "the order"), ("answers", _code(one.code))))
    for slug, why, fix in _said(one):
        told.lines.append(Line("reason", slug, lines((("why", why), ("fix", fix)))))
    return told


def like_check(identifier: str) -> str:
    """Say which check may have been meant."""
    known = [one.id for one in checks()]
    near = get_close_matches(identifier.upper(), known, n=3, cutoff=0.4)
    return f"There is no check {identifier}" + (f"; did you mean {' or '.join(near)}?" if near else ".")


def _told() -> Iterator[tuple[str, str, str, str]]:
    """Go through slugs with who says them, why, and what to do."""
    from smdp.carrier.reasons import STANDINGS
    from smdp.carrier.rejections import REJECTIONS
    from smdp.device.reasons import REASONS as FAILURES

    for one in checks():
        for slug, why, fix in _said(one):
            yield slug, f"{one.id} ({_code(one.code)})", why, fix
    for standing in STANDINGS.values():
        if standing.slug is not None:
            yield standing.slug, "the carrier, of an EID", standing.because, standing.fix or ""
    for slug, rejection in REJECTIONS.items():
        yield slug, f"the network (EMM cause {rejection.cause})", rejection.because, rejection.fix
    for slug, failure in FAILURES.items():
        yield slug, "a device", failure.because, failure.fix


def reason(slug: str) -> Explanation | None:
    """Explain a reason slug; None if nobody gives it."""
    found = [(who, because, fix) for name, who, because, fix in _told() if name == slug]
    if not found:
        return None
    told = Explanation("reason", f"{slug}: a reason that smdp gives.")
    for who, because, fix in found:
        told.lines.append(Line(who, _plain(because), lines((("fix", _plain(fix) or None),))))
    return told


def like_reason(slug: str) -> str | None:
    """Return the slug that may have been meant."""
    near = get_close_matches(slug, sorted({name for name, *_ in _told()}), n=1, cutoff=0.6)
    return near[0] if near else None
