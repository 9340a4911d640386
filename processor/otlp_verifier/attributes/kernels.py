"""The loops over a batch's attributes; `records` says what they are for. Tables come by address (machine.memory)."""

from enum import IntEnum
from typing import Any, Final

import numpy as np

from otlp_verifier.attributes.faults import HUGE_BYTES, OF_KNOWN_VERSIONS, Fault
from otlp_verifier.columns import (
    AttributeNarrow,
    AttributeWide,
    EventNarrow,
    LinkNarrow,
    NestedNarrow,
    ScopeNarrow,
    SpanNarrow,
    ValueType,
)
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.memory import address, narrow_column, rows_of, wide_column
from otlp_verifier.machine.operations import Domain
from otlp_verifier.relate.hashing import pair_hash
from otlp_verifier.wire.sources import NO_CODE


class KeyWord(IntEnum):
    """What is known of a key, uint32 each: fields of facts.KeyFacts, then those of collisions.Collisions."""

    FAULTS = 0
    TYPES = 1
    ELEMENTS = 2
    TYPE_FAULT = 3
    WHOLE = 4
    ASKS = 5
    DEPRECATED = 6
    REGISTRY = 7
    FOLD = 8
    ABOVE = 9
    IS_NAMESPACE = 10


class TextWord(IntEnum):
    """What is known of a text: faults of a value; as a schema URL, whose it is (NO_CODE: nobody's), which version."""

    FAULTS = 0
    REGISTRY = 1
    VERSION = 2


class Place(IntEnum):
    """Tables, in the order in which they are handed over; `RECORDS`, `FOUND` and `URLS` are one for each domain."""

    ATTRIBUTES_WIDE = 0
    ATTRIBUTES = 1
    NESTED = 2
    KEYS = 3  # uint32 (1, attributes): codes
    KEY_WORDS = 4
    TEXT_WORDS = 5
    PAIRS = 6  # uint64 (PAIR_COLUMNS, cells): a table of open addressing
    WANTED = 7  # uint32 (3, attributes): rows of attributes that are asked about, the codes of their texts, their cells
    VALUE_FAULTS = 8  # uint32 (1, attributes)
    SEEN = 9  # uint32 (3, keys): stamps of keys, stamps of folds, codes of folds
    URLS = 10  # uint32 (1, rows) of resources, and of scopes: codes of schema URLs
    IN_FORCE = 12  # uint32 (2, rows) of resources, and of scopes: registry and version
    RECORDS = 14
    FOUND = 19


PAIR_TAG, PAIR_PAYLOAD, PAIR_FAULTS, PAIR_NEW, PAIR_COLUMNS = range(5)
UNSTATED: Final = 0xFFFFFFFE  # the version where none is stated: newer than all, older than facts.NEVER
_NONE: Final = np.uint32(NO_CODE)
_EVERY: Final = 1 << 31
# Plain numbers for numba.
(
    _WIDE, _NARROW, _NESTED, _KEYS, _KEY_WORDS, _TEXT_WORDS, _PAIRS, _WANTED, _VALUE_FAULTS, _SEEN, _URLS, _IN_FORCE,
    _RECORDS, _FOUND,
) = map(int, Place)  # fmt: skip
(
    _K_FAULTS, _K_TYPES, _K_ELEMENTS, _K_TYPE_FAULT, _K_WHOLE, _K_ASKS, _K_DEPRECATED, _K_REGISTRY, _K_FOLD, _K_ABOVE,
    _K_IS_NAMESPACE,
) = map(int, KeyWord)  # fmt: skip
_T_FAULTS, _T_REGISTRY, _T_VERSION = map(int, TextWord)
_TYPE, _VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_NESTED_START, _NESTED_COUNT = int(AttributeNarrow.NESTED_START), int(AttributeNarrow.NESTED_COUNT)
_N_TYPE, _N_PARENT = int(NestedNarrow.TYPE), int(NestedNarrow.PARENT)
_STRING, _INT, _DOUBLE, _ARRAY = (
    int(each) for each in (ValueType.STRING, ValueType.INT, ValueType.DOUBLE, ValueType.ARRAY)
)
_EMPTY_BIT: Final = np.uint32(1 << ValueType.EMPTY)
_RESOURCE, _SCOPE, _SPAN = int(Domain.RESOURCE), int(Domain.SCOPE), int(Domain.SPAN)
_EVENT, _LINK = int(Domain.EVENT), int(Domain.LINK)
_SCOPE_RESOURCE, _SPAN_SCOPE = int(ScopeNarrow.RESOURCE), int(SpanNarrow.SCOPE)
_EVENT_SPAN, _LINK_SPAN = int(EventNarrow.SPAN), int(LinkNarrow.SPAN)
_F_DEPRECATED, _F_MIXED = np.uint32(Fault.DEPRECATED), np.uint32(Fault.MIXED_ARRAY)
_F_HUGE, _F_NOT_FINITE = np.uint32(Fault.HUGE), np.uint32(Fault.NOT_FINITE)
_F_CASE, _F_NAMESPACE = np.uint32(Fault.CASE_COLLISION), np.uint32(Fault.NAMESPACE_COLLISION)
_F_SCHEMA = np.uint32(Fault.SCHEMA_VERSION)
_F_NOT_OF_NEWER: Final = np.uint32(0xFFFFFFFF ^ OF_KNOWN_VERSIONS)
_HUGE: Final = np.uint64(HUGE_BYTES)
_LENGTH: Final = np.uint64(0xFFFFFFFF)
_EXPONENT_SHIFT, _EXPONENT, _MANTISSA_BITS = np.uint64(52), np.uint64(0x7FF), np.uint64(52)
_ONE_EXPONENT: Final = np.uint64(1023)


