"""The loops over a batch's texts; `records` says what they are for. Tables come by address (machine.memory)."""

from typing import Final

import numpy as np

from otlp_verifier.columns import TABLES, AttributeNarrow, NestedNarrow, ValueType
from otlp_verifier.kernels import kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.memory import address, narrow_column
from otlp_verifier.wire.sources import NO_CODE

# Rows of the tables below: what is known of keys and of texts.
_ASKS, _EXCLUDES, _NUMBERS = 0, 1, 2
HOLDS, WOULD_BE, ASKED = 0, 1, 2
# Places in the addresses that the kernels get; a domain has its table, its codes and its result from there on.
_ATTRIBUTES, _NESTED, _ATTRIBUTE_KEYS, _NESTED_KEYS, _ATTRIBUTE_VALUES, _NESTED_VALUES, _KEYS, _TEXTS = range(8)
_RECORDS, _RECORD_CODES, _RESULTS = 8, 13, 18
_TYPE, _NESTED_START = int(AttributeNarrow.TYPE), int(AttributeNarrow.NESTED_START)
_NESTED_COUNT, _NESTED_TYPE = int(AttributeNarrow.NESTED_COUNT), int(NestedNarrow.TYPE)
_INT, _DOUBLE = int(ValueType.INT), int(ValueType.DOUBLE)
_NONE: Final = np.uint32(NO_CODE)
_ATTRIBUTE_ROWS: Final = TABLES.index("attributes")
_I64_2 = ty.int64[:, ::1]


@kernel(ty.int64(_I64_2, ty.uint32[::1], ty.uint32[::1]))
def wanted(tables: np.ndarray, rows: np.ndarray, found: np.ndarray) -> int:
    """List the codes of texts that a key asks about and that nobody has asked before, each once.

    Args:
        tables: int64 (tables, 2), as machine.memory.addresses makes them.
        rows: uint32 (tables,): columns.Columns.rows.
        found: uint32 (attributes and nested values,), out.

    """
    at, attributes, count = address(tables), np.int64(rows[_ATTRIBUTE_ROWS]), 0
    nested_starts = narrow_column(at, _ATTRIBUTES, _NESTED_START, 0, attributes)
    nested_counts = narrow_column(at, _ATTRIBUTES, _NESTED_COUNT, 0, attributes)
    keys = narrow_column(at, _ATTRIBUTE_KEYS, 0, 0, attributes)
    values = narrow_column(at, _ATTRIBUTE_VALUES, 0, 0, attributes)
    every = 1 << 31
    nested_keys = narrow_column(at, _NESTED_KEYS, 0, 0, every)
    nested_values = narrow_column(at, _NESTED_VALUES, 0, 0, every)
    asks = narrow_column(at, _KEYS, _ASKS, 0, every)
    asked = narrow_column(at, _TEXTS, ASKED, 0, every)
    for row in range(attributes):
        asking = asks[keys[row]]
        value = values[row]
        if asking and value != _NONE and not asked[value]:
            asked[value] = 1
            found[count] = value
            count += 1
        first = np.int64(nested_starts[row])
        for each in range(first, first + np.int64(nested_counts[row])):
            value = nested_values[each]
            if (asking | asks[nested_keys[each]]) and value != _NONE and not asked[value]:
                asked[value] = 1
                found[count] = value
                count += 1
    return count


@kernel(ty.void(_I64_2, ty.uint32[::1], _I64_2, ty.int64[::1]))
def mark(tables: np.ndarray, rows: np.ndarray, attributes: np.ndarray, texts: np.ndarray) -> None:
    """Write which classes each record of each domain holds.

    Args:
        tables: int64 (tables, 2), as machine.memory.addresses makes them.
        rows: uint32 (tables,): columns.Columns.rows, of which the first are those of the domains.
        attributes: int64 (domains, 2): the columns where a record's attributes begin, and how many there are.
        texts: int64 (domains,): how many texts of its own a record has.

    """
    at, every, count = address(tables), 1 << 31, np.int64(rows[_ATTRIBUTE_ROWS])
    types = narrow_column(at, _ATTRIBUTES, _TYPE, 0, count)
    nested_starts = narrow_column(at, _ATTRIBUTES, _NESTED_START, 0, count)
    nested_counts = narrow_column(at, _ATTRIBUTES, _NESTED_COUNT, 0, count)
    keys = narrow_column(at, _ATTRIBUTE_KEYS, 0, 0, count)
    values = narrow_column(at, _ATTRIBUTE_VALUES, 0, 0, count)
    nested_types = narrow_column(at, _NESTED, _NESTED_TYPE, 0, every)
    nested_keys = narrow_column(at, _NESTED_KEYS, 0, 0, every)
    nested_values = narrow_column(at, _NESTED_VALUES, 0, 0, every)
    asks = narrow_column(at, _KEYS, _ASKS, 0, every)
    excludes = narrow_column(at, _KEYS, _EXCLUDES, 0, every)
    numbers = narrow_column(at, _KEYS, _NUMBERS, 0, every)
    holds = narrow_column(at, _TEXTS, HOLDS, 0, every)
    would_be = narrow_column(at, _TEXTS, WOULD_BE, 0, every)
    for domain in range(len(texts)):
        owners = np.int64(rows[domain])
        starts = narrow_column(at, _RECORDS + domain, attributes[domain, 0], 0, owners)
        counts = narrow_column(at, _RECORDS + domain, attributes[domain, 1], 0, owners)
        result = narrow_column(at, _RESULTS + domain, 0, 0, owners)
        for owner in range(owners):
            found = np.uint32(0)
            first = np.int64(starts[owner])
            for row in range(first, first + np.int64(counts[owner])):
                key, value, kind = keys[row], values[row], types[row]
                if value != _NONE:
                    found |= (holds[value] & ~excludes[key]) | (would_be[value] & asks[key])
                elif kind in (_INT, _DOUBLE):
                    found |= numbers[key]
                below = np.int64(nested_starts[row])
                for each in range(below, below + np.int64(nested_counts[row])):
                    inner, value, kind = nested_keys[each], nested_values[each], nested_types[each]
                    if value != _NONE:
                        found |= holds[value] & ~(excludes[key] | excludes[inner])
                        found |= would_be[value] & (asks[key] | asks[inner])
                    elif kind in (_INT, _DOUBLE):
                        found |= numbers[key] | numbers[inner]
            result[owner] = found
        for text in range(texts[domain]):
            codes = narrow_column(at, _RECORD_CODES + domain, text, 0, owners)
            for owner in range(owners):
                if codes[owner] != _NONE:
                    result[owner] |= holds[codes[owner]]
