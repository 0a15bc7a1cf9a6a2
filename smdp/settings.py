"""One dataclass is every setting: each field is a flag, a variable `SMDP_*` and a key of `smdp.toml` `[serve]`."""

# ruff: noqa: RUF009 - _setting() makes a field(), which is what belongs there

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from smdp.durations import format_size, parse_size
from smdp.errors import SettingsError

T = TypeVar("T")

DEFAULT_FILE = Path("smdp.toml")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "console", "json")

_PREFIX = "SMDP_"
_HIGHEST_PORT = 65535
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_SERVICE_LINK = re.compile(
    r"SMDP_([A-Z0-9_]+_)?(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)", re.ASCII
)
_USER = re.compile("//[^/]*@")
"""What comes before the host of a URL, and may hold a password."""
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://", re.ASCII)
_SMALLEST_JOURNAL = 1000


class Kind(NamedTuple):
    """How a setting is read and written: `read` returns the value, or raises ValueError with what is wanted."""

    read: Callable[[str], Any]
    toml: tuple[type, ...] = (str,)
    write: Callable[[Any], str] = str


# --- what the texts may be


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a text without control characters")
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= _HIGHEST_PORT):  # noqa: PLR2004 - 65535 has five digits
        raise ValueError(f"a port number from 0 (picks one) to {_HIGHEST_PORT}")
    return int(text)


def _flag(text: str) -> bool:
    try:
        return {
            "1": True,
            "true": True,
            "yes": True,
            "on": True,
            "0": False,
            "false": False,
            "no": False,
            "off": False,
        }[text.lower()]
    except KeyError:
        raise ValueError("1 or 0 (also true, false, yes, no, on, off)") from None


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not hosts or not all(re.fullmatch(r"[0-9A-Za-z.:_%-]+", host) for host in hosts):
        raise ValueError("an address or several with commas between, such as 127.0.0.1,::1")
    return hosts


def _host_and_port(text: str, *, port_needed: bool) -> str:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    plain = not (parts.path or parts.query or parts.fragment or parts.username) and parts.hostname and " " not in text
    if not plain or port == -1 or (port is None and port_needed) or text.endswith(":"):
        raise ValueError("host:port" if port_needed else "a host, or host:port, without a scheme or a path")
    return text


def _address(text: str) -> str:
    return _host_and_port(text, port_needed=False)


def _resolve(text: str) -> str:
    return _host_and_port(text, port_needed=True)


def _domain(text: str) -> str:
    name = text.lower().removesuffix(".")
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("a domain name such as smdp.localhost")
    return name


def _carrier(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("a carrier's name: lower-case letters, digits and dashes, at most 63")
    return text


def _database(text: str) -> str:
    if not re.fullmatch(r"sqlite:///.+|postgres(ql)?://.+", text):
        raise ValueError(
            "sqlite:///FILE, such as sqlite:///smdp.db, or postgresql://USER:PASSWORD@HOST/NAME "
            "(without the setting, state is kept in memory)"
        )
    return text


def _token(text: str) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("printable ASCII without spaces")
    return text


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError:
        raise ValueError("a size such as 64MiB, 500kB or a number of bytes") from None


def _journal(text: str) -> int:
    if (size := _size(text)) < _SMALLEST_JOURNAL:  # else a wait could miss what its own transaction pushed out
        raise ValueError("a size of at least 1kB, such as 64MiB")
    return size


def _url(text: str) -> str:
    parts = urlsplit(text)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("http://host:port")
    return text.rstrip("/")


def _webhook_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or not text.isprintable() or " " in text:
        raise ValueError("http://… or https://… without a password in it (SMDP_WEBHOOK_SECRET signs)")
    return text


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}{_did_you_mean(text.lower(), words)}")
        return text.lower()

    return read


def _setting(default: T, kind: Kind, text: str, *, secret: bool = False) -> T:
    """Declare a setting: its default, how its text is read, and what the help says."""
    return field(default=default, repr=not secret, metadata={"kind": kind, "help": text})


