"""Reading template elements: mf, telecom, usim, isim and their kind (TCA Interoperable Format, Annex A)."""

from msgspec import Struct

from smdp.upp.contents import File, Naa, Status
from smdp.upp.cursor import Cursor, Node
from smdp.upp.der import DO_NOT_CREATE, FILE_DESCRIPTOR, FILL_CONTENT, FILL_OFFSET
from smdp.upp.files import DIRECTORIES, Draft, finish, join, overlay
from smdp.upp.templates import Row, Template, template

_UNDER_MF = frozenset({"mf", "cd", "telecom", "usim", "isim", "csim"})
_NO_ROW = Row("", None, "")


def read_template(cursor: Cursor, nodes: list[Node]) -> None:
    """Make the files of a template element, from its members behind PEHeader and templateID. Raises PackageError."""
    known = template(cursor.element.template or "")
    if known is None:
        text = f"the template {cursor.element.template or '(none)'} is not known"
        cursor.note(Status.TEMPLATE_NOT_SUPPORTED, text)
    members = {node.tag: node for node in nodes}
    if len(members) < len(nodes):
        cursor.note(Status.INVALID_REQUEST_FORMAT, "a member is given twice")
    rows = {} if known is None else known.rows
    place = _Place(cursor)
    for tag, row in rows.items():
        place.enter(row)
        draft = _member(cursor, row, tag, members.pop(tag, None), known)
        if draft is not None:
            place.put(draft)
    for tag, node in members.items():
        place.put_unknown(tag, node)


def _member(cursor: Cursor, row: Row, tag: int, node: Node | None, known: Template | None) -> Draft | None:
    """Read one File; None where the template's file is not wanted."""
    if node is None:
        if "M" in row.needs:
            cursor.note(Status.INVALID_REQUEST_FORMAT, f"the mandatory file {row.name} is missing")
            return None
        return Draft.of(row, 0, tag) if known is not None and known.created_by_default else None
    draft = Draft.of(row, node.offset, tag)
    return draft if _read_file(cursor, draft, node) else None


def _read_file(cursor: Cursor, draft: Draft, node: Node) -> bool:
    """Read the items of a File into its draft; False if it is not to be created."""
    skip = 0
    for item in cursor.inside(node):
        match item.tag:
            case tag if tag == DO_NOT_CREATE:
                return False
            case tag if tag == FILE_DESCRIPTOR:
                overlay(cursor, draft, cursor.inside(item))
            case tag if tag == FILL_OFFSET:
                skip += cursor.integer(item)
            case tag if tag == FILL_CONTENT:
                draft.fills.append((skip, item.value))
                skip = 0
            case _:
                cursor.unknown(item)
    _check_needs(cursor, draft)
    return True


def _check_needs(cursor: Cursor, draft: Draft) -> None:
    """Note what a template leaves to the package and the package forgot."""
    needs, given, name = draft.row.needs, draft.given, draft.row.name
    if draft.link is not None:
        return
    if draft.type in DIRECTORIES:
        required = {0x83, 0x84, 0xC6} if draft.type == "ADF" else {0xC6}
        missing = sorted(required - given)
        if missing:
            tags = ", ".join(f"{tag:X}" for tag in missing)
            cursor.note(Status.INVALID_PARAMETER, f"{name} lacks {tags} in its Fcp", draft.offset)
        return
    if "c" in needs and not draft.fills and not given & {0xC1, 0xC2}:
        cursor.note(Status.BAD_VALUES, f"{name} has no content", draft.offset, warning="M" not in needs)
    if "f" in needs and 0x88 not in given:
        cursor.note(Status.INVALID_PARAMETER, f"{name} has no short file identifier", draft.offset, warning=True)


class _Place(Struct):
    """The directory that a template's files go into."""

    cursor: Cursor
    root: str | None = None
    directory: str | None = None
    first: bool = True

    def enter(self, row: Row) -> None:
        """Take notice of a directory's row, whether or not it is created."""
        if row.type == "DF" and row.fid and not self.first:
            self.directory = join(self.root or "", row.fid)
        if self.directory is None:
            self.root = self.directory = "" if self._under_mf() else self.cursor.adf

    def _under_mf(self) -> bool:
        return self.cursor.element.name in _UNDER_MF

    def put(self, draft: Draft) -> None:
        """Create the file."""
        if self.directory is None:
            raise self.cursor.error(draft.offset, "there is no application before it that it could belong to")
        if draft.type not in DIRECTORIES:
            finish(self.cursor, draft, self.directory)
            return
        file = finish(self.cursor, draft, self.root or "")
        if file is None:
            return
        if self.first:
            self.root, self.directory, self.first = file.path, file.path, False
            self.cursor.made_first = file.path
            _open(self.cursor, file)

    def put_unknown(self, tag: int, node: Node) -> None:
        """Create a file that no table has, from its Fcp alone."""
        self.enter(_NO_ROW)
        draft = Draft.of(_NO_ROW, node.offset, tag)
        if _read_file(self.cursor, draft, node) and draft.fid and draft.type:
            self.put(draft)
        else:
            text = f"member {tag:X} can't be read without the template's table"
            self.cursor.note(Status.INVALID_PARAMETER, text, node.offset, warning=True)


def _open(cursor: Cursor, file: File) -> None:
    """Take notice of an application's directory: what follows belongs to it."""
    if file.type == "ADF":
        cursor.adf = file.path
        cursor.package.naas.append(Naa(cursor.element.name, file.path, file.aid))
