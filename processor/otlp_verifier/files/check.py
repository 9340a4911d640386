"""Files to findings: inputs, assembly and the engine, composed."""

import contextlib
import sys
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import ScopeWide, SpanNarrow
from otlp_verifier.files.assemble import Assembler, halves, source_of
from otlp_verifier.files.discover import Input, discover
from otlp_verifier.files.lanes import Lanes, Verified, lane_count
from otlp_verifier.files.notes import Inputs, Source
from otlp_verifier.files.reader import read_file
from otlp_verifier.files.settings import FileSettings
from otlp_verifier.files.stream import Tee
from otlp_verifier.files.verdicts import Verdicts
from otlp_verifier.files.view import PathSpan, TraceView, path_to, span_of, span_view, tree
from otlp_verifier.findings import Finding
from otlp_verifier.findings.batch import Batch
from otlp_verifier.findings.renderer import NAME_MAX
from otlp_verifier.findings.witness import Rechecker, Witness, Witnesses
from otlp_verifier.findings.wording import shown
from otlp_verifier.machine.operations import Domain
from otlp_verifier.pipeline import Verifier
from otlp_verifier.policy import Completeness
from otlp_verifier.relate.tables import SpanRelation, TraceRelation
from otlp_verifier.verify import FindingRows
from otlp_verifier.wire.origin import COPY
from otlp_verifier.wire.partition import Gathered, Part, Room
from otlp_verifier.wire.scanner import MalformedRequest, RequestOverLimit
from otlp_verifier.worker import Outcome, Worker


class Located(msgspec.Struct, frozen=True):
    """A finding and where it stands.

    Attributes:
        finding: what is wrong.
        source: of the resource, of the scope, or of the span that the finding is shown with.
        trace: number of the trace in its part, for Checked.trace; None for findings on resources and scopes.
        scope: name of the instrumentation scope; empty for resources and whole traces.
        path: spans from the root down to the one that the finding is shown with; empty for resources and scopes.
        rule, row: number of the rule, and row in the table of its domain, for Checked.witness.

    """

    finding: Finding
    source: Source
    trace: int | None
    scope: str = ""
    path: tuple[PathSpan, ...] = ()
    rule: int = 0
    row: int = 0


