"""The answer of a card to a package, EUICCResponse (TCA Interoperable Format §8.8; simaResponse of SGP.22 §5.7.6)."""

from smdp.rsp.tlv import tlv
from smdp.upp.contents import Finding, Status
from smdp.upp.der import integer

_TEXT_CHARACTERS = range(2, 65)


def euicc_response(finding: Finding | None = None, *, aborted: bool = True) -> bytes:
    """Code that a package was installed, or why not: the finding's status, identification, offset and text.

    The text is cut off at 64 characters, and left out where it is shorter than 2.
    """
    if finding is None:
        return tlv(0x30, tlv(0xA0, tlv(0x30, tlv(0x80, integer(Status.OK)))))
    status = tlv(0x80, integer(finding.status))
    if finding.identification is not None:
        status += tlv(0x81, integer(finding.identification))
    if finding.offset is not None:
        status += tlv(0x83, integer(finding.offset))
    text = finding.text[: _TEXT_CHARACTERS[-1]]
    return tlv(
        0x30,
        tlv(0xA0, tlv(0x30, status)),
        b"\x81\x00" if aborted else b"",
        tlv(0x82, text.encode()) if len(text) in _TEXT_CHARACTERS else b"",
    )
