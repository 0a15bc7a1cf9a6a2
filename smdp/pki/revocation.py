"""Certificate revocation lists (RFC 5280 §5): what a CI of a PKI publishes, and how a certificate gets onto its list.

A CI revokes what it signed itself: EUM, SM-DP+, SM-DS and TLS certificates. An eUICC's certificate is its EUM's, and an
EUM signs no lists (its keyUsage lacks cRLSign): SGP.22 revokes the EUM. Lists live on real time, as TLS does.
"""

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import CertificateRevocationList as Crl

from smdp.pki import folder as folders
from smdp.pki.errors import PkiError
from smdp.pki.folder import Folder
from smdp.pki.model import Pki
from smdp.pki.profiles import stem
from smdp.rsp import certs
from smdp.rsp.certs import Certificate, Role
from smdp.rsp.crypto import PrivateKey
from smdp.rsp.tlv import Malformed

LIFETIME = dt.timedelta(days=7)
"""From thisUpdate to nextUpdate of a list that a server signs."""

LIFETIME_OF_FILES = dt.timedelta(days=365)
"""The same of a list that `smdp pki revoke` writes: a server without the CI's key serves the file as it is."""

_KEY_IDENTIFIER_DIGITS = 40


def issued(crl: Crl, ci: Certificate) -> bool:
    """Say whether this CI made and signed the list."""
    if crl.issuer.public_bytes() != ci.subject:
        return False
    try:
        return crl.is_signature_valid(ci.public_key)
    except Exception:  # noqa: BLE001 - the parser documents no complete list of what it raises
        return False


def file_names(pki: Pki) -> dict[str, bytes]:
    """List what `/crl/…` serves, in lower case, and of which CI (its key identifier, 20 bytes).

    Each CI's list is called after its key identifier; the first CI on a curve has the name too that is in the
    certificates of `smdp pki new` and of the public PKI.
    """
    found: dict[str, bytes] = {}
    for ski, ci in pki.cis.items():
        found.setdefault(f"{stem('ci', ci.curve)}.crl", ski)
        found[f"{ski.hex()}.crl"] = ski
    return found


def current(pki: Pki, ski: bytes, now: dt.datetime) -> bytes | None:
    """Return the list of a CI (DER) as it is published at `now`: signed again, where the key is here.

    thisUpdate is the full hour, so within it the bytes are the same, in every server of this PKI. Without the CI's key
    it is the newest list that came with the folder; None without that.
    """
    key, crls = pki.ci_keys.get(ski), pki.crls.get(ski, ())
    if key is None:
        newest = max(crls, key=lambda crl: crl.last_update_utc, default=None)
        return None if newest is None else newest.public_bytes(serialization.Encoding.DER)
    return _signed(pki.cis[ski], key, _entries(crls), now.replace(minute=0, second=0, microsecond=0), LIFETIME)


def revoke(directory: Path, wanted: str, now: dt.datetime) -> tuple[Path, bool]:
    """Put a certificate of a folder onto its CI's list there; return the list's file, and whether that is news.

    `wanted` is the path of a certificate, a subject key identifier (40 hexadecimal digits) or a serial number (fewer).
    The file is replaced in one step. A running server reads it when it starts next. Raises PkiError.
    """
    with _locked(directory):
        found = folders.read(directory)
        certificate = _wanted(directory, found, wanted)
        ci, key = _issuer(directory, found, certificate)
        file = directory / f"{(ci.ski or b'').hex().upper()}.crl"
        revoked = _entries(crl for _, crl in found.crls if issued(crl, ci))
        if certificate.number in revoked:
            return file, False
        _replace(file, _signed(ci, key, revoked | {certificate.number: now}, now, LIFETIME_OF_FILES))
    return file, True


# --- making a list


def _entries(crls: Iterable[Crl]) -> dict[int, dt.datetime]:
    """Put together what several lists of a CI name: serial number, and since when."""
    return {entry.serial_number: entry.revocation_date_utc for crl in crls for entry in crl}


