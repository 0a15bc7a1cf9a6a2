"""Read whatever certificates and keys a folder holds: PEM or DER, several in a file, sub-folders and all."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import CertificateRevocationList as Crl
from cryptography.x509 import load_der_x509_crl, load_pem_x509_certificate, load_pem_x509_crl

from smdp.pki.errors import PkiError
from smdp.pki.model import Line
from smdp.rsp.certs import Certificate, load
from smdp.rsp.crypto import PrivateKey, curve_name, point_of
from smdp.rsp.tlv import Malformed

MAX_FILES = 5000
MAX_FILE_BYTES = 256 * 1024

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----", re.DOTALL)
_SEQUENCE = b"\x30"
_SILENT = {"EC PARAMETERS"}  # OpenSSL writes them in front of a key, which repeats them


@dataclass(slots=True)
class Folder:
    """What was found: certificates and CRLs by path, keys by their public point (65 bytes), and what was skipped."""

    certificates: list[tuple[str, Certificate]] = field(default_factory=list)
    keys: dict[bytes, tuple[str, PrivateKey]] = field(default_factory=dict, repr=False)
    crls: list[tuple[str, Crl]] = field(default_factory=list)
    skipped: list[Line] = field(default_factory=list)

    def key_of(self, certificate: Certificate) -> PrivateKey | None:
        """Return the private key that belongs to a certificate, if it was found."""
        found = self.keys.get(point_of(certificate.public_key))
        return None if found is None else found[1]

    def orphans(self) -> list[tuple[str, PrivateKey]]:
        """List the keys that no certificate has."""
        points = {point_of(certificate.public_key) for _, certificate in self.certificates}
        return [found for point, found in self.keys.items() if point not in points]

    def add(self, path: str, data: bytes) -> None:
        """Take in the contents of one file."""
        if data.startswith(_SEQUENCE):
            self._add_der(path, data)
            return
        blocks = list(_BLOCK.finditer(data))
        if not blocks:
            self.skipped.append(Line(path, "skipped", "neither PEM nor DER"))
        for block in blocks:
            self._add_pem(path, block[1].decode(), block[0])

    def _add_der(self, path: str, data: bytes) -> None:
        try:
            self._add_certificate(path, load(data))
        except Malformed as malformed:
            if not self._add_other_der(path, data):
                self.skipped.append(Line(path, "skipped", f"neither a certificate nor a private key: {malformed}"))

    def _add_other_der(self, path: str, data: bytes) -> bool:
        """Take in a private key or a CRL; say whether it was one."""
        try:
            self.crls.append((path, load_der_x509_crl(data)))
        except ValueError:
            try:
                self._add_key(path, serialization.load_der_private_key(data, None))
            except Exception:  # noqa: BLE001 - the parser documents no complete list of what it raises
                return False
        return True

    def _add_pem(self, path: str, label: str, block: bytes) -> None:
        try:
            if label.endswith("PRIVATE KEY"):
                self._add_key(path, serialization.load_pem_private_key(block, None))
            elif label == "CERTIFICATE":
                certificate = load_pem_x509_certificate(block)
                self._add_certificate(path, load(certificate.public_bytes(serialization.Encoding.DER)))
            elif label == "X509 CRL":
                self.crls.append((path, load_pem_x509_crl(block)))
            elif label not in _SILENT:
                self.skipped.append(Line(path, "skipped", f"smdp has no use for a {label.lower()}"))
        except Exception as error:  # noqa: BLE001 - the parser documents no complete list of what it raises
            reason = str(error).partition("\n")[0][:160]
            self.skipped.append(Line(path, "skipped", f"the {label.lower()} cannot be read: {reason}"))

    def _add_certificate(self, path: str, certificate: Certificate) -> None:
        twin = next((at for at, other in self.certificates if other == certificate), None)
        if twin is None:
            self.certificates.append((path, certificate))
        else:
            self.skipped.append(Line(path, "skipped", f"the same certificate as in {twin}"))

    def _add_key(self, path: str, key: object) -> None:
        if not isinstance(key, PrivateKey):
            raise Malformed("it is no elliptic-curve key")
        curve_name(key)
        self.keys.setdefault(point_of(key), (path, key))


def read(directory: Path) -> Folder:
    """Read a folder and its sub-folders, in the order of their names.

    Raises PkiError if it is no folder, cannot be read, or holds more than 5000 files; files above 256 KiB are skipped.
    """
    try:
        is_folder = directory.is_dir()
    except OSError as error:
        what, fix = f"it cannot be read: {error.strerror}", "Name another folder, or let the server's user read it."
        raise PkiError(str(directory)[:200], what, fix) from None
    if not is_folder:
        raise PkiError(
            str(directory), "this is no folder", "Name a folder with certificates and keys, or use `public`."
        )
    folder = Folder()
    for path in _files(directory):
        name = path.relative_to(directory).as_posix()
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                folder.skipped.append(Line(name, "skipped", f"larger than {MAX_FILE_BYTES // 1024} KiB"))
            else:
                folder.add(name, path.read_bytes())
        except OSError as error:
            folder.skipped.append(Line(name, "skipped", f"it cannot be read: {error.strerror}"))
    return folder


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a link to somewhere that this user may not look
        return False


def _files(directory: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise PkiError(str(error.filename), f"it cannot be read: {error.strerror}", "Let the server's user read it.")

    found: list[Path] = []
    for root, folders, files in os.walk(directory, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(root, name) for name in sorted(files) if not name.startswith("."))
        found += [path for path in paths if _is_file(path)]
        if len(found) > MAX_FILES:
            raise PkiError(str(directory), f"it holds more than {MAX_FILES} files", "Name the PKI's own folder.")
    return found
