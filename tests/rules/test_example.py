"""The example notation, by what protobuf reads from the bytes."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.policy import Completeness
from otlp_verifier.rules import catalogue, example
from otlp_verifier.rules.example import read
from otlp_verifier.rules.notation import BASE_TIME_NS, NotationError

ID = "5a5a5a5a000000{:02x}"
TRACE_ID = "5a5a5a5a5a5a5a5a5a5a5a5a000000{:02x}"


def request(notation: str) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(read(yaml.safe_load(notation)).request)


def spans(notation: str) -> list[Span]:
    return [
        span
        for resource_spans in request(notation).resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def span(notation: str) -> Span:
    return spans(f"spans: [{notation}]")[0]


def test_what_is_left_out_is_filled() -> None:
    example = read({"why": "because", "spans": [{}]})
    assert (example.why, example.completeness, example.also) == ("because", Completeness.BATCH, ())
    whole = ExportTraceServiceRequest.FromString(example.request)
    keys = [pair.key for pair in whole.resource_spans[0].resource.attributes]
    assert "service.name" in keys
    assert "telemetry.sdk.name" in keys
    assert whole.resource_spans[0].scope_spans[0].scope.name
    one = whole.resource_spans[0].scope_spans[0].spans[0]
    assert one.name
    assert one.trace_id.hex() == TRACE_ID.format(20)
    assert one.span_id.hex() == ID.format(1)
    assert one.parent_span_id == b""
    assert one.kind == Span.SPAN_KIND_INTERNAL
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (BASE_TIME_NS, BASE_TIME_NS + 1_000_000)
    assert not (one.flags)
    assert not (one.trace_state)
    assert not (one.events)
    assert not (one.links)
    assert not (one.HasField("status"))


def test_example_keys() -> None:
    example = read({"spans": [], "completeness": "trace", "also": ["a-rule"]})
    assert (example.completeness, example.also) == (Completeness.TRACE, ("a-rule",))


def test_ids_are_labels_hex_digits_or_the_position() -> None:
    found = spans("""
        spans:
        - {}
        - {id: z, parent: a, trace: b}
        - {id: "00000000000000ab", trace: "000000000000000000000000000000cd"}
        - {}
    """)
    assert [one.span_id.hex() for one in found] == [ID.format(1), ID.format(26), "00000000000000ab", ID.format(4)]
    assert [one.trace_id.hex() for one in found] == [
        TRACE_ID.format(20), TRACE_ID.format(2), "000000000000000000000000000000cd", TRACE_ID.format(20)
    ]  # fmt: skip
    assert found[1].parent_span_id == found[0].span_id


def test_positions_are_counted_over_the_whole_example() -> None:
    found = spans("resources: [{scopes: [{spans: [{}, {}]}, {spans: [{}]}]}, {scopes: [{spans: [{}]}]}]")
    assert [one.span_id.hex() for one in found] == [ID.format(n) for n in (1, 2, 3, 4)]


def test_ids_of_any_length() -> None:
    one = span('{trace_id: "0102", span_id: "", parent_span_id: "00 00 00"}')
    assert (one.trace_id, one.span_id, one.parent_span_id) == (b"\1\2", b"", bytes(3))


@pytest.mark.parametrize(
    ("written", "ns"),
    [
        ("0", 0),
        ("10ms", 10**7),
        ("-5us", -5000),
        ("2.5s", 25 * 10**8),
        ("1h", 36 * 10**11),
        ("3m", 18 * 10**10),
        ("7ns", 7),
    ],
)
def test_times_follow_the_base_time(written: str, ns: int) -> None:
    one = span(f"{{start: {written}, end: {written}, events: [{{time: {written}}}]}}")
    assert one.start_time_unix_nano == one.end_time_unix_nano == one.events[0].time_unix_nano == BASE_TIME_NS + ns


def test_times_as_they_are() -> None:
    one = span("{start_unix_nano: 0, end_unix_nano: 18446744073709551615, events: [{time_unix_nano: 7}]}")
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (0, 2**64 - 1)
    assert one.events[0].time_unix_nano == 7


def test_an_end_follows_its_start() -> None:
    assert span("{start: 10ms}").end_time_unix_nano == BASE_TIME_NS + 11_000_000
    assert span("{start_unix_nano: 0}").end_time_unix_nano == BASE_TIME_NS + 1_000_000
    assert span("{start: 10ms, events: [{}]}").events[0].time_unix_nano == BASE_TIME_NS + 10_000_000


@pytest.mark.parametrize(
    ("written", "number"), [("server", 2), ("unspecified", 0), ("consumer", 5), ("9", 9), ("-1", -1)]
)
def test_kinds(written: str, number: int) -> None:
    assert span(f"{{kind: {written}}}").kind == number


@pytest.mark.parametrize(
    ("written", "code", "message"),
    [("error", 2, ""), ("unset", 0, ""), ("7", 7, ""), ("{code: ok, message: m}", 1, "m"), ("{message: m}", 0, "m")],
)
def test_status(written: str, code: int, message: str) -> None:
    status = span(f"{{status: {written}}}").status
    assert (status.code, status.message) == (code, message)


def test_attribute_values_of_every_kind() -> None:
    pairs = span(
        "{attributes: {s: x, b: true, i: -3, d: 1.5, n: null, a: [1, x, null], m: {k: [2]}, o: !!binary /w==}}"
    ).attributes
    values = {pair.key: pair.value for pair in pairs}
    assert values["s"].string_value == "x"
    assert values["b"].bool_value is True
    assert values["i"].int_value == -3
    assert values["d"].double_value == 1.5
    assert not next(pair for pair in pairs if pair.key == "n").HasField("value")
    assert [value.WhichOneof("value") for value in values["a"].array_value.values] == [
        "int_value",
        "string_value",
        None,
    ]
    assert values["m"].kvlist_value.values[0].value.array_value.values[0].int_value == 2
    assert values["o"].bytes_value == b"\xff"


def test_a_long_text_is_a_short_one_repeated() -> None:
    pairs = span("{attributes: {a: {repeat: xy, times: 3}, b: {repeat: x}}}").attributes
    assert [pair.value.WhichOneof("value") for pair in pairs] == ["string_value", "kvlist_value"]
    assert pairs[0].value.string_value == "xyxyxy"


def test_a_list_of_pairs_repeats_keys() -> None:
    pairs = span("{attributes: [[k, 1], [k, x]]}").attributes
    assert [(pair.key, pair.value.WhichOneof("value")) for pair in pairs] == [("k", "int_value"), ("k", "string_value")]


def test_the_rest_of_a_span() -> None:
    one = span("""{name: n, flags: 0x301, trace_state: a=1, dropped_attributes_count: 1, dropped_events_count: 2,
        dropped_links_count: 3, events: [{name: e, attributes: {k: 1}, dropped_attributes_count: 4}],
        links: [{}, {trace: m, span: b, trace_state: b=2, flags: 1, attributes: {k: 1}, dropped_attributes_count: 5}]}
    """)
    assert (one.name, one.flags, one.trace_state) == ("n", 0x301, "a=1")
    assert (one.dropped_attributes_count, one.dropped_events_count, one.dropped_links_count) == (1, 2, 3)
    event, (other, link) = one.events[0], one.links
    assert (event.name, event.attributes[0].key, event.dropped_attributes_count) == ("e", "k", 4)
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE_ID.format(13), ID.format(2))
    assert (link.trace_state, link.flags, link.attributes[0].key, link.dropped_attributes_count) == ("b=2", 1, "k", 5)
    assert (other.trace_id.hex(), other.span_id.hex()) == (TRACE_ID.format(12), ID.format(1))


def test_resource_and_scope() -> None:
    whole = request("""
        resource: {service.name: s}
        scope: {name: n, version: v, attributes: {k: 1}, schema_url: u, dropped_attributes_count: 3}
        spans: []
    """).resource_spans[0]
    assert [pair.key for pair in whole.resource.attributes] == ["service.name"]
    scope_spans = whole.scope_spans[0]
    assert (scope_spans.scope.name, scope_spans.scope.version, scope_spans.schema_url) == ("n", "v", "u")
    assert scope_spans.scope.dropped_attributes_count == 3
    assert scope_spans.scope.attributes[0].key == "k"


def test_several_resources() -> None:
    whole = request("""
        resources:
        - {attributes: {a: 1}, schema_url: u, dropped_attributes_count: 2, scopes: [{name: n, spans: [{}]}, {}]}
        - {}
    """)
    first, second = whole.resource_spans
    assert (first.schema_url, first.resource.dropped_attributes_count, len(first.scope_spans)) == ("u", 2, 2)
    assert next(pair.key for pair in second.resource.attributes) == "service.name"
    assert not second.scope_spans


def test_raw_bytes_follow_a_records_own() -> None:
    one = span('{name: first, raw: "2a 01 78", events: [{name: e, raw: "12 01 79"}], links: [{raw: "1a 01 7a"}]}')
    assert (one.name, one.events[0].name, one.links[0].trace_state) == ("x", "y", "z")
    whole = request('resources: [{raw: "10 07", scopes: [{raw: "0a 01 78"}]}]').resource_spans[0]
    assert (whole.resource.dropped_attributes_count, whole.scope_spans[0].scope.name) == (7, "x")


def test_bytes_are_the_whole_request() -> None:
    assert read({"bytes": ["0a 02", "12 00"]}).request == bytes.fromhex("0a021200")
    assert read({"bytes": "0A021200"}).request == bytes.fromhex("0a021200")


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16_383, 16_384, 3_000_000])
def test_frames_of_every_length(size: int) -> None:
    whole = ExportTraceServiceRequest.FromString(read({"spans": [{"name": "x" * size}]}).request)
    assert whole.resource_spans[0].scope_spans[0].spans[0].name == "x" * size


@pytest.mark.parametrize(
    ("notation", "message"),
    [
        ("[]", "example: expected a mapping with the keys why"),
        ("{span: []}", "example: unknown key `span`; did you mean `spans`?"),
        ("{}", "example: expected one of the keys spans, resources, bytes; found none"),
        ("{spans: [], bytes: ''}", "expected one of the keys spans, resources, bytes; found ['spans', 'bytes']"),
        ("{resources: [], scope: {}}", "example.scope: cannot stand beside resources"),
        ("{spans: [], completeness: whole}", "example.completeness: expected batch or trace, found `whole`"),
        ("{spans: {}}", "scopes[0].spans: expected a list, found `{}`"),
        ("{spans: [], scope: n}", "example.scope: expected a mapping with the keys name"),
        ("{spans: [{nme: x}]}", "example.resources[0].scopes[0].spans[0]: unknown key `nme`; did you mean `name`?"),
        ("{spans: [7]}", "spans[0]: expected a mapping"),
        ("{spans: [{name: 7}]}", "spans[0].name: expected text, found `7`"),
        ("{spans: [{start: 10}]}", "spans[0].start: expected a duration such as 10ms (units ns, us"),
        ("{spans: [{start: 1ms, start_unix_nano: 1}]}", "start and start_unix_nano say the same thing"),
        ("{spans: [{id: aa}]}", "spans[0].id: expected a letter from a to z, or 16 hex digits in quotes; found `aa`"),
        (
            "{spans: [{trace: 11111111111111111111111111111111}]}",
            "trace: expected a letter from a to z, or 32 hex digits",
        ),
        ("{spans: [{span_id: xyz}]}", "span_id: expected pairs of hex digits, found `xyz`"),
        ("{spans: [{span_id: 12}]}", "span_id: expected hex digits in quotes"),
        ("{spans: [{kind: sever}]}", "kind: expected one of unspecified, internal, server"),
        ("{spans: [{kind: true}]}", "kind: expected one of"),
        ("{spans: [{status: {cod: 1}}]}", "spans[0].status: unknown key `cod`; did you mean `code`?"),
        ("{spans: [{flags: -1}]}", "flags: expected a whole number from 0 on, found `-1`"),
        ("{spans: [{flags: 4294967296}]}", "example: "),
        ("{spans: [{kind: 4294967296}]}", "example: "),
        ("{spans: [{start: -60000000h}]}", "example: "),
        ("{spans: [{attributes: 7}]}", "attributes: expected a mapping or a list of pairs, found `7`"),
        ("{spans: [{attributes: [[a]]}]}", "attributes: expected a mapping or a list of pairs"),
        ("{spans: [{attributes: {1: a}}]}", "attributes: key: expected text, found `1`"),
        (
            "{spans: [{attributes: {a: 2024-01-01}}]}",
            "attributes.a: expected text, a number, true, false, a list or a mapping",
        ),
        ("{spans: [{events: [{nam: x}]}]}", "events[0]: unknown key `nam`; did you mean `name`?"),
        ("{spans: [{links: [{id: x}]}]}", "links[0]: unknown key `id`"),
    ],
)
def test_a_mistake_is_named_with_its_place(notation: str, message: str) -> None:
    with pytest.raises(NotationError) as caught:
        read(yaml.safe_load(notation))
    assert message in str(caught.value)


TRIED = """\
- id: few
  severity: error
  description: Few spans.
  rule: for each trace t require t.spans.count <= most
  parameters: {most: 1000, wait: 1s}
  examples: {parameters: %s}
