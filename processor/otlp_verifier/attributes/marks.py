"""What is wrong with the attributes of each record: spans by their shapes, other records one by one."""

from typing import Any, Final

import numpy as np

from otlp_verifier.attributes.facts import NEVER
from otlp_verifier.attributes.faults import HUGE_BYTES, OF_KNOWN_VERSIONS, Fault
from otlp_verifier.attributes.pairs import join_values
from otlp_verifier.attributes.places import UNSTATED, InForce, KeyWord, OfShape, Place
from otlp_verifier.attributes.versions import find_newer
from otlp_verifier.columns import (
    TABLES,
    AttributeNarrow,
    AttributeWide,
    EventNarrow,
    LinkNarrow,
    NestedNarrow,
    SpanNarrow,
    SpanWide,
    ValueType,
)
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.memory import address, narrow_column, rows_of, wide_column
from otlp_verifier.machine.operations import Domain
from otlp_verifier.relate.tables import ShapeColumn
from otlp_verifier.wire.sources import NO_CODE

_NONE: Final = np.uint32(NO_CODE)
_EVERY: Final = 1 << 31
# Plain numbers for numba.
(
    _WIDE, _NARROW, _NESTED, _KEYS, _KEY_WORDS, _, _WANTED, _VALUE_FAULTS, _SEEN, _, _SPANS_WIDE, _SPAN_SHAPES,
    _SHAPES, _OF_SHAPES, _POSITIONS, _, _IN_FORCE, _RECORDS, _FOUND,
) = map(int, Place)  # fmt: skip
(
    _K_FAULTS, _K_TYPES, _K_ELEMENTS, _K_TYPE_FAULT, _K_WHOLE, _K_ASKS, _K_DEPRECATED, _K_REGISTRY, _K_FOLD, _K_ABOVE,
    _K_IS_NAMESPACE,
) = map(int, KeyWord)  # fmt: skip
_REGISTRY, _VERSION, _ = map(int, InForce)
_S_FAULTS, _S_VERSION, _S_COUNTS, _S_START, _S_END = map(int, OfShape)
_S_SPAN, _S_FIRST, _S_LENGTH = map(int, ShapeColumn)
_BYTES, _ATTRIBUTES_FROM = int(SpanWide.BYTES), int(SpanNarrow.ATTRIBUTE_START)
_TYPE, _VALUE = int(AttributeNarrow.TYPE), int(AttributeWide.VALUE)
_NESTED_START, _NESTED_COUNT = int(AttributeNarrow.NESTED_START), int(AttributeNarrow.NESTED_COUNT)
_N_TYPE, _N_PARENT = int(NestedNarrow.TYPE), int(NestedNarrow.PARENT)
_STRING, _DOUBLE, _ARRAY = (int(each) for each in (ValueType.STRING, ValueType.DOUBLE, ValueType.ARRAY))
_EMPTY_BIT: Final = np.uint32(1 << ValueType.EMPTY)
_ATTRIBUTES: Final = TABLES.index("attributes")
_SCOPE, _SPAN = int(Domain.SCOPE), int(Domain.SPAN)
_EVENT, _LINK = int(Domain.EVENT), int(Domain.LINK)
_SPAN_SCOPE = int(SpanNarrow.SCOPE)
_EVENT_SPAN, _LINK_SPAN = int(EventNarrow.SPAN), int(LinkNarrow.SPAN)
_F_DEPRECATED, _F_MIXED = np.uint32(Fault.DEPRECATED), np.uint32(Fault.MIXED_ARRAY)
_F_DEPRECATED_LATER: Final = np.uint32(Fault.DEPRECATED_LATER)
_NEVER: Final = np.uint32(NEVER)
_F_HUGE, _F_NOT_FINITE = np.uint32(Fault.HUGE), np.uint32(Fault.NOT_FINITE)
_F_CASE, _F_NAMESPACE = np.uint32(Fault.CASE_COLLISION), np.uint32(Fault.NAMESPACE_COLLISION)
_F_NOT_OF_NEWER: Final = np.uint32(0xFFFFFFFF ^ OF_KNOWN_VERSIONS)
_HUGE: Final = np.uint64(HUGE_BYTES)
_LENGTH: Final = np.uint64(0xFFFFFFFF)
_EXPONENT_SHIFT, _EXPONENT, _MANTISSA_BITS = np.uint64(52), np.uint64(0x7FF), np.uint64(52)
_ONE_EXPONENT: Final = np.uint64(1023)


