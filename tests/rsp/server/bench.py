"""A carrier on the bench: rules, certificates, a clock, and one session that goes from function to function."""

import base64
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import structs

from smdp.rsp import certs, wire
from smdp.rsp.crypto import Stream
from smdp.rsp.server import authenticate, bind, cancel, initiate, notify, selection
from smdp.rsp.server.authenticate import Authenticated
from smdp.rsp.server.bind import Prepared
from smdp.rsp.server.security import Credential, Identity, Security
from smdp.rsp.server.session import Order, Outcome, Package, Policy, Session, Stage
from smdp.rsp.states import State
from tests.euicc_stub import Euicc, swapped
from tests.independent import encode, parse
from tests.minted import NOW, SMDP_RID, Pki, pki

ADDRESS = "smdp.example.com"
ICCID = "8900101000000000019"
METADATA = encode("BF25", encode("5A", swapped(ICCID)), encode("91", b"TESTS"), encode("92", b"Plan"))
UPP = bytes(range(256)) * 9
UNFILLED = re.compile(r"\{\w+\}")


def credential(minted) -> Credential:
    return Credential(certs.load(minted.der), minted.key)


def security(*pkis: Pki) -> Security:
    return Security(
        cis={found.ci.ski: certs.load(found.ci.der) for found in pkis},
        identities={found.ci.ski: Identity(credential(found.dpauth), credential(found.dppb)) for found in pkis},
    )


def order(**changes: Any) -> Order:
    return Order(**{"iccid": ICCID, "state": State.RELEASED, "metadata": METADATA} | changes)


def package() -> Package:
    return Package(upp=UPP, ppk=None)


def body(**members: bytes | str) -> dict[str, str]:
    """The JSON of a request: bytes in base64, the transactionId in hexadecimal."""
    found = {name: base64.b64encode(v).decode() if isinstance(v, bytes) else v for name, v in members.items()}
    if "transactionId" in members:
        found["transactionId"] = members["transactionId"].hex().upper()
    return found


