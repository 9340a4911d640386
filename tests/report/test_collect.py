"""From parts of a check to a report: everything is counted, texts and traces are bounded, baselines see everything."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from otlp_verifier.files import Inputs, Located, Source, TraceView
from otlp_verifier.files.view import PathSpan
from otlp_verifier.findings import Finding
from otlp_verifier.findings.witness import Witness
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.baseline import Baseline
from otlp_verifier.report.collect import SPANS_MAX, SPANS_PER_TRACE_MAX, TRACES_PER_GROUP_MAX, Collector
from otlp_verifier.report.model import Report
from otlp_verifier.rules.catalogue import Rule
from tests.report.reports import span

SEVERITIES: dict[str, SeverityName] = {"a": "error", "b": "warning", "c": "information"}
RULES = tuple(
    Rule(
        id=name,
        severity=SEVERITIES[name],
        description=f"{name} holds.",
        rule="",
        part=part,
        file="rules.yaml",
        line=1,
        rule_line=1,
    )
    for name, part in (("a", 0), ("b", 0), ("b", 1), ("c", 0))
)


@dataclass
class Part:
    """What Checked promises, made of (rule number, span name) in one trace; `deep` puts spans below each other."""

    found: list[tuple[int, str]]
    number: int = 0
    spans_more: int = 0
    asked: list[int | None] = field(default_factory=list)
    disputed: frozenset[str] = frozenset()

    @property
    def spans(self) -> int:
        return len(self.found) + self.spans_more

    @property
    def findings_by_rule(self) -> NDArray[np.uint32]:
        return np.bincount([rule for rule, _ in self.found], minlength=len(RULES)).astype(np.uint32)

    def findings(self, most: int | None = None, most_per_rule: int | None = None) -> list[Located]:
        self.asked.append(most_per_rule)
        seen: Counter[int] = Counter()
        located = []
        for at, (rule, name) in sorted(enumerate(self.found), key=lambda one: one[1][0]):
            seen[rule] += 1
            if most_per_rule is None or seen[rule] <= most_per_rule:
                finding = Finding(
                    rule=RULES[rule].id,
                    severity=RULES[rule].severity,
                    trace_id=f"{self.number + 1:032x}",
                    span_id=f"{at + 1:016x}",
                    span=name,
                    service="shop",
                    message=f"span `{name}` is wrong",
                )
                source = Source("shop.json", at + 1, 400 * (at + 1), 1)
                located.append(Located(finding, source, 0, path=(PathSpan("INTERNAL", name),)))
        return located

    def spans_in(self, _trace: int) -> int:
        return self.spans

    def witness(self, located: Located) -> Witness | None:
        return None if located.finding.span in self.disputed else Witness(rechecked=True, spans=())

    def trace(self, number: int, spans_max: int = 1_000, *, attributes: bool = False) -> TraceView:
        names = [name for _, name in self.found] + ["fine"] * self.spans_more
        spans = tuple(span(at + 1, 0, name, "shop", at, at + 1) for at, name in enumerate(names[:spans_max]))
        return TraceView(f"{self.number + 1:032x}", spans, (0,) * len(spans), len(names))


def collected(parts: list[Part], *, known: Baseline | None = None, findings_max: int = 1_000) -> Report:
    collector = Collector(RULES, baseline=known, findings_per_rule_max=findings_max)
    return _added(collector, parts).report(Inputs())


def _added(collector: Collector, parts: list[Part]) -> Collector:
    for part in parts:
        collector.add(part)  # type: ignore[arg-type]  # it has what the collector asks for
    return collector


PARTS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["GET", "POST", "SELECT"])), max_size=12), max_size=6
).map(lambda parts: [Part(found, number) for number, found in enumerate(parts)])


@given(PARTS, st.integers(1, 5))
def test_everything_is_counted_and_texts_are_bounded(parts: list[Part], findings_max: int) -> None:
    report = collected(parts, findings_max=findings_max)
    found = Counter(RULES[rule].id for part in parts for rule, _ in part.found)
    assert {rule.id: rule.found for rule in report.rules} == {name: found[name] for name in "abc"}
    kept = Counter(entry.finding.rule for entry in report.entries)
    assert kept == Counter({name: min(count, findings_max) for name, count in found.items()})
    assert {rule.id: rule.kept for rule in report.rules} == {name: kept[name] for name in "abc"}
    assert report.left_out == sum(found.values()) - sum(kept.values())
    assert report.spans == sum(part.spans for part in parts)
    severities = [("error", "warning", "information").index(entry.finding.severity) for entry in report.entries]
    assert severities == sorted(severities)


@given(PARTS)
def test_entries_know_their_span(parts: list[Part]) -> None:
    report = collected(parts)
    for entry in report.entries:
        if entry.trace is not None:
            trace = report.traces[entry.trace]
            assert trace.trace_id == entry.finding.trace_id
            assert entry.span is not None
            assert trace.spans[entry.span].span_id == entry.finding.span_id
            assert trace.spans[entry.span].source == entry.source


def test_no_more_is_rendered_than_is_kept() -> None:
    parts = [Part([(0, "GET")] * 50, number) for number in range(4)]
    assert len(collected(parts, findings_max=60).entries) == 60
    assert [part.asked for part in parts] == [[50], [10], [], []]


def test_a_rare_rule_does_not_render_the_others_again() -> None:
    parts = [Part([(0, "GET")] * 50 + [(3, "POST")], number) for number in range(3)]
    collected(parts, findings_max=50)
    assert [part.asked for part in parts] == [[50], [1], [1]]


def test_traces_are_kept_for_every_group_and_not_for_one_alone() -> None:
    parts = [Part([(0, "GET")], number) for number in range(10)] + [Part([(3, "POST")], 10)]
    report = collected(parts)
    assert len(report.traces) == TRACES_PER_GROUP_MAX + 1
    assert report.entries[-1].trace == TRACES_PER_GROUP_MAX


def test_of_a_huge_trace_the_beginning_is_kept() -> None:
    part = Part([(0, "GET")] * (SPANS_PER_TRACE_MAX + 1), spans_more=10_000)
    report = collected([part], findings_max=5_000)
    [trace] = report.traces
    assert (len(trace.spans), trace.spans_total) == (SPANS_PER_TRACE_MAX, SPANS_PER_TRACE_MAX + 10_001)
    assert [entry.span for entry in report.entries] == [*range(SPANS_PER_TRACE_MAX), None]


def test_huge_traces_share_the_room() -> None:
    parts = [Part([(at % 4, f"{at}")], at, spans_more=SPANS_PER_TRACE_MAX) for at in range(40)]
    report = collected(parts)
    assert 0 < sum(len(trace.spans) for trace in report.traces) <= SPANS_MAX


@given(PARTS, PARTS)
def test_a_baseline_knows_what_was_there_and_nothing_else(before: list[Part], now: list[Part]) -> None:
    old = _added(Collector(RULES, every=True, findings_per_rule_max=1), before)
    report = collected(now, known=Baseline("before.json", old.recorded.values()), findings_max=2)
    kinds_before = {(RULES[rule].id, name) for part in before for rule, name in part.found}
    kinds_now = Counter((RULES[rule].id, name) for part in now for rule, name in part.found)
    for rule in report.rules:
        own = {kind: count for kind, count in kinds_now.items() if kind[0] == rule.id}
        assert rule.new == sum(count for kind, count in own.items() if kind not in kinds_before)
    assert report.comparison is not None
    gone = {(one.kind.rule, one.message.split("`")[1]) for one in report.comparison.gone}
    assert gone == kinds_before - set(kinds_now)
    assert [entry.is_known for entry in report.entries] == sorted(entry.is_known for entry in report.entries)
    assert all(entry.trace is None for entry in report.entries if entry.is_known)


def test_a_new_finding_is_kept_however_many_known_ones_come_first() -> None:
    known = _added(Collector(RULES, every=True), [Part([(0, "GET")])])
    baseline = Baseline("before.json", known.recorded.values())
    report = collected([Part([(0, "GET")] * 50 + [(0, "POST")])], known=baseline, findings_max=3)
    assert [entry.finding.span for entry in report.new_entries] == ["POST"]
    assert (report.found, report.known, report.failures("error")) == (51, 50, 1)


def test_failures_follow_the_severity() -> None:
    report = collected([Part([(0, "GET"), (1, "GET"), (2, "GET"), (3, "GET")])])
    assert report.failures("error") == 1
    assert report.failures("warning") == 3
    assert report.failures("information") == 4
    assert report.failures(None) == 0


def test_what_is_disputed_is_counted_by_itself_and_nowhere_else() -> None:
    part = Part([(0, "GET"), (0, "POST"), (1, "POST"), (1, "GET")], disputed=frozenset({"POST"}))
    report = collected([part])
    assert report.disputed == {"a": 1, "b": 1}
    assert report.found == 2
    assert {rule.id: (rule.found, rule.kept) for rule in report.rules} == {"a": (1, 1), "b": (1, 1), "c": (0, 0)}
    assert [entry.finding.span for entry in report.entries] == ["GET", "GET"]
    assert all(entry.witness is not None for entry in report.entries)
    assert report.failures("error") == 1
    alone = collected([Part([(0, "POST")], disputed=frozenset({"POST"}))])
    assert (alone.found, alone.failures("error"), alone.traces) == (0, 0, ())


def test_what_is_disputed_goes_into_no_baseline() -> None:
    known = _added(Collector(RULES, every=True), [Part([(0, "POST")], disputed=frozenset({"POST"}))])
    assert not known.recorded
