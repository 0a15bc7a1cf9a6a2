"""What others have to trust, with the verbs they know from trustme: `configure_trust`, `cert_pem`."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

from smdp.pki import make
from smdp.pki.model import Pki


class Pem:
    """PEM text, to be used or written."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def bytes(self) -> bytes:
        """Return it."""
        return self._data

    def write_to_path(self, path: str | PathLike[str], *, append: bool = False) -> None:
        """Write it into a file, in place of what is there, or behind it."""
        with Path(path).open("ab" if append else "wb") as file:
            file.write(self._data)

    @contextmanager
    def tempfile(self) -> Iterator[str]:
        """Write it into a file that is gone afterwards, and give its path."""
        with TemporaryDirectory(prefix="smdp-") as folder:
            path = Path(folder, "ca.pem")
            path.write_bytes(self._data)
            yield str(path)


class Authority:
    """The CIs of a server: what TLS clients and eUICCs of its devices trust."""

    def __init__(self, pki: Pki) -> None:
        self.pki = pki

    def __repr__(self) -> str:
        return f"Authority({self.pki.name!r})"

    @property
    def cert_pem(self) -> Pem:
        """The certificates, as PEM: one or more."""
        return Pem(b"".join(make.pem(anchor) for anchor in self.pki.anchors))

    def configure_trust(self, context: ssl.SSLContext) -> None:
        """Have a client's context trust them, besides what it trusts already."""
        context.load_verify_locations(cadata=self.cert_pem.bytes().decode())
