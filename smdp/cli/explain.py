"""`smdp explain`: what a thing is, offline."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from smdp.cli import output
from smdp.cli.output import Json
from smdp.errors import UsageError

_MAX_PATH = 1000


def explain(thing: Annotated[str, Parameter(allow_leading_hyphen=True)], /, *, json: Json = False) -> None:
    """Say what a thing of the eSIM flow is, without a server; keys are never shown.

    It takes an EID, an ICCID, an activation code, a status code ("8.1.1/3.8"),
    a check (AC#14d), a reason (already-downloaded), DER in hex or base64, an
    ES9+ body, a certificate, a .mobileconfig, an MDM command or its result.

    Args:
        thing: The thing itself, a file (FILE or @FILE), or - for standard input.
    """
    from smdp.explain import explain as explained

    found = explained(_read(thing))
    if json:
        output.emit(found)
    else:
        output.say(str(found))


def _read(thing: str) -> str | bytes:
    """Return the text itself, or what is in the file that it names. Raises UsageError."""
    from smdp.explain import MAX_BYTES

    if thing == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    named = thing.startswith("@")
    path = Path(thing.removeprefix("@"))
    try:
        if not named and (len(thing) > _MAX_PATH or not path.is_file()):
            return thing
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if not named:
            return thing
        raise UsageError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}.") from None
