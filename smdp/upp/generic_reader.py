"""Reading genericFileManagement: files made by commands, not by a template."""

from msgspec import Struct

from smdp.upp.contents import File, Naa, Status
from smdp.upp.cursor import Cursor, Node
from smdp.upp.files import DIRECTORIES, MAX_PATH, Draft, finish, overlay, path_of_bytes
from smdp.upp.templates import Row

_KINDS = {"A0000000871002": "usim", "A0000000871004": "isim", "A0000003431002": "csim"}
"""What an application is, by how its AID begins (TS 101 220 annex E)."""
_NO_ROW = Row("", None, "")


def read_generic(cursor: Cursor, nodes: list[Node]) -> None:
    """Make the files of a genericFileManagement element. Raises PackageError."""
    state = _Generic(cursor)
    for commands in cursor.inside(cursor.index(nodes, {0xA1}, required={0xA1})[0xA1]):
        for command in cursor.inside(commands):
            state.run(command)
    state.flush()


class _Generic(Struct):
    """The current directory, and the file that fills apply to."""

    cursor: Cursor
    directory: str = ""
    draft: Draft | None = None
    skip: int = 0
    count: int = 0
    made: bool = False

    def run(self, command: Node) -> None:
        """Obey one command."""
        number, self.count = self.count, self.count + 1
        match command.tag:
            case 0x80:
                self.flush()
                self._change(command)
            case 0x62:
                self.flush()
                self.draft = Draft(_NO_ROW, command.offset, number)
                overlay(self.cursor, self.draft, self.cursor.inside(command))
                if 0x88 not in self.draft.given and self.draft.fid:
                    self.draft.sfi = int(self.draft.fid, 16) & 0x1F
            case 0x02:
                self.skip += self.cursor.integer(command)
            case 0x81:
                self._fill(command)
            case _:
                text = f"{command.tag:X} is no command here (02 skips, 81 writes)"
                self.cursor.note(Status.INVALID_REQUEST_FORMAT, text, command.offset)

    def _change(self, command: Node) -> None:
        path = path_of_bytes(self.cursor.of_length(command, *range(0, MAX_PATH + 1, 2)))
        if path and self.cursor.package.file(path) is None:
            self.cursor.note(Status.BAD_VALUES, f"there is no directory {path} yet", command.offset)
        self.directory = path

    def _fill(self, command: Node) -> None:
        if self.draft is None:
            self.cursor.note(Status.BAD_VALUES, "content comes before any file", command.offset)
            return
        self.draft.fills.append((self.skip, command.value))
        self.skip = 0

    def flush(self) -> None:
        """Create the file that was described last."""
        draft, self.draft, self.skip = self.draft, None, 0
        if draft is None:
            return
        if not draft.type:
            self.cursor.note(Status.INVALID_PARAMETER, "a file has no descriptor", draft.offset)
            return
        file = finish(self.cursor, draft, self.directory)
        if file is not None and file.type in DIRECTORIES:
            self._enter(file)

    def _enter(self, file: File) -> None:
        """Make a new directory the current one (TS 102 222 §6.3.2); an application's files and keys follow it."""
        self.directory = "" if file.type == "MF" else file.path
        if not self.made:
            self.made = True
            self.cursor.made_first = file.path
        if file.type == "ADF":
            kind = next((kind for rid, kind in _KINDS.items() if file.aid.hex().upper().startswith(rid)), "other")
            self.cursor.adf = file.path
            self.cursor.package.naas.append(Naa(kind, file.path, file.aid))
