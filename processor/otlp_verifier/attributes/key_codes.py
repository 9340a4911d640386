"""Codes 0, 1, 2, ... for the keys of attributes, by their hashes, which the scanner has made already.

The bytes of keys are not compared, unlike in wire.dictionary: with eight attributes a
span that is what a batch would cost most. Keys that share a hash would share what
they say of their values; the hash has 64 bits and a seed of its own in each process.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import TABLES, AttributeWide, NestedWide
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.kernels.chain import Step
from otlp_verifier.machine.memory import address, narrow_column, wide_column
from otlp_verifier.machine.operations import Domain
from otlp_verifier.relate.tables import ShapeColumn
from otlp_verifier.wire.sources import NO_CODE

CELLS: Final = 1 << 13  # at least twice the keys; a power of two


class Place(IntEnum):
    """Tables, in the order in which they are handed over; `RECORDS` is one for each domain that has attributes."""

    ATTRIBUTES = 0
    CODES = 1  # uint32 (1, attributes)
    NESTED = 2
    NESTED_CODES = 3  # uint32 (1, nested)
    SHAPES = 4  # relate.tables.ShapeColumn
    RECORDS = 5


class _Known(IntEnum):
    """What is known of the codes."""

    CODES = 0  # how many there are
    BEFORE = 1  # how many there were before the last batch,
    NESTED_FROM = 2  # and when its attributes were done


# Plain numbers for numba.
_, _BEFORE, _NESTED_FROM = map(int, _Known)
_FULL: Final = -1
_ATTRIBUTES_WIDE, _CODES, _NESTED_WIDE, _NESTED_CODES, _SHAPES, _RECORDS = map(int, Place)
_ATTRIBUTES, _NESTED = TABLES.index("attributes"), TABLES.index("nested")
_HASH, _NESTED_HASH, _SPAN = int(AttributeWide.KEY_HASH), int(NestedWide.KEY_HASH), int(Domain.SPAN)
_FIRST, _LENGTH = int(ShapeColumn.ATTRIBUTE_START), int(ShapeColumn.ATTRIBUTE_COUNT)
_NONE: Final = np.uint32(NO_CODE)


class KeyCodes:
    """Codes that live from batch to batch, until there are more keys than there is room for: then all are forgotten.

    There is room for some thousands, and for the keys of the batch in hand if they are more.

    Attributes:
        generation: how often that has been so; codes from before mean nothing any more, and the table has moved.

    """

    def __init__(self, cells: int = CELLS) -> None:
        self.generation = 0
        self._least = cells
        self._known = np.zeros(len(_Known), np.int64)
        self._allocate(cells)

    def __len__(self) -> int:
        """How many codes there are."""
        return int(self._known[_Known.CODES])

    def step(
        self,
        tables: NDArray[np.int64],
        rows: NDArray[np.uint32],
        owners: NDArray[np.int64],
        shape_rows: NDArray[np.uint32],
        learn: Callable[[list[list[tuple[int, int]]]], None],
    ) -> Step:
        """The step that writes the code of each hash that counts; what is new gets the next one.

        Args:
            tables: int64 (tables, 2), as machine.memory.addresses makes them, in the order of Place.
            rows: columns.Columns.rows.
            owners: int64 (domains, 2): the columns where a record's attributes begin, and how many there are; spans
                have none, their shapes do.
            shape_rows: uint32 (1,): how many shapes there are.
            learn: is told, for attributes and for nested values, the codes that are new and the row that each was first
                met in, when there are any.

        """

        def ask(found: int) -> bool:
            if found == _FULL:
                most = int(rows[_ATTRIBUTES]) + int(rows[_NESTED])
                self.forget(1 << (2 * most - 1).bit_length())
                return True
            before, nested_from, end = self._known[[_Known.BEFORE, _Known.NESTED_FROM, _Known.CODES]].tolist()
            bounds = ((before, nested_from), (nested_from, end))
            learn([list(enumerate(self._rows[first:last].tolist(), first)) for first, last in bounds])
            return False

        known = self._hashes, self._codes, self._known, self._rows
        return Step(_encode, (tables, rows, owners, shape_rows, *known), ask)

    def forget(self, cells: int = 0) -> None:
        """Take every key for one that has not been there; have as many cells as at first, or more."""
        self.generation += 1
        self._allocate(max(cells, self._least))

    def _allocate(self, cells: int) -> None:
        # All or none: a kernel takes each to be as long as the first.
        self._hashes, self._codes, self._rows = (
            np.zeros(cells, np.uint64), np.full(cells, _NONE, np.uint32), np.zeros(cells // 2, np.uint32),
        )  # fmt: skip
        self._known[_Known.CODES] = 0


@inner
def _encode_rows(
    hashes: np.ndarray,
    codes: np.ndarray,
    first: Any,
    last: Any,
    known: np.ndarray,
    known_codes: np.ndarray,
    count: np.ndarray,
    met: np.ndarray,
) -> bool:
    """Write the codes of some rows; whether there was room for all that is new."""
    mask = np.uint64(len(known) - 1)
    for row in range(first, last):
        wanted = hashes[row]
        cell = wanted & mask
        while known_codes[cell] != _NONE and known[cell] != wanted:
            cell = (cell + np.uint64(1)) & mask
        if known_codes[cell] == _NONE:
            if count[0] == len(met):
                return False
            known[cell] = wanted
            known_codes[cell] = np.uint32(count[0])
            met[count[0]] = np.uint32(row)
            count[0] += 1
        codes[row] = known_codes[cell]
    return True


@kernel(
    ty.int64(
        ty.int64[:, ::1], ty.uint32[::1], ty.int64[:, ::1], ty.uint32[::1], ty.uint64[::1], ty.uint32[::1],
        ty.int64[::1], ty.uint32[::1],
    )
)  # fmt: skip
def _encode(
    tables: np.ndarray,
    rows: np.ndarray,
    owners: np.ndarray,
    shape_rows: np.ndarray,
    known: np.ndarray,
    known_codes: np.ndarray,
    count: np.ndarray,
    met: np.ndarray,
) -> int:
    """Write codes; 0 where none is new, 1 where some are, -1 where there was no room for all.

    Args:
        tables: as for KeyCodes.step; so are the next three.
        rows: of each table.
        owners: where their attributes are.
        shape_rows: how many shapes there are.
        known: uint64 (cells,): the hashes of a table of open addressing.
        known_codes: uint32 (cells,): their codes; NO_CODE where it is free.
        count: int64 (len(_Known),), in and out.
        met: uint32 (half the cells,), out: the row in which each code was met first.

    """
    at = address(tables)
    attributes, nested = np.int64(rows[_ATTRIBUTES]), np.int64(rows[_NESTED])
    count[_BEFORE] = count[0]
    hashes = wide_column(at, _ATTRIBUTES_WIDE, _HASH, 0, attributes)
    codes = narrow_column(at, _CODES, 0, 0, attributes)
    for domain in range(len(owners) + 1):
        # The shapes come last, in the place of spans.
        is_shape = domain == len(owners)
        table = _SHAPES if is_shape else _RECORDS + domain
        many = np.int64(shape_rows[0]) if is_shape else np.int64(rows[domain])
        starts = narrow_column(at, table, _FIRST if is_shape else owners[domain, 0], 0, many)
        counts = narrow_column(at, table, _LENGTH if is_shape else owners[domain, 1], 0, many)
        if domain == _SPAN:
            continue
        for owner in range(many):
            first = np.int64(starts[owner])
            if not _encode_rows(hashes, codes, first, first + np.int64(counts[owner]), known, known_codes, count, met):
                return _FULL
    count[_NESTED_FROM] = count[0]
    hashes = wide_column(at, _NESTED_WIDE, _NESTED_HASH, 0, nested)
    codes = narrow_column(at, _NESTED_CODES, 0, 0, nested)
    if not _encode_rows(hashes, codes, 0, nested, known, known_codes, count, met):
        return _FULL
    return 1 if count[0] > count[_BEFORE] else 0
