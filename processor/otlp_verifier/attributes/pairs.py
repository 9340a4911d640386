"""Pairs of key and value that are asked about: found in a table, so that each is looked at once."""

from typing import Final

import numpy as np

from otlp_verifier.attributes.places import PAIR_FAULTS, PAIR_NEW, PAIR_PAYLOAD, PAIR_TAG, KeyWord, Place
from otlp_verifier.columns import TABLES, AttributeNarrow, AttributeWide
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.memory import address, narrow_column, rows_of, wide_column
from otlp_verifier.relate.hashing import pair_hash
from otlp_verifier.wire.sources import NO_CODE

# Plain numbers for numba.
_WIDE, _NARROW, _KEYS, _KEY_WORDS = (
    int(each) for each in (Place.ATTRIBUTES_WIDE, Place.ATTRIBUTES, Place.KEYS, Place.KEY_WORDS)
)
_PAIRS, _WANTED, _VALUE_FAULTS = (int(each) for each in (Place.PAIRS, Place.WANTED, Place.VALUE_FAULTS))
_K_ASKS, _TYPE, _VALUE = int(KeyWord.ASKS), int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_NONE = np.uint32(NO_CODE)
_EVERY = 1 << 31
_ATTRIBUTES: Final = TABLES.index("attributes")
PAIRS_FULL: Final = -1


@kernel(ty.int64(ty.int64[:, ::1], ty.uint32[::1], ty.uint32[::1], ty.int64[::1], ty.uint64))
def find_pairs(
    tables: np.ndarray, rows: np.ndarray, wanted_rows: np.ndarray, pair_counts: np.ndarray, seed: np.uint64
) -> int:
    """Find the cell of each pair of key and value that is asked about.

    Returns 0 when none is new, 1 when some are, PAIRS_FULL when there is no room for them.

    Args:
        tables: int64 (tables, 2), as machine.memory.addresses makes them, in the order of places.Place.
        rows: uint32 (tables,): columns.Columns.rows.
        wanted_rows: uint32 (1,): how many of WANTED there are.
        pair_counts: int64 (2,), in and out: how many pairs there are, and, out alone, how many there were: those from
            there on are new.
        seed: a secret, so that nobody who sends values can choose which share a cell.

    """
    at = address(tables)
    attributes, count = np.int64(rows[_ATTRIBUTES]), np.int64(wanted_rows[0])
    pair_counts[1] = pair_counts[0]
    keys = narrow_column(at, _KEYS, 0, 0, attributes)
    values = wide_column(at, _WIDE, _VALUE, 0, attributes)
    asks = narrow_column(at, _KEY_WORDS, _K_ASKS, 0, _EVERY)
    types = narrow_column(at, _NARROW, _TYPE, 0, attributes)
    found = narrow_column(at, _WANTED, 0, 0, attributes)
    codes = narrow_column(at, _WANTED, 1, 0, attributes)
    cells_of = narrow_column(at, _WANTED, 2, 0, attributes)
    cells = np.int64(rows_of(at, _PAIRS))
    tags = wide_column(at, _PAIRS, PAIR_TAG, 0, cells)
    payloads = wide_column(at, _PAIRS, PAIR_PAYLOAD, 0, cells)
    faults = wide_column(at, _PAIRS, PAIR_FAULTS, 0, cells)
    news = wide_column(at, _PAIRS, PAIR_NEW, 0, cells)
    mask, shift = np.uint64(cells - 1), np.uint64(64)
    while np.uint64(1) << (np.uint64(64) - shift) < np.uint64(cells):
        shift -= np.uint64(1)
    for each in range(count):
        row = found[each]
        key, code = keys[row], codes[each]
        cells_of[each] = _NONE
        if not (asks[key] >> types[row]) & np.uint32(1):
            continue
        is_number = code == _NONE
        payload = values[row] if is_number else np.uint64(code)
        tag = np.uint64(key) * np.uint64(2) + np.uint64(is_number) + np.uint64(1)
        cell = pair_hash(tag, payload, seed) >> shift
        while tags[cell] != 0 and (tags[cell] != tag or payloads[cell] != payload):
            cell = (cell + np.uint64(1)) & mask
        if tags[cell] == 0:
            if 2 * (pair_counts[0] + 1) > cells:
                return PAIRS_FULL
            tags[cell], payloads[cell], faults[cell] = tag, payload, 0
            news[pair_counts[0]] = cell
            pair_counts[0] += 1
        cells_of[each] = np.uint32(cell)
    return 1 if pair_counts[0] > pair_counts[1] else 0


@inner
def join_values(at: int, attributes: int, count: int, texts_too: bool) -> None:
    """Bring what is said of pairs to the attributes; `texts_too`: beside what is said of their texts."""
    found = narrow_column(at, _WANTED, 0, 0, attributes)
    cells_of = narrow_column(at, _WANTED, 2, 0, attributes)
    of_pairs = wide_column(at, _PAIRS, PAIR_FAULTS, 0, _EVERY)
    faults = narrow_column(at, _VALUE_FAULTS, 0, 0, attributes)
    for each in range(count):
        bits = np.uint32(0)
        if cells_of[each] != _NONE:
            bits = np.uint32(of_pairs[cells_of[each]])
        faults[found[each]] = bits | (faults[found[each]] if texts_too else np.uint32(0))
