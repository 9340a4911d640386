"""OTLP protobuf in files: one request, or requests with their lengths in front, as the file exporter writes them.

The file exporter's framing (`format: proto`, and `format: json` with compression): 4 bytes, the length of what follows
as a big-endian number, then the request, by itself compressed with zstd where that is configured.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from otlp_verifier.files.reading import Reading
from otlp_verifier.files.recognise import signal_of, varint
from otlp_verifier.files.stream import Stream, StreamError, compression_of
from otlp_verifier.wire.origin import ORIGIN
from otlp_verifier.wire.partition import Part

_FRAME_HEAD: Final = 4
_RESOURCE_SPANS: Final = 0x0A
_LENGTH_WIRE: Final = 2
_SCALARS: Final = {1: 8, 5: 4}  # wire type -> bytes


class Request(NamedTuple):
    """A request in a file: its bytes, where they begin, and its number from 1."""

    otlp: bytes | memoryview
    offset: int
    number: int


class Requests:
    """Makes parts of protobuf requests."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def part(self, requests: Sequence[Request]) -> Part | None:
        """Index requests as one, which is what requests end to end are; None when they hold no traces.

        Args:
            requests: each of whole fields, so that none reaches into the next one.

        """
        reading = self._reading
        joined = requests[0].otlp if len(requests) == 1 else b"".join(request.otlp for request in requests)
        first = np.zeros(1, ORIGIN)
        first["file"] = reading.number
        part = Part(joined, first=first)
        starts = np.cumsum([0, *(len(request.otlp) for request in requests[:-1])])
        moved = np.array([request.offset for request in requests], np.int64) - starts
        numbers = np.array([request.number for request in requests], np.uint32)
        for origins in (part.resources, part.scopes, part.spans):
            at = origins["offset"].astype(np.int64)
            of = np.searchsorted(starts, at, "right") - 1
            origins["offset"] = at + moved[of]
            origins["request"] = numbers[of]
        for fault in part.faults:
            which = int(np.searchsorted(starts, fault.offset, "right")) - 1
            reading.error(
                fault.offset + int(moved[which]),
                f"broken protobuf: a field {fault.reason}; its ResourceSpans is left out",
                request=requests[which].number,
            )
        if unnamed := part.fault_count - len(part.faults):
            reading.error(requests[0].offset, f"broken protobuf: {unnamed} more ResourceSpans are left out", request=1)
        spans = len(part.spans)
        signal = signal_of(joined)
        if signal != "traces":
            reading.skipped(signal, requests[0].offset, request=requests[0].number, count=spans)
            return None
        reading.info.spans += spans
        return part


def read_request(reading: Reading, head: bytes) -> Iterator[Part]:
    """Read a file that is one request, however long, in parts of whole ResourceSpans."""
    requests = Requests(reading)
    reading.info.requests = 1
    most = reading.settings.document_bytes_max
    offset = 0  # of `data` in the file
    data = head
    while data:
        end, problem = whole_fields(data)
        if end:
            part = requests.part([Request(memoryview(data)[:end], offset, 1)])
            if part is not None:
                yield part
            offset += end
            data = data[end:]
        if problem:
            reading.error(offset, f"broken protobuf: {problem}", request=1)
            return
        length = _field_length(data)
        if length > most:
            reading.error(offset, f"a ResourceSpans of {length} bytes; `document_bytes_max` allows {most}", request=1)
            data, skipped = _skip(reading, data, length)
            offset += skipped
            continue
        data, more = _at_least(reading, data, length)
        if not more:
            break
    if data and not reading.failed:
        length = _field_length(data) or len(data) + 1
        message = f"the file ends in the middle of a field: {len(data)} bytes; expected {length}"
        reading.error(offset, message, request=1)


def _at_least(reading: Reading, data: bytes, length: int) -> tuple[bytes, bool]:
    """Read one block more, and on until there are so many bytes; whether anything has come."""
    blocks = [data]
    size = len(data)
    while block := reading.block():
        blocks.append(block)
        size += len(block)
        if size >= length:
            break
    return (b"".join(blocks), True) if len(blocks) > 1 else (data, False)


