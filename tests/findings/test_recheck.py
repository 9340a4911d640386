"""A finding is judged twice: the two agree on whatever the engine finds, and what they disagree on is taken back."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.findings.witness import BYTES_MAX, Rechecker, Witnesses, expressions, recheck
from otlp_verifier.findings.witness.evaluate import Walk
from otlp_verifier.findings.witness.rows import ROWS_MAX, Rows
from otlp_verifier.findings.witness.values import CannotTellError
from otlp_verifier.language.parser import parse_rule
from otlp_verifier.machine.operations import Domain
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.registry.opentelemetry import alone
from otlp_verifier.rules import catalogue, example
from otlp_verifier.rules.errors import RuleFileError
from otlp_verifier.sensitive import classes
from otlp_verifier.sensitive import records as sensitive_records
from otlp_verifier.worker import Worker
from tests.e2e import odd_spans
from tests.findings.judged import judged, witnesses, worker
from tests.language.contracts import Contract
from tests.language.formulas import Formula
from tests.language.judging import accepted
from tests.rules.break_sensitive import TEXTS
from tests.rules.tried import RULES, examples_of
from tests.sensitive.test_records import requests as sensitive_requests
from tests.strategies import all_spans, batches, number_id, related_spans, request_of_resources, requests

ROOT = Path(__file__).parents[2]
TABLE = yaml.safe_load((ROOT / "tests" / "e2e" / "conditions.yaml").read_text())
GUIDE = (ROOT / "docs" / "language.md").read_text()
CONTRACTS = re.findall(r"^```yaml\n(- id: .*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
SEEDS = st.integers(0, 2**32)
Batch = list[tuple[int, Span]]
# What the walk leaves to the engine, in the words of its reasons.
LEFT = ("a time is compared with a number", "beyond the year 2262", "a sum of what is no finite", "decimals are added")


def agree(rules: list[str], traces: list[ExportTraceServiceRequest], *, exactly: bool = True) -> None:
    """Whatever is found is confirmed; and what is not found is not violated, in rows that are evaluated alike."""
    of = worker(rules)
    for request in traces:
        found = judged(of, request.SerializeToString())
        disputed = [(rules[number], row) for number, row, witness in found if witness is None]
        assert not disputed
        reasons = {witness.reason for _, _, witness in found if witness is not None} - {""}
        assert all(any(left in reason for left in LEFT) for reason in reasons), reasons
        for _, _, witness in found:
            assert witness is not None
            assert len(msgspec.json.encode(witness)) <= BYTES_MAX
            assert witness.near_miss is None or (witness.near_miss.span or -1) < len(witness.spans)
            ids = {span.span_id.hex().ljust(16, "0")[:16] for span in all_spans(request)}
            assert all(span.span_id in ids or not span.span_id for span in witness.spans)
        if exactly:
            told = {(number, row) for number, row, _ in found}
            assert walked(of, rules, told) == told


def again(of: Worker) -> Witnesses:
    return Rechecker(of.rules, of.plan.final, alone()).on(of.engine.columns, of.engine.relations)


def walked(of: Worker, rules: list[str], told: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """What the walk finds by itself, in the batch that the worker holds; what it leaves to the engine is as told."""
    columns, relations, plan = of.engine.columns, of.engine.relations, of.plan
    rows = Rows(columns, relations, alone())
    counts = {
        Domain.SPAN: columns.spans.rows, Domain.EVENT: columns.events.rows, Domain.LINK: columns.links.rows,
        Domain.RESOURCE: columns.resources.rows, Domain.SCOPE: columns.scopes.rows,
        Domain.TRACE: relations.trace_count,
    }  # fmt: skip
    found = set()
    for number, text in enumerate(rules):
        tree = parse_rule(text)
        domain = Domain[tree.domain.upper()]
        walk = Walk(tree, {}, rows)
        for row in range(counts[domain]):
            walk.steps = 0
            try:
                is_violated = walk.violated(rows.found(domain, row), final=plan.final[number]) is True
            except CannotTellError:
                is_violated = (number, row) in told
            if is_violated:
                found.add((number, row))
    return found


@pytest.mark.many
@given(SEEDS, st.lists(batches(), min_size=2, max_size=2))
def test_random_contracts(seed: int, traces: list[Batch]) -> None:
    agree(accepted(seed, 6, Contract), [request_of_resources(spans) for spans in traces])


@pytest.mark.many
@given(SEEDS, st.lists(batches(), min_size=2, max_size=2))
def test_random_contracts_with_skew(seed: int, traces: list[Batch]) -> None:
    """Where an inequality joins two rows the engine says less for certain than the walk does."""
    rules = accepted(seed, 6, Contract, skew="3ns")
    agree(rules, [request_of_resources(spans) for spans in traces], exactly=False)


@pytest.mark.many
@given(SEEDS, st.lists(requests(related_spans(), most=3), min_size=2, max_size=2))
def test_odd_ids_and_times(seed: int, traces: list[ExportTraceServiceRequest]) -> None:
    agree(accepted(seed, 6, Contract, assume="assume nothing "), traces)


@pytest.mark.many
@given(SEEDS, st.lists(requests(forged=False), min_size=2, max_size=2))
def test_every_path_of_every_domain(seed: int, traces: list[ExportTraceServiceRequest]) -> None:
    agree(accepted(seed, 6, Formula), traces)


@pytest.mark.many
@given(requests())
def test_built_in_rules_on_odd_values(request: ExportTraceServiceRequest) -> None:
    """With `verifier.*` attributes among them, which are gone before anything is judged."""
    assert all(witness is not None for _, _, witness in judged(BUILT_IN, request.SerializeToString()))


BUILT_IN = Verifier(RULES).worker()
SENSITIVE = [
    f'for each {record} require not HasSensitive(r, "{name}")'
    for name in (*classes.NAMES, *classes.GROUPS)
    for record in ("resource r", "scope r", "span r", "event r", "link r")
]


@pytest.mark.many
@given(sensitive_requests())
def test_sensitive_texts(request: ExportTraceServiceRequest) -> None:
    """Every class, in every kind of record; the walk asks each text by itself and keeps nothing."""
    agree(SENSITIVE, [request])


@pytest.mark.parametrize("lie", [0, classes.mask_of("pii-email") | classes.mask_of("secret-jwt")])
def test_a_mistaken_look_into_texts_is_seen(lie: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine took a text for, by a wrong code or a look that passed it over: only what is so is told."""
    of = worker(['for each span s require not HasSensitive(s, "pii")'])
    spans = [(0, Span(trace_id=b"t" * 16, span_id=number_id(at), name=TEXTS["pii-email"])) for at in (1, 2)]
    spans.append((0, Span(trace_id=b"t" * 16, span_id=number_id(3), name="GET /")))
    monkeypatch.setattr(sensitive_records, "suspects", lambda _, starts, __: range(len(starts)))
    monkeypatch.setattr(sensitive_records, "classes_in", lambda *_: lie)
    found = judged(of, request_of_resources(spans).SerializeToString())
    confirmed = {row for _, row, witness in found if witness is not None}
    assert ({row for _, row, _ in found}, confirmed) == (({0, 1, 2}, {0, 1}) if lie else (set(), set()))
    assert [again(of).of(0, row) is not None for row in range(3)] == [True, True, False]
    for _, _, witness in found:
        assert TEXTS["pii-email"] not in str(witness)


