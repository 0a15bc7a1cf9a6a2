"""Enrolling: get the identity, Authenticate, TokenUpdate; and leaving again."""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from smdp.device.mdm.channel import Channel
from smdp.device.mdm.checkin import Who, authenticate, check_out, token_update
from smdp.device.mdm.enrollment import PKCS12, Enrollment, Plan, host_of, web_url
from smdp.device.mdm.failure import MdmError, mdm_failure
from smdp.device.mdm.identity import Identity, read_pkcs12
from smdp.device.mdm.keys import RsaKeys
from smdp.device.mdm.loop import Tell
from smdp.device.mdm.scep import Wait, enroll_scep
from smdp.device.mdm.web import WITHIN, Web
from smdp.device.resolve import Resolve
from smdp.rsp.crypto import Entropy

_TOKEN, _UNLOCK_TOKEN = 32, 1024
_OK = 200


class World(NamedTuple):
    """What enrolling needs of the device's surroundings: keys, time that passes, randomness, and where names lead."""

    keys: RsaKeys
    wait: Wait
    entropy: Entropy
    resolve: Resolve | None = None
    within: float = WITHIN


async def fetch_profile(url: str, world: World, *, anchors: tuple[bytes, ...] = (), allow_http: bool = False) -> bytes:
    """Fetch a .mobileconfig, at most 1 MiB, over TLS unless http is allowed. Raises MdmError."""
    web_url({"PayloadType": "the device"}, "The URL", url, allow_http=allow_http)
    web = Web(anchors, resolve=world.resolve, within=world.within)
    try:
        answer = await web.request("GET", url)
    finally:
        await web.close()
    if answer.status != _OK:
        raise mdm_failure("http-status", host=host_of(url), status=answer.status)
    return answer.body


async def enroll(plan: Plan, who: Who, world: World, *, tell: Tell, awaiting_configuration: bool = False) -> Enrollment:
    """Follow an enrolment profile to its end, and return the enrolment to be kept.

    One plan serves many devices. `awaiting_configuration` is what TokenUpdate says in Automated Device Enrollment.
    Raises MdmError; nothing is left then.
    """
    identity = await obtain_identity(plan.identity, plan.enrollment, world)
    entropy = world.entropy
    enrollment = replace(
        plan.enrollment,
        chain=identity.chain,
        key=identity.key,
        token=entropy.take(_TOKEN),
        push_magic=_uuid(entropy),
        unlock_token=entropy.take(_UNLOCK_TOKEN),
        enrollment_id=_uuid(entropy) if plan.enrollment.kind == "user" else None,
        undelivered={},
    )
    channel = Channel(enrollment, os=who.os, resolve=world.resolve, within=world.within)
    try:
        await authenticate(channel, who)
        await token_update(channel, who, awaiting_configuration=awaiting_configuration)
    finally:
        await channel.close()
    enrollment.enrolled = True
    facts = {"server": host_of(enrollment.server_url), "topic": enrollment.topic, "kind": enrollment.kind}
    await tell("mdm.enrolled", facts | {"notes": list(plan.notes)})
    return enrollment


async def obtain_identity(payload: Mapping[str, Any], enrollment: Enrollment, world: World) -> Identity:
    """Get the identity of a PKCS #12 or SCEP payload. Raises MdmError."""
    if payload["PayloadType"] == PKCS12:
        return await asyncio.to_thread(read_pkcs12, payload)
    web = Web(enrollment.anchors, resolve=world.resolve, within=world.within)
    try:
        return await enroll_scep(payload, web, keys=world.keys, wait=world.wait, entropy=world.entropy)
    finally:
        await web.close()


async def leave(channel: Channel, who: Who) -> MdmError | None:
    """End the enrolment; with CheckOutWhenRemoved the server is told, once. Says why that failed, if it did."""
    enrollment = channel.enrollment
    told = enrollment.check_out_when_removed and enrollment.enrolled
    enrollment.enrolled = False
    enrollment.undelivered.clear()
    try:
        if told:
            await check_out(channel, who)
    except MdmError as error:
        return error
    return None


def _uuid(entropy: Entropy) -> str:
    return str(uuid.UUID(bytes=entropy.take(16), version=4)).upper()
