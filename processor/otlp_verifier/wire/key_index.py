"""Keys that are given by an index besides their text: read once more from the bytes of one record.

Columns say that a record has one, and keep no index: a word for each attribute of each batch would be spent on what
people get to see of few.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from otlp_verifier.wire.varint import read_varint

FIELDS_MAX: Final = 100_000  # read of one record: some 50 ms
# By table: the field numbers that lead from a record's bytes to its attributes. Source: trace.proto, resource.proto,
# common.proto; what a resource or scope has as its bytes is its envelope.
_ATTRIBUTES: Final[Mapping[str, tuple[int, ...]]] = {
    "resources": (1, 1),
    "scopes": (1, 3),
    "spans": (9,),
    "events": (3,),
    "links": (4,),
}
_VARINT, _FIXED64, _LENGTH, _GROUP, _GROUP_END, _FIXED32 = range(6)
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_NUMBER: Final = (1 << 32) - 1  # of a tag, behind its wire type: what is above is not read
_PAIR, _VALUE, _ARRAY, _MAP = "KeyValue", "AnyValue", "ArrayValue", "KeyValueList"
_WITHIN: Final = {(_VALUE, 5): _ARRAY, (_VALUE, 6): _MAP, (_ARRAY, 1): _VALUE, (_MAP, 1): _PAIR}


class KeyWithIndex(NamedTuple):
    """A key that is given both ways.

    Attributes:
        key: its text.
        key_index: as sent, a signed number.
        within: the key of the attribute that holds it, at any level; None where it is an attribute's own.

    """

    key: bytes
    key_index: int
    within: bytes | None


def keys_with_index(record: memoryview, table: str) -> Iterator[KeyWithIndex]:
    """Read the keys that are given both ways, outer ones first, in their order.

    Args:
        record: its bytes, as columns have them.
        table: that has the record, one of columns.TABLES.

    What stands behind FIELDS_MAX fields, or behind what no encoder writes, is not read.

    """
    left = iter(range(FIELDS_MAX))
    found: Iterable[memoryview] = (record,)
    for number in _ATTRIBUTES[table]:
        found = _bodies(found, number, left)
    for body in found:
        yield from _keys(body, left)


def _bodies(messages: Iterable[memoryview], number: int, left: Iterator[int]) -> Iterator[memoryview]:
    for message in messages:
        for field, content in _fields(message, left):
            if field == number and isinstance(content, memoryview):
                yield content


def _keys(attribute: memoryview, left: Iterator[int]) -> Iterator[KeyWithIndex]:
    pending: list[tuple[str, memoryview, bytes | None]] = [(_PAIR, attribute, None)]
    while pending:  # a stack: values may be nested deeper than Python calls
        kind, message, within = pending.pop()
        below: list[tuple[str, memoryview, bytes | None]] = []
        if kind == _PAIR:
            key, index, values = _pair(message, left)
            if key and index:
                yield KeyWithIndex(key, index, within)
            below = [(_VALUE, value, key if within is None else within) for value in values]
        else:
            for field, content in _fields(message, left):
                inner = _WITHIN.get((kind, field))
                if inner is not None and isinstance(content, memoryview):
                    below.append((inner, content, within))
        pending.extend(reversed(below))


def _pair(message: memoryview, left: Iterator[int]) -> tuple[bytes, int, list[memoryview]]:
    """A KeyValue: its key and index, of several the last, and its values, which merge."""
    key, index, values = b"", 0, []
    for field, content in _fields(message, left):
        match field, content:
            case 1, memoryview():
                key = bytes(content)
            case 2, memoryview():
                values.append(content)
            case 3, int():
                index = (content + (1 << 31)) % (1 << 32) - (1 << 31)
    return key, index, values


def _fields(message: memoryview, left: Iterator[int]) -> Iterator[tuple[int, int | memoryview | None]]:
    """The fields of a message: number and what a varint or a body holds; groups are left out."""
    at, groups = 0, 0
    while at < len(message) and next(left, None) is not None:
        tag = read_varint(message, at)
        if tag is None:
            return
        number, wire, at = tag[0] >> 3 & _NUMBER, tag[0] & 7, tag[1]
        content: int | memoryview | None = None
        if wire in (_VARINT, _LENGTH):
            value = read_varint(message, at)
            if value is None:
                return
            content, at = value
            if wire == _LENGTH:
                at, content = at + content, message[at : at + content]
        elif wire in (_GROUP, _GROUP_END):
            groups += 1 if wire == _GROUP else -1
        elif wire in _SIZES:
            at += _SIZES[wire]
        else:
            return
        if groups == 0:
            yield number, content
