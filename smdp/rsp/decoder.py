"""Decode strictly what a schema declares: one pass over the bytes, and nothing left for later (X.690 §8, §10.1).

asn1crypto holds the schema (`rsp.asn1`). Its own parser is lenient with lengths, recurses without bound, complains of
broken values on first access only, and takes four times as long; so the classes are compiled into readers here. What is
read keeps its received bytes, since signatures are over those. Members that the schema doesn't know are skipped: types
are extensible. Members that it knows must come once, in order.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, NamedTuple

from asn1crypto import core

from smdp.rsp.tlv import Malformed, head_at

_CLASSES = {"universal": 0, "application": 1, "context": 2, "private": 3}
_CONSTRUCTED = 0x20
_MAX_MEMBERS = 256
_REMEMBERED = 256


class Decoded:
    """One decoded value. Absent members are decoded values too: false, with None as their native value."""

    __slots__ = ("_native", "_raw")

    def __init__(self, native: Any = None, raw: bytes = b"") -> None:
        self._native = native
        self._raw = raw

    @property
    def native(self) -> Any:
        """Return what Python has for the type: int, str, bytes, a tuple of bits, a dict, a list."""
        return self._native

    @property
    def name(self) -> str:
        """Return the name of the alternative that a CHOICE took; nothing else has one."""
        return ""

    @property
    def chosen(self) -> "Decoded":
        """Return the value that a CHOICE took; anything else is its own."""
        return self

    def dump(self) -> bytes:
        """Return the complete TLV as received; nothing for what is absent."""
        return self._raw

    def __bool__(self) -> bool:
        """Say whether it is there."""
        return bool(self._raw)

    def __getitem__(self, name: str) -> "Decoded":
        """Return a member; nothing has members but a record, and an absent one has absent ones."""
        return ABSENT


class Record(Decoded):
    """A SEQUENCE: its members by their names."""

    __slots__ = ("_members",)

    def __init__(self, members: dict[str, Decoded], raw: bytes) -> None:
        super().__init__(None, raw)
        self._members = members

    @property
    def native(self) -> dict[str, Any]:
        """Return the members' native values by their names."""
        return {name: member.native for name, member in self._members.items()}

    @property
    def members(self) -> dict[str, Decoded]:
        """Return the members that are there, by their names."""
        return {name: member for name, member in self._members.items() if member}

    def __getitem__(self, name: str) -> Decoded:
        """Return a member by its name."""
        return self._members[name]


class Items(Decoded):
    """A SEQUENCE OF: its elements in their order."""

    __slots__ = ("_items",)

    def __init__(self, items: list[Decoded], raw: bytes) -> None:
        super().__init__(None, raw)
        self._items = items

    @property
    def native(self) -> list[Any]:
        """Return the elements' native values."""
        return [item.native for item in self._items]

    def __iter__(self) -> Iterator[Decoded]:
        """Go through the elements."""
        return iter(self._items)

    def __len__(self) -> int:
        """Count the elements."""
        return len(self._items)


class Alternative(Decoded):
    """A CHOICE: the name of the alternative, and its value."""

    __slots__ = ("_chosen", "_name")

    def __init__(self, name: str, chosen: Decoded, raw: bytes) -> None:
        super().__init__(None, raw)
        self._name = name
        self._chosen = chosen

    @property
    def name(self) -> str:
        """Return the name of the alternative."""
        return self._name

    @property
    def chosen(self) -> Decoded:
        """Return the alternative's value."""
        return self._chosen

    @property
    def native(self) -> Any:
        """Return the chosen alternative's native value."""
        return self._chosen.native


ABSENT = Decoded()
"""A member that isn't there."""


class _Member(NamedTuple):
    """A member of a SEQUENCE or an alternative of a CHOICE, ready to be met in the bytes."""

    name: str
    reader: "_Reader"
    optional: bool
    absent: Decoded

    @property
    def tags(self) -> frozenset[int]:
        """The tags that it may begin with."""
        return self.reader.tags


class _Reader(ABC):
    """Reads values of one type: the tags that it may begin with, and the way from bytes to `Decoded`."""

    __slots__ = ("tags",)
    tags: frozenset[int]

    @abstractmethod
    def read(self, data: bytes, start: int, at: int, end: int) -> Decoded:
        """Read the value whose tag is at `start` and whose content is from `at` to `end`."""


