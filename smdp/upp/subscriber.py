"""Who a profile is for, and what is the same for all profiles of a plan."""

from smdp.rsp.ids import is_iccid
from smdp.upp.codings import is_digits, is_number
from smdp.upp.contents import Quiet

KEY_BYTES = 16
_AID_BYTES = range(5, 17)
_ADM_HEX_DIGITS = 16
_MAX_GID_BYTES = 20
_MAX_TYPE_BYTES = 100

_DIGITS = {"imsi": (6, 15), "pin1": (4, 8), "pin2": (4, 8), "puk1": (8, 8), "puk2": (8, 8)}
_KEYS = ("ki", "opc", "kic", "kid", "kik")


class Subscriber(Quiet, frozen=True, kw_only=True):
    """What is different in every profile.

    Digits as text: iccid 19 or 20 digits, imsi 6 to 15, msisdn E.164 with its plus, or None for a line without a
    number; pin1 and pin2 4 to 8 digits, puk1 and puk2 8, adm1 4 to 8 digits or 16 hexadecimal ones. Keys as bytes, 16
    each: ki, opc (Milenage), kic, kid, kik (OTA, AES-128). Raises ValueError that names the field, never its value.
    """

    hidden = frozenset({*_KEYS, "pin1", "pin2", "puk1", "puk2", "adm1"})

    iccid: str
    imsi: str
    msisdn: str | None = None
    ki: bytes
    opc: bytes
    pin1: str
    pin2: str
    puk1: str
    puk2: str
    adm1: str
    kic: bytes
    kid: bytes
    kik: bytes

    def __post_init__(self) -> None:
        """Check every field's form."""
        if not is_iccid(self.iccid) or len(self.iccid) < 19:
            raise _wrong("iccid", "19 or 20 digits")
        if self.msisdn is not None and not is_number(self.msisdn):
            raise _wrong("msisdn", "+ and at most 15 digits, or None")
        for name, (least, most) in _DIGITS.items():
            if not is_digits(getattr(self, name), least, most):
                raise _wrong(name, f"{least} to {most} digits" if least < most else f"{least} digits")
        if not (is_digits(self.adm1, 4, 8) or _is_hex(self.adm1)):
            raise _wrong("adm1", "4 to 8 digits, or 16 hexadecimal digits")
        for name in _KEYS:
            if len(getattr(self, name)) != KEY_BYTES:
                raise _wrong(name, f"{KEY_BYTES} bytes")


class PlanContent(Quiet, frozen=True, kw_only=True):
    """What all profiles of a plan share: the operator, and which parts the package has.

    spn is cut off at 16 characters in EF.SPN; usim_aid and isim_aid are 5 to 16 bytes; gid1 and gid2 at most 20,
    empty for no such file. legacy_links are the phone book and the links in DF.TELECOM, so they come with telecom only.
    Raises ValueError that names the field.
    """

    mcc: str = "001"
    mnc: str = "01"
    spn: str = "smdp TEST"
    smsc: str = "+15550109999"
    language: str = "en"
    usim_aid: bytes = bytes.fromhex("A0000000871002FFFFFFFF8907090000")
    isim_aid: bytes = bytes.fromhex("A0000000871004FFFFFFFF8907090000")
    profile_type: str = "smdp operational"
    own_number_label: str = "smdp"
    gid1: bytes = b""
    gid2: bytes = b""
    pin1_enabled: bool = False
    telecom: bool = True
    gsm_access: bool = True
    df_5gs: bool = True
    isim: bool = True
    legacy_links: bool = True
    rfm: bool = True

    def __post_init__(self) -> None:
        """Check every field's form, and that the parts fit together."""
        if not is_digits(self.mcc, 3, 3):
            raise _wrong("mcc", "3 digits")
        if not is_digits(self.mnc, 2, 3):
            raise _wrong("mnc", "2 or 3 digits")
        if not (len(self.language) == 2 and self.language.isascii() and self.language.islower()):
            raise _wrong("language", "two small letters of ISO 639")
        if not is_number(self.smsc):
            raise _wrong("smsc", "+ and at most 15 digits")
        for name in ("usim_aid", "isim_aid"):
            if len(getattr(self, name)) not in _AID_BYTES:
                raise _wrong(name, "5 to 16 bytes")
        for name in ("gid1", "gid2"):
            if len(getattr(self, name)) > _MAX_GID_BYTES:
                raise _wrong(name, f"at most {_MAX_GID_BYTES} bytes")
        if not 1 <= len(self.profile_type.encode()) <= _MAX_TYPE_BYTES:
            raise _wrong("profile_type", f"1 to {_MAX_TYPE_BYTES} bytes of UTF-8")


def _is_hex(text: str) -> bool:
    return len(text) == _ADM_HEX_DIGITS and all(letter in "0123456789abcdefABCDEF" for letter in text)


def _wrong(name: str, expected: str) -> ValueError:
    return ValueError(f"{name} must be {expected}")
