"""All commands as one app; each is imported when it is called, and every error becomes a sentence and an exit code."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated

from cyclopts import App, CycloptsError, Group, MissingArgumentError, Parameter

from smdp.cli import session
from smdp.errors import SmdpError
from smdp.settings import ROWS

_USAGE = 2

_RUN = Group("Run", sort_key=1)
_CARRIER = Group("At the carrier", sort_key=2)
_DEVICE = Group("On devices", sort_key=3)
_OTHER = Group("More", sort_key=4)
_WHERE = Group("Which server", sort_key=90)

_ESIMS = Group("Their eSIMs", sort_key=11)
_MDM = Group("With an MDM", sort_key=12)
_HOLDER = Group("In their holders' hands", sort_key=13)

_WITHOUT_SERVER = frozenset({"serve", "demo", "pki", "explain", "openapi", "db", "version"})
"""Commands that ask no server anything: their help leaves out which."""

TREE: dict[str, tuple[Group, str, tuple[str, ...]]] = {
    "serve": (_RUN, "", ()),
    "demo": (_RUN, "", ()),
    "ready": (_RUN, "", ()),
    "profile": (
        _CARRIER,
        "Issue eSIM profiles and see what became of them.",
        ("issue", "list", "show", "wait", "hold", "release", "revoke", "reissue", "offer"),
    ),
    "why": (_CARRIER, "", ()),
    "events": (_CARRIER, "", ()),
    "fault": (_CARRIER, "Let things go wrong.", ("list", "add", "clear", "catalogue")),
    "scenario": (_CARRIER, "Put a carrier into a situation.", ("list", "show", "apply")),
    "clock": (_CARRIER, "Set, advance and freeze a carrier's clock.", ("show", "set", "advance", "freeze", "real")),
    "session": (_CARRIER, "Look at RSP sessions.", ("list", "show", "export")),
    "carrier": (
        _CARRIER,
        "Make carriers, take them with you, delete them.",
        ("list", "new", "show", "export", "import", "delete"),
    ),
    "snapshot": (_CARRIER, "Go back to what a carrier and its devices were.", ("take", "restore", "list", "delete")),
    "reset": (_CARRIER, "", ()),
    "device": (
        _DEVICE,
        "Make simulated Apple devices, enrol them, let them download.",
        (
            *("new", "list", "show", "run"),
            *("refresh", "download", "enable", "disable", "delete", "reset-esim"),
            *("enroll", "unenroll", "poll", "subscriptions"),
            *("user", "erase", "notices"),
        ),
    ),
    "mdm-command": (
        _DEVICE,
        "Print the MDM command to send, in the words of your MDM; nothing is sent.",
        ("refresh", "query", "erase", "restrict"),
    ),
    "ca": (_OTHER, "", ()),
    "pki": (_OTHER, "Make, judge and export test PKIs; revoke certificates.", ("new", "show", "export", "revoke")),
    "explain": (_OTHER, "", ()),
    "openapi": (_OTHER, "", ()),
    "db": (_OTHER, "Check and upgrade a database.", ("check", "upgrade")),
    "version": (_OTHER, "", ()),
}
"""Noun → where the help lists it, what it is about, and its verbs; a noun without verbs is a command itself."""
_GROUPS = (
    dict.fromkeys(("refresh", "download", "enable", "disable", "delete", "reset-esim"), _ESIMS)
    | dict.fromkeys(("enroll", "unenroll", "poll", "subscriptions"), _MDM)
    | dict.fromkeys(("user", "erase", "notices"), _HOLDER)
)
"""Where the help on devices lists their verbs, if not first."""
_MODULES = {"session": "sessions", "mdm-command": "mdm_command", "device run": "device_run"} | dict.fromkeys(
    (f"device {verb}" for verb in ("enroll", "unenroll", "poll", "user", "erase", "notices", "subscriptions")),
    "device_mdm",
)
"""Where a noun's commands, or one of its verbs, are, if not in a module of its name."""


def build(words: list[str]) -> App:
    """Put the app together, and import only the commands that the words, or the help on all of them, are about."""
    app = App(
        name="smdp",
        help="A mock mobile carrier: one eSIM, one device, once. Not for production.",
        help_format="plaintext",
        help_epilogue="Exit codes: 0 yes, 1 no, 2 usage, 3 server unreachable, 4 timed out.",
        version_flags=[],
        default_parameter=Parameter(negative=(), show_default=_shown),
        result_action="return_value",
    )
    app["--help"].group = _OTHER
    wanted = [noun for noun in TREE if noun in words] or list(TREE)
    for number, (noun, (group, text, verbs)) in enumerate(TREE.items()):
        load = _now if noun in wanted else _later
        if not verbs:
            app.command(load(noun), name=noun, group=group, sort_key=number, help_epilogue="")
            continue
        commands = App(name=noun, help=text, group=group, sort_key=number, help_epilogue="")
        for place, verb in enumerate(verbs):
            listed = _GROUPS.get(verb) if noun == "device" else None
            commands.command(load(noun, verb), name=verb, group=listed, sort_key=place, help_epilogue="")
        app.command(commands)

    asks = _WITHOUT_SERVER.isdisjoint(words[:1])

    @app.meta.default
    def launch(
        *words: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        url: Annotated[str | None, Parameter(group=_WHERE, show=asks, help=_help_of("url"))] = None,
        carrier: Annotated[str | None, Parameter(group=_WHERE, show=asks, help=_help_of("carrier"))] = None,
    ) -> int | None:
        session.choose(url, carrier)
        code: int | None = app(words, exit_on_error=False, print_error=False)
        return code

    return app


def _now(noun: str, verb: str | None = None) -> Callable[..., object]:
    module, function = _later(noun, verb).split(":")
    command: Callable[..., object] = getattr(import_module(module), function)
    return command


def _later(noun: str, verb: str | None = None) -> str:
    module = _MODULES.get(f"{noun} {verb}") or _MODULES.get(noun, noun)
    return f"smdp.cli.{module}:" + (noun if verb is None else f"{verb.replace('-', '_')}_")


def _shown(default: object) -> object:
    """Return the default if the help should tell it."""
    return default if default not in (False, None) else None


def _help_of(name: str) -> str:
    row = ROWS[name]
    return f"{row.metadata['help']} [{row.default}]"


def _sentence(error: CycloptsError) -> str:
    """Say in one sentence what is wrong with the words."""
    argument = error.argument
    if isinstance(error, MissingArgumentError) and argument is not None and not argument.name.startswith("-"):
        command = " ".join(("smdp", *(error.command_chain or ())))
        return f"{command} wants {argument.name}; see {command} --help."
    return " ".join(str(error).split())


def run(words: list[str]) -> int:
    """Run a command and return its exit code."""
    try:
        return build(words).meta(words, exit_on_error=False, print_error=False) or 0
    except SmdpError as error:
        print(f"smdp: {error}", file=sys.stderr)
        return error.exit_code
    except CycloptsError as error:
        print(f"smdp: {_sentence(error)}", file=sys.stderr)
        return _USAGE
