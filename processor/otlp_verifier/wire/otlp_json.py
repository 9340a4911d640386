"""OTLP/JSON to OTLP bytes; see json.h, which says what is accepted and does the work."""

from enum import IntEnum, IntFlag
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.origin import ORIGIN, Origins, struct_dtype

_DOCUMENT: Final = struct_dtype("otlpv_json_document")
_DEFECT: Final = struct_dtype("otlpv_json_defect")
_FORGED: Final = struct_dtype("otlpv_json_forged")
_PLACE: Final = struct_dtype("otlpv_json_place")
_ROW_BYTES: Final = 16  # a record takes more text than that, or the document is refused
_ROWS_AT_LEAST: Final = 64
_DEFECTS: Final = 1024  # kept per call
_DOCUMENTS: Final = 8192  # read per call
_BYTES: Final = ffi.typeof("uint8_t[]")


def _members(c_enum: str, prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): value
        for value, name in sorted(ffi.typeof(f"enum {c_enum}").elements.items())
        if not name.endswith("_CODES")
    }


class Shape(IntFlag):
    """What the top level of a document tells about its kind."""

    TRACES = lib.OTLPV_JSON_TRACES
    METRICS = lib.OTLPV_JSON_METRICS
    LOGS = lib.OTLPV_JSON_LOGS
    PROFILES = lib.OTLPV_JSON_PROFILES
    HAS_DATA = lib.OTLPV_JSON_HAS_DATA
    HAS_PROCESSES = lib.OTLPV_JSON_HAS_PROCESSES
    HAS_TRACE_ID = lib.OTLPV_JSON_HAS_TRACE_ID
    HAS_ID = lib.OTLPV_JSON_HAS_ID
    HAS_OPERATION = lib.OTLPV_JSON_HAS_OPERATION
    EMPTY = lib.OTLPV_JSON_EMPTY


class DefectCode(IntEnum):
    """What is odd about a document that could be read."""

    TYPE = lib.OTLPV_JSON_DEFECT_TYPE
    NUMBER = lib.OTLPV_JSON_DEFECT_NUMBER
    ID = lib.OTLPV_JSON_DEFECT_ID
    BASE64 = lib.OTLPV_JSON_DEFECT_BASE64
    ENUM = lib.OTLPV_JSON_DEFECT_ENUM
    ENUM_NAME = lib.OTLPV_JSON_DEFECT_ENUM_NAME
    ID_BASE64 = lib.OTLPV_JSON_DEFECT_ID_BASE64
    SURROGATE = lib.OTLPV_JSON_DEFECT_SURROGATE
    KEY_CASE = lib.OTLPV_JSON_DEFECT_KEY_CASE
    KEY_UNKNOWN = lib.OTLPV_JSON_DEFECT_KEY_UNKNOWN
    KEY_DUPLICATE = lib.OTLPV_JSON_DEFECT_KEY_DUPLICATE


# otlpv_json_status -> what was expected at the fault
_EXPECTED: Final = {
    lib.OTLPV_JSON_CUT: "the rest of the document, which ends in the middle",
    lib.OTLPV_JSON_WANT_OBJECT: "an object",
    lib.OTLPV_JSON_WANT_KEY: "a key in double quotes",
    lib.OTLPV_JSON_WANT_KEY_OR_BRACE: "a key in double quotes or `}`",
    lib.OTLPV_JSON_WANT_COLON: "`:` behind a key",
    lib.OTLPV_JSON_WANT_VALUE: "a value",
    lib.OTLPV_JSON_WANT_VALUE_OR_BRACKET: "a value or `]`",
    lib.OTLPV_JSON_WANT_COMMA_OR_BRACE: "`,` or `}`",
    lib.OTLPV_JSON_WANT_COMMA_OR_BRACKET: "`,` or `]`",
    lib.OTLPV_JSON_WANT_END: "nothing more behind the document",
    lib.OTLPV_JSON_BAD_ESCAPE: "an escape that JSON has, such as `\\n` or `\\u00e9`",
    lib.OTLPV_JSON_CONTROL_CHARACTER: "control characters in strings escaped, and every string closed in its line",
    lib.OTLPV_JSON_TOO_DEEP: f"at most {lib.OTLPV_JSON_DEPTH_MAX} objects within each other",
    lib.OTLPV_JSON_TOO_MANY: f"records of more than {_ROW_BYTES} bytes on average",
    lib.OTLPV_JSON_NO_ROOM: "no more output than input",
}
# otlpv_json_kind -> what a key takes
_KINDS: Final = {
    lib.OTLPV_JSON_STRING: "a string",
    lib.OTLPV_JSON_BOOL: "true or false",
    lib.OTLPV_JSON_INT64: "a whole number of 64 bits, as a number or a string",
    lib.OTLPV_JSON_UINT32: "a whole number from 0 to 2^32 - 1",
    lib.OTLPV_JSON_FIXED32: "a whole number from 0 to 2^32 - 1",
    lib.OTLPV_JSON_FIXED64: "Unix nanoseconds, as a string or a number",
    lib.OTLPV_JSON_DOUBLE: "a number",
    lib.OTLPV_JSON_BYTES: "base64 in a string",
    lib.OTLPV_JSON_TRACE_ID: "32 hex digits in a string",
    lib.OTLPV_JSON_SPAN_ID: "16 hex digits in a string",
    lib.OTLPV_JSON_SPAN_KIND: "a number from 0 to 5",
    lib.OTLPV_JSON_STATUS_CODE: "a number from 0 to 2",
    lib.OTLPV_JSON_MESSAGE: "an object",
    lib.OTLPV_JSON_MESSAGES: "an array of objects",
    lib.OTLPV_JSON_STRINGS: "an array of strings",
    lib.OTLPV_JSON_COUNTED: "an array of objects",
    lib.OTLPV_JSON_IGNORED: "anything",
}