def _skip(reading: Reading, data: bytes, length: int) -> tuple[bytes, int]:
    """Leave out so many bytes of the file, `data` first: what comes behind them, and how many there were."""
    size = len(data)
    while size < length and (data := reading.block()):
        size += len(data)
    return (data[len(data) - (size - length) :], length) if size >= length else (b"", size)


def whole_fields(buffer: bytes | memoryview) -> tuple[int, str]:
    """Find how far whole fields of a request reach: the position behind them, and why it cannot be read on."""
    at, size = 0, len(buffer)
    while at < size:
        if buffer[at] == _RESOURCE_SPANS and at + 1 < size and buffer[at + 1] < 0x80:
            end = at + 2 + buffer[at + 1]
        else:
            tag = varint(buffer, at)
            if tag is None:
                return at, "" if size - at < 10 else "a tag that does not end; expected at most 10 bytes"
            number, wire = tag[0] >> 3, tag[0] & 7
            if number == 0 or wire in (3, 4, 6, 7):
                what = f"a field with the number {number} and wire type {wire}"
                return at, f"{what}; expected a ResourceSpans, field 1 of wire type 2"
            value = varint(buffer, tag[1]) if wire in (0, _LENGTH_WIRE) else (0, tag[1] + _SCALARS[wire])
            if value is None:
                return at, "" if size - tag[1] < 10 else "a length that does not end; expected at most 10 bytes"
            end = value[1] + (value[0] if wire == _LENGTH_WIRE else 0)
        if end > size:
            break
        at = end
    return at, ""


def _field_length(buffer: bytes) -> int:
    """The length of the field that the buffer begins with, head included; 0 while that is not known."""
    tag = varint(buffer, 0)
    length = varint(buffer, tag[1]) if tag is not None and tag[0] & 7 == _LENGTH_WIRE else None
    return length[0] + length[1] if length is not None else 0


def read_frames(reading: Reading, head: bytes) -> Iterator[Request]:
    """Read length-delimited requests, or JSON documents in the same framing, unpacked."""
    data = head
    at = 0  # in `data`
    offset = number = 0  # of the frame at `at`
    most = reading.settings.document_bytes_max
    more = True
    while more or at < len(data):
        left = len(data) - at
        length = int.from_bytes(data[at : at + _FRAME_HEAD], "big") if left >= _FRAME_HEAD else 0
        size = _FRAME_HEAD + length
        if left >= _FRAME_HEAD and length > most:
            number += 1
            reading.error(offset, f"a request of {length} bytes; `document_bytes_max` allows {most}", request=number)
            data, skipped = _skip(reading, data[at:], size)
            at = 0
            offset += skipped
            more = bool(data)
            continue
        if left < size and more:
            data, more = _at_least(reading, data[at:], size)
            at = 0
            continue
        if left < size:
            _note_cut(reading, offset, left, length, number + 1)
            return
        number += 1
        reading.info.requests = number
        content = memoryview(data)[at + _FRAME_HEAD : at + size]
        unpacked = _unpacked(reading, content, offset + _FRAME_HEAD, number)
        if unpacked is not None:
            yield Request(unpacked, offset + _FRAME_HEAD, number)
        offset += size
        at += size


def _note_cut(reading: Reading, offset: int, left: int, length: int, number: int) -> None:
    if reading.failed:
        return
    if left < _FRAME_HEAD:
        reading.error(offset, f"the file ends with {left} bytes; expected the 4 bytes of a length")
    else:
        found = f"the file ends in the middle of a request: {left - _FRAME_HEAD} bytes"
        reading.error(offset, f"{found}; expected {length}", request=number)


def _unpacked(reading: Reading, content: memoryview, offset: int, number: int) -> bytes | memoryview | None:
    """What a frame holds; None when it cannot be unpacked, which has been noted."""
    compression = compression_of(content)
    if not compression:
        return content
    most = reading.settings.document_bytes_max
    stream = Stream(io.BytesIO(content), reading.settings)
    pieces: list[bytes] = []
    size = 0
    try:
        while size <= most and (piece := stream.read()):
            pieces.append(piece)
            size += len(piece)
    except StreamError as error:
        reading.error(offset, str(error), request=number)
        return None
    if size > most:
        message = f"a request that unpacks to more than {most} bytes, which `document_bytes_max` allows"
        reading.error(offset, message, request=number)
        return None
    return b"".join(pieces)
