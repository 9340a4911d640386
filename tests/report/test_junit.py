"""JUnit: well-formed, counted right, unique names, and the text of a failure says everything."""

import io
from xml.etree import ElementTree

import msgspec
import pytest
from msgspec.structs import replace

from otlp_verifier.files import Source
from otlp_verifier.policy import SeverityName
from otlp_verifier.report import junit
from otlp_verifier.report.model import Report
from tests.report import reports
from tests.report.test_json import REPORTS


def suite(report: Report, fail_on: SeverityName | None = "error") -> ElementTree.Element:
    out = io.StringIO()
    junit.write(report, out, fail_on)
    root = ElementTree.fromstring(out.getvalue().encode())
    assert root.tag == "testsuites"
    [only] = root
    return only


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("fail_on", ["error", "warning", "information", None])
def test_counts_are_those_of_the_elements(name: str, fail_on: SeverityName | None) -> None:
    report = REPORTS[name]
    own = suite(report, fail_on)
    assert int(own.get("tests", "")) == len(own.findall("testcase")) == len(own)
    assert int(own.get("failures", "")) == len(own.findall("testcase/failure"))
    assert int(own.get("failures", "")) == sum(rule.fails(fail_on) for rule in report.rules)
    assert int(own.get("errors", "")) == len(own.findall("testcase/error"))
    names = [(case.get("classname"), case.get("name")) for case in own]
    assert len(set(names)) == len(names)
    assert all(all(name) for name in names)


def test_every_rule_is_a_test_case() -> None:
    assert [case.get("name") for case in suite(reports.report())] == [rule.id for rule in reports.report().rules]


def test_a_failure_says_everything_in_its_text() -> None:
    [case] = [case for case in suite(reports.report(extra=5)) if case.find("failure") is not None]
    failure = case.find("failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.get("message") == "6 findings in payment"
    ids = f"trace {reports.shop().trace_id}, span 0000000000000008"
    for part in (
        "A span does not end before it starts. (error, 6 findings)",
        f"shop.json:8: [payment] span `authorize card` ended 40 ms before it started ({ids})\n",
        "... and 5 more",
        "\nwhat to do: Take both times from one monotonic clock.\npromised in: Trace API, Span\nsee: https://",
    ):
        assert part in failure.text
    assert case.get("file") == "shop.json"


def test_findings_below_the_threshold_are_output_of_tests_that_pass() -> None:
    [case] = [case for case in suite(reports.report()) if case.get("name") == "parent-missing"]
    assert "write reservation" in (case.findtext("system-out") or "")


def test_known_findings_pass_silently() -> None:
    [case] = [case for case in suite(reports.compared()) if case.get("name") == "span-end-before-start"]
    assert len(case) == 0


def test_unreadable_files_are_errors() -> None:
    own = suite(REPORTS["unreadable"])
    assert [case.get("name") for case in own if case.find("error") is not None] == ["broken.json", "folder"]


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    entry = reports.report().entries[0]
    finding = msgspec.structs.replace(entry.finding, message="`\x00<&>\ufffe\U0001f600`")
    odd = replace(entry, source=Source("a\x00b\x1b.json", 1), finding=finding)
    [failure] = suite(reports.report(entries=[odd])).iter("failure")
    assert "a\ufffdb\ufffd.json:1: [payment] `\ufffd<&>\ufffd\U0001f600`" in (failure.text or "")
