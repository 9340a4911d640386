"""Workflow commands of GitHub Actions, which become annotations where reviewers look.

GitHub shows ten of each level for a step, so findings of one kind share one command,
and the worst come first. A message is the finding and, in lines below it, which span it
is about, why it is one, what is expected, what to do and where that is promised. What a
message has beyond 4,096 characters the runner cuts off: a line that has no room is left out.
"""

from typing import Final, TextIO

from otlp_verifier.files import Source
from otlp_verifier.policy import SeverityName
from otlp_verifier.report.model import Entry, Report, RuleTally
from otlp_verifier.report.words import expectation_of, ids_of, reasons_of, sentences

COMMANDS_MAX: Final = 50
MESSAGE_MAX: Final = 4_096  # characters; _maxIssueMessageLength of github.com/actions/runner
_LEVELS: Final[dict[SeverityName, str]] = {"error": "error", "warning": "warning", "information": "notice"}


def write(report: Report, out: TextIO) -> None:
    """Write one line for each kind of finding, and one for each place that could not be read."""
    for error in report.inputs.errors[:COMMANDS_MAX]:
        out.write(_command("error", error.source, "unreadable input", error.message))
    kinds: dict[str, list[Entry]] = {}
    for entry in report.new_entries:
        kinds.setdefault(entry.kind.digest, []).append(entry)
    rules = {rule.id: rule for rule in report.rules}
    for first, *others in list(kinds.values())[:COMMANDS_MAX]:
        level, rule = _LEVELS[first.finding.severity], first.finding.rule
        out.write(_command(level, first.source, rule, _message(first, len(others), rules[rule])))
    untold = max(0, len(kinds) - COMMANDS_MAX)
    if untold:
        text = f"{untold} more kinds of findings; the whole report has them"
        out.write(_command("notice", None, "otlp-verifier", text))


def _message(entry: Entry, others: int, rule: RuleTally) -> str:
    service = f"{entry.finding.service}: " if entry.finding.service else ""
    more = f" (and {others} more like this)" if others else ""
    message = f"{service}{entry.finding.message}{more}"
    for line in (ids_of(entry.finding), *sentences([*reasons_of(entry.witness), *expectation_of(rule)])):
        if line and len(message) + 1 + len(line) <= MESSAGE_MAX:
            message += f"\n{line}"
    return message


def _command(level: str, source: Source | None, title: str, message: str) -> str:
    properties = {"file": source.file, "line": str(source.line or "")} if source else {}
    properties["title"] = title
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{level} {written}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
