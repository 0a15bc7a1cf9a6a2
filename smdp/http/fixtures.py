"""Fixtures: documents of carriers in files, imported before the server is ready."""

import json
import logging
import tomllib
from pathlib import Path
from typing import Any

from smdp.carrier import document
from smdp.carrier.addresses import DEFAULT
from smdp.carrier.document import Document
from smdp.carrier.errors import CarrierError
from smdp.carrier.keeper import Keeper
from smdp.errors import StartError
from smdp.http.keeping import MAX_DOCUMENT

_READERS = {".json": json.loads, ".toml": tomllib.loads}
_log = logging.getLogger("smdp")


async def load(keeper: Keeper, path: Path) -> None:
    """Import the file, or every .json and .toml file of the folder, in the order of their names.

    A carrier that holds something already is left as it is, so that a restart with a database brings no used profile
    back. Raises StartError that names file and JSON path of what is wrong.
    """
    found = [(file, _read(file)) for file in _files(path)]
    for file, one in found:
        name = one.carrier.get("name", DEFAULT)
        try:
            loaded = await keeper.load_fixture(one, name)
        except CarrierError as error:
            raise _wrong(file, error) from None
        counts = f"{len(one.profiles)} profiles, {len(one.devices)} devices"
        told = counts if loaded else "left as it is: it holds something already"
        _log.info("fixture %s: carrier %s, %s", file.name, name, told)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in _READERS and file.is_file())
    if path.suffix not in _READERS:
        raise StartError(f"The fixtures {path} are neither a folder nor a .json or .toml file. Set SMDP_FIXTURES.")
    return [path]


def _read(file: Path) -> Document:
    try:
        if file.stat().st_size > MAX_DOCUMENT:
            raise StartError(f"The fixture {file} has more than {MAX_DOCUMENT >> 20} MiB. Make several of it.")
        value: Any = _READERS[file.suffix](file.read_text("utf-8"))
        return document.read(value)
    except OSError as error:
        because = f"The fixture {file} can't be read: {error.strerror or error}."
        raise StartError(f"{because} Correct SMDP_FIXTURES, or the file's rights.") from None
    except CarrierError as error:
        raise _wrong(file, error) from None
    except (ValueError, RecursionError) as error:
        kind = "TOML" if file.suffix == ".toml" else "JSON"
        raise StartError(f"The fixture {file} is no valid {kind}: {str(error)[:200]}.") from None


def _wrong(file: Path, error: CarrierError) -> StartError:
    return StartError(f"The fixture {file} is not right: {error}")
