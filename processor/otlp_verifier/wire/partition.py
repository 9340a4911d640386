"""The spans of requests apart, and put together again trace by trace; see partition.h, which does the work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.wire import scanner
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.memory import UINT8, UINT32, pointer
from otlp_verifier.wire.origin import ORIGIN, Origins, struct_dtype
from otlp_verifier.wire.seed import SEED

NO_CHUNK: Final = 0xFFFFFFFF
TRACE: Final = struct_dtype("otlpv_part_trace")
FAULT: Final = struct_dtype("otlpv_part_fault")
_RESOURCE: Final = struct_dtype("otlpv_part_resource")
_SCOPE: Final = struct_dtype("otlpv_part_scope")
_SPAN: Final = struct_dtype("otlpv_part_span")
_FAULTS: Final = 256
_BYTES: Final = ffi.typeof("uint8_t[]")
_NO_ROWS: Final = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True)
class Fault:
    """A ResourceSpans of a request, or its rest, that cannot be read and is left out.

    Attributes:
        offset: byte in the request where the field begins that cannot be read.
        reason: what is wrong with it.

    """

    offset: int
    reason: str


class Part:
    """A request, indexed: where its spans are and what stands around them.

    Args:
        otlp: an ExportTraceServiceRequest shorter than 4 GiB.
        origins: where its resources, scopes and spans stand, ORIGIN (rows,) each, in its order. Absent: they stand
            in a protobuf file, where `first` is the origin of the request's first byte.

    Attributes:
        otlp: as given.
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
        first: Origins | None = None,
    ) -> None:
        self.otlp = otlp
        self._bytes = ffi.from_buffer(_BYTES, otlp)
        index = self._index = ffi.new("otlpv_part_index *")
        lib.otlpv_part_find(self._bytes, len(otlp), index)
        faults = np.empty(min(index.fault_count, _FAULTS), FAULT)
        self._tables = (
            np.empty(index.resource_count + 1, _RESOURCE),  # never without memory, which would mean "count"
            np.empty(index.scope_count, _SCOPE),
            np.empty(index.span_count, _SPAN),
            np.empty(index.piece_count, np.uint64),
            faults,
        )
        index.resources, index.scopes, index.spans, index.pieces, index.faults = (
            ffi.cast(of, table.ctypes.data)
            for of, table in zip(
                (
                    "otlpv_part_resource *",
                    "otlpv_part_scope *",
                    "otlpv_part_span *",
                    "uint64_t *",
                    "otlpv_part_fault *",
                ),
                self._tables,
                strict=True,
            )
        )
        index.fault_capacity = len(faults)
        lib.otlpv_part_find(self._bytes, len(otlp), index)
        self.fault_count = int(index.fault_count)
        self.faults = [Fault(int(fault["offset"]), scanner.trouble(int(fault["status"]))) for fault in faults]
        if origins is None:
            if first is None:
                first = np.zeros(1, ORIGIN)
            origins = self._origins_in_file(first)
        elif tuple(map(len, origins)) != self.counts:
            raise ValueError(f"origins of {tuple(map(len, origins))} records for a request with {self.counts}")
        self.resources, self.scopes, self.spans = origins
        self._resource_taken = np.zeros(len(self.resources), np.uint8)
        self._scope_taken = np.zeros(len(self.scopes), np.uint8)
        self.size = len(otlp) + sum(table.nbytes for table in (*self._tables, *origins))

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many resources, scopes and spans there are."""
        return self._index.resource_count, self._index.scope_count, self._index.span_count

    def locate(self, offset: int) -> tuple[np.void, int]:
        """Find the span, or else the resource, that a byte of the request is in: its origin, and where in it."""
        for origins, texts in ((self.spans, self._tables[2]["field"]), (self.resources, self._tables[0]["body"])):
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

    def _origins_in_file(self, first: Origins) -> tuple[Origins, Origins, Origins]:
        resources, scopes, spans = (np.empty(count, ORIGIN) for count in self.counts)
        lib.otlpv_part_origins(
            self._index,
            ffi.cast("otlpv_origin *", first.ctypes.data),
            *(ffi.cast("otlpv_origin *", table.ctypes.data) for table in (resources, scopes, spans)),
        )
        return resources, scopes, spans


@dataclass(frozen=True, slots=True)
class Gathered:
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
        cells = 1 << (2 * spans).bit_length()
        traces = np.empty(spans, TRACE)
        cell_table = np.full(cells, 0xFFFFFFFF, np.uint32)
        native = ffi.new("otlpv_part_traces *")
        native.cells, native.cell_count = ffi.cast("uint32_t *", cell_table.ctypes.data), cells
        native.traces, native.trace_capacity = ffi.cast("otlpv_part_trace *", traces.ctypes.data), spans
        native.seed = SEED
        self._numbers = []
        for part in parts:
            numbers = np.empty(part.counts[2], np.uint32)
            grouped = lib.otlpv_part_group(*part.native_spans(), native, pointer(numbers, UINT32, writable=True))
            assert grouped  # noqa: S101  # there is room for every span
            self._numbers.append(numbers)
        self._native = native
        self._memory = traces
        self.table = traces[: native.trace_count]

    def pack(self, bytes_most: int, spans_most: int) -> int:
        """Put whole traces into chunks that stay below the limits where they can; returns how many.

        Traces whose `chunk` is NO_CHUNK are left out.
        """
        return int(lib.otlpv_part_pack(self._native, bytes_most, spans_most))

    def rows(self, number: int, chunks: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Sort the spans of one part by chunk: (starts by chunk and the end of the last, span rows)."""
        numbers = self._numbers[number]
        starts = np.empty(chunks + 1, np.uint32)
        rows = np.empty(len(numbers), np.uint32)
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
        self._buffer = np.empty(1 << 20, np.uint8)

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
            self._buffer = np.empty(1 << used.bit_length(), np.uint8)
        origins = [np.empty(count, ORIGIN) for count in (result.resource_count, result.scope_count, result.span_count)]
        result.used = result.resource_count = result.scope_count = result.span_count = 0
        result.bytes = pointer(self._buffer, UINT8, writable=True)
        result.resources, result.scopes, result.spans = (
            ffi.cast("otlpv_origin *", table.ctypes.data) for table in origins
        )
        for job in jobs:
            lib.otlpv_part_gather(*job, result)
        return Gathered(self._buffer.data[:used], *origins)


def _rows(rows: NDArray[np.uint32]) -> Any:
    return pointer(np.ascontiguousarray(rows) if len(rows) else _NO_ROWS, UINT32)
