"""OTLP protobuf in files: one request, or requests with their lengths in front, as the file exporter writes them.

The file exporter's framing (`format: proto`, and `format: json` with compression): 4 bytes, the length of what follows
as a big-endian number, then the request, by itself compressed with zstd where that is configured.
"""

import io
from collections.abc import Generator, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.files.reading import Reading
from otlp_verifier.files.recognise import signal_of
from otlp_verifier.files.stream import Compression, Stream, StreamError, compression_of
from otlp_verifier.wire.memory import fresh
from otlp_verifier.wire.partition import REQUEST, Part, plain_requests
from otlp_verifier.wire.varint import read_varint

_FRAME_HEAD: Final = 4
# Memory has large pages from here on: what is new then costs a tenth.
BUFFER: Final = 4 << 20
_REQUESTS_AT_ONCE: Final = 1 << 16
_RESOURCE_SPANS: Final = 0x0A
_LENGTH_WIRE: Final = 2
_VARINT_MAX: Final = 10  # bytes
_SCALARS: Final = {1: 8, 5: 4}  # wire type -> bytes


class Request(NamedTuple):
    """A request in a file, or whole fields of one.

    Attributes:
        otlp: its bytes, unpacked; None where there is nothing that can be read.
        offset: where they begin in the file.
        number: which request, from 1.
        raw: what stands in the file for it, its length included.
        compression: of the request by itself.

    """

    otlp: bytes | memoryview | None
    offset: int
    number: int
    raw: bytes | memoryview
    compression: Compression = ""


class Run(NamedTuple):
    """Plain requests one after another in memory, with their lengths in front; see partition.h.

    Attributes:
        data: their bytes, from the first length on.
        requests: REQUEST (requests,), one or more.

    """

    data: memoryview
    requests: NDArray[np.void]

    def apart(self) -> Iterator[Request]:
        """Yield the requests one by one."""
        for offset, length, place, number in self.requests.tolist():
            content = self.data[offset : offset + length]
            yield Request(content, place, number, self.data[offset - _FRAME_HEAD : offset + length])


