"""What starts without the command-line library: `smdp ready`, `smdp version`, and `smdp serve` without flags.

The first two need the standard library alone, since health checks run them every few seconds; the third is how
containers start the server, with settings from variables, and saves 0.1 s of half a second.
"""

import sys
import time

from smdp.durations import format_duration, parse_duration
from smdp.errors import ServerUnreachable, SmdpError, TimedOut, UsageError

_ANSWER_SECONDS = 3.0
_PAUSE_SECONDS = 0.05
_OK = 200
_OPTIONS = ("--wait", "--url", "--carrier")


def run(words: list[str]) -> int:
    """Run the command that the first word names."""
    try:
        if words[0] == "ready":
            options = _options(words[1:])
            return ready(wait=options.get("--wait"), url=options.get("--url"))
        if words[0] == "serve":
            return serve()
        if words[1:]:
            raise UsageError(f"smdp version takes no further words, such as {words[1]!r}.")
        return version()
    except SmdpError as error:
        print(f"smdp: {error}", file=sys.stderr)
        return error.exit_code


def serve() -> int:
    """Run the server as variables and smdp.toml say."""
    from smdp.server import run as run_server
    from smdp.settings import Settings

    run_server(Settings.load())
    return 0


def version() -> int:
    """Print the version."""
    from importlib.metadata import version as version_of

    print(f"smdp {version_of('smdp')}")
    return 0


def ready(wait: str | None = None, url: str | None = None) -> int:
    """Say by the exit code whether the server is ready: 0 yes, 1 not yet, 3 nobody answers, 4 not within `wait`."""
    from smdp.settings import Settings

    where = Settings.load(flags={"url": url}).url
    try:
        limit = None if wait is None else parse_duration(wait)
    except ValueError as error:
        raise UsageError(f"--wait: {error}") from None
    deadline = time.monotonic() + (limit.total_seconds() if limit else 0)
    while True:
        status, why = _status(where)
        if status == _OK:
            return 0
        if time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    if limit is not None:
        raise TimedOut(f"{where} was not ready within {format_duration(limit)}: {why}.")
    if status is None:
        raise ServerUnreachable(f"{where} is not ready: {why}; start one with: smdp serve")
    raise SmdpError(f"{where} is not ready: {why}.")


def _status(url: str) -> tuple[int | None, str]:
    """Ask `/readyz` once: the status of the answer, if any, and what it means."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Host": parts.netloc})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return None, "nobody answers" if isinstance(error, ConnectionRefusedError) else str(error) or "no HTTP answer"
    finally:
        connection.close()
    return status, f"it answers {status}"


def _options(words: list[str]) -> dict[str, str]:
    """Read `--name value` and `--name=value`."""
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name not in _OPTIONS:
            raise UsageError(f"smdp ready does not know {word!r}; it takes --wait 30s and --url URL.")
        given = value if equals else next(rest, None)
        if not given:
            raise UsageError(f"{name} wants a value.")
        options[name] = given
    return options
