"""smdp: a mock mobile carrier. Its SM-DP+ speaks SGP.22, and its simulated Apple devices download from it.

The names below load on first use (PEP 562), so that `import smdp` costs nothing and the command line starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smdp.client import AsyncClient as AsyncClient
    from smdp.client import Client as Client
    from smdp.device.alone import Device as Device
    from smdp.server import Server as Server
    from smdp.server import create_app as create_app
    from smdp.settings import Settings as Settings

    __version__: str

_HOMES = {
    "AsyncClient": "smdp.client",
    "Client": "smdp.client",
    "Device": "smdp.device.alone",
    "Server": "smdp.server",
    "Settings": "smdp.settings",
    "create_app": "smdp.server",
}

__all__ = ["AsyncClient", "Client", "Device", "Server", "Settings", "create_app"]


def __getattr__(name: str) -> object:
    """Load a public name from its module, once."""
    if name == "__version__":
        value: object = import_module("importlib.metadata").version("smdp")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        message = f"module 'smdp' has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *_HOMES, "__version__"})
