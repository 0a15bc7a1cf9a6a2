"""`smdp serve`: run the carrier. Its flags are made from the settings, so that they are described once."""

import inspect
from typing import Annotated, Any

from cyclopts import Parameter

from smdp.settings import ROWS, Settings

_CLIENT_ONLY = ("url", "carrier")


def serve(**flags: str | bool | None) -> None:
    """Run the carrier, and the devices it hosts, until Ctrl-C.

    Each flag is also a variable, and a key of smdp.toml below [serve]:
    --log-level, SMDP_LOG_LEVEL, log_level.
    """
    settings = Settings.load(flags={name: str(flag) for name, flag in flags.items() if flag is not None})

    from smdp.server import run

    run(settings)


def _flag(name: str) -> inspect.Parameter:
    """Make the flag of a setting; its text is read by the settings, as that of the variable is."""
    row = ROWS[name]
    kind = bool if isinstance(row.default, bool) else str
    text = row.metadata["help"]
    if not isinstance(row.default, bool | None):
        text = f"{text} [{row.metadata['kind'].write(row.default)}]"
    annotation: Any = Annotated[kind | None, Parameter(help=text, show_default=False)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


_FLAGS = [_flag(name) for name in ROWS if name not in _CLIENT_ONLY]
serve.__signature__ = inspect.Signature(_FLAGS)  # type: ignore[attr-defined] # what inspect documents
serve.__annotations__ = {flag.name: flag.annotation for flag in _FLAGS}