_TABLES = ty.int64[:, ::1]


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


@inner
def _is_of_value(asks: Any, elements: Any, kind: Any, texts_too: Any) -> Any:
    """Whether what is wrong with an attribute depends on its value; `asks` and `elements` are its key's."""
    return (
        (asks >> kind) & np.uint32(1) != 0
        or kind == _DOUBLE
        or (kind == _ARRAY and elements != 0)
        or (texts_too and kind == _STRING)
    )


@inner
def _of_keys(at: int, first: Any, last: Any, registry: Any, version: Any, collide: Any, stamp: Any) -> Any:
    """What the keys and types of a record's attributes show, from one row to before another.

    `registry` and `version` are in force for it; `stamp` is another number for each record.
    """
    keys = narrow_column(at, _KEYS, 0, 0, _EVERY)
    types = narrow_column(at, _NARROW, _TYPE, 0, _EVERY)
    faults = narrow_column(at, _KEY_WORDS, _K_FAULTS, 0, _EVERY)
    allowed = narrow_column(at, _KEY_WORDS, _K_TYPES, 0, _EVERY)
    type_faults = narrow_column(at, _KEY_WORDS, _K_TYPE_FAULT, 0, _EVERY)
    asks = narrow_column(at, _KEY_WORDS, _K_ASKS, 0, _EVERY)
    deprecated = narrow_column(at, _KEY_WORDS, _K_DEPRECATED, 0, _EVERY)
    registries = narrow_column(at, _KEY_WORDS, _K_REGISTRY, 0, _EVERY)
    joined = np.uint32(0)
    for row in range(first, last):
        key, kind = keys[row], types[row]
        joined |= faults[key]
        if deprecated[key] <= (version if registry == registries[key] else np.uint32(UNSTATED)):
            joined |= _F_DEPRECATED
        elif deprecated[key] != _NEVER:
            joined |= _F_DEPRECATED_LATER
        if not ((allowed[key] | asks[key]) >> kind) & np.uint32(1):
            joined |= type_faults[key]
    if collide and last > first + 1:
        folds = narrow_column(at, _KEY_WORDS, _K_FOLD, 0, _EVERY)
        above = narrow_column(at, _KEY_WORDS, _K_ABOVE, 0, _EVERY)
        are_namespaces = narrow_column(at, _KEY_WORDS, _K_IS_NAMESPACE, 0, _EVERY)
        seen = narrow_column(at, _SEEN, 0, 0, _EVERY)
        fold_seen = narrow_column(at, _SEEN, 1, 0, _EVERY)
        fold_code = narrow_column(at, _SEEN, 2, 0, _EVERY)
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
    return joined


