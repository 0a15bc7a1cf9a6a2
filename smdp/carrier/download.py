"""ES9+ as the carrier answers it: read the session, judge the message, decide in one short transaction, tell.

All cryptography of the eUICC's messages runs before the transaction opens. A session moves by compare-and-swap: whoever
loses reads it again and is answered as a later call, so identical input gets the identical answer, also from another
process, also after a restart (SGP.22 §5.6).
"""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from msgspec import structs

from smdp.carrier import journal, notifications, orders, rate, sessions, xray
from smdp.carrier.calls import Answer, Call
from smdp.carrier.fault_replies import Reissue
from smdp.carrier.interference import Interference
from smdp.carrier.rate import RateLimits, TurnedDown
from smdp.carrier.scope import Scope
from smdp.carrier.service import Service
from smdp.model import Carrier, SessionOutcome
from smdp.rsp import wire
from smdp.rsp.checks import Refusal, refuse
from smdp.rsp.codes import code
from smdp.rsp.ids import imei_of_bytes
from smdp.rsp.server import authenticate, bind, cancel, initiate, selection
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Happening, Outcome, Policy, Session, Stage
from smdp.rsp.server.step import close
from smdp.rsp.wire import Request
from smdp.storage import Connection, Row
from smdp.storage.connection import micros
from smdp.storage.queries import carriers
from smdp.storage.queries import sessions as queries
from smdp.storage.queries.control import control_of

_MAX_RULES = 1024


class _LostError(Exception):
    """Another call has moved the session in the meantime; the transaction is undone and the call starts over."""