@inner
def _is_finite(bits: Any) -> Any:
    """Whether a double, given by its bits, is finite."""
    return ((bits >> _EXPONENT_SHIFT) & _EXPONENT) != _EXPONENT


@inner
def _is_whole(bits: Any) -> Any:
    """Whether a double, given by its bits, is a number without a fraction."""
    exponent = (bits >> _EXPONENT_SHIFT) & _EXPONENT
    if exponent == _EXPONENT:
        return False
    if exponent < _ONE_EXPONENT:
        return bits << np.uint64(1) == 0  # plus or minus zero
    digits = exponent - _ONE_EXPONENT  # of the mantissa, before the point
    return digits >= _MANTISSA_BITS or bits << (np.uint64(12) + digits) == 0


_I64, _TABLES = ty.int64[::1], ty.int64[:, ::1]


@kernel(ty.int64(_TABLES, _I64, ty.boolean))
def wanted(tables: np.ndarray, rows: np.ndarray, texts_too: bool) -> int:
    """List the attributes whose keys ask about their values, or all strings too; how many there are.

    Args:
        tables: int64 (tables, 2), as machine.memory.addresses makes them, in the order of Place.
        rows: int64 (1 + domains,): of attributes, and of each domain.
        texts_too: whether something is asked of every string.

    """
    at, count = address(tables), 0
    keys = narrow_column(at, _KEYS, 0, 0, rows[0])
    types = narrow_column(at, _NARROW, _TYPE, 0, rows[0])
    asks = narrow_column(at, _KEY_WORDS, _K_ASKS, 0, _EVERY)
    found = narrow_column(at, _WANTED, 0, 0, rows[0])
    faults = narrow_column(at, _VALUE_FAULTS, 0, 0, rows[0])
    for row in range(rows[0]):
        faults[row] = 0
        if (asks[keys[row]] >> types[row]) & np.uint32(1) or (texts_too and types[row] == _STRING):
            found[count] = row
            count += 1
    return count


@kernel(ty.int64(_TABLES, ty.int64, ty.int64, _I64, ty.uint64))
def find_pairs(tables: np.ndarray, attributes: int, count: int, pair_count: np.ndarray, seed: np.uint64) -> int:
    """Find the cell of each pair of key and value that is asked about; 0, or -1 when there is no more room.

    Args:
        tables: as above.
        attributes: how many there are.
        count: how many of WANTED there are.
        pair_count: int64 (1,): how many pairs there are; those from the old number on are new.
        seed: a secret, so that nobody who sends values can choose which share a cell.

    """
    at = address(tables)
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
            if 2 * (pair_count[0] + 1) > cells:
                return -1
            tags[cell], payloads[cell], faults[cell] = tag, payload, 0
            news[pair_count[0]] = cell
            pair_count[0] += 1
        cells_of[each] = np.uint32(cell)
    return 0


@inner
def _join_values(at: int, attributes: int, count: int) -> None:
    """Bring what is said of pairs and of texts to the attributes."""
    found = narrow_column(at, _WANTED, 0, 0, attributes)
    codes = narrow_column(at, _WANTED, 1, 0, attributes)
    cells_of = narrow_column(at, _WANTED, 2, 0, attributes)
    of_pairs = wide_column(at, _PAIRS, PAIR_FAULTS, 0, _EVERY)
    of_texts = narrow_column(at, _TEXT_WORDS, _T_FAULTS, 0, _EVERY)
    faults = narrow_column(at, _VALUE_FAULTS, 0, 0, attributes)
    for each in range(count):
        bits = np.uint32(0)
        if cells_of[each] != _NONE:
            bits |= np.uint32(of_pairs[cells_of[each]])
        if codes[each] != _NONE:
            bits |= of_texts[codes[each]]
        faults[found[each]] = bits


