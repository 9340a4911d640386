"""Records to bits, against a slow walk: whatever came before, and however often dictionaries start again."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.attributes import keys as keys_module
from otlp_verifier.attributes.key_codes import KeyCodes
from otlp_verifier.attributes.keys import Keys
from otlp_verifier.columns import Columns
from otlp_verifier.kernels.chain import Chain, Step
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.machine.operations import Domain, NarrowTable
from otlp_verifier.relate.shapes import Shapes
from otlp_verifier.sensitive import records as module
from otlp_verifier.sensitive.classes import NAMES, mask_of
from otlp_verifier.sensitive.records import SensitiveRecords
from otlp_verifier.sensitive.scan import EVERY
from otlp_verifier.wire.dictionary import Dictionary
from otlp_verifier.wire.limits import Limits
from tests.reference.records import records
from tests.reference.sensitive import holds
from tests.rules.break_sensitive import BY_KEY, TEXTS

DOMAINS = (Domain.RESOURCE, Domain.SCOPE, Domain.SPAN, Domain.EVENT, Domain.LINK)
LIMITS = Limits(memory_factor=64)
TEXT = st.one_of(st.sampled_from([*TEXTS.values(), "order 7", "", "***"]), st.text(max_size=8))
KEY = st.sampled_from(
    ["shop.note", "order.id", "db.password", "user.id", "client.address", "http.request.header.authorization",
     "geo.location.lat", "shop.credential", *(key for key, _ in BY_KEY.values())]
)  # fmt: skip


@st.composite
def values(draw: st.DrawFn, into: Any, depth: int = 0) -> None:
    match draw(st.integers(0, 5 if depth < 2 else 3)):
        case 0 | 1:
            into.string_value = draw(TEXT)
        case 2:
            into.int_value = draw(st.integers(-9, 9))
        case 3:
            into.double_value = 1.5
        case 4:
            into.array_value.SetInParent()
            for _ in range(draw(st.integers(0, 3))):
                draw(values(into.array_value.values.add(), depth + 1))
        case 5:
            into.kvlist_value.SetInParent()
            for _ in range(draw(st.integers(0, 3))):
                draw(values(into.kvlist_value.values.add(key=draw(KEY)).value, depth + 1))


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()

    def fill(record: Any) -> None:
        for _ in range(draw(st.integers(0, 3))):
            draw(values(record.attributes.add(key=draw(KEY)).value))

    for _ in range(draw(st.integers(1, 2))):
        resource = request.resource_spans.add()
        fill(resource.resource)
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = draw(TEXT), draw(TEXT)
        fill(scope.scope)
        for _ in range(draw(st.integers(0, 3))):
            span = scope.spans.add(name=draw(TEXT))
            span.status.message = draw(TEXT)
            fill(span)
            for _ in range(draw(st.integers(0, 2))):
                fill(span.events.add(name=draw(TEXT)))
                fill(span.links.add())
    return request


class Looked:
    """The records of one batch after another."""

    def __init__(self) -> None:
        self.columns, self.shapes = Columns(), Shapes()
        self.keys = Keys(ATTRIBUTES, self.shapes)
        self.records = SensitiveRecords(dict.fromkeys(DOMAINS, EVERY), ATTRIBUTES, self.keys)
        columns = self.columns
        tables = (columns.resources, columns.scopes, columns.spans, columns.events, columns.links)
        self.tables = dict(zip(DOMAINS, tables, strict=True))
        self._chain = Chain(self._steps, [columns, self.shapes, self.keys, self.records])

    def _steps(self) -> list[Step]:
        columns, tables = self.columns, self.tables
        of_shapes = self.shapes.step(columns, np.zeros(columns.scopes.capacity, np.uint32))
        return [of_shapes, *self.keys.steps(columns, tables), *self.records.steps(columns, tables)]

    def at(self, request: ExportTraceServiceRequest) -> None:
        self.columns.load(request.SerializeToString(), LIMITS)
        self._chain.run(self.columns.buffer)


def check(looked: Looked, request: ExportTraceServiceRequest) -> None:
    looked.at(request)
    walked = records(request)
    for domain in DOMAINS:
        found = looked.records.found[domain][0, : looked.tables[domain].rows].tolist()
        expected = [
            sum(mask_of(name) for name in NAMES if holds(record, name)) for record in walked[domain.name.lower()]
        ]
        assert found == expected, domain


@pytest.mark.parametrize("entries", [65_536, 4], ids=["roomy", "starting again and again"])
def test_bits_are_those_of_a_slow_walk(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Dictionary", partial(Dictionary, entry_capacity=entries))
    monkeypatch.setattr(keys_module, "KeyCodes", partial(KeyCodes, 2 * entries))
    looked = Looked()

    @settings(max_examples=40)
    @given(requests())
    def batches(request: ExportTraceServiceRequest) -> None:
        check(looked, request)

    batches()


def test_what_was_not_answered_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Looked()
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name=TEXTS["pii-email"])
    span.attributes.add(key="db.password").value.string_value = "hunter2"
    for name in ("context_of", "classes_in", "classes_asked"):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, _interrupted)
            with pytest.raises(KeyboardInterrupt):
                check(looked, request)
        # A text of its own, so that the next step is reached with something new.
        span.attributes.add(key="user.name" + name).value.string_value = name
    check(looked, request)


def _interrupted(*_: object) -> int:
    raise KeyboardInterrupt


def test_only_what_is_asked_for_is_looked_for() -> None:
    plan = compile_rules([Source("r", 'for each span s require not HasSensitive(s, "secret")')])
    assert plan.bits == {NarrowTable.SENSITIVE: {Domain.SPAN: mask_of("secret")}}
    assert not compile_rules([Source("r", 'for each span s require s.name != ""')]).bits
    assert mask_of("secret") | mask_of("pii") == EVERY
    assert mask_of("secret-") == mask_of("") == 0


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ('HasSensitive(s, "secret-jvt")', "did you mean `secret-jwt`?"),
        ("HasSensitive(s, 5)", "takes a class of sensitive data, one of secret, pii, pii-credit-card"),
        ("HasSensitive(s, s.name)", "takes a class of sensitive data"),
        ('HasSensitive(s.name, "pii")', "IsSensitive looks at a value"),
        ('HasSensitive(s.trace, "pii")', "looks at a span, an event, a link, a resource or a scope"),
        ('HasSensitive(s)', "HasSensitive takes 2 arguments, not 1"),
        ('IsSensitive(s.name, "nothing")', "takes a class of sensitive data"),
    ],
)  # fmt: skip
def test_mistakes_are_named(condition: str, message: str) -> None:
    with pytest.raises(RuleErrors) as caught:
        compile_rules([Source("r", f"for each span s require not {condition}")])
    assert message in str(caught.value.errors[0])


def test_a_parent_may_still_come() -> None:
    plan = compile_rules([Source("r", 'for each span s require not HasSensitive(s.parent, "pii")')])
    assert plan.bits == {NarrowTable.SENSITIVE: {Domain.SPAN: mask_of("pii")}}
    assert plan.final == (False,)
