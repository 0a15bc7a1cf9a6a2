"""What each iOS answers, byte for byte, in golden/: `python -m tests.device.apple.golden_files` writes them again."""

import plistlib
from pathlib import Path

import msgspec

from smdp.device.apple.facts import Phone
from smdp.device.apple.information import QUERIES
from tests.device.apple.phones import ACTIVE, CARD, INSTALLED, ask, enrolled, phone

FOLDER = Path(__file__).parent / "golden"
_DEVICES = {
    "17": {"os": "17.5", "model": "iPhone16,1"},
    "18": {"os": "18.5", "model": "iPhone17,1"},
    "26": {"os": "26.1", "model": "iPhone17,1"},
}
_ESIM = msgspec.structs.replace(ACTIVE, label_id="")
_STATES = {
    "empty": {},
    "installed": {"esims": (msgspec.structs.replace(INSTALLED, label_id=""),)},
    "active": {"esims": (_ESIM,)},
    "with-card": {"esims": (_ESIM,), "physical_sim": CARD},
}


def _answer(phone: Phone, *queries: str) -> bytes:
    result = ask(phone, "DeviceInformation", Queries=list(queries))
    return plistlib.dumps({"UDID": phone.udid, "CommandUUID": "C1", **result.answer()})


def files() -> dict[str, bytes]:
    """Every file by its name: ServiceSubscriptions in each state, and all queries, of each iOS."""
    found = {}
    for version, device in _DEVICES.items():
        for state, facts in _STATES.items():
            found[f"subscriptions-{version}-{state}.plist"] = _answer(phone(**device, **facts), "ServiceSubscriptions")
        everything = phone(**device, **_STATES["active"])
        found[f"information-{version}.plist"] = _answer(everything, *QUERIES)
        user = phone(**device, **_STATES["active"], enrollment=enrolled(kind="user"))
        found[f"information-{version}-user-enrollment.plist"] = _answer(user, *QUERIES)
    return found


if __name__ == "__main__":
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)