@inner
def _find_versions(at: int, resources: int, scopes: int) -> None:
    """The registry and version that each resource and scope declares; a scope without one has its resource's."""
    registries = narrow_column(at, _TEXT_WORDS, _T_REGISTRY, 0, _EVERY)
    versions = narrow_column(at, _TEXT_WORDS, _T_VERSION, 0, _EVERY)
    of_resource = narrow_column(at, _IN_FORCE, 0, 0, resources)
    version_of_resource = narrow_column(at, _IN_FORCE, 1, 0, resources)
    urls = narrow_column(at, _URLS, 0, 0, resources)
    for row in range(resources):
        of_resource[row] = registries[urls[row]]
        version_of_resource[row] = versions[urls[row]]
    of_scope = narrow_column(at, _IN_FORCE + 1, 0, 0, scopes)
    version_of_scope = narrow_column(at, _IN_FORCE + 1, 1, 0, scopes)
    urls = narrow_column(at, _URLS + 1, 0, 0, scopes)
    resource_of = narrow_column(at, _RECORDS + _SCOPE, _SCOPE_RESOURCE, 0, scopes)
    for row in range(scopes):
        of_scope[row] = registries[urls[row]]
        version_of_scope[row] = versions[urls[row]]
        if of_scope[row] == _NONE:
            of_scope[row] = of_resource[resource_of[row]]
            version_of_scope[row] = version_of_resource[resource_of[row]]


