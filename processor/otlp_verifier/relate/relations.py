"""The arena that holds a batch's relations, and the call that fills it."""

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import Columns
from otlp_verifier.relate.join import relate
from otlp_verifier.relate.tables import SpanRelation, TraceRelation
from otlp_verifier.wire.seed import SEED


class Relations:
    """Index columns for one batch at a time, reused from batch to batch.

    Attributes:
        spans: uint32, shape (len(SpanRelation), capacity).
        traces: uint32, shape (len(TraceRelation), capacity).
        trace_count: how many rows of `traces` the last batch filled.
        generation: goes up when columns have moved.

    """

    def __init__(self) -> None:
        self.trace_count = 0
        self.generation = 0
        self._reserve(64)

    def load(self, columns: Columns) -> None:
        """Relate the spans that `columns` holds."""
        if columns.spans.rows > self.spans.shape[1]:
            self._reserve(columns.spans.capacity)
        self.trace_count = relate(
            columns.spans.wide,
            columns.spans.rows,
            np.frombuffer(columns.buffer, np.uint8),
            np.uint64(SEED),
            self.spans,
            self.traces,
            self._cells,
            self._chain,
        )

    def _reserve(self, capacity: int) -> None:
        self.generation += 1
        self.spans: NDArray[np.uint32] = np.empty((len(SpanRelation), capacity), np.uint32)
        self.traces: NDArray[np.uint32] = np.empty((len(TraceRelation), capacity), np.uint32)
        self._cells: NDArray[np.uint32] = np.empty((2, 1 << (4 * capacity - 1).bit_length()), np.uint32)
        self._chain: NDArray[np.uint32] = np.empty((2, capacity), np.uint32)
