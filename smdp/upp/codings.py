"""How subscriber and operator data are coded in elementary files (3GPP TS 31.102 §4.2, TS 31.103 §4.2).

Encoders take what a plan says and raise ValueError with a sentence; decoders take what a file holds and raise
Malformed. A decoder answers None where the file is blank (all FF).
"""

from collections.abc import Iterable, Iterator

from smdp.rsp.ids import swap, unswap
from smdp.rsp.tlv import Malformed, items, tlv

IMSI_BYTES = 9
SPN_BYTES = 17
PIN_BYTES = 8
NUMBER_BYTES = 14
"""Length of the fixed part of EF.MSISDN and EF.ADN: length, type of number, 10 bytes BCD, capability, extension."""

_MAX_BCD = 10
_INTERNATIONAL = 0x91
_NATIONAL = 0x81
_E164_DIGITS = 15
_MAX_TABLE_BYTES = 32
_UCS2 = 0x80
_GSM_UNDEFINED = "\x1b"
GSM_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_CODES = {letter: code for code, letter in enumerate(GSM_ALPHABET) if letter != _GSM_UNDEFINED}
_DIALLED = "0123456789*#pw?"
"""What the nibbles 0 to E of a dialled number stand for (TS 31.102 §4.4.2.3)."""


def is_blank(data: bytes) -> bool:
    """Say whether a file or record holds nothing: no byte, or FF everywhere."""
    return data.count(0xFF) == len(data)


def pad(data: bytes, length: int) -> bytes:
    """Fill up with FF to `length` bytes."""
    return data.ljust(length, b"\xff")


# --- digits


def is_digits(text: str, least: int, most: int) -> bool:
    """Say whether this is a number of decimal digits, so many of them."""
    return least <= len(text) <= most and text.isascii() and text.isdecimal()


def imsi_to_bytes(imsi: str) -> bytes:
    """Code EF.IMSI, 9 bytes: length, parity nibble (9 odd, 1 even), digits swapped."""
    parity = "9" if len(imsi) % 2 else "1"
    length = len(imsi) // 2 + 1
    return pad(bytes((length,)) + swap(parity + imsi, length), IMSI_BYTES)


def bytes_to_imsi(data: bytes) -> str | None:
    """Decode EF.IMSI."""
    if is_blank(data):
        return None
    length = data[0]
    if not 1 <= length < len(data):
        raise Malformed(f"EF.IMSI says {length} bytes follow, {len(data) - 1} do")
    digits = unswap(data[1 : 1 + length])
    if digits[:1] not in {"1", "9"}:
        raise Malformed("EF.IMSI has a wrong parity nibble")
    return digits[1:]


def access_class(imsi: str) -> bytes:
    """Code EF.ACC, 2 bytes: the bit of the class that the last digit of the IMSI names (TS 22.011 §4.2)."""
    return (1 << int(imsi[-1])).to_bytes(2, "big")


def pin_to_bytes(digits: str) -> bytes:
    """Code a PIN or PUK, 8 bytes: ASCII digits, padded with FF."""
    return pad(digits.encode("ascii"), PIN_BYTES)


def adm_to_bytes(adm: str) -> bytes:
    """Code an ADM key, 8 bytes: 4 to 8 digits as ASCII, or 16 hexadecimal digits as they are."""
    return bytes.fromhex(adm) if len(adm) == 2 * PIN_BYTES else pin_to_bytes(adm)


# --- telephone numbers


def is_number(text: str) -> bool:
    """Say whether this is a telephone number's form: at most 15 digits, normally with a plus before them (E.164)."""
    return is_digits(text.removeprefix("+"), 1, _E164_DIGITS)


def dialled_number(number: str) -> bytes:
    """Code a number as length, type of number and 10 bytes swapped BCD padded with FF: 12 bytes."""
    if not is_number(number):
        message = f"{number[:20]!r} is no telephone number: + and at most 15 digits are expected"
        raise ValueError(message)
    digits = number.removeprefix("+")
    length = (len(digits) + 1) // 2
    kind = _INTERNATIONAL if number.startswith("+") else _NATIONAL
    return bytes((length + 1, kind)) + pad(swap(digits, length), _MAX_BCD)


def number_of_bytes(data: bytes) -> str | None:
    """Decode length, type of number and BCD; the type says whether the number gets a plus."""
    if len(data) < 2 or data[0] in {0x00, 0xFF}:
        return None
    if data[0] > _MAX_BCD + 1 or data[0] >= len(data):
        raise Malformed(f"a telephone number of {data[0]} bytes does not fit into its record")
    nibbles = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in data[2 : 1 + data[0]]).rstrip("f")
    if "f" in nibbles:
        raise Malformed("a telephone number goes on after its end")
    digits = "".join(_DIALLED[int(nibble, 16)] for nibble in nibbles)
    return ("+" if data[1] & 0x70 == 0x10 else "") + digits


def number_record(number: str | None, length: int, label: str = "") -> bytes:
    """Code a record of EF.MSISDN or EF.ADN: alpha identifier, number, no capability, no extension.

    `length` is the record's length in bytes, at least 14. Without a number the record stays blank.
    """
    if number is None:
        return pad(b"", length)
    alpha = length - NUMBER_BYTES
    return pad(alphabet(label, alpha), alpha) + dialled_number(number) + b"\xff\xff"


