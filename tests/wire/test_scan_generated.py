"""Whatever a request holds, and however it is damaged: columns say what the slow twin and protobuf say."""

from collections.abc import Callable
from random import Random

import pytest
from google.protobuf.message import Message
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from perf.collector_bytes import collector_bytes
from perf.workload import request as realistic
from perf.workload import sdk_bytes

from otlp_verifier.wire._native import lib
from otlp_verifier.wire.seed import SEED
from tests.reference.scan_protobuf import as_protobuf_sees
from tests.reference.splice import fields as split
from tests.reference.splice import varint
from tests.strategies import RANDOMS, requests, spans
from tests.wire.encoding import field
from tests.wire.encoding import request as request_of
from tests.wire.requests import random_request
from tests.wire.scanning import all_defects, check

pytestmark = pytest.mark.many
TEXT = st.text(max_size=70)
INT64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300)


def key_values(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[KeyValue]:
    key = st.sampled_from(("a", "b", "")) | st.text(max_size=45)
    strindex = st.integers(0, 2) | st.integers(-(2**31), 2**31 - 1)
    return st.builds(KeyValue, key=key, value=values | st.none(), key_strindex=strindex)


SCALARS = st.one_of(
    TEXT.map(lambda text: AnyValue(string_value=text)),
    st.booleans().map(lambda value: AnyValue(bool_value=value)),
    INT64.map(lambda value: AnyValue(int_value=value)),
    st.floats().map(lambda value: AnyValue(double_value=value)),
    st.binary(max_size=40).map(lambda value: AnyValue(bytes_value=value)),
    st.integers(-(2**31), 2**31 - 1).map(lambda value: AnyValue(string_value_strindex=value)),
    st.just(AnyValue()),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: AnyValue(array_value=ArrayValue(values=items)))
        | st.lists(key_values(inner), max_size=4).map(lambda items: AnyValue(kvlist_value=KeyValueList(values=items)))
    ),
    max_leaves=12,
)


# Both orders of fields that there are: ascending, and as the collector's marshaller leaves them.
WRITERS = {"sdk": sdk_bytes, "collector": collector_bytes}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@given(request=requests())
def test_generated_requests(write: Callable[[Message], bytes], request: ExportTraceServiceRequest) -> None:
    assert check(write(request)) is not None


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@given(attributes=st.lists(key_values(VALUES), max_size=20), depth=st.integers(1, 4))
@example(attributes=[KeyValue(key=f"key.{i}") for i in range(40)], depth=1)
def test_generated_values(write: Callable[[Message], bytes], attributes: list[KeyValue], depth: int) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add().attributes.extend(attributes)
    assert check(write(request), depth) is not None


@given(st.lists(st.sampled_from([f"key.number.{i}" for i in range(60)]), max_size=40), st.sampled_from((1, 9)))
def test_duplicate_keys_are_seen_among_few_and_many(keys: list[str], times: int) -> None:
    span = Span()
    for i in range(times):
        span.attributes.extend(KeyValue(key=key if i == 0 else f"{i}.{len(span.attributes)}") for key in keys)
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(span)
    found = check(request.SerializeToString())
    assert found is not None
    assert ("DUPLICATE_KEY" in all_defects(found)) == (len(set(keys)) < len(keys))


