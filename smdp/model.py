"""What every layer speaks and the control API answers: one msgspec struct per resource, named as in the documentation.

Times are aware datetimes in UTC (ISO 8601 with Z on the wire); an absent value is null, never a missing member.
"""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

State = Literal[
    "available",
    "allocated",
    "linked",
    "confirmed",
    "released",
    "downloaded",
    "installed",
    "error",
    "unavailable",
]
"""Where a profile stands on the SM-DP+ (SGP.22 §3.1.6)."""
Runtime = Literal["enabled", "disabled", "deleted"]
"""What the device's notifications said last of an installed profile."""
Reuse = Literal["never", "same-device", "always"]
ActivationState = Literal["inactive", "pending", "active", "failed", "suspended", "terminated"]
EnrollmentKind = Literal["device", "user", "ade"]
"""By a profile, by its user (User Enrollment), by Automated Device Enrollment."""
SessionOutcome = Literal["open", "downloaded", "installed", "failed", "refused", "cancelled", "expired"]


class Limits(Struct, kw_only=True, forbid_unknown_fields=True):
    """How much a carrier allows: attempts per order, minutes per session, hours per order, requests per second."""

    download_attempts: int = 10
    confirmation_code_attempts: int = 3
    session_minutes: int = 30
    order_hours: int | None = None
    per_second: int | None = None


class Operator(Struct, kw_only=True, forbid_unknown_fields=True):
    """An operator that may order over ES2+, and where it wants to hear of progress."""

    id: str
    callback: str | None = None


class Carrier(Struct, kw_only=True):
    """A namespace: one SM-DP+, its plans, profiles, sessions and events, told apart by host name."""

    name: str
    hosts: list[str] = field(default_factory=list)
    smds_hosts: list[str] = field(default_factory=list)
    address: str | None = None
    esim_server_url: str = ""
    mcc: str = "001"
    mnc: str = "01"
    network_name: str = "smdp TEST"
    country: str = "US"
    reuse: Reuse | None = None
    rebind: Literal["refuse", "allow"] = "refuse"
    strict_path: bool = False
    no_order_code: str = "8.1.1/3.8"
    limits: Limits = field(default_factory=Limits)
    operators: list[Operator] = field(default_factory=list)
    sm_ds: str = ""


class ActivationRule(Struct, kw_only=True, forbid_unknown_fields=True):
    """When a plan becomes active: what starts it, how long it takes on the carrier's clock, and whether it fails."""

    on: Literal["installed", "enabled", "attached", "manual"] = "installed"
    install_delay: str = "0s"
    delay: str = "0s"
    fail: str | None = None


class Plan(Struct, kw_only=True):
    """A profile type: what the profiles of this plan are made of, and how they become active."""

    name: str
    profile_name: str = "smdp TEST"
    service_provider: str = "smdp TEST"
    profile_class: Literal["test", "provisioning", "operational"] = "operational"
    ppr: list[Literal["ppr1", "ppr2"]] = field(default_factory=list)
    icon: str | None = None
    protection: Literal["ppk", "session"] = "ppk"
    personalise: bool = True
    upp: str | None = None
    iccid_prefix: str = "8900101"
    activation: ActivationRule = field(default_factory=ActivationRule)
    reuse: Reuse | None = None
    auto_create: bool = False


class Activation(Struct, kw_only=True):
    """Whether the plan works on the carrier's network, why not, and since when."""

    state: ActivationState = "inactive"
    reason: str | None = None
    since: datetime


class Attempts(Struct, kw_only=True):
    """How often an order was tried."""

    download: int = 0
    confirmation_code: int = 0


class Credentials(Struct, kw_only=True):
    """A profile's secrets, in hexadecimal or digits; shown only when asked for."""

    ki: str
    opc: str
    pin1: str
    pin2: str
    puk1: str
    puk2: str
    adm1: str
    kic: str
    kid: str
    kik: str

    def __repr__(self) -> str:
        """Keep the secrets out of logs."""
        return "Credentials(…)"


class Profile(Struct, kw_only=True):
    """One eSIM profile: issued once, downloaded once."""

    iccid: str
    eid: str | None = None
    imei: str | None = None
    plan: str = "default"
    imsi: str = ""
    msisdn: str | None = None
    state: State = "released"
    runtime: Runtime | None = None
    consumed: bool = False
    consumed_at: datetime | None = None
    consumed_by: str | None = None
    activation: Activation
    matching_id: str = ""
    confirmation_code_required: bool = False
    esim_server_url: str = ""
    activation_code: str = ""
    attempts: Attempts = field(default_factory=Attempts)
    expires_at: datetime | None = None
    created_at: datetime
    warnings: list[str] = field(default_factory=list)
    credentials: Credentials | None = None