class Downloads:
    """The SM-DP+ of every carrier of a server."""

    def __init__(self, service: Service, security: Security, reissue: Reissue | None = None) -> None:
        """Take what the answers are made with; `reissue` is what the fault `expired-dpauth` needs."""
        self._service, self._security = service, security
        self._interference = Interference(service, security, reissue)
        self.rates = RateLimits()
        self._database = service.database
        self._known: dict[tuple[str, str, int], tuple[Carrier, Policy]] = {}
        self._functions = {
            "initiateAuthentication": self._initiate_authentication,
            "handleNotification": self._handle_notification,
            "authenticateClient": self._authenticate_client,
            "getBoundProfilePackage": self._get_bound_profile_package,
            "cancelSession": self._cancel_session,
        }

    async def call(self, function: str, document: Mapping[str, Any], body: bytes, host: str) -> Answer:
        """Answer one call: `document` is the decoded body, `host` the name the client used (lower case, no port)."""
        began = time.perf_counter()
        request = wire.read(function, document)
        if isinstance(request, Refusal):
            return await self._unreadable(Request(function, document, b""), body, host, _failure(request))
        transaction_id = _hex(request.members.get("transactionId", b""))
        while True:
            found = await self._service.find(host, transaction_id, function)
            if found is None:
                return _nobody(function, host)
            carrier, policy = self._rules(found["settings"], host)
            if (most := carrier.limits.per_second) is not None and (over := self.rates.take(carrier.name, most)):
                return await self._turn_down(carrier, function, over)
            call = Call(carrier, host, control_of(found), policy, request, body, began)
            try:
                if call.control.faults:
                    return await self._interference.answer(call, found, self._functions[function], self._refuse)
                return await self._functions[function](call, found)
            except _LostError:
                continue

    async def strict_path(self, host: str, function: str) -> bool:
        """Say whether the carrier of this name takes calls at the exact paths of SGP.22 alone."""
        found = await self._service.find(host, "", function)
        return found is not None and self._rules(found["settings"], host)[0].strict_path

    async def _turn_down(self, carrier: Carrier, function: str, over: TurnedDown) -> Answer:
        """Turn down a call that is one too many in its second."""

        def tell(connection: Connection) -> None:
            if carriers.carrier(connection, carrier.name) is not None:  # else it was deleted just now
                rate.tell(self._service.scope(connection, carrier), function, over.tell)

        if over.tell:
            await self._database.write_lightly(tell)
        return Answer(b"", faults=(over.fault,))

    async def _unreadable(self, request: Request, body: bytes, host: str, answer: Answer) -> Answer:
        """Give the answer to a body that lacks something, and let it be seen in the session that it names."""
        transaction_id = _hex(wire.transaction_id(request.members))
        found = await self._service.find(host, transaction_id, request.function) if transaction_id else None
        session = None if found is None else _session(found)
        if found is not None and session is not None:
            carrier, policy = self._rules(found["settings"], host)
            call = Call(carrier, host, control_of(found), policy, request, body, time.perf_counter())
            await self._database.write_short(self._note, call, session, answer)
        return answer

    def _note(self, connection: Connection, call: Call, session: Session, answer: Answer) -> None:
        _keep_attempt(self._scope(connection, call), call, session, answer)

    def _rules(self, settings: str, host: str) -> tuple[Carrier, Policy]:
        """Return the carrier and the rules that hold for a client that used this name; the same for call after call."""
        key = settings, host, self._service.addresses.port
        known = self._known.get(key)
        if known is None:
            carrier = carriers.read_carrier(settings)
            limits = carrier.limits
            policy = Policy(
                hosts=self._service.addresses.hosts(carrier) | {host},
                no_order_code=code(carrier.no_order_code),
                download_attempts=limits.download_attempts,
                confirmation_code_attempts=limits.confirmation_code_attempts,
                session_minutes=limits.session_minutes,
                rebind=carrier.rebind,
            )
            if len(self._known) >= _MAX_RULES:
                self._known.clear()
            known = self._known[key] = carrier, policy
        return known

    def _scope(self, connection: Connection, call: Call, address: str | None = None) -> Scope:
        return self._service.scope(connection, call.carrier, address, call.control)

    def _now(self, call: Call) -> datetime:
        return self._service.now(call.control)

    async def _initiate_authentication(self, call: Call, _found: Row) -> Answer:
        return await self._database.write_lightly(self._open, call)

    def _open(self, connection: Connection, call: Call) -> Answer:
        """InitiateAuthentication: one transaction, since it needs nothing but entropy and leaves a row."""
        scope = self._scope(connection, call)
        entropy = self._service.entropy(connection, call.carrier.name)
        outcome = initiate.initiate(call.request, self._security, call.policy, scope.now, entropy)
        answer = _answer(outcome)
        if outcome.session is None:
            journal.append(scope, _refused(call, outcome))
            return answer
        if not sessions.insert(scope, outcome.session):
            raise _LostError
        _keep(scope, call, outcome.session, answer)
        told = (structs.replace(one, data={"ms": call.milliseconds}) for one in outcome.happenings)
        journal.append(scope, told, session=_hex(outcome.session.transaction_id))
        return answer

    # --- the steps of an open session

    async def _authenticate_client(self, call: Call, found: Row) -> Answer:
        session = _session(found)
        if _repeats(call, session, found):
            return _again(found)
        who = authenticate.verify(call.request, session, self._security, call.policy, self._now(call))
        if isinstance(who, Outcome):
            return await self._settled(call, session, who)
        return await self._database.write_lightly(self._select, call, cast("Session", session), who)

    async def _get_bound_profile_package(self, call: Call, found: Row) -> Answer:
        session = _session(found)
        if _repeats(call, session, found):
            return _again(found)
        prepared = bind.verify(call.request, session, self._security, call.policy, self._now(call))
        if isinstance(prepared, Outcome):
            return await self._settled(call, session, prepared)
        if prepared.again:
            return _again(found)
        return await self._database.write_short(self._bind, call, cast("Session", session), prepared)

    async def _cancel_session(self, call: Call, found: Row) -> Answer:
        session = _session(found)
        if _repeats(call, session, found):
            return _again(found)
        outcome = cancel.cancel(call.request, session, self._security, call.policy, self._now(call))
        return await self._settled(call, session, outcome)

    async def _settled(self, call: Call, session: Session | None, outcome: Outcome[Any]) -> Answer:
        """Answer what needs no look at the order: a refused message, a cancelled session."""
        if session is None:
            return _answer(outcome)
        return await self._database.write_short(self._settle, call, session, outcome)

    async def _refuse(self, call: Call, found: Row, refusal: Refusal) -> Answer:
        """Refuse a call for no reason of the protocol's, and end its session."""
        session = _session(found)
        if session is not None:
            return await self._settled(call, session, close(session, refusal))
        return await self._database.write_short(self._tell_refused, call, Outcome(refusal=refusal))

    def _tell_refused(self, connection: Connection, call: Call, outcome: Outcome[Any]) -> Answer:
        journal.append(self._scope(connection, call), _refused(call, outcome))
        return _answer(outcome)

    def _select(
        self,
        connection: Connection,
        call: Call,
        session: Session,
        who: authenticate.Authenticated,
    ) -> Answer:
        """AuthenticateClient's second half: the order."""
        scope = self._scope(connection, call, session.server_address)
        matching_id = who.message.matching_id
        found = orders.by_matching_id(scope, matching_id) if matching_id else orders.by_eid(scope, who.eid)
        found = [sessions.with_bound_key(scope, session, order, who.eid) for order in found]
        outcome = selection.decide(session, who, found, self._security, call.policy, scope.now)
        outcome = structs.replace(outcome, happenings=(_seen(session, who), *outcome.happenings))
        return _conclude(scope, call, session, outcome)

    def _bind(self, connection: Connection, call: Call, session: Session, prepared: bind.Prepared) -> Answer:
        """GetBoundProfilePackage's second half: examine, claim, seal."""
        scope = self._scope(connection, call, session.server_address)
        order = orders.by_iccid(scope, session.iccid or "")
        if order is None:
            return _conclude(scope, call, session, bind.gone(session))
        order = sessions.with_bound_key(scope, session, order, session.eid or "")
        outcome = bind.examine(session, prepared, order, call.policy, scope.now)
        happenings: tuple[Happening, ...] = ()
        if outcome is None:
            entropy = self._service.entropy(connection, call.carrier.name)
            claimed = orders.claim(scope, order, eid=session.eid or "", by=_hex(session.transaction_id))
            package = None
            if claimed is not None:
                order, happenings = claimed
                package = orders.package(scope, order.iccid, entropy)
            outcome = bind.decide(
                session,
                prepared,
                order,
                package,
                security=self._security,
                policy=call.policy,
                now=scope.now,
                entropy=entropy,
            )
        return _conclude(scope, call, session, outcome, happenings)

    def _settle(self, connection: Connection, call: Call, session: Session, outcome: Outcome[Any]) -> Answer:
        return _conclude(self._scope(connection, call, session.server_address), call, session, outcome)

    # --- notifications

    async def _handle_notification(self, call: Call, _found: Row) -> Answer:
        raw: bytes = call.request["pendingNotification"]
        await self._database.write_short(self._take, call, raw)
        return Answer(b"")

    def _take(self, connection: Connection, call: Call, raw: bytes) -> None:
        """Keep a notification, and do what it says if it is new and verifies."""
        scope = self._scope(connection, call)
        judged = notifications.judge(scope, raw, self._security)
        if notifications.keep(scope, raw, judged):
            notifications.take(scope, judged)