def test_a_long_text_takes_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "STEPS_MAX", 100)
    rule = 'for each span s require not HasSensitive(s, "pii-email")'
    for length, told in ((1_000, True), (1_000_000, False)):
        span = Span(trace_id=b"t" * 16, span_id=number_id(1), name="x " * (length // 2) + TEXTS["pii-email"])
        [(_, _, witness)] = witnesses([rule], request_of_resources([(0, span)]))
        assert witness is not None
        assert witness.rechecked is told


def cases() -> list[object]:
    return [
        pytest.param(case.request, case.completeness, id=f"{rule.id}: {case.why}")
        for rule in RULES
        if rule.part == 0
        for case in (*examples_of(rule.id).fires, *examples_of(rule.id).silent)
    ]


@pytest.mark.parametrize(("request_", "completeness"), cases())
def test_examples_of_the_built_in_rules(request_: bytes, completeness: Completeness) -> None:
    found = judged(BUILT_IN, request_, completeness)
    assert [RULES[number].id for number, _, witness in found if witness is None] == []
    assert all(witness is None or witness.rechecked for _, _, witness in found)


@pytest.mark.parametrize("text", CONTRACTS, ids=lambda text: text.split()[2])
def test_contracts_of_the_guide(text: str, tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(text)
    errors: list[RuleFileError] = []
    [rule] = catalogue.read(path, errors)
    of = Verifier([rule]).worker()
    for case in (*example.of(rule).fires, *example.of(rule).silent):
        found = judged(of, case.request, case.completeness)
        assert bool(found) == (case in example.of(rule).fires)
        assert all(witness is not None and witness.rechecked for _, _, witness in found)


@pytest.mark.many
def test_pasted_conditions() -> None:
    """Every function, on attributes of every type: each condition on some spans, and each span in turn."""
    conditions = [each for group in TABLE["alike"].values() for each in group]
    conditions += [each["condition"] for each in TABLE["different"]]
    request = odd_spans.request()
    of = worker([f"for each span s require not ({condition})" for condition in conditions])
    told = of.verify(request.SerializeToString(), completeness=Completeness.TRACE)._rows
    violated = set(zip(told.rules.tolist(), told.rows.tolist(), strict=True))
    witnesses_, count = again(of), len(all_spans(request))
    rows = [(number, row) for number in range(len(conditions)) for row in range(number % SHARE, count, SHARE)]
    wrong = {conditions[at[0]] for at in rows if (witnesses_.of(*at) is not None) != (at in violated)}
    assert not wrong


SHARE = 11


# What is taken back


def test_a_verdict_that_the_walk_does_not_confirm_has_no_witness() -> None:
    of = worker(['for each span s require s.name == "fine"'])
    spans = [(0, Span(trace_id=b"t" * 16, span_id=number_id(1), name=name)) for name in ("fine", "wrong")]
    [(_, row, witness)] = judged(of, request_of_resources(spans).SerializeToString())
    assert witness is not None
    assert row == 1
    assert again(of).of(0, 0) is None


def test_what_is_undecided_is_not_violated() -> None:
    """The engine leaves it undecided, so a finding about it would be wrong."""
    of = worker(['for each span s require exists child c where c.name == "x"'])
    span = Span(trace_id=b"t" * 16, span_id=number_id(1), dropped_links_count=1)
    assert judged(of, request_of_resources([(0, span)]).SerializeToString()) == []
    assert again(of).of(0, 0) is None


def test_a_wrong_parent_index_is_seen() -> None:
    """Parents are found anew from the ids: the walk does not read what the engine does."""
    of = worker(["for each span s with parent p require s.start >= p.start"])
    spans = [
        Span(trace_id=b"t" * 16, span_id=number_id(1), start_time_unix_nano=5),
        Span(trace_id=b"t" * 16, span_id=number_id(2), start_time_unix_nano=3),
    ]
    assert judged(of, request_of_resources([(0, span) for span in spans]).SerializeToString()) == []
    of.engine.relations.spans[0, 1] = 0  # as if the second had the first as its parent
    assert again(of).of(0, 1) is None


# Bounds


def large(count: int, *, deep: bool = False) -> ExportTraceServiceRequest:
    parents = range(count) if deep else [0, *([1] * (count - 1))]
    return request_of_resources(
        [
            (0, Span(trace_id=b"t" * 16, span_id=number_id(at + 1), parent_span_id=number_id(parents[at]), name="a"))
            for at in range(count)
        ]
    )


@pytest.mark.parametrize(
    "rule",
    [
        "for each trace t require count(span) < 5",
        "for each span s require count(child) < 5",
        "for each span s where s.parent == nil require not exists descendant",
        "assume nothing for each span s where s.parent == nil require eventually [1s, 2s] span",
    ],
)
def test_a_trace_that_is_too_large_is_told_and_published(rule: str) -> None:
    [(_, _, witness)] = witnesses([rule], large(ROWS_MAX + 2))
    assert witness is not None
    assert not witness.rechecked
    assert f"at most {ROWS_MAX}" in witness.reason
    assert witness.spans[0].span_id == f"{1:016x}"
    [(_, _, witness)] = witnesses([rule], large(ROWS_MAX))
    assert witness is not None
    assert witness.rechecked


def test_a_large_trace_is_no_matter_where_few_of_its_spans_count() -> None:
    rules = ['assume nothing for each span s where s.parent == nil require s.name == "b"']
    [(_, row, witness)] = witnesses(rules, large(3_000))
    assert row == 0
    assert witness is not None
    assert witness.rechecked


def test_a_long_chain_of_ancestors_is_no_matter_either() -> None:
    rules = ['for each span s where s.parent == nil require s.root.name == "b"']
    [(_, _, witness)] = witnesses(rules, large(3_000, deep=True))
    assert witness is not None
    assert witness.rechecked


def test_steps_of_one_finding_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "STEPS_MAX", 100)
    rule = 'assume nothing for each span s require exists span a where a.attributes["k"] == s.name'
    [(_, _, witness), *_] = witnesses([rule], large(60))
    assert witness is not None
    assert not witness.rechecked
    assert "100 steps" in witness.reason
    [(_, _, witness), *_] = witnesses([rule], large(20))
    assert witness is not None
    assert witness.rechecked


def test_steps_of_one_rule_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "STEPS_PER_RULE_MAX", 10)
    found = witnesses(['for each span s require s.name == "b"'], large(20))
    told = [witness.rechecked for _, _, witness in found if witness is not None]
    assert len(told) == 20
    assert told == sorted(told, reverse=True)
    assert 1 <= sum(told) < 10
    assert all(witness.reason for _, _, witness in found if witness is not None and not witness.rechecked)


def test_decimals_that_hang_on_the_order_of_adding_are_left_to_the_engine() -> None:
    spans = [Span(trace_id=b"t" * 16, span_id=number_id(at + 1)) for at in range(3)]
    for span, value in zip(spans, (0.1, 0.2, 0.3), strict=True):
        span.attributes.add(key="a").value.double_value = value
    request = request_of_resources([(0, span) for span in spans])
    for bound, told in ((0.6, False), (0.5, True)):
        rule = f'for each trace t require sum(span x where x.kind == 0 : x.attributes["a"]) < {bound}'
        [(_, _, witness)] = witnesses([rule], request)
        assert witness is not None
        assert witness.rechecked is told
