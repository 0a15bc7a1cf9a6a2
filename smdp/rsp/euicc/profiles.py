"""ES10c: the profiles on an eUICC, listed, enabled, disabled, named and deleted (SGP.22 §5.7.15–5.7.21)."""

from dataclasses import dataclass
from enum import IntEnum

from smdp.rsp import asn1
from smdp.rsp.checks import Check
from smdp.rsp.codes import DeleteProfileResult as Deleted
from smdp.rsp.codes import DisableProfileResult as Disabled
from smdp.rsp.codes import EnableProfileResult as Enabled
from smdp.rsp.codes import MemoryResetResult, SetNicknameResult
from smdp.rsp.decoder import Decoded
from smdp.rsp.euicc.commands import Answer, World, code_of, refused, result
from smdp.rsp.euicc.metadata import DELETE, DISABLE, ENABLE, OPERATIONAL, PPR1, PPR2, TEST, read_metadata
from smdp.rsp.euicc.notifications import notify
from smdp.rsp.euicc.state import Euicc, InstalledProfile
from smdp.rsp.ids import iccid_of_bytes
from smdp.rsp.tlv import Malformed, bits_of, items, only, tlv

MAX_NICKNAME = 64
_DEFAULT_TAGS = (0x5A, 0x4F, 0x9F70, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95)
_OF_METADATA = (0x91, 0x92, 0x93, 0x94, 0x95, 0xB6, 0xB7, 0x99)
_OPERATIONAL, _FIELD_LOADED_TEST, _DEFAULT_ADDRESS = 0, 1, 2


# --- GetProfilesInfo


def get_profiles_info(euicc: Euicc, request: bytes, _: World) -> Answer:
    """GetProfilesInfo, BF2D: the members asked for, of the profiles asked for (SGP.22 §5.7.15)."""
    decoded = asn1.decode(asn1.ProfileInfoListRequest, request, 0xBF2D)
    wanted = _tags(decoded["tag_list"].native) or _DEFAULT_TAGS
    found = [profile for profile in euicc.profiles if _meets(profile, decoded["search_criteria"])]
    return Answer(tlv(0xBF2D, tlv(0xA0, *(_profile_info(profile, wanted) for profile in found))))


def _tags(tag_list: bytes | None) -> tuple[int, ...]:
    """Read a tag list: tags written one after the other, of one or two bytes."""
    found, at, data = [], 0, tag_list or b""
    while at < len(data):
        width = 2 if data[at] & 0x1F == 0x1F else 1
        found.append(int.from_bytes(data[at : at + width], "big"))
        at += width
    return tuple(found)


def _meets(profile: InstalledProfile, criteria: Decoded) -> bool:
    if criteria.native is None:
        return True
    match criteria.name:
        case "iccid":
            return bool(profile.iccid == criteria.native)
        case "isdp_aid":
            return bool(profile.aid == criteria.native)
        case _:
            return bool(read_metadata(profile.metadata).profile_class == criteria.native)


def _profile_info(profile: InstalledProfile, wanted: tuple[int, ...]) -> bytes:
    known = {item.tag: item.raw for item in items(only(profile.metadata, 0xBF25).value) if item.tag in _OF_METADATA}
    known.setdefault(0x95, tlv(0x95, bytes((OPERATIONAL,))))
    known[0x5A] = tlv(0x5A, profile.iccid)
    known[0x4F] = tlv(0x4F, profile.aid)
    known[0x9F70] = tlv(0x9F70, bytes((profile.enabled,)))
    if profile.nickname:
        known[0x90] = tlv(0x90, profile.nickname.encode())
    order = (0x5A, 0x4F, 0x9F70, 0x90, *_OF_METADATA)
    return tlv(0xE3, *(known[tag] for tag in order if tag in wanted and tag in known))


# --- EnableProfile, DisableProfile, DeleteProfile


@dataclass
class Change:
    """A change of one profile under judgement; `name` is how the request names it."""

    euicc: Euicc
    profile: InstalledProfile | None
    name: str

    @property
    def found(self) -> InstalledProfile:
        """The profile that was named."""
        assert self.profile is not None  # noqa: S101 - EN#1, DI#1, DE#1
        return self.profile

    def details(self) -> dict[str, object]:
        """Name the profile as the request does, and the enabled one."""
        enabled = self.euicc.enabled_profile()
        return {
            "wanted": read_metadata(self.profile.metadata).iccid_digits if self.profile else self.name,
            "enabled": read_metadata(enabled.metadata).iccid_digits if enabled else "none",
        }


def _bound_to(profile: InstalledProfile | None, rule: int) -> bool:
    return profile is not None and rule in read_metadata(profile.metadata).policy_rules


