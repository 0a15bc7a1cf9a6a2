"""Orders in bulk, for `smdp profile issue`: from CSV files, or so many of one kind."""

import csv
import sys
from pathlib import Path
from typing import Any

from smdp.cli import output, session
from smdp.client import Client
from smdp.durations import parse_duration
from smdp.errors import UsageError
from smdp.model import Profile

_BATCH = 500
_COLUMNS = ("eid", "plan", "iccid", "imei", "matching_id", "confirmation_code", "expires")


def check_duration(flag: str, text: str | None) -> None:
    """Raise UsageError if this is given and no duration."""
    if text is None:
        return
    try:
        parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def read(path: Path) -> list[dict[str, str]]:
    """Read a CSV file, with the names of its columns in the first line or EIDs alone. Raises UsageError."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text in UTF-8.") from None
    lines = _lines(path, text)
    if not lines:
        raise UsageError(f"{path} is empty.")
    columns = [cell.lower() for cell in lines[0][1]]
    if columns[0].isdecimal():
        columns = ["eid"]
    else:
        lines = lines[1:]
    unknown = [column for column in columns if column not in _COLUMNS]
    if unknown:
        raise UsageError(f"{path}:1: there is no column {unknown[0]!r}; the columns are {', '.join(_COLUMNS)}.")
    return [_read_order(f"{path}:{number}", columns, cells) for number, cells in lines]


def _lines(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each line that has any, with the line's number."""
    reader = csv.reader(text.splitlines())
    lines = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                lines.append((reader.line_num, cells))
    except csv.Error as error:
        raise UsageError(f"{path}:{reader.line_num} is no line of CSV: {error}.") from None
    return lines


def _read_order(where: str, columns: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) > len(columns):
        raise UsageError(f"{where} has {len(cells)} cells, but there are {len(columns)} columns.")
    order = {column: cell for column, cell in zip(columns, cells, strict=False) if cell}
    try:
        if "eid" in order:
            order["eid"] = session.eid(order["eid"])
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    check_duration(f"{where}: expires", order.get("expires"))
    return order


def issue_rows(server: Client, rows: list[dict[str, str]], order: dict[str, Any]) -> list[Profile]:
    """Issue a profile per row, each with what the order says for all."""
    if not rows:
        raise UsageError("There is no line below the names of the columns.")
    issued: list[Profile] = []
    for start in range(0, len(rows), _BATCH):
        issued += server.issue_many([{**order, **row} for row in rows[start : start + _BATCH]])
        output.progress(len(issued), len(rows), "profiles")
    return issued


def issue_count(server: Client, count: int, order: dict[str, Any]) -> list[Profile]:
    """Issue so many profiles without EID."""
    issued: list[Profile] = []
    while len(issued) < count:
        issued += server.issue_count(min(_BATCH, count - len(issued)), **order)
        output.progress(len(issued), count, "profiles")
    return issued
