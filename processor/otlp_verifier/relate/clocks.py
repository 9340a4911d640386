"""Which resources are one and so have one clock: a resource comes again with every batch that it sends. O(bytes)."""

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import NO_ROW, AttributeNarrow, AttributeWide, Columns, ResourceNarrow, ValueType
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.relate.hashing import empty_table, fold
from otlp_verifier.relate.tables import ResourceClock
from otlp_verifier.wire.seed import SEED


class Clocks:
    """Columns for one batch at a time, reused from batch to batch.

    Attributes:
        resources: uint32 (len(ResourceClock), capacity).
        generation: goes up when columns have moved.

    """

    def __init__(self) -> None:
        self.generation = 0
        self.resources: NDArray[np.uint32] = np.empty((len(ResourceClock), 64), np.uint32)

    def load(self, columns: Columns) -> None:
        """Compare the resources that `columns` holds."""
        resources, attributes = columns.resources, columns.attributes
        if resources.capacity != self.resources.shape[1]:
            self.resources = np.empty((len(ResourceClock), resources.capacity), np.uint32)
            self.generation += 1
        first_alike(
            resources.narrow, resources.rows, attributes.wide, attributes.narrow,
            np.frombuffer(columns.buffer, np.uint8), np.uint64(SEED), self.resources,
        )  # fmt: skip


_NONE = np.uint32(NO_ROW)
_BEGIN, _COUNT = int(ResourceNarrow.ATTRIBUTE_START), int(ResourceNarrow.ATTRIBUTE_COUNT)
_KEY, _KEY_HASH, _VALUE = int(AttributeWide.KEY), int(AttributeWide.KEY_HASH), int(AttributeWide.VALUE)
_TYPE = int(AttributeNarrow.TYPE)
_BOOL, _DOUBLE = int(ValueType.BOOL), int(ValueType.DOUBLE)  # these and INT between them hold no text
_LENGTH = np.uint64(0xFFFFFFFF)


@inner
def _alike(a, b, buffer):
    """Whether two texts are equal."""
    if a & _LENGTH != b & _LENGTH:
        return False
    at, other = np.int64(a >> np.uint64(32)), np.int64(b >> np.uint64(32))
    i, length = np.int64(0), np.int64(a & _LENGTH)
    while i < length and buffer[at + i] == buffer[other + i]:
        i += 1
    return i == length


@inner
def _same(a, b, resources, wide, narrow, buffer):
    """Whether two resources have the same attributes."""
    if resources[_COUNT, a] != resources[_COUNT, b]:
        return False
    for i in range(resources[_COUNT, a]):
        x, y = resources[_BEGIN, a] + i, resources[_BEGIN, b] + i
        kind = narrow[_TYPE, x]
        if kind != narrow[_TYPE, y] or not _alike(wide[_KEY, x], wide[_KEY, y], buffer):
            return False
        if _BOOL <= kind <= _DOUBLE:
            if wide[_VALUE, x] != wide[_VALUE, y]:
                return False
        elif kind != 0 and not _alike(wide[_VALUE, x], wide[_VALUE, y], buffer):
            return False
    return True


@inner
def _word(buffer, at):
    """Eight bytes as a number."""
    word = np.uint64(0)
    for i in range(8):
        word |= np.uint64(buffer[at + i]) << np.uint64(8 * i)
    return word


@inner
def _hash_of(resources, row, wide, narrow, buffer, seed):
    """One number for a resource's attributes."""
    secret = seed | np.uint64(1)
    h = seed
    for i in range(resources[_COUNT, row]):
        at = resources[_BEGIN, row] + i
        value = wide[_VALUE, at]
        if not _BOOL <= narrow[_TYPE, at] <= _DOUBLE:
            begin, length = np.int64(value >> np.uint64(32)), np.int64(value & _LENGTH)
            for j in range(0, length - 7, 8):
                h = fold(h ^ _word(buffer, begin + j), secret)
            for j in range(length & ~np.int64(7), length):
                h = fold(h ^ np.uint64(buffer[begin + j]), secret)
            value = np.uint64(length)
        h = fold(fold(h ^ wide[_KEY_HASH, at], secret) ^ value, secret)
    return h


@kernel(
    ty.void(
        ty.uint32[:, ::1], ty.int64, ty.uint64[:, ::1], ty.uint32[:, ::1], ty.read_only_bytes, ty.uint64,
        ty.uint32[:, ::1],
    )
)  # fmt: skip
def first_alike(resources, rows, wide, narrow, buffer, seed, clocks):
    """Fill `clocks`: of each resource the first that is like it.

    Args:
        resources: the resources table's 32-bit columns.
        rows: resources in the batch.
        wide, narrow: the attributes table.
        buffer: uint8, the batch's bytes.
        seed: keys the hash.
        clocks: uint32 (1, >= rows), out: ResourceClock.

    """
    cells, shift = empty_table(rows)
    wrap = np.uint64(len(cells) - 1)
    for row in range(rows):
        cell = _hash_of(resources, row, wide, narrow, buffer, seed) >> shift
        while cells[cell] != _NONE and not _same(cells[cell], row, resources, wide, narrow, buffer):
            cell = (cell + np.uint64(1)) & wrap
        if cells[cell] == _NONE:
            cells[cell] = row
        clocks[0, row] = cells[cell]
