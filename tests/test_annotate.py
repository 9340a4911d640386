"""What a verdict writes, both ways: as a sparse answer and into the bytes."""

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.contract.verifier_pb2 import VerifyResponse
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Action, ActionRule, Policy
from otlp_verifier.rules import catalogue
from otlp_verifier.rules.example import read
from otlp_verifier.worker import Worker

# One promise about several kinds of records, so five rules with one id; this span breaks three of them.
PARTS = tuple(rule for rule in catalogue.builtin() if rule.id == "attr-key-empty")
BROKEN = """spans: [{name: GET, id: a, attributes: {"": 1},
    events: [{name: retry, attributes: {"": 1}}], links: [{trace: m, span: c, attributes: {"": 1}}]}]"""


def worker(*actions: ActionRule) -> Worker:
    return Verifier(PARTS, {"": Policy(actions=actions)}).worker()


def written(worker_: Worker) -> tuple[list[str], list[str]]:
    """The violations on the only span, by each of the two ways; empty where nothing is written."""
    outcome = worker_.verify(read(yaml.safe_load(BROKEN)).request)
    answer = VerifyResponse.FromString(outcome.response(1))
    [sparse] = [
        list(attribute.list.values)
        for annotation in answer.sparse.annotations
        for attribute in annotation.attributes
        if attribute.key == "verifier.violations"
    ] or [[]]
    request = ExportTraceServiceRequest.FromString(bytes(outcome.spliced()))
    [spliced] = [
        [value.string_value for value in attribute.value.array_value.values]
        for attribute in request.resource_spans[0].scope_spans[0].spans[0].attributes
        if attribute.key == "verifier.violations"
    ] or [[]]
    return sparse, spliced


def test_a_rule_of_several_parts_is_written_once() -> None:
    assert written(worker()) == (["attr-key-empty"], ["attr-key-empty"])


@pytest.mark.parametrize("action", [Action.IGNORE, Action.DROP_SPAN])
def test_a_policy_for_an_id_holds_for_all_its_parts(action: Action) -> None:
    outcome = (judge := worker(ActionRule(action=action, rules=("attr-key-empty",)))).verify(
        read(yaml.safe_load(BROKEN)).request, allow_drop=True
    )
    assert outcome.findings_by_rule.tolist() == [1, 1, 1, 0, 0]
    assert outcome.dropped == (action is Action.DROP_SPAN)
    if action is Action.IGNORE:
        assert written(judge) == ([], [])


def test_both_ways_strip_where_verdicts_are_written_and_nowhere_else() -> None:
    forged = "attributes: {verifier.severity: none}"
    batch = f"""resources: [{{{forged}, scopes: [{{{forged}, spans: [{{name: GET, id: a, parent: b, {forged},
        events: [{{name: retry, {forged}}}], links: [{{trace: m, span: c, {forged}}}]}}]}}]}}]"""
    outcome = Verifier(()).worker().verify(read(yaml.safe_load(batch)).request)
    sparse = VerifyResponse.FromString(outcome.response(1)).sparse
    assert [list(rows) for rows in (sparse.strip_resources, sparse.strip_scopes, sparse.strip_records)] == [[0]] * 3
    resource = ExportTraceServiceRequest.FromString(bytes(outcome.spliced())).resource_spans[0]
    [span] = resource.scope_spans[0].spans
    assert not any(len(owner.attributes) for owner in (resource.resource, resource.scope_spans[0].scope, span))
    assert [[each.key for each in owner.attributes] for owner in (*span.events, *span.links)] == [
        ["verifier.severity"]
    ] * 2
