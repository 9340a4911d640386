"""Rules as text on requests: what the engine says, in the words of the slow walk."""

from collections.abc import Callable, Sequence
from random import Random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.policy import Completeness
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.language.contracts import Contract
from tests.language.formulas import Formula
from tests.reference.evaluator import Verdicts, Violation, judge

LIMITS = Limits(memory_factor=64)
BATCH, TRACE = Completeness.BATCH, Completeness.TRACE


def refusal(text: str) -> str:
    """What is wrong with a rule; nothing if it is accepted. Any other exception is a failure."""
    try:
        compile_rules([Source("x", text)])
    except RuleErrors as caught:
        error, *_ = caught.errors
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        return error.message
    return ""


def accepted(seed: int, count: int, maker: Callable[..., Contract | Formula], **how: object) -> list[str]:
    """As many random rules that are accepted; those that are refused are refused with a message."""
    rng = Random(seed)
    found: list[str] = []
    while len(found) < count:
        text = maker(rng, **how).text
        if not refusal(text):
            found.append(text)
    return found


class Judge:
    """An engine for rules, and the slow walk of the same rules."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.rules = [
            Rule(id=f"r{number}", severity="error", description="", rule=text, file="", line=1, rule_line=1)
            for number, text in enumerate(texts)
        ]
        self.engine = Engine(compile_rules([Source(rule.id, rule.rule) for rule in self.rules]))
        self.final = self.engine.plan.final

    def fast(self, request: ExportTraceServiceRequest, completeness: Completeness = TRACE) -> Verdicts:
        """What the engine says."""
        rows = self.engine.run(request.SerializeToString(), completeness, LIMITS)
        pairs = list(zip(rows.numbers.tolist(), rows.number_rows.tolist(), strict=True))
        assert len(pairs) == len(set(pairs)), "a row is found once"
        count, verdicts = len(self.rules), Verdicts()
        for number, row in pairs:
            found = verdicts.violated if number < count else verdicts.undecided
            found.add(Violation(f"r{number % count}", 0, row))
        assert rows.counts.tolist() == [sum(one.rule == rule.id for one in verdicts.violated) for rule in self.rules]
        return verdicts

    def slow(self, request: ExportTraceServiceRequest) -> Verdicts:
        """What the walk says of a whole trace."""
        return judge(self.rules, request, self.final)

    def rule(self, violation: Violation) -> str:
        """The text of the rule that a violation is of."""
        return self.texts[int(violation.rule[1:])]

    def disputed(self, one: Verdicts, other: Verdicts) -> set[str]:
        """The rules on which two verdicts differ."""
        return {self.rule(row) for row in (one.violated ^ other.violated) | (one.undecided ^ other.undecided)}
