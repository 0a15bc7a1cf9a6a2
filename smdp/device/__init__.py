"""The simulated Apple device: an eUICC, the LPA that drives it, and what the device shows of both."""

from smdp.device.create import new_device as new_device
from smdp.device.device import Device as Device
from smdp.device.es9plus import Es9Client as Es9Client
from smdp.device.managed import Managed as Managed
from smdp.device.managed import Surroundings as Surroundings

__all__ = ["Device", "Es9Client", "Managed", "Surroundings", "new_device"]