class JsonBatch(msgspec.Struct, frozen=True):
    """What the documents of one call hold.

    Attributes:
        otlp: one request, of all documents that could be read.
        resources, scopes, spans: where the records of `otlp` stand, in its order; ORIGIN (rows,).
        documents: otlpv_json_document (documents,), each with its offsets in the input.
        defects: otlpv_json_defect, the first ones, with their offsets in the input.
        defects_by_code: how many there were of each DefectCode, those that are not kept included.
        forged: otlpv_json_forged (attributes,), where in the file those stand that only a verifier may write; empty
            unless places were asked for.
        places: where attributes of resources, scopes and spans can be written into the text, as
            otlpv_json_place by row, offsets in the file; None unless asked for.
        first_request: the number of the first document in the file.
        consumed: how many bytes of the input were read.

    """

    otlp: bytes
    resources: Origins
    scopes: Origins
    spans: Origins
    documents: NDArray[np.void]
    defects: NDArray[np.void]
    defects_by_code: list[int]
    forged: NDArray[np.void]
    places: tuple[NDArray[np.void], NDArray[np.void], NDArray[np.void]] | None
    first_request: int
    consumed: int


class JsonReader:
    """Reads the documents of one file, in order. Not for use by two threads at once.

    Args:
        file: the number that origins will have.
        places: tell where attributes can be written into the text.
        offset: where in the file the first input begins.

    """

    def __init__(self, file: int = 0, *, places: bool = False, offset: int = 0) -> None:
        self._position = ffi.new("otlpv_json_position *", {"file": file, "request": 1, "line": 1, "offset": offset})
        self._memory = _Memory(places=places)

    @property
    def line(self) -> int:
        """The line that the next input begins in."""
        return int(self._position.line)

    @property
    def offset(self) -> int:
        """Where in the file the next input begins."""
        return int(self._position.offset)

    @property
    def request(self) -> int:
        """The number of the next document."""
        return int(self._position.request)

    def skip(self, skipped: bytes | bytearray) -> None:
        """Move on behind bytes of the file that are no part of a document."""
        self._position.offset += len(skipped)
        self._position.line += skipped.count(b"\n")

    def move(self, offset: int) -> None:
        """Say where in the file the next input begins, which has no lines."""
        self._position.offset = offset
        self._position.line = 0

    def read(self, document: bytes | memoryview) -> JsonBatch:
        """Read exactly one document, white space around it allowed."""
        return self._read(document, _ROWS_AT_LEAST, lines=False)

    def read_lines(self, text: bytes | memoryview) -> JsonBatch:
        """Read documents, one in each line, until the text ends or there are very many; see JsonBatch.consumed."""
        return self._read(text, _DOCUMENTS, lines=True)

    def _read(self, text: bytes | memoryview, documents_max: int, *, lines: bool) -> JsonBatch:
        memory = self._memory
        rows = memory.reserve(len(text), documents_max if lines else 1)
        output = memory.output
        output.used = output.resource_count = output.scope_count = output.span_count = 0
        output.forged_count = output.defect_count = 0
        for code in range(lib.OTLPV_JSON_DEFECT_CODES):
            output.defects_by_code[code] = 0
        output.resource_capacity = output.scope_capacity = output.span_capacity = rows

        start, request = self.offset, self.request
        native = (ffi.from_buffer(_BYTES, text), len(text), self._position, output)
        documents = _pointer("otlpv_json_document *", memory.documents)
        if lines:
            count = lib.otlpv_json_read_lines(*native, documents, documents_max)
        else:
            lib.otlpv_json_read(*native, documents)
            count = 1
        counts = (output.resource_count, output.scope_count, output.span_count)
        resources, scopes, spans = (table[:used].copy() for table, used in zip(memory.origins, counts, strict=True))
        places = [table[:used].copy() for table, used in zip(memory.places, counts, strict=False)]
        return JsonBatch(
            otlp=memory.bytes[: output.used].tobytes(),
            resources=resources,
            scopes=scopes,
            spans=spans,
            documents=memory.documents[:count].copy(),
            defects=memory.defects[: output.defect_count].copy(),
            defects_by_code=list(output.defects_by_code),
            forged=memory.forged[: output.forged_count].copy(),
            places=(places[0], places[1], places[2]) if places else None,
            first_request=request,
            consumed=self.offset - start,
        )


