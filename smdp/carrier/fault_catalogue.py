"""The faults there are: what each does, at which steps, with which parameters, and what a device then says."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import IntEnum
from typing import Any, NamedTuple

from smdp.carrier.errors import CarrierError, did_you_mean, reject_unknown
from smdp.durations import parse_duration
from smdp.model import FaultKind, FaultParameter
from smdp.rsp.codes import BppCommandId, ErrorReason, code

INITIATE, AUTHENTICATE, GET_PACKAGE = "initiateAuthentication", "authenticateClient", "getBoundProfilePackage"
CANCEL, NOTIFY = "cancelSession", "handleNotification"
TLS, ACTIVATION, ATTACH, DOWNLOAD, LOAD = "tls", "activation", "attach", "download", "loadBoundProfilePackage"
COMMAND, REFRESH = "mdmCommand", "refreshCellularPlans"
_CALLS = (INITIATE, AUTHENTICATE, GET_PACKAGE, CANCEL, NOTIFY)
_ANSWERS = (INITIATE, AUTHENTICATE, GET_PACKAGE, CANCEL)

_LONGEST = timedelta(minutes=10)
_MOST_BYTES = 1024 * 1024
_MAX_TEXT = 200


class Parameter(NamedTuple):
    """A parameter: what it means, its default, and what its values are: `read` raises ValueError with a sentence."""

    text: str
    default: Any
    read: Callable[[Any], Any]


class Kind(NamedTuple):
    """A fault. `before`: it comes instead of what the carrier would do, or in front of it; nothing else follows then.

    `steps` are those it can meet; the first is meant where none is chosen, all of them if it can meet `anywhere`.
    """

    layer: str
    text: str
    device: str
    steps: tuple[str, ...]
    anywhere: bool = False
    before: bool = False
    eid: bool = True
    parameters: Mapping[str, Parameter] = {}


# --- what values may be


def _number(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value[:12])
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"a number from {low} to {high}")
        return value

    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= _MAX_TEXT:
        raise ValueError(f"a text of 1 to {_MAX_TEXT} printable characters")
    return value


def _duration(value: Any) -> str:
    text = value if isinstance(value, str) else f"{value}"
    try:
        if parse_duration(text) <= _LONGEST:
            return text
    except ValueError:
        pass
    raise ValueError("a duration of at most 10m, such as 2s")


def _code(value: Any) -> str:
    text = _text(value)
    try:
        return str(code(text))
    except ValueError:
        raise ValueError('a pair of status codes such as "8.1.1/3.8"') from None


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _named(names: type[IntEnum]) -> Callable[[Any], int]:
    """Read a number of the standard, or its name: 2, storeMetadata, store-metadata."""
    known = {_flat(member.name): int(member) for member in names}

    def read(value: Any) -> int:
        text = str(value)
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else known.get(_flat(text))  # noqa: PLR2004 - three digits
        if type(value) is bool or number is None or number not in known.values():
            raise ValueError("one of " + ", ".join(f"{int(one)} {spoken(one)}" for one in names))
        return number

    return read


def _flat(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def spoken(member: IntEnum) -> str:
    """Write a constant as the standard does: storeMetadata."""
    first, *rest = member.name.lower().split("_")
    return first + "".join(map(str.capitalize, rest))


# --- the catalogue

_REASON = Parameter("the slug that simulated devices see", "fault", _text)
_SLOWLY = {"bytes": Parameter("how many at a time", 64, _number(1, _MOST_BYTES))}

CATALOGUE: dict[str, Kind] = {
    "bad-server-signature": Kind(
        "protocol",
        "The signature of the answer (serverSignature1, smdpSignature2) has a wrong bit.",
        "invalidSignature(2), server-signature-wrong; at authenticateClient invalidSignature(2), smdp-signature-wrong",
        (INITIATE, AUTHENTICATE),
    ),
    "wrong-transaction-id": Kind(
        "protocol",
        "The answer's signed part has another transactionId than its session, rightly signed.",
        "transaction-id-mismatch; at authenticateClient invalidTransactionId(5), transaction-id-mismatch",
        (INITIATE, AUTHENTICATE),
    ),
    "wrong-address": Kind(
        "protocol",
        "serverSigned1 names another server than the device called, rightly signed.",
        "server-address-mismatch",
        (INITIATE,),
        parameters={"address": Parameter("the name instead", "wrong.example.com", _text)},
    ),
    "expired-dpauth": Kind(
        "protocol",
        "CERT.DPauth expired a day ago on the carrier's clock. Needs the CI's key, so the public PKI.",
        "invalidCertificate(1), certificate-expired",
        (INITIATE,),
    ),
    "wrong-ci": Kind(
        "protocol",
        "euiccCiPKIdToBeUsed names a CI that the eUICC has no certificate under.",
        "ciPkUnknown(7), ci-unknown",
        (INITIATE,),
    ),
    "bad-mac": Kind(
        "protocol",
        "One protected TLV of the package has a wrong MAC.",
        "scp03tSecurityError(8), protected-tlv-forged; the carrier hears of it: profile.failed",
        (GET_PACKAGE,),
        parameters={"segment": Parameter("which of them, 1 the first, 0 the last", 1, _number(0, 10_000))},
    ),
    "bad-metadata": Kind(
        "protocol",
        "AuthenticateClient announces another profile name than the package has.",
        "metadata-mismatch",
        (AUTHENTICATE,),
        parameters={"profile_name": Parameter("what is announced", "another profile", _text)},
    ),
    "refuse": Kind(
        "protocol",
        "The step is refused with any code, and the session ends.",
        "the code and the reason given, such as 8.1.1/3.8, fault",
        _ANSWERS,
        before=True,
        parameters={
            "code": Parameter("subject and reason code", "8.1.1/3.8", _code),
            "reason": _REASON,
            "because": Parameter("the sentence in statusCodeData.message", "The carrier was told to refuse.", _text),
        },
    ),
    "lost-notification": Kind(
        "protocol",
        "A notification is acknowledged and lost: the carrier never learns what it said.",
        "installed; only the carrier does not know",
        (NOTIFY,),
        before=True,
    ),
    "duplicate-notification": Kind(
        "protocol",
        "A notification is taken, but its acknowledgement is lost (HTTP 500): the device sends it again.",
        "installed; the notification waits and is sent again",
        (NOTIFY,),
    ),
    "status": Kind(
        "wire",
        "An HTTP status comes instead of an answer, as from a load balancer.",
        "http-status; of 429 rate-limited",
        _CALLS,
        anywhere=True,
        before=True,
        parameters={
            "status": Parameter("the status", 503, _number(400, 599)),
            "retry_after": Parameter("Retry-After in seconds, none by default", None, _optional(_number(0, 86_400))),
        },
    ),
    "latency": Kind(
        "wire",
        "The answer comes late.",
        "nothing, if it is patient",
        _CALLS,
        anywhere=True,
        parameters={"delay": Parameter("how late", "2s", _duration)},
    ),
    "stall": Kind(
        "wire",
        "The answer never comes; the connection stays open until the device gives up.",
        "server-timeout",
        _CALLS,
        anywhere=True,
        parameters={"longest": Parameter("when the connection is closed at last", "2m", _duration)},
    ),
    "dribble": Kind(
        "wire",
        "The answer comes in small pieces with pauses between them.",
        "nothing, or server-timeout",
        _CALLS,
        anywhere=True,
        parameters={**_SLOWLY, "pause": Parameter("how long between two pieces", "50ms", _duration)},
    ),
    "reset": Kind(
        "wire",
        "The answer is lost: the connection is reset (TCP RST) where it would come.",
        "server-unreachable; at getBoundProfilePackage it asks again",
        _CALLS,
        anywhere=True,
    ),
    "eof": Kind(
        "wire",
        "The answer breaks off after some bytes of its body.",
        "answer-cut; at getBoundProfilePackage it asks again",
        _CALLS,
        anywhere=True,
        parameters={"bytes": Parameter("how many come", 20, _number(0, _MOST_BYTES))},
    ),
    "html-instead-of-json": Kind(
        "wire",
        "A page in HTML comes with status 200, as from a captive portal.",
        "answer-not-json",
        _ANSWERS,
        anywhere=True,
        before=True,
    ),
    "tls-wrong-name": Kind("wire", "The TLS certificate is another host's.", "tls-untrusted", (TLS,), eid=False),
    "tls-expired": Kind("wire", "The TLS certificate has expired.", "tls-untrusted", (TLS,), eid=False),
    "tls-self-signed": Kind("wire", "The TLS certificate is self-signed.", "tls-untrusted", (TLS,), eid=False),
    "tls-1.1": Kind(
        "wire",
        "The server turns down what it is offered, as one does that speaks TLS 1.1 at most (alert protocol_version).",
        "tls-failed",
        (TLS,),
        eid=False,
    ),
    "activation-fails": Kind(
        "carrier",
        "The plan does not become active, but fails.",
        "installed, but without network",
        (ACTIVATION,),
        parameters={"reason": Parameter("why", "network-rejected", _text)},
    ),
    "activation-never": Kind(
        "carrier", "The plan stays pending for ever.", "installed, but without network", (ACTIVATION,)
    ),
    "attach-rejected": Kind(
        "carrier",
        "The network proves who the device is, and rejects it all the same, whether its plan is active or not.",
        "installed, but without network: attach-rejected",
        (ATTACH,),
        parameters={"cause": Parameter("the EMM cause that it is told", 11, _number(2, 111))},
    ),
    "rate-limit": Kind(
        "carrier",
        "All but so many calls in a period are turned down with 429 and Retry-After; a hit is one turned down.",
        "rate-limited",
        _CALLS,
        anywhere=True,
        before=True,
        eid=False,
        parameters={
            "calls": Parameter("how many are answered", 0, _number(0, 1_000_000)),
            "period": Parameter("in which time, real time", "1m", _duration),
        },
    ),
    "not-now": Kind(
        "device",
        "The device answers NotNow to its MDM, save to the commands that are never put off.",
        "NotNow; the command stays queued",
        (COMMAND,),
    ),
    "36001": Kind(
        "device",
        "RefreshCellularPlans is refused: the device can't reach its cellular stack.",
        "Error 36001",
        (REFRESH,),
    ),
    "36002": Kind(
        "device", "RefreshCellularPlans is refused: the hardware does not support it.", "Error 36002", (REFRESH,)
    ),
    "36003": Kind("device", "RefreshCellularPlans is refused: the cellular stack is busy.", "Error 36003", (REFRESH,)),
    "ack-on-install": Kind(
        "device",
        "RefreshCellularPlans is answered when the plan is installed, instead of when it is accepted.",
        "Acknowledged once it is installed, else Error 36003",
        (REFRESH,),
    ),
    "offline": Kind("device", "The device has no network.", "offline", (DOWNLOAD,)),
    "no-route-to-carrier": Kind(
        "device", "The device has network, but no way to this carrier.", "server-unreachable", (DOWNLOAD,)
    ),
    "install-error": Kind(
        "device",
        "The eUICC gives the installation up, and says so in its signed result.",
        "the error as its code, such as installFailedDueToPeProcessingError(12); install-error",
        (LOAD,),
        parameters={
            "command": Parameter("bppCommandId", int(BppCommandId.LOAD_PROFILE_ELEMENTS), _named(BppCommandId)),
            "error": Parameter(
                "errorReason", int(ErrorReason.INSTALL_FAILED_DUE_TO_PE_PROCESSING_ERROR), _named(ErrorReason)
            ),
        },
    ),
    "no-memory": Kind(
        "device",
        "The eUICC is full, and says so in EUICCInfo2.",
        "8.1/4.8, no-memory",
        (DOWNLOAD,),
    ),
    "iccid-already-exists": Kind(
        "device",
        "The eUICC has a profile of this ICCID already, it says.",
        "installFailedDueToIccidAlreadyExistsOnEuicc(9), iccid-already-exists",
        (LOAD,),
    ),
}


def kind_of(name: str) -> Kind:
    """Return a fault of the catalogue. Raises CarrierError for an unknown name."""
    if name not in CATALOGUE:
        because = f"There is no fault {name[:60]!r}."
        fix = f"{did_you_mean(name, CATALOGUE)} smdp fault catalogue lists them all."
        raise CarrierError("fault-unknown", because, fix)
    return CATALOGUE[name]


def read_parameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a fault and fill in what is not given. Raises CarrierError."""
    known = kind_of(name).parameters
    reject_unknown(given, known, f"fault {name}")
    values = {}
    for parameter, (_, default, read) in known.items():
        try:
            values[parameter] = read(given[parameter]) if parameter in given else default
        except ValueError as error:
            because = f"{parameter} of {name} is {given[parameter]!r:.60}, not {error}."
            raise CarrierError("value-invalid", because, f"Leave it out for {default}.") from None
    return values


def catalogue() -> list[FaultKind]:
    """Return the catalogue as the control API shows it."""
    return [
        FaultKind(
            name=name,
            layer=kind.layer,  # type: ignore[arg-type] # one of the four words, all of them written above
            text=kind.text,
            device=kind.device,
            steps=list(kind.steps),
            anywhere=kind.anywhere,
            eid=kind.eid,
            parameters=[FaultParameter(name=at, text=one.text, default=one.default) for at, one in
                        kind.parameters.items()],
        )
        for name, kind in CATALOGUE.items()
    ]  # fmt: skip
