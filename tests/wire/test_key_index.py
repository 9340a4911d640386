"""Keys with an index, read from a record's bytes: whatever stands around them, and whatever the bytes are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otlp_verifier.wire.key_index import FIELDS_MAX, KeyWithIndex, keys_with_index

BOTH = KeyValue(key="a", key_strindex=3)
PAIR = b"\x4a\x05" + BOTH.SerializeToString()
FOUND = [KeyWithIndex(b"a", 3, None)]


def found(record: bytes, table: str = "spans") -> list[KeyWithIndex]:
    return list(keys_with_index(memoryview(record), table))


def nested(depth: int) -> bytes:
    """The span of an attribute `top` that has BOTH in so many maps."""
    pair = BOTH
    for level in reversed(range(depth)):
        outer = KeyValue(key="top" if level == 0 else "k")
        outer.value.kvlist_value.values.append(pair)
        pair = outer
    return Span(attributes=[pair]).SerializeToString()


@pytest.mark.parametrize(
    ("table", "record"),
    [
        ("resources", ResourceSpans(resource={"attributes": [BOTH]}, schema_url="x")),
        ("scopes", ScopeSpans(scope={"name": "shop", "attributes": [BOTH]}, spans=[Span(attributes=[BOTH])])),
        ("spans", Span(name="x", attributes=[BOTH], events=[Span.Event(attributes=[BOTH])])),
        ("events", Span.Event(name="x", attributes=[BOTH])),
        ("links", Span.Link(trace_id=b"x", attributes=[BOTH])),
    ],
)
def test_records_of_every_table(table: str, record: ResourceSpans | ScopeSpans | Span | Span.Event | Span.Link) -> None:
    assert found(record.SerializeToString(), table) == FOUND


@pytest.mark.parametrize(
    ("pair", "index"),
    [
        ("0a 01 61 18 03", 3),
        ("18 03 0a 01 61", 3),
        ("18 07 0a 01 62 18 03 0a 01 61", 3),
        ("0a 01 61 98 80 00 03", 3),
        ("0a 01 61 18 ff ff ff ff ff ff ff ff ff 01", -1),
        ("0a 01 61 18 83 80 80 80 10", 3),
        ("0a 01 61 18 80 80 80 80 10", None),
        ("0a 01 61 18 03 18 00", None),
        ("0a 01 61 0a 00 18 03", None),
        ("0a 01 61 1d 03 00 00 00", None),
        ("18 03", None),
        ("0a 01 61", None),
    ],
)
def test_the_last_of_each_field_counts(pair: str, index: int | None) -> None:
    body = bytes.fromhex(pair)
    expected = [] if index is None else [KeyWithIndex(b"a", index, None)]
    assert found(b"\x4a" + bytes([len(body)]) + body) == expected


@pytest.mark.parametrize(
    "before",
    [
        "08 96 01",
        "39 01 02 03 04 05 06 07 08",
        "85 01 01 02 03 04",
        "2a 03 4a 01 00",
        "0b 4a 05 0a 01 62 18 04 0c",
        "0b 13 14 0c",
    ],
)
def test_what_stands_before_is_skipped(before: str) -> None:
    assert found(bytes.fromhex(before) + PAIR + bytes.fromhex(before)) == FOUND


@pytest.mark.parametrize("broken", ["0e", "08 ff", "4a", "4a ff", "4a 7f 0a 01 62 18", "0c", "0b", "ff" * 11])
def test_what_is_before_broken_bytes_is_found(broken: str) -> None:
    assert found(PAIR + bytes.fromhex(broken)) == FOUND


def test_nesting_costs_no_calls() -> None:
    assert found(nested(30)) == [KeyWithIndex(b"a", 3, b"top")]
    deep = PAIR
    for _ in range(5_000):  # a value in a list in a value, with lengths that are longer than what is there
        deep = b"\x12\xff\xff\x7f\x2a\xff\xff\x7f\x0a\xff\xff\x7f" + deep
    assert found(b"\x4a\xff\xff\x7f" + deep) == []


def test_outer_keys_come_first() -> None:
    inner = KeyValue(key="k", key_strindex=-5, value=AnyValue(int_value=1))
    outer = KeyValue(key="a", key_strindex=2)
    outer.value.kvlist_value.values.extend([inner, BOTH])
    expected = [(b"a", 2, None), (b"k", -5, b"a"), (b"a", 3, b"a"), (b"a", 3, None)]
    assert found(Span(attributes=[outer, BOTH]).SerializeToString()) == expected


def test_no_record_is_read_without_end() -> None:
    assert found(b"\x58\x01" * (FIELDS_MAX - 3) + PAIR) == FOUND
    assert found(b"\x58\x01" * FIELDS_MAX + PAIR) == []


@pytest.mark.many
@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda end: nested(3)[:-3] + end))
def test_any_bytes_can_be_read(record: bytes) -> None:
    for table in ("resources", "scopes", "spans", "events", "links"):
        assert all(each.key and each.key_index for each in found(record, table))