class Checked:
    """What came of some whole traces. Valid until its check is asked for the next part.

    Attributes:
        outcome: as of Worker.verify; it counts findings on a resource whose spans are in several parts in each.
        spans: how many were verified.
        findings_by_rule: uint32 (rules,), in the order of verifier.rule_ids; every finding counts once.

    """

    def __init__(
        self, outcome: Outcome, gathered: Gathered, worker: Worker, names: Sequence[str], witnesses: Witnesses
    ) -> None:
        self.outcome = outcome
        self.spans = outcome.spans
        self._gathered = gathered
        self._worker = worker
        self._names = names
        self._witnesses = witnesses
        self._disputed: set[tuple[int, int]] = set()
        self._domains = worker.plan.domains
        self._rows = _once(outcome._rows, gathered, self._domains)
        self.findings_by_rule = self._rows.counts
        self._by_trace: dict[int, list[tuple[int | None, str]]] | None = None
        self._sizes: NDArray[np.int64] | None = None  # spans of each trace

    def findings(self, most: int | None = None, most_per_rule: int | None = None) -> list[Located]:
        """Render findings, in the order of rules, then of the input; bounded in all or for each rule."""
        rows = _first(self._rows, most, most_per_rule)
        engine = self._worker.engine
        rendered = self._worker.renderer.render(rows, engine.columns, engine.relations, len(rows.rules))
        return [
            self._located(finding, rule, row)
            for finding, rule, row in zip(rendered, rows.rules.tolist(), rows.rows.tolist(), strict=True)
        ]

    def witness(self, located: Located) -> Witness | None:
        """Judge a finding again, and say why it is one; None where it is none, so that nothing may be said of it.

        A trace that is made visible later does not show such a finding either.
        """
        found = self._witnesses.of(located.rule, located.row)
        if found is None:
            self._disputed.add((located.rule, located.row))
        return found

    def trace(self, number: int, spans_max: int = 1_000, *, attributes: bool = False) -> TraceView:
        """Make one trace visible, by Located.trace."""
        engine = self._worker.engine
        columns, relations = engine.columns, engine.relations
        rows = np.flatnonzero(relations.spans[SpanRelation.TRACE, : self.spans] == number).tolist()
        rules: dict[int | None, set[str]] = {}
        for span, rule in self._rules_in(number):
            rules.setdefault(span, set()).add(rule)
        batch = Batch(columns, relations, self._worker.registries)
        shown = [of for of, _ in zip(tree(rows, columns, relations), range(spans_max), strict=False)]
        views = tuple(
            span_view(
                row,
                batch,
                source_of(self._gathered.spans[row], self._names),
                sorted(rules.get(row, ())),
                with_attributes=attributes,
            )
            for row, _ in shown
        )
        first = columns.spans.wide[:, rows[0]]
        trace_id = f"{int(first[0]):016x}{int(first[1]):016x}"
        return TraceView(
            trace_id=trace_id if trace_id.strip("0") else "",
            spans=views,
            depths=tuple(depth for _, depth in shown),
            spans_total=len(rows),
            rules=tuple(sorted(rules.get(None, ()))),
        )

    def spans_in(self, trace: int) -> int:
        """How many spans one trace has, by Located.trace."""
        if self._sizes is None:
            traces = self._worker.engine.relations.spans[SpanRelation.TRACE, : self.spans]
            self._sizes = np.bincount(traces)
        return int(self._sizes[trace])

    def _rules_in(self, trace: int) -> list[tuple[int | None, str]]:
        """Findings of a trace as (row of the span or None, rule id)."""
        if self._by_trace is None:
            self._by_trace = {}
            ids = self._worker.rule_ids
            for rule, row in zip(self._rows.rules.tolist(), self._rows.rows.tolist(), strict=True):
                if (rule, row) in self._disputed:
                    continue
                number, span = self._trace_of(self._domains[rule], row)
                if number is not None:
                    self._by_trace.setdefault(number, []).append((span, ids[rule]))
        return self._by_trace.get(trace, [])

    def _trace_of(self, domain: Domain, row: int) -> tuple[int | None, int | None]:
        """The trace that a finding is in, and the span."""
        if domain is Domain.TRACE:
            return row, None
        engine = self._worker.engine
        span = span_of(domain, row, engine.columns)
        return (None if span is None else int(engine.relations.spans[SpanRelation.TRACE, span])), span

    def _located(self, finding: Finding, rule: int, row: int) -> Located:
        domain = self._domains[rule]
        trace, span = self._trace_of(domain, row)
        scope = self._scope(domain, row, span)
        if domain in (Domain.RESOURCE, Domain.SCOPE):
            origins = self._gathered.resources if domain is Domain.RESOURCE else self._gathered.scopes
            return Located(finding, source_of(origins[row], self._names), trace, scope, rule=rule, row=row)
        shown = self._first_span(row) if span is None else span
        engine = self._worker.engine
        return Located(
            finding,
            source_of(self._gathered.spans[shown], self._names),
            trace,
            scope,
            path_to(shown, engine.columns, engine.relations),
            rule,
            row,
        )

    def _scope(self, domain: Domain, row: int, span: int | None) -> str:
        columns = self._worker.engine.columns
        scope = (
            row if domain is Domain.SCOPE else None if span is None else columns.spans.narrow[SpanNarrow.SCOPE, span]
        )
        return "" if scope is None else shown(columns.text(columns.scopes.wide[ScopeWide.NAME, scope]), NAME_MAX)

    def _first_span(self, trace: int) -> int:
        return int(self._worker.engine.relations.traces[_FIRST_SPAN, trace])


