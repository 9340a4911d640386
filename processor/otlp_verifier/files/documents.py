"""OTLP/JSON in files: documents one per line, one after another, or in arrays; and what else is written as JSON."""

import re
from collections.abc import Callable, Generator, Iterator
from typing import Final

import numpy as np

from otlp_verifier.files.foreign import Foreign, is_foreign
from otlp_verifier.files.notes import NoticeCode
from otlp_verifier.files.otlp_object import Place
from otlp_verifier.files.phrases import LOOKED_AT, described, shown
from otlp_verifier.files.reading import Reading
from otlp_verifier.files.recognise import BOM
from otlp_verifier.wire.otlp_json import (
    DefectCode,
    DocumentEnd,
    JsonBatch,
    JsonReader,
    Shape,
    expected,
)
from otlp_verifier.wire.partition import Part

_BLANK: Final = re.compile(rb"[ \t\r\n]*")
_NEXT_DOCUMENT: Final = re.compile(rb"\n[ \t]*(?=[\[{])")
_TOGETHER: Final = 1 << 18  # bytes of OTLP that are worth a part
_ARRAYS_MAX: Final = 8  # within each other, around documents
_NOTICES: Final[dict[int, NoticeCode]] = {
    DefectCode.ENUM_NAME: "json-enum-name",
    DefectCode.ID_BASE64: "json-id-base64",
    DefectCode.SURROGATE: "json-surrogate",
    DefectCode.KEY_CASE: "json-key-case",
    DefectCode.KEY_UNKNOWN: "json-key-unknown",
    DefectCode.KEY_DUPLICATE: "json-key-duplicate",
}
_OTLP: Final = Shape.TRACES | Shape.METRICS | Shape.LOGS | Shape.PROFILES
_TELEMETRY: Final = "`resourceSpans` as in OTLP, `data` as in Jaeger, or `traceId` and `id` as in Zipkin"
_SIGNALS: Final = ((Shape.METRICS, "metrics"), (Shape.LOGS, "logs"), (Shape.PROFILES, "profiles"))


# What has been read, in the order of the file, all of it: documents, or bytes between them without a batch.
Sink = Callable[[bytes | memoryview, JsonBatch | None], None]


