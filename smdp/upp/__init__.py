"""Profile packages (UPP): build one for a subscriber, personalise one, read any (TCA Interoperable Format).

`build(subscriber, content)` and `personalise(der, subscriber)` make the DER that an SM-DP+ protects and binds;
`read(der)` takes it apart again, `lint` finds what a card would refuse. The authentication that the keys in it are
for is in `smdp.upp.aka` and `smdp.upp.milenage`. Nothing here does I/O, knows the time, or draws a random number.
"""

from smdp.upp.build import build
from smdp.upp.contents import Finding, PackageError, Status
from smdp.upp.package import Package
from smdp.upp.read import read
from smdp.upp.subscriber import PlanContent, Subscriber

__all__ = [
    "Finding",
    "Package",
    "PackageError",
    "PlanContent",
    "Status",
    "Subscriber",
    "build",
    "read",
]
