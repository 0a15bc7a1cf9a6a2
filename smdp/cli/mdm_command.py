"""`smdp mdm-command`: what to send from an MDM, in the words of six products. Nothing is sent."""

import uuid as uuids
from difflib import get_close_matches
from typing import Annotated

from cyclopts import Parameter

from smdp import mdm_command as commands
from smdp.cli import output, session
from smdp.cli.output import Json
from smdp.errors import ServerUnreachable, UsageError
from smdp.settings import Settings

_HTTPS = 443
_MAX_URL = 2000
_BOOL = {"true": True, "false": False}

_PRODUCTS = "plist (what the device gets), nanomdm, micromdm, fleet, jamf or simplemdm."
Udid = Annotated[str, Parameter(help="The device's UDID, as the MDM knows it.")]
Product = Annotated[str, Parameter(name="--as", help=f"For which MDM: {_PRODUCTS}")]
Uuid = Annotated[str | None, Parameter(help="The CommandUUID; a new one each time if not given.")]


def refresh_(
    url: str | None = None,
    /,
    *,
    udid: Udid,
    product: Product = "plist",
    command_uuid: Uuid = None,
    json: Json = False,
) -> None:
    """Print the command that makes a device ask a carrier for its plan (RefreshCellularPlans, iOS 13).

    Args:
        url: The carrier's eSIMServerURL; by default what the carrier of --carrier
            says, or, where no server runs, what the settings make of it.
    """
    if url is not None and (not url.isprintable() or not 0 < len(url) <= _MAX_URL):
        raise UsageError(f"The URL is none: 1 to {_MAX_URL} printable characters, such as https://localhost:8443.")
    name = _read(udid, product, command_uuid)
    where = url if url is not None else _carriers_url()
    _warn(where)
    _show(commands.message(commands.refresh(udid, name, where), product), json=json)


def query_(
    *queries: str,
    udid: Udid,
    product: Product = "plist",
    command_uuid: Uuid = None,
    json: Json = False,
) -> None:
    """Print the command that asks a device for its plans (DeviceInformation).

    Args:
        queries: What to ask for; ServiceSubscriptions if not given.
    """
    if bad := [name for name in queries if not (name.isascii() and name.isalnum())]:
        raise UsageError(f"{bad[0][:64]!r} is no query; it is a name such as ServiceSubscriptions.")
    asked = queries or ("ServiceSubscriptions",)
    name = _read(udid, product, command_uuid)
    _show(commands.message(commands.query(udid, name, asked), product), json=json)


def erase_(
    *,
    udid: Udid,
    preserve_data_plan: bool = False,
    product: Product = "plist",
    command_uuid: Uuid = None,
    json: Json = False,
) -> None:
    """Print the command that wipes a device (EraseDevice); without the flag its eSIMs are gone, and used up.

    Args:
        preserve_data_plan: Keep the eSIMs.
    """
    name = _read(udid, product, command_uuid)
    if not preserve_data_plan:
        output.talk("smdp: The eSIMs are removed, and their profiles are used up; --preserve-data-plan keeps them.")
    made = commands.erase(udid, name, preserve_data_plan=preserve_data_plan)
    _show(commands.message(made, product), json=json)


def restrict_(
    *keys: str,
    udid: Udid,
    product: Product = "plist",
    command_uuid: Uuid = None,
    json: Json = False,
) -> None:
    """Print the command that installs restrictions about eSIMs (InstallProfile; supervised devices obey).

    Args:
        keys: allowESIMModification, allowESIMOutgoingTransfers,
            forcePreserveESIMOnErase, allowCellularPlanModification,
            allowAppCellularDataModification, allowEraseContentAndSettings. A key
            alone restricts; KEY=true and KEY=false set it.
    """
    if not keys:
        raise UsageError(f"Name what to restrict: {', '.join(commands.RESTRICTIONS)}.")
    name = _read(udid, product, command_uuid)
    restrictions = dict(map(_restriction, keys))
    _show(commands.message(commands.restrict(udid, name, restrictions), product), json=json)


def _read(udid: str, product: str, uuid: str | None) -> str:
    """Check what every command names, and return its CommandUUID. Raises UsageError."""
    if not commands.is_name(udid):
        raise UsageError(f"--udid: {udid[:64]!r} is no UDID, such as 00008020-000915083C80012E.")
    if product not in commands.PRODUCTS:
        near = _did_you_mean(product.lower(), list(commands.PRODUCTS))
        raise UsageError(f"--as: {product[:64]!r} is no MDM that is known here: {', '.join(commands.PRODUCTS)}{near}")
    if uuid is not None and not commands.is_name(uuid):
        raise UsageError("--command-uuid wants 1 to 128 letters, digits, dots, dashes and underscores.")
    return uuid or str(uuids.uuid4()).upper()


def _did_you_mean(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "."


def _restriction(text: str) -> tuple[str, bool]:
    """Read KEY or KEY=BOOL. Raises UsageError."""
    key, equals, value = text.partition("=")
    if key not in commands.RESTRICTIONS:
        near = {known.lower(): known for known in commands.RESTRICTIONS}
        found = get_close_matches(key.lower(), list(near), n=1)
        hint = f"did you mean {near[found[0]]}?" if found else f"there are {', '.join(commands.RESTRICTIONS)}."
        raise UsageError(f"{key[:64]!r} is no restriction about eSIMs; {hint}")
    if equals and value not in _BOOL:
        raise UsageError(f"{key} is {value[:64]!r}, but it wants true or false.")
    return key, _BOOL[value] if equals else commands.RESTRICTIONS[key]


def _carriers_url() -> str:
    """Ask the carrier for its eSIMServerURL; where nobody answers, tell what the settings make of it."""
    try:
        return session.client().esim_server_url
    except ServerUnreachable:
        settings = Settings.load(flags=session.chosen())
        output.talk("smdp: No server answers, so the URL is what the settings make of it.")
        port = "" if settings.port == _HTTPS else f":{settings.port}"
        if settings.carrier == "default":
            return f"https://{settings.address or f'localhost{port}'}"
        return f"https://{settings.carrier}.{settings.domain}{port}"


def _warn(url: str) -> None:
    """Say what devices dislike about a URL; it is printed all the same, as somebody may want to see just that."""
    from smdp.explain.apple import url_problems

    for problem in url_problems(url):
        output.talk(f"smdp: {problem}")


def _show(message: commands.Message, *, json: bool) -> None:
    """Print what to send; what is known of it goes to stderr."""
    if json:
        output.emit(message)
        return
    output.say((message.curl or message.body).rstrip("\n"))
    if message.product != "plist":
        output.talk(f"smdp: {message.product}: {commands.EVIDENCE[message.evidence]}.")
    if message.note:
        output.talk(f"smdp: {message.note}")
