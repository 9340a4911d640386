"""Traces of real applications with the current SDKs: no rule finds what docs/sdks.md does not explain."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.cli import main
from otlp_verifier.rules.catalogue import builtin
from otlp_verifier.testing import Receiver, assert_traces_valid
from tests.sdks.applications import LANGUAGES, TOGETHER, run
from tests.sdks.page import section

pytestmark = pytest.mark.sdk

OWN_SCOPE = "shop.orders"
DEFAULT = {rule.id for rule in builtin() if rule.default}
# Whose spans have to be there: an instrumentation that is not at work breaks no rule.
SCOPES = {
    "Python": {
        "opentelemetry.instrumentation.flask",
        "opentelemetry.instrumentation.requests",
        "opentelemetry.instrumentation.sqlite3",
    },
    "JavaScript": {
        "@opentelemetry/instrumentation-express",
        "@opentelemetry/instrumentation-http",
        "@opentelemetry/instrumentation-pg",
        "@opentelemetry/instrumentation-undici",
    },
    "Go": {"github.com/XSAM/otelsql", "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"},
}
# Each of the requests at once is a server and a client span in the shop, and a server span in the stock.
SPANS_MIN = 3 * TOGETHER


def spans(path: Path) -> Iterator[tuple[str, str]]:
    """The id of each span and the name of its scope, read by protobuf itself."""
    content = path.read_bytes()
    while content:
        end = 4 + int.from_bytes(content[:4], "big")
        request = ExportTraceServiceRequest.FromString(content[4:end])
        content = content[end:]
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    yield span.span_id.hex(), scope.scope.name


@pytest.mark.parametrize("opt_in", [False, True], ids=["as they come", "stable conventions"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_traces_of_the_sdk_break_no_rule(language: str, opt_in: bool, otlp_receiver: Receiver, tmp_path: Path) -> None:
    conventions = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"} if opt_in else {}
    run(language, otlp_receiver, tmp_path, **conventions)
    scopes = dict(spans(otlp_receiver.file))
    assert set(scopes.values()) == SCOPES[language] | {OWN_SCOPE}
    expected, possible = section(language).expected(opt_in=opt_in), section(language).possible
    known = sorted(DEFAULT & {rule for rule, _ in expected})
    assert_traces_valid(otlp_receiver, ignore=known, fail_on="warning", spans_min=SPANS_MIN)

    report = tmp_path / "report.json"
    CliRunner().invoke(
        main,
        ["check", str(otlp_receiver.file), "--select", "error,warning", "-q", "-o", f"json={report}"],
        catch_exceptions=False,
    )
    findings = json.loads(report.read_text())["findings"]
    told = "\n".join(f"{one['rule']}: {one['message']}" for one in findings)
    found = {(one["rule"], scopes.get(one["span_id"], "")) for one in findings}
    assert found - possible == expected, told
