"""EID, ICCID, IMEI, MatchingID and activation code."""

import re

from smdp.explain.words import Explanation, lines
from smdp.rsp import ids
from smdp.rsp.tlv import Malformed

_ICCID_WITHOUT_CHECK_DIGIT = 18
_IMEI_WITH_CHECK_DIGIT = 15
_TEST_ISSUER = "8900101"
_MATCHING_ID = re.compile(r"[0-9A-Z]+(-[0-9A-Z]+)+", re.ASCII)


def grouped(digits: str) -> str:
    """Write digits in fours, as people compare them."""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def eid(digits: str) -> Explanation:
    """Explain an EID: 32 digits."""
    right = ids.eid_check_digits(digits[:30])
    ok = ids.eid_check_digits_ok(digits)
    told = Explanation("eid", "An EID: the number of an eUICC.")
    told.lines = lines(
        (
            ("EID", grouped(digits)),
            ("industry", f"{digits[:2]}{' (telecommunications)' if digits.startswith('89') else ''}"),
            ("country", f"{digits[2:5]} (calling code {int(digits[2:5])}; EIDs after SGP.29 use it otherwise)"),
            ("EUM", f"{digits[:8]}: who made it; the EUM's certificate permits such a beginning"),
            ("serial number", digits[8:30]),
            ("check digits", f"{digits[30:]} {'✓' if ok else f'✗, should be {right}'}"),
        )
    )
    if not ok:
        told.problems.append(f"The check digits are wrong: a digit is mistyped, or they should be {right}.")
        told.fixes.append("Compare it with Settings > General > About > EID on the device.")
    elif not digits.startswith("89"):
        told.problems.append("It does not begin with 89; the public test PKI certifies no such eUICC.")
        told.fixes.append("Make a PKI of your own: smdp pki new DIR.")
    else:
        told.fixes.append(f"What the carrier has for it: smdp why {digits}")
    return told


def iccid(digits: str) -> Explanation:
    """Explain an ICCID: 18 to 20 digits, the last a check digit where there are more than 18."""
    bare = len(digits) == _ICCID_WITHOUT_CHECK_DIGIT
    right = ids.luhn(digits if bare else digits[:-1])
    ok = bare or digits[-1] == right
    told = Explanation("iccid", "An ICCID: the number of an eSIM profile.")
    told.lines = lines(
        (
            ("ICCID", grouped(digits)),
            ("industry", f"{digits[:2]}{' (telecommunications)' if digits.startswith('89') else ''}"),
            ("issuer", f"{digits[2:7]}: {_issuer(digits)}"),
            ("account", digits[7:] if bare else digits[7:-1]),
            ("check digit", "left out" if bare else f"{digits[-1]} {'✓' if ok else f'✗, should be {right}'}"),
            ("on the card", f"{ids.iccid_to_bytes(digits).hex().upper()} (EF.ICCID, tag 5A)"),
        )
    )
    if not ok:
        told.problems.append(f"The Luhn check digit is wrong: a digit is mistyped, or it should be {right}.")
    if not digits.startswith("89"):
        told.problems.append("It does not begin with 89, as ICCIDs do (ITU-T E.118).")
    told.fixes.append(f"What became of it: smdp profile show {digits}")
    return told


def _issuer(digits: str) -> str:
    if digits.startswith(_TEST_ISSUER):
        return "what smdp issues for its test network"
    return "country calling code and operator, 1 to 3 digits and the rest"


def imei(digits: str) -> Explanation:
    """Explain an IMEI of 15 digits; 16 have a software version instead of the check digit."""
    told = Explanation("imei", "An IMEI: the number of a device's modem (or an IMSI, which looks alike).")
    told.lines = lines((("TAC", f"{digits[:8]} (model)"), ("serial number", digits[8:14])))
    if len(digits) == _IMEI_WITH_CHECK_DIGIT:
        right = ids.luhn(digits[:14])
        ok = digits[14] == right
        told.lines += lines((("check digit", f"{digits[14]} {'✓' if ok else f'✗ as an IMEI, should be {right}'}"),))
        told.lines += lines((("as an IMSI", f"network {digits[:3]}/{digits[3:5]} or {digits[:3]}/{digits[3:6]}"),))
    else:
        told.lines += lines((("software version", digits[14:]),))
    return told


def is_activation_code(text: str) -> bool:
    """Say whether somebody means an activation code, right or wrong."""
    return text[:4].upper() == "LPA:" or (text[:2] == "1$")


def activation_code(text: str) -> Explanation:
    """Explain an activation code (SGP.22 §4.1)."""
    told = Explanation("activation-code", "An activation code: what a user scans to get a profile.")
    try:
        code = ids.parse_activation_code(text)
    except Malformed as error:
        sentence = str(error)
        told.problems.append(f"{sentence[:1].upper()}{sentence[1:]}.")
        told.fixes.append("Copy the profile's activation_code: smdp profile show.")
        return told
    told.lines = lines(
        (
            ("format", "1"),
            ("SM-DP+", code.address),
            ("MatchingID", code.matching_id or "none: the server looks for an order of the device's EID"),
            ("server OID", code.oid),
            ("confirmation code", "the user is asked for one" if code.confirmation_code_required else "none"),
        )
    )
    told.problems.extend(_doubts(text.strip(), code))
    told.fixes.append(f"Let a device take it: smdp device download '{code}'")
    return told


def _doubts(text: str, code: ids.ActivationCode) -> list[str]:
    host = ids.host_of(code.address)
    doubts = []
    if not text.upper().startswith("LPA:"):
        doubts.append("The prefix LPA: is missing; a camera needs it to see an eSIM in a QR code.")
    if "://" in code.address or "/" in code.address:
        doubts.append("The address is a URL; devices take a host name here, without scheme and path.")
    elif ":" in code.address and not code.address.startswith("["):
        doubts.append("The address has a port; simulated devices take it, iPhones may not: they call port 443.")
    if "." not in host and host != "localhost":
        doubts.append("The address is no full host name.")
    if host.endswith((".localhost", ".test")) or host == "localhost":
        doubts.append("The address is a test name: only devices that resolve it to the server get there.")
    return doubts


def is_matching_id(text: str) -> bool:
    """Say whether this looks like a MatchingID: groups of capital letters and digits."""
    return len(text) <= 64 and _MATCHING_ID.fullmatch(text) is not None and any(map(str.isdigit, text))


def matching_id(text: str) -> Explanation:
    """Explain a MatchingID."""
    told = Explanation("matching-id", "A MatchingID: which order an activation code is for (SGP.22 §4.1.1).")
    told.lines = lines((("MatchingID", text),))
    told.fixes.append(f"Whose it is: smdp profile list --q {text}")
    return told
