"""Files written again with verdicts on them, each in its own format and compression."""

import contextlib
import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import zstandard
from numpy.typing import NDArray

from otlp_verifier.columns import Columns
from otlp_verifier.files.documents import Documents
from otlp_verifier.files.notes import STDIN, InputFile, Notes, Source
from otlp_verifier.files.reading import Reading
from otlp_verifier.files.recognise import HEAD, kind_of
from otlp_verifier.files.requests import Request, Requests, ends_of_fields, read_fields, read_frames, readable
from otlp_verifier.files.rewrite_json import JsonRewriter
from otlp_verifier.files.settings import FileSettings
from otlp_verifier.files.stream import Compression, Stream
from otlp_verifier.files.verdicts import KINDS, Kind, Verdicts
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.otlp_json import JsonBatch
from otlp_verifier.wire.scanner import MalformedRequest, RequestOverLimit
from otlp_verifier.wire.splicer import Patches, patch, splice

_MOST: Final = 2**32 - 1
# What was verified has been within the limits; of the rest nothing is asked but that it can be read.
_NO_LIMITS: Final = Limits(
    bytes=_MOST, resources=_MOST, scopes=_MOST, spans=_MOST, events=_MOST, links=_MOST, attributes=_MOST,
    nested=_MOST, attributes_per_record=_MOST, memory_factor=64,
)  # fmt: skip


class Annotator:
    """Writes inputs again.

    Args:
        verdicts: what is written.
        settings: as when they were read the first time.
        notes: where it is said what could not be kept as it was.

    """

    def __init__(self, verdicts: Verdicts, settings: FileSettings, notes: Notes) -> None:
        self._verdicts = verdicts
        self._settings = settings
        self._notes = notes
        self._columns = Columns()

    def write(self, number: int, name: str, raw: BinaryIO, out: Path) -> None:
        """Write one input to a file, which is replaced as a whole.

        Raises:
            OSError: it cannot be written.

        """
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_name(f"{out.name}.partial")
        try:
            with partial.open("wb") as file:
                self._write(number, name, raw, file)
            partial.replace(out)
        finally:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()

    def _write(self, number: int, name: str, raw: BinaryIO, file: BinaryIO) -> None:
        # What was wrong with the file has been noted when it was read the first time.
        reading = Reading(number, InputFile(name), Stream(raw, self._settings), self._settings, Notes())
        head = b""
        while len(head) < HEAD and (block := reading.block()):
            head += block
        with _packing(file, reading.info.compression) as out:
            match kind_of(head[:HEAD]):
                case "json":
                    pieces = self._json(reading, head)
                case "protobuf":
                    pieces = self._fields(reading, head)
                case "delimited":
                    pieces = self._frames(reading, head)
                case _:
                    pieces = _as_it_is(reading, head)
            for piece in pieces:
                out.write(piece)

    def _json(self, reading: Reading, head: bytes) -> Iterator[bytes | memoryview]:
        rewriter = JsonRewriter(self._verdicts, reading.number)
        written: list[bytes | memoryview] = []
        offset = 0

        def sink(text: bytes | memoryview, batch: JsonBatch | None) -> None:
            nonlocal offset
            written.append(text if batch is None else rewriter.rewrite(bytes(text), offset, batch))
            offset += len(text)

        for _ in Documents(reading, sink).read(head):
            yield from written
            written.clear()
        yield from written
        self._note_rewritten(reading, rewriter)

    def _fields(self, reading: Reading, head: bytes) -> Iterator[bytes | memoryview]:
        requests = Requests(reading)
        patches = self._patches()
        for fields in read_fields(reading, head):
            yield fields.raw if fields.otlp is None else self._spliced(requests, reading, fields, patches)

    def _frames(self, reading: Reading, head: bytes) -> Iterator[bytes | memoryview]:
        requests = Requests(reading)
        patches = self._patches()
        rewriter = JsonRewriter(self._verdicts, reading.number)
        made: list[bytes] = []
        frame_offset = 0

        def sink(text: bytes | memoryview, batch: JsonBatch | None) -> None:
            made.append(bytes(text) if batch is None else rewriter.rewrite(bytes(text), frame_offset, batch))

        documents = Documents(reading, sink)
        for frame in read_frames(reading, head):
            if frame.otlp is None:
                yield frame.raw
                continue
            if kind_of(bytes(frame.otlp[:HEAD])) == "json":
                made.clear()
                frame_offset = frame.offset
                for _ in documents.read_frame(bytes(frame.otlp), frame.offset):
                    pass
                result: bytes | memoryview = b"".join(made)
            else:
                otlp = readable(reading, frame)
                head_part = self._spliced(requests, reading, frame._replace(otlp=otlp), patches)
                result = b"".join((head_part, frame.otlp[len(otlp) :]))
            if result == frame.otlp:
                yield frame.raw
            else:
                content = _packed(result, frame.compression)
                yield len(content).to_bytes(4, "big")
                yield content
        self._note_rewritten(reading, rewriter)

    def _patches(self) -> Patches:
        return Patches([patch(attributes) for attributes in self._verdicts.patterns])

    def _spliced(self, requests: Requests, reading: Reading, request: Request, patches: Patches) -> bytes | memoryview:
        """A request with what is written on it; as it stands where it cannot be read."""
        assert request.otlp is not None  # noqa: S101  # it has been read
        part = requests.part([request])
        if part is None:
            return request.otlp
        try:
            self._columns.load(part.otlp, _NO_LIMITS)
        except (MalformedRequest, RequestOverLimit):
            return self._spliced_apart(requests, reading, request, patches)
        if self._columns.spans.rows != len(part.spans):
            return self._spliced_apart(requests, reading, request, patches)
        rows: dict[Kind, NDArray[np.uint32]] = {}
        for kind in KINDS:
            origins = getattr(part, kind)
            rows[kind] = self._verdicts.within(kind, reading.number, request.number, request.number).by_row(origins)
        return splice(
            self._columns,
            patches,
            span_patch=rows["spans"],
            scope_patch=rows["scopes"],
            resource_patch=rows["resources"],
        )

    def _spliced_apart(
        self, requests: Requests, reading: Reading, request: Request, patches: Patches
    ) -> bytes | memoryview:
        """The same, ResourceSpans by ResourceSpans, so that one that is broken does not keep the others as they are."""
        assert request.otlp is not None  # noqa: S101  # as above
        pieces = list(_apart(request))
        if len(pieces) < 2:
            return request.otlp
        return b"".join(self._spliced(requests, reading, piece, patches) for piece in pieces)

    def _note_rewritten(self, reading: Reading, rewriter: JsonRewriter) -> None:
        if rewriter.rewritten:
            message = "in the annotated file spans that are not OTLP are encoded anew"
            self._notes.notice("json-rewritten", Source(reading.info.name), message, rewriter.rewritten)


