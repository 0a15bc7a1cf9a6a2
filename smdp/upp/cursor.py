"""Where the reader stands in a package, and its strict look at the TLVs there."""

from typing import NamedTuple

from msgspec import Struct

from smdp.rsp.tlv import Malformed, items
from smdp.upp.contents import Element, File, Finding, PackageError, Status
from smdp.upp.package import Package

MAX_CONTENT = 1 << 20
"""Most bytes of file content that a package may ask for; a card has less."""
MAX_FINDINGS = 1000
"""Most findings that are kept while reading."""

_MAX_INTEGER = 4


class Node(NamedTuple):
    """One TLV in an element; `offset` and `inner` say where it and its value begin in the element."""

    tag: int
    value: bytes
    offset: int
    inner: int


class Cursor(Struct):
    """The reader's state between elements.

    adf is the path of the latest ADF, made_first that of the first directory of the latest element that made any:
    pinCodes belong to it.
    """

    package: Package
    element: Element
    adf: str | None = None
    made_first: str | None = None
    content: int = 0

    def nodes(self, data: bytes, inner: int) -> list[Node]:
        """Cut a value into its TLVs. Raises PackageError."""
        found, at = [], inner
        try:
            for item in items(data):
                end = at + len(item.raw)
                found.append(Node(item.tag, item.value, at, end - len(item.value)))
                at = end
        except Malformed as error:
            raise self.error(at, str(error)) from None
        return found

    def inside(self, node: Node) -> list[Node]:
        """Cut a constructed value into its TLVs. Raises PackageError."""
        return self.nodes(node.value, node.inner)

    def error(self, offset: int, text: str) -> PackageError:
        """Make the exception that ends the reading."""
        return PackageError(str(self.element), offset, text)

    def note(self, status: Status, text: str, offset: int | None = None, *, warning: bool = False) -> None:
        """Write down what the reader can read past."""
        if len(self.package.findings) < MAX_FINDINGS:
            self.package.findings.append(Finding(status, text, self.element.identification, offset, warning))

    def unknown(self, node: Node) -> None:
        """Write down a member that this version of the format doesn't have."""
        self.note(Status.INVALID_PARAMETER, f"unknown member {node.tag:X}", node.offset, warning=True)

    def integer(self, node: Node) -> int:
        """Read an INTEGER that can't be negative; one that is was meant unsigned, and is noted. Raises PackageError."""
        if not 1 <= len(node.value) <= _MAX_INTEGER:
            raise self.error(node.offset, f"the number in tag {node.tag:X} takes {len(node.value)} bytes")
        if node.value[0] & 0x80:
            meant = int.from_bytes(node.value, "big")
            text = f"tag {node.tag:X} holds {meant} without a leading 00, which makes it negative"
            self.note(Status.BAD_VALUES, text, node.offset)
            return meant
        return int.from_bytes(node.value, "big")

    def or_default(self, node: Node | None, default: int) -> int:
        """Read an INTEGER with a default, and note where the default is encoded. Raises PackageError."""
        if node is None:
            return default
        value = self.integer(node)
        if value == default:
            self.default_encoded(node)
        return value

    def default_encoded(self, node: Node) -> None:
        """Note that a member says what it would mean if it were absent."""
        text = f"tag {node.tag:X} says what is the default, which DER leaves out"
        self.note(Status.INVALID_REQUEST_FORMAT, text, node.offset, warning=True)

    def members(self, node: Node, known: set[int], *, required: set[int]) -> dict[int, Node]:
        """Index the members of a SEQUENCE by tag. Raises PackageError where a required one is missing."""
        return self.index(self.inside(node), known, required=required, offset=node.offset)

    def index(self, nodes: list[Node], known: set[int], *, required: set[int], offset: int = 0) -> dict[int, Node]:
        """Index TLVs by tag, the first of each. Raises PackageError where a required one is missing."""
        members: dict[int, Node] = {}
        for node in nodes:
            if node.tag in known:
                members.setdefault(node.tag, node)
            else:
                self.unknown(node)
        for tag in sorted(required - members.keys()):
            raise self.error(offset, f"tag {tag:X} is missing")
        return members

    def of_length(self, node: Node, *lengths: int) -> bytes:
        """Take a value that must have one of these lengths in bytes. Raises PackageError."""
        if len(node.value) not in lengths:
            allowed = " or ".join(map(str, lengths))
            raise self.error(node.offset, f"tag {node.tag:X} takes {allowed} bytes, not {len(node.value)}")
        return node.value

    def reserve(self, size: int, offset: int) -> None:
        """Count the bytes of a file. Raises PackageError where a package asks for more than any card has."""
        self.content += size
        if self.content > MAX_CONTENT:
            raise self.error(offset, f"the files need more than {MAX_CONTENT} bytes")

    def add(self, file: File, offset: int) -> None:
        """Put a file into the tree, and note what is wrong about its place."""
        files = self.package.files
        if file.path in files:
            self.note(Status.BAD_VALUES, f"{file.path} is made twice", offset)
        parent = file.path.rpartition("/")[0] or "3F00"
        if parent not in files and file.path != "3F00":
            self.note(Status.BAD_VALUES, f"{file.path} is made before its directory {parent}", offset)
        if file.link is not None and self.package.file(file.link) is None:
            self.note(Status.BAD_VALUES, f"{file.path} is a link to {file.link}, which is not there yet", offset)
        files[file.path] = file
