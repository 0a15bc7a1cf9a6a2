"""`smdp pki`: make, judge and export test PKIs, revoke their certificates; needs no server."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from smdp.cli import output
from smdp.cli.output import Json
from smdp.errors import StartError, UsageError


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


def revoke_(
    certificate: str,
    /,
    *,
    pki: Annotated[str | None, Parameter(env_var="SMDP_PKI")] = None,
) -> None:
    """Revoke a certificate of a PKI's folder: its CI's CRL there names it from now on.

    A server that runs with this folder notices when it starts next; it refuses eUICCs of a revoked EUM.

    Args:
        certificate: The file of an EUM, SM-DP+, SM-DS or TLS certificate, its subject key identifier or serial number.
        pki: The folder with the CI's key; without it, the one that the certificate's file is in. [SMDP_PKI]
    """
    from smdp.pki import revocation

    named = pki not in (None, "public")
    if not named and not Path(certificate).is_file():
        made = "smdp pki export DIR writes the public PKI with its keys, smdp pki new DIR makes one"
        raise UsageError(f"Name the folder of a PKI whose CRL may be written, with --pki DIR; {made}.")
    directory = Path(pki) if pki and named else Path(certificate).parent
    file, news = revocation.revoke(directory, certificate, datetime.now(UTC))
    output.say(f"revoked in {file}" if news else f"revoked before, in {file.parent}")
    output.talk(f"next: smdp serve --pki {directory}")
