"""Findings and a policy to a verdict: what is written on which record, which traces are violated, what is dropped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import (
    NO_ROW,
    Columns,
    Defect,
    EventNarrow,
    LinkNarrow,
    ResourceNarrow,
    ScopeNarrow,
    SpanNarrow,
)
from otlp_verifier.effects import CompiledPolicy, Effect
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.operations import Domain
from otlp_verifier.policy import Completeness
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.tables import SpanRelation, TraceRelation

if TYPE_CHECKING:  # compiling kernels needs no rules
    from otlp_verifier.rules.catalogue import Rule
    from otlp_verifier.verify import FindingRows

# The verdict of a trace, as a number; 0: nothing is written about it.
UNWRITTEN, VALID, UNDECIDED, VIOLATED = 0, 1, 2, 3
_VALID, _IN_DOUBT = VALID, UNDECIDED
VERDICT_NAMES: Final = ("", "valid", "undecided", "violated")

_NONE = np.uint32(NO_ROW)
_FORGED = np.uint32(Defect.FORGED)
_SPAN_DEFECTS = int(SpanNarrow.DEFECTS)
_SCOPE_DEFECTS = int(ScopeNarrow.DEFECTS)
_RESOURCE_DEFECTS = int(ResourceNarrow.DEFECTS)
_EVENT_SPAN = int(EventNarrow.SPAN)
_LINK_SPAN = int(LinkNarrow.SPAN)
_ON_RESOURCE, _ON_SCOPE, _ON_EVENT = int(Domain.RESOURCE), int(Domain.SCOPE), int(Domain.EVENT)
_ON_LINK, _ON_TRACE = int(Domain.LINK), int(Domain.TRACE)
_TRACE_OF, _FIRST_SPAN = int(SpanRelation.TRACE), int(TraceRelation.FIRST_SPAN)
_WRITE, _VIOLATES, _UNDECIDED = int(Effect.WRITE), int(Effect.VIOLATES), int(Effect.UNDECIDED)
_DROP_SPAN, _DROP_TRACE = int(Effect.DROP_SPAN), int(Effect.DROP_TRACE)


class _Scratch:
    """What the kernel writes for at most so many spans, scopes and resources; `_judge` says what is where."""

    __slots__ = ("bits", "capacity", "cells", "drop", "first", "pattern_of", "traces", "written")

    def __init__(self, capacity: int, words: int) -> None:
        self.capacity = capacity
        self.bits: NDArray[np.uint64] = np.empty((capacity, 1 + words), np.uint64)
        self.traces: NDArray[np.uint8] = np.empty(capacity, np.uint8)
        self.pattern_of: NDArray[np.uint32] = np.empty(capacity, np.uint32)
        self.drop: NDArray[np.uint8] = np.empty(capacity, np.uint8)
        self.first: NDArray[np.uint32] = np.empty(capacity, np.uint32)
        self.cells: NDArray[np.uint32] = np.empty(2 * capacity, np.uint32)
        self.written: NDArray[np.uint32] = np.empty((2, capacity), np.uint32)


class Verdict:
    """What is to be changed; valid until the judge's next batch.

    A *pattern* is a distinct combination of violated rules and trace verdict. Arrays are made when they are asked for:
    of most batches nobody asks.

    Attributes:
        changes: whether anything is to be changed.
        forged: how many spans, scopes and resources carry `verifier.*` attributes.
        dropped: how many spans are left out.
        annotated: how many spans are written on.

    """

    __slots__ = ("_patterns", "_rows", "_scratch", "_written", "annotated", "changes", "dropped", "forged")

    def __init__(self, scratch: _Scratch, rows: tuple[int, int, int], summary: tuple[int, ...]) -> None:
        self._scratch, self._rows = scratch, rows
        self._patterns = summary[0]
        self._written = summary[1:4]
        self.annotated = summary[1]
        self.dropped = summary[4]
        self.forged = summary[5:]
        self.changes = bool(self._patterns or self.dropped or any(self.forged))

    @property
    def spans(self) -> NDArray[np.uint32]:
        """Per span the pattern to write or NO_ROW, uint32."""
        return self._scratch.pattern_of[: self._rows[0]]

    @property
    def scopes(self) -> NDArray[np.uint32]:
        """The same per scope."""
        spans, scopes, _ = self._rows
        return self._scratch.pattern_of[spans : spans + scopes]

    @property
    def resources(self) -> NDArray[np.uint32]:
        """The same per resource."""
        return self._scratch.pattern_of[sum(self._rows[:2]) : sum(self._rows)]

    @property
    def written(self) -> tuple[tuple[NDArray[np.uint32], NDArray[np.uint32]], ...]:
        """Of spans, scopes and resources, the rows that something is written on, ascending, and their patterns."""
        rows, patterns = self._scratch.written
        spans, on_scopes, on_resources = self._written
        scopes = spans + on_scopes
        resources = scopes + on_resources
        return (
            (rows[:spans], patterns[:spans]),
            (rows[spans:scopes], patterns[spans:scopes]),
            (rows[scopes:resources], patterns[scopes:resources]),
        )

    @property
    def patterns(self) -> NDArray[np.uint64]:
        """The trace verdict, then a bit per rule, uint64 (patterns, 1 + words)."""
        return self._scratch.bits[self._scratch.first[: self._patterns]]

    @property
    def drop(self) -> NDArray[np.uint8]:
        """1 where the span goes, uint8 (spans,)."""
        return self._scratch.drop[: self._rows[0]]


class Judge:
    """Turns findings into verdicts, with scratch that is reused. Not for use by two threads at once."""

    def __init__(self, rules: "Sequence[Rule]", domains: Sequence[Domain]) -> None:
        self._words = max(1, -(-len(rules) // 64))
        self._domains = np.array([*domains, *domains], np.uint8)
        self._scratch = _Scratch(64, self._words)

    def judge(
        self,
        findings: "FindingRows",
        columns: Columns,
        relations: Relations,
        policy: CompiledPolicy,
        completeness: Completeness,
        *,
        allow_drop: bool,
    ) -> Verdict:
        """The verdict on one batch."""
        spans, scopes, resources = columns.spans, columns.scopes, columns.resources
        rows = (spans.rows, scopes.rows, resources.rows)
        if (needed := sum(rows)) > self._scratch.capacity:
            self._scratch = _Scratch(1 << (needed - 1).bit_length(), self._words)
        scratch = self._scratch
        otherwise = UNWRITTEN
        if policy.writes_all:
            otherwise = VALID if completeness is Completeness.TRACE else UNDECIDED
        summary = _judge(
            findings.numbers, findings.number_rows, self._domains, policy.effects,
            spans.narrow, scopes.narrow, resources.narrow, columns.events.narrow, columns.links.narrow,
            relations.spans, relations.traces, *rows, relations.trace_count,
            VIOLATED if policy.writes_verdicts else UNWRITTEN, otherwise, allow_drop, scratch.bits, scratch.traces,
            scratch.pattern_of, scratch.drop, scratch.first, scratch.cells, scratch.written,
        )  # fmt: skip
        return Verdict(scratch, rows, summary)


_NARROW = ty.uint32[:, ::1]
_SUMMARY = ty.Several(8)


@inner
def _number_patterns(bits, n, pattern_of, first, cells):
    """Number the distinct rows of `bits` that are not all zero; first[p] is a row with pattern p."""
    size = 16
    while size < 2 * n:
        size *= 2
    mask = np.uint64(size - 1)
    for i in range(size):
        cells[i] = _NONE
    patterns = 0
    width = bits.shape[1]
    for row in range(n):
        pattern_of[row] = _NONE
        any_bit = np.uint64(0)
        for word in range(width):
            any_bit |= bits[row, word]
        if any_bit == 0:
            continue
        h = np.uint64(0)
        for word in range(width):
            h = (h ^ bits[row, word]) * np.uint64(0x9E3779B97F4A7C15)
            h ^= h >> np.uint64(29)
        cell = h & mask
        while cells[cell] != _NONE:
            other = first[cells[cell]]
            same = True
            for word in range(width):
                same = same and bits[row, word] == bits[other, word]
            if same:
                pattern_of[row] = cells[cell]
                break
            cell = (cell + np.uint64(1)) & mask
        if pattern_of[row] == _NONE:
            first[patterns] = row
            cells[cell] = patterns
            pattern_of[row] = patterns
            patterns += 1
    return patterns


@inner
def _list_written(pattern_of, begin, end, written, to):
    """List the rows of one table that have a pattern, and it, from column `to` of `written` on; how many."""
    count = np.int64(0)
    for row in range(begin, end):
        if pattern_of[row] != _NONE:
            written[0, to + count] = row - begin
            written[1, to + count] = pattern_of[row]
            count += 1
    return count


@kernel(
    _SUMMARY(
        ty.uint32[::1], ty.uint32[::1], ty.uint8[::1], ty.uint8[::1],
        _NARROW, _NARROW, _NARROW, _NARROW, _NARROW, _NARROW, _NARROW,
        ty.int64, ty.int64, ty.int64, ty.int64, ty.int64, ty.int64, ty.boolean,
        ty.uint64[:, ::1], ty.uint8[::1], ty.uint32[::1], ty.uint8[::1], ty.uint32[::1], ty.uint32[::1],
        ty.uint32[:, ::1],
    )
)  # fmt: skip
def _judge(
    rules, rows, domains, effects, spans, scopes, resources, events, links, span_relations, traces,
    n_spans, n_scopes, n_resources, n_traces, violated, otherwise, allow_drop,
    bits, trace_effects, pattern_of, drop, first, cells, written,
):  # fmt: skip
    """Number of patterns; of spans, scopes and resources written on; of spans dropped; of forged ones of the three.

    Rows of spans, scopes and resources stand one behind the other in `bits` and
    `pattern_of`: bits[row, 0] is the trace verdict, bits[row, 1:] has a bit per rule.
    """
    n = n_spans + n_scopes + n_resources
    forged_spans = forged_scopes = forged_resources = np.int64(0)
    for i in range(n_spans):
        forged_spans += (spans[_SPAN_DEFECTS, i] & _FORGED) != 0
    for i in range(n_scopes):
        forged_scopes += (scopes[_SCOPE_DEFECTS, i] & _FORGED) != 0
    for i in range(n_resources):
        forged_resources += (resources[_RESOURCE_DEFECTS, i] & _FORGED) != 0
    if len(rules) == 0 and otherwise == UNWRITTEN:
        pattern_of[:n] = _NONE
        drop[:n_spans] = 0
        return 0, 0, 0, 0, 0, forged_spans, forged_scopes, forged_resources

    bits[:n] = 0
    trace_effects[:n_traces] = 0
    drop[:n_spans] = 0
    for i in range(len(rules)):
        rule, row = rules[i], np.int64(rows[i])
        effect, domain = effects[rule], domains[rule]
        if domain == _ON_RESOURCE:
            row += n_spans + n_scopes
        elif domain == _ON_SCOPE:
            row += n_spans
        else:
            if domain == _ON_EVENT:
                row = np.int64(events[_EVENT_SPAN, row])
            elif domain == _ON_LINK:
                row = np.int64(links[_LINK_SPAN, row])
            elif domain == _ON_TRACE:
                row = np.int64(traces[_FIRST_SPAN, row])
            trace_effects[span_relations[_TRACE_OF, row]] |= effect
            if effect & _DROP_SPAN and allow_drop:
                drop[row] = 1
        if effect & _WRITE:
            bits[row, 1 + (rule >> np.uint32(6))] |= np.uint64(1) << np.uint64(rule & np.uint32(63))
    dropped = np.int64(0)
    for row in range(n_spans):
        effect = trace_effects[span_relations[_TRACE_OF, row]]
        bits[row, 0] = violated if effect & _VIOLATES else otherwise
        if bits[row, 0] == _VALID and effect & _UNDECIDED:
            bits[row, 0] = _IN_DOUBT
        if effect & _DROP_TRACE and allow_drop:
            drop[row] = 1
        dropped += drop[row]
    patterns = _number_patterns(bits, n, pattern_of, first, cells)
    on_spans = _list_written(pattern_of, 0, n_spans, written, 0)
    on_scopes = _list_written(pattern_of, n_spans, n_spans + n_scopes, written, on_spans)
    on_resources = _list_written(pattern_of, n_spans + n_scopes, n, written, on_spans + on_scopes)
    return patterns, on_spans, on_scopes, on_resources, dropped, forged_spans, forged_scopes, forged_resources
