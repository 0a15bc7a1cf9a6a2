"""What a small MDM has to remember over a restart: a file with its CA and, one after the other, what it was told.

Replaying what devices and programs said makes the same devices and queues again; only the times are those of the
replay. A record is written whole before its answer goes out, so that a process that is killed forgets nothing that
anybody was told; one that it was killed in the middle of is dropped.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from smdp.errors import StartError

MAX_BYTES = 256 * 1024**2
"""How long the file may be when it is read."""
_LENGTH_BYTES = 4
_MODE = 0o600

Kind = Literal["begin", "check-in", "connect", "command"]


class Record(NamedTuple):
    """Something that was said: `who` is the certificate's fingerprint of a device, or the UDID a command is for.

    `begin` is the first: `who` holds the CA's private key (PKCS #8 DER), `body` its certificate (DER) behind the SCEP
    challenge and a zero byte.
    """

    kind: Kind
    who: bytes
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class Journal:
    """The file; `records` is what it held. Raises StartError for one that can't be read or written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.touch(_MODE)
            data = path.read_bytes()
            if len(data) > MAX_BYTES:
                raise StartError(f"{path} has more than {MAX_BYTES >> 20} MiB; delete it to begin anew.")
            self.records = list(_read(data))
            os.truncate(path, sum(_LENGTH_BYTES + len(_encode(one)) for one in self.records))
        except OSError as error:
            raise StartError(f"The small MDM can't keep its state in {path}: {error.strerror}.") from None
        except msgspec.MsgspecError:
            raise StartError(f"{path} is no state of a small MDM; name another file, or delete it.") from None

    def write(self, record: Record) -> None:
        """Append a record, whole."""
        body = _encode(record)
        with self._path.open("ab") as file:
            file.write(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def _read(data: bytes) -> Iterator[Record]:
    at = 0
    while at + _LENGTH_BYTES <= len(data):
        end = at + _LENGTH_BYTES + int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        if end > len(data):
            return
        yield _decode(data[at + _LENGTH_BYTES : end])
        at = end
