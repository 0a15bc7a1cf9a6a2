"""The one error of this package."""

from typing import TYPE_CHECKING

from smdp.errors import StartError

if TYPE_CHECKING:
    from smdp.pki.model import Line


class PkiError(StartError):
    """A PKI cannot be used or made.

    `path` says where, `problem` what is wrong, `fix` what to do about it; `report` is what became of each file, if the
    folder could be read at all.
    """

    def __init__(self, path: str, problem: str, fix: str, report: "tuple[Line, ...]" = ()) -> None:
        super().__init__(f"{path}: {problem}. {fix}")
        self.path, self.problem, self.fix, self.report = path, problem, fix, report