def _signed(
    ci: Certificate, key: PrivateKey, entries: dict[int, dt.datetime], begin: dt.datetime, lifetime: dt.timedelta
) -> bytes:
    """Sign a list. Its number grows with its time and its length, so that a later one has a greater one."""
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=x509.load_der_x509_certificate(ci.der).subject,
        last_update=begin.replace(microsecond=0),
        next_update=begin.replace(microsecond=0) + lifetime,
    )
    builder = builder.add_extension(x509.AuthorityKeyIdentifier(ci.ski, None, None), critical=False)
    builder = builder.add_extension(x509.CRLNumber(int(begin.timestamp()) + len(entries)), critical=False)
    for number, since in sorted(entries.items()):
        entry = x509.RevokedCertificateBuilder(serial_number=number, revocation_date=since.replace(microsecond=0))
        builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(serialization.Encoding.DER)


# --- finding what is meant


def _wanted(directory: Path, found: Folder, wanted: str) -> Certificate:
    """Find the certificate that is meant: in a file, or in the folder by one of its numbers."""
    path = Path(wanted)
    try:
        is_file = path.is_file()
    except OSError:
        is_file = False
    if is_file:
        return _of_file(path)
    digits = wanted.replace(":", "").replace(" ", "").lower().removeprefix("0x")
    try:
        number = int(digits, 16)
    except ValueError:
        fix = "Name a certificate's file, its subject key identifier or its serial number in hexadecimal."
        raise PkiError(wanted[:200], "this is neither a file nor a hexadecimal number", fix) from None
    by_key = len(digits) == _KEY_IDENTIFIER_DIGITS
    matches = [
        certificate
        for _, certificate in found.certificates
        if (certificate.ski == bytes.fromhex(digits) if by_key else certificate.number == number)
    ]
    if len(matches) == 1:
        return matches[0]
    many = "several certificates have" if matches else "no certificate has"
    fix = "Name the certificate's file." if matches else f"smdp pki show {directory} lists what is there."
    raise PkiError(str(directory), f"{many} the {'key identifier' if by_key else 'serial number'} {wanted[:80]}", fix)


def _of_file(path: Path) -> Certificate:
    file = Folder()
    try:
        with path.open("rb") as opened:
            file.add(path.name, opened.read(folders.MAX_FILE_BYTES))
    except (OSError, Malformed) as error:
        raise PkiError(str(path), f"it cannot be read: {error}", "Name a certificate, PEM or DER.") from None
    if len(file.certificates) != 1:
        count = len(file.certificates) or "no"
        fix = "Name a file that holds the one certificate that is to be revoked."
        raise PkiError(str(path), f"it holds {count} certificate{'s' * (count != 1)}", fix)
    return file.certificates[0][1]


def _issuer(directory: Path, found: Folder, certificate: Certificate) -> tuple[Certificate, PrivateKey]:
    """Find who signed a certificate, and with which key. Raises PkiError with what to do where it can't be revoked."""
    where = str(directory)
    if certificate.has_role(Role.EUICC):
        fix = "Revoke its EUM, or let the server refuse this one device: smdp fault add refuse --eid EID."
        raise PkiError(where, "no CRL of SGP.22 names eUICCs, whose EUM signs no lists", fix)
    if certs.signed_by(certificate, certificate):
        raise PkiError(where, "a CI cannot revoke itself", "Who no longer trusts it takes it out of the trust store.")
    issuers = (one for _, one in found.certificates if one.ca and one.has_role(Role.CI) and one.ski == certificate.aki)
    ci = next((one for one in issuers if certs.signed_by(certificate, one)), None)
    if ci is None:
        raise PkiError(where, "no CI of this folder signed that certificate", "Name the folder with its CI: --pki DIR.")
    key = found.key_of(ci)
    if key is None:
        fix = "`smdp pki export DIR` writes the public PKI with its keys, `smdp pki new DIR` makes one: revoke there."
        raise PkiError(where, "the key of its CI is not here, so nobody can sign its CRL", fix)
    return ci, key


# --- writing


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep another `smdp pki revoke` out of the folder: each adds to what the other one wrote."""
    import fcntl  # noqa: PLC0415 - POSIX alone has it, and a server does without

    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        fix = "Name a folder with certificates and keys: --pki DIR."
        raise PkiError(str(directory), f"it cannot be opened: {error.strerror}", fix) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(file: Path, data: bytes) -> None:
    """Write a file in one step: whoever reads it sees the old one or the new one."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")  # a name with a dot is not read as part of a PKI
    try:
        with beside.open("wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PkiError(str(file), f"it cannot be written: {error.strerror}", "Let this user write there.") from None
