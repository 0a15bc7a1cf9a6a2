"""Who a profile is for, and what is the same for all profiles of a plan."""

import re
from dataclasses import dataclass, field

from smdp.rsp.ids import is_iccid
from smdp.upp.codings import is_number

KEY_BYTES = 16
_IMSI = re.compile(r"[0-9]{6,15}", re.ASCII)
_PIN = re.compile(r"[0-9]{4,8}", re.ASCII)
_PUK = re.compile(r"[0-9]{8}", re.ASCII)
_ADM = re.compile(r"[0-9]{4,8}|[0-9A-Fa-f]{16}", re.ASCII)
_MCC = re.compile(r"[0-9]{3}", re.ASCII)
_MNC = re.compile(r"[0-9]{2,3}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2}", re.ASCII)
_AID_BYTES = range(5, 17)
_MAX_GID_BYTES = 20
_MAX_TYPE_BYTES = 100

_FORMS = {
    "imsi": (_IMSI, "6 to 15 digits"),
    "pin1": (_PIN, "4 to 8 digits"),
    "pin2": (_PIN, "4 to 8 digits"),
    "puk1": (_PUK, "8 digits"),
    "puk2": (_PUK, "8 digits"),
    "adm1": (_ADM, "4 to 8 digits, or 16 hexadecimal digits"),
}
_KEYS = ("ki", "opc", "kic", "kid", "kik")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """What is different in every profile.

    Digits as text: iccid 19 or 20 digits, imsi 6 to 15, msisdn E.164 with its plus, or None for a line without a
    number; pin1 and pin2 4 to 8 digits, puk1 and puk2 8, adm1 4 to 8 digits or 16 hexadecimal ones. Keys as bytes, 16
    each: ki, opc (Milenage), kic, kid, kik (OTA, AES-128). Raises ValueError that names the field, never its value.
    """

    iccid: str
    imsi: str
    msisdn: str | None = None
    ki: bytes = field(repr=False)
    opc: bytes = field(repr=False)
    pin1: str = field(repr=False)
    pin2: str = field(repr=False)
    puk1: str = field(repr=False)
    puk2: str = field(repr=False)
    adm1: str = field(repr=False)
    kic: bytes = field(repr=False)
    kid: bytes = field(repr=False)
    kik: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Check every field's form."""
        if not is_iccid(self.iccid) or len(self.iccid) < 19:
            raise _wrong("iccid", "19 or 20 digits")
        if self.msisdn is not None and not is_number(self.msisdn):
            raise _wrong("msisdn", "+ and at most 15 digits, or None")
        for name, (form, expected) in _FORMS.items():
            if not form.fullmatch(getattr(self, name)):
                raise _wrong(name, expected)
        for name in _KEYS:
            if len(getattr(self, name)) != KEY_BYTES:
                raise _wrong(name, f"{KEY_BYTES} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContent:
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
        for name, form, expected in (
            ("mcc", _MCC, "3 digits"),
            ("mnc", _MNC, "2 or 3 digits"),
            ("language", _LANGUAGE, "two small letters of ISO 639"),
        ):
            if not form.fullmatch(getattr(self, name)):
                raise _wrong(name, expected)
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


def _wrong(name: str, expected: str) -> ValueError:
    return ValueError(f"{name} must be {expected}")
