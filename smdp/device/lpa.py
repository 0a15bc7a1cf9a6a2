"""The LPA: drives the eUICC with its commands and the server with ES9+, as SGP.22 §3.1.3 has it.

It checks what an LPA checks, sends the same request again when an answer was lost, cancels a session that failed, and
keeps notifications on the eUICC until their server has them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from msgspec import Struct

from smdp.device.es9plus import AuthenticateClient, Es9Client, InitiateAuthentication
from smdp.device.failure import DownloadError, Es9Error, failure
from smdp.device.reasons import explain
from smdp.device.trouble import Trouble, given_up, no_trouble
from smdp.model import Outcome, OutcomeStep
from smdp.rsp import asn1, certs
from smdp.rsp.bpp import hash_cc, hash_confirmation_code, segments
from smdp.rsp.checks import Refusal
from smdp.rsp.codes import BppCommandId, CancelSessionReason, StatusWord
from smdp.rsp.euicc.card import execute
from smdp.rsp.euicc.commands import Answer, World
from smdp.rsp.euicc.info import has_operational
from smdp.rsp.euicc.load import give_up
from smdp.rsp.euicc.metadata import PPR1, Metadata, allowed_by, read_metadata
from smdp.rsp.euicc.state import Euicc
from smdp.rsp.tlv import Malformed, children, items, only, tlv

TRIES = 3
"""How often a request is sent whose answer does not arrive."""
_MAC_BYTES = 8


class Order(NamedTuple):
    """What to download: the server's host[:port], the MatchingID (empty: default SM-DP+), the OID that it must have.

    `below` is what comes before the path of ES9+: the path of the URL that an MDM gave.
    """

    address: str
    matching_id: str = ""
    oid: str | None = None
    confirmation_code: str | None = None
    below: str = ""


class UnderWay(Struct, kw_only=True):
    """A download that has begun, kept until it is over: a device that is stopped in the middle goes on from here.

    `prepared` (BF21) is what the package is asked for with: the same bytes get the same package, also after a restart.
    `announced` are the metadata; `installed` is the ICCID once the package is loaded and has yet to be enabled.
    """

    order: Order
    transaction_id: str = ""
    prepared: bytes = b""
    announced: bytes = b""
    installed: str | None = None

    def __repr__(self) -> str:
        """Keep codes out of logs."""
        return f"<UnderWay at {self.order.address}>"

    @property
    def begun(self) -> bool:
        """Whether there is something to go on with."""
        return bool(self.prepared or self.installed)


class Sent(NamedTuple):
    """How many notifications were acknowledged, and how many still wait."""

    sent: int
    waiting: int


async def _nothing() -> None:
    """Keep nothing."""


@dataclass
class Lpa:
    """One device's LPA; `world` says what the eUICC learns from outside, `save` keeps its state between steps.

    `trouble` says what goes wrong at a step because a test wants it.
    """

    euicc: Euicc
    client: Es9Client
    world: Callable[[], World]
    device_info: bytes
    save: Callable[[], Awaitable[None]] = _nothing
    trouble: Trouble = no_trouble

    def command(self, request: bytes) -> Answer:
        """Send the eUICC a command."""
        return execute(self.euicc, request, self.world())

    async def download(self, under_way: UnderWay) -> Outcome:
        """Download and install a profile, or go on where it was left; whatever goes wrong is in the outcome."""
        return await Download(self, under_way).run()

    async def flush(self) -> Sent:
        """Send what waits, oldest first; an address that does not answer is left alone until next time."""
        sent, away = 0, set()
        listed = only(self.command(tlv(0xBF28)).data, 0xBF28).value
        for entry in [item.raw for item in items(only(listed, 0xA0).value)]:
            metadata = asn1.decode(asn1.NotificationMetadata, entry, 0xBF2F).native
            seq, address = tlv(0x80, children(entry, 0xBF2F)[0x80].value), metadata["notification_address"]
            if address in away:
                continue
            found = only(self.command(tlv(0xBF2B, tlv(0xA0, seq))).data, 0xBF2B).value
            try:
                await self.client.handle_notification(address, only(found, 0xA0).value)
            except Es9Error:
                away.add(address)
                continue
            self.command(tlv(0xBF30, seq))
            await self.save()
            sent += 1
        return Sent(sent, len(self.euicc.notifications))


@dataclass
class Download:
    """One RSP session, from the challenge to the ProfileInstallationResult."""

    lpa: Lpa
    under_way: UnderWay
    steps: list[OutcomeStep] = field(default_factory=list)
    transaction_id: str | None = None
    cancellable: bytes | None = None

    async def run(self) -> Outcome:
        """Run all steps; the first that fails ends the session."""
        try:
            metadata = await self._steps()
        except DownloadError as error:
            self.steps[-1].text = error.because
            await self._cancel(error.cancel)
            await self.lpa.save()
            return Outcome(
                ok=False,
                refused=error.code,
                reason=error.reason,
                because=error.because,
                fix=error.fix or explain("server-refused", eid=self.lpa.euicc.eid).fix,
                session=self.transaction_id,
                steps=self.steps,
            )
        return Outcome(ok=True, installed=metadata.iccid_digits, session=self.transaction_id, steps=self.steps)

    @property
    def order(self) -> Order:
        """What is downloaded."""
        return self.under_way.order

    async def _steps(self) -> Metadata:
        under_way = self.under_way
        if under_way.prepared:
            self.transaction_id, self.cancellable = under_way.transaction_id, bytes.fromhex(under_way.transaction_id)
        else:
            await self._agree()
            await self.lpa.save()
        metadata = read_metadata(under_way.announced)
        package = await self._fetch(under_way.prepared)
        faults = await self.lpa.trouble("loadBoundProfilePackage", metadata.iccid_digits, self.transaction_id)
        self._load(package, under_way.announced, given_up(faults))
        under_way.installed = metadata.iccid_digits
        await self.lpa.save()
        return metadata

    async def _agree(self) -> None:
        """Authenticate each other, and prepare the download."""
        client, address, below = self.lpa.client, self.order.address, self.order.below
        challenge = children(self._card("getEuiccChallenge", tlv(0xBF2E)), 0xBF2E)[0x80].value
        info1 = self._card("getEuiccInfo1", tlv(0xBF20))
        self._begin("initiateAuthentication")
        started = await client.initiate_authentication(address, challenge, info1, below=below)
        self._done()
        self.transaction_id = started.transaction_id
        authenticated = self._authenticate(started)
        self._begin("authenticateClient")
        offered = await client.authenticate_client(address, started.transaction_id, authenticated, below=below)
        metadata = self._judge(offered)
        self._done(metadata.profile_name)
        prepared = self._prepare(offered)
        self.under_way.transaction_id, self.under_way.announced = started.transaction_id, offered.profile_metadata
        self.under_way.prepared = prepared

    # --- the steps

    def _authenticate(self, started: InitiateAuthentication) -> bytes:
        """Check what an LPA checks of the server, and let the eUICC check the rest (SGP.22 §3.1.2)."""
        self._begin("authenticateServer")
        try:
            signed = asn1.decode(asn1.ServerSigned1, started.server_signed1, 0x30)
            certificate = certs.load(started.server_certificate)
            signature, ci = only(started.server_signature1, 0x5F37), only(started.euicc_ci_pk_id_to_be_used, 0x04)
        except Malformed as error:
            raise _malformed("initiateAuthentication", error) from None
        got = signed["server_address"].native
        if got.casefold() != self.order.address.casefold():
            raise failure("server-address-mismatch", got=got, address=self.order.address)
        if self.order.oid is not None and certificate.rid != self.order.oid:
            raise failure("smdp-oid-mismatch", wanted=self.order.oid, got=certificate.rid)
        transaction_id: bytes = signed["transaction_id"].native
        if transaction_id.hex() != started.transaction_id.lower():
            raise failure("transaction-id-mismatch")
        matching_id = tlv(0x80, self.order.matching_id.encode()) if self.order.matching_id else b""
        context = tlv(0xA0, matching_id, self.lpa.device_info)
        parts = (started.server_signed1, signature.raw, ci.raw, started.server_certificate, context)
        response = self._answer(self.lpa.command(tlv(0xBF38, *parts)))
        self.cancellable = transaction_id
        return response

    def _judge(self, offered: AuthenticateClient) -> Metadata:
        """Check the metadata against the eUICC's rules, before anything is downloaded (SGP.22 §3.1.3)."""
        try:
            metadata = read_metadata(offered.profile_metadata)
        except Malformed as error:
            raise _malformed("authenticateClient", error) from None
        euicc = self.lpa.euicc
        locked_out = PPR1 in metadata.policy_rules and has_operational(euicc)
        if locked_out or not allowed_by(euicc.rules, metadata):
            raise failure("ppr-not-allowed", CancelSessionReason.PPR_NOT_ALLOWED)
        return metadata

    def _prepare(self, offered: AuthenticateClient) -> bytes:
        """Let the eUICC prepare the download; the confirmation code is hashed here (SGP.22 §3.1.3, §5.7.5)."""
        self._begin("prepareDownload")
        try:
            signed = asn1.decode(asn1.SmdpSigned2, offered.smdp_signed2, 0x30)
            only(offered.smdp_signature2, 0x5F37)
        except Malformed as error:
            raise _malformed("authenticateClient", error) from None
        code, hashed = self.order.confirmation_code, b""
        if signed["cc_required_flag"].native and code is not None:
            hashed = tlv(0x04, hash_cc(hash_confirmation_code(code), signed["transaction_id"].native))
        parts = (offered.smdp_signed2, offered.smdp_signature2, hashed, offered.smdp_certificate)
        return self._answer(self.lpa.command(tlv(0xBF21, *parts)))

    async def _fetch(self, prepared: bytes) -> bytes:
        """Fetch the package; the same request again where its answer was lost (architecture.md §3)."""
        tries = 0
        while True:
            tries += 1
            self._begin("getBoundProfilePackage")
            try:
                transaction_id = self.transaction_id or ""
                package = await self.lpa.client.get_bound_profile_package(
                    self.order.address, transaction_id, prepared, below=self.order.below
                )
            except Es9Error as error:
                if not error.transient or tries == TRIES:
                    raise
                self.steps[-1].text = error.because
            else:
                self._done(f"{len(package)} bytes")
                return package

    def _load(self, package: bytes, announced: bytes, giving_up: tuple[BppCommandId, Refusal] | None) -> None:
        """Load the package segment by segment; its metadata must be those that were announced (SGP.22 §3.1.3.3).

        With `giving_up`, the eUICC ends the installation at this command, for this reason.
        """
        self._begin("loadBoundProfilePackage")
        reason = CancelSessionReason.LOAD_BPP_EXECUTION_ERROR
        try:
            pieces = list(segments(package))
            inside = _metadata_in(package)
        except Malformed as error:
            raise failure("package-malformed", reason, problem=error) from None
        if inside != announced:
            raise failure("metadata-mismatch", CancelSessionReason.METADATA_MISMATCH)
        if giving_up is not None:
            command, refusal = giving_up
            seen = announced if command > BppCommandId.STORE_METADATA else b""
            give_up(self.lpa.euicc, self.lpa.world(), command, refusal, seen)
            self.cancellable = None
            raise _refused(refusal, reason)
        for piece in pieces:
            answer = self.lpa.command(piece)
            if answer.data:
                self.cancellable = None
            if answer.refusal is not None:
                raise _refused(answer.refusal, reason)
        self._done()

    # --- how it goes

    def _card(self, name: str, request: bytes) -> bytes:
        """Send the eUICC a command as a step of its own."""
        self._begin(name)
        return self._answer(self.lpa.command(request))

    def _answer(self, answer: Answer) -> bytes:
        """Take the eUICC's answer to the step that began last."""
        if answer.refusal is not None:
            raise _refused(answer.refusal)
        self._done()
        return answer.data

    def _begin(self, name: str) -> None:
        self.steps.append(OutcomeStep(name=name, ok=False))

    def _done(self, text: str = "") -> None:
        self.steps[-1].ok, self.steps[-1].text = True, text

    async def _cancel(self, reason: CancelSessionReason) -> None:
        """End the session at the eUICC and at the server, as LPAs do after any failure (SGP.22 §3.1.3.1)."""
        if self.cancellable is None:
            return
        request = tlv(0xBF41, tlv(0x80, self.cancellable), tlv(0x81, bytes((reason,))))
        response, self.cancellable = self.lpa.command(request), None
        self._begin("cancelSession")
        try:
            await self.lpa.client.cancel_session(
                self.order.address, self.transaction_id or "", response.data, below=self.order.below
            )
        except Es9Error as error:
            self.steps[-1].text = error.because
        else:
            self._done(reason.name.lower().replace("_", " "))


def _metadata_in(package: bytes) -> bytes:
    """Read the metadata of a package, which are not encrypted. Raises Malformed."""
    section = children(package, 0xBF36).get(0xA1)
    if section is None:
        raise Malformed("there are no metadata in it")
    return b"".join(item.value[:-_MAC_BYTES] for item in items(section.value))


def _malformed(function: str, error: Malformed) -> DownloadError:
    return failure("answer-malformed", function=function, problem=error)


def _refused(refusal: Refusal, cancel: CancelSessionReason = CancelSessionReason.END_USER_REJECTION) -> DownloadError:
    """Say what the eUICC refused, with the error as the standard names it: invalidSignature(2)."""
    code = refusal.code
    assert isinstance(code, IntEnum)  # noqa: S101 - the eUICC's lists hold no status code pairs
    first, *rest = code.name.lower().split("_")
    number = f"{code:X}" if isinstance(code, StatusWord) else str(int(code))
    name = first + "".join(map(str.capitalize, rest))
    return DownloadError(refusal.reason, refusal.because, refusal.fix, code=f"{name}({number})", cancel=cancel)
