"""Reading a profile package as the device's eUICC does: would a card take it, and what is in it (upp.md §5)."""

from functools import lru_cache

from msgspec import Struct

from smdp.rsp.euicc.commands import Findings
from smdp.upp import Finding, PackageError, Status, euicc_response, lint, nvm_estimate, read
from smdp.upp.contents import Aka

TEST_ALGORITHM = 3
"""algorithmID of the test algorithm of TS 34.108 (upp.md §1.6)."""
_TEST_KEYS = frozenset((bytes(16), bytes(range(16)), bytes(32), bytes(range(32))))
"""Keys that everybody knows: zeros, and 00 01 02 … as in TS.48."""


def examine(upp: bytes) -> Findings:
    """Say what a card would find in a package (DER)."""
    try:
        package = read(upp)
    except PackageError as error:
        found = Finding(Status.INVALID_REQUEST_FORMAT, str(error))
        return Findings(None, 0, str(error), euicc_response(found))
    problem = next((finding for finding in lint(package) if not finding.warning), None)
    return Findings(
        iccid=package.iccid,
        size=nvm_estimate(package),
        problem=None if problem is None else problem.text,
        response=b"" if problem is None else euicc_response(problem),
        test_keys_only=all(
            aka.mapping is not None or aka.algorithm == TEST_ALGORITHM or aka.key in _TEST_KEYS for aka in package.aka
        ),
    )


class Sim(Struct, frozen=True):
    """What a modem needs of a USIM: IMSI, MCC and MNC of its home network, and what it authenticates with."""

    imsi: str
    mcc: str
    mnc: str
    aka: Aka | None


@lru_cache(maxsize=256)
def sim_of(upp: bytes) -> Sim | None:
    """Read the first USIM of a profile, None if it has none that names an IMSI; each package is read once."""
    try:
        usim = read(upp).usim
    except PackageError:
        return None
    if usim is None or usim.imsi is None or usim.plmn is None:
        return None
    return Sim(usim.imsi, usim.plmn[:3], usim.plmn[3:], usim.aka)