@inner
def _of_value(at: int, row: Any, key: Any) -> Any:
    """What the value of an attribute shows, where it counts; `key` is its key's code."""
    kind = narrow_column(at, _NARROW, _TYPE, 0, _EVERY)[row]
    if kind == _DOUBLE:
        value = wide_column(at, _WIDE, _VALUE, 0, _EVERY)[row]
        bits = np.uint32(0) if _is_finite(value) else _F_NOT_FINITE
        is_allowed = (narrow_column(at, _KEY_WORDS, _K_TYPES, 0, _EVERY)[key] >> kind) & np.uint32(1)
        if is_allowed and narrow_column(at, _KEY_WORDS, _K_WHOLE, 0, _EVERY)[key] and not _is_whole(value):
            bits |= narrow_column(at, _KEY_WORDS, _K_TYPE_FAULT, 0, _EVERY)[key]
        return bits
    if kind != _ARRAY:
        return narrow_column(at, _VALUE_FAULTS, 0, 0, _EVERY)[row]
    elements = narrow_column(at, _KEY_WORDS, _K_ELEMENTS, 0, _EVERY)[key]
    if not (narrow_column(at, _KEY_WORDS, _K_TYPES, 0, _EVERY)[key] >> kind) & np.uint32(1):
        return np.uint32(0)
    below = np.int64(narrow_column(at, _NARROW, _NESTED_START, 0, _EVERY)[row])
    end = below + np.int64(narrow_column(at, _NARROW, _NESTED_COUNT, 0, _EVERY)[row])
    types = narrow_column(at, _NESTED, _N_TYPE, 0, _EVERY)
    parents = narrow_column(at, _NESTED, _N_PARENT, 0, _EVERY)
    kinds = np.uint32(0)
    for each in range(below, end):
        if parents[each] == _NONE:
            kinds |= np.uint32(1) << types[each]
    kinds &= ~_EMPTY_BIT
    if not kinds & ~elements:
        return np.uint32(0)
    is_mixed = kinds & (kinds - np.uint32(1))
    return _F_MIXED if is_mixed else narrow_column(at, _KEY_WORDS, _K_TYPE_FAULT, 0, _EVERY)[key]


@inner
def _is_huge(at: int, first: Any, last: Any) -> Any:
    """Whether one of the attributes is a huge string."""
    types = narrow_column(at, _NARROW, _TYPE, 0, _EVERY)
    values = wide_column(at, _WIDE, _VALUE, 0, _EVERY)
    found = False
    for row in range(first, last):
        found |= types[row] == _STRING and (values[row] & _LENGTH) > _HUGE
    return found


_OF_RECORDS = ty.void(
    _TABLES, ty.uint32[::1], _TABLES, ty.uint32[::1], ty.uint32[::1], ty.uint32[::1], ty.boolean, ty.boolean
)


