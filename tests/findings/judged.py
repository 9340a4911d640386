"""Rules on requests: what the engine finds, and the witness of each finding."""

from collections.abc import Sequence

import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.findings.witness import Rechecker, Witness
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.registry.opentelemetry import alone
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.rules.example import read
from otlp_verifier.wire.limits import Limits
from otlp_verifier.worker import Worker

Found = list[tuple[int, int, Witness | None]]  # rule, row, witness


def rule(text: str, number: int = 0) -> Rule:
    return Rule(id=f"r{number}", severity="error", description="", rule=text, file="", line=1, rule_line=1)


def worker(texts: Sequence[str]) -> Worker:
    rules = [rule(text, number) for number, text in enumerate(texts)]
    return Verifier(rules, limits=Limits(memory_factor=64)).worker()


def judged(of: Worker, request: bytes, completeness: Completeness = Completeness.TRACE) -> Found:
    """Every finding, judged again."""
    rows = of.verify(request, completeness=completeness)._rows
    plan = of.plan
    witnesses = Rechecker(of.rules, plan.final, alone()).on(of.engine.columns, of.engine.relations)
    pairs = zip(rows.rules.tolist(), rows.rows.tolist(), strict=True)
    return [(number, row, witnesses.of(number, row)) for number, row in pairs]


def witness(text: str, notation: str) -> Witness:
    """Of the one finding of a rule in a trace, in the notation of examples."""
    request = read(yaml.safe_load(notation)).request
    [(_, _, found)] = judged(worker([text]), request)
    assert found is not None, "the two evaluations do not agree"
    return found


def witnesses(texts: Sequence[str], request: ExportTraceServiceRequest) -> Found:
    return judged(worker(texts), request.SerializeToString())
