"""A profile package, read: its parts, its file tree, and the values a phone would read from it."""

from msgspec import Struct

from smdp.rsp.ids import iccid_of_bytes
from smdp.upp.applications import Isim, Usim, decoded
from smdp.upp.contents import (
    Aka,
    Application,
    Element,
    File,
    Finding,
    Naa,
    Pin,
    Puk,
    Rfm,
    SecurityDomain,
    SharedPins,
)

_MAX_LINKS = 8


class Package(Struct):
    """A profile package, read. Values are those of the first USIM where there are several."""

    version: tuple[int, int]
    profile_type: str | None
    iccid: str
    services: tuple[int, ...]
    templates: tuple[str, ...]
    elements: list[Element] = []
    files: dict[str, File] = {}
    naas: list[Naa] = []
    pins: list[Pin] = []
    shared_pins: list[SharedPins] = []
    puks: list[Puk] = []
    aka: list[Aka] = []
    security_domains: list[SecurityDomain] = []
    rfm: list[Rfm] = []
    applications: list[Application] = []
    findings: list[Finding] = []
    """What the reader met and could read past; `lint` adds what only the whole shows."""

    def __repr__(self) -> str:
        """Say in one line what it is."""
        size = f"{len(self.elements)} elements, {len(self.files)} files"
        return f"<Package {self.profile_type!r} iccid={self.iccid}: {size}>"

    @property
    def ef_iccid(self) -> str | None:
        """The ICCID in EF.ICCID; None if the file is missing or unreadable."""
        return decoded(iccid_of_bytes, self.body("2FE2"))

    @property
    def usims(self) -> list[Usim]:
        """The USIMs, in the order of the package."""
        return [Usim(self, naa) for naa in self.naas if naa.kind == "usim"]

    @property
    def isims(self) -> list[Isim]:
        """The ISIMs, in the order of the package."""
        return [Isim(self, naa) for naa in self.naas if naa.kind == "isim"]

    @property
    def usim(self) -> Usim | None:
        """The first USIM."""
        return next(iter(self.usims), None)

    @property
    def isim(self) -> Isim | None:
        """The first ISIM."""
        return next(iter(self.isims), None)

    def pin(self, reference: int, context: str = "3F00") -> Pin | None:
        """Find a PIN or ADM key of a directory: 1 PIN1 and 10 ADM1 of the MF, 129 PIN2 of an application."""
        shared = next((entry.path for entry in self.shared_pins if entry.context == context), context)
        return next((pin for pin in self.pins if (pin.context, pin.reference) == (shared, reference)), None)

    def puk(self, reference: int) -> Puk | None:
        """Find a PUK: 1 for PIN1, 129 for PIN2."""
        return next((puk for puk in self.puks if puk.reference == reference), None)

    def body(self, path: str) -> bytes:
        """Get the content of a file, through links; nothing if there is no such file."""
        found = self.file(path)
        return b"" if found is None else found.body

    def file(self, path: str) -> File | None:
        """Find a file by its path (`2FE2`, `7FD0/6F07`), through links; None if it isn't there or links go round."""
        for _ in range(_MAX_LINKS):
            found = self._at(path)
            if found is None or found.link is None:
                return found
            path = found.link
        return None

    def _at(self, path: str) -> File | None:
        """Find the file at a path itself, through links of the directories above it only."""
        for _ in range(_MAX_LINKS):
            if path in self.files:
                return self.files[path]
            parent = next((up for up in _parents(path) if (at := self.files.get(up)) and at.link is not None), None)
            if parent is None:
                return None
            path = f"{self.files[parent].link}{path[len(parent) :]}"
        return None


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]
