"""What `smdp pki` does: make a private PKI, write the public one with its keys, show what a folder is good for."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from smdp.pki import load, make
from smdp.pki.errors import PkiError
from smdp.pki.keys import Fresh
from smdp.pki.model import Line
from smdp.rsp.server.security import Credential

_PRIVATE_README = """\
# A private test PKI of smdp

Made by `smdp pki new`. Use it with `smdp serve --pki DIR`; devices that shall work with it must trust `ci-p256.pem` or
`ci-brainpool.pem`. Each `NAME.key.pem` is the private key of `NAME.pem` and readable by its owner only: keep it so, and
keep it out of version control. The CIs vouch for test names, private addresses{permitted}, and for every EID.

`smdp pki show DIR` says what each file is.
"""

_PUBLIC_README = """\
# The public test PKI of smdp, with its keys

Written by `smdp pki export`. Everybody has these keys, so they protect nothing: use them in tests only. Each
`NAME.key.pem` is the private key of `NAME.pem`; the key of `ci-p256-by-brainpool.pem` is `ci-p256.key.pem`.

`smdp pki show DIR` says what each file is; `smdp serve --pki DIR` serves with it, as without `--pki`.
"""


def new(directory: Path, permit: tuple[str, ...] = ()) -> list[Path]:
    """Make a PKI with random keys in a folder, which must be empty or not there yet, and return the files.

    `permit` are DNS names, IP addresses or networks that its CIs may certify besides the test names; its EUMs may
    certify every EID. Key files have mode 0600. Raises PkiError.
    """
    permitted = "".join(f", {name}" for name in permit)
    return _write(directory, make.make(Fresh(), permit), _PRIVATE_README.replace("{permitted}", permitted))


def export(directory: Path) -> list[Path]:
    """Write the public PKI with its derived keys into a folder, which must be empty or not there yet.

    Returns the files. Raises PkiError.
    """
    return _write(directory, make.public(), _PUBLIC_README)


def show(setting: str) -> str:
    """Say what a folder (or "public") is good for: a line for each file, used, minted or skipped, and why.

    Raises PkiError if the folder cannot be used and cannot be read either; if it can be read, the text says both.
    """
    try:
        pki = load.resolve(setting)
    except PkiError as error:
        if not error.report:
            raise
        return f"{_table(error.report)}\n\nThis folder cannot be used: {error.problem}. {error.fix}"
    cis = len(pki.cis)
    verdict = f"{setting}: {cis} CI{'s' * (cis != 1)}, an SM-DP+ under {len(pki.identities)} of them"
    euiccs = "eUICCs can be made" if pki.eums else "eUICCs cannot be made"
    return f"{_table(pki.report)}\n\n{verdict}, {euiccs}."


def report(setting: str) -> tuple[Line, ...]:
    """Say the same as lines: file, use and why. Raises PkiError if the folder cannot be read."""
    try:
        return load.resolve(setting).report
    except PkiError as error:
        if not error.report:
            raise
        return error.report


def _table(report: tuple[Line, ...]) -> str:
    width = max(len(line.path) for line in report)
    return "\n".join(f"{line.use:<8} {line.path:<{width}}  {line.why}" for line in report)


def _write(directory: Path, credentials: dict[str, Credential], readme: str) -> list[Path]:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise PkiError(str(directory), "the folder is not empty, and nothing is overwritten", "Name a new folder.")
        return list(_files(directory, credentials, readme))
    except OSError as error:
        fix = "Name a folder that can be written to."
        raise PkiError(str(directory), f"it cannot be written: {error.strerror}", fix) from error


def _files(directory: Path, credentials: dict[str, Credential], readme: str) -> list[Path]:
    contents = {"README.md": (readme.encode(), 0o644)}
    written = set()
    for name, credential in credentials.items():
        contents[f"{name}.pem"] = make.pem(credential.certificate), 0o644
        if credential.key not in written:
            contents[f"{name}.key.pem"] = _key_pem(credential), 0o600
            written.add(credential.key)
    for name, (content, mode) in contents.items():
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    return [directory / name for name in contents]


def _key_pem(credential: Credential) -> bytes:
    return credential.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