def _exists(check: str, clause: str, code: IntEnum) -> Check[Change]:
    return Check(
        id=check,
        clause=clause,
        field="profileIdentifier",
        code=code,
        reason="profile-not-found",
        why="The eUICC has no profile {wanted}.",
        fix="List the profiles first.",
        holds=lambda change: change.profile is not None,
    )


ENABLE_CHECKS: tuple[Check[Change], ...] = (
    _exists("EN#1", "SGP.22 §5.7.16", Enabled.ICCID_OR_AID_NOT_FOUND),
    Check(
        id="EN#2",
        clause="SGP.22 §5.7.16",
        field="profileIdentifier",
        code=Enabled.PROFILE_NOT_IN_DISABLED_STATE,
        reason="profile-already-enabled",
        why="Profile {wanted} is enabled already.",
        fix="Nothing needs to be done.",
        holds=lambda change: not change.found.enabled,
    ),
    Check(
        id="EN#3",
        clause="SGP.22 §2.8.1",
        field="profileIdentifier",
        code=Enabled.DISALLOWED_BY_POLICY,
        reason="enabled-profile-locked",
        why="PPR1 of the enabled profile {enabled} forbids to disable it.",
        fix="The operator of {enabled} would have to lift the rule.",
        holds=lambda change: not _bound_to(change.euicc.enabled_profile(), PPR1),
    ),
)
DISABLE_CHECKS: tuple[Check[Change], ...] = (
    _exists("DI#1", "SGP.22 §5.7.17", Disabled.ICCID_OR_AID_NOT_FOUND),
    Check(
        id="DI#2",
        clause="SGP.22 §5.7.17",
        field="profileIdentifier",
        code=Disabled.PROFILE_NOT_IN_ENABLED_STATE,
        reason="profile-not-enabled",
        why="Profile {wanted} is not enabled.",
        fix="Nothing needs to be done.",
        holds=lambda change: change.found.enabled,
    ),
    Check(
        id="DI#3",
        clause="SGP.22 §2.8.1",
        field="profileIdentifier",
        code=Disabled.DISALLOWED_BY_POLICY,
        reason="profile-locked",
        why="PPR1 of profile {wanted} forbids to disable it.",
        fix="The operator of the profile would have to lift the rule.",
        holds=lambda change: not _bound_to(change.found, PPR1),
    ),
)
DELETE_CHECKS: tuple[Check[Change], ...] = (
    _exists("DE#1", "SGP.22 §5.7.18", Deleted.ICCID_OR_AID_NOT_FOUND),
    Check(
        id="DE#2",
        clause="SGP.22 §5.7.18",
        field="profileIdentifier",
        code=Deleted.PROFILE_NOT_IN_DISABLED_STATE,
        reason="profile-still-enabled",
        why="Profile {wanted} is enabled; only a disabled one can be deleted.",
        fix="Disable it first.",
        holds=lambda change: not change.found.enabled,
    ),
    Check(
        id="DE#3",
        clause="SGP.22 §2.8.1",
        field="profileIdentifier",
        code=Deleted.DISALLOWED_BY_POLICY,
        reason="profile-undeletable",
        why="PPR2 of profile {wanted} forbids to delete it.",
        fix="The operator of the profile would have to lift the rule.",
        holds=lambda change: not _bound_to(change.found, PPR2),
    ),
)


def _named(euicc: Euicc, identifier: Decoded) -> Change:
    """Look up the profile that an ICCID or an AID names."""
    wanted: bytes = identifier.native
    by_iccid = identifier.name == "iccid"
    found = euicc.profile(iccid=wanted) if by_iccid else euicc.profile(aid=wanted)
    return Change(euicc, found, _digits(wanted) if by_iccid else wanted.hex().upper())


def _digits(iccid: bytes) -> str:
    """Write an ICCID in digits, whatever came as one."""
    try:
        return iccid_of_bytes(iccid)
    except Malformed:
        return iccid.hex().upper()


def _disable(euicc: Euicc, profile: InstalledProfile) -> None:
    profile.enabled = False
    notify(euicc, DISABLE, profile)


def enable_profile(euicc: Euicc, request: bytes, _: World) -> Answer:
    """EnableProfile, BF31: the enabled one is disabled with it (SGP.22 §5.7.16)."""
    change = _named(euicc, asn1.decode(asn1.EnableProfileRequest, request, 0xBF31)["profile_identifier"])
    if refusal := refused(ENABLE_CHECKS, change):
        return result(0xBF31, code_of(refusal), refusal)
    if current := euicc.enabled_profile():
        _disable(euicc, current)
    change.found.enabled = True
    notify(euicc, ENABLE, change.found)
    return result(0xBF31, Enabled.OK)


def disable_profile(euicc: Euicc, request: bytes, _: World) -> Answer:
    """DisableProfile, BF32 (SGP.22 §5.7.17)."""
    change = _named(euicc, asn1.decode(asn1.DisableProfileRequest, request, 0xBF32)["profile_identifier"])
    if refusal := refused(DISABLE_CHECKS, change):
        return result(0xBF32, code_of(refusal), refusal)
    _disable(euicc, change.found)
    return result(0xBF32, Disabled.OK)


