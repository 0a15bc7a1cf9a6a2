"""The control API as Python calls, on the standard library: what scripts, tests and the command line use."""

from smdp.client.api import Client as Client
from smdp.client.hosted import HostedDevice as HostedDevice

__all__ = ["Client", "HostedDevice"]
