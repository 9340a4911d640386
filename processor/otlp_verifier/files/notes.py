"""Where telemetry came from, and what was wrong or remarkable about files: collected, never raised."""

from collections import Counter
from enum import StrEnum
from typing import Literal

import msgspec

STDIN = "<stdin>"


class Format(StrEnum):
    """What a file's content was recognised as."""

    PROTOBUF = "otlp-protobuf"  # one request, nothing around it
    PROTOBUF_DELIMITED = "otlp-protobuf-delimited"  # 4-byte big-endian length, request, again; the file exporter's
    JSON = "otlp-json"  # one object, objects one after another (also one per line), or arrays of them
    JAEGER = "jaeger-json"
    ZIPKIN = "zipkin-json"
    UNKNOWN = "unknown"


class Source(msgspec.Struct, frozen=True):
    """A place in an input.

    Attributes:
        file: as named on the command line or found in a folder; `<stdin>` for standard input.
        line: from 1, in formats that have lines; else 0. Of the very span, where a document has several lines.
        offset: bytes from the beginning of the file, after decompression.
        request: number of the request or JSON document in the file, from 1; 0 for the file as a whole.

    """

    file: str
    line: int = 0
    offset: int = 0
    request: int = 0

    def __str__(self) -> str:
        """`file:line` where there are lines, which editors and CI systems make links of."""
        if self.line:
            return f"{self.file}:{self.line}"
        return f"{self.file} at byte {self.offset}" if self.request else self.file


class InputError(msgspec.Struct, frozen=True):
    """Something that could not be read; what it was part of is missing from the check.

    Attributes:
        source: where.
        message: what was found and what was expected, without the place.

    """

    source: Source
    message: str

    def __str__(self) -> str:
        """Place and message on one line."""
        return f"{self.source}: {self.message}"


NoticeCode = Literal[
    "signal-skipped",  # metrics or logs: recognised, counted, not checked
    "json-key-case",  # a snake_case key, which receivers ignore
    "json-key-unknown",
    "json-key-duplicate",  # the last one counts
    "json-enum-name",  # read as the number
    "json-id-base64",  # read as the id; the first of a file is an error too, as no receiver reads it
    "json-surrogate",  # half a surrogate pair, read as U+FFFD
    "json-rewritten",  # by `annotate`: spans of Jaeger and Zipkin are encoded anew
]


class InputNotice(msgspec.Struct, frozen=True):
    """Something remarkable about an input that did not keep it from being read.

    Attributes:
        code: what kind of thing.
        source: the first place where it was seen.
        message: what, and what was expected or done, without the place.
        count: how often this was seen in the file.

    """

    code: NoticeCode
    source: Source
    message: str
    count: int = 1

    def __str__(self) -> str:
        """Place and message on one line."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.source}: {self.message}{times}"


class InputFile(msgspec.Struct):
    """One input file, as far as it has been read.

    Attributes:
        name: as in Source.file.
        format: what it was recognised as.
        compression: `gzip`, `zstd` or nothing.
        bytes: read so far, before decompression.
        requests: requests or JSON documents read so far.
        spans, metrics, logs: records read so far; only spans are checked.

    """

    name: str
    format: Format = Format.UNKNOWN
    compression: Literal["", "gzip", "zstd"] = ""
    bytes: int = 0
    requests: int = 0
    spans: int = 0
    metrics: int = 0
    logs: int = 0


class Notes(msgspec.Struct):
    """Errors and notices of a run, bounded in number.

    Attributes:
        errors: the first ones, in the order of reading.
        error_count: how many there were.
        notices: one for each code, file and wording, with how often it was seen.
        notice_counts: how many there were of each code.

    """

    most: int = 1_000
    errors: list[InputError] = msgspec.field(default_factory=list)
    error_count: int = 0
    notice_counts: Counter[NoticeCode] = msgspec.field(default_factory=Counter)
    _notices: dict[tuple[str, str, str], InputNotice] = msgspec.field(default_factory=dict)

    @property
    def notices(self) -> list[InputNotice]:
        """In the order in which each was first seen."""
        return list(self._notices.values())

    def error(self, source: Source, message: str) -> None:
        """Note what could not be read."""
        self.error_count += 1
        if len(self.errors) < self.most:
            self.errors.append(InputError(source, message))

    def notice(self, code: NoticeCode, source: Source, message: str, count: int = 1) -> None:
        """Note what is remarkable; what was noted for this file before is only counted."""
        self.notice_counts[code] += count
        key = (code, source.file, message)
        seen = self._notices.get(key)
        if seen is not None:
            self._notices[key] = InputNotice(code, seen.source, message, seen.count + count)
        elif len(self._notices) < self.most:
            self._notices[key] = InputNotice(code, source, message, count)


class Inputs(msgspec.Struct):
    """How far reading has come, and what there is to say about it. Only grows while a check is iterated.

    Attributes:
        files: those opened so far, the last one perhaps still being read.
        files_total: how many there are; known before the first is opened.
        bytes_total: their size before decompression; None with standard input or a pipe.
        notes: errors and notices.

    """

    files: list[InputFile] = msgspec.field(default_factory=list)
    files_total: int = 0
    bytes_total: int | None = None
    notes: Notes = msgspec.field(default_factory=Notes)

    @property
    def bytes_done(self) -> int:
        """Bytes read so far, before decompression; for a progress bar."""
        return sum(file.bytes for file in self.files)

    @property
    def errors(self) -> list[InputError]:
        """As notes.errors; when not empty the exit code is 3."""
        return self.notes.errors

    @property
    def notices(self) -> list[InputNotice]:
        """As notes.notices."""
        return self.notes.notices