def _nobody(function: str, host: str) -> Answer:
    """Answer a call for a carrier that isn't there. A notification is acknowledged: else it would come for ever."""
    if function == "handleNotification":
        return Answer(b"")
    if function == "initiateAuthentication":
        return _failure(refuse(initiate.CHECKS[0], {"address": host, "hosts": "those of the carriers that exist"}))
    return _failure(refuse(authenticate.TRANSACTION, {"what": "is unknown here"}))


# --- what is stored and told


def _conclude(
    scope: Scope,
    call: Call,
    session: Session,
    outcome: Outcome[Any],
    then: tuple[Happening, ...] = (),
) -> Answer:
    """Move the session, apply the change, keep the message, tell. Raises _LostError if the session moved meanwhile.

    That an LPA cancels what was refused before is not told: they all do, and the refusal is on the timeline already.
    """
    answer = _answer(outcome)
    if outcome.session is None:
        _keep_attempt(scope, call, session, answer)
        if call.function == "cancelSession":
            return answer
    told = (*outcome.happenings, *then)
    if outcome.session is not None:
        moved = sessions.swap(
            scope,
            session.stage,
            outcome.session,
            outcome=_ending(outcome),
            refusal=outcome.refusal,
        )
        if not moved:
            raise _LostError
        if outcome.change is not None:
            told = orders.merge(told, orders.apply(scope, outcome.change, by=_hex(session.transaction_id)) or ())
        _keep(scope, call, session, answer)
    now = outcome.session or session
    events = _refused(call, outcome) if outcome.refusal else (_stepped(call, now), *told)
    if outcome.refusal is not None:
        events = (*told, *events)
    journal.append(scope, events, session=_hex(session.transaction_id), eid=now.eid)
    return answer


