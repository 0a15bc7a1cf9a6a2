"""What a phone reads from a USIM and an ISIM, by name. A file that is missing, blank or unreadable gives None."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from smdp.rsp.tlv import Malformed
from smdp.upp import codings
from smdp.upp.contents import Aka, File, Naa

if TYPE_CHECKING:
    from smdp.upp.package import Package

Value = TypeVar("Value")
_DEFAULT_MNC_LENGTH = 2


def decoded(decoder: Callable[[bytes], Value], data: bytes) -> Value | None:
    """Decode what a file holds, or answer None."""
    try:
        return decoder(data)
    except Malformed:
        return None


class _Application(Struct, frozen=True):
    """An application of a package."""

    package: "Package"
    naa: Naa

    def file(self, fid: str) -> File | None:
        """Find a file by its FID, or the path of FIDs below the ADF."""
        return self.package.file(f"{self.naa.path}/{fid}")

    def body(self, fid: str) -> bytes:
        """Get the content of a file; nothing if there is none."""
        return self.package.body(f"{self.naa.path}/{fid}")

    @property
    def aid(self) -> bytes:
        """The AID that it is selected by."""
        return self.naa.aid

    @property
    def aka(self) -> Aka | None:
        """What it authenticates with, also where that is shared with another application."""
        own = next((aka for aka in self.package.aka if aka.naa == self.naa.path), None)
        if own is None or own.mapping is None:
            return own
        source = {naa.path for naa in self.package.naas if naa.aid == own.mapping}
        return next((aka for aka in self.package.aka if aka.naa in source and aka.mapping is None), None)

    @property
    def ki(self) -> bytes | None:
        """The key K, 16 bytes (TUAK also 32)."""
        return None if self.aka is None else self.aka.key

    @property
    def opc(self) -> bytes | None:
        """OPc, 16 bytes (TUAK: TOPc, 32)."""
        return None if self.aka is None else self.aka.opc

    def _first_record(self, fid: str) -> bytes:
        found = self.file(fid)
        return found.records[0] if found is not None and found.record_length and found.body else b""


class Usim(_Application, frozen=True):
    """A USIM (3GPP TS 31.102 §4.2)."""

    @property
    def imsi(self) -> str | None:
        """EF.IMSI."""
        return decoded(codings.bytes_to_imsi, self.body("6F07"))

    @property
    def mnc_length(self) -> int:
        """How many digits of the IMSI are the MNC (EF.AD byte 4)."""
        digits = self.body("6FAD")[3:4]
        return 3 if digits == b"\x03" else _DEFAULT_MNC_LENGTH

    @property
    def plmn(self) -> str | None:
        """MCC and MNC of the IMSI, 5 or 6 digits."""
        return None if self.imsi is None else self.imsi[: 3 + self.mnc_length]

    @property
    def msisdn(self) -> str | None:
        """The first number in EF.MSISDN."""
        return decoded(codings.bytes_to_number, self._first_record("6F40"))

    @property
    def smsc(self) -> str | None:
        """The service centre in EF.SMSP."""
        return decoded(codings.bytes_to_smsc, self._first_record("6F42"))

    @property
    def spn(self) -> str | None:
        """The service provider's name in EF.SPN."""
        return decoded(codings.bytes_to_spn, self.body("6F46"))

    @property
    def access_classes(self) -> frozenset[int]:
        """The access classes of EF.ACC, 0 to 15."""
        bits = int.from_bytes(self.body("6F78")[:2], "big")
        return frozenset(n for n in range(16) if bits >> n & 1)

    @property
    def services(self) -> frozenset[int]:
        """The numbers of the services in EF.UST."""
        return codings.services_of_bytes(self.body("6F38"))

    @property
    def gid1(self) -> bytes:
        """EF.GID1 without its padding."""
        return self.body("6F3E").rstrip(b"\xff")

    @property
    def gid2(self) -> bytes:
        """EF.GID2 without its padding."""
        return self.body("6F3F").rstrip(b"\xff")

    @property
    def user_plmns(self) -> tuple[str, ...] | None:
        """The user's list, EF.PLMNwAcT."""
        return self._plmns("6F60", 5)

    @property
    def operator_plmns(self) -> tuple[str, ...] | None:
        """The operator's list, EF.OPLMNwAcT."""
        return self._plmns("6F61", 5)

    @property
    def home_plmns(self) -> tuple[str, ...] | None:
        """The home list, EF.HPLMNwAcT: once per access technology."""
        return self._plmns("6F62", 5)

    @property
    def equivalent_plmns(self) -> tuple[str, ...] | None:
        """The equivalent home PLMNs, EF.EHPLMN."""
        return self._plmns("6FD9", 3)

    @property
    def forbidden_plmns(self) -> tuple[str, ...] | None:
        """The forbidden PLMNs, EF.FPLMN."""
        return self._plmns("6F7B", 3)

    def _plmns(self, fid: str, step: int) -> tuple[str, ...] | None:
        return decoded(lambda data: codings.plmn_list(data, step), self.body(fid))


class Isim(_Application, frozen=True):
    """An ISIM (3GPP TS 31.103 §4.2)."""

    @property
    def impi(self) -> str | None:
        """The private identity, EF.IMPI."""
        return decoded(codings.uri_of_bytes, self.body("6F02"))

    @property
    def impus(self) -> tuple[str, ...]:
        """The public identities, EF.IMPU."""
        found = self.file("6F04")
        records = found.records if found is not None and found.record_length else ()
        return tuple(impu for record in records if (impu := decoded(codings.uri_of_bytes, record)))

    @property
    def domain(self) -> str | None:
        """The home network domain, EF.DOMAIN."""
        return decoded(codings.uri_of_bytes, self.body("6F03"))

    @property
    def services(self) -> frozenset[int]:
        """The numbers of the services in EF.IST."""
        return codings.services_of_bytes(self.body("6F07"))
