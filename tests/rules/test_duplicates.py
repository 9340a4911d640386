"""Dropping on span-duplicate-exact, as docs/deployment.md's profile `strict` does, leaves one of each."""

from random import Random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Action, ActionRule, Completeness, Policy
from otlp_verifier.rules import catalogue
from tests.rules.clean import clean
from tests.strategies import all_spans

RULE = "span-duplicate-exact"
POLICY = Policy(annotate="none", actions=(ActionRule(action=Action.DROP_SPAN, rules=(RULE,)),))
WORKER = Verifier([rule for rule in catalogue.builtin() if rule.id == RULE], {"": POLICY}).worker()


def test_copies_go_and_the_original_stays() -> None:
    for seed in range(20):
        random = Random(seed)
        trace = clean(random)
        once = sorted(span.SerializeToString() for span in trace.all())
        copies = [random.choice(trace.all()) for _ in range(random.randrange(1, 9))]
        for copy in copies:
            scopes = random.choice(sorted(trace.services.items()))[1].scope_spans
            scopes[0].spans.insert(random.randrange(len(scopes[0].spans) + 1), copy)
        outcome = WORKER.verify(trace.request.SerializeToString(), completeness=Completeness.TRACE, allow_drop=True)
        assert outcome.dropped == len(copies)
        left = all_spans(ExportTraceServiceRequest.FromString(bytes(outcome.spliced())))
        assert sorted(span.SerializeToString() for span in left) == once
