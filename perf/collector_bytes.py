"""OTLP bytes as the collector writes them, which is not as protobuf's libraries do.

The collector's marshaller fills its buffer from the end. The fields of every
message stand in descending order, so that a value stands before its key, spans
before their scope and scopes before their resource; ids, status, resource, scope
and value are written even where they are empty. These are the bytes that a
verifier in a collector's pipeline gets, and a scanner has to be fast on them.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from otlp_verifier.wire.varint import varint

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
# Fields that the collector's structs hold as values, not as pointers: always there.
_ALWAYS: Final[Mapping[str, Sequence[str]]] = {
    "Span": ("trace_id", "span_id", "parent_span_id", "status"),
    "Link": ("trace_id", "span_id"),
    "ResourceSpans": ("resource",),
    "ScopeSpans": ("scope",),
    "KeyValue": ("value",),
}
_SPAN_FLAGS, _SPAN_FLAGS_PLACE = 16, 4.5  # a span's flags have their place behind parent_span_id
_WIRE_TYPES: Final = {
    FieldDescriptor.TYPE_FIXED64: (_FIXED64, struct.Struct("<Q").pack),
    FieldDescriptor.TYPE_FIXED32: (_FIXED32, struct.Struct("<I").pack),
    FieldDescriptor.TYPE_DOUBLE: (_FIXED64, struct.Struct("<d").pack),
    FieldDescriptor.TYPE_STRING: (_LENGTH, lambda text: _sized(text.encode())),
    FieldDescriptor.TYPE_BYTES: (_LENGTH, lambda data: varint(len(data)) + data),
    FieldDescriptor.TYPE_MESSAGE: (_LENGTH, lambda message: _sized(collector_bytes(message))),
}


def collector_bytes(message: Message) -> bytes:
    """Serialise an OTLP trace message as the collector's pdata does."""
    there = {field.number: value for field, value in message.ListFields()}
    always, layout = _layout(message.DESCRIPTOR)
    for number in always:
        if number not in there:
            there[number] = getattr(message, message.DESCRIPTOR.fields_by_number[number].name)
    parts: list[bytes] = []
    for number in sorted(there, key=_place, reverse=True) if len(there) > 1 else there:
        repeated, tag, write = layout[number]
        for value in there[number] if repeated else (there[number],):
            parts += (tag, write(value))
    return b"".join(parts)


def _place(number: int) -> float:
    return _SPAN_FLAGS_PLACE if number == _SPAN_FLAGS else number


@cache
def _layout(descriptor: Descriptor) -> tuple[tuple[int, ...], dict[int, tuple[bool, bytes, Callable[[Any], bytes]]]]:
    """The fields that are always written, and for each: repeated, tag, and how its value is written."""
    names = _ALWAYS.get(descriptor.name, ())
    return (
        tuple(descriptor.fields_by_name[name].number for name in names),
        {field.number: (field.is_repeated, *_written(field)) for field in descriptor.fields},
    )


def _written(field: FieldDescriptor) -> tuple[bytes, Callable[[Any], bytes]]:
    wire_type, write = _WIRE_TYPES.get(field.type, (_VARINT, lambda number: varint(number & 0xFFFFFFFFFFFFFFFF)))
    return varint(field.number << 3 | wire_type), write


def _sized(data: bytes) -> bytes:
    length = len(data)
    return (_LENGTHS[length] if length < len(_LENGTHS) else varint(length)) + data


_LENGTHS: Final = tuple(varint(length) for length in range(1024))