"""


def tried(folder: Path, parameters: str) -> Mapping[str, int | str]:
    path = folder / "mine.yaml"
    path.write_text(TRIED % parameters)
    [rule] = catalogue.read(path, [])
    return example.tried(rule).parameters


def test_examples_may_lower_a_limit(tmp_path: Path) -> None:
    assert tried(tmp_path, "{most: 2}") == {"most": 2, "wait": "1s"}
    assert tried(tmp_path, "{wait: 5ms}") == {"most": 1000, "wait": "5ms"}
    assert tried(tmp_path, "{}") == {"most": 1000, "wait": "1s"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("{least: 2}", "few: examples.parameters: expected some of most, wait, found"),
        ("[2]", "few: examples.parameters: expected some of most, wait, found"),
        ("{most: 2s}", "few: examples.parameters.most: expected an integer as in the rule, found `2s`"),
        ("{wait: 2}", "few: examples.parameters.wait: expected a duration as in the rule, found `2`"),
        ("{wait: long}", "few: examples.parameters.wait: expected a duration as in the rule, found `long`"),
    ],
)
def test_what_examples_may_not_change(tmp_path: Path, parameters: str, message: str) -> None:
    with pytest.raises(NotationError, match=re.escape(message)):
        tried(tmp_path, parameters)