def delete_profile(euicc: Euicc, request: bytes, _: World) -> Answer:
    """DeleteProfile, BF33 (SGP.22 §5.7.18)."""
    change = _named(euicc, asn1.decode(asn1.DeleteProfileRequest, request, 0xBF33))
    if refusal := refused(DELETE_CHECKS, change):
        return result(0xBF33, code_of(refusal), refusal)
    _delete(euicc, change.found)
    return result(0xBF33, Deleted.OK)


def _delete(euicc: Euicc, profile: InstalledProfile) -> None:
    euicc.profiles.remove(profile)
    notify(euicc, DELETE, profile)


# --- eUICCMemoryReset


@dataclass
class Reset:
    """An eUICCMemoryReset under judgement: the profiles it would delete, and whether it would clear the address."""

    profiles: list[InstalledProfile]
    clears_address: bool

    def details(self) -> dict[str, object]:
        """Nothing needs words."""
        return {}


RESET_CHECKS: tuple[Check[Reset], ...] = (
    Check(
        id="MR#1",
        clause="SGP.22 §5.7.19",
        field="resetOptions",
        code=MemoryResetResult.NOTHING_TO_DELETE,
        reason="nothing-to-reset",
        why="The eUICC has nothing of what was to be deleted.",
        fix="Nothing needs to be done.",
        holds=lambda reset: bool(reset.profiles) or reset.clears_address,
    ),
)


def memory_reset(euicc: Euicc, request: bytes, _: World) -> Answer:
    """EUICCMemoryReset, BF34: deletes whatever the state and the policy rules; the session ends (SGP.22 §5.7.19)."""
    options = bits_of(asn1.decode(asn1.EuiccMemoryResetRequest, request, 0xBF34)["reset_options"].native)
    classes = {OPERATIONAL} if _OPERATIONAL in options else set()
    classes |= {TEST} if _FIELD_LOADED_TEST in options else set()
    doomed = [profile for profile in euicc.profiles if read_metadata(profile.metadata).profile_class in classes]
    reset = Reset(doomed, _DEFAULT_ADDRESS in options and bool(euicc.default_dp_address))
    if refusal := refused(RESET_CHECKS, reset):
        return result(0xBF34, code_of(refusal), refusal)
    for profile in doomed:
        _delete(euicc, profile)
    if reset.clears_address:
        euicc.default_dp_address = ""
    euicc.session = None
    return result(0xBF34, MemoryResetResult.OK)


# --- SetNickname


@dataclass
class Naming:
    """A SetNicknameRequest under judgement."""

    profile: InstalledProfile | None
    nickname: str
    wanted: bytes

    def details(self) -> dict[str, object]:
        """Name the profile, and say how long the name is."""
        return {"wanted": self.wanted.hex().upper(), "length": len(self.nickname.encode())}


NICKNAME_CHECKS: tuple[Check[Naming], ...] = (
    Check(
        id="NI#1",
        clause="SGP.22 §5.7.21",
        field="iccid",
        code=SetNicknameResult.ICCID_NOT_FOUND,
        reason="profile-not-found",
        why="The eUICC has no profile {wanted}.",
        fix="List the profiles first.",
        holds=lambda naming: naming.profile is not None,
    ),
    Check(
        id="NI#2",
        clause="SGP.22 §5.7.21",
        field="profileNickname",
        code=SetNicknameResult.UNDEFINED_ERROR,
        reason="nickname-too-long",
        why="A nickname of {length} bytes does not fit.",
        fix="Use at most 64 bytes of UTF-8.",
        holds=lambda naming: len(naming.nickname.encode()) <= MAX_NICKNAME,
    ),
)


def set_nickname(euicc: Euicc, request: bytes, _: World) -> Answer:
    """SetNickname, BF29; an empty name removes it (SGP.22 §5.7.21)."""
    decoded = asn1.decode(asn1.SetNicknameRequest, request, 0xBF29)
    wanted: bytes = decoded["iccid"].native
    naming = Naming(euicc.profile(iccid=wanted), decoded["profile_nickname"].native, wanted)
    if refusal := refused(NICKNAME_CHECKS, naming):
        return result(0xBF29, code_of(refusal), refusal)
    assert naming.profile is not None  # noqa: S101 - NI#1
    naming.profile.nickname = naming.nickname
    return result(0xBF29, SetNicknameResult.OK)


CHECKS: tuple[Check[Change] | Check[Reset] | Check[Naming], ...] = (
    *ENABLE_CHECKS,
    *DISABLE_CHECKS,
    *DELETE_CHECKS,
    *RESET_CHECKS,
    *NICKNAME_CHECKS,
)