def _ending(outcome: Outcome[Any]) -> SessionOutcome:
    if outcome.refusal is not None:
        return "refused"
    if outcome.session is None or outcome.session.stage is Stage.AUTHENTICATED:
        return "open"
    return "downloaded" if outcome.session.stage is Stage.BOUND else "cancelled"


def _seen(session: Session, who: authenticate.Authenticated) -> Happening:
    """Tell that an eUICC proved itself, in which device, and under which CI it was shown our certificate."""
    imei = None if who.message.imei is None else imei_of_bytes(who.message.imei)
    return Happening(type="eid.seen", data={"eid": who.eid, "imei": imei, "ci": _hex(session.server_ci)})


def _stepped(call: Call, session: Session) -> Happening:
    return Happening(type="session.step", iccid=session.iccid, data={"step": call.function, "ms": call.milliseconds})


def _refused(call: Call, outcome: Outcome[Any]) -> tuple[Happening, ...]:
    refusal = outcome.refusal
    if refusal is None:
        return ()
    data = {"step": call.function, **sessions.told_of(refusal)}
    iccid = outcome.session.iccid if outcome.session else None
    return (Happening(type="session.refused", iccid=iccid, data=data),)


def _keep_attempt(scope: Scope, call: Call, session: Session, answer: Answer) -> None:
    """Store the first calls that were refused while their session goes on, for whoever looks at it.

    After its end nobody does: all LPAs cancel what was refused.
    """
    if session.stage is Stage.CLOSED:
        return
    before = queries.attempts(scope.connection, scope.name, _hex(session.transaction_id), call.function)
    if before < sessions.KEEP_ATTEMPTS:
        _keep(scope, call, session, answer, xray.attempt(call.function, session.stage, before + 1))


def _keep(scope: Scope, call: Call, session: Session, answer: Answer, step: str | None = None) -> None:
    """Store what was asked and answered, for the repeat of a lost answer and for whoever looks at the session."""
    queries.insert_message(
        scope.connection,
        scope.name,
        _hex(session.transaction_id),
        step or call.function,
        replaces=session.stage is Stage.BOUND and step is None and call.function == "getBoundProfilePackage",
        request=call.body[: sessions.KEEP_BYTES],
        digest=call.request.digest,
        response=answer.body,
        at=micros(scope.now),
        ms=call.milliseconds,
        refusal=answer.refusal.check if answer.refusal else None,
    )


def _session(found: Row) -> Session | None:
    content = found["content"]
    return None if content is None else sessions.read(content)


def _repeats(call: Call, session: Session | None, found: Row) -> bool:
    """Say whether this is the same call again, and nothing came after it that ended the session."""
    if session is None or found["digest"] != call.request.digest:
        return False
    ended_by_this = found["refusal"] is not None or call.function == "cancelSession"
    return session.stage is not Stage.CLOSED or ended_by_this


def _again(found: Row) -> Answer:
    """Give the answer that was given before, with the refusal it carried: whoever lost it learns the same."""
    return Answer(found["response"], None if found["refusal"] is None else sessions.refusal_of(found["told"]))


def _answer(outcome: Outcome[Any]) -> Answer:
    return _failure(outcome.refusal) if outcome.refusal else Answer(wire.answer(outcome.reply or {}))


def _failure(refusal: Refusal) -> Answer:
    return Answer(wire.failure(refusal), refusal)


def _hex(transaction_id: bytes) -> str:
    return transaction_id.hex().upper()
