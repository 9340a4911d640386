"""Every example through the whole pipeline: what should fire fires, what should stay silent does."""

import pytest

from otlp_verifier import kernels
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.example import Example
from tests.rules.tried import RULES, examples_of

# Examples show the attributes that matter for their rule; what a convention requires besides is left out.
OF_WHOLE_RECORDS = {"semconv-required-missing"}
ERRORS = {rule.id for rule in RULES if rule.severity == "error"} - OF_WHOLE_RECORDS
WORKER = Verifier(RULES).worker()
# Uncompiled kernels take a hundred times as long, and know of columns, not of rules: they get some of the examples.
EVERY = 8 if kernels.UNCOMPILED else 1


def cases(kind: str) -> list[object]:
    every = [
        pytest.param(rule.id, case, id=f"{rule.id}: {case.why}")
        for rule in RULES
        if rule.part == 0
        for case in getattr(examples_of(rule.id), kind)
    ]
    return [*every[::EVERY]]


def violated(case: Example) -> set[str]:
    outcome = WORKER.verify(case.request, completeness=case.completeness)
    return {finding.rule for finding in outcome.findings(1_000)}


@pytest.mark.parametrize(("rule", "case"), cases("fires"))
def test_fires(rule: str, case: Example) -> None:
    rules = violated(case)
    assert rule in rules
    assert (rules & ERRORS) - {rule} == set(case.also), "other errors have to be named by `also`"


@pytest.mark.parametrize(("rule", "case"), cases("silent"))
def test_stays_silent(rule: str, case: Example) -> None:
    rules = violated(case)
    assert rule not in rules
    assert rules & ERRORS == set(case.also), "errors of other rules have to be named by `also`"
