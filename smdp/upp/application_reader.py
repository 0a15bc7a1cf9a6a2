"""Reading securityDomain, rfm and application. Their members repeat tags, so the order tells which is which."""

from smdp.upp.contents import Application, OtaKey, Rfm, SecurityDomain
from smdp.upp.cursor import Cursor, Node

_AID = range(5, 17)
_AID_TAG = 0x4F


def read_security_domain(cursor: Cursor, nodes: list[Node]) -> None:
    """Read a security domain and its keys."""
    members = cursor.index(nodes, {0xA1, 0xA2, 0xA3, 0xA4, 0xA5}, required={0xA1})
    instance = cursor.inside(members[0xA1])
    aids = [cursor.of_length(node, *_AID) for node in instance if node.tag == _AID_TAG]
    if len(aids) < 3:
        raise cursor.error(members[0xA1].offset, "an instance names its package, its class and itself: three AIDs")
    privileges = next((cursor.of_length(node, 1, 3) for node in instance if node.tag == 0x82), b"")
    keys = [key for item in (cursor.inside(members[0xA2]) if 0xA2 in members else ()) for key in _keys(cursor, item)]
    domain = SecurityDomain(aids[2], privileges, cursor.element.index, tuple(keys), cat_tp=0xA5 in members)
    cursor.package.security_domains.append(domain)


def _keys(cursor: Cursor, item: Node) -> list[OtaKey]:
    members = cursor.members(item, {0x95, 0x96, 0x82, 0x83, 0x85, 0x30}, required={0x95, 0x82, 0x83, 0x30})
    usage = int.from_bytes(cursor.of_length(members[0x95], 1, 2), "big")
    identifier, version = (cursor.of_length(members[tag], 1)[0] for tag in (0x82, 0x83))
    keys = []
    for component in cursor.inside(members[0x30]):
        parts = cursor.members(component, {0x80, 0x86, 0x87}, required={0x80, 0x86})
        kind = cursor.of_length(parts[0x80], 1)[0]
        keys.append(OtaKey(identifier, version, kind, usage, parts[0x86].value))
    return keys


def read_rfm(cursor: Cursor, nodes: list[Node]) -> None:
    """Read a remote file management application."""
    aids = [cursor.of_length(node, *_AID) for node in nodes if node.tag == _AID_TAG]
    level = next((node for node in nodes if node.tag == 0x81), None)
    if not aids or level is None:
        raise cursor.error(0, "an instance AID (4F) and a minimum security level (81) are needed")
    tars = [cursor.of_length(tar, 3) for node in nodes if node.tag == 0xA0 for tar in cursor.inside(node)]
    adf = None
    for access in (node for node in nodes if node.tag == 0x30):
        members = cursor.members(access, {0x80, 0x81, 0x82}, required={0x80, 0x81, 0x82})
        adf = cursor.of_length(members[0x80], *_AID)
    security = cursor.of_length(level, 1)[0]
    cursor.package.rfm.append(Rfm(aids[0], tuple(tars), security, cursor.element.index, adf))


def read_application(cursor: Cursor, nodes: list[Node]) -> None:
    """Read how much memory a Java Card application asks for."""
    load_block = limit = 0
    for node in nodes:
        if node.tag == 0xA1:
            for item in cursor.inside(node):
                load_block += len(item.value) if item.tag == 0xC4 else 0
                limit += int.from_bytes(cursor.of_length(item, 2, 4), "big") if item.tag == 0xC8 else 0
        elif node.tag != 0xA2:
            cursor.unknown(node)
    cursor.package.applications.append(Application(cursor.element.index, load_block, limit))