@kernel(_OF_RECORDS)
def look(
    tables: np.ndarray,
    rows: np.ndarray,
    attributes: np.ndarray,
    newest: np.ndarray,
    wanted_rows: np.ndarray,
    shape_rows: np.ndarray,
    texts_too: bool,
    collide: bool,
) -> None:
    """Look at each shape of spans, and list the attributes of all records whose values are asked about.

    Args:
        tables: int64 (tables, 2), as machine.memory.addresses makes them, in the order of Place.
        rows: uint32 (tables,): columns.Columns.rows.
        attributes: int64 (domains, 2): the columns where a record's attributes begin, and how many there are.
        newest: uint32 (registries,): the newest version of each; the last one is OpenTelemetry's.
        wanted_rows: uint32 (1,), out: how many are listed in WANTED.
        shape_rows: uint32 (1,): how many shapes there are.
        texts_too: whether something is asked of every string.
        collide: whether any two keys cannot stand beside each other.

    """
    at, shapes = address(tables), np.int64(shape_rows[0])
    if collide:  # no stamp is from another batch
        for column in range(2):
            stamps = narrow_column(at, _SEEN, column, 0, np.int64(rows_of(at, _SEEN)))
            for each in range(len(stamps)):
                stamps[each] = 0
    keys = narrow_column(at, _KEYS, 0, 0, np.int64(rows[_ATTRIBUTES]))
    types = narrow_column(at, _NARROW, _TYPE, 0, np.int64(rows[_ATTRIBUTES]))
    asks = narrow_column(at, _KEY_WORDS, _K_ASKS, 0, _EVERY)
    elements = narrow_column(at, _KEY_WORDS, _K_ELEMENTS, 0, _EVERY)
    wanted = narrow_column(at, _WANTED, 0, 0, np.int64(rows[_ATTRIBUTES]))
    spans = narrow_column(at, _SHAPES, _S_SPAN, 0, shapes)
    begins = narrow_column(at, _SHAPES, _S_FIRST, 0, shapes)
    lengths = narrow_column(at, _SHAPES, _S_LENGTH, 0, shapes)
    scopes = narrow_column(at, _RECORDS + _SPAN, _SPAN_SCOPE, 0, np.int64(rows[_SPAN]))
    registries = narrow_column(at, _IN_FORCE + 1, _REGISTRY, 0, _EVERY)
    versions = narrow_column(at, _IN_FORCE + 1, _VERSION, 0, _EVERY)
    positions = narrow_column(at, _POSITIONS, 0, 0, np.int64(rows[_ATTRIBUTES]))
    faults = narrow_column(at, _OF_SHAPES, _S_FAULTS, 0, shapes)
    in_force = narrow_column(at, _OF_SHAPES, _S_VERSION, 0, shapes)
    counting = narrow_column(at, _OF_SHAPES, _S_COUNTS, 0, shapes)
    list_starts = narrow_column(at, _OF_SHAPES, _S_START, 0, shapes)
    list_ends = narrow_column(at, _OF_SHAPES, _S_END, 0, shapes)
    listed: Any = 0
    for shape in range(shapes):
        first = np.int64(begins[shape])
        last = first + np.int64(lengths[shape])
        scope = scopes[spans[shape]]
        registry, version = registries[scope], versions[scope]
        is_newer = registry != _NONE and version > newest[registry]
        counting[shape] = _F_NOT_OF_NEWER if is_newer else np.uint32(0xFFFFFFFF)
        in_force[shape] = version if registry == len(newest) - 1 else np.uint32(UNSTATED)
        faults[shape] = _of_keys(at, first, last, registry, version, collide, np.uint32(shape + 1))
        list_starts[shape] = listed
        for row in range(first, last):
            if _is_of_value(asks[keys[row]], elements[keys[row]], types[row], texts_too):
                positions[listed] = row - first
                listed += 1
        list_ends[shape] = listed
    count = 0
    for domain in range(len(attributes)):
        owners = np.int64(rows[domain])
        starts = narrow_column(at, _RECORDS + domain, attributes[domain, 0], 0, owners)
        counts = narrow_column(at, _RECORDS + domain, attributes[domain, 1], 0, owners)
        of_spans = narrow_column(at, _SPAN_SHAPES, 0, 0, owners)
        if domain == _SPAN:
            for owner in range(owners):
                shape = of_spans[owner]
                first, begin = np.int64(starts[owner]), np.int64(begins[shape])
                for each in range(list_starts[shape], list_ends[shape]):
                    at_row, key = first + np.int64(positions[each]), keys[begin + np.int64(positions[each])]
                    if (asks[key] >> types[at_row]) & np.uint32(1):
                        wanted[count], keys[at_row] = at_row, key
                        count += 1
            continue
        for owner in range(owners):
            first = np.int64(starts[owner])
            for row in range(first, first + np.int64(counts[owner])):
                if (asks[keys[row]] >> types[row]) & np.uint32(1):
                    wanted[count] = row
                    count += 1
    wanted_rows[0] = count


@inner
def _mark_spans(at: Any, spans: Any) -> None:
    """Write what is wrong with the attributes of each span, by its shape and by the values that count."""
    of_spans = narrow_column(at, _SPAN_SHAPES, 0, 0, spans)
    starts = narrow_column(at, _RECORDS + _SPAN, _ATTRIBUTES_FROM, 0, spans)
    octets = wide_column(at, _SPANS_WIDE, _BYTES, 0, spans)
    keys = narrow_column(at, _KEYS, 0, 0, _EVERY)
    begins = narrow_column(at, _SHAPES, _S_FIRST, 0, _EVERY)
    lengths = narrow_column(at, _SHAPES, _S_LENGTH, 0, _EVERY)
    positions = narrow_column(at, _POSITIONS, 0, 0, _EVERY)
    faults = narrow_column(at, _OF_SHAPES, _S_FAULTS, 0, _EVERY)
    versions = narrow_column(at, _OF_SHAPES, _S_VERSION, 0, _EVERY)
    counting = narrow_column(at, _OF_SHAPES, _S_COUNTS, 0, _EVERY)
    list_starts = narrow_column(at, _OF_SHAPES, _S_START, 0, _EVERY)
    list_ends = narrow_column(at, _OF_SHAPES, _S_END, 0, _EVERY)
    found = narrow_column(at, _FOUND + _SPAN, 0, 0, spans)
    in_force = narrow_column(at, _FOUND + _SPAN, 1, 0, spans)
    for span in range(spans):
        shape = of_spans[span]
        first, begin = np.int64(starts[span]), np.int64(begins[shape])
        bits = faults[shape]
        for each in range(list_starts[shape], list_ends[shape]):
            position = np.int64(positions[each])
            bits |= _of_value(at, first + position, keys[begin + position])
        if (octets[span] & _LENGTH) > _HUGE and _is_huge(at, first, first + np.int64(lengths[shape])):
            bits |= _F_HUGE
        found[span] = bits & counting[shape]
        in_force[span] = versions[shape]


