"""Which spans of a batch are alike in all that rules ask of keys and types: few shapes, where there are many spans.

Instrumentation writes the same attributes for every call of one sort, so that 512 spans have some dozen shapes. What
depends on a span's shape alone is found out for one span of each.
"""

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import NO_ROW, TABLES, AttributeNarrow, AttributeWide, Columns, SpanNarrow
from otlp_verifier.kernels import kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.kernels.chain import Step
from otlp_verifier.relate.hashing import table_shift
from otlp_verifier.relate.tables import ShapeColumn
from otlp_verifier.wire.seed import SEED

NO_SLOT = -1
_NONE = np.uint32(NO_ROW)
_SPANS = TABLES.index("spans")
_KIND, _DROPPED, _SCOPE = int(SpanNarrow.KIND), int(SpanNarrow.DROPPED_ATTRIBUTES), int(SpanNarrow.SCOPE)
_START, _COUNT = int(SpanNarrow.ATTRIBUTE_START), int(SpanNarrow.ATTRIBUTE_COUNT)
_SPAN, _FIRST, _LENGTH = int(ShapeColumn.SPAN), int(ShapeColumn.ATTRIBUTE_START), int(ShapeColumn.ATTRIBUTE_COUNT)
_HASH, _TYPE = int(AttributeWide.KEY_HASH), int(AttributeNarrow.TYPE)


class Shapes:
    """The shapes of one batch at a time, reused from batch to batch.

    A shape is what spans share that have the same keys with the same types of values in the same order, the same kind
    and count of dropped attributes, and follow the same version of conventions. Keys are equal where their hashes are.

    Args:
        rows: uint32 (1,), where the number of shapes goes; without it, into an array of its own.

    Attributes:
        of_spans: uint32 (1, capacity): each span's shape.
        shapes: uint32 (len(ShapeColumn), capacity): of each shape its first span, and where that one's attributes are.
        rows: how many there are, as steps are told it.
        generation: goes up when columns have moved.

    """

    def __init__(self, rows: NDArray[np.uint32] | None = None) -> None:
        self.rows: NDArray[np.uint32] = np.zeros(1, np.uint32) if rows is None else rows
        self.generation = 0
        self._reserve(64)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.rows[0])

    def step(self, columns: Columns, versions: NDArray[np.uint32]) -> Step:
        """The step that finds the shapes of the spans that `columns` holds.

        Args:
            columns: the batch.
            versions: uint32 (>= scopes,): a number for the conventions that each scope says it follows.

        """
        spans, attributes = columns.spans, columns.attributes
        if spans.capacity > self.of_spans.shape[1]:
            self._reserve(spans.capacity)
        arguments = (
            spans.narrow, columns.rows, attributes.wide, attributes.narrow, versions, np.uint64(SEED), self.of_spans,
            self.shapes, self._cells, self._hashes, self.rows,
        )  # fmt: skip
        return Step(find_shapes, arguments)

    def _reserve(self, capacity: int) -> None:
        self.generation += 1
        self.shapes: NDArray[np.uint32] = np.empty((len(ShapeColumn), capacity), np.uint32)
        self._cells: NDArray[np.uint32] = np.empty(1 << (2 * capacity - 1).bit_length(), np.uint32)
        self._hashes: NDArray[np.uint64] = np.empty(capacity, np.uint64)
        # The last one, by which it is seen how much room there is.
        self.of_spans: NDArray[np.uint32] = np.empty((1, capacity), np.uint32)


