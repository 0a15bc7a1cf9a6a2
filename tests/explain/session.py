"""Everything that is said in one download, made by the tests' own card and server: the values that people paste."""

import base64
import json
from dataclasses import dataclass, field
from functools import cache

from smdp.rsp import wire
from smdp.rsp.server.session import Outcome
from tests.fake_smdp import FakeSmdp
from tests.rsp.server.bench import ADDRESS, ICCID, Bench, body
from tests.rsp.server.bench import order as ordered

CHALLENGE = b"\xc1" * 16
SECRETS = (b"\x5a" * 32, b"\x11" * 16, b"\x22" * 16, b"\x33" * 16)
"""A hashed confirmation code and the profile protection keys of `packed`."""


@dataclass
class Said:
    """What went to and fro: bodies in JSON by function, messages in DER by the name of their type."""

    transaction_id: str = ""
    requests: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    messages: dict[str, bytes] = field(default_factory=dict)


@cache
def said() -> Said:
    """Download one profile, and tell how it went."""
    bench, found = Bench(), Said()
    card = bench.euicc

    def step(function: str, outcome: Outcome, **members: bytes | str) -> None:
        assert outcome.refusal is None
        found.requests[function] = json.dumps(body(**members))
        found.answers[function] = wire.answer(outcome.reply).decode()

    info1 = card.info1()
    step("initiateAuthentication", bench.initiate(info1=info1), euiccChallenge=CHALLENGE, euiccInfo1=info1,
         smdpAddress=ADDRESS)  # fmt: skip
    transaction_id = bench.session.transaction_id
    found.transaction_id = transaction_id.hex().upper()
    response = bench.response(context=card.context(matching_id="A-1", imei=bytes.fromhex("5303490118644559")))
    wanted = ordered(matching_id="A-1")
    step("authenticateClient", bench.authenticate(response, candidates=[wanted]), transactionId=transaction_id,
         authenticateServerResponse=response)  # fmt: skip
    prepared = bench.prepared()
    step("getBoundProfilePackage", bench.bind(prepared, wanted=wanted), transactionId=transaction_id,
         prepareDownloadResponse=prepared)  # fmt: skip
    result = card.result(transaction_id, bytes.fromhex("980001010000000010F9"))
    found.requests["handleNotification"] = json.dumps(body(pendingNotification=result))
    cancelled = card.cancel(transaction_id, 1)
    found.requests["cancelSession"] = json.dumps(body(transactionId=transaction_id, cancelSessionResponse=cancelled))
    found.messages |= {
        "EUICCInfo1": info1,
        "EUICCInfo2": card.info2(),
        "AuthenticateServerResponse": response,
        "PrepareDownloadResponse": prepared,
        "ProfileInstallationResult": result,
        "OtherSignedNotification": card.other(iccid=bytes.fromhex("980001010000000010F9"), events=(1,)),
        "NotificationMetadata": card.notice(iccid=None),
        "CancelSessionResponse": cancelled,
    }
    server = FakeSmdp()
    found.messages |= {
        "AuthenticateServerRequest": server.authenticate_server(CHALLENGE, matching_id=b"A-1"),
        "PrepareDownloadRequest": server.prepare_download(hash_cc=SECRETS[0]),
        "CancelSessionRequest": server.cancel_session(3),
    }
    return found


def member(document: str, name: str) -> bytes:
    """A member of a body, as DER."""
    return base64.b64decode(json.loads(document)[name])


__all__ = ["ADDRESS", "ICCID", "SECRETS", "Said", "member", "said"]
