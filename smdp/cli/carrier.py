"""`smdp carrier`: carriers as a whole."""

import json as json_
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.errors import UsageError
from smdp.model import Carrier


def list_(*, json: Json = False) -> None:
    """List the server's carriers."""
    found = session.client().carriers()
    if json:
        output.emit(found)
    else:
        output.table(("CARRIER", "ESIM SERVER URL"), [(one.name, one.esim_server_url) for one in found])


def new_(name: str | None = None, /, *, json: Json = False) -> None:
    """Make a fresh carrier; prints its name.

    Args:
        name: Lower-case letters, digits and dashes, since it becomes part of a host name; made up if not given.
    """
    made = session.client().create_carrier(name)
    if json:
        output.emit(made.show_carrier())
        return
    output.say(made.carrier)
    output.talk(f"next: smdp --carrier {made.carrier} profile issue")


def show_(name: str | None = None, /, *, json: Json = False) -> None:
    """Show a carrier's settings.

    Args:
        name: The carrier; default: the one of --carrier.
    """
    server = session.client()
    carrier = (server.on(name) if name else server).show_carrier()
    if json:
        output.emit(carrier)
    else:
        _print(carrier)


def export_(name: str | None = None, /) -> None:
    """Print all of a carrier as one JSON document, secrets included.

    Args:
        name: The carrier; default: the one of --carrier.
    """
    server = session.client()
    output.emit((server.on(name) if name else server).export())


def import_(file: Path, /, *, as_: Annotated[str | None, Parameter(name="--as")] = None, replace: bool = False) -> None:
    """Make a carrier of a document that smdp carrier export wrote, or that you did.

    Args:
        file: A JSON file; - is stdin.
        as_: The carrier's name; default: the one in the file.
        replace: Replace what the carrier holds already.
    """
    document = _read(file)
    name = as_ or document.get("carrier", {}).get("name")
    server = session.client()
    target = server.on(name) if isinstance(name, str) and name else server
    carrier = target.import_(document, replace=replace)
    profiles, devices = (len(document.get(part, [])) for part in ("profiles", "devices"))
    output.say(
        f"{carrier.name} has {output.counted(profiles, 'profile')} and {output.counted(devices, 'device')} of {file}"
    )


def delete_(name: str, /) -> None:
    """Delete a carrier with all that is in it.

    Args:
        name: The carrier.
    """
    session.client().on(name).delete_carrier()
    output.say(f"{name} is deleted")


def _read(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        document = json_.loads(text)
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no valid JSON: {str(error)[:200]}.") from None
    parts = {"carrier": dict, "profiles": list, "devices": list}
    if not isinstance(document, dict) or not all(
        isinstance(document.get(part, kind()), kind) for part, kind in parts.items()
    ):
        raise UsageError(f"{file} is no carrier document; smdp carrier export shows what one looks like.")
    return document


def _limits(carrier: Carrier) -> str:
    limits = {name: getattr(carrier.limits, name) for name in carrier.limits.__struct_fields__}
    words = (f"{limit} {name.replace('_', ' ')}" for name, limit in limits.items() if limit is not None)
    return output.wrapped(", ".join(words), 19)


def _print(carrier: Carrier) -> None:
    output.say(carrier.name)
    output.facts(
        [
            ("eSIM server URL", carrier.esim_server_url),
            ("hosts", ", ".join(carrier.hosts) or None),
            ("address", carrier.address),
            ("network", f"{carrier.network_name}, {carrier.mcc}-{carrier.mnc}, {carrier.country}"),
            ("SM-DS", carrier.sm_ds),
            ("reuse", carrier.reuse or "never"),
            ("limits", _limits(carrier)),
        ]
    )
