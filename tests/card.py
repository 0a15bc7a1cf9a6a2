"""A card in the hand: the eUICC under test, and the steps of a download with a fake SM-DP+."""

from dataclasses import dataclass, field
from datetime import datetime

from smdp.rsp.codes import StatusWord
from smdp.rsp.crypto import Stream
from smdp.rsp.euicc.card import execute
from smdp.rsp.euicc.commands import Answer, Findings, World
from smdp.rsp.euicc.state import Credential, Euicc
from tests.fake_smdp import ICCID, FakeSmdp
from tests.independent import cut, encode, parse
from tests.minted import EID, NOW, Minted, Pki, pki

GOOD = Findings(iccid=ICCID, size=20_000, test_keys_only=False)


def credential(own: Pki, euicc: Minted | None = None) -> Credential:
    key = euicc or own.euicc
    curve = "P-256" if own.ci.key.curve.name == "secp256r1" else "brainpoolP256r1"
    return Credential(
        ci=own.ci.ski, curve=curve, certificate=key.der, eum_certificate=own.eum.der, scalar=key.scalar
    )  # fmt: skip


@dataclass
class Card:
    """The eUICC and what it is told; `findings` is what reading a package will say."""

    euicc: Euicc
    findings: Findings = GOOD
    now: datetime = NOW
    entropy: Stream = field(default_factory=lambda: Stream(b"card"))

    def send(self, request: bytes) -> Answer:
        return execute(self.euicc, request, World(self.now, self.entropy, lambda _: self.findings))

    def ask(self, request: bytes) -> bytes:
        """Send what must not be refused."""
        answer = self.send(request)
        assert answer.status is StatusWord.OK, answer.refusal
        assert answer.refusal is None, answer.refusal
        return answer.data

    def challenge(self) -> bytes:
        return parse(self.ask(encode("BF2E")))["80"].value

    def authenticate(self, smdp: FakeSmdp, **changes) -> FakeSmdp:
        smdp.authenticated(self.ask(smdp.authenticate_server(self.challenge(), **changes)))
        return smdp

    def prepare(self, smdp: FakeSmdp | None = None, **changes) -> FakeSmdp:
        smdp = self.authenticate(smdp or FakeSmdp())
        smdp.prepared(self.ask(smdp.prepare_download(**changes)))
        return smdp

    def load(self, package: bytes) -> Answer:
        """Load segment by segment, until the card says something."""
        for segment in cut(package):
            answer = self.send(segment)
            if answer != Answer():
                return answer
        raise AssertionError("the card said nothing to the last segment")

    def install(self, smdp: FakeSmdp | None = None, **changes) -> FakeSmdp:
        """Download a profile as it should be."""
        smdp = self.prepare(smdp)
        answer = self.load(smdp.package(**changes))
        assert answer.refusal is None, answer.refusal
        return smdp

    def expects(self, **changes) -> "Card":
        """Let reading a package say something else."""
        self.findings = self.findings._replace(**changes)
        return self

    def refuses(self, check: str, request: bytes) -> Answer:
        """Send what must be refused by exactly this check."""
        answer = self.send(request)
        assert answer.refusal is not None, f"not refused: {answer.data.hex()}"
        assert answer.refusal.check == check, answer.refusal
        assert "{" not in answer.refusal.because + answer.refusal.fix
        return answer


def new_card(*pkis: Pki) -> Card:
    """A fresh card with a key under each CI."""
    owned = pkis or (pki(),)
    trusted = {own.ci.ski: own.ci.der for own in owned}
    return Card(Euicc(eid=EID, credentials=[credential(own) for own in owned], trusted=trusted))
