"""Whatever an MDM sends to whatever phone: an answer that passes the schema, never an exception."""

import plistlib

from hypothesis import given, settings
from hypothesis import strategies as st

from smdp.device.apple import answer
from smdp.device.apple.commands import ALIASES, COMMANDS, FAULTS
from smdp.device.apple.information import QUERIES
from smdp.device.apple.settings import ITEMS
from tests.device.apple.phones import (
    ACTIVE,
    CARD,
    INSTALLED,
    TOKEN,
    URL,
    enrolled,
    mobileconfig,
    passcode_policy,
    phone,
    profile,
    read,
    restricting,
)
from tests.device.apple.schema import validate_result

TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"], max_codepoint=0xFFFD), max_size=20)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.binary(max_size=20) | st.just(URL)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
ITEM = st.fixed_dictionaries(
    {"Item": st.sampled_from([*ITEMS, "Wallpaper"])}, optional={item.key.name: VALUES for item in ITEMS.values()}
)
PLAIN_KEYS = "Message", "PreserveDataPlan", "DisallowProximitySetup", "ManagedOnly", "ProfileRestrictions", "Data"
KEYS = {
    "Queries": st.lists(st.sampled_from([*QUERIES, "EID"]), max_size=60) | VALUES,
    "Settings": st.lists(ITEM, max_size=4) | VALUES,
    "Payload": st.sampled_from([mobileconfig(profile()), mobileconfig(passcode_policy(maxFailedAttempts=3))]) | VALUES,
    "Identifier": st.sampled_from(["com.example.fleet", "com.example.mdm"]) | VALUES,
    "UnlockToken": st.just(TOKEN) | VALUES,
    "eSIMServerURL": st.sampled_from([URL, "x"]) | VALUES,
    "ReturnToService": st.fixed_dictionaries({"Enabled": st.just(value=True)}, optional={"MDMProfileData": VALUES})
    | VALUES,
    **dict.fromkeys(
        ("Message", "PreserveDataPlan", "DisallowProximitySetup", "ManagedOnly", "ProfileRestrictions", "Data"), VALUES
    ),
    "RequestRequiresNetworkTether": st.booleans() | VALUES,
}
COMMAND = st.fixed_dictionaries(
    {"RequestType": st.sampled_from([*COMMANDS, *ALIASES]) | VALUES},
    optional=KEYS,
)
ENROLLED = st.builds(
    enrolled, kind=st.sampled_from(["device", "user", "ade"]), access_rights=st.sampled_from([8191, 1, 48])
)
PHONES = st.builds(
    phone,
    os=st.sampled_from(["12.0", "13.7", "14.0", "16.7", "17.5", "18.5", "26.1", "26.4", "27.0"]),
    enrollment=st.none()
    | st.builds(
        enrolled, kind=st.sampled_from(["device", "user", "ade"]), access_rights=st.sampled_from([8191, 1, 48])
    ),
    esims=st.sampled_from([(), (INSTALLED,), (ACTIVE,)]),
    physical_sim=st.sampled_from([None, CARD]),
    profiles=st.sampled_from(
        [(), (profile(managed=False), passcode_policy()), (restricting(forcePreserveESIMOnErase=True, allowX="no"),)]
    ),
    **{
        name: st.booleans()
        for name in ("supervised", "cellular", "esim", "tray", "locked", "lost_mode", "tethered", "busy")
    },
)


@settings(max_examples=300, deadline=None)
@given(command=COMMAND | VALUES, phone=PHONES, faults=st.sets(st.sampled_from(sorted(FAULTS)), max_size=2))
def test_every_answer_passes_the_schema(command, phone, faults):
    result = answer(command, phone, read=read, faults=faults)
    name = command.get("RequestType") if isinstance(command, dict) else None
    message = {"UDID": "U", "CommandUUID": "C", **result.answer()}
    assert validate_result(message, name if isinstance(name, str) else "") == []
    assert plistlib.loads(plistlib.dumps(message)) == message
    assert result.effect is None or result.status == "Acknowledged"
