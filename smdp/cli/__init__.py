"""The command line: one module per noun. What containers ask every few seconds starts without loading the rest."""

import sys
from collections.abc import Sequence

_FAST = ("ready", "version", "--version")
_BROKEN_PIPE = 141
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code: 0 yes, 1 no, 2 usage, 3 server unreachable, 4 timed out."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = _BROKEN_PIPE
    sys.exit(code)


def _run(words: list[str]) -> int:
    """Choose between the commands that start without the command-line library, and all of them."""
    fast_one = words == ["serve"] or (bool(words) and words[0] in _FAST and not {"-h", "--help"} & set(words))
    if fast_one:
        from smdp.cli import fast

        return fast.run(words)
    from smdp.cli import app

    return app.run(words)