@kernel(ty.void(_TABLES, _I64, _TABLES, ty.uint32[::1], ty.int64, ty.boolean))
def mark(
    tables: np.ndarray,
    rows: np.ndarray,
    attributes: np.ndarray,
    newest: np.ndarray,
    count: int,
    collide: bool,
) -> None:
    """Write what is wrong with the attributes of each record of each domain, and the version in force for it.

    Args:
        tables: as above.
        rows: as above.
        attributes: int64 (domains, 2): the columns where a record's attributes begin, and how many there are.
        newest: uint32 (registries,): the newest version of each; the last one is OpenTelemetry's.
        count: how many of WANTED there are.
        collide: whether any two keys cannot stand beside each other.

    """
    at, total = address(tables), rows[0]
    _join_values(at, total, count)
    _find_versions(at, rows[1 + _RESOURCE], rows[1 + _SCOPE])
    keys = narrow_column(at, _KEYS, 0, 0, total)
    types = narrow_column(at, _NARROW, _TYPE, 0, total)
    values = wide_column(at, _WIDE, _VALUE, 0, total)
    nested_starts = narrow_column(at, _NARROW, _NESTED_START, 0, total)
    nested_counts = narrow_column(at, _NARROW, _NESTED_COUNT, 0, total)
    nested_types = narrow_column(at, _NESTED, _N_TYPE, 0, _EVERY)
    nested_parents = narrow_column(at, _NESTED, _N_PARENT, 0, _EVERY)
    value_faults = narrow_column(at, _VALUE_FAULTS, 0, 0, total)
    faults = narrow_column(at, _KEY_WORDS, _K_FAULTS, 0, _EVERY)
    allowed = narrow_column(at, _KEY_WORDS, _K_TYPES, 0, _EVERY)
    elements = narrow_column(at, _KEY_WORDS, _K_ELEMENTS, 0, _EVERY)
    type_faults = narrow_column(at, _KEY_WORDS, _K_TYPE_FAULT, 0, _EVERY)
    whole = narrow_column(at, _KEY_WORDS, _K_WHOLE, 0, _EVERY)
    asks = narrow_column(at, _KEY_WORDS, _K_ASKS, 0, _EVERY)
    deprecated = narrow_column(at, _KEY_WORDS, _K_DEPRECATED, 0, _EVERY)
    registries = narrow_column(at, _KEY_WORDS, _K_REGISTRY, 0, _EVERY)
    folds = narrow_column(at, _KEY_WORDS, _K_FOLD, 0, _EVERY)
    above = narrow_column(at, _KEY_WORDS, _K_ABOVE, 0, _EVERY)
    are_namespaces = narrow_column(at, _KEY_WORDS, _K_IS_NAMESPACE, 0, _EVERY)
    seen = narrow_column(at, _SEEN, 0, 0, _EVERY)
    fold_seen = narrow_column(at, _SEEN, 1, 0, _EVERY)
    fold_code = narrow_column(at, _SEEN, 2, 0, _EVERY)
    opentelemetry = len(newest) - 1
    stamp = np.uint32(0)
    for domain in range(len(attributes)):
        owners = rows[1 + domain]
        starts = narrow_column(at, _RECORDS + domain, attributes[domain, 0], 0, owners)
        counts = narrow_column(at, _RECORDS + domain, attributes[domain, 1], 0, owners)
        found = narrow_column(at, _FOUND + domain, 0, 0, owners)
        in_force = narrow_column(at, _FOUND + domain, 1, 0, owners)
        of_records = narrow_column(at, _IN_FORCE + min(domain, _SCOPE), 0, 0, _EVERY)
        versions = narrow_column(at, _IN_FORCE + min(domain, _SCOPE), 1, 0, _EVERY)
        scopes = narrow_column(at, _RECORDS + _SPAN, _SPAN_SCOPE, 0, rows[1 + _SPAN])
        spans = narrow_column(
            at, _RECORDS + max(domain, _EVENT), _LINK_SPAN if domain == _LINK else _EVENT_SPAN, 0, owners
        )
        for owner in range(owners):
            declarer = np.uint32(owner)
            if domain >= _EVENT:
                declarer = scopes[spans[owner]]
            elif domain == _SPAN:
                declarer = scopes[owner]
            registry, version = of_records[declarer], versions[declarer]
            is_newer = registry != _NONE and version > newest[registry]
            in_force[owner] = version if registry == opentelemetry else np.uint32(UNSTATED)
            joined = np.uint32(0)
            first = np.int64(starts[owner])
            last = first + np.int64(counts[owner])
            for row in range(first, last):
                key, kind = keys[row], types[row]
                bits = faults[key] | value_faults[row]
                if deprecated[key] <= (version if registry == registries[key] else np.uint32(UNSTATED)):
                    bits |= _F_DEPRECATED
                if not (allowed[key] >> kind) & np.uint32(1):
                    if not (asks[key] >> kind) & np.uint32(1):
                        bits |= type_faults[key]
                elif kind == _ARRAY and elements[key]:
                    kinds = np.uint32(0)
                    below = np.int64(nested_starts[row])
                    for each in range(below, below + np.int64(nested_counts[row])):
                        if nested_parents[each] == _NONE:
                            kinds |= np.uint32(1) << nested_types[each]
                    kinds &= ~_EMPTY_BIT
                    if kinds & ~elements[key]:
                        bits |= _F_MIXED if kinds & (kinds - np.uint32(1)) else type_faults[key]
                elif kind == _DOUBLE and whole[key] and not _is_whole(values[row]):
                    bits |= type_faults[key]
                if kind == _STRING and (values[row] & _LENGTH) > _HUGE:
                    bits |= _F_HUGE
                elif kind == _DOUBLE and not _is_finite(values[row]):
                    bits |= _F_NOT_FINITE
                joined |= bits
            if collide and last > first + 1:
                stamp += np.uint32(1)
                for row in range(first, last):
                    key = keys[row]
                    fold = folds[key]
                    if are_namespaces[key]:
                        seen[key] = stamp
                    if fold:
                        if fold_seen[fold] == stamp and fold_code[fold] != key:
                            joined |= _F_CASE
                        fold_seen[fold], fold_code[fold] = stamp, key
                for row in range(first, last):
                    key = above[keys[row]]
                    while key != _NONE:
                        if seen[key] == stamp:
                            joined |= _F_NAMESPACE
                        key = above[key]
            if is_newer:
                joined &= _F_NOT_OF_NEWER
            found[owner] = joined
    _find_newer(at, rows, newest)


@inner
def _find_newer(at: int, rows: np.ndarray, newest: np.ndarray) -> None:
    """Mark resources and scopes that declare a version newer than any that is known."""
    registries = narrow_column(at, _TEXT_WORDS, _T_REGISTRY, 0, _EVERY)
    versions = narrow_column(at, _TEXT_WORDS, _T_VERSION, 0, _EVERY)
    for domain in range(_RESOURCE, _SCOPE + 1):
        urls = narrow_column(at, _URLS + domain, 0, 0, rows[1 + domain])
        found = narrow_column(at, _FOUND + domain, 0, 0, rows[1 + domain])
        for row in range(rows[1 + domain]):
            registry = registries[urls[row]]
            if registry != _NONE and versions[urls[row]] > newest[registry]:
                found[row] |= _F_SCHEMA
