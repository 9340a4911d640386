"""Why a finding is one: the same sentences in every output, in the place that each format has for them."""

import io
import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from msgspec.structs import replace

from otlp_verifier.findings.witness import Witness
from otlp_verifier.report import github, html_page, json_document, junit, terminal
from otlp_verifier.report.model import Report
from otlp_verifier.report.words import reasons_of
from tests.report import reports
from tests.report.test_github import commands
from tests.report.test_sarif import run

UNCHECKED = Witness(rechecked=False, reason="more than 20,000 steps would be needed", spans=())
REPORTS = {
    "a near miss and a count": reports.with_witness(),
    "not re-checked": replace(reports.report(), entries=(replace(reports.report().entries[0], witness=UNCHECKED),)),
}


def of_terminal(report: Report) -> str:
    return written(terminal.write, report).replace("  ", ": ")  # a heading has a typeface there, and no colon


def of_html(report: Report) -> str:
    [data] = re.findall(r'id="report">(.*?)</script>', written(html_page.write, report))
    pairs = [pair for kind in json.loads(data)["kinds"] for example in kind["examples"] for pair in example["why"]]
    return "\n".join(": ".join(pair) for pair in pairs)


def of_json(report: Report) -> str:
    """There it is data, of which the sentences are made."""
    found = json.loads(written(json_document.write, report))["findings"]
    told = [reasons_of(msgspec.convert(one["witness"], Witness | None)) for one in found]
    return "\n".join(": ".join(pair) for pairs in told for pair in pairs)


def of_junit(report: Report) -> str:
    return "\n".join(each.text or "" for each in ElementTree.fromstring(written(junit.write, report)).iter("failure"))


def of_sarif(report: Report) -> str:
    return "\n".join(result["message"]["text"] for result in run(report)["results"])


def of_github(report: Report) -> str:
    return "\n".join(message for _, _, message in commands(report))


def whole_terminal(report: Report) -> str:
    return written(terminal.write, report)


def whole_html(report: Report) -> str:
    return written(html_page.write, report)


def whole_json(report: Report) -> str:
    return written(json_document.write, report)


def written(write: Callable[..., None], report: Report) -> str:
    out = io.StringIO()
    write(report, out)
    return out.getvalue()


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("read", [of_terminal, of_html, of_json, of_junit, of_sarif, of_github])
def test_every_output_says_the_same(name: str, read: Callable[[Report], str]) -> None:
    report = REPORTS[name]
    wanted = reasons_of(report.entries[0].witness)
    assert wanted
    shown = read(report)
    for heading, text in wanted:
        assert f"{heading}: {text}" in shown


@pytest.mark.parametrize("read", [whole_terminal, whole_html, whole_json, of_junit, of_github])
def test_every_output_says_which_span_what_is_expected_and_what_to_do(read: Callable[[Report], str]) -> None:
    report = reports.report()
    shown = read(report)
    first, *_ = report.entries
    [rule] = [rule for rule in report.rules if rule.id == first.finding.rule]
    for part in (rule.description, rule.remedy, *rule.sources[0], first.finding.trace_id, first.finding.span_id):
        assert part in shown


def test_junit_says_it_below_the_finding() -> None:
    lines = of_junit(reports.with_witness()).split("\n")
    at = next(number for number, line in enumerate(lines) if "ended 40 ms before it started" in line)
    assert lines[at + 1 : at + 3] == [
        "  counted: `count(child)` is 23; wanted: <= 20",
        "  nearest miss: once `SELECT stock` of stock: 12.3 ms too late",
    ]


def test_sarif_has_all_of_it_and_points_at_the_other_spans() -> None:
    report = reports.with_witness()
    result, *others = run(report)["results"]
    assert msgspec.convert(result["properties"]["witness"], Witness) == report.entries[0].witness
    assert result["relatedLocations"] == [
        {
            "id": 1,
            "message": {"text": "once: SELECT stock"},
            "physicalLocation": {"artifactLocation": {"uri": "shop.json"}, "region": {"startLine": 5}},
            "logicalLocations": [{"name": "SELECT stock", "fullyQualifiedName": "stock/SELECT stock"}],
        }
    ]
    assert all("relatedLocations" not in one and one["properties"]["witness"] is None for one in others)


def test_sarif_points_at_no_span_whose_place_is_not_known() -> None:
    report = reports.with_witness()
    entry = report.entries[0]
    assert entry.witness is not None
    elsewhere = tuple(msgspec.structs.replace(span, start="1") for span in entry.witness.spans)
    changed: dict[str, Any] = {
        "elsewhere": replace(entry, witness=msgspec.structs.replace(entry.witness, spans=elsewhere))
    }
    changed["not kept"] = replace(entry, trace=None, span=None)
    for one in changed.values():
        [result] = run(replace(report, entries=(one,)))["results"]
        assert "relatedLocations" not in result


def test_what_an_annotation_has_no_room_for_gives_way() -> None:
    report = reports.with_witness()
    entry = report.entries[0]
    for length, lines in (
        (100, 8),
        (github.MESSAGE_MAX - 300, 7),
        (github.MESSAGE_MAX - 40, 2),
        (github.MESSAGE_MAX, 1),
    ):
        finding = msgspec.structs.replace(entry.finding, message="x" * length, service="")
        [(_, _, message)] = commands(replace(report, entries=(replace(entry, finding=finding),)))
        assert len(message) <= github.MESSAGE_MAX
        assert len(message.split("\n")) == lines
