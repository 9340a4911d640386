"""What a report says, whatever it is written as. Every format reads this and nothing else.

Numbers are of everything that was found; texts are of the findings that are kept,
which are bounded in number, as are the traces that are shown.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from otlp_verifier.files.notes import Inputs, Source
from otlp_verifier.findings import Finding
from otlp_verifier.policy import Severity, SeverityName

if TYPE_CHECKING:
    from otlp_verifier.files.view import TraceView
    from otlp_verifier.findings.witness import Witness

# Worst first, as every format lists them.
SEVERITIES: Final[tuple[SeverityName, ...]] = ("error", "warning", "information")


class Kind(msgspec.Struct, frozen=True):
    """What a finding is, apart from ids and times: findings of two runs with the same kind are the same problem.

    Attributes:
        digest: of all the others, 20 hex digits.
        rule, service, scope: the rule's id, service.name, the instrumentation scope's name.
        path: kind and name of the spans from the root down to the one that the finding is about; empty for
            resources and scopes.
        details: names that the message quotes beside those of the path: attribute keys, events, values.

    """

    digest: str
    rule: str
    service: str
    scope: str = ""
    path: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """A finding that is kept.

    Attributes:
        finding: rule, severity, ids, service, message.
        source: where it stands.
        kind: what it is from run to run.
        is_known: whether the baseline has it.
        trace: index of its trace in Report.traces; None where that is not kept.
        span: index of its span in that trace; None where there is none, as for resources and scopes.
        witness: why it is one.

    """

    finding: Finding
    source: Source
    kind: Kind
    is_known: bool = False
    trace: int | None = None
    span: int | None = None
    witness: "Witness | None" = None


class RuleTally(msgspec.Struct, frozen=True):
    """A rule that was checked, and how often it was broken.

    Attributes:
        id, severity, family, description, remedy: the rule's.
        sources: (section, link) of each.
        found: findings in all.
        known: those of them that the baseline has.
        kept: those of them that the report has as text.

    """

    id: str
    severity: SeverityName
    family: str
    description: str
    remedy: str
    sources: tuple[tuple[str, str], ...]
    found: int
    known: int
    kept: int

    @property
    def new(self) -> int:
        """Findings that the baseline does not have; all of them without one."""
        return self.found - self.known

    def fails(self, fail_on: SeverityName | None) -> bool:
        """Whether it has new findings and is at least this severe; with None, no rule ever is."""
        return bool(self.new) and fail_on is not None and Severity[self.severity.upper()] >= Severity[fail_on.upper()]


class Recorded(msgspec.Struct, frozen=True):
    """A kind of finding in a baseline, and how often it was seen when the baseline was written."""

    kind: Kind
    severity: SeverityName
    message: str
    count: int


class Comparison(msgspec.Struct, frozen=True):
    """What a baseline, or another capture, has to say.

    Attributes:
        name: the file.
        gone: what it has and this capture has not.
        counts: how often each kind occurs, by digest: before and now.

    """

    name: str
    gone: tuple[Recorded, ...]
    counts: Mapping[str, tuple[int, int]]


class Report(msgspec.Struct, frozen=True):
    """The result of one check.

    Attributes:
        version: of otlp-verifier.
        spans: how many were verified.
        rules: all that were checked, sorted by id.
        entries: findings that are kept: new before known, then worst first, by rule, service and place.
        traces: of the findings that are kept, as far as there is room.
        inputs: files read, errors and notices.
        comparison: with a baseline; None without one.
        disputed: findings that were taken back by rule id, as a second evaluation did not confirm them; no other
            number counts them.

    """

    version: str
    spans: int
    rules: tuple[RuleTally, ...]
    entries: tuple[Entry, ...]
    traces: "tuple[TraceView, ...]"
    inputs: Inputs = msgspec.field(default_factory=Inputs)
    comparison: Comparison | None = None
    disputed: Mapping[str, int] = msgspec.field(default_factory=dict)

    @property
    def found(self) -> int:
        """Findings in all."""
        return sum(rule.found for rule in self.rules)

    @property
    def known(self) -> int:
        """Findings that the baseline has."""
        return sum(rule.known for rule in self.rules)

    @property
    def left_out(self) -> int:
        """Findings that are counted but not kept as text."""
        return self.found - len(self.entries)

    @property
    def broken(self) -> tuple[RuleTally, ...]:
        """The rules with findings that are new, worst first, then by id."""
        rules = [rule for rule in self.rules if rule.new]
        return tuple(sorted(rules, key=lambda rule: (SEVERITIES.index(rule.severity), rule.id)))

    @property
    def new_entries(self) -> tuple[Entry, ...]:
        """The entries that the baseline does not have."""
        return tuple(entry for entry in self.entries if not entry.is_known)

    def by_severity(self) -> dict[SeverityName, int]:
        """How many findings are new, of each severity."""
        return {name: sum(rule.new for rule in self.rules if rule.severity == name) for name in SEVERITIES}

    def by_service(self) -> Counter[str]:
        """How many of the new entries each service has, by name; empty for findings without one."""
        return Counter(entry.finding.service for entry in self.new_entries)

    def failures(self, fail_on: SeverityName | None) -> int:
        """How many new findings are of rules that fail."""
        return sum(rule.new for rule in self.rules if rule.fails(fail_on))
