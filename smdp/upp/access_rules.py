"""The EF.ARR that the templates' access rule numbers point into (ETSI TS 102 221 §9.2.7).

A record is a list of access mode `80 01 AM` and condition: `90 00` always, `97 00` never, `A4 06 83 01 kk 95 01 08`
key kk verified (01 PIN1, 81 PIN2, 0A ADM1). The number of a record is part of the templates' contract, the content is
the package's to write.
"""

from smdp.rsp.tlv import tlv
from smdp.upp.der import fcp, fill_records, linear

RECORD_LENGTH = 33
RECORDS = tuple(
    bytes.fromhex(record)
    for record in (
        "8001019000800102A406830101950108800158A40683010A950108",  # 1  read always, update PIN1
        "800101A40683010195010880015AA40683010A950108",  # 2  read PIN1, update ADM1
        "80015BA40683010A950108",  # 3  ADM1
        "800101900080011A9700800140A40683010A950108",  # 4  read always, update never
        "800103A406830101950108800158A40683010A950108",  # 5  read and update PIN1
        "800111A40683010195010880014AA40683010A950108",  # 6  read and activate PIN1, update ADM1
        "800103A406830101950108800158A40683010A950108840132A406830101950108",  # 7  as 5, and INCREASE
        "800101A406830101950108800102A406830181950108800158A40683010A950108",  # 8  read PIN1, update PIN2
        "800101900080011AA406830101950108800140A40683010A950108",  # 9  read always, update PIN1
        "800101900080015AA40683010A950108",  # 10 read always, update ADM1
        "8001019000800118A40683010A9501088001429700",  # 11 the ICCID: read always, update and delete never
        "800101A40683010195010880015A9700",  # 12 read PIN1, else never
        "800113A406830101950108800148A40683010A950108",  # 13 as 5, and activate PIN1
        "80015EA40683010A950108",  # 14 directories: ADM1
    )
)


def arr_file(tag: int, sfi: int | None = None) -> bytes:
    """Build the File member that makes an EF.ARR of these records; `sfi` where the template has none."""
    members = linear(RECORD_LENGTH, len(RECORDS))
    if sfi is not None:
        members[0x88] = bytes((sfi << 3,))
    return tlv(tag, fcp(members), fill_records(RECORD_LENGTH, RECORDS))
