"""OTLP/JSON to protobuf's own objects, the slow and obvious way: Python's json module and the messages' descriptors."""

import base64
import binascii
import json
import math
import re
from collections import Counter
from fractions import Fraction
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.wire.otlp_json import DefectCode

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?|NaN|-?Infinity")
RANGES = {
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_FIXED64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
}
IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
# What a document's top level may have beside the fields of a request.
HINTS = ("resourceMetrics", "resourceLogs", "resourceProfiles", "data", "processes", "traceId", "id", "operationName")


class Text(str):
    """A number as it was written."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object's members in their order, duplicates included."""


def parse(text: bytes) -> Any:
    return json.loads(text, object_pairs_hook=Pairs, parse_int=Text, parse_float=Text, parse_constant=Text)


class Twin:
    """Converts one document."""

    def __init__(self) -> None:
        self.defects: Counter[DefectCode] = Counter()

    def request(self, text: bytes) -> ExportTraceServiceRequest:
        """Raises ValueError where the text is no JSON, or no object."""
        parsed = parse(text)
        if not isinstance(parsed, Pairs):
            raise ValueError("no object")  # as for all other text that is refused
        message = ExportTraceServiceRequest()
        self.fill(message, parsed)
        return message

    def fill(self, message: Message, pairs: Pairs) -> None:
        fields = {f.json_name: f for f in message.DESCRIPTOR.fields if not f.name.endswith("_strindex")}
        known = [*fields, *(HINTS if isinstance(message, ExportTraceServiceRequest) else ())]
        last: dict[str, int] = {}
        for position, (key, _) in enumerate(pairs):
            if key in known:
                self.defects[DefectCode.KEY_DUPLICATE] += key in last
                last[key] = position
            elif key.replace("_", "").lower() in (name.lower() for name in known):
                self.defects[DefectCode.KEY_CASE] += 1
            else:
                self.defects[DefectCode.KEY_UNKNOWN] += 1
        for position, (key, value) in enumerate(pairs):
            if key in fields and value is not None:
                # What is overruled later is read all the same, for its defects.
                target = message if last[key] == position else type(message)()
                self.set(target, fields[key], value)

    def set(self, message: Message, field: FieldDescriptor, value: Any) -> None:
        if field.is_repeated:
            if isinstance(value, Pairs) or not isinstance(value, list):
                self.defects[DefectCode.TYPE] += 1
                return
            for element in value:
                self.add(getattr(message, field.name), field, element)
        elif field.message_type is not None:
            if not isinstance(value, Pairs):
                self.defects[DefectCode.TYPE] += 1
                return
            submessage = getattr(message, field.name)
            submessage.SetInParent()
            self.fill(submessage, value)
        elif (scalar := self.scalar(field, value)) is not None:
            setattr(message, field.name, scalar)

    def add(self, target: Any, field: FieldDescriptor, element: Any) -> None:
        if field.message_type is None:
            if (text := self.string(element)) is not None:
                target.append(text)
        elif isinstance(element, Pairs):
            self.fill(target.add(), element)
        else:
            self.defects[DefectCode.TYPE] += 1

    def string(self, value: Any) -> str | None:
        if isinstance(value, Text) or not isinstance(value, str):
            self.defects[DefectCode.TYPE] += 1
            return None
        replaced = re.sub("[\ud800-\udfff]", "\ufffd", value)
        self.defects[DefectCode.SURROGATE] += replaced != value
        return replaced

    def scalar(self, field: FieldDescriptor, value: Any) -> Any:
        if field.name in IDS:
            return self.identity(value, IDS[field.name])
        if field.type == FieldDescriptor.TYPE_STRING:
            return self.string(value)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self.content(value)
        if field.type == FieldDescriptor.TYPE_BOOL:
            self.defects[DefectCode.TYPE] += not isinstance(value, bool)
            return value if isinstance(value, bool) else None
        if field.type == FieldDescriptor.TYPE_ENUM and isinstance(value, str) and not isinstance(value, Text):
            number = {name.name: name for name in field.enum_type.values}.get(value)
            self.defects[DefectCode.ENUM if number is None else DefectCode.ENUM_NAME] += 1
            return None if number is None else number.number
        return self.number(field, value)

    def identity(self, value: Any, size: int) -> bytes | None:
        if isinstance(value, Text) or not isinstance(value, str):
            self.defects[DefectCode.TYPE] += 1
            return None
        if re.fullmatch(r"([0-9A-Fa-f]{2})*", value):
            return bytes.fromhex(value)
        content = decoded(value)
        if content is not None and len(content) == size:
            self.defects[DefectCode.ID_BASE64] += 1
            return content
        self.defects[DefectCode.ID] += 1
        return None

    def content(self, value: Any) -> bytes | None:
        if isinstance(value, Text) or not isinstance(value, str):
            self.defects[DefectCode.TYPE] += 1
            return None
        content = decoded(value)
        self.defects[DefectCode.BASE64] += content is None
        return content

    def number(self, field: FieldDescriptor, value: Any) -> Any:
        is_double = field.type == FieldDescriptor.TYPE_DOUBLE
        if not isinstance(value, str) or not NUMBER.fullmatch(value) or (not is_double and value[-1] in "Ny"):
            self.defects[DefectCode.TYPE] += 1
            return None
        if is_double:
            return float(value)
        low, high = RANGES[field.type]
        if not math.isfinite(float(value)) or (exact := Fraction(value)).denominator != 1 or not low <= exact <= high:
            self.defects[DefectCode.NUMBER] += 1
            return None
        return int(exact)


def decoded(text: str) -> bytes | None:
    """Base64 in either alphabet, with padding or without; None if it is not."""
    stripped = re.sub("={1,2}$", "", text) if len(text) % 4 == 0 else text
    if not re.fullmatch(r"[A-Za-z0-9+/_-]*", stripped) or len(stripped) % 4 == 1:
        return None
    try:
        return base64.b64decode(stripped.translate({45: "+", 95: "/"}) + "=" * (-len(stripped) % 4))
    except binascii.Error:
        return None
