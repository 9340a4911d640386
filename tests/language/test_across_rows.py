"""Rules that look across spans, each construct at least once, against the slow walk of their formulas."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.reference.evaluator import violations

EACH = "assume nothing for each span s require"
RULES = [
    f'{EACH} exists descendant d where d.name == "a" and d.attributes["u"] == s.attributes["u"]',
    f"{EACH} exists child c where c.start < s.start",
    f"{EACH} not exists child c where c.duration >= s.duration",
    f"{EACH} exists sibling x where x.name == s.name",
    f"{EACH} not exists sibling x where x.end > s.end",
    f"{EACH} not exists ancestor a where a.name == s.name",
    f"{EACH} not exists ancestor a where a.duration < s.duration",
    f"{EACH} exists ancestor",
    f'{EACH} exists root r where r.name == "a"',
    f"{EACH} forall child c where c.kind == SPAN_KIND_CLIENT require c.duration < 1s",
    f"{EACH} count(child where kind == SPAN_KIND_CLIENT) <= 1",
    f"{EACH} count(span x where x.name == s.name) <= 2",
    f"{EACH} sum(descendant : duration) < 60ms and max(child : duration) <= s.duration",
    f"{EACH} min(span : start) <= s.start and max(ancestor : end) >= s.end",
    f"{EACH} distinct(child : name) < 2",
    f'{EACH} sum(child : attributes["n"]) < 3.5',
    f'{EACH} max(descendant : attributes["n"]) > 1.5 or min(sibling : attributes["n"]) < 0.5',
    f"{EACH} once [0s, 20ms] span r where r.status.code == STATUS_CODE_ERROR",
    f"{EACH} once [1ms, ] span r at end where r.name == s.name",
    f'{EACH} historically [0s, 9ms] span where name != "b"',
    f"{EACH} eventually [0s, 15ms] span x where x.attributes[\"u\"] == s.attributes[\"u\"] and x.name != s.name",
    f"{EACH} always [2ms, 30ms] span where duration > 1ms",
    f'{EACH} not span where name == "b" since [0s, 40ms] span where name == "a"',
    f'{EACH} not span x where x.name == s.name until span where name == "c"',
    f"{EACH} eventually [0s, 50ms] link from span where kind == SPAN_KIND_CONSUMER",
    f"{EACH} (link from span where kind == SPAN_KIND_CONSUMER) since [1ns, 50ms] span where kind == SPAN_KIND_SERVER",
    f"{EACH} exists link l where l.name == \"a\"",
    f"{EACH} count(event where name == \"e\") < 1",
    f"{EACH} exists child c where c.name == s.name or c.start != s.start",
    'assume nothing require not ({ name == "a" } >> { name == "b" })',
    'assume nothing require { name == "a" } > { name == "b" } or { name == "b" } ~ { name == "c" }',
    'assume nothing require not ({ name == "a" } !>> { name == "c" })',
    'assume nothing require { name == "c" } < { name == "a" } and { name == "c" } << { name == "a" }',
    "assume nothing for each trace t require count(span) <= 6 and distinct(span : name) < 3",
    "assume nothing for each span s at end require once [0s, 5ms] span where name == \"b\"",
]  # fmt: skip
COMPLETE, UNSAMPLED = "for each span s require exists child", "assume unsampled for each span s require exists child"


def request() -> ExportTraceServiceRequest:
    """A tree of nine spans in one trace and a pair in another, in no order."""
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add().scope_spans.add().spans
    tree = [
        # id, parent, start and end in ms, name, kind, status, u, n
        (5, 3, 13, 18, "b", 3, 0, "x", 2), (1, 0, 0, 100, "a", 2, 0, "x", 1), (2, 1, 10, 30, "b", 3, 2, "y", 2.5),
        (3, 1, 12, 60, "a", 3, 0, "y", 0.5), (4, 2, 11, 29, "c", 1, 0, None, None), (6, 3, 9, 70, "a", 1, 0, "x", 1),
        (7, 6, 40, 41, "b", 5, 2, None, 3), (8, 6, 40, 45, "c", 4, 0, "z", float("nan")),
        (9, 8, 44, 46, "a", 2, 0, "z", -1),
    ]  # fmt: skip
    for trace, rows in ((1, tree), (2, [(1, 0, 5, 6, "a", 2, 0, "x", 1), (2, 1, 5, 8, "b", 5, 0, "x", 2)])):
        for identity, parent, start, end, name, kind, status, u, n in rows:
            span = spans.add(
                trace_id=bytes([trace]) * 16, span_id=bytes([identity]) * 8, name=name, kind=kind,
                start_time_unix_nano=10**18 + start * 10**6, end_time_unix_nano=10**18 + end * 10**6,
            )  # fmt: skip
            span.parent_span_id = bytes([parent]) * 8 if parent else b""
            span.status.code = status
            if u is not None:
                span.attributes.add(key="u").value.string_value = u
            if n is not None:
                value = span.attributes.add(key="n").value
                value.CopyFrom(type(value)(int_value=n) if isinstance(n, int) else type(value)(double_value=n))
    consumer = next(span for span in spans if span.name == "b" and span.kind == 5)
    consumer.links.add(trace_id=bytes([1]) * 16, span_id=bytes([8]) * 8)
    spans[1].events.add(name="e", time_unix_nano=1)
    return made


@pytest.mark.parametrize("formula", RULES)
def test_a_rule_is_judged_as_the_walk_judges_it(formula: str) -> None:
    rule = Rule(id="r", severity="error", description="", rule=formula, file="", line=1, rule_line=1)
    engine = Engine(compile_rules([Source(rule.id, rule.rule)]))
    found = engine.run(request().SerializeToString(), Completeness.TRACE, Limits(memory_factor=64))
    assert sorted(found.rows.tolist()) == sorted(v.row for v in violations([rule], request()))


def test_missing_data_leaves_absence_undecided() -> None:
    engine = Engine(compile_rules([Source("complete", COMPLETE), Source("unsampled", UNSAMPLED)]))
    lost = request()
    lost.resource_spans[0].scope_spans[0].spans[0].dropped_links_count = 1  # of the first trace
    found = engine.run(lost.SerializeToString(), Completeness.TRACE, Limits())
    leaves_of_both, leaves_of_first = 4 + 1, 4
    assert found.counts.tolist() == [leaves_of_both - leaves_of_first, leaves_of_both]
    assert found.undecided.tolist() == [leaves_of_first, 0]