class _Memory:
    """What the transcoder writes to, used again from call to call: fresh memory costs more than writing to it."""

    def __init__(self, *, places: bool) -> None:
        self.output = ffi.new("otlpv_json_output *")
        self.bytes = np.empty(0, np.uint8)
        self.origins = [np.empty(0, ORIGIN) for _ in range(3)]
        self.places = [np.empty(0, _PLACE) for _ in range(3)] if places else []
        self.forged = np.empty(0, _FORGED)
        self.documents = np.empty(0, _DOCUMENT)
        self.defects = np.empty(_DEFECTS, _DEFECT)
        self.output.defects, self.output.defect_capacity = _pointer("otlpv_json_defect *", self.defects), _DEFECTS

    def reserve(self, size: int, documents: int) -> int:
        """Make room for what a text of so many bytes can become; returns how many records of a kind may be in it."""
        output = self.output
        capacity = size + size // lib.OTLPV_JSON_BOUND_SHARE + lib.OTLPV_JSON_BOUND_REST
        rows = size // _ROW_BYTES + _ROWS_AT_LEAST
        if capacity > len(self.bytes):
            self.bytes = np.empty(capacity + capacity // 4, np.uint8)
            output.bytes, output.capacity = ffi.from_buffer(_BYTES, self.bytes), len(self.bytes)
        if rows > len(self.origins[0]):
            self.origins = [np.empty(rows + rows // 4, ORIGIN) for _ in self.origins]
            output.resources, output.scopes, output.spans = (_pointer("otlpv_origin *", of) for of in self.origins)
        if self.places and rows > len(self.places[0]):
            self.places = [np.empty(len(self.origins[0]), _PLACE) for _ in self.places]
            output.resource_places, output.scope_places, output.span_places = (
                _pointer("otlpv_json_place *", of) for of in self.places
            )
            self.forged = np.empty(len(self.origins[0]), _FORGED)
            output.forged, output.forged_capacity = _pointer("otlpv_json_forged *", self.forged), len(self.forged)
        if documents > len(self.documents):
            self.documents = np.empty(documents, _DOCUMENT)
        return rows


class DocumentEnd:
    """Finds where a document ends while its bytes are still coming in.

    Attributes:
        GOES_ON, ENDS, BROKEN: what `look` returns: more bytes are needed; the document ends at `scanned`; or at
            `scanned` another document seems to begin, or a line ends within a string.

    """

    GOES_ON: Final = int(lib.OTLPV_JSON_GOES_ON)
    ENDS: Final = int(lib.OTLPV_JSON_ENDS)
    BROKEN: Final = int(lib.OTLPV_JSON_BROKEN)

    def __init__(self) -> None:
        self._scan = ffi.new("otlpv_json_scan *")

    @property
    def scanned(self) -> int:
        """How many bytes have been looked at, from the first on that `look` was last given."""
        return int(self._scan.scanned)

    def look(self, buffer: bytes | bytearray, start: int = 0) -> int:
        """Look on; the document's opening brace is at `start`."""
        return int(lib.otlpv_json_find_end(ffi.from_buffer(_BYTES, buffer) + start, len(buffer) - start, self._scan))

    def forget(self) -> None:
        """Go on although what was looked at will not be there any more."""
        self._scan.scanned = 0


def expected(status: int) -> str:
    """What a document that cannot be read should have had at its fault."""
    return _EXPECTED[status]


def expected_value(kind: int) -> str:
    """What a key takes, by the `kind` of a defect."""
    return _KINDS[kind]


def key_name(message: int, key: int) -> str:
    """The name of a key, by the numbers of a defect; empty if there is none."""
    name = lib.otlpv_json_key_name(message, key)
    return "" if name == ffi.NULL else ffi.string(name).decode()


def message_name(message: int) -> str:
    """The name of the message that a defect is in."""
    name = lib.otlpv_json_message_name(message)
    return "" if name == ffi.NULL else ffi.string(name).decode()


def _pointer(c_type: str, array: NDArray[np.void]) -> Any:
    return ffi.cast(c_type, array.ctypes.data)
