"""The simulated Apple device: an eUICC, the LPA that drives it, and what the device shows of both.

The names below load on first use: who reads Apple's tables (`device.apple`) needs no eUICC and no network.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smdp.device.create import new_device as new_device
    from smdp.device.device import Device as Device
    from smdp.device.es9plus import Es9Client as Es9Client
    from smdp.device.managed import Managed as Managed
    from smdp.device.managed import Surroundings as Surroundings

_HOMES = {
    "Device": "smdp.device.device",
    "Es9Client": "smdp.device.es9plus",
    "Managed": "smdp.device.managed",
    "Surroundings": "smdp.device.managed",
    "new_device": "smdp.device.create",
}

__all__ = ["Device", "Es9Client", "Managed", "Surroundings", "new_device"]


def __getattr__(name: str) -> object:
    """Load a public name from its module, once."""
    if name not in _HOMES:
        message = f"module 'smdp.device' has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *_HOMES})
