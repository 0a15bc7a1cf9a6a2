"""Build a complete operational profile package for one subscriber (TCA Interoperable Format, version 2.3).

A package is a list of parts. One that is the same for every subscriber of a plan is bytes, encoded once per plan and
kept; one that is not is a function of the subscriber.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

from smdp.rsp.ids import iccid_to_bytes
from smdp.rsp.tlv import tlv
from smdp.upp.access_rules import arr_file
from smdp.upp.codings import adm_to_bytes, number_record, pin_to_bytes
from smdp.upp.der import fcp, fill_records, integer, linear, pe_header
from smdp.upp.parts import GLOBAL_KEYS, TEMPLATE_ARC, USIM_PATH, Part, directory, file, template
from smdp.upp.remote import rfm_uicc, rfm_usim, security_domain
from smdp.upp.subscriber import PlanContent, Subscriber
from smdp.upp.usim import df_5gs, gsm_access, isim, opt_usim, usim

VERSION = (2, 3)
_DIR_LENGTH = 32
_ADN_LENGTH, _ADN_RECORDS = 28, 10
_ENABLED, _CHANGEABLE, _DISABLABLE = 1, 2, 4
_DEFAULT_ATTRIBUTES = _ENABLED | _CHANGEABLE | _DISABLABLE
_ADM_TRIES = 0xAA

Builder = Callable[[PlanContent, bytes], Part]


def build(subscriber: Subscriber, content: PlanContent = PlanContent()) -> bytes:  # noqa: B008 - frozen
    """Build the package: DER of about 3 KiB, ready to be protected and bound (SGP.22 §2.5.3)."""
    return b"".join([part if isinstance(part, bytes) else part(subscriber) for part in _parts(content)])


@lru_cache(maxsize=64)
def _parts(content: PlanContent) -> tuple[Part, ...]:
    builders = tuple(_builders(content))
    body = [builder(content, pe_header(number)) for number, builder in enumerate(builders, start=1)]
    return (_header(content, [_TEMPLATES[builder] for builder in builders if builder in _TEMPLATES]), *body)


def _builders(content: PlanContent) -> Iterator[Builder]:
    yield from (_mf, _puk_codes, _global_pins)
    if content.telecom:
        yield _telecom
    yield from (usim, opt_usim, _local_pin, _aka)
    if content.gsm_access:
        yield gsm_access
    if content.df_5gs:
        yield df_5gs
    if content.isim:
        yield from (isim, _local_pin, _aka)
    if content.legacy_links and content.telecom:
        yield _legacy_links
    yield security_domain
    if content.rfm:
        yield from (rfm_uicc, rfm_usim)
    yield _end


def _header(content: PlanContent, templates: list[int]) -> Part:
    major, minor = VERSION
    before = tlv(0x80, integer(major)) + tlv(0x81, integer(minor)) + tlv(0x82, content.profile_type.encode())
    services = (0x81, 0x82, 0x84) if content.isim else (0x81, 0x84)  # usim, isim, milenage
    after = tlv(0xA5, *(tlv(service) for service in services))
    after += tlv(0xA6, *(tlv(0x06, TEMPLATE_ARC, bytes((number,))) for number in sorted(templates)))

    def build_header(subscriber: Subscriber) -> bytes:
        reading_order = bytes.fromhex(subscriber.iccid.ljust(20, "F"))
        return tlv(0xA0, before, tlv(0x83, reading_order), after)

    return build_header


def _mf(content: PlanContent, head: bytes) -> Part:
    before = template(1) + directory(GLOBAL_KEYS) + file(0xA3, content.language.encode())
    iccid = {0x83: bytes.fromhex("2FE2"), 0x88: bytes((2 << 3,))}
    records = [_application(content.usim_aid, "USIM")]
    if content.isim:
        records.append(_application(content.isim_aid, "ISIM"))
    after = tlv(0xA5, fcp(linear(_DIR_LENGTH, len(records))), fill_records(_DIR_LENGTH, tuple(records)))
    after += arr_file(0xA6, sfi=6) + file(0xA7, bytes.fromhex("3C3C000000"))
    return lambda subscriber: tlv(0xB0, head, before, file(0xA4, iccid_to_bytes(subscriber.iccid), iccid), after)


def _application(aid: bytes, label: str) -> bytes:
    return tlv(0x61, tlv(0x4F, aid), tlv(0x50, label.encode()))


def _telecom(_: PlanContent, head: bytes) -> Part:
    return tlv(0xB2, head, template(3), directory(GLOBAL_KEYS), arr_file(0xA3))


def _puk_codes(_: PlanContent, head: bytes) -> Part:
    def build_puks(subscriber: Subscriber) -> bytes:
        codes = ((1, subscriber.puk1), (129, subscriber.puk2))
        return tlv(
            0xA3,
            head,
            tlv(0xA1, *(tlv(0x30, tlv(0x80, integer(key)), tlv(0x81, pin_to_bytes(puk))) for key, puk in codes)),
        )

    return build_puks


def _pin(key: int, value: bytes, attributes: int, *, puk: int | None = None, tries: int | None = None) -> bytes:
    return tlv(
        0x30,
        tlv(0x80, integer(key)),
        tlv(0x81, value),
        b"" if puk is None else tlv(0x82, integer(puk)),
        b"" if attributes == _DEFAULT_ATTRIBUTES else tlv(0x83, integer(attributes)),
        b"" if tries is None else tlv(0x84, integer(tries)),
    )


def _global_pins(content: PlanContent, head: bytes) -> Part:
    pin1 = _CHANGEABLE | _DISABLABLE | (_ENABLED if content.pin1_enabled else 0)
    return lambda subscriber: tlv(
        0xA2,
        head,
        tlv(
            0xA1,
            tlv(
                0xA0,
                _pin(1, pin_to_bytes(subscriber.pin1), pin1, puk=1),
                _pin(10, adm_to_bytes(subscriber.adm1), _ENABLED | _CHANGEABLE, tries=_ADM_TRIES),
            ),
        ),
    )


def _local_pin(_: PlanContent, head: bytes) -> Part:
    def build_pin(subscriber: Subscriber) -> bytes:
        pin2 = _pin(129, pin_to_bytes(subscriber.pin2), _ENABLED | _CHANGEABLE, puk=129)
        return tlv(0xA2, head, tlv(0xA1, tlv(0xA0, pin2)))

    return build_pin


def _aka(_: PlanContent, head: bytes) -> Part:
    milenage = bytes.fromhex("800101") + bytes.fromhex("810101")  # algorithm 1; RES of 64 bits

    def build_aka(subscriber: Subscriber) -> bytes:
        keys = tlv(0x82, subscriber.ki) + tlv(0x83, subscriber.opc)
        return tlv(0xA4, head, tlv(0xA1, tlv(0xA1, milenage, keys)))

    return build_aka


def _legacy_links(content: PlanContent, head: bytes) -> Part:
    """In DF.TELECOM: a phone book with the own number, and EF.MSISDN and EF.SMSP as links into the USIM."""
    book = {**linear(_ADN_LENGTH, _ADN_RECORDS), 0x83: bytes.fromhex("6F3A"), 0x8B: b"\x05", 0x88: b""}
    before = tlv(0x80, bytes.fromhex("7F10")) + fcp(book, 0x62)
    links = _link("6F40", length=24, rule=2) + _link("6F42", length=38, rule=5)

    def build_links(subscriber: Subscriber) -> bytes:
        entry = number_record(subscriber.msisdn, _ADN_LENGTH, content.own_number_label)
        return tlv(0xA1, head, tlv(0xA1, tlv(0x30, before, tlv(0x81, entry), links)))

    return build_links


def _link(fid: str, *, length: int, rule: int) -> bytes:
    """Build the Fcp of a one-record file that is a link to the file of the same name in ADF.USIM."""
    descriptor = linear(length, 1)[0x82]
    target = USIM_PATH + bytes.fromhex(fid)
    return fcp({0x82: descriptor, 0x83: bytes.fromhex(fid), 0x8B: bytes((rule,)), 0x88: b"", 0xC7: target}, 0x62)


def _end(_: PlanContent, head: bytes) -> Part:
    return tlv(0xAA, head)


_TEMPLATES: dict[Builder, int] = {_mf: 1, _telecom: 3, usim: 4, opt_usim: 5, gsm_access: 7, df_5gs: 13, isim: 8}
"""Which template an element follows; the header lists them."""