@pytest.mark.parametrize("count", [2, 16, 17, 64, 1023, 1024, 1025, 3000])
@pytest.mark.parametrize("repeated", [None, "first", "middle"])
def test_duplicate_keys_are_seen_in_lists_of_any_size(count: int, repeated: str | None) -> None:
    """Attributes, a map, and maps in an array with the same keys each; the last key repeats the first or another."""
    names = [f"key.{i}" for i in range(count)]
    if repeated is not None:
        names[-1] = names[0 if repeated == "first" else count // 2 - 1]
    pairs = [KeyValue(key=name, value=AnyValue(int_value=1)) for name in names]
    one_map = AnyValue(kvlist_value=KeyValueList(values=pairs))
    for attributes, defect in (
        (pairs, "DUPLICATE_KEY"),
        ([KeyValue(key="m", value=one_map)], "NESTED_DUPLICATE_KEY"),
        ([KeyValue(key="a", value=AnyValue(array_value=ArrayValue(values=[one_map] * 3)))], "NESTED_DUPLICATE_KEY"),
    ):
        request = ExportTraceServiceRequest()
        request.resource_spans.add().scope_spans.add().spans.add().attributes.extend(attributes)
        found = check(request.SerializeToString())
        assert found is not None
        assert all_defects(found) == (set() if repeated is None else {defect})


def test_keys_that_share_a_cell_of_the_scan_are_told_apart() -> None:
    """Keys are compared only where a table by the low bits of their hashes, kept for a whole scan, tells to."""
    by_cell: dict[int, list[str]] = {}
    for i in range(2000):
        key = f"key.{i}"
        by_cell.setdefault(lib.otlpv_hash(key.encode(), len(key), SEED) % 1024, []).append(key)
    first, second, third = next(keys for keys in by_cell.values() if len(keys) >= 3)[:3]
    for keys in (
        [first, second],
        [first, first],
        [first, second, first],
        [second, first, third, second],
        [first, second, third],
    ):
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        resource_spans.resource.attributes.append(KeyValue(key=first))
        added = resource_spans.scope_spans.add().spans
        for some in ([first], keys, [second], keys):
            added.add().attributes.extend(KeyValue(key=key, value=AnyValue(int_value=1)) for key in some)
        found = check(request.SerializeToString())
        assert found is not None
        assert ("DUPLICATE_KEY" in all_defects(found)) == (len(set(keys)) < len(keys))


@given(RANDOMS, st.booleans())
def test_requests_with_every_legal_encoding(rng: Random, odd: bool) -> None:
    assert check(random_request(rng, odd=odd)) is not None or odd


def damaged(data: bytes, rng: Random) -> bytes:
    """The same with up to three bytes flipped, cut out or put in; lengths around them may or may not fit any more."""
    result = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(result) + 1)
        kind = rng.randrange(4)
        if kind == 0 and at < len(result):
            result[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del result[at : at + rng.randrange(1, 4)]
        elif kind == 2:
            result[at:at] = rng.choice((b"\x80", b"\x00", b"\x9b\x06", b"\x9c\x06", b"\xff", b"\x0a", rng.randbytes(3)))
        elif at < len(result):
            result[at] = rng.choice((0, 1, 2, 7, 8, 0x0A, 0x12, 0x7F, 0x80, 0x82, 0xFF, rng.randrange(256)))
    return bytes(result)


@settings(max_examples=600)
@given(RANDOMS, st.booleans())
def test_damaged_requests(rng: Random, odd: bool) -> None:
    check(damaged(random_request(rng, odd=odd), rng))


def test_a_field_0_is_skipped_in_a_group_and_nowhere_else() -> None:
    for inside in ("02 01 7a", "00 00", "0b 02 01 7a 0c", "03 04"):
        assert check(bytes.fromhex(f"0b {inside} 0c")) == []
    for alone in ("02 01 7a", "00 00", "07"):
        assert check(bytes.fromhex(alone)) is None


def rich() -> bytes:
    """A small request with one of everything."""
    rng = Random(4)
    while True:
        request = random_request(rng, odd=False)
        found = check(request) or []
        records = [span for resource in found for scope in resource["scopes"] for span in scope["spans"]]
        whole = all(any(span[name] for span in records) for name in ("events", "links", "attributes"))
        nested = any(value and value[0] in {"array", "map"} for span in records for _, value in span["attributes"])
        if whole and nested and len(request) < 300 and any(span["status"][1] for span in records):
            return request


def test_damage_at_every_byte_of_a_rich_request() -> None:
    data = rich()
    for at in range(len(data)):
        check(data[:at])
        check(data[:at] + data[at + 1 :])
        for byte in (data[at] ^ 0x01, data[at] ^ 0x80):
            check(data[:at] + bytes([byte]) + data[at + 1 :])


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_realistic_batch_cut_off_anywhere_and_damaged_here_and_there(write: Callable[[Message], bytes]) -> None:
    rng = Random(7)
    data = write(realistic(spans=6, seed=3))
    found = check(data)
    assert found is not None
    assert not all_defects(found)
    for length in range(0, len(data), 5):
        check(data[:length])
    for _ in range(200):
        check(damaged(data, rng))


def test_both_orders_of_fields_mean_the_same() -> None:
    message = realistic(spans=40, seed=9)
    sdk, collector = (as_protobuf_sees(check(write(message))) for write in WRITERS.values())
    assert sdk == collector


def usual_span(write: Callable[[Message], bytes]) -> bytes:
    """A span as it mostly is, with two attributes; but the bytes of its fields can be read as fields themselves."""
    message = realistic(spans=1, seed=2).resource_spans
    span = next(span for each in message for scope in each.scope_spans for span in scope.spans)
    span.trace_id = b"\x0a\x0eabcdefghijklmn"
    span.span_id = b"\x2a\x06abcdef"
    span.parent_span_id = b"\x2a\x06ghijkl"
    span.start_time_unix_nano = int.from_bytes(b"\x7a\x06mnopqr", "little")
    span.end_time_unix_nano = int.from_bytes(b"\x7a\x06stuvwx", "little")
    del span.attributes[2:]
    return write(span)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_field_of_a_usual_span_removed_repeated_moved_or_exchanged(write: Callable[[Message], bytes]) -> None:
    """The loops over fields in their usual order must notice when they are not."""
    fields = [each.raw for each in split(usual_span(write))]
    for i, raw in enumerate(fields):
        without = fields[:i] + fields[i + 1 :]
        variants = [without, [*fields, raw], [raw, *fields]] + [
            [*without[:at], raw, *without[at:]] for at in range(len(fields))
        ]
        for variant in variants:
            assert check(request_of(b"".join(variant))) is not None
        for tag in (b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x30", b"\x39", b"\x41", b"\x4a", b"\x52", b"\x7a"):
            check(request_of(b"".join([*fields[:i], tag + raw[1:], *fields[i + 1 :]])))
        for cut in range(1, len(raw)):
            check(request_of(b"".join([*fields[:i], raw[:cut], *fields[i + 1 :]])))


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_byte_of_a_usual_spans_name_counts(write: Callable[[Message], bytes]) -> None:
    fields = [each.raw for each in split(usual_span(write))]
    at = next(number for number, raw in enumerate(fields) if raw[0] == 5 << 3 | 2)
    for length in (*range(36), 47, 48, 49, 63, 64, 65, 127, 128):
        for bad in range(-1, length):
            name = bytes(0xC3 if i == bad else 0x61 for i in range(length))
            found = check(request_of(b"".join([*fields[:at], field(5, name), *fields[at + 1 :]])))
            assert found is not None
            assert ("FIELD_UTF8" in all_defects(found)) == (bad >= 0)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_the_end_of_a_span_is_where_its_length_says(write: Callable[[Message], bytes]) -> None:
    """The bytes that are cut off follow behind it, as they are or inside an unknown field: only the length tells."""
    data = usual_span(write)
    for length in range(len(data)):
        check(field(1, field(2, b"\x12" + varint(length) + data)))
        check(field(1, field(2, field(2, data[:length]) + field(15, data[length:]))))
    for first in range(len(data)):
        check(request_of(data[first:]))


@given(st.lists(spans(), max_size=3), st.integers(0, 2**64 - 1))
def test_times_and_ids_of_the_usual_lengths(made: list[Span], number: int) -> None:
    """What the loop over the usual fields reads, with fields of other lengths and orders between."""
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    for span in made:
        span.trace_id = number.to_bytes(8) * 2
        span.span_id = number.to_bytes(8)
        span.start_time_unix_nano = number
        span.end_time_unix_nano = number // 3
        scope_spans.spans.append(span)
    assert check(request.SerializeToString()) is not None
