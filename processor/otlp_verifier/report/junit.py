"""JUnit XML: a test case for each rule that was checked, and one for each file that could not be read.

Viewers follow a test case from run to run by its class and name and mark those that
began to fail: a rule is such a thing, a file of a capture is not. GitLab shows only
the text of a failure and not its message, Jenkins only one failure of a test case:
so there is one, and its text says everything.
"""

import re
from collections.abc import Sequence
from typing import Final, TextIO
from xml.etree import ElementTree

from otlp_verifier.files import InputError  # loaded anyway
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.model import Entry, Report, RuleTally
from otlp_verifier.report.words import advice_of, findings_of, line_of, reasons_of, sentences

FINDINGS_MAX: Final = 50  # of a failure
_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def write(report: Report, out: TextIO, fail_on: SeverityName | None = "error") -> None:
    """Write the document; rules whose findings are below `fail_on` pass, and show them as their output."""
    suite = ElementTree.Element("testsuite", name="otlp-verifier")
    entries: dict[str, list[Entry]] = {}
    for entry in report.new_entries:
        entries.setdefault(entry.finding.rule, []).append(entry)
    failures = 0
    for rule in report.rules:
        failures += _rule(suite, rule, entries.get(rule.id, []), is_failing=rule.fails(fail_on))
    files: dict[str, list[InputError]] = {}
    for error in report.inputs.errors:
        files.setdefault(error.source.file, []).append(error)
    for file, errors in files.items():
        case = ElementTree.SubElement(suite, "testcase", classname="otlp-verifier.input", name=_text(file))
        shown = "\n".join(str(error) for error in errors[:FINDINGS_MAX])
        _element(case, "error", f"{file} could not be read", shown).set("type", "unreadable")
    for name, count in (("tests", len(suite)), ("failures", failures), ("errors", len(files)), ("skipped", 0)):
        suite.set(name, str(count))
    root = ElementTree.Element("testsuites", {**suite.attrib})
    root.append(suite)
    ElementTree.indent(root)
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(ElementTree.tostring(root, encoding="unicode") + "\n")


def _rule(suite: ElementTree.Element, rule: RuleTally, entries: Sequence[Entry], *, is_failing: bool) -> bool:
    family = rule.family or "own"
    case = ElementTree.SubElement(suite, "testcase", classname=f"otlp-verifier.{family}", name=rule.id)
    if not rule.new:
        return False
    lines = [
        f"{rule.description} ({rule.severity}, {findings_of(rule.new)})",
        "",
        *(line for entry in entries[:FINDINGS_MAX] for line in _lines(entry)),
    ]
    if rule.new > len(entries[:FINDINGS_MAX]):
        lines.append(f"... and {rule.new - len(entries[:FINDINGS_MAX]):,} more")
    if advice := advice_of(rule):
        lines += ["", *sentences(advice)]
    text = "\n".join(lines)
    if not is_failing:
        _element(case, "system-out", "", text)
        return False
    if entries:
        case.set("file", _text(entries[0].source.file))
    services = sorted({entry.finding.service for entry in entries} - {""})
    where = f" in {', '.join(services)}" if services else ""
    _element(case, "failure", f"{findings_of(rule.new)}{where}", text).set("type", rule.severity)
    return True


def _lines(entry: Entry) -> list[str]:
    """A finding, and below it why it is one."""
    return [
        f"{entry.source}: {line_of(entry.finding)}",
        *(f"  {each}" for each in sentences(reasons_of(entry.witness))),
    ]


def _element(parent: ElementTree.Element, tag: str, message: str, text: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    if message:
        element.set("message", _text(message))
    element.text = _text(text)
    return element


def _text(text: str) -> str:
    """`text` without the characters that XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
