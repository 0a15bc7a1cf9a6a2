"""What the element builders share: the type of a part, template members, and the places of the ADFs."""

from collections.abc import Callable

from smdp.rsp.tlv import tlv
from smdp.upp.der import fcp, fill
from smdp.upp.subscriber import Subscriber

Part = bytes | Callable[[Subscriber], bytes]
"""An encoded element, or the function that encodes it for a subscriber."""

USIM_PATH = bytes.fromhex("7FD0")
ISIM_PATH = bytes.fromhex("7FB0")
GLOBAL_KEYS = b"\x01\x0a"
LOCAL_KEYS = b"\x01\x81\x0a"
TEMPLATE_ARC = bytes.fromhex("67810F0102")
"""2.23.143.1.2, under which the file system templates are registered."""


def template(number: int) -> bytes:
    """Build the templateID member for a template in its first version."""
    return tlv(0x81, TEMPLATE_ARC, bytes((number,)))


def file(tag: int, content: bytes | None = None, members: dict[int, bytes] | None = None) -> bytes:
    """Build a File member: what differs from the template, and the content; with neither, the template's default."""
    return tlv(tag, fcp(members) if members else b"", b"" if content is None else fill(content))


def directory(keys: bytes, members: dict[int, bytes] | None = None) -> bytes:
    """Build the first File of a template, its MF, DF or ADF, with the keys that count in it."""
    return file(0xA2, members={0xC6: keys, **(members or {})})