class _Primitive(_Reader):
    __slots__ = ("_convert", "_longest", "_shortest", "_what")

    def __init__(self, spec: type[core.Asn1Value], tag: int) -> None:
        self.tags = frozenset((tag,))
        kind = next(one for one in _PRIMITIVES if issubclass(spec, one))
        self._convert, self._shortest, self._longest = _PRIMITIVES[kind]
        self._what = kind.__name__

    def read(self, data: bytes, start: int, at: int, end: int) -> Decoded:
        if not self._shortest <= end - at <= self._longest:
            raise Malformed(f"a {self._what} takes {self._shortest} to {self._longest} bytes, not {end - at}")
        return Decoded(self._convert(data[at:end]), data[start:end])


def _bits(content: bytes) -> tuple[int, ...]:
    unused = content[0]
    count = 8 * (len(content) - 1) - unused
    if unused > 7 or count < 0:
        raise Malformed(f"a BIT STRING can't leave {unused} bits of {len(content) - 1} bytes unused")
    value = int.from_bytes(content[1:], "big") >> unused
    return tuple((value >> place) & 1 for place in range(count - 1, -1, -1))


def _dotted(content: bytes) -> str:
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    if content[-1] & 0x80:
        raise Malformed("an object identifier is cut off")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Malformed("a text is not UTF-8") from None


def _truth(content: bytes) -> bool:
    return content != b"\0"


