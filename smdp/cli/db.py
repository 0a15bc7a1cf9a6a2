"""`smdp db`: a server's database."""

from typing import Any

from smdp.cli import output
from smdp.cli.output import Json
from smdp.errors import UsageError
from smdp.settings import Settings


def check_(database: str | None = None, /, *, json: Json = False) -> None:
    """Say whether a database is whole, and what it holds; it is not changed.

    Args:
        database: A file, sqlite:///FILE or postgresql://…; default: the one of SMDP_DATABASE or smdp.toml.
    """
    from smdp import upkeep

    report = upkeep.check(_url(database))
    if json:
        told: dict[str, Any] = report._asdict() | {"current": report.current}
        output.emit(told)
        return
    output.say(f"{report.database} is whole")
    older = f"{report.schema}; smdp db upgrade, or the next start, brings it to {report.newest}"
    output.facts(
        [
            ("schema", str(report.schema) if report.current else older),
            ("bytes", str(report.bytes)),
            ("named", ", ".join(report.carriers) or None),
            *((table, str(number)) for table, number in report.rows.items()),
        ]
    )


def upgrade_(database: str | None = None, /) -> None:
    """Bring a database to the schema of this smdp; smdp serve does so by itself.

    Args:
        database: A file, sqlite:///FILE or postgresql://…; default: the one of SMDP_DATABASE or smdp.toml.
    """
    from smdp import upkeep

    url = _url(database)
    before, after = upkeep.upgrade(url)
    name = upkeep.check(url).database
    output.say(
        f"{name} has schema {after} already" if before == after else f"{name} went from schema {before} to {after}"
    )


def _url(database: str | None) -> str:
    chosen = database or Settings.load().database
    if chosen is None:
        raise UsageError("Which database? Name a file, or set SMDP_DATABASE.")
    return chosen if ":" in chosen else f"sqlite:///{chosen}"
