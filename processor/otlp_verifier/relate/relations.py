"""The arena that holds a batch's relations, and the step that fills it."""

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import Columns
from otlp_verifier.kernels.chain import BATCH, Step
from otlp_verifier.relate.join import relate
from otlp_verifier.relate.tables import SpanRelation, TraceRelation
from otlp_verifier.wire.seed import SEED


class Relations:
    """Index columns for one batch at a time, reused from batch to batch.

    Args:
        rows: uint32 (1,), where the number of traces goes; without it, into an array of its own.

    Attributes:
        spans: uint32, shape (len(SpanRelation), capacity).
        traces: uint32, shape (len(TraceRelation), capacity).
        generation: goes up when columns have moved.

    """

    def __init__(self, rows: NDArray[np.uint32] | None = None) -> None:
        self._rows = np.zeros(1, np.uint32) if rows is None else rows
        self.generation = 0
        self._reserve(64)

    @property
    def trace_count(self) -> int:
        """How many rows of `traces` the last batch filled."""
        return int(self._rows[0])

    def step(self, columns: Columns) -> Step:
        """The step that relates the spans that `columns` holds."""
        if columns.spans.capacity > self.spans.shape[1]:
            self._reserve(columns.spans.capacity)
        arguments = (
            columns.spans.wide, columns.rows, BATCH, np.uint64(SEED), self.spans, self.traces, self._cells,
            self._chain, self._rows,
        )  # fmt: skip
        return Step(relate, arguments)

    def _reserve(self, capacity: int) -> None:
        self.generation += 1
        self.traces: NDArray[np.uint32] = np.empty((len(TraceRelation), capacity), np.uint32)
        self._cells: NDArray[np.uint32] = np.empty((2, 1 << (4 * capacity - 1).bit_length()), np.uint32)
        self._chain: NDArray[np.uint32] = np.empty((2, capacity), np.uint32)
        # The last one, by which others see how much room there is.
        self.spans: NDArray[np.uint32] = np.empty((len(SpanRelation), capacity), np.uint32)
