"""Attribute values, one at a time, as Python holds them: what conditions on whole values are asked about.

Columns hold a scalar's 64 bits, and of bytes, arrays and maps where they lie in the
batch. `pack` writes them one after the other with their type in front, so that
equal values are equal byte strings; `unpack` gives them back.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from otlp_verifier.wire._native import lib

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList


class MapValue(msgspec.Struct, frozen=True, dict=True):
    """A map: its entries as sent. Of entries with one key the first counts."""

    entries: tuple[tuple[str, Plain], ...]

    @cached_property
    def _first(self) -> dict[str, Plain]:
        return dict(reversed(self.entries))

    def __contains__(self, key: str) -> bool:
        return key in self._first

    def get(self, key: str) -> Plain:
        """The first value of a key; None where there is none."""
        return self._first.get(key)


Plain: TypeAlias = "bool | int | float | str | bytes | tuple[Plain, ...] | MapValue | None"


def unpack(packed: bytes) -> Plain:
    """The value of its type and content.

    Args:
        packed: one byte with the type (OTLPV_BOOL, ...), then 8 bytes little-endian of a scalar, else the content.

    Raises:
        ValueError: an array or map that is nested too deep, or is none.

    """
    kind, content = packed[0], packed[1:]
    if kind == lib.OTLPV_BOOL:
        return content[0] != 0
    if kind == lib.OTLPV_INT:
        return int(struct.unpack("<q", content)[0])
    if kind == lib.OTLPV_DOUBLE:
        return float(struct.unpack("<d", content)[0])
    if kind == lib.OTLPV_STRING:
        return text(content)
    if kind == lib.OTLPV_BYTES:
        return content
    # Here, as a start in which no value is nested should not load protobuf.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.common.v1.common_pb2 import ArrayValue, KeyValueList  # noqa: PLC0415

    try:
        if kind == lib.OTLPV_ARRAY:
            return tuple(map(_value, ArrayValue.FromString(content).values))
        return _map(KeyValueList.FromString(content))
    except (DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def signed(word: int) -> int:
    """The number that 64 bits hold in two's complement."""
    return word - (1 << 64) if word >> 63 else word


def double(word: int) -> float:
    """The number that 64 bits hold by IEEE 754."""
    return float(struct.unpack("<d", struct.pack("<Q", word))[0])


def text(content: bytes) -> str:
    """A string; bytes that are no UTF-8 become surrogates."""
    return content.decode("utf-8", "surrogateescape")


def _map(entries: KeyValueList) -> MapValue:
    return MapValue(tuple((entry.key, _value(entry.value)) for entry in entries.values))


def _value(value: AnyValue) -> Plain:
    match value.WhichOneof("value"):
        case "array_value":
            return tuple(map(_value, value.array_value.values))
        case "kvlist_value":
            return _map(value.kvlist_value)
        case None:
            return None
        case kind:
            found: Plain = getattr(value, kind)
            return found
