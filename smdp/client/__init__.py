"""The control API as Python calls: what scripts, tests and the command line use.

`Client` needs the standard library alone; `AsyncClient` brings aiohttp, when it is used first.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from smdp.client.api import Client as Client
from smdp.client.hosted import HostedDevice as HostedDevice

if TYPE_CHECKING:
    from smdp.client.aio import AsyncClient as AsyncClient
    from smdp.client.aio import AsyncHostedDevice as AsyncHostedDevice

__all__ = ["AsyncClient", "AsyncHostedDevice", "Client", "HostedDevice"]


def __getattr__(name: str) -> object:
    """Load what is awaitable on first use."""
    if name not in ("AsyncClient", "AsyncHostedDevice"):
        message = f"module 'smdp.client' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module("smdp.client.aio"), name)