def _integer(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


_ANY_LENGTH = 1 << 24
_PRIMITIVES: dict[type[core.Asn1Value], tuple[Any, int, int]] = {
    core.Boolean: (_truth, 1, 1),
    core.Integer: (_integer, 1, 8),
    core.BitString: (_bits, 1, 64),
    core.ObjectIdentifier: (_dotted, 1, 64),
    core.Null: (lambda _: None, 0, 0),
    core.UTF8String: (_text, 0, _ANY_LENGTH),
    core.OctetString: (bytes, 0, _ANY_LENGTH),
}
"""How contents become Python's values, with the shortest and longest in bytes: more than SGP.22 needs."""


class _Opaque(_Reader):
    """A SEQUENCE whose members are somebody else's business, kept as bytes."""

    __slots__ = ()

    def __init__(self, tag: int) -> None:
        self.tags = frozenset((tag,))

    def read(self, data: bytes, start: int, at: int, end: int) -> Decoded:
        return Decoded(data[at:end], data[start:end])


class _Record(_Reader):
    __slots__ = ("_absent", "_last_needed", "_members")

    def __init__(self, spec: type[core.Sequence], tag: int) -> None:
        self.tags = frozenset((tag,))
        self._members = tuple(_member(*field) for field in spec._fields)
        self._absent = {member.name: member.absent for member in self._members}
        needed = (place for place, member in enumerate(self._members) if not member.optional)
        self._last_needed = max(needed, default=-1)

    def read(self, data: bytes, start: int, at: int, end: int) -> Decoded:
        found = self._absent.copy()
        expected = 0
        while at < end:
            inner, content, after = head_at(data, at, end)
            place = self._place(inner, expected)
            if place is not None:
                name, reader, _, _ = self._members[place]
                found[name] = reader.read(data, at, content, after)
                expected = place + 1
            at = after
        if expected <= self._last_needed:
            missing = next(member.name for member in self._members[expected:] if not member.optional)
            raise Malformed(f"{missing} is missing")
        return Record(found, data[start:end])

    def _place(self, tag: int, expected: int) -> int | None:
        """Find which member a tag begins; None for one that the schema doesn't know."""
        for place in range(expected, len(self._members)):
            member = self._members[place]
            if tag in member.tags:
                return place
            if not member.optional:
                raise Malformed(f"{member.name} is missing where tag {tag:X} is")
        if any(tag in member.tags for member in self._members[:expected]):
            raise Malformed(f"tag {tag:X} comes twice or out of order")
        return None


class _List(_Reader):
    __slots__ = ("_element",)

    def __init__(self, spec: type[core.SequenceOf], tag: int) -> None:
        self.tags = frozenset((tag,))
        self._element = _reader(spec._child_spec)  # noqa: SLF001 - asn1crypto has no public way to its schema

    def read(self, data: bytes, start: int, at: int, end: int) -> Decoded:
        elements: list[Decoded] = []
        while at < end:
            inner, content, after = head_at(data, at, end)
            if inner not in self._element.tags:
                raise Malformed(f"tag {inner:X} is no element of this list")
            if len(elements) == _MAX_MEMBERS:
                raise Malformed(f"a list has more than {_MAX_MEMBERS} elements")
            elements.append(self._element.read(data, at, content, after))
            at = after
        return Items(elements, data[start:end])


class _Choice(_Reader):
    __slots__ = ("_alternatives",)

    def __init__(self, spec: type[core.Choice]) -> None:
        self._alternatives = tuple(_member(*alternative) for alternative in spec._alternatives)  # noqa: SLF001 - asn1crypto has no public way to its schema
        self.tags = frozenset(tag for member in self._alternatives for tag in member.reader.tags)

    def read(self, data: bytes, start: int, at: int, end: int) -> Decoded:
        tag, _, _ = head_at(data, start, end)
        member = next(member for member in self._alternatives if tag in member.reader.tags)
        return Alternative(member.name, member.reader.read(data, start, at, end), data[start:end])


class _Remembered(_Reader):
    """A value that comes again and again with the same bytes: all devices of one make say the same of themselves."""

    __slots__ = ("_known",)

    def __init__(self, inner: _Reader) -> None:
        self.tags = inner.tags

        @lru_cache(maxsize=_REMEMBERED)
        def known(raw: bytes, skip: int) -> Decoded:
            return inner.read(raw, 0, skip, len(raw))

        self._known = known

    def read(self, data: bytes, start: int, at: int, end: int) -> Decoded:
        return self._known(data[start:end], at - start)


class _Explicit(_Reader):
    """A tag around exactly one value of another type."""

    __slots__ = ("_inner", "_name")

    def __init__(self, inner: _Reader, tag: int) -> None:
        self.tags = frozenset((tag,))
        self._inner = inner
        self._name = f"{tag:X}"

    def read(self, data: bytes, _start: int, at: int, end: int) -> Decoded:
        inner, content, after = head_at(data, at, end)
        if inner not in self._inner.tags:
            raise Malformed(f"tag {inner:X} is none of the alternatives in {self._name}")
        if after != end:
            raise Malformed(f"tag {self._name} holds more than its one value")
        return self._inner.read(data, at, content, after)


# --- from asn1crypto's classes to readers


def _tag(class_: int, number: int, *, constructed: bool) -> int:
    lead = class_ << 6 | (_CONSTRUCTED if constructed else 0)
    return lead | number if number < 31 else (lead | 31) << 8 | number


def _tagging(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return 2, value
    class_, number = value[0] if isinstance(value[0], tuple) else value  # asn1crypto wraps it when it makes one
    return (_CLASSES[class_] if isinstance(class_, str) else class_), number


def _member(name: str, spec: Any, params: dict[str, Any] | None = None) -> _Member:
    params = params or {}
    implicit, explicit = params.get("implicit"), params.get("explicit")
    reader = _reader(spec, _tagging(implicit) if implicit is not None else None)
    if explicit is not None:
        reader = _Explicit(reader, _tag(*_tagging(explicit), constructed=True))
    absent = Decoded(params["default"], b"") if "default" in params else ABSENT
    return _Member(name, reader, "optional" in params or "default" in params, absent)


@cache
def _reader(spec: Any, tagging: tuple[int, int] | None = None) -> _Reader:
    """Compile a class into its reader, under another tag where the member has one of its own."""
    if issubclass(spec, core.Choice):
        choice = _Choice(spec)
        outer = _tagging(spec.explicit) if spec.explicit else tagging
        return choice if outer is None else _Explicit(choice, _tag(*outer, constructed=True))
    constructed = issubclass(spec, core.Sequence | core.SequenceOf)
    tag = _tag(*(tagging or (spec.class_ or 0, spec.tag)), constructed=constructed)
    if issubclass(spec, core.SequenceOf):
        return _List(spec, tag)
    if issubclass(spec, core.Sequence):
        record = _Record(spec, tag) if spec._fields else _Opaque(tag)
        return _Remembered(record) if getattr(spec, "remembered", False) else record
    return _Primitive(spec, tag)


def decode(spec: Any, data: bytes, tag: int | None = None) -> Decoded:
    """Decode one complete TLV as the schema says; `tag` is the tag it must have. Raises Malformed."""
    reader = _reader(spec)
    found, at, end = head_at(data, 0, len(data))
    if found not in reader.tags or tag not in (None, found):
        raise Malformed(f"expected tag {tag or min(reader.tags):X}, got {found:X}")
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes trail behind the value")
    return reader.read(data, 0, at, end)
