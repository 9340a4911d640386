"""Attributes to bits, against a slow walk over the registry's table, whatever came before."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.attributes import keys as keys_module
from otlp_verifier.attributes import records as module
from otlp_verifier.attributes.facts import version_number
from otlp_verifier.attributes.faults import NAMES, Fault
from otlp_verifier.attributes.key_codes import KeyCodes
from otlp_verifier.attributes.keys import Keys
from otlp_verifier.attributes.places import UNSTATED
from otlp_verifier.attributes.records import DOMAINS, FAULTS, VERSION, AttributeRecords
from otlp_verifier.columns import Columns
from otlp_verifier.findings.batch import Batch
from otlp_verifier.findings.faulty import faulty
from otlp_verifier.kernels.chain import Chain, Step
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.machine.operations import Domain, NarrowTable
from otlp_verifier.registry.model import Version
from otlp_verifier.registry.opentelemetry import alone
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.shapes import Shapes
from otlp_verifier.wire.limits import Limits
from tests.reference import attributes as reference
from tests.reference.records import records

LIMITS = Limits(memory_factor=64)
EVERY = sum(Fault)
KEYS = [
    "http.request.method", "http.method", "http.response.status_code", "net.peer.ip", "server.port", "db.system",
    "db.system.name", "db.response.returned_rows", "error.type", "rpc.grpc.status_code", "os.type",
    "process.command_args", "aws.ecs.task.arn", "http.request.header.content-type", "http.request.header.X-Id",
    "http.request.header", "exception.escaped", "system.cpu.utilization", "otel.mine", "otel.dropped_links_count",
    "otel.scope.name", "http", "http.mine", "shop.cart",
    "Shop.Cart", "shop.cart.size", "shop", "cart", "", "a.", ".b", "a..b", "shop\u00e9.x", "type", "container.label.x",
    "process.cpu.load", "faas.coldstart", "thread.id", "url.template",
]  # fmt: skip
TEXTS = [
    "GET", "get", "200", "-7", "1.5", "+7", "true", "False", "nan", "1e999", "linux", "Linux", "postgres", "postgresql",
    "postgresq", "PostgreSql", "mysql", "mongo", "x", "", "a\x00b", "a\tb", "\x7f", "oracle.db", "windowz", "dariwn",
]  # fmt: skip
URLS = st.sampled_from([
    "", "https://opentelemetry.io/schemas/1.20.0", "https://opentelemetry.io/schemas/1.24.0",
    "https://opentelemetry.io/schemas/1.44.0", "https://opentelemetry.io/schemas/1.45.0", "https://shop.org/schemas/1.0.0",
    "https://opentelemetry.io/schemas/latest",
])  # fmt: skip


@st.composite
def values(draw: st.DrawFn, into: Any, depth: int = 0) -> None:
    match draw(st.integers(0, 8 if depth < 2 else 4)):
        case 0:
            into.string_value = draw(st.sampled_from(TEXTS))
        case 1:
            into.int_value = draw(st.sampled_from([0, 7, 16, 17, 200, -1, 2**40]))
        case 2:
            into.double_value = draw(st.sampled_from([1.0, 1.5, float("nan"), float("inf"), -0.0, 1e300, 2.0**52 + 1]))
        case 3:
            into.bool_value = draw(st.booleans())
        case 4:
            into.bytes_value = b"x"
        case 5 | 6:
            into.array_value.SetInParent()
            for _ in range(draw(st.integers(0, 3))):
                draw(values(into.array_value.values.add(), depth + 1))
        case 7:
            into.kvlist_value.SetInParent()
            for _ in range(draw(st.integers(0, 2))):
                draw(values(into.kvlist_value.values.add(key=draw(st.sampled_from(KEYS))).value, depth + 1))
        case 8:
            into.SetInParent()


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()

    def fill(record: Any) -> None:
        for _ in range(draw(st.integers(0, 3))):
            draw(values(record.attributes.add(key=draw(st.sampled_from(KEYS))).value))

    for _ in range(draw(st.integers(1, 2))):
        resource = request.resource_spans.add(schema_url=draw(URLS))
        fill(resource.resource)
        for _ in range(draw(st.integers(0, 2))):
            scope = resource.scope_spans.add(schema_url=draw(URLS))
            fill(scope.scope)
            for _ in range(draw(st.integers(0, 2))):
                span = scope.spans.add()
                fill(span)
                fill(span.events.add())
                fill(span.links.add())
    return request


class Looked:
    """The records of one batch after another."""

    def __init__(self) -> None:
        self.columns, self.relations = Columns(), Relations()
        self.shapes = Shapes()
        self.keys = Keys(ATTRIBUTES, self.shapes)
        self.records = AttributeRecords(dict.fromkeys(DOMAINS, EVERY), ATTRIBUTES, self.keys, self.shapes, alone())
        columns = self.columns
        tables = (columns.resources, columns.scopes, columns.spans, columns.events, columns.links)
        self.tables = dict(zip(DOMAINS, tables, strict=True))
        self._chain = Chain(self._steps, [columns, self.relations, self.shapes, self.keys, self.records])

    def _steps(self) -> list[Step]:
        columns, records = self.columns, self.records
        return [
            self.relations.step(columns),
            *records.version_steps(columns, self.tables),
            self.shapes.step(columns, records.versions),
            *self.keys.steps(columns, self.tables),
            *records.steps(columns),
        ]

    def at(self, request: ExportTraceServiceRequest) -> None:
        self.columns.load(request.SerializeToString(), LIMITS)
        self._chain.run(self.columns.buffer)

    def faults(self, domain: Domain) -> list[set[str]]:
        bits = self.records.found[domain][FAULTS, : self.tables[domain].rows].tolist()
        return [{name for name, fault in NAMES.items() if each & fault} for each in bits]

    def versions(self, domain: Domain) -> list[int]:
        return [int(each) for each in self.records.found[domain][VERSION, : self.tables[domain].rows]]


def check(looked: Looked, request: ExportTraceServiceRequest) -> None:
    looked.at(request)
    walked = records(request)
    batch = Batch(looked.columns, looked.relations, alone())
    for domain in DOMAINS:
        found, expected = looked.faults(domain), [reference.faults(each) for each in walked[domain.name.lower()]]
        assert found == expected, domain
        stated = [reference.declared(each) for each in walked[domain.name.lower()]]
        assert looked.versions(domain) == [UNSTATED if v is None else version_number(Version(*v)) for v in stated]
        for row, faults in enumerate(expected):
            said = {name: list(faulty(batch, row, domain, fault)) for name, fault in NAMES.items()}
            assert {name for name, words in said.items() if words} == faults, said


@pytest.mark.parametrize("room", [1 << 14, 4], ids=["roomy", "starting again and again"])
def test_bits_and_words_are_those_of_a_slow_walk(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ENTRIES", room)
    monkeypatch.setattr(module, "_PAIRS", room)
    monkeypatch.setattr(keys_module, "KeyCodes", partial(KeyCodes, 2 * room))
    looked = Looked()

    @settings(max_examples=100)
    @given(requests())
    def batches(request: ExportTraceServiceRequest) -> None:
        check(looked, request)

    batches()


def one(**attributes: Any) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    for key, value in attributes.items():
        span.attributes.add(key=key.replace("__", ".")).value.string_value = value
    return request


def test_what_was_not_answered_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Looked()
    request = one(os__type="Linux", server__port="a\x00b")
    request.resource_spans[0].schema_url = "https://opentelemetry.io/schemas/1.20.0"
    for step in ("version_number", "facts_of", "value_faults"):
        with monkeypatch.context() as patched:
            patched.setattr(module, step, _interrupted)
            with pytest.raises(KeyboardInterrupt):
                looked.at(request)
        check(looked, one(os__type="linux"))
    check(looked, request)


def _interrupted(*_: object) -> Any:
    raise KeyboardInterrupt


def test_a_string_is_huge_from_32_kib_on() -> None:
    looked = Looked()
    for length in (32 << 10, (32 << 10) + 1):
        check(looked, one(shop__note="x" * length))


def test_only_what_is_asked_for_is_looked_for() -> None:
    plan = compile_rules([Source("r", 'for each span s require not HasFaultyAttribute(s, "type")')])
    assert plan.bits == {NarrowTable.FAULTS: {Domain.SPAN: Fault.TYPE}}
    plan = compile_rules([Source("r", 'for each span s require SinceSemconv(s.resource, "1.24.0")')])
    assert plan.bits == {NarrowTable.FAULTS: {Domain.RESOURCE: 0}}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ('HasFaultyAttribute(s, "typo")', "did you mean `type`?"),
        ("HasFaultyAttribute(s, s.name)", "takes a fault here, one of unknown, deprecated"),
        ('HasFaultyAttribute(s.name, "type")', "looks at a span, an event, a link, a resource or a scope, not at"),
        ('HasFaultyAttribute(s)', "HasFaultyAttribute takes 2 arguments, not 1"),
        ('SinceSemconv(s, "1.24")', "takes a version here, such as 1.24.0"),
        ('SinceSemconv(s, 1.24)', "takes a version here, such as 1.24.0"),
    ],
)  # fmt: skip
def test_mistakes_are_named(condition: str, message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source("r", f"for each span s require not {condition}")])
    assert message in str(caught.value.errors[0])