class RefusalText(Struct, kw_only=True):
    """Why a session was refused: the check, the standard's code, our slug, a sentence, and what to do."""

    check: str
    code: str
    reason: str
    because: str
    fix: str


class CheckResult(Struct, kw_only=True):
    """One check of the server as it went for one message: `field` names a member of the request, or `order`.

    `text` says what the check found. The first that is not `ok` ended the step; those behind it were never looked at.
    """

    id: str
    field: str
    ok: bool
    clause: str
    text: str


class Step(Struct, kw_only=True):
    """One function call of a session: when, how long, what came, what went, and what the server checked of it.

    `request` and `response` are the decoded bodies, with the standard's names. `ms` is null for a notification, which
    nobody waits for. A list of sessions leaves bodies and checks out.
    """

    name: str
    at: datetime
    ms: float | None = None
    request: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    checks: list[CheckResult] = field(default_factory=list)


class Session(Struct, kw_only=True):
    """One RSP session as the carrier saw it."""

    id: str
    carrier: str
    eid: str | None = None
    iccid: str | None = None
    outcome: SessionOutcome = "open"
    opened_at: datetime
    refusal: RefusalText | None = None
    steps: list[Step] = field(default_factory=list)


class Event(Struct, kw_only=True):
    """Something that happened: `at` by the carrier's clock, `wall` by the real one; `id` only ever grows."""

    id: int
    at: datetime
    wall: datetime
    type: str
    carrier: str
    eid: str | None = None
    iccid: str | None = None
    session: str | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in one line, as the server's log does: time, type, and the ends of the long numbers."""
        names = {"eid": self.eid, "iccid": self.iccid, "session": self.session}
        parts = [f"{name}=…{value[-4:]}" for name, value in names.items() if value]
        parts += [f"{name}={value}" for name, value in self.data.items() if name not in ("because", "fix")]
        return f"{self.at:%H:%M:%S} {self.type:<20} {' '.join(parts)}".rstrip()


class Clock(Struct, kw_only=True):
    """A carrier's clock: what it says, the real time beside it, and how far ahead of that it runs, in seconds."""

    now: datetime
    wall: datetime
    frozen: bool = False
    offset: float = 0.0