def outputs(names: Sequence[str], out: Path) -> list[Path]:
    """Where each input goes: one to `out`, several to their paths below it."""
    if len(names) == 1:
        return [out]
    return [out / _below(name) for name in names]


def _below(name: str) -> Path:
    path = Path("stdin" if name == STDIN else os.path.normpath(name))
    return Path(*(part for part in path.parts if part not in (path.anchor, os.pardir)))


def _apart(request: Request) -> Iterator[Request]:
    """Fields one by one; the part of a request that `whole_fields` accepts."""
    otlp = memoryview(request.otlp or b"")
    at = 0
    for end in ends_of_fields(otlp):
        yield request._replace(otlp=otlp[at:end], offset=request.offset + at)
        at = end


def _as_it_is(reading: Reading, head: bytes) -> Iterator[bytes]:
    while head:
        yield head
        head = reading.block()


@contextlib.contextmanager
def _packing(file: BinaryIO, compression: Compression) -> Iterator[BinaryIO]:
    """A file that packs what is written to it, as its input was."""
    if compression == "gzip":
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
            yield packed  # type: ignore[misc]  # it has what is needed of a file
    elif compression == "zstd":
        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as writer:
            yield writer
    else:
        yield file


def _packed(content: bytes | memoryview, compression: Compression) -> bytes:
    if compression == "zstd":
        return zstandard.ZstdCompressor().compress(content)
    return gzip.compress(content, mtime=0) if compression == "gzip" else bytes(content)
