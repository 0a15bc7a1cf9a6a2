"""Faults in ES9+: what a carrier with armed faults does to its calls, before it answers and to the answer.

Nothing of this runs for a carrier without armed faults. The protocol core never learns of it: a reply is finished, and
then spoiled.
"""

import time
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import structs

from smdp.carrier import faults, sessions
from smdp.carrier.calls import Answer, Call
from smdp.carrier.fault_catalogue import AUTHENTICATE, NOTIFY
from smdp.carrier.fault_replies import SPOILERS, Reissue, Reply, spoil
from smdp.carrier.faults import Who
from smdp.carrier.service import Service
from smdp.durations import parse_duration
from smdp.model import Fault
from smdp.rsp import certs
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import code
from smdp.rsp.mutual_auth import AuthenticateServerResponse
from smdp.rsp.server import notify
from smdp.rsp.server.security import Security
from smdp.rsp.tlv import Malformed
from smdp.storage import Connection, Row

Run = Callable[[Call, Row], Awaitable[Answer]]
Refuse = Callable[[Call, Row, Refusal], Awaitable[Answer]]

_FIX = "It is meant to be so: smdp fault list shows the faults, smdp fault clear takes them away."
_CALLS = ("protocol", "wire", "carrier")
_MOST_WINDOWS = 1000


class Interference:
    """Does to calls what the armed faults say."""

    def __init__(self, service: Service, security: Security, reissue: Reissue | None) -> None:
        self._service, self._security, self._reissue = service, security, reissue
        self._windows: dict[str, tuple[float, int]] = {}

    async def answer(self, call: Call, found: Row, run: Run, refuse: Refuse) -> Answer:
        """Answer a call of a carrier that has faults armed."""
        who = await self._who(call, found)
        for fault in await self._service.database.write_short(self._fire_before, call, who):
            if fault.do == "refuse":
                return await refuse(call, found, _refusal(fault))
            return Answer(b"") if fault.do == "lost-notification" else Answer(b"", faults=(fault,))
        answer = await run(call, found)
        return await self._spoiled(call, who, answer)

    async def _spoiled(self, call: Call, who: Who, answer: Answer) -> Answer:
        """Fire what meets the answer, now that all is known of whom it goes to."""
        transaction_id = who.session or _transaction_id(answer)
        found = await self._service.find(call.host, transaction_id or "", call.function)
        if found is not None and found["content"] is not None:
            who = Who(found["eid"] or who.eid, found["iccid"] or who.iccid, transaction_id)
        layers = _CALLS if answer.refusal is None else ("wire",)
        fired = await self._service.database.write_short(self._fire_after, call, who, layers)
        spoiling = [fault for fault in fired if fault.do in SPOILERS]
        if spoiling and found is not None:
            answer = self._rewritten(call, found, answer, spoiling)
        return answer._replace(faults=tuple(fault for fault in fired if fault.do not in SPOILERS))

    def _rewritten(self, call: Call, found: Row, answer: Answer, spoiling: list[Fault]) -> Answer:
        session = sessions.read(found["content"])
        reply = Reply(
            request=call.request,
            members=msgspec.json.decode(answer.body),
            session=session,
            identity=self._security.identities[session.server_ci],
            reissue=self._reissue,
            now=self._service.now(call.control),
        )
        for fault in spoiling:
            spoil(reply, fault)
        return answer._replace(body=msgspec.json.encode(reply.members))

    def _fire_before(self, connection: Connection, call: Call, who: Who) -> list[Fault]:
        scope = self._service.scope(connection, call.carrier)
        within = [
            fault.id
            for fault in faults.meeting(scope, call.function, who, layers=_CALLS, before=True)
            if fault.do == "rate-limit" and self._within(fault)
        ]
        return faults.fire_told(scope, call.function, who, layers=_CALLS, before=True, spared=within)

    def _fire_after(self, connection: Connection, call: Call, who: Who, layers: tuple[str, ...]) -> list[Fault]:
        return faults.fire_told(self._service.scope(connection, call.carrier), call.function, who, layers=layers)

    def _within(self, fault: Fault) -> bool:
        """Count a call, and say whether the rate limit lets it pass. Each process counts for itself."""
        began, calls = self._windows.get(fault.id, (0.0, 0))
        if time.monotonic() - began >= parse_duration(fault.with_["period"]).total_seconds():
            began, calls = time.monotonic(), 0
        if len(self._windows) >= _MOST_WINDOWS:
            self._windows.clear()
        self._windows[fault.id] = began, calls + 1
        return bool(calls < fault.with_["calls"])

    async def _who(self, call: Call, found: Row) -> Who:
        """Find out whom a call is about: its session says so, or what the eUICC signed."""
        session = call.request.members["transactionId"].hex().upper() if found["content"] is not None else None
        who = Who(found["eid"], found["iccid"], session)
        try:
            if call.function == AUTHENTICATE:
                message = AuthenticateServerResponse(call.request["authenticateServerResponse"])
                if message.error is None:
                    who = structs.replace(who, eid=certs.load(message.euicc_certificate).serial_number)
            elif call.function == NOTIFY:
                who = await self._sender(call, notify.read(call.request["pendingNotification"]))
        except Malformed:  # the carrier will say so
            pass
        return who

    async def _sender(self, call: Call, told: notify.Notification) -> Who:
        if isinstance(told, notify.OtherSignedNotification):
            return Who(certs.load(told.euicc_certificate).serial_number, told.iccid)
        session = told.transaction_id.hex().upper()
        found = await self._service.find(call.host, session)
        known = found is not None and found["content"] is not None
        return Who(found["eid"], found["iccid"], session) if found is not None and known else Who(iccid=told.iccid)


def _refusal(fault: Fault) -> Refusal:
    given = fault.with_
    return Refusal("fault", code(given["code"]), given["reason"], given["because"], _FIX)


def _transaction_id(answer: Answer) -> str | None:
    """Read the transactionId of a session that was just opened."""
    if answer.refusal is not None or not answer.body:
        return None
    found: str | None = msgspec.json.decode(answer.body).get("transactionId")
    return found
