"""The JSON report: it fits its schema, and says what the Report says."""

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from otlp_verifier.findings.witness import Witness
from otlp_verifier.report import json_document
from otlp_verifier.report.model import Recorded, Report
from tests.report import reports

ROOT = Path(__file__).parents[2]
REPORTS = {
    "findings": reports.report(),
    "more than is kept": reports.report(extra=5),
    "nothing": reports.report(entries=()),
    "witnesses": reports.with_witness(),
    "unreadable": reports.with_errors(reports.report()),
    "compared": reports.compared([Recorded(one.kind, "error", "went", 3) for one in reports.report().entries[:1]]),
}


def written(report: Report) -> Any:
    out = io.StringIO()
    json_document.write(report, out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize("name", REPORTS)
def test_documents_fit_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_document.schema())
    jsonschema.Draft202012Validator(json_document.schema()).validate(written(REPORTS[name]))


@pytest.mark.parametrize("key", ["format", "summary", "findings"])
def test_the_schema_wants_every_key(key: str) -> None:
    document = written(reports.report())
    del document[key]
    with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
        jsonschema.Draft202012Validator(json_document.schema()).validate(document)


def test_the_schema_in_the_documentation_is_the_one_in_the_package() -> None:
    path = ROOT / "docs" / "schemas" / "report.schema.json"
    assert json.loads(path.read_text()) == json_document.schema(), f"otlp-verifier check --schema > {path.name}"


def test_findings_are_those_of_the_report() -> None:
    report = reports.report()
    document = written(report)
    assert len(document["findings"]) == len(report.entries)
    for found, entry in zip(document["findings"], report.entries, strict=True):
        for key in ("rule", "severity", "signal", "trace_id", "span_id", "span", "service", "message"):
            assert found[key] == getattr(entry.finding, key)
        assert (found["file"], found["line"] or 0) == (entry.source.file, entry.source.line)
        assert (found["offset"], found["request"]) == (entry.source.offset, entry.source.request)
        assert (found["fingerprint"], found["known"]) == (entry.kind.digest, entry.is_known)


def test_a_format_without_lines_has_none() -> None:
    assert [one["line"] for one in written(reports.report())["findings"]] == [8, 5, 10, None]


def test_summary_counts_what_is_not_listed() -> None:
    report = replace(reports.report(extra=5), disputed={"span-end-before-start": 2, "trace-id-zero": 1})
    summary = written(reports.with_errors(report))["summary"]
    assert summary == {
        "files": 2,
        "spans": 22,
        "findings": 9,
        "new": 9,
        "known": 0,
        "left_out": 5,
        "by_severity": {"error": 6, "warning": 2, "information": 1},
        "unreadable": 2,
        "disputed": 3,
    }


def test_only_rules_with_findings_are_described() -> None:
    document = written(reports.report())
    assert {rule["id"] for rule in document["rules"]} == {one["rule"] for one in document["findings"]}


def test_comparison() -> None:
    document = written(REPORTS["compared"])
    assert document["comparison"]["name"] == "baseline.json"
    assert [one["count"] for one in document["comparison"]["gone"]] == [3]
    assert document["summary"]["known"] == 1
    assert [one["known"] for one in document["findings"]] == [False, False, False, True]
    assert written(reports.report())["comparison"] is None


def test_errors_and_notices_say_where() -> None:
    document = written(REPORTS["unreadable"])
    assert [(one["file"], one["line"]) for one in document["errors"]] == [("broken.json", 3), ("folder", None)]
    assert [(one["code"], one["count"]) for one in document["notices"]] == [("signal-skipped", 7)]


def test_findings_carry_their_witness() -> None:
    report = reports.with_witness()
    first, *others = written(report)["findings"]
    assert msgspec.convert(first["witness"], Witness) == report.entries[0].witness
    assert [one["witness"] for one in others] == [None] * len(others)
