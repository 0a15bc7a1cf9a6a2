"""The first check of every function but the first: there is such a session, and it is its turn (SGP.22 §3.1.5)."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from smdp.rsp.checks import Check, Refusal
from smdp.rsp.codes import Code
from smdp.rsp.server.security import Security
from smdp.rsp.server.session import Outcome, Policy, Session, Stage


class Step:
    """The context of the checks that every later function begins with: is there a session, and is it its turn?"""

    def __init__(
        self, session: Session | None, security: Security, policy: Policy, now: datetime, *stages: Stage
    ) -> None:
        self.session, self.security, self.policy, self.now, self.stages = session, security, policy, now, stages

    def known(self) -> bool:
        """Say whether the session exists, lives and waits for this function."""
        if self.session is None or self.session.stage not in self.stages:
            return False
        in_time = self.now - self.session.opened_at <= timedelta(minutes=self.policy.session_minutes)
        return in_time and self.session.server_ci in self.security.identities

    def details(self) -> dict[str, object]:
        """Fill the sentences."""
        if self.session is None:
            what = "is unknown here"
        elif self.session.stage not in self.stages:
            what = "is over" if self.session.stage is Stage.CLOSED else f"is {self.session.stage}, not at this step"
        elif self.session.server_ci not in self.security.identities:
            what = "began under a certificate that this server no longer has"
        else:
            what = f"expired after {self.policy.session_minutes} minutes"
        return {"what": what}


def step_check(identifier: str, clause: str) -> Check[Step]:
    """Make the first check of a function: its transactionId."""
    return Check(
        identifier,
        clause,
        "transactionId",
        Code("8.10.1", "3.9"),
        "transaction-unknown",
        "The session {what}.",
        "Start over with InitiateAuthentication; a session goes through its steps once, in order.",
        lambda c: c.known(),
        passed="The session is known, it lives, and it waits for this step.",
    )


def same_transaction(identifier: str, clause: str, member: str) -> Check[Any]:
    """Make the check that the eUICC signed the transactionId which its message was sent with."""
    return Check(
        identifier,
        clause,
        member,
        Code("8.10.1", "3.9"),
        "transaction-mismatch",
        "The eUICC signed another transactionId than the one it was sent with.",
        "Pass the eUICC's answer on as it is, with the transactionId of its session.",
        lambda c: c.message.transaction_id == c.session.transaction_id,
        passed="The eUICC signed the transactionId that its message came with.",
    )


def close(session: Session, refusal: Refusal, **more: Any) -> Outcome[dict[str, Any]]:
    """End a session with a refusal."""
    return Outcome(refusal=refusal, session=structs.replace(session, stage=Stage.CLOSED), **more)
