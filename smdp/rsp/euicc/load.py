"""ES10b.LoadBoundProfilePackage: open the package, install the profile, sign how it went (SGP.22 §2.5, §5.7.6)."""

from collections.abc import Callable
from typing import NamedTuple

from smdp.rsp.bpp import session_keys
from smdp.rsp.checks import Check, Refusal
from smdp.rsp.codes import BppCommandId, ErrorReason, StatusWord
from smdp.rsp.crypto import key_of, public_key, shared_secret, sign
from smdp.rsp.euicc import load_checks, segments
from smdp.rsp.euicc.commands import (
    Answer,
    World,
    code_of,
    integer,
    object_identifier,
    refused,
)
from smdp.rsp.euicc.load_context import Load
from smdp.rsp.euicc.metadata import INSTALL, Metadata, read_metadata
from smdp.rsp.euicc.notifications import keep, notification_metadata, notify
from smdp.rsp.euicc.state import Euicc, InstalledProfile, Loading, Notification
from smdp.rsp.tlv import tlv

SUCCESS = bytes.fromhex("3007A0053003800100")
"""The EUICCResponse of an installation: PEStatus ok (upp.md §5.1)."""
NOT_ENOUGH_MEMORY = bytes.fromhex("3009A00530038001048100")
"""The EUICCResponse of one that was given up for lack of memory."""


def load_bound_profile_package(euicc: Euicc, segment: bytes, world: World) -> Answer:
    """Take one segment of a BoundProfilePackage (SGP.22 §2.5.5, §5.7.6).

    The answer is empty until the last segment, or the first one that is refused, is answered with the
    ProfileInstallationResult. That is kept as a notification first, and the session is over.
    """
    load = Load(euicc, segment, world)
    if refusal := refused(load_checks.SESSION, load):
        return Answer(status=StatusWord.CONDITIONS_OF_USE_NOT_SATISFIED, refusal=refusal)
    session = load.session
    if session.loading is None:
        place = segments.start(segment)
        session.loading = Loading(left=place.left, section=place.section)
        session.step = "loading"
    if refusal := refused(load_checks.STRUCTURE, load):
        return _failed(load, refusal)
    place, pieces = load.followed()
    for piece in pieces:
        load.piece = piece
        if refusal := _take(load):
            return _failed(load, refusal)
    loading = load.loading
    loading.section, loading.section_left, loading.left = place
    return Answer() if loading.left else _installed(load)


def _take(load: Load) -> Refusal | None:
    """Take one TLV; with the last one of its section, what the section says is judged and acted upon."""
    piece, loading = load.piece, load.loading
    assert piece is not None  # noqa: S101 - the caller has just set it
    if piece.section == segments.INITIALISE:
        load.content = piece.item.raw
    else:
        if refusal := refused(load_checks.PROTECTED, load):
            return refusal
        bsp = load.bsp()
        reading = bsp.read if piece.section == segments.METADATA else bsp.decrypt
        loading.pieces.append(reading(piece.item))
        loading.chain, loading.counter = bsp.position
        if not piece.last:
            return None
        load.content = b"".join(loading.pieces)
        loading.pieces = []
    section = _SECTIONS[piece.section]
    if section.before:
        section.before(load)
    if refusal := refused(section.checks, load):
        return refusal
    section.act(load)
    return None


# --- what each section does


def _derive_keys(load: Load) -> None:
    """BF23: agree on the session keys (SGP.22 Annex G)."""
    one_time_key = load.session.one_time_key
    assert one_time_key is not None  # noqa: S101 - set by PrepareDownload
    native = load.request.native
    private = key_of(one_time_key.curve, one_time_key.scalar)
    secret = shared_secret(private, public_key(one_time_key.curve, native["smdp_otpk"]))
    load.loading.use(session_keys(secret, native["control_ref_template"]["host_id"], load.euicc.eid))


def _nothing(_: Load) -> None:
    """A0: an ISD-P needs no preparation here."""


def _store_metadata(load: Load) -> None:
    """A1: keep BF25 for the installation."""
    load.loading.metadata = load.content


