"""What the scanner remembers while it reads a request - lists of keys, cleared rows - changes nothing that it says."""

from collections.abc import Callable, Sequence

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from perf.collector_bytes import collector_bytes
from perf.workload import sdk_bytes

from tests.wire.scanning import all_defects, check, scanned

WRITERS: dict[str, Callable[[Message], bytes]] = {"SDK": sdk_bytes, "collector": collector_bytes}
LISTS: tuple[Sequence[str], ...] = (
    (),
    ("http.route", "http.request.method", "k", "url.full.that.is.longer.than.32.bytes"),
    ("http.request.method", "http.route", "k", "url.full.that.is.longer.than.32.bytes"),
    ("http.route", "http.route"),
    ("http.route", "http.request.method", "http.route"),
    ("http.route", ""),
    ("verifier.verdict", "http.route"),
    ("Überschrift.der.Seite", "http.route"),
    ("http.route",),
)
VALUES = (AnyValue(string_value="a value"), AnyValue(string_value="Zürich"), AnyValue(int_value=300), AnyValue())


def _request(spans: Sequence[tuple[Sequence[str], AnyValue]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    added = request.resource_spans.add().scope_spans.add().spans
    for keys, value in spans:
        added.add(name="a").attributes.extend(KeyValue(key=key, value=value) for key in keys)
    return request


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@given(spans=st.lists(st.tuples(st.sampled_from(LISTS), st.sampled_from(VALUES)), max_size=24))
def test_each_span_has_its_own_defects_whatever_came_before(
    write: Callable[[Message], bytes], spans: list[tuple[Sequence[str], AnyValue]]
) -> None:
    found = check(write(_request(spans)))
    assert found is not None
    for (keys, value), span in zip(spans, found[0]["scopes"][0]["spans"], strict=True):
        assert ("DUPLICATE_KEY" in span["defects"]) == (len(set(keys)) < len(keys))
        assert ("EMPTY_KEY" in span["defects"]) == ("" in keys)
        assert ("FORGED" in span["defects"]) == any(key.startswith("verifier.") for key in keys)
        assert ("EMPTY_VALUE" in span["defects"]) == (len(keys) > 0 and value == AnyValue())


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_keys_and_values_that_are_not_utf8_are_seen_each_time(write: Callable[[Message], bytes]) -> None:
    """Clean lists, and those with a bad value or with a key that differs from a good one in one byte."""
    spans = [(("some.good.key", "another.key"), AnyValue(string_value="the value 1"))] * 6
    for good, bad in ((b"the value 1", b"the value\xff1"), (b"some.good.key", b"some.good\xffkey")):
        data = write(_request(spans))
        parts = data.split(good)
        for at in range(1, len(parts)):
            for join in (good, bad):  # one is bad; all from there on are
                found = scanned(good.join(parts[:at]) + bad + join.join(parts[at:]))
                assert found is not None
                bad_spans = sum("ATTRIBUTE_UTF8" in span["defects"] for span in found[0]["scopes"][0]["spans"])
                assert bad_spans == (1 if join == good else 6 - (at - 1) * 6 // (len(parts) - 1))


def test_more_lists_than_are_remembered() -> None:
    lists = [(f"key.{i}", f"key.{i + 1}", f"key.{i + i % 2}") for i in range(600)]
    found = check(sdk_bytes(_request([(keys, VALUES[0]) for keys in lists * 2])))
    assert found is not None
    for keys, span in zip(lists * 2, found[0]["scopes"][0]["spans"], strict=True):
        assert ("DUPLICATE_KEY" in span["defects"]) == (len(set(keys)) < 3)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_rows_that_are_cleared_in_blocks_and_end_anywhere(write: Callable[[Message], bytes]) -> None:
    """Spans of many sizes, so that blocks of 1,024 rows, and tables that are just large enough, end within them."""
    spans = [([f"k{i}.{j}" for j in range(i % 37)], VALUES[i % 3]) for i in range(400)]
    found = check(write(_request(spans)))
    assert found is not None
    assert not all_defects(found)
    assert [len(span["attributes"]) for span in found[0]["scopes"][0]["spans"]] == [len(keys) for keys, _ in spans]


def test_an_attribute_that_runs_past_its_span_is_refused() -> None:
    """Though what it runs into is there, and looks like the rest of it."""
    data = sdk_bytes(_request([(("some.good.key",), AnyValue(string_value="x" * 40))] * 2))
    at = data.index(b"\x4a")
    for more in range(1, 60):
        if data[at + 1] + more < 0x80:
            assert check(data[: at + 1] + bytes([data[at + 1] + more]) + data[at + 2 :]) is None
