"""One input file to parts: opened, unpacked, recognised, and given to the reader of its format."""

import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

from otlp_verifier.files.discover import Input
from otlp_verifier.files.documents import Documents
from otlp_verifier.files.notes import Format, InputFile, Inputs, Source
from otlp_verifier.files.phrases import shown
from otlp_verifier.files.reading import Reading
from otlp_verifier.files.recognise import HEAD, Signal, kind_of, signal_of
from otlp_verifier.files.requests import BUFFER, Request, Requests, Run, read_fields, read_runs, readable
from otlp_verifier.files.settings import FileSettings
from otlp_verifier.files.stream import BLOCK, Stream, compression_of
from otlp_verifier.wire.partition import Part, Room

# A part keeps all of the memory that was read at once: one that has less of it gets memory of its own.
_ALONE: Final = BUFFER // 2
_EXPECTED: Final = "expected OTLP as protobuf or JSON, Jaeger or Zipkin JSON, or one of them in gzip or zstd"


def read_file(
    number: int, entry: Input, inputs: Inputs, settings: FileSettings, stdin: BinaryIO | None, room: Room | None = None
) -> Iterator[Part]:
    """Read one file to its end, or as far as it can be read; what cannot be is noted in `inputs`.

    Parts of several files are made in the same `room`.
    """
    room = room or Room()
    info = InputFile(entry.name)
    inputs.files.append(info)
    if entry.path is None:
        yield from read_stream(number, stdin or sys.stdin.buffer, info, inputs, settings, room)
        return
    try:
        file = entry.path.open("rb", buffering=0)
    except OSError as error:
        inputs.notes.error(Source(entry.name), f"cannot be opened: {error.strerror}")
        return
    with file:
        yield from read_stream(number, file, info, inputs, settings, room)


def read_stream(
    number: int, raw: BinaryIO, info: InputFile, inputs: Inputs, settings: FileSettings, room: Room | None = None
) -> Iterator[Part]:
    """Read an opened file."""
    reading = Reading(number, info, Stream(raw, settings), settings, inputs.notes, room or Room())
    head = _head(reading)
    if not head:
        if not reading.failed:
            reading.error(0, f"the file is empty; {_EXPECTED}")
        return
    match kind_of(head[:HEAD]):
        case "json":
            info.format = Format.JSON
            yield from Documents(reading).read(head)
        case "protobuf":
            info.format = Format.PROTOBUF
            yield from _read_request(reading, head)
        case "delimited":
            info.format = Format.PROTOBUF_DELIMITED
            yield from _read_delimited(reading, head)
        case _:
            if nested := compression_of(head):
                what = f"{nested} data within {info.compression} data; unpack it once before"
            else:
                what = f"not recognised: begins with {shown(head)}"
            reading.error(0, f"{what}; {_EXPECTED}")


def _head(reading: Reading) -> bytes:
    """The first bytes, enough to recognise them."""
    head = b""
    while len(head) < HEAD and (block := reading.block()):
        head += block
    return head


def _read_request(reading: Reading, head: bytes) -> Iterator[Part]:
    """One request, in parts."""
    requests = Requests(reading)
    for fields in read_fields(reading, head):
        if fields.otlp is not None and (part := requests.part([fields])):
            yield part


def _read_delimited(reading: Reading, head: bytes) -> Iterator[Part]:
    """Requests and documents, each with its length in front; requests that are not plain become parts together."""
    requests, documents = Requests(reading), Documents(reading)
    held: list[Request] = []
    size = 0
    signal: Signal = "traces"  # of those that are held
    for frame in read_runs(reading, head):
        if isinstance(frame, Run):
            if len(frame.data) >= _ALONE or signal != "traces":
                yield from requests.parts(held)  # before it: parts come in the order of the file
                held, size, signal = [], 0, "traces"
            if len(frame.data) >= _ALONE:
                yield requests.part_of_run(frame)
            else:
                held += frame.apart()
                size += len(frame.data)
        elif frame.otlp is not None and kind_of(bytes(frame.otlp[:HEAD])) == "json":
            yield from documents.read_frame(bytes(frame.otlp), frame.offset)
        elif frame.otlp is not None:
            otlp = readable(reading, frame)
            if (own := signal_of(otlp)) != signal:
                yield from requests.parts(held)
                held, size, signal = [], 0, own
            held.append(frame._replace(otlp=otlp))
            size += len(otlp)
        if size >= BLOCK:
            yield from requests.parts(held)
            held, size = [], 0
    yield from requests.parts(held)
    yield from documents.rest()
