"""Workflow commands: one line each, escaped so that nothing in telemetry can end one or begin another."""

import io
import re
from urllib.parse import unquote

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from otlp_verifier.files import Source
from otlp_verifier.report import github
from otlp_verifier.report.model import Report
from tests.report import reports
from tests.report.test_json import REPORTS

COMMAND = re.compile(r"::(?P<level>error|warning|notice) (?P<properties>[^:]*)::(?P<message>.*)")


def commands(report: Report) -> list[tuple[str, dict[str, str], str]]:
    """Parse the output as the runner does: a command per line, properties by `,` and `=`, then unescape."""
    out = io.StringIO()
    github.write(report, out)
    parsed = []
    for line in out.getvalue().split("\n")[:-1]:
        match = COMMAND.fullmatch(line.removesuffix("\r"))
        assert match, line
        pairs = (pair.split("=", 1) for pair in match["properties"].split(","))
        parsed.append((match["level"], {key: unquote(value) for key, value in pairs}, unquote(match["message"])))
    return parsed


def test_commands_say_where_and_what() -> None:
    found = [(level, where, message.split("\n")[0]) for level, where, message in commands(reports.report())]
    assert found == [
        (
            "error",
            {"file": "shop.json", "line": "8", "title": "span-end-before-start"},
            "payment: span `authorize card` ended 40 ms before it started",
        ),
        (
            "warning",
            {"file": "shop.json", "line": "5", "title": "attr-number-as-string"},
            "stock: server.port of span `SELECT stock` is the string `5432`",
        ),
        (
            "warning",
            {"file": "shop.json", "line": "10", "title": "parent-missing"},
            "stock: span `write reservation` has the parent 0063, which is not there",
        ),
        (
            "notice",
            {"file": "orders.binpb", "title": "service-name-missing"},
            "a resource has spans (here 12) and no service.name",
        ),
    ]


def test_a_message_says_below_it_what_is_expected_and_what_to_do() -> None:
    (_, _, first), *_, (_, _, of_a_resource) = commands(reports.report())
    assert first.split("\n")[1:] == [
        f"trace {reports.shop().trace_id}, span 0000000000000008",
        "expected: A span does not end before it starts.",
        "what to do: Take both times from one monotonic clock.",
        "promised in: Trace API, Span",
        "see: https://example.com/spec#span",
    ]
    assert of_a_resource.split("\n")[1] == "expected: Every resource has a service.name."


def test_a_rule_of_ones_own_says_what_it_has() -> None:
    base = reports.report()
    rules = tuple(replace(rule, remedy="", sources=()) for rule in base.rules)
    assert commands(replace(base, rules=rules))[0][2].split("\n")[2:] == [
        "expected: A span does not end before it starts."
    ]


def test_findings_of_one_kind_share_a_command() -> None:
    entry = reports.report().entries[0]
    [(_, _, message)] = commands(reports.report(entries=[entry] * 4))
    assert message.split("\n")[0].endswith("(and 3 more like this)")


def test_known_findings_are_no_annotations() -> None:
    assert "span-end-before-start" not in [one["title"] for _, one, _ in commands(reports.compared())]


def test_unreadable_input_is_an_error() -> None:
    (first, second, *_) = commands(REPORTS["unreadable"])
    assert first == (
        "error",
        {"file": "broken.json", "line": "3", "title": "unreadable input"},
        'the line ends inside of a string; expected `"`',
    )
    assert second[1] == {"file": "folder", "title": "unreadable input"}


def test_not_more_than_people_read() -> None:
    entry = reports.report().entries[0]
    many = [replace(entry, kind=replace(entry.kind, digest=f"{n:020x}")) for n in range(github.COMMANDS_MAX + 7)]
    found = commands(reports.report(entries=many))
    assert len(found) == github.COMMANDS_MAX + 1
    assert found[-1][2].startswith("7 more kinds")


@given(st.text(), st.text(min_size=1), st.text())
def test_any_text_stays_in_its_place(message: str, file: str, service: str) -> None:
    entry = reports.report().entries[0]
    odd = replace(
        entry,
        source=Source(file, 1),
        finding=msgspec.structs.replace(entry.finding, message=message, service=service),
    )
    out = io.StringIO()
    github.write(reports.report(entries=[odd]), out)
    assert len(re.split("[\r\n]", out.getvalue().removesuffix("\n"))) == 1
    if "\N{REPLACEMENT CHARACTER}" not in message + file + service:
        [(_, properties, shown)] = commands(reports.report(entries=[odd]))
        assert properties["file"] == file
        assert shown.startswith((f"{service}: " if service else "") + message + "\ntrace ")
