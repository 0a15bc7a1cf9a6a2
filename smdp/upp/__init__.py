"""Profile packages (UPP): build one for a subscriber, personalise one, read any (TCA Interoperable Format).

`build(subscriber, content)` and `personalise(der, subscriber)` make the DER that an SM-DP+ protects and binds;
`read(der)` takes it apart again, `lint` finds what a card would refuse. The authentication that the keys in it are
for is in `smdp.upp.aka` and `smdp.upp.milenage`. Nothing here does I/O, knows the time, or draws a random number.

The names below load on first use (PEP 562): a server builds and never reads, a card reads and never builds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smdp.upp.builder import build as build
    from smdp.upp.contents import Finding as Finding
    from smdp.upp.contents import PackageError as PackageError
    from smdp.upp.contents import Status as Status
    from smdp.upp.estimate import nvm_estimate as nvm_estimate
    from smdp.upp.estimate import requirements as requirements
    from smdp.upp.package import Package as Package
    from smdp.upp.personalisation import personalise as personalise
    from smdp.upp.reader import read as read
    from smdp.upp.response import euicc_response as euicc_response
    from smdp.upp.rules import lint as lint
    from smdp.upp.subscriber import PlanContent as PlanContent
    from smdp.upp.subscriber import Subscriber as Subscriber

_HOMES = {
    "Finding": "contents",
    "Package": "package",
    "PackageError": "contents",
    "PlanContent": "subscriber",
    "Status": "contents",
    "Subscriber": "subscriber",
    "build": "builder",
    "euicc_response": "response",
    "lint": "rules",
    "nvm_estimate": "estimate",
    "personalise": "personalisation",
    "read": "reader",
    "requirements": "estimate",
}

__all__ = [
    "Finding",
    "Package",
    "PackageError",
    "PlanContent",
    "Status",
    "Subscriber",
    "build",
    "euicc_response",
    "lint",
    "nvm_estimate",
    "personalise",
    "read",
    "requirements",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module, once."""
    if name not in _HOMES:
        message = f"module 'smdp.upp' has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"smdp.upp.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