class Check:
    """Verifies files. Iterate it, once, for the parts; each is some whole traces.

    Args:
        paths: files, folders (all files in them, at any depth), globs, and `-` for standard input.
        verifier: rules and policies.
        settings: bounds.
        profile: which of the verifier's policies.
        completeness: whether the inputs, taken together, hold whole traces.
        annotate: remember the verdicts for `annotate`, and standard input in a temporary file.
        stdin: what `-` stands for; sys.stdin.buffer when absent.

    Raises:
        KeyError: the verifier has no policy called `profile`.

    Attributes:
        inputs: progress, errors, notices.
        spans: verified so far.
        findings_by_rule: uint64 (rules,), so far.

    """

    def __init__(
        self,
        paths: Sequence[str],
        verifier: Verifier,
        *,
        settings: FileSettings | None = None,
        profile: str = "",
        completeness: Completeness = Completeness.TRACE,
        annotate: bool = False,
        stdin: BinaryIO | None = None,
    ) -> None:
        self._settings = settings or FileSettings()
        self.inputs = Inputs()
        self.inputs.notes.most = self._settings.notes_max
        self.spans = 0
        self.findings_by_rule: NDArray[np.uint64] = np.zeros(len(verifier.rule_ids), np.uint64)
        _ = verifier.policies[profile]
        self._verifier = verifier
        self._worker = verifier.worker()
        self._rechecker = Rechecker(verifier.rules, verifier.plan.final, verifier.registries)
        self._limits = verifier.limits
        self._profile = profile
        self._completeness = completeness
        self._verdicts = Verdicts() if annotate else None
        self._stdin = stdin
        self._kept: BinaryIO | None = None  # what came from standard input, should it be read again
        self._done = False
        self._entries = discover(paths, self.inputs)
        self._names = [entry.name for entry in self._entries]
        self._told: set[tuple[int, int]] = set()  # where something was that cannot be read

    def __iter__(self) -> Iterator[Checked]:
        """Read, put together and verify, part after part."""
        most = lane_count()
        lanes = Lanes(self._worker, self._verifier.worker, self._verify, most)
        assembler = Assembler(self._settings, self._limits, self.inputs.notes, self._names, ahead=most)
        failure: OSError | None = None
        with lanes.open():
            try:
                for gathered in assembler.chunks(self._parts()):
                    lanes.start(gathered)
                    if lanes.is_full:
                        yield from self._taken(lanes)
            except OSError as error:
                failure = error
            while not lanes.is_empty:
                yield from self._taken(lanes)
        if failure is None:
            self._done = True
        else:
            self.inputs.notes.error(
                Source("temporary files"),
                f"cannot be used: {failure.strerror or failure}; what had not been verified before is not",
            )

    def annotate(self, out: Path) -> list[Path]:
        """Write the inputs again with the verdicts on them, each in its own format; after the check was iterated.

        One input: `out` is the file. Several: `out` is a folder, with the inputs' paths below it.

        Returns:
            what was written.

        Raises:
            OSError: it cannot be written.
            RuntimeError: the check was not made with `annotate`, or not iterated to its end.

        """
        if self._verdicts is None or not self._done:
            raise RuntimeError("only after a check with `annotate` that was iterated to its end")
        from otlp_verifier.files.annotate import Annotator, outputs  # noqa: PLC0415  # most checks write nothing back

        annotator = Annotator(self._verdicts, self._settings, self.inputs.notes)
        written = []
        for number, (entry, path) in enumerate(zip(self._entries, outputs(self._names, out), strict=True)):
            with self._again(entry) as raw:
                if raw is not None:
                    annotator.write(number, entry.name, raw, path)
                    written.append(path)
        return written

    @contextlib.contextmanager
    def _again(self, entry: Input) -> Iterator[BinaryIO | None]:
        """The input once more; None where it could not be opened the first time, which was noted."""
        if entry.path is None:
            if self._kept is not None:
                self._kept.seek(0)
            yield self._kept
            return
        try:
            file = entry.path.open("rb", buffering=0)
        except OSError:
            yield None
            return
        with file:
            yield file

    def _parts(self) -> Iterator[Part]:
        room = Room()
        for number, entry in enumerate(self._entries):
            stdin = self._stdin
            if entry.path is None and self._verdicts is not None:
                import tempfile  # noqa: PLC0415  # with it come all kinds of archives

                self._kept = tempfile.TemporaryFile(dir=self._settings.temporary_folder or None)  # noqa: SIM115
                weakref.finalize(self, self._kept.close)
                stdin = Tee(stdin or sys.stdin.buffer, self._kept)  # type: ignore[assignment]  # what is needed of it
            yield from read_file(number, entry, self.inputs, self._settings, stdin, room)

    def _verify(self, worker: Worker, gathered: Gathered) -> Verified:
        try:
            return worker.verify(
                gathered.otlp, completeness=self._completeness, profile=self._profile, allow_drop=False
            )
        except (MalformedRequest, RequestOverLimit) as error:
            return error.with_traceback(None)  # its frames would keep the chunk

    def _taken(self, lanes: Lanes) -> Iterator[Checked]:
        with lanes.taken() as taken:
            yield from self._checked(taken.gathered, taken.worker, taken.verified)

    def _checked(self, gathered: Gathered, worker: Worker, outcome: Verified) -> Iterator[Checked]:
        """What came of whole traces; where they were refused, of smaller and smaller shares, down to those to blame."""
        if not isinstance(outcome, Outcome):
            shares = halves(gathered)
            if shares is None:
                self._note(gathered, outcome)
                return
            for share in shares:
                yield from self._checked(share, worker, self._verify(worker, share))
            return
        witnesses = self._rechecker.on(worker.engine.columns, worker.engine.relations)
        checked = Checked(outcome, gathered, worker, self._names, witnesses)
        self.spans += checked.spans
        self.findings_by_rule += checked.findings_by_rule
        if self._verdicts is not None:
            self._verdicts.add(outcome, gathered, worker)
        yield checked

    def _note(self, gathered: Gathered, error: MalformedRequest | RequestOverLimit) -> None:
        """Say what is wrong with a single trace."""
        part = Part(gathered.otlp, (gathered.resources, gathered.scopes, gathered.spans))
        if isinstance(error, MalformedRequest):
            origin, within = part.locate(error.offset)
            reason = str(error).replace(f" at byte {error.offset}", "")
            message = f"broken protobuf: {reason}; the trace is not checked"
        else:
            origin, within = part.locate(0)
            message = f"a trace that is not checked: {error}"
        place = int(origin["file"]), int(origin["offset"]) + within
        if place in self._told:
            return
        self._told.add(place)
        source = source_of(origin, self._names)
        self.inputs.notes.error(source if source.line else Source(source.file, 0, place[1], source.request), message)


