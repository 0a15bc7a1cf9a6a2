"""Tell what a thing is, by its form alone, and have it explained."""

import binascii
import re

from smdp.explain.words import Explanation, Unexplained, clipped
from smdp.rsp import ids
from smdp.rsp.tlv import Malformed

MAX_BYTES = 1024 * 1024
"""The longest thing that is looked at."""

_CODE = re.compile(r"([0-9]+(?:\.[0-9]+)*)\s*[/,]\s*([0-9]+(?:\.[0-9]+)*)", re.ASCII)
_CHECK = re.compile(r"[A-Za-z][A-Za-z0-9]{0,5}#[0-9A-Za-z]{1,4}", re.ASCII)
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)
_HEX = re.compile(r"([0-9A-Fa-f]{2})+", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_APPLE = re.compile(r"[0-9]{4,5}", re.ASCII)
_CMS = bytes.fromhex("06092A864886F70D010702")
_TRANSACTION_ID_DIGITS = 32
_WHAT = (
    "an EID (32 digits), an ICCID (18 to 20), an activation code (LPA:1$…), a status code (8.1.1/3.8), a check "
    "(AC#14d), a reason (already-downloaded), DER in hex or base64, an ES9+ body, a certificate, a .mobileconfig, "
    "or an MDM plist"
)


def explain(thing: str | bytes) -> Explanation:
    """Explain a thing (at most 1 MiB). Raises Unexplained with what it could have been."""
    data = thing.encode(errors="surrogateescape") if isinstance(thing, str) else thing
    if len(data) > MAX_BYTES:
        raise Unexplained(f"It is longer than {MAX_BYTES // 1024} KiB: no thing of the eSIM flow is.")
    if not data.strip():
        raise Unexplained(f"There is nothing to explain. Give {_WHAT}.")
    try:
        return _of_bytes(data)
    except Malformed as error:
        raise Unexplained(f"It looks like something, but {str(error).rstrip('.')}.") from None


def _of_bytes(data: bytes) -> Explanation:
    if data.startswith(b"bplist00") or data.lstrip().startswith((b"<?xml", b"<plist", b"<!DOCTYPE plist")):
        return _plist(data)
    try:
        text = data.decode().strip().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return _der(data)
    if any(not letter.isprintable() and not letter.isspace() for letter in text):
        return _der(data)
    return _of_text(text)


def _of_text(text: str) -> Explanation:
    if text.startswith("-----BEGIN"):
        return _pem(text)
    if text.startswith("{"):
        from smdp.explain import bodies

        found = bodies.explain(text.encode())
        if found is None:
            raise Unexplained("It is a JSON object, but no body of ES9+ and no problem document.")
        return found
    found = _short(text)
    if found is not None:
        return found
    compact = "".join(text.split())
    if _HEX.fullmatch(compact) and len(compact) > 2:
        return _hexadecimal(compact)
    if _BASE64.fullmatch(compact) and len(compact) >= 16:
        try:
            data = binascii.a2b_base64(compact, strict_mode=True)
        except binascii.Error:
            data = b""
        if data:
            return _of_base64(data, text)
    raise _unknown(text)


def _hexadecimal(digits: str) -> Explanation:
    try:
        return _der(bytes.fromhex(digits), digits)
    except Malformed:
        if digits.isdecimal():
            raise _unknown(digits) from None
        raise


def _short(text: str) -> Explanation | None:
    """Explain what fits into a line: numbers, codes, slugs; None if it is none of those."""
    from smdp.explain import numbers

    digits = ids.ungrouped(text)
    if ids.is_eid(digits):
        return numbers.eid(digits)
    if ids.is_iccid(digits):
        return numbers.iccid(digits)
    if ids.is_imei(digits):
        return numbers.imei(digits)
    if numbers.is_activation_code(text):
        return numbers.activation_code(text)
    if _APPLE.fullmatch(text):
        return _apple_code(text)
    if (pair := _CODE.fullmatch(text)) or _CHECK.fullmatch(text):
        return _of_catalogue(text, pair)
    if numbers.is_matching_id(text):
        return numbers.matching_id(text)
    if _SLUG.fullmatch(text) and not _HEX.fullmatch(text):
        from smdp.explain import catalogue

        return catalogue.reason(text)
    return None


def _of_catalogue(text: str, pair: re.Match[str] | None) -> Explanation:
    from smdp.explain import catalogue

    found = catalogue.status_code(pair[1], pair[2]) if pair else catalogue.check(text)
    if found is None:
        raise Unexplained(catalogue.like_status_code(pair[1], pair[2]) if pair else catalogue.like_check(text))
    return found


def _apple_code(text: str) -> Explanation:
    from smdp.explain import apple

    found = apple.error_code(int(text))
    if found is None:
        raise Unexplained(f"{text} is no error code of Apple's that is known here, such as 36001 or 12021.")
    return found


def _pem(text: str) -> Explanation:
    if "PRIVATE KEY-----" in text:
        return Explanation("private-key", "A private key: it is not looked at.", fixes=["Keep it to yourself."])
    from smdp.explain import certificates

    if "-----BEGIN CERTIFICATE-----" not in text:
        raise Unexplained("It is PEM, but no certificate.")
    if "-----END CERTIFICATE-----" not in text:
        raise Unexplained("It is the beginning of a certificate; the end is missing.")
    return certificates.of_pem(text.encode())


def _plist(data: bytes, signers: list[str] | None = None) -> Explanation:
    from smdp.explain import apple

    return apple.explain(data, signers)


def _of_base64(data: bytes, text: str) -> Explanation:
    if data.startswith((b"<?xml", b"bplist00")):  # a webhook's raw_payload
        return _plist(data)
    try:
        return _der(data)
    except (Malformed, Unexplained):
        if re.search(r"[+/=\d]", text):
            raise
        raise _unknown(text) from None


def _der(data: bytes, digits: str = "") -> Explanation:
    if _CMS in data[:30]:
        from smdp.explain import mobileconfig

        content, signers = mobileconfig.unwrapped(data)
        return _plist(content, signers)
    from smdp.explain import messages

    try:
        return messages.explain(data)
    except Malformed:
        if len(digits) == _TRANSACTION_ID_DIGITS:
            told = Explanation("transaction-id", "16 bytes, such as a transactionId: an RSP session.")
            told.fixes.append("What happened in it: GET …/sessions/" + digits.upper())
            return told
        raise


def _unknown(text: str) -> Unexplained:
    digits = re.sub(r"[\s-]", "", text)
    if digits.isdecimal():
        return Unexplained(f"A number of {len(digits)} digits: an EID has 32, an ICCID 18 to 20, an IMEI 15.")
    if _SLUG.fullmatch(text):
        from smdp.explain import catalogue

        near = catalogue.like_reason(text)
        if near:
            return Unexplained(f"Nobody gives the reason {clipped(text)}; did you mean {near}?")
    return Unexplained(f"{clipped(text[:60])} is nothing that is known here. It could be {_WHAT}.")