# --- the settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, with its default; `Settings.load` fills it from flags, variables and smdp.toml."""

    host: tuple[str, ...] = _setting(
        ("127.0.0.1", "::1"),
        Kind(_hosts, (str, list), ",".join),
        "Address to listen on, or several with commas between.",
    )
    port: int = _setting(8443, Kind(_port, (int,)), "Port for devices (TLS); 0 picks one.")
    control_port: int = _setting(8080, Kind(_port, (int,)), "Port of the control API; 0 picks one.")
    plain_port: int | None = _setting(
        None, Kind(_port, (int,)), "Port for devices without TLS, behind a proxy; needs --address."
    )
    address: str | None = _setting(
        None, Kind(_address), "host[:port] that devices are told to use; default: the one that each client used."
    )
    domain: str = _setting("smdp.localhost", Kind(_domain), "<carrier>.<domain> leads to that carrier.")
    resolve: str | None = _setting(
        None, Kind(_resolve), "host:port where hosted devices find *.<domain>, when another server has it."
    )
    database: str | None = _setting(
        None,
        Kind(_database),
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; default: in memory.",
        secret=True,
    )
    state: Path | None = _setting(None, Kind(Path), "Folder that keeps the generated control token.")
    pki: str = _setting("public", Kind(_text), '"public" for the test PKI of certs/, or a folder.')
    seed: str | None = _setting(
        None, Kind(_text, (str, int)), "Makes ICCIDs, transaction ids and keys repeatable.", secret=True
    )
    config: Path | None = _setting(None, Kind(Path), "Settings file; default: ./smdp.toml if it is there.")
    journal: int = _setting(
        64 * 1024**2, Kind(_journal, (str, int), format_size), "How much of its events a carrier keeps."
    )
    fixtures: Path | None = _setting(
        None, Kind(Path), "Carriers to begin with: a .json or .toml file, or a folder of them."
    )
    scenario: str | None = _setting(None, Kind(_text), "A situation to begin with, for one device: smdp scenario list.")
    control_token: str | None = _setting(None, Kind(_token), "Bearer token that the control API asks for.", secret=True)
    control_open: bool = _setting(
        False, Kind(_flag, (bool,)), "Ask for no token, even when others can reach the control API."
    )
    webhook_url: str | None = _setting(
        None,
        Kind(_webhook_url),
        "Where events are posted to, of every carrier without webhooks of its own.",
        secret=True,
    )
    webhook_secret: str | None = _setting(
        None, Kind(_text), "Signs what is posted: HMAC-SHA256 in X-Smdp-Signature.", secret=True
    )
    log_level: str = _setting("info", Kind(_one_of(LOG_LEVELS)), f"One of {', '.join(LOG_LEVELS)}.")
    log_format: str = _setting("auto", Kind(_one_of(LOG_FORMATS)), "auto (console on a terminal), console or json.")
    url: str = _setting("http://127.0.0.1:8080", Kind(_url), "Where the client commands find the control API.")
    carrier: str = _setting("default", Kind(_carrier), "Which carrier the client commands are about.")
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What was odd about the settings but did not stop them; for the log."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if self.plain_port is not None and self.address is None:
            raise SettingsError(
                "plain_port needs address: behind a proxy, the server can't tell which name devices were given. "
                "Set SMDP_ADDRESS."
            )
        if self.webhook_secret is not None and self.webhook_url is None:
            raise SettingsError(
                "webhook_secret signs what goes to webhook_url, which is not set. Set SMDP_WEBHOOK_URL."
            )
        ports = {"port": self.port, "control_port": self.control_port, "plain_port": self.plain_port}
        taken: dict[int, str] = {}
        for name, port in ports.items():
            if port and port in taken:
                raise SettingsError(f"{taken[port]} and {name} are both {port}; give each its own, or 0.")
            if port:
                taken[port] = name

    @classmethod
    def load(
        cls,
        env: Mapping[str, str] | None = None,
        toml: Path | None = None,
        flags: Mapping[str, str | None] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> "Settings":
        """Read the settings: flags win over variables, variables over the file, the file over the defaults.

        `env` is `os.environ` by default; `flags` are texts by field name, None where not given; `toml` is the file to
        read unless flags or variables name one; `defaults` are values in place of the usual ones. Empty variables
        count as unset. Raises SettingsError.
        """
        texts, warnings = _from_environment(os.environ if env is None else env)
        values = _read_all(texts, _PREFIX)
        values |= _read_all({name: text for name, text in (flags or {}).items() if text is not None}, "--")
        file = values.get("config") or toml
        if file is None and DEFAULT_FILE.is_file():
            file = DEFAULT_FILE
        values = (_from_toml(file) if file else {}) | values
        if "url" not in values and values.get("control_port"):
            values["url"] = _own_url(values.get("host", ()), values["control_port"])
        return cls(**{**(defaults or {}), **values}, warnings=warnings)

    @property
    def token_file(self) -> Path | None:
        """Where a generated control token is kept, if there is a state folder."""
        return self.state / "control-token" if self.state else None

    def client_token(self) -> str | None:
        """Return the token for client commands: the one that is set, else the one that a server here generated."""
        if self.control_token or not self.token_file:
            return self.control_token
        try:
            return self.token_file.read_text("ascii").strip() or None
        except (OSError, ValueError):
            return None


ROWS: dict[str, Field[Any]] = {row.name: row for row in fields(Settings) if "kind" in row.metadata}
"""The settings by name, in the order of the help; `metadata["help"]` describes each."""


def _own_url(hosts: tuple[str, ...], port: int) -> str:
    """Return the URL at which a server with these settings is found from the same machine."""
    host = hosts[0] if hosts and not {"0.0.0.0", "::", "127.0.0.1"} & set(hosts) else "127.0.0.1"  # noqa: S104 - compared
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _did_you_mean(word: str, words: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - a mistake may take its time, a health check not

    near = get_close_matches(word, list(words), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _read(name: str, text: str, where: str) -> Any:
    """Read one setting's text. Raises SettingsError that names where it came from, and never shows a secret."""
    row = ROWS[name]
    try:
        return row.metadata["kind"].read(text)
    except ValueError as error:
        shown = repr(_USER.sub("//…@", text)[:80]) if row.repr else "what was given"
        raise SettingsError(f"{where} is {shown}, but it wants {str(error).rstrip('.')}.") from None


def _read_all(texts: Mapping[str, str], prefix: str) -> dict[str, Any]:
    named = {name: name.upper() if prefix == _PREFIX else name.replace("_", "-") for name in texts}
    return {name: _read(name, text, prefix + named[name]) for name, text in texts.items()}


def _from_environment(env: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Pick the variables that are settings; tell of those that look like one, or that Kubernetes put there."""
    texts: dict[str, str] = {}
    links, warnings = [], []
    for variable, text in sorted(env.items()):
        if not variable.startswith(_PREFIX):
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if _SERVICE_LINK.fullmatch(variable) or _LINK_VALUE.match(text):
            links.append(variable)
        elif name not in ROWS:
            near = _did_you_mean(variable, [_PREFIX + row.upper() for row in ROWS])
            warnings.append(f"{variable} is no setting{near or '; smdp serve --help lists them.'}")
        elif text:
            texts[name] = text
    if links:
        warnings.append(
            f"Ignored {', '.join(links)}: Kubernetes service links, not settings "
            "(enableServiceLinks: false keeps them away)."
        )
    return texts, tuple(warnings)


# --- smdp.toml


def _from_toml(path: Path) -> dict[str, Any]:
    """Read `[serve]` of a settings file. Raises SettingsError with file, line and the nearest right name."""
    import tomllib  # noqa: PLC0415 - most starts have no file

    try:
        source = path.read_text("utf-8")
        tables = tomllib.loads(source)
    except OSError as error:
        raise SettingsError(f"Cannot read the settings file {path}: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is no text in UTF-8, so it is no settings file.") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError, and so is a number without end
        raise SettingsError(f"{path} is no valid TOML: {error}.") from None
    for key, value in tables.items():
        if key == "serve" and isinstance(value, dict):
            continue
        where = f"{path}:{_line_of(source, key)}"
        if key == "serve":
            raise SettingsError(f"{where}: serve is one table; write [serve] above the settings.")
        if key in ROWS:
            raise SettingsError(f"{where}: {key} belongs below a line [serve].")
        raise SettingsError(f"{where}: there is no table [{key}]; settings go below [serve].")
    values = {}
    for key, value in tables.get("serve", {}).items():
        where = f"{path}:{_line_of(source, key)}"
        if key not in ROWS or key == "config":
            raise SettingsError(
                f"{where}: {key} is no setting{_did_you_mean(key, ROWS) or '; smdp serve --help lists them.'}"
            )
        values[key] = _from_toml_value(key, value, where)
    return values


def _from_toml_value(key: str, value: object, where: str) -> Any:
    kinds: tuple[type, ...] = ROWS[key].metadata["kind"].toml
    if type(value) not in kinds or (isinstance(value, list) and not all(isinstance(part, str) for part in value)):
        names = {str: "a text in quotes", int: "a number", bool: "true or false", list: "a list of texts"}
        wanted = " or ".join(names[kind] for kind in kinds)
        raise SettingsError(f"{where}: {key} wants {wanted}.")
    text = ",".join(value) if isinstance(value, list) else str(value)
    return _read(key, text, f"{where}: {key}")


def _line_of(source: str, key: str) -> int:
    """Find the line that defines a key or opens its table; TOML's parser does not tell."""
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[].=]""")
    for number, line in enumerate(source.splitlines(), 1):
        if pattern.match(line):
            return number
    return 1
