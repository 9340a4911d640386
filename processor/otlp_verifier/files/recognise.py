"""What kind of telemetry bytes are, by what they hold and not by what they are called."""

import re
from collections.abc import Iterator
from typing import Final, Literal

from otlp_verifier.files.stream import compression_of
from otlp_verifier.wire.varint import read_varint

Kind = Literal["json", "protobuf", "delimited", ""]
Signal = Literal["traces", "metrics", "logs"]

HEAD: Final = 4096  # bytes that are enough to tell
BOM: Final = b"\xef\xbb\xbf"
_JSON_AT_ONCE: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r]*[\[{]")
# A line feed is also the first byte of every OTLP request: then what follows has to look like JSON for longer.
_JSON_LATER: Final = re.compile(
    rb'(?:\xef\xbb\xbf)?[ \t\r\n]*(?:\{[ \t\r\n]*(?:"[A-Za-z_]|\}|\Z)|\[[ \t\r\n]*(?:[{\[\]]|\Z))'
)
_LENGTH_BYTES: Final = 4
# What can stand at the beginning of ResourceSpans, ResourceMetrics and ResourceLogs: resource, scopes, schema_url,
# and what scopes were called until 2022 (field 1000).
_IN_RESOURCE: Final = (b"\x0a", b"\x12", b"\x1a", b"\xc2\x3e")
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIELDS_MAX: Final = 64  # looked at to tell a signal
_FIRST_FIELD: Final = 0x0A  # field 1, with a length
_METRIC_DATA: Final = {5, 7, 9, 10, 11}  # gauge, sum, histogram...: each begins with its data points


def kind_of(head: bytes) -> Kind:
    """Tell JSON, one protobuf request and requests with their lengths apart; empty: it is none of them."""
    if _JSON_AT_ONCE.match(head) or _JSON_LATER.match(head):
        return "json"
    if _is_request(head):
        return "protobuf"
    # Requests without a single byte may stand before the first one that says something; nothing but zeros says nothing.
    zeros = len(head) - len(head.lstrip(b"\0"))
    head = head[zeros - zeros % _LENGTH_BYTES :]
    if zeros and not head:
        return "delimited" if zeros < HEAD else ""
    content = head[_LENGTH_BYTES:]
    is_sized = any(head[:_LENGTH_BYTES]) and len(head) >= _LENGTH_BYTES
    if is_sized and (_is_request(content) or compression_of(content) or content[:1] == b"{"):
        return "delimited"
    return ""


def _is_request(head: bytes) -> bool:
    if not head or head[0] != _FIRST_FIELD:
        return False
    found = read_varint(head, 1)
    if found is None:
        return False
    length, at = found
    return length == 0 or at == len(head) or head.startswith(_IN_RESOURCE, at)


def signal_of(request: bytes | memoryview) -> Signal:
    """Tell traces, metrics and logs apart by the first record: their requests are alike down to that.

    A Span has its times in fields 7 and 8 as fixed numbers; a LogRecord in 1 and 11; a Metric begins with its name
    and has only messages behind. A request without records counts as traces.
    """
    at: memoryview | None = memoryview(request)
    for number in (1, 2, 2):
        at = None if at is None else _first(at, number)
    if at is None:
        return "traces"
    fields = list(_fields(at))
    kinds = {(number, wire) for number, wire, _ in fields}
    if kinds & {(1, _FIXED64), (11, _FIXED64)}:
        return "logs"
    if kinds & {(7, _FIXED64), (8, _FIXED64), (6, _VARINT)} or (1, _LENGTH) not in kinds:
        return "traces"
    lengths = {number: len(body) for number, wire, body in fields if wire == _LENGTH}
    if (lengths[1], lengths.get(2)) == (16, 8):
        return "traces"
    data = [body for number, wire, body in fields if number in _METRIC_DATA and wire == _LENGTH]
    return "metrics" if any(len(body) and body[0] == _FIRST_FIELD for body in data) else "traces"


def _first(message: memoryview, number: int) -> memoryview | None:
    """The body of the first field with that number, as far as it is there, which holds something."""
    for field, wire, body in _fields(message):
        if field == number and wire == _LENGTH and len(body):
            return body
    return None


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The first fields of a message: number, wire type, body."""
    at = 0
    for _ in range(_FIELDS_MAX):
        tag = read_varint(message, at) if at < len(message) else None
        if tag is None:
            return
        number, wire = tag[0] >> 3, tag[0] & 7
        start = tag[1]
        if wire == _VARINT:
            value = read_varint(message, start)
            end = len(message) if value is None else value[1]
        elif wire in (_FIXED64, _FIXED32):
            end = start + (8 if wire == _FIXED64 else 4)
        elif wire == _LENGTH and (length := read_varint(message, start)) is not None:
            start = length[1]
            end = start + length[0]
        else:
            return
        yield number, wire, message[start:end]
        at = end