@dataclass
class Bench:
    """Everything a function is told, and the session it left behind; each may be changed between two calls."""

    euicc: Euicc = field(default_factory=Euicc)
    security: Security | None = None
    policy: Policy = field(default_factory=lambda: Policy(hosts=frozenset({ADDRESS})))
    now: datetime = NOW
    entropy: Stream = field(default_factory=lambda: Stream(b"bench"))
    session: Session | None = None
    reply: dict[str, bytes] | None = None

    def __post_init__(self):
        self.security = self.security or security(pki("P-256"), pki("brainpoolP256r1"))

    # --- the functions

    def initiate(self, *, info1=None, challenge=b"\xc1" * 16, address=ADDRESS) -> Outcome:
        info1 = info1 or self.euicc.info1()
        request = wire.read(
            "initiateAuthentication", body(euiccChallenge=challenge, euiccInfo1=info1, smdpAddress=address)
        )
        return self._keep(initiate.initiate(request, self.security, self.policy, self.now, self.entropy))

    def verify_client(self, message: bytes) -> Authenticated | Outcome:
        transaction_id = self.session.transaction_id if self.session else b"\x01"
        request = wire.read(
            "authenticateClient", body(transactionId=transaction_id, authenticateServerResponse=message)
        )
        return authenticate.verify(request, self.session, self.security, self.policy, self.now)

    def authenticate(self, message: bytes | None = None, candidates=None) -> Outcome:
        judged = self.verify_client(message or self.response())
        if isinstance(judged, Authenticated):
            found = [order()] if candidates is None else candidates
            judged = selection.decide(self.session, judged, found, self.security, self.policy, self.now)
        return self._keep(judged)

    def verify_prepared(self, message: bytes) -> Prepared | Outcome:
        transaction_id = self.session.transaction_id if self.session else b"\x01"
        request = wire.read(
            "getBoundProfilePackage", body(transactionId=transaction_id, prepareDownloadResponse=message)
        )
        return bind.verify(request, self.session, self.security, self.policy, self.now)

    def bind(self, message: bytes | None = None, *, wanted=None, claimed=True, content=None) -> Outcome:
        """GetBoundProfilePackage with its three steps; `claimed` False is the loser of the race."""
        prepared = self.verify_prepared(message or self.prepared())
        if isinstance(prepared, Outcome):
            return self._keep(prepared)
        wanted = wanted or order()
        refused = bind.examine(self.session, prepared, wanted, self.policy, self.now)
        if refused is not None:
            return self._keep(refused)
        outcome = bind.decide(
            self.session,
            prepared,
            structs.replace(wanted, state=State.DOWNLOADED) if claimed else wanted,
            (content or package()) if claimed else None,
            security=self.security, policy=self.policy, now=self.now, entropy=self.entropy,
        )  # fmt: skip
        return self._keep(outcome)

    def notify(self, message: bytes) -> Outcome:
        return notify.decide_result(notify.read(message), self.session, self.security)

    def cancel(self, message: bytes) -> Outcome:
        transaction_id = self.session.transaction_id if self.session else b"\x01"
        request = wire.read("cancelSession", body(transactionId=transaction_id, cancelSessionResponse=message))
        return cancel.cancel(request, self.session, self.security, self.policy, self.now)

    def _keep(self, outcome: Outcome) -> Outcome:
        if outcome.refusal is None:
            self.session, self.reply = outcome.session, outcome.reply
        return outcome

    # --- the eUICC's honest answers

    def response(self, **changes: Any) -> bytes:
        """BF38 to this session's InitiateAuthentication; the keywords of Euicc.authenticate change it."""
        answer = {
            "transaction_id": self.session.transaction_id,
            "address": self.session.server_address,
            "challenge": self.session.server_challenge,
        }
        return self.euicc.authenticate(**answer | changes)

    def prepared(self, **changes: Any) -> bytes:
        """BF21 to this session's AuthenticateClient; the keywords of Euicc.prepare change it."""
        answer = {
            "transaction_id": self.session.transaction_id,
            "smdp_signature2": self.session.smdp_signature2,
        }
        return self.euicc.prepare(**answer | changes)

    # --- a bench that has come this far

    def initiated(self) -> "Bench":
        outcome = self.initiate()
        assert outcome.refusal is None
        return self

    def authenticated(self, wanted: Order | None = None) -> "Bench":
        outcome = self.initiated().authenticate(candidates=[wanted or order()])
        assert outcome.refusal is None
        return self

    def bound(self, wanted: Order | None = None, **changes: Any) -> "Bench":
        self.authenticated(wanted)
        outcome = self.bind(self.prepared(**changes), wanted=wanted)
        assert outcome.refusal is None
        return self


def closed(bench: Bench, **changes: Any) -> Session:
    """The bench's session, over."""
    return structs.replace(bench.session, stage=Stage.CLOSED, **changes)


def refused(outcome, check: str, code: str, reason: str, *, session=None, change=None) -> str:
    """Assert a refusal with its code and slug, and that the outcome holds nothing else; return its sentence."""
    refusal = outcome.refusal
    assert refusal is not None, "the request was accepted"
    assert (refusal.check, str(refusal.code), refusal.reason) == (check, code, reason)
    assert 0 < len(refusal.message.encode()) <= 128
    assert refusal.fix
    assert not UNFILLED.search(refusal.because + refusal.fix + refusal.reason)
    assert outcome.reply is None
    assert outcome.session == session
    assert outcome.change == change
    assert outcome.happenings == ()
    return refusal.because


def members(data: bytes) -> dict[str, bytes]:
    """The values directly inside a TLV, by tag; a tag that comes twice fails."""
    nodes = parse(data).nodes
    found = {node.tag: node.value for node in nodes}
    assert len(found) == len(nodes)
    return found


__all__ = ["ADDRESS", "ICCID", "METADATA", "NOW", "SMDP_RID", "UPP", "Bench", "members", "order", "package", "refused"]