class Documents:
    """Reads the JSON documents of one file into parts.

    Args:
        reading: the file.
        sink: given everything as it stands; batches then have places.

    """

    def __init__(self, reading: Reading, sink: Sink | None = None) -> None:
        self._reading = reading
        self._json = JsonReader(reading.number, places=sink is not None)
        self._sink = sink
        self._foreign = Foreign(reading)
        self._held: list[JsonBatch] = []  # too small for a part of their own
        self._held_bytes = 0
        self._has_base64 = False

    def read(self, head: bytes) -> Iterator[Part]:
        """Read the whole file, of which `head` has been read already."""
        if head.startswith(BOM):
            self._skip(BOM)
            head = head[len(BOM) :]
        yield from self._read_lines(head) if has_lines(head) else self._read_values(bytearray(head))
        yield from self.rest()

    def rest(self) -> Iterator[Part]:
        """Give what waited for more of its kind; at the end of the file."""
        yield from self._release()
        yield from self._foreign.rest()

    def read_frame(self, content: bytes, offset: int) -> Iterator[Part]:
        """Read one document that stands at `offset` of the file between other things."""
        self._json.move(offset)
        yield from self._parts(content, self._json.read(content))

    def _read_lines(self, data: bytes) -> Iterator[Part]:
        """One document in each line."""
        reading, most = self._reading, self._reading.settings.document_bytes_max
        while True:
            end = data.rfind(b"\n") + 1
            blocks, size = [data[end:]], len(data) - end
            yield from self._read_text(memoryview(data)[:end])
            # What is left is the beginning of a line, and so is every block that comes until one has a line feed.
            while block := reading.block():
                blocks.append(block)
                size += len(block)
                if size > most or b"\n" in block:
                    break
            data = b"".join(blocks)
            if not block:
                break
            if b"\n" not in block:
                data = self._skip_line(data)
        if not reading.failed:  # else it is no whole line
            yield from self._read_text(memoryview(data))

    def _read_text(self, text: memoryview) -> Iterator[Part]:
        """Whole lines."""
        while len(text):
            batch = self._json.read_lines(text)
            yield from self._parts(text, batch)
            text = text[batch.consumed :]

    def _skip_line(self, data: bytes) -> bytes:
        """Leave out a line that is too long, which begins with `data`; returns what comes behind it."""
        reading = self._reading
        line, offset, size = self._json.line, self._json.offset, 0
        while data:
            end = data.find(b"\n")
            now = len(data) if end < 0 else end
            self._skip(data[:now])
            size += now
            if end >= 0:
                break
            data = reading.block()
        most = reading.settings.document_bytes_max
        reading.error(offset, f"a line of {size} bytes; `document_bytes_max` allows {most}", line=line)
        return data[now:] if data else b""

    def _read_values(self, buffer: bytearray) -> Iterator[Part]:
        """Documents that may take several lines, one after another or in arrays."""
        reading = self._reading
        arrays: list[int] = []  # the lines in which those that are open began
        may_begin = True  # a document: there is no other one directly in front
        at = 0
        while True:
            blank = _BLANK.match(buffer, at)
            end = blank.end() if blank else at
            self._skip(buffer[at:end])
            at = end
            if at == len(buffer):
                buffer[:] = reading.block()
                at = 0
                if not buffer:
                    break
                continue
            sign = buffer[at : at + 1]
            if sign == b"{" and may_begin:
                at = yield from self._read_value(buffer, at)
                may_begin = not arrays
                continue
            if sign == b"[" and may_begin and len(arrays) < _ARRAYS_MAX:
                arrays.append(self._json.line)
            elif sign == b"]" and arrays:
                arrays.pop()
                may_begin = not arrays
            elif sign == b"," and arrays and not may_begin:
                may_begin = True
            else:
                self._error_between(buffer, at, arrays, may_begin=may_begin)
                at = self._next_document(buffer, at)
                may_begin = True
                continue
            self._skip(sign)
            at += 1
        if arrays and not reading.failed:
            message = f"the file ends within the array that begins in line {arrays[-1]}; expected `,` or `]`"
            reading.error(self._json.offset, message, line=self._json.line)

    def _read_value(self, buffer: bytearray, at: int) -> Generator[Part, None, int]:
        """Read the document that begins at `at`; returns the position behind it."""
        reading, most = self._reading, self._reading.settings.document_bytes_max
        end = DocumentEnd()
        while (found := end.look(buffer, at)) == DocumentEnd.GOES_ON:
            if len(buffer) - at > most:
                self._skip_value(buffer, at, end)
                return 0
            block = reading.block()
            if not block:
                break
            del buffer[:at]
            at = 0
            buffer += block
        text = bytes(memoryview(buffer)[at : at + end.scanned])
        if found == DocumentEnd.GOES_ON and reading.failed:
            self._skip(text)
        else:
            yield from self._parts(text, self._json.read(text))
        return at + len(text)

    def _skip_value(self, buffer: bytearray, at: int, end: DocumentEnd) -> None:
        """Leave out a document that is too long, whose beginning is in the buffer from `at` on."""
        line, offset = self._json.line, self._json.offset
        self._skip(buffer[at:])
        found = DocumentEnd.GOES_ON
        while found == DocumentEnd.GOES_ON:
            end.forget()
            buffer[:] = self._reading.block()
            if not buffer:
                break
            found = end.look(buffer)
            self._skip(buffer[: end.scanned])
            del buffer[: end.scanned]
        size, most = self._json.offset - offset, self._reading.settings.document_bytes_max
        message = f"a JSON document of {size} bytes; `document_bytes_max` allows {most}"
        self._reading.error(offset, message, line=line)

    def _error_between(self, buffer: bytearray, at: int, arrays: list[int], *, may_begin: bool) -> None:
        wanted = ("`{` or `[`" if may_begin else "`,` or `]`") if arrays else "a JSON object"
        self._reading.error(
            self._json.offset,
            f"found {shown(bytes(buffer[at : at + LOOKED_AT]))}; expected {wanted}",
            line=self._json.line,
        )

    def _next_document(self, buffer: bytearray, at: int) -> int:
        """Skip to the next line that looks like the beginning of a document; returns its position in the buffer."""
        while (match := _NEXT_DOCUMENT.search(buffer, at)) is None:
            self._skip(buffer[at:])
            buffer[:] = self._reading.block()
            at = 0
            if not buffer:
                return 0
        self._skip(buffer[at : match.end()])
        return match.end()

    def _skip(self, skipped: bytes | bytearray) -> None:
        """Move on behind bytes that are no part of a document."""
        self._json.skip(skipped)
        if self._sink is not None:
            self._sink(bytes(skipped), None)

    def _parts(self, text: bytes | memoryview, batch: JsonBatch) -> Iterator[Part]:
        """Note what there is to say about documents, and make a part of their spans."""
        info = self._reading.info
        info.requests += len(batch.documents)
        if self._sink is not None:
            self._sink(text[: batch.consumed], batch)
        info.spans += len(batch.spans)
        unusual = np.flatnonzero((batch.documents["status"] != 0) | (batch.documents["shape"] != Shape.TRACES))
        foreign = [number for number in unusual.tolist() if self._look_at(text, batch, number)]
        self._note_defects(text, batch)
        if batch.otlp:
            self._held.append(batch)
            self._held_bytes += len(batch.otlp)
            if self._held_bytes >= _TOGETHER:
                yield from self._release()
        for number in foreign:
            document = batch.documents[number]
            content = bytes(text[int(document["start"]) : int(document["end"])])
            place = Place(
                self._offset(batch, int(document["start"])),
                int(document["line"]),
                batch.first_request + number,
            )
            yield from self._foreign.add(content, Shape(int(document["shape"])), place)

    def _release(self) -> Iterator[Part]:
        """Make one part of the batches that are held: requests end to end are a request."""
        held, self._held, self._held_bytes = self._held, [], 0
        if len(held) == 1:
            origins = held[0].resources, held[0].scopes, held[0].spans
            yield Part(held[0].otlp, origins, room=self._reading.room)
        elif held:
            origins = (
                np.concatenate([batch.resources for batch in held]),
                np.concatenate([batch.scopes for batch in held]),
                np.concatenate([batch.spans for batch in held]),
            )
            yield Part(b"".join(batch.otlp for batch in held), origins, room=self._reading.room)

    def _offset(self, batch: JsonBatch, at: int) -> int:
        """Where in the file a byte of the batch's text stands."""
        return self._json.offset - batch.consumed + at

    def _look_at(self, text: bytes | memoryview, batch: JsonBatch, number: int) -> bool:
        """Note what is to be said about a document without spans; whether it may be another format."""
        reading, document = self._reading, batch.documents[number]
        request, line = batch.first_request + number, int(document["line"])
        status, shape = int(document["status"]), Shape(int(document["shape"]))
        if status:
            fault = int(document["fault"])
            found = (
                shown(bytes(text[fault : fault + LOOKED_AT]).split(b"\n", 1)[0])
                if fault < int(document["end"])
                else "the end"
            )
            reading.error(
                self._offset(batch, fault),
                f"broken JSON: found {found}; expected {expected(status)}",
                line=int(document["fault_line"]),
                request=request,
            )
            return False
        for bit, signal in _SIGNALS:
            if shape & bit:
                count = int(document[signal]) if signal != "profiles" else 1
                reading.skipped(
                    signal, self._offset(batch, int(document["start"])), line=line, request=request, count=count
                )
        if is_foreign(shape):
            return True
        if not shape & (_OTLP | Shape.EMPTY):
            first = int(document["defect_start"])
            alike = document["defect_count"] and batch.defects["code"][first] == DefectCode.KEY_CASE
            hint = f": {described(text, batch.defects[first])}" if alike else ""
            reading.error(
                self._offset(batch, int(document["start"])),
                f"a JSON object that is not telemetry{hint}; expected {_TELEMETRY}",
                line=line,
                request=request,
            )
        return False

    def _note_defects(self, text: bytes | memoryview, batch: JsonBatch) -> None:
        """Note what was odd about documents that could be read, equal things once."""
        if not any(batch.defects_by_code):
            return
        left = list(batch.defects_by_code)
        otlp = np.zeros(len(batch.defects), np.bool_)
        for document in batch.documents[(batch.documents["shape"] & int(_OTLP)) != 0]:
            otlp[int(document["defect_start"]) :][: int(document["defect_count"])] = True
        for defect in batch.defects[~otlp]:
            left[int(defect["code"])] -= 1
        for defect in batch.defects[otlp]:
            code, at = int(defect["code"]), int(defect["offset"])
            left[code] -= 1
            place = self._offset(batch, at)
            request = batch.first_request + int(np.searchsorted(batch.documents["start"], np.uint64(at), "right") - 1)
            message = described(text, defect)
            if code in _NOTICES:
                self._reading.notice(_NOTICES[code], place, message, line=int(defect["line"]), request=request)
                if code == DefectCode.ID_BASE64 and not self._has_base64:  # one says it for all of the file
                    self._has_base64 = True
                    refused = f"{message}; read as what is meant, but receivers refuse the request"
                    self._reading.error(place, refused, line=int(defect["line"]), request=request)
            else:
                self._reading.error(place, message, line=int(defect["line"]), request=request)
        for code, count in enumerate(left):
            if count > 0:
                self._note_more(DefectCode(code), count, self._offset(batch, 0))

    def _note_more(self, code: DefectCode, count: int, offset: int) -> None:
        if code in _NOTICES:
            self._reading.notice(_NOTICES[code], offset, "more of the same kind", count=count)
        else:
            self._reading.error(offset, f"{count} more values that are left out")


def has_lines(head: bytes | bytearray) -> bool:
    """Whether each line is a document: the first line is one, or is broken in front of one that begins like it."""
    lines = [line for line in bytes(head).split(b"\n", 3)[:3] if line.strip()]
    ends_in_head = bytes(head).count(b"\n", 0, sum(map(len, lines[:2])) + 2)
    if not lines or not ends_in_head:
        return False
    if _is_document(lines[0]):
        return True
    return len(lines) > 1 and lines[1][:8] == lines[0][:8] != b"{" and _is_document(lines[1])


def _is_document(line: bytes) -> bool:
    line = line.strip()
    end = DocumentEnd()
    return line[:1] == b"{" and end.look(line) == DocumentEnd.ENDS and end.scanned == len(line)
