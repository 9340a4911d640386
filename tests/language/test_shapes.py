"""Rules that shapes answer: found is what is found without shapes, and what cannot be found is not looked for."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language import compiler
from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.link import Linked
from otlp_verifier.language.shapes import Split
from otlp_verifier.machine.operations import Domain
from otlp_verifier.machine.program import ALWAYS
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import builtin
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.language.ablation import plans, random_rules
from tests.strategies import RANDOMS, request_of

LIMITS = Limits(memory_factor=64)
# Leaves of conditions: some that shapes decide, some that they do not, some of both.
LEAVES = [
    "s.kind == SPAN_KIND_SERVER",
    's.attributes["a"] != nil',
    's.attributes["b"] == nil',
    's.attributes["a"] == "x"',
    's.attributes["b"] == 1',
    'IsString(s.attributes["b"])',
    "s.dropped_attributes_count == 0",
    's.name == "n"',
    's.attributes["a"] == s.attributes["b"]',
    's.parent.attributes["a"] != nil',
]


def spans(rng: Random, count: int) -> list[Span]:
    made = []
    for number in range(count):
        span = Span(
            trace_id=b"\1" * 16,
            span_id=bytes([number + 1]) * 8,
            parent_span_id=bytes([rng.randint(1, count)]) * 8,
            name=rng.choice("nm"),
            kind=rng.choice([Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT]),
            dropped_attributes_count=rng.choice([0, 0, 1]),
        )
        for key in rng.choice([(), ("a",), ("a", "b"), ("b", "a")]):
            value = span.attributes.add(key=key).value
            if rng.random() < 0.5:
                value.string_value = rng.choice("xy")
            else:
                value.int_value = rng.choice([1, 2])
        made.append(span)
    return made


def unsplit(linked: Linked, flags: list[int]) -> tuple[Linked, dict[int, Split], tuple[int, ...]]:
    return linked, {flag: Split(flag, ALWAYS) for flag in flags}, ()


def found(engine: Engine, request: bytes, completeness: Completeness) -> set[tuple[int, int]]:
    rows = engine.run(request, completeness, LIMITS)
    return set(zip(rows.numbers.tolist(), rows.number_rows.tolist(), strict=True))


@given(RANDOMS, st.lists(st.integers(1, 40), min_size=1, max_size=3))
def test_shapes_change_nothing_that_is_found(rng: Random, sizes: list[int]) -> None:
    rules = random_rules(rng, LEAVES, 6)
    split, whole = map(Engine, plans(rules, compiler, "split", unsplit))
    for size in sizes:
        request = request_of(spans(rng, size)).SerializeToString()
        for completeness in Completeness:
            assert found(split, request, completeness) == found(whole, request, completeness), rules


def last_phases(rule: str, **parameters: int | str) -> list[tuple[Domain, bool]]:
    """The phases that report, and whether each waits for a mark."""
    phases = compile_rules([Source("r", rule, parameters)]).trace.rounds[-1].phases
    return [(phase.domain, phase.guard != ALWAYS) for phase in phases]


def test_a_rule_waits_for_a_shape_that_may_break_it() -> None:
    assert last_phases('for each span s where s.attributes["a"] != nil require s.name != ""') == [(Domain.SPAN, True)]
    assert last_phases('for each span s require s.attributes["a"] == nil or s.name != ""') == [(Domain.SPAN, True)]
    assert last_phases('for each span s require s.attributes["a"] != nil and s.name != ""') == [(Domain.SPAN, False)]
    assert last_phases("for each span s where s.kind == SPAN_KIND_SERVER require s.flags.sampled") == [
        (Domain.SPAN, False)
    ]
    assert last_phases('for each event e require e.attributes["a"] != nil') == [(Domain.EVENT, False)]


def test_what_no_shape_asks_for_is_not_looked_up() -> None:
    """Strings of a rule that waits are not encoded where no span can break it."""
    engine = Engine(
        compile_rules([Source("r", 'for each span s where s.attributes["a"] != nil require s.name == "n"')])
    )
    span = Span(trace_id=b"\1" * 16, span_id=b"\1" * 8, name="of its own")
    engine.run(request_of([span]).SerializeToString(), Completeness.TRACE, LIMITS)
    strings = engine._lookups._string_codes
    assert b"of its own" not in strings.strings(0, len(strings))
    span.attributes.add(key="a").value.int_value = 1
    rows = engine.run(request_of([span]).SerializeToString(), Completeness.TRACE, LIMITS)
    assert rows.rules.tolist() == [0]
    assert b"of its own" in strings.strings(0, len(strings))


def test_most_rules_of_the_package_about_attributes_wait() -> None:
    of_spans = [rule for rule in builtin() if "s.attributes[" in rule.rule and rule.rule.startswith("for each span s")]
    waiting = [rule.id for rule in of_spans if all(late for _, late in last_phases(rule.rule, **rule.parameters))]
    assert len(waiting) > 0.8 * len(of_spans) > 10