def _replace_keys(load: Load) -> None:
    """A2: what follows is protected by the profile's own keys (SGP.22 §5.5.4)."""
    load.loading.use(load.keys)


def _examine(load: Load) -> None:
    """A3: read the package as a whole, before it is judged."""
    load.findings = load.world.examine_upp(load.content)


def _install(load: Load) -> None:
    """A3: make the ISD-P, disabled; the one-time key has done its work (SGP.22 §3.1.3.3)."""
    euicc, metadata = load.euicc, load.metadata
    profile = InstalledProfile(
        iccid=metadata.iccid,
        aid=euicc.take_aid(),
        metadata=load.loading.metadata,
        upp=load.content,
        size=load.found.size,
    )
    euicc.profiles.append(profile)
    euicc.one_time_keys.pop(load.smdp_oid, None)


class _Section(NamedTuple):
    checks: tuple[Check[Load], ...]
    act: Callable[[Load], None]
    before: Callable[[Load], None] | None = None


_SECTIONS = {
    segments.INITIALISE: _Section(load_checks.INITIALISE, _derive_keys),
    segments.CONFIGURE: _Section(load_checks.CONFIGURE, _nothing),
    segments.METADATA: _Section(load_checks.METADATA, _store_metadata),
    segments.KEYS: _Section(load_checks.KEYS, _replace_keys),
    segments.ELEMENTS: _Section(load_checks.ELEMENTS, _install, _examine),
}


# --- ProfileInstallationResult


def _installed(load: Load) -> Answer:
    profile = load.euicc.profiles[-1]
    success = tlv(0xA0, tlv(0x4F, profile.aid), tlv(0x04, SUCCESS))
    answer = _result(load, success, read_metadata(profile.metadata))
    notify(load.euicc, INSTALL, profile)
    return answer


def _failed(load: Load, refusal: Refusal) -> Answer:
    command = segments.command_id(load.section)
    if command is BppCommandId.STORE_METADATA and load.loading.pieces:
        command = BppCommandId.STORE_METADATA_2
    response = load.findings.response if load.findings else b""
    if refusal.code is ErrorReason.INSTALL_FAILED_DUE_TO_INSUFFICIENT_MEMORY_FOR_PROFILE:
        response = NOT_ENOUGH_MEMORY
    return _given_up(load, command, refusal, load.loading.metadata, response)


def _given_up(load: Load, command: BppCommandId, refusal: Refusal, metadata: bytes, response: bytes) -> Answer:
    sima = tlv(0x82, response) if response else b""
    error = tlv(0xA1, integer(0x80, command), integer(0x81, code_of(refusal)), sima)
    return _result(load, error, read_metadata(metadata) if metadata else None)._replace(refusal=refusal)


def give_up(euicc: Euicc, world: World, command: BppCommandId, refusal: Refusal, metadata: bytes = b"") -> Answer:
    """End an installation that PrepareDownload has begun, as a card does for reasons of its own (SGP.22 §5.7.6).

    `refusal` has an ErrorReason for its code; `metadata` is the BF25 that the card has seen by then, if it has. The
    answer is the ProfileInstallationResult that says so.
    """
    return _given_up(Load(euicc, b"", world), command, refusal, metadata, b"")


def _result(load: Load, final_result: bytes, metadata: Metadata | None) -> Answer:
    """Sign the result, keep it as a notification, end the session, and answer with it (SGP.22 §3.1.3.3)."""
    euicc, session = load.euicc, load.session
    credential = euicc.credential(session.ci)
    assert credential is not None  # noqa: S101 - AS#2
    seq, iccid = euicc.take_seq(), metadata.iccid if metadata else None
    data = tlv(
        0xBF27,
        tlv(0x80, session.transaction_id),
        notification_metadata(seq, INSTALL, session.server_address, iccid),
        object_identifier(0x06, load.smdp_oid),
        tlv(0xA2, final_result),
    )
    raw = tlv(0xBF37, data, tlv(0x5F37, sign(credential.key, data)))
    keep(euicc, Notification(seq=seq, operation=INSTALL, address=session.server_address, iccid=iccid, raw=raw))
    euicc.session = None
    return Answer(raw)
