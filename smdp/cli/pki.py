"""`smdp pki`: make, judge and export test PKIs; needs no server."""

from pathlib import Path

from smdp.cli import output
from smdp.cli.output import Json
from smdp.errors import StartError


def new_(directory: Path, /, *, permit: list[str] | None = None) -> None:
    """Make a PKI of your own in a folder; serve with it: smdp serve --pki DIR.

    Args:
        directory: An empty folder, or one that is not there yet.
        permit: A host name, address or network that its CIs may certify besides the test names; may be given again.
    """
    from smdp.pki import export

    files = export.new(directory, tuple(permit or ()))
    output.say(f"{len(files)} files in {directory}")
    output.talk(f"next: smdp serve --pki {directory}")


def show_(directory: str = "public", /, *, json: Json = False) -> int:
    """Say what a folder is good for as a PKI: which files are used, minted and skipped, and why.

    Args:
        directory: A folder, or "public" for the PKI that comes with smdp.
    """
    from smdp.pki import export, load

    if json:
        output.emit([line._asdict() for line in export.report(directory)])
    else:
        output.say(export.show(directory))
    try:
        load.resolve(directory)
    except StartError:
        return 1
    return 0


def export_(directory: Path, /) -> None:
    """Write the public test PKI with its keys into a folder, for other programs.

    Args:
        directory: An empty folder, or one that is not there yet.
    """
    from smdp.pki import export

    files = export.export(directory)
    output.say(f"{len(files)} files in {directory}")
