"""The identities of an ISIM, derived from the USIM's (3GPP TS 23.003 §13, TS 31.103 §4.2)."""

from typing import NamedTuple

from smdp.upp.codings import uri


class Identities(NamedTuple):
    """What EF.IMPI, EF.IMPU and EF.DOMAIN hold, coded; the records of EF.IMPU not padded."""

    impi: bytes
    impus: tuple[bytes, ...]
    domain: bytes


def identities(imsi: str, msisdn: str | None, realm: str) -> Identities:
    """Derive the identities; the first public one is for registration, two more carry the number if there is one."""
    impus = [f"sip:{imsi}@{realm}"]
    if msisdn is not None:
        impus += [f"sip:{msisdn}@{realm}", f"tel:{msisdn}"]
    return Identities(uri(f"{imsi}@{realm}"), tuple(uri(impu) for impu in impus), uri(realm))
