"""The eUICC as a whole: one table from request tag to function, and one way in (euicc-card.md §1.2)."""

from smdp.rsp.checks import Refusal
from smdp.rsp.codes import StatusWord
from smdp.rsp.euicc import authenticate, cancel, info, load, notifications, prepare, profiles, segments
from smdp.rsp.euicc.commands import Answer, Command, World
from smdp.rsp.euicc.state import Euicc
from smdp.rsp.tlv import Malformed, opening

COMMANDS: dict[int, Command] = {
    0xBF20: info.get_euicc_info1,
    0xBF21: prepare.prepare_download,
    0xBF22: info.get_euicc_info2,
    0xBF28: notifications.list_notification,
    0xBF29: profiles.set_nickname,
    0xBF2B: notifications.retrieve_notifications_list,
    0xBF2D: profiles.get_profiles_info,
    0xBF2E: authenticate.get_euicc_challenge,
    0xBF30: notifications.remove_notification_from_list,
    0xBF31: profiles.enable_profile,
    0xBF32: profiles.disable_profile,
    0xBF33: profiles.delete_profile,
    0xBF34: profiles.memory_reset,
    0xBF38: authenticate.authenticate_server,
    0xBF3C: info.get_euicc_configured_addresses,
    0xBF3E: info.get_eid,
    0xBF3F: info.set_default_dp_address,
    0xBF41: cancel.cancel_session,
    0xBF43: info.get_rat,
    **dict.fromkeys(segments.TAGS, load.load_bound_profile_package),
}
"""What the card can do, by the tag that a request begins with (SGP.22 §5.7)."""


def execute(euicc: Euicc, request: bytes, world: World) -> Answer:
    """Run one command; any bytes get an answer: 6A88 for an unknown tag, 6A80 for a malformed value."""
    try:
        command = COMMANDS.get(opening(request).tag)
        if command is None:
            return _refuse(StatusWord.REFERENCED_DATA_NOT_FOUND, "command-unknown", "The eUICC has no such command.")
        return command(euicc, request, world)
    except Malformed as error:
        return _refuse(StatusWord.INCORRECT_DATA, "command-malformed", f"The command cannot be read: {error}.")


def _refuse(status: StatusWord, reason: str, because: str) -> Answer:
    fix = "Compare the bytes with SGP.22 §5.7."
    return Answer(status=status, refusal=Refusal("card", status, reason, because, fix))