class Requests:
    """Makes parts of the protobuf requests of one file."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def part(self, requests: Sequence[Request]) -> Part | None:
        """Index requests as one, which is what requests end to end are; None when they hold no traces.

        Args:
            requests: each of whole fields, so that none reaches into the next one.

        """
        pieces = [request.otlp or b"" for request in requests]
        joined = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        table = np.zeros(len(requests), REQUEST)
        table["length"] = [len(piece) for piece in pieces]
        table["offset"] = np.cumsum(table["length"]) - table["length"]
        table["place"] = [request.offset for request in requests]
        table["number"] = [request.number for request in requests]
        part = self._indexed(joined, table)
        spans = len(part.spans)
        signal = signal_of(joined)
        if signal != "traces":
            self._reading.skipped(signal, requests[0].offset, request=requests[0].number, count=spans)
            return None
        self._reading.info.spans += spans
        return part

    def parts(self, requests: Sequence[Request]) -> Iterator[Part]:
        """The part of requests, if there are any."""
        if requests and (part := self.part(requests)):
            yield part

    def part_of_run(self, run: Run) -> Part:
        """Index plain requests where they are."""
        part = self._indexed(run.data, run.requests)
        self._reading.info.spans += len(part.spans)
        return part

    def _indexed(self, otlp: bytes | memoryview, requests: NDArray[np.void]) -> Part:
        reading = self._reading
        part = Part(otlp, requests=requests, file=reading.number, room=reading.room)
        for fault in part.faults:
            within = requests[int(np.searchsorted(requests["offset"], np.uint64(fault.offset), "right")) - 1]
            reading.error(
                fault.offset - int(within["offset"]) + int(within["place"]),
                f"broken protobuf: a field {fault.reason}; its ResourceSpans is left out",
                request=int(within["number"]),
            )
        if unnamed := part.fault_count - len(part.faults):
            message = f"broken protobuf: {unnamed} more ResourceSpans are left out"
            reading.error(int(requests["place"][0]), message, request=int(requests["number"][0]))
        return part


def read_fields(reading: Reading, head: bytes) -> Iterator[Request]:
    """Read a file that is one request, however long, by whole ResourceSpans; all of the file is in some piece."""
    reading.info.requests = 1
    most = reading.settings.document_bytes_max
    offset = 0  # of `data` in the file
    data = head
    while data:
        end, problem = whole_fields(data)
        if end:
            fields = memoryview(data)[:end]
            yield Request(fields, offset, 1, fields)
            offset += end
            data = data[end:]
        length = _field_length(data)
        if problem:
            reading.error(offset, f"broken protobuf: {problem}", request=1)
            yield from _rest(reading, data, offset)
            return
        if length > most:
            reading.error(offset, f"a ResourceSpans of {length} bytes; `document_bytes_max` allows {most}", request=1)
            data = bytes((yield from _skip(reading, data, length, offset, 1)))
            offset += length
            continue
        data, more = _at_least(reading, data, length)
        if not more:
            break
    if data:
        yield Request(None, offset, 1, data)
    if data and not reading.failed:
        length = _field_length(data) or len(data) + 1
        message = f"the file ends in the middle of a field: {len(data)} bytes; expected {length}"
        reading.error(offset, message, request=1)


def _rest(reading: Reading, data: bytes, offset: int) -> Iterator[Request]:
    """The rest of the file, unread."""
    while data:
        yield Request(None, offset, 1, data)
        offset += len(data)
        data = reading.block()


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


def _skip(
    reading: Reading, data: bytes | memoryview, length: int, offset: int, number: int
) -> Generator[Request, None, bytes | memoryview]:
    """Leave out so many bytes of the file, `data` first; gives what comes behind them."""
    left = length
    while data and left:
        now = min(left, len(data))
        yield Request(None, offset, number, memoryview(data)[:now])
        left -= now
        offset += now
        data = data[now:] or reading.block()
    return data


def whole_fields(buffer: bytes | memoryview) -> tuple[int, str]:
    """Find how far whole fields of a request reach: the position behind them, and why it cannot be read on."""
    at = 0
    try:
        for end in ends_of_fields(buffer):
            at = end
    except _UnreadableField as error:
        return at, str(error)
    return at, ""


class _UnreadableField(Exception):  # noqa: N818  # it says what it is
    """Why the next field of a request cannot be read."""


def ends_of_fields(buffer: bytes | memoryview) -> Iterator[int]:
    """Yield the position behind each field of a request, up to one that is not there as a whole.

    Raises:
        _UnreadableField: the next one is none.

    """
    at, size = 0, len(buffer)
    while at < size:
        if buffer[at] == _RESOURCE_SPANS and at + 1 < size and buffer[at + 1] < 0x80:
            at += 2 + buffer[at + 1]
        else:
            end = _end_of_field(buffer, at)
            if end is None:
                return
            at = end
        if at > size:
            return
        yield at


def _end_of_field(buffer: bytes | memoryview, at: int) -> int | None:
    """The position behind a field; None where its head is not there as a whole."""
    tag = read_varint(buffer, at)
    if tag is None:
        _check_cut(buffer, at, "a tag")
        return None
    number, wire = tag[0] >> 3, tag[0] & 7
    if number == 0 or wire in (3, 4, 6, 7):
        what = f"a field with the number {number} and wire type {wire}"
        raise _UnreadableField(f"{what}; expected a ResourceSpans, field 1 of wire type 2")
    if wire in _SCALARS:
        return tag[1] + _SCALARS[wire]
    value = read_varint(buffer, tag[1])
    if value is None:
        _check_cut(buffer, tag[1], "a length")
        return None
    return value[1] + (value[0] if wire == _LENGTH_WIRE else 0)


def _check_cut(buffer: bytes | memoryview, at: int, what: str) -> None:
    if len(buffer) - at >= _VARINT_MAX:
        raise _UnreadableField(f"{what} that does not end; expected at most {_VARINT_MAX} bytes")


def readable(reading: Reading, frame: Request) -> bytes | memoryview:
    """The whole fields that a request begins with; what is behind them is noted."""
    otlp = frame.otlp or b""
    end, problem = whole_fields(otlp)
    if end < len(otlp):
        where = f"a request that cannot be read from byte {end} of it on"
        reading.error(frame.offset + end, f"{where}: {problem or 'it ends within a field'}", request=frame.number)
    return otlp[:end]


def _field_length(buffer: bytes) -> int:
    """The length of the field that the buffer begins with, head included; 0 while that is not known."""
    tag = read_varint(buffer, 0)
    length = read_varint(buffer, tag[1]) if tag is not None and tag[0] & 7 == _LENGTH_WIRE else None
    return length[0] + length[1] if length is not None else 0


def read_frames(reading: Reading, head: bytes) -> Iterator[Request]:
    """Read length-delimited requests, or JSON documents in the same framing; all of the file is in some of them."""
    for frame in read_runs(reading, head, runs=False):
        if isinstance(frame, Run):
            raise AssertionError("no runs were asked for")
        yield frame


def read_runs(reading: Reading, head: bytes, *, runs: bool = True) -> Iterator[Request | Run]:
    """Read the same, with requests that stand next to each other and are plain together."""
    data = memoryview(head)
    at = 0  # in `data`
    offset = number = 0  # of the frame at `at`
    most = reading.settings.document_bytes_max
    room = np.empty(_REQUESTS_AT_ONCE if runs else 0, REQUEST)
    more = True
    while more or at < len(data):
        if len(found := plain_requests(data[at:], most, offset, number + 1, room)):
            size = int(found["offset"][-1] + found["length"][-1])
            number += len(found)
            reading.info.requests = number
            yield Run(data[at : at + size], found)
            at += size
            offset += size
            continue
        left = len(data) - at
        length = int.from_bytes(data[at : at + _FRAME_HEAD], "big") if left >= _FRAME_HEAD else 0
        size = _FRAME_HEAD + length
        if left >= _FRAME_HEAD and length > most:
            number += 1
            reading.error(offset, f"a request of {length} bytes; `document_bytes_max` allows {most}", request=number)
            data = memoryview((yield from _skip(reading, data[at:], size, offset, number)))
            at = 0
            offset += size
            more = bool(data)
            continue
        if left < size and more:
            data, more = _room_for(reading, data[at:], size)
            at = 0
            continue
        if left < size:
            _note_cut(reading, offset, left, length, number + 1)
            yield Request(None, offset, number + 1, data[at:])
            return
        number += 1
        reading.info.requests = number
        content = data[at + _FRAME_HEAD : at + size]
        unpacked = _unpacked(reading, content, offset + _FRAME_HEAD, number)
        yield Request(unpacked, offset + _FRAME_HEAD, number, data[at : at + size], compression_of(content))
        offset += size
        at += size


def _room_for(reading: Reading, data: memoryview, length: int) -> tuple[memoryview, bool]:
    """Read on until there are so many bytes, into memory that others may keep; whether anything has come."""
    memory = fresh(max(length, BUFFER)).data
    memory[: len(data)] = data
    end = len(data)
    while end < len(memory) and (count := reading.fill(memory[end:])):
        end += count
        if end >= length:
            break
    return memory[:end], end > len(data)


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
