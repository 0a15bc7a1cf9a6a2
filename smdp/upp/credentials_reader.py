"""Reading pinCodes, pukCodes and akaParameter."""

from smdp.upp.contents import Aka, Algorithm, Pin, Puk, SharedPins, Status
from smdp.upp.cursor import Cursor, Node
from smdp.upp.files import MAX_PATH, path_of_bytes

_SQN_ENTRIES = 32
_KEY_LENGTHS = {Algorithm.MILENAGE: (16,), Algorithm.TUAK: (16, 32), Algorithm.TEST: (16,)}
_OPC_LENGTHS = {Algorithm.MILENAGE: (16,), Algorithm.TUAK: (32,), Algorithm.TEST: (0, 16)}


def read_pins(cursor: Cursor, nodes: list[Node]) -> None:
    """Read pinCodes; they belong to the directory made first by the latest element that made any."""
    context = cursor.made_first
    if context is None:
        raise cursor.error(0, "there is no directory before it that the PINs could belong to")
    codes = cursor.index(nodes, {0xA1}, required={0xA1})[0xA1]
    choice = cursor.inside(codes)
    if len(choice) != 1 or choice[0].tag not in {0xA0, 0x81}:
        raise cursor.error(codes.offset, "tag A1 must hold A0 (the PINs) or 81 (the path of a directory with PINs)")
    if choice[0].tag == 0x81:
        _shared(cursor, choice[0], context)
        return
    for configuration in cursor.inside(choice[0]):
        cursor.package.pins.append(_pin(cursor, configuration, context))


def _shared(cursor: Cursor, node: Node, context: str) -> None:
    path = path_of_bytes(cursor.of_length(node, *range(0, MAX_PATH + 1, 2)))
    cursor.package.shared_pins.append(SharedPins(context, path or "3F00", cursor.element.index))


def _pin(cursor: Cursor, configuration: Node, context: str) -> Pin:
    members = cursor.members(configuration, {0x80, 0x81, 0x82, 0x83, 0x84}, required={0x80, 0x81})
    return Pin(
        context,
        cursor.integer(members[0x80]),
        cursor.of_length(members[0x81], 8),
        cursor.element.index,
        puk=cursor.integer(members[0x82]) if 0x82 in members else None,
        attributes=cursor.or_default(members.get(0x83), 7),
        tries=cursor.or_default(members.get(0x84), 0x33),
    )


def read_puks(cursor: Cursor, nodes: list[Node]) -> None:
    """Read pukCodes."""
    for configuration in cursor.inside(cursor.index(nodes, {0xA1}, required={0xA1})[0xA1]):
        members = cursor.members(configuration, {0x80, 0x81, 0x82}, required={0x80, 0x81})
        puk = Puk(
            cursor.integer(members[0x80]),
            cursor.of_length(members[0x81], 8),
            cursor.element.index,
            tries=cursor.or_default(members.get(0x82), 0xAA),
        )
        cursor.package.puks.append(puk)


def read_aka(cursor: Cursor, nodes: list[Node]) -> None:
    """Read akaParameter: an algorithm with its keys, or a reference to another application's."""
    members = cursor.index(nodes, {0xA1, 0x82, 0x83, 0x84, 0xA5}, required={0xA1})
    choice = cursor.inside(members[0xA1])
    if len(choice) != 1 or choice[0].tag not in {0xA0, 0xA1}:
        raise cursor.error(members[0xA1].offset, "tag A1 must hold A0 (mapping) or A1 (algorithm)")
    if cursor.adf is None:
        cursor.note(Status.BAD_VALUES, "there is no application before it that could use the keys")
    if choice[0].tag == 0xA0:
        mapping = cursor.members(choice[0], {0x80, 0x81}, required={0x80, 0x81})
        shared = cursor.of_length(mapping[0x81], *range(5, 17))
        cursor.package.aka.append(Aka(cursor.adf, cursor.element.index, mapping=shared))
        return
    cursor.package.aka.append(_algorithm(cursor, choice[0], members))


def _algorithm(cursor: Cursor, node: Node, outer: dict[int, Node]) -> Aka:
    known = {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87}
    members = cursor.members(node, known, required={0x80, 0x81, 0x82, 0x83})
    algorithm = cursor.integer(members[0x80])
    if algorithm not in set(Algorithm):
        cursor.note(Status.FEATURE_NOT_SUPPORTED, f"algorithm {algorithm} is not known", node.offset)
    else:
        for tag, lengths in ((0x82, _KEY_LENGTHS), (0x83, _OPC_LENGTHS)):
            if len(members[tag].value) not in lengths[Algorithm(algorithm)]:
                text = f"tag {tag:X} has {len(members[tag].value)} bytes"
                cursor.note(Status.BAD_VALUES, text, members[tag].offset)
    delta = outer.get(0x83)
    return Aka(
        cursor.adf,
        cursor.element.index,
        algorithm=algorithm,
        options=cursor.of_length(members[0x81], 1)[0],
        key=members[0x82].value,
        opc=members[0x83].value,
        keccak_iterations=cursor.integer(members[0x87]) if 0x87 in members else 1,
        sqn_delta=int.from_bytes(cursor.of_length(delta, 6), "big") if delta else 1 << 28,
        sqn_init=_sqn_init(cursor, outer.get(0xA5)),
    )


def _sqn_init(cursor: Cursor, node: Node | None) -> tuple[int, ...]:
    if node is None:
        return (0,) * _SQN_ENTRIES
    entries = cursor.inside(node)
    if len(entries) != _SQN_ENTRIES:
        raise cursor.error(node.offset, f"sqnInit has {len(entries)} entries, not {_SQN_ENTRIES}")
    return tuple(int.from_bytes(cursor.of_length(entry, 6), "big") for entry in entries)
