"""What a device answered to an MDM command: its errors, its rows of ServiceSubscriptions, and what is likely behind."""

from collections.abc import Iterator, Mapping
from typing import Any

from smdp.device.apple.symptoms import SYMPTOMS
from smdp.explain.apple_codes import CODES, STATUSES
from smdp.explain.words import Explanation, Line, clipped, lines

_MAX_ROWS = 20
_ROW = (
    "Slot ICCID EID IMEI Label PhoneNumber CurrentCarrierNetwork SubscriberCarrierNetwork CurrentMCC CurrentMNC "
    "IsDataPreferred IsVoicePreferred IsRoaming"
).split()
_VERDICTS = {
    "plan": "complete: a plan that works",
    "no-network": "partial: a plan without service",
    "no-plan": "sparse: an eSIM slot without a plan",
    None: "a slot without a SIM",
}


def explain(found: Mapping[str, Any]) -> Explanation:
    """Explain a result."""
    status = clipped(str(found["Status"]))
    told = Explanation("mdm-result", f"The answer of a device to an MDM command: {status}.")
    told.lines = lines(
        (
            ("status", f"{status}: {STATUSES.get(status, 'no status that Apple documents')}"),
            ("UDID", found.get("UDID")),
            ("command", found.get("CommandUUID")),
        )
    )
    told.lines.extend(_errors(found.get("ErrorChain"), told.fixes))
    answers = found.get("QueryResponses")
    if isinstance(answers, dict):
        _answers(answers, told)
    elif status == "Acknowledged":
        _acknowledged(told)
    elif status == "NotNow":
        _add(told, "not-now")
        told.fixes.append("Wait for the device to ask again, or push.")
    elif status == "CommandFormatError":
        _add(told, "format-error")
        told.fixes.append("Check the command's keys: smdp explain @COMMAND.plist")
    return told


def _likely(*signs: str) -> Line | None:
    """List what may be the matter where these signs show, by the scenario that plays it; None if nothing is known."""
    found = [
        Line(cause.scenario or "·", cause.text)
        for symptom in SYMPTOMS
        if set(signs) & set(symptom.signs)
        for cause in symptom.causes
    ]
    if not found:
        return None
    return Line("likely", "one of these, by the name of its scenario" if len(found) > 1 else "", found)


def _add(told: Explanation, *signs: str) -> None:
    line = _likely(*signs)
    if line is not None:
        told.lines.append(line)


def _acknowledged(told: Explanation) -> None:
    """Say what an acknowledgement alone is worth, and what it is when no plan follows."""
    told.lines.append(Line("means", "RefreshCellularPlans is acknowledged before the download: it tells nothing of it"))
    line = _likely("no-plan")
    if line is not None:
        told.lines.append(Line("no plan?", line.value, line.inside))
    told.fixes.append("Look for an ICCID in DeviceInformation > ServiceSubscriptions within 3 minutes: smdp why EID")


def _errors(chain: Any, fixes: list[str]) -> Iterator[Line]:
    codes: list[int] = []
    for error in chain[:_MAX_ROWS] if isinstance(chain, list) else ():
        if not isinstance(error, dict):
            continue
        code = error.get("ErrorCode")
        said = error.get("USEnglishDescription") or error.get("LocalizedDescription")
        meaning = CODES.get(code) if isinstance(code, int) else None
        yield Line(
            f"error {clipped(str(code))}",
            clipped(str(error.get("ErrorDomain", "no domain"))),
            lines((("said", said), ("means", meaning and meaning.text))),
        )
        if meaning and meaning.fix not in fixes:
            fixes.append(meaning.fix)
        if isinstance(code, int):
            codes.append(code)
    line = _likely(*(f"error-{code}" for code in codes))
    if line is not None:
        yield line


# --- DeviceInformation


def _answers(answers: Mapping[str, Any], told: Explanation) -> None:
    rows = answers.get("ServiceSubscriptions")
    if not isinstance(rows, list):
        told.lines.extend(lines(list(answers.items())[:_MAX_ROWS]))
        _add(told, "no-key")
        told.fixes.append(
            "Ask for ServiceSubscriptions (right 32, no User Enrollment): smdp mdm-command query --udid UDID"
        )
        return
    esims = [row for row in rows if isinstance(row, dict) and row.get("EID")]
    seen = [_seen(row) for row in esims]
    told.lines.append(
        Line("ServiceSubscriptions", f"{len(rows)} slot{'' if len(rows) == 1 else 's'}", list(_rows(rows)))
    )
    if not esims or "plan" in seen:  # an eSIM works; the other slots are just not used
        return
    one = "no-network" if "no-network" in seen else "no-plan"
    _add(told, one)
    row = esims[seen.index(one)]
    what = "service" if one == "no-network" else "plan"
    told.fixes.append(f"Why it has no {what}: smdp why {clipped(str(row['EID']))}")


def _rows(rows: list[Any]) -> Iterator[Line]:
    for place, row in enumerate(rows[:_MAX_ROWS], 1):
        if isinstance(row, dict):
            verdict = _VERDICTS[_seen(row)]
            unknown = ", its number not known yet" if row.get("ICCID") and not row.get("PhoneNumber") else ""
            yield Line(str(place), verdict + unknown, lines((name, row.get(name)) for name in _ROW))


def _seen(row: Mapping[str, Any]) -> str | None:
    """Say what a row of ServiceSubscriptions shows; None for a slot that no eSIM can be in."""
    if not row.get("ICCID"):
        return "no-plan" if row.get("EID") else None
    return "plan" if row.get("CurrentCarrierNetwork") or row.get("CurrentMCC") else "no-network"
