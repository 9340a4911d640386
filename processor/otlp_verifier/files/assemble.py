"""Parts of files to chunks of whole traces, within a bound on memory."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.files.notes import Notes, Source
from otlp_verifier.files.settings import FileSettings
from otlp_verifier.files.spill import Bucket, Spill
from otlp_verifier.wire.limits import Limits
from otlp_verifier.wire.partition import Gathered, Gatherer, Part, Traces

# Small enough to stay in the second-level cache from stage to stage, large enough that a call costs nothing.
CHUNK_BYTES: Final = 2 << 20
CHUNK_SPANS: Final = 4_096
_SPAN_BYTES: Final = 64  # what grouping takes for a span, beside its part
_LEVELS_MAX: Final = 3  # of dividing what does not fit: 64^3 buckets


class Assembler:
    """Puts the traces of all files together.

    Args:
        settings: `memory_bytes_max` bounds what is held at once.
        limits: a trace beyond their bytes or spans is left out and noted, should it not fit into memory.
        notes: where that goes.
        names: of files, by the number that origins have.
        ahead: a chunk is valid until so many more are taken.

    """

    def __init__(
        self, settings: FileSettings, limits: Limits, notes: Notes, names: Sequence[str], *, ahead: int = 1
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._notes = notes
        self._names = names
        self._gatherers = itertools.cycle([Gatherer() for _ in range(ahead)])

    def chunks(self, parts: Iterator[Part]) -> Iterator[Gathered]:
        """Yield requests of whole traces, each valid until `ahead` more are taken; no trace is in two of them.

        Raises:
            OSError: temporary files cannot be written.

        """
        yield from self._chunks(parts, 0)

    def _chunks(self, parts: Iterator[Part], level: int) -> Iterator[Gathered]:
        held: list[Part] = []
        size = 0
        spill: Spill | None = None
        try:
            for part in parts:
                held.append(part)
                size += _size(part)
                if size > self._settings.memory_bytes_max:
                    spill = spill or Spill(self._settings.temporary_folder, level)
                    spill.add(held)
                    held, size = [], 0
            if spill is None:
                yield from self._packed(held)
                return
            spill.add(held)
            held = []
            for bucket in spill.buckets:
                yield from self._from_bucket(bucket, level + 1)
        finally:
            if spill is not None:
                spill.close()

    def _from_bucket(self, bucket: Bucket, level: int) -> Iterator[Gathered]:
        if level < _LEVELS_MAX:
            yield from self._chunks(bucket.parts(), level)
            return
        # What does not get smaller by dividing is one trace, which nothing will accept anyway.
        giants = self._giants(bucket)
        yield from self._packed([part for part in bucket.parts() for part in _without(part, giants)])

    def _giants(self, bucket: Bucket) -> set[tuple[int, int]]:
        if bucket.bytes <= self._settings.memory_bytes_max:
            return set()
        bytes_by_trace: Counter[tuple[int, int]] = Counter()
        spans_by_trace: Counter[tuple[int, int]] = Counter()
        first: dict[tuple[int, int], Source] = {}
        for part in bucket.parts():
            traces = Traces([part])
            for trace in traces.table:
                key = int(trace["high"]), int(trace["low"])
                bytes_by_trace[key] += int(trace["bytes"])
                spans_by_trace[key] += int(trace["spans"])
                first.setdefault(key, source_of(part.spans[int(trace["first"])], self._names))
        limits = self._limits
        giants = {
            key
            for key, size in bytes_by_trace.items()
            if any(key) and (size > limits.bytes or spans_by_trace[key] > limits.spans)
        }
        for key in giants:
            self._notes.error(
                first[key],
                f"trace {key[0]:016x}{key[1]:016x} has {spans_by_trace[key]} spans in {bytes_by_trace[key]} bytes and "
                f"is not checked; the limits allow {limits.spans} spans and {limits.bytes} bytes",
            )
        return giants

    def _packed(self, parts: Sequence[Part]) -> Iterator[Gathered]:
        """Chunks of parts that are all in memory, traces in the order of their first spans."""
        traces = Traces(parts)
        chunks = traces.pack(min(CHUNK_BYTES, self._limits.bytes), min(CHUNK_SPANS, self._limits.spans))
        rows = [traces.rows(number, chunks) for number in range(len(parts))]
        for chunk in range(max(chunks, 1)):
            pieces = []
            for part, (starts, sorted_rows) in zip(parts, rows, strict=True):
                of = sorted_rows[starts[chunk] : starts[chunk + 1]] if chunks else sorted_rows
                if len(of) or chunk == 0:  # resources without spans come with the first chunk
                    pieces.append((part, of, chunk == 0))
            gathered = self._gather(pieces)
            if len(gathered.otlp):
                yield gathered

    def _gather(self, pieces: list[tuple[Part, NDArray[np.uint32], bool]]) -> Gathered:
        if len(pieces) == 1:
            [(part, rows, rest)] = pieces
            if part.is_one_request and rest and len(rows) == len(part.spans):  # all of it: as it stands
                return Gathered(part.otlp, part.resources, part.scopes, part.spans)
        return next(self._gatherers).gather(pieces)


def halves(gathered: Gathered) -> list[Gathered] | None:
    """Divide whole traces into about two shares, of memory of their own; None when there is only one trace."""
    part = Part(bytes(gathered.otlp), (gathered.resources, gathered.scopes, gathered.spans))
    traces = Traces([part])
    if len(traces.table) < 2:
        return None
    chunks = traces.pack(int(traces.table["bytes"].sum()) // 2, len(part.spans))
    starts, rows = traces.rows(0, chunks)
    return [Gatherer().gather([(part, rows[starts[c] : starts[c + 1]], c == 0)]) for c in range(chunks)]


def source_of(origin: np.void, names: Sequence[str]) -> Source:
    """Name the place that an origin is."""
    return Source(
        names[int(origin["file"])],
        line=int(origin["line"]),
        offset=int(origin["offset"]),
        request=int(origin["request"]) & 0x7FFFFFFF,
    )


def _size(part: Part) -> int:
    return part.size + _SPAN_BYTES * len(part.spans)


def _without(part: Part, giants: set[tuple[int, int]]) -> Iterator[Part]:
    """Yield the part without the spans of these traces, if there is anything left."""
    traces = Traces([part])
    for trace in traces.table:
        if (int(trace["high"]), int(trace["low"])) in giants:
            trace["chunk"] = 0xFFFFFFFF
    chunks = traces.pack(1 << 62, 0xFFFFFFFF)
    starts, rows = traces.rows(0, chunks)
    gathered = Gatherer().gather([(part, rows[: starts[-1]], True)])
    if len(gathered.otlp):
        yield Part(bytes(gathered.otlp), (gathered.resources, gathered.scopes, gathered.spans))
