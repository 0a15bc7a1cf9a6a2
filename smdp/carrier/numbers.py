"""Numbers and secrets of fresh profiles: ICCID, IMSI, MSISDN, MatchingID, keys and PINs."""

from smdp.model import Carrier, Credentials, Plan
from smdp.rsp.crypto import Entropy
from smdp.rsp.ids import luhn
from smdp.storage.queries.carriers import BLOCK

_ICCID_BODY = 18
_IMSI = 15
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that is taken for a digit or another one when an activation code is typed."""
_KEY = 16


def iccid(plan: Plan, serial: int) -> str:
    """Make an ICCID of 19 digits: the plan's prefix, the serial number, the Luhn digit (ITU-T E.118)."""
    body = plan.iccid_prefix + _padded(serial, _ICCID_BODY - len(plan.iccid_prefix))
    return body + luhn(body)


def imsi(carrier: Carrier, serial: int) -> str:
    """Make an IMSI of 15 digits: MCC, MNC, the serial number."""
    plmn = carrier.mcc + carrier.mnc
    return plmn + _padded(serial, _IMSI - len(plmn))


def msisdn(serial: int) -> str:
    """Make a telephone number of the fictitious range +1 555 01…: the first is +15550100001."""
    return f"+1555{_padded(100_000 + serial % BLOCK, 7)}"


def _padded(number: int, digits: int) -> str:
    return f"{number % 10**digits:0{digits}d}"


def matching_id(entropy: Entropy) -> str:
    """Make a MatchingID of 100 random bits, in four groups of five characters."""
    text = "".join(_ALPHABET[octet & 31] for octet in entropy.take(20))
    return "-".join(text[at : at + 5] for at in range(0, 20, 5))


TEST_KEY = bytes(range(16)).hex().upper()
"""The key that everybody knows: eUICCs refuse a profile of class `test` with any other (SGP.22 §5.7.6, reason 14)."""


def credentials(entropy: Entropy) -> Credentials:
    """Make a profile's secrets: keys of 16 bytes in hexadecimal, PINs of 4 digits, PUKs and ADM1 of 8."""
    return Credentials(
        ki=_key(entropy),
        opc=_key(entropy),
        pin1=_digits(entropy, 4),
        pin2=_digits(entropy, 4),
        puk1=_digits(entropy, 8),
        puk2=_digits(entropy, 8),
        adm1=_digits(entropy, 8),
        kic=_key(entropy),
        kid=_key(entropy),
        kik=_key(entropy),
    )


def _key(entropy: Entropy) -> str:
    return entropy.take(_KEY).hex().upper()


def _digits(entropy: Entropy, count: int) -> str:
    return _padded(int.from_bytes(entropy.take(8), "big"), count)
