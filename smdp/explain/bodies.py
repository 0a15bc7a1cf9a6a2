"""ES9+ bodies, requests and answers (SGP.22 §6.5), and problem documents of the control API."""

import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from smdp.explain import catalogue, certificates, fields, messages
from smdp.explain.words import Explanation, Line, clipped, lines, shown
from smdp.rsp import asn1, wire
from smdp.rsp.tlv import Malformed

_ANSWERS = {
    "initiateAuthentication": {"serverSigned1", "serverSignature1", "serverCertificate", "euiccCiPKIdToBeUsed"},
    "authenticateClient": {"profileMetadata", "smdpSigned2", "smdpSignature2", "smdpCertificate"},
    "getBoundProfilePackage": {"boundProfilePackage"},
}
_REQUESTS = {function: {*members} - {"transactionId"} for function, members in wire.MEMBERS.items()}
_TYPES = {"serverSigned1": asn1.ServerSigned1, "smdpSigned2": asn1.SmdpSigned2}
_TEXTS = frozenset({"smdpAddress", "transactionId"})
_BARE = frozenset({"euiccChallenge", "serverSignature1", "smdpSignature2"})


def explain(text: bytes) -> Explanation | None:
    """Explain a JSON object; None if it is none that is known. Raises Malformed if it is no JSON."""
    try:
        body = wire.decode(text)
    except wire.NotJson as error:
        raise Malformed(f"it {error}") from None
    if "because" in body and "reason" in body:
        return _problem(body)
    for kind, known in (("request", _REQUESTS), ("answer", _ANSWERS)):
        for function, members in known.items():
            if not members.isdisjoint(body):
                return _body(f"ES9+ {kind} of {function}", body, members)
    if isinstance(body.get("header"), dict) and "functionExecutionStatus" in body["header"]:
        return _body("ES9+ answer", body, set())
    return None


def _body(title: str, body: Mapping[str, Any], expected: set[str]) -> Explanation:
    told = Explanation("es9plus-body", f"{title} (SGP.22 §6.5).")
    for name, value in list(body.items())[:50]:
        if name == "header":
            _header(value, told)
        else:
            told.lines.append(_member(clipped(name), value))
    if missing := sorted(expected - body.keys()):
        told.problems.append(f"It lacks {', '.join(missing)}.")
    return told


def _header(header: Any, told: Explanation) -> None:
    """Explain the header of an answer: whether it went well, and the status code if it did not."""
    try:
        status = msgspec.convert(header, _Header).functionExecutionStatus
    except msgspec.ValidationError:
        told.lines.append(Line("header", clipped(str(header))))
        return
    told.lines.append(Line("status", clipped(status.status)))
    data = status.statusCodeData
    if data is None:
        return
    found = catalogue.status_code(data.subjectCode, data.reasonCode)
    if found is None:
        told.problems.append(catalogue.like_status_code(clipped(data.subjectCode), clipped(data.reasonCode)))
    else:
        told.lines.append(found.as_line("code"))
    if data.message:
        told.lines.append(Line("message", clipped(data.message)))
        found_fix = _fix_of(data.message)
        told.fixes.extend(found_fix)


def _fix_of(message: str) -> list[str]:
    """Find the check whose sentence a server answered."""
    return [check.fix for check in catalogue.checks() if check.why == message and "{" not in check.fix][:1]


def _member(name: str, value: Any) -> Line:
    if not isinstance(value, str):
        return Line(name, clipped(f"no string: {value!r}"))
    if name in _TEXTS:
        return Line(name, clipped(value))
    try:
        data = binascii.a2b_base64("".join(value.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        return Line(name, f"no base64: {clipped(value)}")
    if name in _BARE:
        return Line(name, shown(data))
    try:
        if name in _TYPES:
            return Line(name, _TYPES[name].__name__, fields.of(_TYPES[name], data))
        if name.endswith("Certificate"):
            return certificates.of_bytes(data).as_line(name)
        return messages.explain(data).as_line(name)
    except Malformed as error:
        return Line(name, f"{shown(data)}: {error}")


def _problem(body: Mapping[str, Any]) -> Explanation:
    told = Explanation("problem", "A problem document of the control API (RFC 9457).")
    told.lines = lines((name, body.get(name)) for name in ("status", "title", "reason", "because"))
    if isinstance(body.get("fix"), str) and body["fix"]:
        told.fixes.append(clipped(body["fix"]))
    return told


class _CodeData(msgspec.Struct):
    subjectCode: str = ""  # noqa: N815 - SGP.22's names
    reasonCode: str = ""  # noqa: N815 - the standard's name
    message: str | None = None


class _Status(msgspec.Struct):
    status: str
    statusCodeData: _CodeData | None = None  # noqa: N815 - the standard's name


class _Header(msgspec.Struct):
    functionExecutionStatus: _Status  # noqa: N815 - the standard's name
