"""The spans of requests apart, and put together again trace by trace; see partition.h, which does the work."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire import scanner
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.memory import LARGE_FROM, UINT8, UINT32, Supply, content, fresh, pointer
from otlp_verifier.wire.origin import ORIGIN, Origins, struct_dtype
from otlp_verifier.wire.seed import SEED

NO_CHUNK: Final = 0xFFFFFFFF
TRACE: Final = struct_dtype("otlpv_part_trace")
FAULT: Final = struct_dtype("otlpv_part_fault")
REQUEST: Final = struct_dtype("otlpv_part_request")
_TABLES: Final = {
    "resource": struct_dtype("otlpv_part_resource"),
    "scope": struct_dtype("otlpv_part_scope"),
    "span": struct_dtype("otlpv_part_span"),
    "piece": np.dtype(np.uint64),
}
_POINTERS: Final = dict(ffi.typeof("otlpv_part_index").fields)
_FAULTS: Final = 256
_ROWS_FIRST: Final = 256
_CELLS_FEWEST: Final = 8  # as a power of two
_SPANS_USUAL: Final = 4  # of a trace
_NO_ROWS: Final = np.empty(0, np.uint32)


class Fault(msgspec.Struct, frozen=True):
    """A ResourceSpans of a request, or its rest, that cannot be read and is left out.

    Attributes:
        offset: byte in the request where the field begins that cannot be read.
        reason: what is wrong with it.

    """

    offset: int
    reason: str


def plain_requests(data: memoryview, longest: int, place: int, number: int, room: NDArray[np.void]) -> NDArray[np.void]:
    """Find the requests with their lengths in front that bytes begin with, up to one that is not plain (partition.h).

    Args:
        data: of a file.
        longest: a request of more bytes is not plain.
        place: of the first byte in the file.
        number: of the first request, counted from 1.
        room: REQUEST, to work in; no more requests are found than it has rows.

    Returns:
        REQUEST (requests,), memory of its own.

    """
    bytes_ = content(data)
    count = lib.otlpv_part_plain(bytes_, len(data), longest, place, number, _of_requests(room), len(room))
    return room[:count].copy()


class Room:
    """Tables that spans are found in, as large as what was found before needed, and memory for what is kept of them."""

    def __init__(self) -> None:
        self.tables: tuple[NDArray[Any], ...] = tuple(np.empty(_ROWS_FIRST, of) for of in _TABLES.values())
        self.supply = Supply()

    def make(self, rows: Sequence[int]) -> None:
        """Have room for so many rows, and half as many more."""
        self.tables = tuple(
            table if len(table) >= count else np.empty(count + count // 2, table.dtype)
            for table, count in zip(self.tables, rows, strict=True)
        )

    def keep(self, rows: Sequence[int]) -> tuple[NDArray[Any], ...]:
        """Copies of the first rows, in memory of their own."""
        kept = tuple(self.supply.take(count, table.dtype) for table, count in zip(self.tables, rows, strict=True))
        for copy, table in zip(kept, self.tables, strict=True):
            copy.view(UINT8)[:] = table[: len(copy)].view(UINT8)  # numpy copies structures field by field
        return kept


class Part:
    """Requests of a file, or one put together, indexed: where the spans are and what stands around them.

    Args:
        otlp: bytes with ExportTraceServiceRequests in them, shorter than 4 GiB.
        origins: where resources, scopes and spans stand, ORIGIN (rows,) each, in the order of the requests. Absent:
            where `requests` say.
        requests: REQUEST (requests,), ascending; absent: all of the bytes are one, at the beginning of its file.
        file: the number of the file.
        room: to work in, for parts one after another.

    Attributes:
        otlp: as given.
        requests: as given.
        resources, scopes, spans: origins by row.
        faults: what cannot be read, the first 256.
        fault_count: how many there are.
        size: bytes of memory that all this takes.

    """

    def __init__(
        self,
        otlp: bytes | memoryview,
        origins: tuple[Origins, Origins, Origins] | None = None,
        *,
        requests: NDArray[np.void] | None = None,
        file: int = 0,
        room: Room | None = None,
    ) -> None:
        self.otlp = otlp
        self.requests = _one_request(len(otlp)) if requests is None else requests
        self._bytes = content(otlp)
        self._index = ffi.new("otlpv_part_index *")
        room = room or Room()
        self._find(room.tables)
        if any(count > len(table) for count, table in zip(self._needed(), room.tables, strict=True)):
            room.make(self._needed())
            self._find(room.tables)
        self._tables = room.keep(self._needed())
        self._point(self._tables)
        if origins is None:
            origins = self._origins_in_file(file, room.supply)
        elif tuple(map(len, origins)) != self.counts:
            raise ValueError(f"origins of {tuple(map(len, origins))} records for a request with {self.counts}")
        self.resources, self.scopes, self.spans = origins
        self._resource_taken = np.zeros(len(self.resources), np.uint8)
        self._scope_taken = np.zeros(len(self.scopes), np.uint8)
        self.size = len(otlp) + sum(table.nbytes for table in (*self._tables, *origins))

    def _find(self, tables: Sequence[NDArray[Any]]) -> None:
        """Index the requests in these tables."""
        index, faults = self._index, np.empty(_FAULTS, FAULT)
        self._point(tables)
        index.faults, index.fault_capacity = _at("faults", faults), len(faults)
        lib.otlpv_part_find(self._bytes, _of_requests(self.requests), len(self.requests), index)
        self.fault_count = int(index.fault_count)
        self.faults = [
            Fault(int(fault["offset"]), scanner.trouble(int(fault["status"]))) for fault in faults[: self.fault_count]
        ]

    def _point(self, tables: Sequence[NDArray[Any]]) -> None:
        for name, table in zip(_TABLES, tables, strict=True):
            setattr(self._index, f"{name}s", _at(f"{name}s", table))
            setattr(self._index, f"{name}_capacity", len(table))

    def _needed(self) -> tuple[int, int, int, int]:
        return (*self.counts, self._index.piece_count)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many resources, scopes and spans there are."""
        return self._index.resource_count, self._index.scope_count, self._index.span_count

    def locate(self, offset: int) -> tuple[np.void, int]:
        """Find the span, or else the resource, that a byte of the request is in: its origin, and where in it."""
        resources, _, spans, _ = self._tables
        for origins, texts in ((self.spans, spans["field"]), (self.resources, resources["body"])):
            starts, lengths = texts[: len(origins)] >> np.uint64(32), texts[: len(origins)] & np.uint64(0xFFFFFFFF)
            row = int(np.searchsorted(starts, np.uint64(offset), "right")) - 1
            if row >= 0 and offset < int(starts[row]) + int(lengths[row]):
                return origins[row], offset - int(starts[row])
        return (self.spans if len(self.spans) else self.resources)[0], 0

    def scatter(self, salt: int, buckets: int) -> list[NDArray[np.uint32]]:
        """Return the span rows of each bucket; a trace is in the same one for all parts with the same salt."""
        starts = np.empty(buckets + 1, np.uint32)
        rows = np.empty(len(self.spans), np.uint32)
        lib.otlpv_part_scatter(
            self._index.spans,
            len(self.spans),
            salt,
            buckets,
            pointer(starts, UINT32, writable=True),
            pointer(rows, UINT32, writable=True),
        )
        return np.split(rows, starts[1:-1])

    def native_spans(self) -> tuple[Any, int]:
        """`otlpv_part_span *` and how many."""
        return self._index.spans, self._index.span_count

    def native_source(self) -> Any:
        """`otlpv_part_source *`; it is valid while the part and what is returned live."""
        source = ffi.new("otlpv_part_source *")
        source.bytes, source.index = self._bytes, self._index
        for name in ("resources", "scopes", "spans"):
            setattr(source, name, ffi.cast("otlpv_origin *", getattr(self, name).ctypes.data))
        source.resource_taken = ffi.cast("uint8_t *", self._resource_taken.ctypes.data)
        source.scope_taken = ffi.cast("uint8_t *", self._scope_taken.ctypes.data)
        return source

    @property
    def is_one_request(self) -> bool:
        """Whether `otlp` as it stands is a request that can be read to its end."""
        return not self.fault_count and len(self.requests) == 1 and int(self.requests["length"][0]) == len(self.otlp)

    def _origins_in_file(self, file: int, supply: Supply) -> tuple[Origins, Origins, Origins]:
        resources, scopes, spans = (supply.take(count, ORIGIN) for count in self.counts)
        lib.otlpv_part_origins(
            self._index,
            _of_requests(self.requests),
            len(self.requests),
            file,
            *(ffi.cast("otlpv_origin *", table.ctypes.data) for table in (resources, scopes, spans)),
        )
        return resources, scopes, spans