@kernel(
    ty.void(
        ty.uint32[:, ::1], ty.uint32[::1], ty.uint64[:, ::1], ty.uint32[:, ::1], ty.uint32[::1], ty.uint64,
        ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint32[::1], ty.uint64[::1], ty.uint32[::1],
    )
)  # fmt: skip
def find_shapes(
    spans: np.ndarray,
    table_rows: np.ndarray,
    attributes: np.ndarray,
    attributes_narrow: np.ndarray,
    versions: np.ndarray,
    seed: np.uint64,
    of_spans: np.ndarray,
    shapes: np.ndarray,
    cells: np.ndarray,
    hashes: np.ndarray,
    shape_rows: np.ndarray,
) -> None:
    """Fill `of_spans` and `shapes`.

    Args:
        spans: the spans table's 32-bit columns.
        table_rows: columns.Columns.rows.
        attributes: the attributes table's 64-bit columns.
        attributes_narrow: its 32-bit columns.
        versions: uint32 (>= scopes,).
        seed: keys the hashes, so that nobody who sends spans can choose which share a cell.
        of_spans: uint32 (1, >= rows), out.
        shapes: uint32 (len(ShapeColumn), >= rows), out.
        cells: uint32 (power of two >= 2 * rows,), scratch: a table of open addressing.
        hashes: uint64 (>= rows,), scratch: each shape's.
        shape_rows: uint32 (1,), out: the number of shapes.

    """
    rows = np.int64(table_rows[_SPANS])
    shift = table_shift(rows)
    mask = (np.uint64(1) << (np.uint64(64) - shift)) - np.uint64(1)
    for i in range(mask + np.uint64(1)):
        cells[i] = _NONE
    factor, of_types = seed | np.uint64(1), seed >> np.uint64(9) | np.uint64(1)
    keys, types = attributes[_HASH], attributes_narrow[_TYPE]
    kinds, dropped, scopes = spans[_KIND], spans[_DROPPED], spans[_SCOPE]
    starts, counts = spans[_START], spans[_COUNT]
    firsts, begins, lengths = shapes[_SPAN], shapes[_FIRST], shapes[_LENGTH]
    found = 0
    for row in range(rows):
        first, count = np.uint64(starts[row]), np.uint64(counts[row])
        version = versions[scopes[row]]
        so_far = (np.uint64(kinds[row]) << np.uint64(32)) + np.uint64(dropped[row])
        so_far = (so_far ^ np.uint64(version) * of_types) * factor
        for at in range(first, first + count):
            so_far = (so_far ^ (keys[at] + np.uint64(types[at]) * of_types)) * factor
        cell = so_far >> shift
        shape = cells[cell]
        while shape != _NONE:
            if hashes[shape] == so_far and lengths[shape] == counts[row]:
                other, begin = firsts[shape], np.uint64(begins[shape])
                unlike = (kinds[row] ^ kinds[other]) | (dropped[row] ^ dropped[other])
                unlike |= version ^ versions[scopes[other]]
                of_keys = np.uint64(0)
                for at in range(count):
                    of_keys |= keys[first + at] ^ keys[begin + at]
                    unlike |= types[first + at] ^ types[begin + at]
                if unlike == 0 and of_keys == 0:
                    break
            cell = (cell + np.uint64(1)) & mask
            shape = cells[cell]
        if shape == _NONE:
            shape = np.uint32(found)
            cells[cell], hashes[shape] = shape, so_far
            firsts[shape], begins[shape], lengths[shape] = row, starts[row], counts[row]
            found += 1
        of_spans[0, row] = shape
    shape_rows[0] = found


@kernel(
    ty.void(
        ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint32[:, ::1], ty.uint32[::1], ty.uint32[::1], ty.uint32[:, ::1],
        ty.int64[::1], ty.uint32[:, ::1], ty.uint32[::1],
    )
)  # fmt: skip
def spread_keys(
    spans: np.ndarray,
    of_spans: np.ndarray,
    shapes: np.ndarray,
    table_rows: np.ndarray,
    shape_rows: np.ndarray,
    of_shapes: np.ndarray,
    slots: np.ndarray,
    of_rows: np.ndarray,
    ends: np.ndarray,
) -> None:
    """Which attribute of each span has a key, from where it stands in the first span of each shape.

    Args:
        spans: the spans table's 32-bit columns.
        of_spans: see Shapes.
        shapes: see Shapes.
        table_rows: columns.Columns.rows.
        shape_rows: uint32 (1,): how many shapes there are.
        of_shapes: uint32 (keys, >= shapes): the attribute's row in each shape's first span, or NO_ROW.
        slots: int64: the keys that are asked for; NO_SLOT behind the last one.
        of_rows: uint32 (keys, >= rows), out; of a key that is not asked for nothing is written.
        ends: uint32 (keys,), out: one past the last span that has the key.

    """
    rows, count = np.int64(table_rows[_SPANS]), np.int64(shape_rows[0])
    starts, begins = spans[_START], shapes[_FIRST]
    for slot in slots:
        if slot == NO_SLOT:
            break
        found, result = of_shapes[slot], of_rows[slot]
        has_any = False
        for shape in range(count):
            has_any |= found[shape] != _NONE
        if not has_any:  # nearly all keys are in no span of a batch; the rows before the old end are cleared
            for row in range(np.int64(ends[slot])):
                result[row] = _NONE
            ends[slot] = 0
            continue
        end = 0
        for row in range(rows):
            shape = of_spans[0, row]
            at = found[shape]
            is_there = at != _NONE
            result[row] = starts[row] + (at - begins[shape]) if is_there else _NONE
            end = row + 1 if is_there else end
        for row in range(rows, np.int64(ends[slot])):
            result[row] = _NONE
        ends[slot] = end


@kernel(ty.void(ty.uint32[:, ::1], ty.uint32[::1], ty.uint32[::1], ty.uint32[:, ::1], ty.uint32[::1]))
def spread(
    spans: np.ndarray, table_rows: np.ndarray, of_spans: np.ndarray, shapes: np.ndarray, values: np.ndarray
) -> None:
    """Give the attributes of all spans what those of the first span of their shape have.

    Args:
        spans: the spans table's 32-bit columns.
        table_rows: columns.Columns.rows.
        of_spans: uint32 (>= spans,), see Shapes.
        shapes: see Shapes.
        values: uint32 (attributes,), in and out.

    """
    starts, begins, lengths = spans[_START], shapes[_FIRST], shapes[_LENGTH]
    for row in range(np.int64(table_rows[_SPANS])):
        shape = of_spans[row]
        first, begin = np.uint64(starts[row]), np.uint64(begins[shape])
        for at in range(np.uint64(lengths[shape])):
            values[first + at] = values[begin + at]
