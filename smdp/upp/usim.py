"""The network access applications: USIM with its directories, and ISIM (3GPP TS 31.102, TS 31.103)."""

from smdp.rsp.ids import plmn_to_bytes
from smdp.rsp.tlv import tlv
from smdp.upp.access_rules import arr_file
from smdp.upp.codings import (
    access_class,
    home_realm,
    imsi_to_bytes,
    number_record,
    pad,
    service_table,
    smsc_record,
    spn_to_bytes,
)
from smdp.upp.der import fcp, fill_records, linear, octets
from smdp.upp.ims import identities
from smdp.upp.parts import ISIM_PATH, LOCAL_KEYS, USIM_PATH, Part, directory, file, template
from smdp.upp.subscriber import PlanContent, Subscriber

MSISDN_LENGTH = 24
_UST_BYTES = 17
_IST_BYTES = 14
_GID_BYTES = 8
_SUCI_BYTES = 118
_EMERGENCY = bytes.fromhex("11F2FF0019F1FF00")  # 112 and 911, no alpha identifier, any category
_ACCESS_TECHNOLOGIES = tuple(map(bytes.fromhex, ("0800", "4000", "8080")))  # NG-RAN, E-UTRAN, UTRAN with GSM
_NULL_SCHEME_ONLY = bytes.fromhex("A0020000")
_BASIC_SERVICES = frozenset(
    {
        2,  # fixed dialling numbers
        10,  # short messages
        12,  # short message parameters
        19,  # service provider name
        20,  # user's PLMN list
        21,  # MSISDN
        28,  # data download by SMS-PP
        33,  # shall be set
        34,  # EF.EST
        42,  # operator's PLMN list
        43,  # home PLMN list
        71,  # equivalent home PLMN
        85,  # EPS mobility management
    }
)
_GSM_SERVICES = frozenset({27, 38})  # GSM access, GSM security context
_5GS_SERVICES = frozenset({122, 123, 124})  # 5GS mobility, 5G security, SUCI


def services(content: PlanContent) -> frozenset[int]:
    """Give the numbers of the USIM services whose files a plan's packages have."""
    return (
        _BASIC_SERVICES
        | (_GSM_SERVICES if content.gsm_access else frozenset())
        | (_5GS_SERVICES if content.df_5gs else frozenset())
        | ({17} if content.gid1 else frozenset())
        | ({18} if content.gid2 else frozenset())
    )


def usim(content: PlanContent, head: bytes) -> Part:
    """Build PE usim: ADF.USIM and the files that every USIM has."""
    before = template(4) + directory(LOCAL_KEYS, {0x83: USIM_PATH, 0x84: content.usim_aid})
    between = (
        arr_file(0xA4)
        + file(0xA8, service_table(services(content), _UST_BYTES), {0x80: octets(_UST_BYTES)})
        + file(0xAB, smsc_record(content.smsc))
        + file(0xAD, spn_to_bytes(content.spn))
        + file(0xAE, b"\x00")
    )
    after = file(0xB5, bytes((0, 0, 0, len(content.mnc)))) + file(0xB6, _EMERGENCY, linear(4, 2))

    def build(subscriber: Subscriber) -> bytes:
        imsi = file(0xA3, imsi_to_bytes(subscriber.imsi))
        acc = file(0xB2, access_class(subscriber.imsi))
        return tlv(0xB3, head, before, imsi, between, acc, after)

    return build


def opt_usim(content: PlanContent, head: bytes) -> Part:
    """Build PE opt-usim: language, group identifiers, number, and the PLMN lists."""
    plmn = plmn_to_bytes(content.mcc, content.mnc)
    before = template(5) + file(0xA2, content.language.encode())
    before += _group_identifier(0xA5, content.gid1) + _group_identifier(0xA6, content.gid2)
    home = b"".join(plmn + technology for technology in _ACCESS_TECHNOLOGIES)
    after = file(0xAF) + file(0xB0) + file(0xB1, home, {0x80: octets(len(home))}) + file(0xBF3A, plmn)

    def build(subscriber: Subscriber) -> bytes:
        msisdn = file(0xA7, number_record(subscriber.msisdn, MSISDN_LENGTH))
        return tlv(0xB4, head, before, msisdn, after)

    return build


def _group_identifier(tag: int, gid: bytes) -> bytes:
    if not gid:
        return b""
    return file(tag, pad(gid, _GID_BYTES), {0x80: octets(len(gid))} if len(gid) > _GID_BYTES else None)


def gsm_access(_: PlanContent, head: bytes) -> Part:
    """Build PE gsm-access: DF.GSM-ACCESS with the keys of 2G."""
    return tlv(0xB8, head, template(7), directory(LOCAL_KEYS), file(0xA3), file(0xA4))


def df_5gs(_: PlanContent, head: bytes) -> Part:
    """Build PE df-5gs: 5G location and security contexts, and a SUCI computed by the phone with the null scheme."""
    contexts = b"".join(map(file, (0xA3, 0xA4, 0xA5, 0xA6)))
    keys = file(0xA7, b"\xff")
    suci = file(0xA9, _NULL_SCHEME_ONLY, {0x80: octets(_SUCI_BYTES)})
    root = directory(LOCAL_KEYS, {0x83: bytes.fromhex("5FC0")})
    return tlv(0xBC, head, template(13), root, contexts, keys, suci, file(0xAC))


def isim(content: PlanContent, head: bytes) -> Part:
    """Build PE isim: ADF.ISIM with the identities derived from IMSI and number."""
    realm = home_realm(content.mcc, content.mnc)
    before = template(8) + directory(LOCAL_KEYS, {0x83: ISIM_PATH, 0x84: content.isim_aid})
    after = file(0xA6, service_table((), _IST_BYTES)) + file(0xA7, bytes(3)) + arr_file(0xA8)

    def build(subscriber: Subscriber) -> bytes:
        own = identities(subscriber.imsi, subscriber.msisdn, realm)
        length = max(map(len, own.impus))
        impi = file(0xA3, own.impi, {0x80: octets(len(own.impi))})
        domain = file(0xA5, own.domain, {0x80: octets(len(own.domain))})
        impu = tlv(0xA4, fcp(linear(length, len(own.impus))), fill_records(length, own.impus))
        return tlv(0xB5, head, before, impi, impu, domain, after)

    return build
