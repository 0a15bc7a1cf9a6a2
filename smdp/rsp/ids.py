"""The numbers of the mobile world: EID, ICCID, IMSI, PLMN, MatchingID, activation code, and their coding in bytes."""

import re
from typing import NamedTuple

from smdp.rsp.tlv import Malformed

EID_DIGITS = 32
ICCID_BYTES = 10
_MAX_ACTIVATION_CODE = 255
_EID = re.compile(r"[0-9]{32}", re.ASCII)
_ICCID = re.compile(r"[0-9]{18,20}", re.ASCII)
_MATCHING_ID = re.compile(r"[0-9A-Z-]{0,64}", re.ASCII)
_IMEI = re.compile(r"[0-9]{14,16}", re.ASCII)
_IMEI_IDENTITY = 14
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
_GROUPED = re.compile(r"\s*[0-9]+([\s-]+[0-9]+)*\s*")


def ungrouped(number: str) -> str:
    """Write a number without the spaces and dashes that people and devices group its digits with.

    35 309418 464558 9 becomes 353094184645589; what is anything else than digits in groups stays as it is.
    """
    return re.sub(r"[\s-]", "", number) if _GROUPED.fullmatch(number) else number


# --- EID (SGP.02 §2.2.2, SGP.29)


def is_eid(text: str) -> bool:
    """Say whether this is an EID's form: 32 decimal digits. The check digits are `eid_check_digits_ok`'s business."""
    return _EID.fullmatch(text) is not None


def eid_check_digits(first_thirty: str) -> str:
    """Compute the two check digits of an EID from its first 30 digits (ISO 7064 MOD 97-10)."""
    return f"{98 - int(first_thirty) * 100 % 97:02d}"


def eid_check_digits_ok(eid: str) -> bool:
    """Say whether an EID of 32 digits, taken as a number, leaves 1 when divided by 97."""
    return int(eid) % 97 == 1


def eid_to_bytes(eid: str) -> bytes:
    """Code an EID as 16 bytes BCD in reading order (tag 5A of GetEuiccData, LV of the key derivation)."""
    return bytes.fromhex(eid)


# --- ICCID (ITU-T E.118), IMSI, PLMN


def luhn(digits: str) -> str:
    """Compute the Luhn check digit that belongs behind these digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def is_iccid(text: str) -> bool:
    """Say whether this is an ICCID's form: 18 to 20 decimal digits."""
    return _ICCID.fullmatch(text) is not None


def swap(digits: str, length: int) -> bytes:
    """Code digits as BCD with swapped nibbles, padded with F to `length` bytes (TS 102 221 §13.2)."""
    padded = digits.ljust(2 * length, "F")
    return bytes.fromhex("".join(padded[i + 1] + padded[i] for i in range(0, 2 * length, 2)))


def unswap(data: bytes) -> str:
    """Decode BCD with swapped nibbles and drop the F padding. Raises Malformed if another nibble is no digit."""
    text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in data).rstrip("f")
    if not text.isdecimal() and text:
        raise Malformed(f"{data.hex().upper()} is not BCD")
    return text


def iccid_to_bytes(iccid: str) -> bytes:
    """Code an ICCID as in EF.ICCID and tag 5A: 10 bytes, nibbles swapped, padded with F."""
    return swap(iccid, ICCID_BYTES)


def iccid_of_bytes(data: bytes) -> str:
    """Decode the 10 bytes of an ICCID. Raises Malformed."""
    if len(data) != ICCID_BYTES:
        raise Malformed(f"an ICCID takes 10 bytes, not {len(data)}")
    return unswap(data)


def plmn_to_bytes(mcc: str, mnc: str) -> bytes:
    """Code a PLMN as 3 bytes (TS 24.008 §10.5.1.3); 001/01 is 00F110."""
    third = mnc[2] if len(mnc) > 2 else "F"
    return bytes.fromhex(mcc[1] + mcc[0] + third + mcc[2] + mnc[1] + mnc[0])


def is_imei(text: str) -> bool:
    """Say whether this is an IMEI's form: 14 to 16 decimal digits (with check digit or software version)."""
    return _IMEI.fullmatch(text) is not None


def imei_of_bytes(data: bytes) -> str:
    """Write 8 bytes from a device as the digits of its IMEI; what is none comes in hexadecimal.

    Which way the nibbles lie, the check digit says; if it says nothing, they are swapped (TS 23.003).
    """
    swapped = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in data).replace("f", "")
    plain = data.hex().replace("f", "")
    for digits in (swapped, plain):
        if digits.isdecimal() and luhn(digits[:-1]) == digits[-1:]:
            return digits
    return swapped if swapped.isdecimal() else data.hex()


def imei_is(imei: str, data: bytes) -> bool:
    """Say whether 8 bytes from a device are this IMEI; the check digit may be missing.

    LPAs code it with swapped nibbles or in reading order, so both are read (SGP.22 §5.7.13 leaves it to TS 23.003).
    """
    swapped = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in data)
    return imei[:_IMEI_IDENTITY] in (swapped[:_IMEI_IDENTITY], data.hex()[:_IMEI_IDENTITY])


# --- MatchingID and activation code (SGP.22 §4.1, §6.5.2)


def is_matching_id(text: str) -> bool:
    """Say whether this may be a MatchingID: digits, capital letters and dashes, at most 64 of them, possibly none."""
    return _MATCHING_ID.fullmatch(text) is not None


class ActivationCode(NamedTuple):
    """An activation code's fields (SGP.22 §4.1): where, which profile, whose server, whether it takes a code."""

    address: str
    matching_id: str
    oid: str | None = None
    confirmation_code_required: bool = False

    def __str__(self) -> str:
        """Write it as in a QR code, with the prefix LPA:."""
        text = f"LPA:1${self.address}${self.matching_id}"
        if self.oid or self.confirmation_code_required:
            text += f"${self.oid or ''}"
        return text + ("$1" if self.confirmation_code_required else "")


def parse_activation_code(text: str) -> ActivationCode:
    """Read an activation code with or without the prefix LPA:. Raises Malformed with what is wrong with it."""
    body = text.strip()
    if body[:4].upper() == "LPA:":
        body = body[4:]
    if len(body) > _MAX_ACTIVATION_CODE:
        raise Malformed("an activation code has at most 255 characters")
    fields = body.split("$")
    if fields[0] != "1" or not 3 <= len(fields) <= 6:
        raise Malformed("an activation code looks like LPA:1$smdp.example.com$MATCHING-ID (quote the $ in a shell)")
    address, matching_id = fields[1], fields[2]
    oid = fields[3] if len(fields) > 3 and fields[3] else None
    flag = fields[4] if len(fields) > 4 else ""
    if not address:
        raise Malformed("the activation code names no SM-DP+ address")
    if not is_matching_id(matching_id):
        raise Malformed(f"the MatchingID {matching_id[:64]!r} has characters other than 0-9, A-Z and -")
    if oid is not None and not _OID.fullmatch(oid):
        raise Malformed(f"{oid!r} is no object identifier")
    return ActivationCode(address, matching_id, oid, flag == "1")


def host_of(address: str) -> str:
    """Reduce an SM-DP+ address to the part that is compared: no scheme, port or path, lower case."""
    text = address.strip().lower()
    text = text.split("://", 1)[-1].split("/", 1)[0]
    if text.startswith("["):
        return text[1:].split("]", 1)[0]
    host, colon, port = text.rpartition(":")
    return host if colon and port.isdecimal() and ":" not in host else text
