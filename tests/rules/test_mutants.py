"""A clean trace with exactly one promise broken: its rule finds the break, and no other error is reported."""

from random import Random

import pytest

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules import catalogue
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.reference.evaluator import Violation, judge
from tests.rules.break_attributes import ATTRIBUTES
from tests.rules.break_records import RECORDS, leaf
from tests.rules.break_sensitive import SENSITIVE
from tests.rules.break_traces import TRACES
from tests.rules.clean import Trace, clean
from tests.rules.tried import examples_of

RULES = catalogue.builtin()
pytestmark = pytest.mark.many
IDS = sorted({rule.id for rule in RULES})
ERRORS = {rule.id for rule in RULES if rule.severity == "error"}
WORKER = Verifier(RULES).worker()
PLAN = compile_rules([Source(rule.id, rule.rule, rule.parameters) for rule in RULES])
ENGINE, LIMITS = Engine(PLAN), Limits(memory_factor=64)
BREAKS = {**RECORDS, **ATTRIBUTES, **SENSITIVE, **TRACES}
MUTANTS = 20
# What the slow walk cannot follow: bytes that protobuf refuses or hides, and a thousand spans.
UNSEEN = {"utf8-invalid", "encoding-ambiguous", "trace-oversize"}


def not_utf8(trace: Trace) -> bytes:
    leaf(trace).name = "check stock now"
    return trace.request.SerializeToString().replace(b"stock now", b"stock\xff\xfe\xfd\xfc")


def mutant(rule: str, seed: int) -> bytes:
    trace = clean(Random(f"{rule} {seed}"))
    if rule == "utf8-invalid":
        return not_utf8(trace)
    BREAKS[rule](trace)
    return trace.request.SerializeToString()


def violated(request: bytes) -> set[str]:
    outcome = WORKER.verify(request, completeness=Completeness.TRACE)
    return {finding.rule for finding in outcome.findings(2_000)}


def test_every_rule_has_its_mutants() -> None:
    assert len(BREAKS) == len(RECORDS) + len(ATTRIBUTES) + len(SENSITIVE) + len(TRACES)
    assert sorted({*BREAKS, "utf8-invalid"}) == IDS


# Conventions of messaging are not stable yet.
OF_EVERY_TRACE = {"attr-not-stable"}


def test_nobody_objects_to_a_clean_trace() -> None:
    for seed in range(100):
        assert violated(clean(Random(seed)).request.SerializeToString()) == OF_EVERY_TRACE


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_finds_its_mutants_and_no_other_error_is_reported(rule: str) -> None:
    examples = examples_of(rule)
    declared = {other for case in examples.fires for other in case.also}
    for seed in range(MUTANTS):
        found = violated(mutant(rule, seed))
        assert rule in found, seed
        assert (found & ERRORS) - {rule} <= declared, seed


@pytest.mark.parametrize("rule", sorted(set(IDS) - UNSEEN))
def test_the_slow_walk_finds_the_same_in_a_mutant(rule: str) -> None:
    trace = clean(Random(rule))
    BREAKS[rule](trace)
    rows = ENGINE.run(trace.request.SerializeToString(), Completeness.TRACE, LIMITS)
    found = {
        Violation(RULES[number].id, RULES[number].part, row)
        for number, row in zip(rows.rules.tolist(), rows.rows.tolist(), strict=True)
    }
    assert found == judge(RULES, trace.request, PLAN.final).violated