@kernel(_OF_RECORDS)
def mark(
    tables: np.ndarray,
    rows: np.ndarray,
    attributes: np.ndarray,
    newest: np.ndarray,
    wanted_rows: np.ndarray,
    shape_rows: np.ndarray,
    texts_too: bool,
    collide: bool,
) -> None:
    """Write what is wrong with the attributes of each record of each domain, and the version in force for it.

    Args:
        tables: as for `look`; so are the others.
        rows: of each table.
        attributes: where they are.
        newest: of each registry.
        wanted_rows: how many are listed.
        shape_rows: how many shapes there are.
        texts_too: whether something is asked of every string.
        collide: whether any two keys cannot stand beside each other.

    """
    at: Any = address(tables)
    total: Any = np.int64(rows[_ATTRIBUTES])
    join_values(at, total, np.int64(wanted_rows[0]), texts_too)
    _mark_spans(at, np.int64(rows[_SPAN]))
    keys = narrow_column(at, _KEYS, 0, 0, total)
    types = narrow_column(at, _NARROW, _TYPE, 0, total)
    asks = narrow_column(at, _KEY_WORDS, _K_ASKS, 0, _EVERY)
    elements = narrow_column(at, _KEY_WORDS, _K_ELEMENTS, 0, _EVERY)
    scopes = narrow_column(at, _RECORDS + _SPAN, _SPAN_SCOPE, 0, np.int64(rows[_SPAN]))
    stamp = np.uint32(shape_rows[0])
    for domain in range(len(attributes)):
        if domain == _SPAN:
            continue
        owners = np.int64(rows[domain])
        starts = narrow_column(at, _RECORDS + domain, attributes[domain, 0], 0, owners)
        counts = narrow_column(at, _RECORDS + domain, attributes[domain, 1], 0, owners)
        found = narrow_column(at, _FOUND + domain, 0, 0, owners)
        in_force = narrow_column(at, _FOUND + domain, 1, 0, owners)
        registries = narrow_column(at, _IN_FORCE + min(domain, _SCOPE), _REGISTRY, 0, _EVERY)
        versions = narrow_column(at, _IN_FORCE + min(domain, _SCOPE), _VERSION, 0, _EVERY)
        spans = narrow_column(
            at, _RECORDS + max(domain, _EVENT), _LINK_SPAN if domain == _LINK else _EVENT_SPAN, 0, owners
        )
        for owner in range(owners):
            declarer = np.uint32(owner) if domain < _EVENT else scopes[spans[owner]]
            registry, version = registries[declarer], versions[declarer]
            in_force[owner] = version if registry == len(newest) - 1 else np.uint32(UNSTATED)
            first = np.int64(starts[owner])
            last = first + np.int64(counts[owner])
            stamp += np.uint32(1)
            bits = _of_keys(at, first, last, registry, version, collide, stamp)
            for row in range(first, last):
                if _is_of_value(asks[keys[row]], elements[keys[row]], types[row], texts_too):
                    bits |= _of_value(at, row, keys[row])
            if _is_huge(at, first, last):
                bits |= _F_HUGE
            if registry != _NONE and version > newest[registry]:
                bits &= _F_NOT_OF_NEWER
            found[owner] = bits
    find_newer(at, rows, newest)
