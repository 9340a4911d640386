"""From the parts of a check to a report, in bounded memory: counts of everything, texts and traces of the first."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from otlp_verifier.files import Checked, Inputs, Located, TraceView
from otlp_verifier.findings import Finding
from otlp_verifier.report.model import SEVERITIES, Entry, Kind, Recorded, Report, RuleTally
from otlp_verifier.rules.catalogue import Rule
from otlp_verifier.version import VERSION

if TYPE_CHECKING:
    from otlp_verifier.findings.witness import Witness
    from otlp_verifier.report.baseline import Baseline

FINDINGS_PER_RULE_MAX: Final = 1_000
TRACES_MAX: Final = 200
# So that one service's favourite mistake does not take all the room.
TRACES_PER_GROUP_MAX: Final = 3
SPANS_PER_TRACE_MAX: Final = 1_000
SPANS_MAX: Final = 20_000  # of all traces that are kept: some 3 KiB each
# A capture has some hundred kinds of findings; more than this come from span names that are never the same.
KINDS_MAX: Final = 100_000


class _Kept(msgspec.Struct):
    """A trace of the part at hand that is kept: its index in the report, and its spans by id."""

    number: int
    view: TraceView
    spans: dict[str, list[int]]

    def index(self, located: Located) -> int | None:
        """The span that a finding is shown with. Several spans may have one id, which is a mistake of its own."""
        same = self.spans.get(located.finding.span_id, [])
        exact = [at for at in same if self.view.spans[at].source == located.source]
        return next(iter(exact or same), None)


class _Taken(msgspec.Struct, frozen=True):
    """A finding that is kept."""

    located: Located
    kind: Kind
    is_known: bool
    witness: "Witness"


class Collector:
    """Makes a report of a check.

    Args:
        rules: the verifier's, in its order.
        baseline: what is known; every finding is then looked at, so that every new one is found.
        findings_per_rule_max: how many findings of each rule are kept as text.
        traces_max: how many traces are kept for being drawn.
        every: look at every finding even without a baseline, for writing one.

    Attributes:
        unrecorded: findings whose kind is not in `recorded`, because there are too many kinds.

    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        baseline: "Baseline | None" = None,
        findings_per_rule_max: int = FINDINGS_PER_RULE_MAX,
        traces_max: int = TRACES_MAX,
        every: bool = False,
    ) -> None:
        self._rules = tuple(rules)
        self._baseline = baseline
        self._every = every or baseline is not None
        self._findings_max = findings_per_rule_max
        self._traces_max = traces_max
        self._spans = 0
        self._found = np.zeros(len(self._rules), np.uint64)
        self._known: Counter[str] = Counter()
        self._kept_new: Counter[str] = Counter()
        self._kept_known: Counter[str] = Counter()
        self._disputed: Counter[str] = Counter()
        self._entries: list[Entry] = []
        self._traces: list[TraceView] = []
        self._room = SPANS_MAX
        self._traces_of: Counter[tuple[str, str]] = Counter()  # rule and service
        self._recorded: dict[str, Recorded] = {}
        self.unrecorded = 0

    @property
    def recorded(self) -> dict[str, Recorded]:
        """Kinds of findings and how often each was seen, by digest; of those that were looked at."""
        return self._recorded

    def add(self, part: Checked) -> None:
        """Take what one part of the check has to say, before the next part is asked for."""
        self._spans += part.spans
        counts = part.findings_by_rule
        self._found += counts
        most = self._most(counts)
        if most == 0:
            return
        taken = []
        for located in part.findings(most_per_rule=None if self._every else most):
            rule = located.finding.rule
            if self._every or self._kept_new[rule] < self._findings_max:
                taken += self._take(part, located)
        # Traces afterwards: they show nothing that a second evaluation did not confirm.
        traces: dict[int, _Kept] = {}
        for one in taken:
            self._enter(part, one, traces)

    def report(self, inputs: Inputs) -> Report:
        """The report on everything that was added."""
        entries = sorted(self._entries, key=_order)
        return Report(
            version=VERSION,
            spans=self._spans,
            rules=self._tallies(),
            entries=tuple(entries),
            traces=tuple(self._traces),
            inputs=inputs,
            comparison=self._baseline.compare(self._recorded) if self._baseline is not None else None,
            disputed=dict(sorted(self._disputed.items())),
        )

    def _most(self, counts: NDArray[np.uint32]) -> int:
        """How many findings of each rule to render: no more than any rule has that is still wanted."""
        wanted = 0
        for number in np.flatnonzero(counts):
            room = self._findings_max - self._kept_new[self._rules[number].id]
            wanted = max(wanted, min(int(counts[number]), room if not self._every else self._findings_max))
        return wanted

    def _take(self, part: Checked, located: Located) -> list[_Taken]:
        """Count a finding; it comes back if it is kept as text, with its witness."""
        from otlp_verifier.report.kinds import kind_of  # noqa: PLC0415  # a check without findings needs none

        finding = located.finding
        kind = kind_of(finding, located.scope, located.path)
        is_known = self._baseline is not None and kind in self._baseline
        kept = self._kept_known if is_known else self._kept_new
        witness = None
        if kept[finding.rule] < self._findings_max:
            witness = part.witness(located)
            if witness is None:
                self._disputed[finding.rule] += 1
                return []
        self._record(kind, finding)
        if is_known:
            self._known[finding.rule] += 1
        if witness is None:
            return []
        kept[finding.rule] += 1
        return [_Taken(located, kind, is_known, witness)]

    def _enter(self, part: Checked, taken: _Taken, traces: dict[int, _Kept]) -> None:
        """Make an entry of a finding, and keep its trace if there is room."""
        located, is_known = taken.located, taken.is_known
        trace = None if is_known or located.trace is None else self._keep(part, located.trace, traces, taken.kind)
        index, span = (None, None) if trace is None else (trace.number, trace.index(located))
        self._entries.append(Entry(located.finding, located.source, taken.kind, is_known, index, span, taken.witness))

    def _record(self, kind: Kind, finding: Finding) -> None:
        from otlp_verifier.report.kinds import steady  # noqa: PLC0415  # as above

        seen = self._recorded.get(kind.digest)
        if seen is not None:
            self._recorded[kind.digest] = replace(seen, count=seen.count + 1)
        elif len(self._recorded) < KINDS_MAX:
            self._recorded[kind.digest] = Recorded(kind, finding.severity, steady(finding.message), 1)
        else:
            self.unrecorded += 1

    def _keep(self, part: Checked, number: int, traces: dict[int, _Kept], kind: Kind) -> _Kept | None:
        """A trace of the part among those that are kept, if there is room."""
        group = (kind.rule, kind.service)
        if number not in traces:
            spans = min(part.spans_in(number), SPANS_PER_TRACE_MAX)
            is_full = len(self._traces) >= self._traces_max or spans > self._room
            if is_full or self._traces_of[group] >= TRACES_PER_GROUP_MAX:
                return None
            view = part.trace(number, SPANS_PER_TRACE_MAX, attributes=True)
            by_id: dict[str, list[int]] = {}
            for at, span in enumerate(view.spans):
                by_id.setdefault(span.span_id, []).append(at)
            traces[number] = _Kept(len(self._traces), view, by_id)
            self._traces.append(view)
            self._traces_of[group] += 1
            self._room -= spans
        return traces[number]

    def _tallies(self) -> tuple[RuleTally, ...]:
        found: Counter[str] = Counter()
        rules: dict[str, Rule] = {}
        for rule, count in zip(self._rules, self._found, strict=True):
            found[rule.id] += int(count)
            rules.setdefault(rule.id, rule)
        found.subtract(self._disputed)
        return tuple(
            RuleTally(
                id=rule.id,
                severity=rule.severity,
                family=rule.family,
                description=rule.description,
                remedy=rule.remedy,
                sources=rule.promises,
                found=found[rule.id],
                known=self._known[rule.id],
                kept=self._kept_new[rule.id] + self._kept_known[rule.id],
            )
            for rule in sorted(rules.values(), key=lambda rule: rule.id)
        )


def _order(entry: Entry) -> tuple[bool, int, str, str, str, int, int]:
    finding, source = entry.finding, entry.source
    severity = SEVERITIES.index(finding.severity)
    return entry.is_known, severity, finding.rule, finding.service, source.file, source.line, source.offset