def bytes_to_number(record: bytes) -> str | None:
    """Decode the number in a record of EF.MSISDN or EF.ADN."""
    if len(record) < NUMBER_BYTES:
        raise Malformed(f"a record of {len(record)} bytes is too short for a telephone number")
    return number_of_bytes(record[-NUMBER_BYTES:])


def smsc_record(smsc: str, length: int = 38) -> bytes:
    """Code a record of EF.SMSP that gives the service centre's address only; `length` bytes, at least 28."""
    service_centre_only = b"\xfd"
    destination = b"\xff" * 12
    defaults = b"\xff" * 3
    return pad(b"", length - 28) + service_centre_only + destination + dialled_number(smsc) + defaults


def bytes_to_smsc(record: bytes) -> str | None:
    """Decode the service centre's address from a record of EF.SMSP."""
    if len(record) < 28:
        raise Malformed(f"an EF.SMSP record takes at least 28 bytes, not {len(record)}")
    fixed = record[-28:]
    return None if fixed[0] & 0x02 else number_of_bytes(fixed[13:25])


# --- text


def alphabet(text: str, length: int) -> bytes:
    """Code text in at most `length` bytes, the rest is cut off: GSM 7-bit unpacked, else 80 and UCS2 (TS 102 221)."""
    try:
        return bytes(_GSM_CODES[letter] for letter in text[:length])
    except KeyError:
        wide = text.encode("utf-16-be", "replace")
        return bytes((_UCS2,)) + wide[: (length - 1) // 2 * 2] if length else b""


def text_of_bytes(data: bytes) -> str:
    """Decode an alpha identifier: UCS2 behind 80, else GSM 7-bit unpacked."""
    if data[:1] == bytes((_UCS2,)):
        wide = data[1 : len(data) - (len(data) - 1) % 2]
        return wide.decode("utf-16-be", "replace").rstrip("\uffff")
    return "".join(GSM_ALPHABET[octet] if octet < len(GSM_ALPHABET) else "\ufffd" for octet in data.rstrip(b"\xff"))


def spn_to_bytes(name: str, display: int = 2) -> bytes:
    """Code EF.SPN, 17 bytes: display conditions, then the name, cut off at 16 characters (TS 31.102 §4.2.12)."""
    return bytes((display,)) + pad(alphabet(name, SPN_BYTES - 1), SPN_BYTES - 1)


def bytes_to_spn(data: bytes) -> str | None:
    """Decode the name in EF.SPN."""
    return None if is_blank(data[1:]) else text_of_bytes(data[1:])


# --- networks


def plmn_of_bytes(data: bytes) -> str | None:
    """Decode 3 bytes of a PLMN to the 5 or 6 digits of MCC and MNC; None for an empty slot."""
    if is_blank(data):
        return None
    nibbles = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in data)
    digits = nibbles[:3] + nibbles[4:] + nibbles[3].replace("f", "")
    if not digits.isdecimal():
        raise Malformed(f"{data.hex().upper()} is no PLMN")
    return digits


def plmn_list(data: bytes, step: int = 3) -> tuple[str, ...]:
    """Decode a list of PLMNs; `step` is 3, or 5 where two bytes of access technology follow each."""
    slots = (plmn_of_bytes(data[at : at + 3]) for at in range(0, len(data) - step + 1, step))
    return tuple(plmn for plmn in slots if plmn is not None)


def home_realm(mcc: str, mnc: str) -> str:
    """Name the IMS home network domain (TS 23.003 §13.2)."""
    return f"ims.mnc{mnc:0>3}.mcc{mcc}.3gppnetwork.org"


def uri(text: str) -> bytes:
    """Code EF.IMPI, EF.DOMAIN or a record of EF.IMPU: tag 80, length, UTF-8."""
    return tlv(0x80, text.encode())


def uri_of_bytes(data: bytes) -> str | None:
    """Decode EF.IMPI, EF.DOMAIN or a record of EF.IMPU."""
    if is_blank(data):
        return None
    first = next(items(data.rstrip(b"\xff") or data))
    if first.tag != 0x80:
        raise Malformed(f"expected tag 80, got {first.tag:X}")
    return first.value.decode("utf-8", "replace")


# --- service tables


def service_table(services: Iterable[int], length: int) -> bytes:
    """Code EF.UST or EF.IST: service n is bit (n-1) mod 8 of byte (n-1)/8."""
    bits = sum(1 << (service - 1) for service in set(services))
    return bits.to_bytes(length, "little")


def services_of_bytes(data: bytes) -> frozenset[int]:
    """Decode EF.UST or EF.IST to the numbers of the services in it, as far as numbers are given out."""
    table = data[:_MAX_TABLE_BYTES]
    return frozenset(8 * at + bit + 1 for at, octet in enumerate(table) for bit in range(8) if octet >> bit & 1)


def records_of(body: bytes, record_length: int) -> Iterator[bytes]:
    """Cut the body of a record file into its records."""
    return (body[at : at + record_length] for at in range(0, len(body), record_length or 1))