class FaultOn(Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom a fault meets: at one step, one EID, one profile; null for any."""

    step: str | None = None
    eid: str | None = None
    iccid: str | None = None


class Fault(Struct, kw_only=True):
    """Something that goes wrong because a test wants it: `times` times, always if null; `hits` says how often it has.

    `do` is a name of the catalogue, `with` its parameters, `on` whom it meets.
    """

    id: str
    do: str
    with_: dict[str, Any] = field(name="with", default_factory=dict)
    on: FaultOn = field(default_factory=FaultOn)
    times: int | None = 1
    hits: int = 0


class FaultParameter(Struct, kw_only=True):
    """A parameter of a fault: its name, what it means, and what holds if it is not given."""

    name: str
    text: str
    default: Any = None


class FaultKind(Struct, kw_only=True):
    """A fault of the catalogue: what it does, at which steps, and what a device then says.

    `steps` are those it can meet, the first where none is chosen (all of them if `anywhere`); `eid` says whether it can
    be limited to an EID or a profile.
    """

    name: str
    layer: Literal["protocol", "wire", "carrier", "device"]
    text: str
    device: str
    steps: list[str]
    anywhere: bool = False
    eid: bool = True
    parameters: list[FaultParameter] = field(default_factory=list)


class Webhook(Struct, kw_only=True):
    """Whom a carrier's events are told: which types (all of them if empty), whether signed, and how many still wait."""

    id: str
    url: str
    types: list[str] = field(default_factory=list)
    signed: bool = False
    pending: int = 0


class Scenario(Struct, kw_only=True):
    """A situation: what happens, what the MDM sees, how a test tells; what a refresh is refused with; what it does.

    `left` says, when it was applied, what of it is left to do on a device that this server does not host.
    """

    name: str
    title: str
    happens: str
    mdm: str
    check: str = field(name="assert")
    reason: str | None = None
    does: dict[str, Any] = field(default_factory=dict)
    left: str = ""


class Nearest(Struct, kw_only=True):
    """The ordered EID that looks most like the one asked about."""

    eid: str
    differs_at: list[int]
    valid: bool
    iccid: str


class EidReport(Struct, kw_only=True):
    """What an EID has, what it would get now, and why."""

    eid: str
    valid: bool
    profiles: list[Profile] = field(default_factory=list)
    next: str | None = None
    reason: str | None = None
    because: str = ""
    nearest: Nearest | None = None
    fix: str | None = None
    last_seen: datetime | None = None

    def __str__(self) -> str:
        """Say it as a carrier's support would: what there is, why there is no more, and what to do."""
        plans = [f"{one.iccid}: {one.state}, {one.activation.state}" for one in self.profiles]
        said = " → ".join(part for part in (self.because, self.fix) if part)
        return "\n  ".join([f"EID {self.eid}", *plans, *([said] if said else [])])


class Esim(Struct, kw_only=True):
    """A profile on a device: what it is, and what the network says to it.

    `network`, `mcc`, `mnc` and `msisdn` are the network's answer: empty and null until the device is attached, and then
    `rejected` is the reason, if it tried. The `subscriber_*` are what the profile itself brings. `label` is what the
    holder reads, `label_id` (a UUID) stands for it.
    """

    iccid: str
    state: Literal["enabled", "disabled"]
    label: str = ""
    label_id: str = ""
    network: str = ""
    mcc: str | None = None
    mnc: str | None = None
    msisdn: str | None = None
    rejected: str | None = None
    subscriber_network: str = ""
    subscriber_mcc: str | None = None
    subscriber_mnc: str | None = None


class Device(Struct, kw_only=True):
    """A simulated Apple device, hosted by the server.

    `cellular` says whether it has a modem at all, `physical_sim` whether a SIM card is in it besides its eSIMs.
    """

    eid: str
    udid: str
    serial: str
    imei: str
    os: str = "26.1"
    model: str = "iPhone17,1"
    name: str = "iPhone"
    supervised: bool = True
    cellular: bool = True
    physical_sim: bool = False
    enrollment: dict[str, Any] | None = None
    restrictions: dict[str, Any] = field(default_factory=dict)
    esims: list[Esim] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    online: bool = True
    country: str = "US"
    enrollment_kind: EnrollmentKind = "device"
    carrier: str = "default"


class OutcomeStep(Struct, kw_only=True):
    """One step of a download as the device saw it."""

    name: str
    ok: bool
    text: str = ""


class Outcome(Struct, kw_only=True):
    """How a refresh or a download ended; printed, it explains itself."""

    ok: bool
    installed: str | None = None
    refused: str | None = None
    reason: str | None = None
    because: str = ""
    fix: str | None = None
    session: str | None = None
    steps: list[OutcomeStep] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in one line."""
        if self.ok:
            return f"installed {self.installed}"
        code = f"{self.refused} " if self.refused else ""
        return f"refused {code}({self.reason}): {self.because}" + (f" → {self.fix}" if self.fix else "")


class PolledCommand(Struct, kw_only=True):
    """A command that a device answered, and the status it sent: its own word for a result sent once more is `again`."""

    command: str
    status: str


class PollProblem(Struct, kw_only=True):
    """What stopped a device's conversation with its MDM."""

    reason: str
    because: str
    fix: str


class Polled(Struct, kw_only=True):
    """How a device's conversation with its MDM went.

    `not_now`: the last command was put off. `ended`: a command ended it, such as EraseDevice.
    """

    answered: list[PolledCommand] = field(default_factory=list)
    not_now: bool = False
    ended: bool = False
    enrolled: bool = True
    problem: PollProblem | None = None


class Erased(Struct, kw_only=True):
    """What an erasure made of a device's eSIMs, why, and how the plan comes back."""

    by: str
    kept: bool
    iccids: list[str] = field(default_factory=list)
    because: str = ""
    then: str = ""
    evidence: str = "documented"
    enrolled: bool = False


class Blocked(Struct, kw_only=True):
    """A restriction, and the configuration profile that brought it."""

    key: str
    profile: str
    profile_name: str


class Attempted(Struct, kw_only=True):
    """What came of something that a device's holder tried; `said` is `allowed`, or by what it was blocked."""

    action: str
    allowed: bool
    said: str
    because: str = ""
    blocked_by: Blocked | None = None
    notice: str = ""
    delay_seconds: int = 0
    evidence: str = "documented"
    erased: Erased | None = None
    outcome: Outcome | None = None


class Snapshot(Struct, kw_only=True):
    """What a carrier and its devices were: when by its clock, behind which event, how much, in how many bytes."""

    name: str
    at: datetime
    event: int
    profiles: int
    devices: int
    bytes: int


class NetworkChallenge(Struct, kw_only=True):
    """What a network asks of a USIM: RAND and AUTN, 16 bytes each, in hexadecimal (TS 33.102 §6.3.2)."""

    rand: str
    autn: str


class Attachment(Struct, kw_only=True):
    """What a device learns when the network lets it in."""

    network_name: str
    mcc: str
    mnc: str
    msisdn: str | None = None


class Removed(Struct, kw_only=True):
    """How much a reset took away."""

    profiles: int
    devices: int
    sessions: int


class Problem(Struct, kw_only=True):
    """An RFC 9457 problem document: what is wrong, because of what, and what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    reason: str
    because: str
    fix: str
    detail: str = ""
