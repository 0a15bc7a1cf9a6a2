"""The things in a profile package: elements, files, keys, applications. No repr shows a secret."""

from enum import IntEnum
from typing import ClassVar, NamedTuple

from msgspec import Struct

from smdp.rsp.tlv import Malformed
from smdp.upp import codings


class Quiet(Struct, frozen=True):
    """A struct whose repr leaves out the fields named in `hidden`."""

    hidden: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        """Show the other fields."""
        shown = (name for name in self.__struct_fields__ if name not in self.hidden)
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


class PackageError(Malformed):
    """A package can't be read or personalised; the text names the element, and the byte within it."""

    def __init__(self, element: str, offset: int, text: str) -> None:
        """Name the element (`usim (5)`), the offset in bytes from the element's first byte, and what is wrong."""
        super().__init__(f"{element}, byte {offset}: {text}")
        self.element = element
        self.offset = offset
        self.text = text


class Status(IntEnum):
    """The status codes of a card's answer to a package (TCA Interoperable Format, PEStatus)."""

    OK = 0
    PE_NOT_SUPPORTED = 1
    MEMORY_FAILURE = 2
    BAD_VALUES = 3
    NOT_ENOUGH_MEMORY = 4
    INVALID_REQUEST_FORMAT = 5
    INVALID_PARAMETER = 6
    RUNTIME_NOT_SUPPORTED = 7
    LIB_NOT_SUPPORTED = 8
    TEMPLATE_NOT_SUPPORTED = 9
    FEATURE_NOT_SUPPORTED = 10
    PIN_CODE_MISSING = 11
    UNSUPPORTED_PROFILE_VERSION = 31


class Finding(Struct, frozen=True):
    """Something about a package that a card refuses (error) or a phone stumbles over (warning).

    status is the card's code; identification that of the element, None for the header or the package as a whole;
    offset counts bytes from the element's first byte.
    """

    status: int
    text: str
    identification: int | None = None
    offset: int | None = None
    warning: bool = False

    def __str__(self) -> str:
        """Say it in one line."""
        place = "" if self.identification is None else f"element {self.identification}: "
        return f"{'warning' if self.warning else 'error'} {int(self.status)}: {place}{self.text}"


class Element(Quiet, frozen=True):
    """One profile element: its place in the package, its name and tag, its PEHeader, its template, its bytes."""

    hidden = frozenset({"raw"})

    index: int
    tag: int
    name: str
    offset: int
    identification: int | None = None
    mandated: bool = False
    template: str | None = None
    raw: bytes = b""

    def __str__(self) -> str:
        """Name it."""
        return self.name if self.identification is None else f"{self.name} ({self.identification})"


class File(Quiet, frozen=True):
    """One file: sizes in bytes; arr names the EF.ARR and the record in it; pins are the keys of a directory.

    type is MF, ADF, DF, TR (transparent), LF (linear fixed), CY (cyclic) or BT (BER-TLV). A link has a target and no
    body. element and member say where the package makes it: index of the element, and member tag of a template
    element or number of the command in genericFileManagement.
    """

    hidden = frozenset({"body"})

    path: str
    name: str
    type: str
    element: int
    member: int
    size: int = 0
    record_length: int = 0
    body: bytes = b""
    sfi: int | None = None
    arr: tuple[str, int] | None = None
    pins: bytes = b""
    aid: bytes = b""
    link: str | None = None
    links_directory: bool = False

    @property
    def records(self) -> tuple[bytes, ...]:
        """The body cut into records."""
        return tuple(codings.records_of(self.body, self.record_length))


class Pin(Quiet, frozen=True):
    """A PIN or ADM key of a directory; reference 1 PIN1, 129 PIN2, 10 ADM1. tries: high nibble most, low left."""

    hidden = frozenset({"value"})

    context: str
    reference: int
    value: bytes
    element: int
    puk: int | None = None
    attributes: int = 7
    tries: int = 0x33


class SharedPins(Struct, frozen=True):
    """A directory that uses the PINs of another one."""

    context: str
    path: str
    element: int


class Puk(Quiet, frozen=True):
    """A PUK; reference 1 unblocks PIN1, 129 PIN2."""

    hidden = frozenset({"value"})

    reference: int
    value: bytes
    element: int
    tries: int = 0xAA


class Algorithm(IntEnum):
    """Authentication algorithms by algorithmID."""

    MILENAGE = 1
    TUAK = 2
    TEST = 3


class Aka(Quiet, frozen=True):
    """What an application authenticates with: algorithm and keys, or the AID it shares them with.

    key 16 bytes (TUAK 16 or 32), opc 16 (TUAK's TOPc 32). sqn_init holds 32 sequence numbers, each without its index.
    """

    hidden = frozenset({"key", "opc"})

    naa: str | None
    element: int
    algorithm: int | None = None
    options: int = 1
    key: bytes = b""
    opc: bytes = b""
    mapping: bytes | None = None
    keccak_iterations: int = 1
    sqn_delta: int = 1 << 28
    sqn_init: tuple[int, ...] = (0,) * 32


class Naa(NamedTuple):
    """A network access application: usim, isim or csim, the path of its ADF, its AID."""

    kind: str
    path: str
    aid: bytes


class OtaKey(Quiet, frozen=True):
    """A key of a security domain: version 01-0F is SCP80 (id 1 KIc, 2 KID, 3 KIK); type 88 AES, 80 DES, 85 PSK."""

    hidden = frozenset({"value"})

    identifier: int
    version: int
    type: int
    usage: int
    value: bytes


class SecurityDomain(Struct, frozen=True):
    """A security domain; the first one of a package is the operator's, MNO-SD."""

    aid: bytes
    privileges: bytes
    element: int
    keys: tuple[OtaKey, ...] = ()
    cat_tp: bool = False


class Rfm(Struct, frozen=True):
    """A remote file management application: its toolkit application references and the ADF it starts in."""

    aid: bytes
    tars: tuple[bytes, ...]
    security_level: int
    element: int
    adf: bytes | None = None


class Application(Struct, frozen=True):
    """A Java Card load block: its length in bytes, and the limit its instances ask for."""

    element: int
    load_block: int = 0
    nv_limit: int = 0
