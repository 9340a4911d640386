"""Protobuf's wire format, read slowly: one byte at a time, every oddity named."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

VARINT, FIXED64, LENGTH, START, END, FIXED32 = range(6)
DEPTH_MAX = 100  # messages and groups within each other that upb follows
CUT_GROUPS_MAX = 8  # that the end of one message cuts off


class Malformed(ValueError):  # noqa: N818 - as the scanner calls it
    """Neither upb nor the collector can read it."""


class Field(NamedTuple):
    number: int
    wire_type: int
    value: Any  # int, or the range (start, end) of a body
    defects: set[str]


class Bytes:
    """A request and what is looked into."""

    def __init__(self, data: bytes, depth: int) -> None:
        self.data = data
        self.depth = depth
        self.deepest = 0  # message that was read; the request is 0

    def varint(self, at: int, end: int, most: int) -> tuple[int, int]:
        value = 0
        for i in range(most):
            if at + i >= end:
                raise Malformed("truncated varint")
            value |= (self.data[at + i] & 0x7F) << (7 * i)
            if self.data[at + i] < 0x80:
                return value & (2**64 - 1), at + i + 1
        raise Malformed("long varint")

    def tag(self, at: int, end: int, least: int = 1) -> tuple[int, int, int, set[str]]:
        value, after = self.varint(at, end, 10)
        number, wire_type = (value >> 3) & 0xFFFFFFFF, value & 7
        if number < least or number >= 2**31:
            raise Malformed("field number")
        if wire_type > FIXED32:
            raise Malformed("wire type")
        is_odd = after - at > 5 or value >= 2**32 or number == 0
        return number, wire_type, after, {"ODD_TAG"} if is_odd else set()

    def value(self, number: int, wire_type: int, at: int, end: int, levels: int) -> tuple[Any, int, set[str]]:
        if wire_type == VARINT:
            value, after = self.varint(at, end, 10)
            return value, after, set()
        if wire_type == LENGTH:
            length, start = self.varint(at, end, 5)
            if length > end - start:
                raise Malformed("truncated body")
            return (start, start + length), start + length, set()
        if wire_type == START:
            return self.group(number, at, end, levels)
        if wire_type == END:
            raise Malformed("end of no group")
        size = 8 if wire_type == FIXED64 else 4
        if end - at < size:
            raise Malformed("truncated number")
        return int.from_bytes(self.data[at : at + size], "little"), at + size, set()

    def group(self, number: int, at: int, end: int, levels: int) -> tuple[None, int, set[str]]:
        """One that the end of its message cuts off ends behind the first field inside, as for the collector."""
        if levels <= 0:
            raise Malformed("deep group")
        opened, defects, resume = [number], {"GROUP"}, None
        while opened and at < end:
            inner, wire_type, at, odd = self.tag(at, end, least=0)
            defects |= odd
            if wire_type == END:
                if inner != opened.pop():
                    raise Malformed("end of another group")
            elif wire_type == START:
                opened.append(inner)
                if len(opened) > levels:
                    raise Malformed("deep group")
            else:
                _, at, _ = self.value(inner, wire_type, at, end, 0)
                resume = resume or at
        if len(opened) > CUT_GROUPS_MAX:
            raise Malformed("many groups cut off")
        return None, (resume or at) if opened else at, defects

    def fields(self, span: tuple[int, int], level: int) -> Iterator[Field]:
        at, end = span
        self.deepest = max(self.deepest, level)
        while at < end:
            number, wire_type, at, odd = self.tag(at, end)
            value, at, more = self.value(number, wire_type, at, end, DEPTH_MAX - level)
            yield Field(number, wire_type, value, odd | more)

    def text(self, span: tuple[int, int]) -> bytes:
        return self.data[slice(*span)]


class Record:
    """One message, or several that merge: its singular fields, its repeated ones, and what is odd."""

    def __init__(self, source: Bytes, level: int, singular: dict[int, int], repeated: Sequence[int] = ()) -> None:
        self.source = source
        self.level = level
        self.singular = singular  # number -> wire type
        self.repeated = repeated
        self.values: dict[int, Any] = {}
        self.bodies: dict[int, list[tuple[int, int]]] = {number: [] for number in repeated}
        self.defects: set[str] = set()

    def read(self, span: tuple[int, int]) -> "Record":
        seen = set()
        for number, wire_type, value, defects in self.source.fields(span, self.level):
            self.defects |= defects
            if number in self.repeated and wire_type == LENGTH:
                self.bodies[number].append(value)
            elif self.singular.get(number) == wire_type:
                if number in seen:
                    self.defects.add("REPEATED_FIELD")
                seen.add(number)
                self.on(number, value)
            else:
                known = number in self.singular or number in self.repeated
                self.defects.add("WRONG_WIRE_TYPE" if known else "UNKNOWN_FIELD")
        return self

    def on(self, number: int, value: Any) -> None:
        self.values[number] = value

    def number(self, number: int, bits: int = 64) -> int:
        return int(self.values.get(number, 0)) % 2**bits

    def body(self, number: int) -> bytes:
        return self.source.text(self.values[number]) if number in self.values else b""


class Strings(Record):
    """A record some of whose fields are strings, each of which must be UTF-8, a superseded one too."""

    def __init__(
        self, source: Bytes, level: int, strings: Sequence[int], others: dict[int, int], repeated: Sequence[int] = ()
    ) -> None:
        super().__init__(source, level, dict.fromkeys(strings, LENGTH) | others, repeated)
        self.strings = strings

    def on(self, number: int, value: Any) -> None:
        if number in self.strings and not is_utf8(self.source.text(value)):
            self.defects.add("FIELD_UTF8")
        super().on(number, value)


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
