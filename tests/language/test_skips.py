"""What no row of a block asks for is not run, and nothing else is left out."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.listing import listing
from otlp_verifier.language.regions import Order, Target
from otlp_verifier.language.skips import Skips
from otlp_verifier.machine.operations import Op
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import builtin
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.language.ablation import plans, random_rules
from tests.strategies import RANDOMS, request_of

LIMITS = Limits(memory_factor=64)
# Leaves of conditions: cheap and dear ones, bits that say what is wrong, and what is read of other rows.
LEAVES = [
    "s.kind == SPAN_KIND_SERVER",
    "s.status.code == STATUS_CODE_ERROR",
    's.name == "n"',
    's.trace_state == ""',
    'IsMatch(s.name, "^m")',
    's.attributes["a"] == "x"',
    's.attributes["a"] > 1.5',
    's.attributes["b"] != nil',
    's.parent.name == "n"',
    's.parent.attributes["a"] == s.attributes["a"]',
    "s.parent.start_time <= s.start_time",
    "s.flags.sampled",
    'HasFaultyAttribute(s, "number-as-string")',
    'HasFaultyAttribute(s, "reserved-otel")',
    "s.defects.field_utf8",
    "s.defects.empty_key",
    "s.defects.attribute_utf8",
]


def spans(rng: Random, count: int) -> list[Span]:
    """Nearly alike, so that some conditions are met nowhere."""
    names, ids = rng.choice(["n", "nm", "nmo"]), range(1, count + 1)
    made = []
    for number in ids:
        span = Span(
            trace_id=b"\1" * 16,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=rng.choice(ids).to_bytes(8, "big"),
            name=rng.choice(names),
            kind=rng.choice([Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT]),
            flags=rng.choice([0, 1]),
            start_time_unix_nano=rng.randint(0, 2),
        )
        if rng.random() < 0.3:
            value = span.attributes.add(key=rng.choice(["a", "b", "", "otel.own", "http.response.status_code"])).value
            if rng.random() < 0.5:
                value.string_value = rng.choice(["x", "200"])
            else:
                value.int_value = rng.choice([1, 2])
        made.append(span)
    return made


def in_order(_: Skips, targets: list[Target]) -> Order:
    return Order(list(targets), {})


@given(RANDOMS, st.lists(st.integers(1, 40), min_size=1, max_size=3))
def test_what_is_left_out_changes_nothing_that_is_found(rng: Random, sizes: list[int]) -> None:
    rules = random_rules(rng, LEAVES, 8)
    skipping, whole = map(Engine, plans(rules, Skips, "order", in_order))
    for size in sizes:
        request = request_of(spans(rng, size)).SerializeToString()
        for completeness in Completeness:
            found, expected = (engine.run(request, completeness, LIMITS) for engine in (skipping, whole))
            assert found.numbers.tolist() == expected.numbers.tolist(), rules
            assert found.number_rows.tolist() == expected.number_rows.tolist(), rules
            assert found.number_counts.tolist() == expected.number_counts.tolist(), rules


def test_findings_of_the_catalogue_are_the_same_in_the_same_order() -> None:
    sources = [Source(rule.id, rule.rule, rule.parameters) for rule in builtin()]
    skipping, whole = map(Engine, plans(sources, Skips, "order", in_order))
    rng = Random(7)
    for size in (1, 5, 40):
        request = request_of(spans(rng, size)).SerializeToString()
        for completeness in Completeness:
            found, expected = (engine.run(request, completeness, LIMITS) for engine in (skipping, whole))
            assert found.numbers.tolist() == expected.numbers.tolist()
            assert found.number_rows.tolist() == expected.number_rows.tolist()


def program(*rules: str) -> list[str]:
    """The lines of the phase that reports."""
    lines = listing(compile_rules([Source(str(number), rule) for number, rule in enumerate(rules)]))
    first = next(number for number, line in enumerate(lines) if line.startswith("  each span"))
    return [line.strip() for line in lines[first + 1 :] if line.startswith("    ")]


def test_what_is_dear_stands_behind_what_is_cheap() -> None:
    assert program(
        'for each span s where IsMatch(s.name, "^x") and s.status.code == STATUS_CODE_ERROR require false'
    ) == [
        "f0 = spans.status_code == 2",
        "unless f0 is set somewhere, leave out the next 3",
        "f1 = IsMatch(value, '^x') of span string 0",
        "f2 = f1 and f0",
        "report violated where f2",
    ]


def test_rows_of_several_regions_stand_before_them() -> None:
    one, other = (
        f"for each span s where s.status.code == {code} and s.trace_id != s.parent.trace_id require false"
        for code in (1, 2)
    )
    lines = program(one, "for each span s require s.kind == 1", other)
    gathers = [number for number, line in enumerate(lines) if "of row" in line]
    skips = [number for number, line in enumerate(lines) if line.startswith("unless")]
    assert len(gathers) == 2, "each word of the parent's trace_id once"
    assert gathers[-1] < skips[0]
    assert Counter(line.split()[0] for line in lines)["report"] == 5, "with two that say undecided"


def test_bits_that_say_what_is_wrong_are_asked_for_once() -> None:
    faults = ("type", "huge", "reserved-otel")
    lines = program(*(f'for each span s require not HasFaultyAttribute(s, "{fault}")' for fault in faults))
    assert lines[0].startswith("f0 = faults of attributes of the span & ")
    assert lines[1] == "unless f0 is set somewhere, leave out the next 6"
    assert [line.split()[0] for line in lines[2:]] == ["f0", "report"] * 3


def test_reports_keep_their_order() -> None:
    plan = compile_rules([Source(rule.id, rule.rule, rule.parameters) for rule in builtin()])
    for each in (plan.batch, plan.trace):
        for _, first, last, _ in each.rounds[-1].phases:
            lines = each.instructions[first:last]
            reports = lines[lines[:, 0] == Op.REPORT, 2].tolist()
            assert reports == sorted(reports)


def test_no_skip_leads_out_of_its_phase() -> None:
    plan = compile_rules([Source(rule.id, rule.rule, rule.parameters) for rule in builtin()])
    for each in (plan.batch, plan.trace):
        for _, first, last, _ in each.rounds[-1].phases:
            skips = [at for at in range(first, last) if each.instructions[at, 0] == Op.SKIP]
            assert all(at + 1 + each.instructions[at, 2] <= last for at in skips)
