"""A small MDM server, as a prop: for demos and tests where there is no real one. In memory, not for production.

It speaks what a real one speaks to a device: an enrolment profile, SCEP (RFC 8894), check-in, commands. There is no
APNs: whoever wants devices to be woken gives `SmallMdm` a function that is called in its place.

    async with SmallMdm() as mdm:
        device.enroll(mdm.profile(), ca=mdm.ca)
        command = mdm.send_refresh(udid, "https://acme.smdp.localhost:8443")
        print(await mdm.result(udid, command, within=30))

`BlockingMdm` is the same for programs without a loop, `python -m smdp.demo.mdm` for other languages.
"""

from smdp.demo.mdm.blocking import BlockingMdm as BlockingMdm
from smdp.demo.mdm.profiles import Enrolment as Enrolment
from smdp.demo.mdm.queue import QueueError as QueueError
from smdp.demo.mdm.queue import Result as Result
from smdp.demo.mdm.registry import Enrolled as Enrolled
from smdp.demo.mdm.server import MdmError as MdmError
from smdp.demo.mdm.server import SmallMdm as SmallMdm

__all__ = ["BlockingMdm", "Enrolled", "Enrolment", "MdmError", "QueueError", "Result", "SmallMdm"]
