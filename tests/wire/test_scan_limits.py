"""Limits refuse one more than they allow, faults say where, and nothing is written outside the tables."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.columns import TABLES, Columns
from otlp_verifier.wire import scanner
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.limits import Limits
from tests.strategies import RANDOMS
from tests.wire.encoding import VALID, VALID_SPAN, field, nested_arrays, request, with_attribute
from tests.wire.requests import random_request
from tests.wire.scanning import WIDE, one_pass, two_passes

CANARY = 0xC0FFEE_C0FFEE_C0F
KEY_VALUE = b"\x0a\x01k\x12\x02\x18\x05"

# limit -> (a request, how many of it there are)
FULL: dict[str, tuple[bytes, int]] = {
    "bytes": (VALID, len(VALID)),
    "resources": (VALID * 3, 3),
    "scopes": (field(1, field(2, b"") * 4), 4),
    "spans": (request(VALID_SPAN, VALID_SPAN, VALID_SPAN), 3),
    "events": (request(field(11, b"") * 5), 5),
    "links": (request(field(13, b"") * 6), 6),
    "attributes": (request(field(9, KEY_VALUE) * 2 + field(11, field(3, KEY_VALUE) * 2), field(9, b"") * 3), 7),
    "nested": (with_attribute(nested_arrays(4)), 4),
    "attributes_per_record": (request(field(9, KEY_VALUE) * 2 + field(11, field(3, KEY_VALUE) * 5)), 5),
}


@pytest.mark.parametrize("limit", FULL)
def test_a_limit_allows_so_many_and_not_one_more(limit: str) -> None:
    data, number = FULL[limit]
    others: dict[str, Any] = {"memory_factor": 64}
    two_passes(data, Limits(**others, **{limit: number}))
    with pytest.raises(scanner.RequestOverLimit) as caught:
        two_passes(data, Limits(**others, **{limit: number - 1}))
    assert caught.value.limit == limit
    assert caught.value.allowed == number - 1
    assert caught.value.value == number
    assert f"`{limit}` allows {number - 1}" in str(caught.value)


@pytest.mark.parametrize("limit", FULL)
def test_one_pass_keeps_the_limits_too(limit: str) -> None:
    data, number = FULL[limit]
    assert one_pass(data, Limits(memory_factor=64, **{limit: number})) is not None
    assert one_pass(data, Limits(memory_factor=64, **{limit: number - 1})) is None


@pytest.mark.parametrize(
    "owner",
    [
        lambda kv: field(1, field(1, field(1, kv) * 2) + field(2, b"") + field(1, field(1, kv))),
        lambda kv: field(1, field(2, field(1, field(3, kv) * 2) + field(2, field(9, kv)) + field(1, field(3, kv)))),
        lambda kv: request(field(9, kv) * 2 + field(11, field(3, kv) * 2) + field(9, kv)),
        lambda kv: request(field(13, field(4, kv) * 3)),
        lambda kv: request(field(11, field(3, kv) * 3)),
    ],
    ids=["resource", "scope", "span", "link", "event"],
)
@pytest.mark.parametrize("key_value", [KEY_VALUE, b""], ids=["plain", "odd"])
def test_attributes_per_record_counts_every_part_of_a_record(owner: Any, key_value: bytes) -> None:
    two_passes(owner(key_value), Limits(attributes_per_record=3))
    with pytest.raises(scanner.RequestOverLimit, match="at least 3 attributes of one record"):
        two_passes(owner(key_value), Limits(attributes_per_record=2))


def size_of_columns(counts: Any) -> int:
    return sum(
        getattr(counts, name)
        * (8 * getattr(lib, f"OTLPV_{name[:-1].upper()}_WIDE") + 4 * getattr(lib, f"OTLPV_{name[:-1].upper()}_NARROW"))
        for name in TABLES
        if name != "nested"
    ) + counts.nested * (8 * lib.OTLPV_NESTED_WIDE + 4 * lib.OTLPV_NESTED_NARROW)


@pytest.mark.parametrize("factor", [1, 8])
@pytest.mark.parametrize(
    "bomb",
    [
        lambda n: request(*[b""] * n),
        lambda n: field(1, b"") * n,
        lambda n: request(field(11, b"") * n),
        lambda n: request(field(9, b"") * n),
        lambda n: with_attribute(field(5, field(1, b"") * n)),
    ],
    ids=["spans", "resources", "events", "attributes", "nested"],
)
def test_memory_is_bounded_by_the_length_of_the_request(bomb: Any, factor: int) -> None:
    """Two wire bytes make 60 to 150 bytes of columns: above 1 MiB that is refused."""
    generous = Limits(
        memory_factor=factor, spans=2**31, resources=2**31, events=2**31, attributes_per_record=2**31, nested=2**31
    )
    counts = ffi.new("otlpv_counts *")
    free = Limits(
        memory_factor=64, spans=2**31, resources=2**31, events=2**31, attributes_per_record=2**31, nested=2**31
    )
    low, high = 0, 100_000
    while high - low > 1:  # the number of elements that just fit
        number = (low + high) // 2
        data = bomb(number)
        try:
            scanner.count(data, free, counts)
            fits = size_of_columns(counts) <= factor * len(data) + 2**20
        except scanner.RequestOverLimit:
            fits = False
        low, high = (number, high) if fits else (low, number)
    scanner.count(bomb(low), generous, counts)
    assert one_pass(bomb(low), generous) is not None
    with pytest.raises(scanner.RequestOverLimit, match="bytes of columns") as caught:
        scanner.count(bomb(high), generous, counts)
    assert caught.value.limit == "memory_factor"
    assert caught.value.value > caught.value.allowed == factor * len(bomb(high)) + 2**20
    assert one_pass(bomb(high), generous) is None


def test_a_bomb_is_refused_before_it_is_read_to_its_end() -> None:
    rubbish_behind = request(*[b""] * 200_000) + b"\xff"
    with pytest.raises(scanner.RequestOverLimit, match="`spans` allows 131072"):
        two_passes(rubbish_behind, Limits())


def test_four_gibibytes_are_too_many_for_texts() -> None:
    """Refused by its length alone: none of its bytes is read."""
    fault, counts = ffi.new("otlpv_fault *"), ffi.new("otlpv_counts *")
    columns, nothing = ffi.new("otlpv_columns *"), ffi.new("uint8_t[1]")
    native = scanner._native_limits(Limits(bytes=2**32 - 1))
    assert lib.otlpv_count(nothing, 2**32, native, counts, fault) == lib.OTLPV_OVER_LIMIT
    assert (fault.limit, fault.value, fault.allowed) == (lib.OTLPV_LIMIT_BYTES, 2**32, 2**32 - 1)
    assert lib.otlpv_scan(nothing, 2**32, 32, 0, counts, columns, fault) == lib.OTLPV_OVER_LIMIT
    assert lib.otlpv_scan_at_once(nothing, 2**32, native, 0, columns, counts) == lib.OTLPV_OVER_LIMIT


# (request, message, field, offset of that field, what)
FAULTS = [
    (b"\x8a", "ExportTraceServiceRequest", 0, 0, "runs past"),
    (VALID + b"\x0a\x05", "ExportTraceServiceRequest", 1, len(VALID), "runs past"),
    (field(1, b"\x1a\x05"), "ResourceSpans", 3, 2, "runs past"),
    (field(1, field(1, b"\x10")), "Resource", 2, 4, "runs past"),
    (field(1, field(1, field(3, b"\x0a\x05"))), "EntityRef", 1, 6, "runs past"),
    (field(1, field(2, b"\x1a\x05")), "ScopeSpans", 3, 4, "runs past"),
    (field(1, field(2, field(1, b"\x20\xff"))), "InstrumentationScope", 4, 6, "runs past"),
    (request(b"\x50" + b"\xff" * 10), "Span", 10, 6, "varint"),
    (request(b"\x85\x01\x00"), "Span", 16, 6, "runs past"),
    (request(field(15, b"\x1a\x00\x17")), "Status", 0, 10, "wire type 6 or 7"),
    (request(field(11, b"\x0f")), "Event", 0, 8, "wire type"),
    (request(field(13, b"\x9c\x06")), "Link", 99, 8, "group"),
    (request(field(9, b"\x00")), "KeyValue", 0, 8, "no field number"),
    (request(field(9, KEY_VALUE) + field(9, b"\x12\x01\x18")), "AnyValue", 3, 19, "runs past"),
    (with_attribute(field(5, field(1, b"\x0a\x09"))), "AnyValue", 1, 69, "runs past"),
]


@pytest.mark.parametrize(("data", "message", "number", "offset", "what"), FAULTS)
def test_faults_say_what_and_where(data: bytes, message: str, number: int, offset: int, what: str) -> None:
    with pytest.raises(scanner.MalformedRequest, match=what) as caught:
        two_passes(data)
    assert (caught.value.message, caught.value.field, caught.value.offset) == (message, number, offset)
    assert f"of {message} at byte {offset}" in str(caught.value)
    assert "expected" in str(caught.value)


class Guarded:
    """Tables between canaries."""

    def __init__(self, counts: Any, spare: int = 0) -> None:
        self.native = ffi.new("otlpv_columns *")
        self.blocks = []
        for name in TABLES:
            kind = "NESTED" if name == "nested" else name[:-1].upper()
            table = getattr(self.native, name)
            table.capacity = getattr(counts, name) + spare
            for block, columns, dtype in (
                ("wide", getattr(lib, f"OTLPV_{kind}_WIDE"), np.uint64),
                ("narrow", getattr(lib, f"OTLPV_{kind}_NARROW"), np.uint32),
            ):
                size = columns * table.capacity
                cells = np.full(size + 128, CANARY & np.iinfo(dtype).max, dtype)
                setattr(table, block, ffi.cast(f"{cells.dtype}_t *", cells.ctypes.data + 64 * cells.itemsize))
                self.blocks.append((cells, size))

    def intact(self) -> bool:
        return all(
            (cells[:64] == cells.dtype.type(CANARY & np.iinfo(cells.dtype).max)).all()
            and (cells[64 + size :] == cells.dtype.type(CANARY & np.iinfo(cells.dtype).max)).all()
            for cells, size in self.blocks
        )


@given(RANDOMS, st.integers(0, 3), st.booleans())
def test_canaries_around_the_tables_live(rng: Random, spare: int, same: bool) -> None:
    """Also when the bytes are not those that were counted."""
    counts, fault = ffi.new("otlpv_counts *"), ffi.new("otlpv_fault *")
    try:
        scanner.count(first := random_request(rng, odd=True), WIDE, counts)
    except scanner.MalformedRequest:
        return
    second = first if same else random_request(rng, odd=True)
    guarded = Guarded(counts, spare)
    source = ffi.from_buffer("uint8_t[]", second)
    status = lib.otlpv_scan(source, len(second), WIDE.depth, 1, counts, guarded.native, fault)
    assert status == lib.OTLPV_OK or not same
    assert guarded.intact()
    if same:
        native = scanner._native_limits(WIDE)
        assert lib.otlpv_scan_at_once(source, len(second), native, 1, guarded.native, counts) == lib.OTLPV_OK
        assert guarded.intact()


def test_bytes_that_have_changed_since_they_were_counted_are_refused() -> None:
    columns = two_passes(request(VALID_SPAN, VALID_SPAN))
    for other in (request(VALID_SPAN), request(*[VALID_SPAN] * 3), with_attribute(b"\x18\x01"), VALID + VALID):
        with pytest.raises(scanner.MalformedRequest, match="not what was counted"):
            scanner.scan(other, 32, columns.counts, columns.native)


@pytest.mark.parametrize("later", [b"\x18\x01", b"\x0a\x00", field(6, b"")])
def test_elements_that_a_later_value_replaces_take_no_room(later: bytes) -> None:
    """There are more of them than rows in the table, for a while."""
    columns = two_passes(with_attribute(field(5, field(1, b"\x18\x01") * 500) + later))
    assert columns.nested.rows == 0
    columns = two_passes(
        with_attribute(
            field(5, field(1, field(5, field(1, b"\x18\x01") * 50) + later) + field(1, b"\x18\x02"))
            + field(5, field(1, b"\x18\x03"))
        )
    )
    assert columns.nested.rows == 3


def test_load_sizes_the_tables_only_when_it_must() -> None:
    columns = Columns()
    small, large = VALID, VALID * 1000
    sized = []

    def make_room() -> None:
        sized.append(columns.counts.spans)
        for name in TABLES:
            table = getattr(columns, name)
            table.reserve(getattr(columns.counts, name))
            columns._bind(table)

    for data in (small, large, large, small):
        scanner.load(data, Limits(), columns.counts, columns.native, make_room)
        assert columns.counts.spans == len(data) // len(VALID)
    assert sized == [1000]
    with pytest.raises(scanner.RequestOverLimit):
        scanner.load(large, Limits(spans=999), columns.counts, columns.native, make_room)
    with pytest.raises(scanner.MalformedRequest):
        scanner.load(large[:-1], Limits(), columns.counts, columns.native, make_room)
    assert sized == [1000]