class Gathered(msgspec.Struct, frozen=True):
    """A request put together from parts of others.

    Attributes:
        otlp: its bytes.
        resources, scopes, spans: where its records stand, ORIGIN (rows,) each. Envelopes that another request
            stands for have the bit `origin.COPY` in `request`.

    """

    otlp: bytes | memoryview
    resources: Origins
    scopes: Origins
    spans: Origins


class Traces:
    """The traces of several parts.

    Attributes:
        table: TRACE (traces,), in the order in which they are first met.

    """

    def __init__(self, parts: Sequence[Part]) -> None:
        spans = sum(part.counts[2] for part in parts)
        self._memory = np.empty(spans, TRACE)
        self._native = ffi.new("otlpv_part_traces *")
        self._native.traces = ffi.cast("otlpv_part_trace *", self._memory.ctypes.data)
        self._native.seed = SEED
        self._supply = Supply()
        self._make_cells(1 << max(_CELLS_FEWEST, (spans // _SPANS_USUAL).bit_length()))
        self._numbers = [self._group(part) for part in parts]
        self.table = self._memory[: self._native.trace_count]

    def _group(self, part: Part) -> NDArray[np.uint32]:
        """The number of each span's trace."""
        spans, count = part.native_spans()
        numbers = self._supply.take(count, UINT32)
        done = 0
        while True:
            to = pointer(numbers[done:], UINT32, writable=True)
            done += lib.otlpv_part_group(spans + done, count - done, self._native, to)
            if done == count:
                return numbers
            self._make_cells(4 * len(self._cells))
            lib.otlpv_part_fill_cells(self._native)

    def _make_cells(self, count: int) -> None:
        """Have a table of so many cells, a power of two, half as many of which may be used."""
        self._cells = np.full(count, 0xFFFFFFFF, np.uint32)
        self._native.cells, self._native.cell_count = ffi.cast("uint32_t *", self._cells.ctypes.data), count
        self._native.trace_capacity = min(count // 2, len(self._memory))

    def pack(self, bytes_most: int, spans_most: int) -> int:
        """Put whole traces into chunks that stay below the limits where they can; returns how many.

        Traces whose `chunk` is NO_CHUNK are left out.
        """
        return int(lib.otlpv_part_pack(self._native, bytes_most, spans_most))

    def rows(self, number: int, chunks: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Sort the spans of one part by chunk: (starts by chunk and the end of the last, span rows)."""
        numbers = self._numbers[number]
        starts = np.empty(chunks + 1, np.uint32)
        rows = self._supply.take(len(numbers), UINT32)
        lib.otlpv_part_sort(
            self._native,
            pointer(numbers, UINT32),
            len(numbers),
            chunks,
            pointer(starts, UINT32, writable=True),
            pointer(rows, UINT32, writable=True),
        )
        return starts, rows


class Gatherer:
    """Puts requests together, one after another, in memory that is used again."""

    def __init__(self) -> None:
        self._buffer = fresh(1 << 20)

    def gather(self, pieces: Sequence[tuple[Part, NDArray[np.uint32], bool]]) -> Gathered:
        """Copy spans of several parts into one request; its bytes are valid until the next call.

        Args:
            pieces: for each part its span rows, ascending, and whether resources without spans are to come too.

        """
        jobs = [(part.native_source(), _rows(rows), len(rows), rest) for part, rows, rest in pieces]
        result = ffi.new("otlpv_part_result *")
        for job in jobs:
            lib.otlpv_part_gather(*job, result)
        used = result.used
        if used > len(self._buffer):
            self._buffer = fresh(max(1 << used.bit_length(), LARGE_FROM))
        origins = [np.empty(count, ORIGIN) for count in (result.resource_count, result.scope_count, result.span_count)]
        result.used = result.resource_count = result.scope_count = result.span_count = 0
        result.bytes = pointer(self._buffer, UINT8, writable=True)
        result.resources, result.scopes, result.spans = (
            ffi.cast("otlpv_origin *", table.ctypes.data) for table in origins
        )
        for job in jobs:
            lib.otlpv_part_gather(*job, result)
        return Gathered(self._buffer.data[:used], *origins)


def _at(field: str, table: NDArray[Any]) -> Any:
    return ffi.cast(_POINTERS[field].type, table.ctypes.data)


def _of_requests(requests: NDArray[np.void]) -> Any:
    return ffi.cast("otlpv_part_request *", requests.ctypes.data)


def _one_request(length: int) -> NDArray[np.void]:
    return np.array([(0, length, 0, 1)], REQUEST)


def _rows(rows: NDArray[np.uint32]) -> Any:
    return pointer(np.ascontiguousarray(rows) if len(rows) else _NO_ROWS, UINT32)
