"""The guide's contracts and a pasted `filter` configuration, in the built collector: what rules files promise there."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.rules import catalogue, example
from otlp_verifier.rules.errors import RuleFileError
from tests.e2e import odd_spans
from tests.e2e.conftest import Rig
from tests.e2e.telemetry import VIOLATIONS, all_spans, written
from tests.test_language_guide import CONTRACTS

# As it stands in many a collector: noise that nobody wants to pay for.
FILTER = r"""
processors:
  filter/noise:
    error_mode: ignore
    traces:
      span:
        - attributes["http.route"] == "/healthz" or attributes["url.path"] == "/readyz"
        - IsMatch(attributes["user_agent.original"], "^(kube-probe|ELB-HealthChecker)/")
        - attributes["http.request.method"] == "OPTIONS" and attributes["http.response.status_code"] < 500
        - name == "GET" and kind == SPAN_KIND_CLIENT
        - resource.attributes["service.name"] == nil
        - end_time_unix_nano - start_time_unix_nano < 1000
"""


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "contracts.yaml"
    path.write_text("".join(CONTRACTS))
    return path


def violations(request: ExportTraceServiceRequest) -> Counter[tuple[bytes, tuple[str, ...]]]:
    return Counter((one.span_id, tuple(written(one).get(VIOLATIONS, ()))) for one in all_spans([request]))


def test_contracts_and_built_in_rules_judge_in_a_pipeline_as_they_do_here(rig: Rig, contracts: Path) -> None:
    """Each example of each contract goes through the collector, whole, and comes out with the same verdicts."""
    errors: list[RuleFileError] = []
    rules = catalogue.read(contracts, errors)
    assert not errors
    assert len({rule.id for rule in rules}) == len(CONTRACTS) == 10
    whole = rig.folder / "whole.yaml"
    whole.write_text("processors: {verifier: {completeness: trace, timeout: 10s, failure_mode: closed}}\n")
    backend = rig.sink()
    verifier = rig.verifier({"rules": {"select": ["all"], "files": [str(contracts)]}})
    collector = rig.collector(
        "annotate.yaml", whole, VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint
    )
    here = Verifier([*catalogue.builtin(), *rules]).worker()
    final = dict(zip(here.rule_ids, here.plan.final, strict=True))
    sender, fired = rig.sender(collector), set()
    for rule in rules:
        cases = example.of(rule)
        for case in (*cases.fires, *cases.silent):
            outcome = here.verify(case.request, completeness=Completeness.TRACE)
            expected = violations(ExportTraceServiceRequest.FromString(bytes(outcome.spliced())))
            before = len(backend.received())
            sender.send_bytes(case.request)
            rig.wait(lambda before=before: len(backend.received()) > before, "a request behind the collector")
            [arrived] = backend.received()[before:]
            assert violations(arrived) == expected, case.why
            found = {rule_id for _, ids in violations(arrived) for rule_id in ids}
            if case.completeness is Completeness.TRACE or final[rule.id]:
                assert (rule.id in found) == (case in cases.fires), case.why
            fired |= found
    collector.stop()
    assert fired >= {rule.id for rule in rules}
    assert fired - {rule.id for rule in rules}, "built-in rules find something in the examples too"


def test_a_pasted_filter_drops_what_the_filter_drops(rig: Rig) -> None:
    """The conditions of a `filter`, each as a rule with `require not`, and a policy that drops on them."""
    conditions: list[str] = yaml.safe_load(FILTER)["processors"]["filter/noise"]["traces"]["span"]
    rules = [
        {
            "id": f"noise-{number}",
            "severity": "information",
            "description": f"No span is noise of kind {number}.",
            "rule": f"for each span s\nrequire not ({condition})",
            "message": "span `{s.name}` is noise",
        }
        for number, condition in enumerate(conditions)
    ]
    pasted = rig.folder / "noise.yaml"
    pasted.write_text(yaml.safe_dump(rules))
    ids = [rule["id"] for rule in rules]
    policy = {"annotate": "none", "actions": [{"action": "drop_span", "rules": ids}]}
    verifier = rig.verifier({"rules": {"select": ids, "files": [str(pasted)]}, "policy": policy})

    stock = rig.folder / "stock.yaml"
    stock.write_text(FILTER + "service: {pipelines: {traces: {processors: [filter/noise]}}}\n")
    request = odd_spans.request()
    left = []
    for more in ((stock,), ()):
        backend = rig.sink()
        collector = rig.collector(
            "drop-by-verifier.yaml", *more, VERIFIER_ENDPOINT=verifier.endpoint, BACKEND_ENDPOINT=backend.endpoint
        )
        rig.sender(collector).send(request)
        collector.stop()
        left.append(Counter(one.span_id for one in all_spans(backend.received())))
    by_filter, by_verifier = left
    assert by_verifier == by_filter
    assert 0 < by_filter.total() < len(list(all_spans([request])))