_FIRST_SPAN: Final = int(TraceRelation.FIRST_SPAN)


def _once(found: FindingRows, gathered: Gathered, domains: Sequence[Domain]) -> FindingRows:
    """Findings in the order of rules, without those on resources and scopes that another part stands for."""
    if not len(found.rules):
        return FindingRows.of_violations(found.rules, found.rows, found.counts)
    order = np.argsort(found.rules, kind="stable")
    rules, rows = found.rules[order], found.rows[order]
    keep = np.ones(len(rules), np.bool_)
    for domain, origins in ((Domain.RESOURCE, gathered.resources), (Domain.SCOPE, gathered.scopes)):
        of_domain = np.array([own is domain for own in domains], np.bool_)[rules]
        keep[of_domain] = (origins["request"][rows[of_domain]] & COPY) == 0
    rules, rows = rules[keep], rows[keep]
    return FindingRows.of_violations(rules, rows, np.bincount(rules, minlength=len(domains)).astype(np.uint32))


def _first(found: FindingRows, most: int | None, most_per_rule: int | None) -> FindingRows:
    """The first findings, in all and of each rule; they are in the order of rules."""
    rules, rows = found.rules, found.rows
    if most_per_rule is not None:
        starts = np.concatenate([[0], np.cumsum(found.counts, dtype=np.int64)])
        keep = np.arange(len(rules)) - starts[rules] < most_per_rule
        rules, rows = rules[keep], rows[keep]
    return FindingRows.of_violations(rules[:most], rows[:most], found.counts)
