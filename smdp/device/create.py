"""Making a device: numbers that pass their checks, and an eUICC with a certificate of its own."""

from collections.abc import Awaitable, Callable
from typing import TypedDict, Unpack

from smdp.clock import Clock
from smdp.device.device import Device, State
from smdp.device.es9plus import Es9Client
from smdp.model import EnrollmentKind
from smdp.pki.errors import PkiError
from smdp.pki.model import Pki
from smdp.rsp.crypto import Entropy, scalar_of
from smdp.rsp.euicc.state import Credential, Euicc
from smdp.rsp.ids import eid_check_digits, is_eid, luhn, ungrouped

EID_PREFIX = "89049032"
"""The EIDs of the public test EUM that smdp gives to its own devices."""
_TAC = "35309418"
_SERIAL_ALPHABET = "0123456789CDFGHJKLMNPQRTVWXY"
_CHIP = "00008150"
_IMEI_DIGITS = 15


class Identity(TypedDict, total=False):
    """What may be given of a device; the rest is made up."""

    udid: str | None
    serial: str | None
    imei: str | None
    os: str
    model: str
    name: str
    supervised: bool
    online: bool
    cellular: bool
    physical_sim: bool
    country: str
    enrollment_kind: EnrollmentKind
    carrier: str


async def _nothing(_: Device) -> None:
    """Keep nothing."""


def new_device(
    pki: Pki,
    *,
    client: Es9Client,
    clock: Clock,
    entropy: Entropy,
    save: Callable[[Device], Awaitable[None]] = _nothing,
    eid: str | None = None,
    **identity: Unpack[Identity],
) -> Device:
    """Make a device that trusts this PKI's CIs and has an eUICC certificate under its EUMs.

    Raises ValueError for an EID that is no 32 digits or an IMEI that is no 15, PkiError if no EUM may certify the EID.
    """
    eid = new_eid(entropy) if eid is None else ungrouped(eid)
    if not is_eid(eid):
        raise ValueError(f"{eid[:64]!r} is no EID: an EID has 32 decimal digits")
    imei = identity.get("imei")
    state = State(
        eid=eid,
        udid=identity.get("udid") or f"{_CHIP}-{entropy.take(8).hex().upper()}",
        serial=identity.get("serial") or new_serial(entropy),
        imei=spaced(new_imei(entropy) if imei is None else imei),
        os=identity.get("os", "26.1"),
        model=identity.get("model", "iPhone17,1"),
        name=identity.get("name", "iPhone"),
        supervised=identity.get("supervised", True),
        online=identity.get("online", True),
        cellular=identity.get("cellular", True),
        physical_sim=identity.get("physical_sim", False),
        country=identity.get("country", "US"),
        enrollment_kind=identity.get("enrollment_kind", "device"),
        carrier=identity.get("carrier", "default"),
        euicc=new_euicc(pki, eid),
    )
    return Device(state, client=client, clock=clock, entropy=entropy, save=save)


def new_eid(entropy: Entropy) -> str:
    """Make up an EID with right check digits."""
    number = EID_PREFIX + _digits(entropy, 22)
    return number + eid_check_digits(number)


def new_imei(entropy: Entropy) -> str:
    """Make up an IMEI, 15 digits of which the last is right."""
    number = _TAC + _digits(entropy, 6)
    return number + luhn(number)


def spaced(imei: str) -> str:
    """Write an IMEI as Apple does: 35 309418 464558 9. Raises ValueError if it has not 15 digits."""
    digits = ungrouped(imei)
    if len(digits) != _IMEI_DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise ValueError(f"{imei[:64]!r} is no IMEI: an IMEI has 15 decimal digits")
    return f"{digits[:2]} {digits[2:8]} {digits[8:14]} {digits[14]}"


def new_serial(entropy: Entropy) -> str:
    """Make up a serial number in Apple's alphabet, 10 characters."""
    return "".join(_SERIAL_ALPHABET[octet % len(_SERIAL_ALPHABET)] for octet in entropy.take(10))


def _digits(entropy: Entropy, count: int) -> str:
    return str(int.from_bytes(entropy.take(count), "big") % 10**count).rjust(count, "0")


def new_euicc(pki: Pki, eid: str) -> Euicc:
    """Make an eUICC with a key on each curve on which an EUM may certify this EID. Raises PkiError if there is none."""
    credentials: list[Credential] = []
    problem: PkiError | None = None
    for curve in dict.fromkeys(ci.curve for ci in pki.cis.values()):
        try:
            key, certificate = pki.mint_euicc(eid, curve)
            eum = pki.eum_for(eid, curve).certificate
        except PkiError as error:
            problem = error
            continue
        credentials.append(
            Credential(
                ci=eum.aki or b"",
                curve=curve,
                certificate=certificate,
                eum_certificate=eum.der,
                scalar=scalar_of(key),
            )
        )
    if problem is not None and not credentials:
        raise problem
    return Euicc(eid=eid, credentials=credentials, trusted={ski: ci.der for ski, ci in pki.cis.items()})
