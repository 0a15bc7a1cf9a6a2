"""How a download fails: one exception, raised wherever it goes wrong, turned into an Outcome in one place."""

from smdp.device.reasons import explain
from smdp.rsp.codes import CancelSessionReason


class DownloadError(Exception):
    """Why a download ended: slug, sentence, fix; the standard's code, if there is one; how to cancel the session.

    `transient` says that the same request may be sent again, since its answer did not arrive.
    """

    transient = False

    def __init__(
        self,
        reason: str,
        because: str,
        fix: str,
        *,
        code: str | None = None,
        cancel: CancelSessionReason = CancelSessionReason.END_USER_REJECTION,
    ) -> None:
        super().__init__(because)
        self.reason = reason
        self.because = because
        self.fix = fix
        self.code = code
        self.cancel = cancel


class Es9Error(DownloadError):
    """The server could not be asked, its answer could not be used, or it refused: then with a `code` and no fix."""

    def __init__(self, reason: str, because: str, fix: str, *, code: str | None = None) -> None:
        passes = reason in _TRANSIENT | _LATER
        cancel = CancelSessionReason.TIMEOUT if passes else CancelSessionReason.END_USER_REJECTION
        super().__init__(reason, because, fix, code=code, cancel=cancel)
        self.transient = reason in _TRANSIENT


_TRANSIENT = frozenset({"server-unreachable", "server-timeout", "answer-cut"})
_LATER = frozenset({"rate-limited"})
"""Asking again at once would make it worse; but the order must not end for it."""


def failure(
    reason: str, cancel: CancelSessionReason = CancelSessionReason.END_USER_REJECTION, **words: object
) -> DownloadError:
    """Make the error for a reason of the table."""
    said = explain(reason, **words)
    return DownloadError(reason, said.because, said.fix, cancel=cancel)


def es9_failure(reason: str, **words: object) -> Es9Error:
    """Make the error for a reason of the table that is about the server."""
    said = explain(reason, **words)
    return Es9Error(reason, said.because, said.fix)
