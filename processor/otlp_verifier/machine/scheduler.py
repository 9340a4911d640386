"""Runs a program's rounds: the interpreter over each domain, then the jobs that look across rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import Columns, SpanWide
from otlp_verifier.machine.ancestors import keyed_path, path, subtree
from otlp_verifier.machine.exists import any_in_tree, any_of_group
from otlp_verifier.machine.groups import group
from otlp_verifier.machine.intervals import interval, keyed_interval
from otlp_verifier.machine.operations import Domain
from otlp_verifier.machine.program import FROM_RESULTS, Function, Job, JobKind, Program
from otlp_verifier.machine.sweeps import sweep
from otlp_verifier.machine.windows import window
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.tables import SpanTree
from otlp_verifier.relate.tree import Tree
from otlp_verifier.wire.seed import SEED

_SEED = np.uint64(SEED)
_NO_WORDS: NDArray[np.uint64] = np.empty(0, np.uint64)
_NO_MARKS: NDArray[np.uint8] = np.empty(0, np.uint8)
_ID = int(SpanWide.SPAN_ID)


class JobColumns:
    """What jobs read and give, per domain: blocks of shape (columns, capacity), made larger as batches need it.

    Attributes:
        words, results: uint64.
        marks, flags: uint8, what jobs read and what they find.

    """

    def __init__(self, words: Mapping[Domain, int], marks: Mapping[Domain, int], results: Mapping[Domain, int]) -> None:
        self._widths = (words, marks, results)
        self.words: dict[Domain, NDArray[np.uint64]] = {}
        self.marks: dict[Domain, NDArray[np.uint8]] = {}
        self.results: dict[Domain, NDArray[np.uint64]] = {}
        self.flags: dict[Domain, NDArray[np.uint8]] = {}
        for domain in Domain:
            self._allocate(domain, 0)

    def reserve(self, domain: Domain, capacity: int) -> None:
        """Make room for `capacity` rows; the content is lost where there was less."""
        if self.results[domain].shape[1] < capacity:
            self._allocate(domain, capacity)

    def _allocate(self, domain: Domain, capacity: int) -> None:
        words, marks, results = (widths.get(domain, 0) for widths in self._widths)
        self.words[domain] = np.empty((words, capacity), np.uint64)
        self.marks[domain] = np.empty((marks, capacity), np.uint8)
        self.results[domain] = np.empty((results, capacity), np.uint64)
        self.flags[domain] = np.empty((results // 2, capacity), np.uint8)


def needed_columns(programs: tuple[Program, ...]) -> tuple[dict[Domain, int], dict[Domain, int]]:
    """How many word and mark columns the largest of several programs needs in each domain."""
    words = {domain: max(program.word_columns.get(domain, 0) for program in programs) for domain in Domain}
    marks = {domain: max(program.mark_columns.get(domain, 0) for program in programs) for domain in Domain}
    return words, marks


class JobRunner:
    """Runs jobs over one batch's columns."""

    def __init__(self, columns: Columns, relations: Relations, tree: Tree, job_columns: JobColumns) -> None:
        self._columns = columns
        self._relations = relations
        self._tree = tree
        self._job_columns = job_columns

    def run(self, job: Job, rows: Mapping[Domain, int]) -> None:
        """Give a job's two result columns, or its flag."""
        members, queries = rows[job.members], rows[job.queries]
        if job.kind is JobKind.SWEEP:
            self._sweep(job, queries)
            return
        if job.function is Function.ANY:
            self._any(job, members, queries, rows)
            return
        results = self._job_columns.results[job.queries]
        out, out_count = results[job.results, :queries], results[job.results + 1, :queries]
        if job.kind is JobKind.WINDOW:
            self._window(job, queries, out, out_count)
            return
        mask = self._marks(job.members, job.mask, members)
        values = self._words(job.members, job.value, members)
        member_keys = self._words(job.members, job.member_key, members)
        query_keys = self._words(job.queries, job.query_key, queries)
        keyed = job.member_key >= 0
        function = int(job.function)  # numba takes ten times as long to see what an enum's member is
        if job.kind is JobKind.GROUP:
            member_at = self._words(job.members, job.member_at, members)
            query_at = self._words(job.queries, job.query_at, queries)
            group(
                function, keyed, job.excludes_self, mask, values, member_at, member_keys, query_at, query_keys,
                _SEED, self._groups_end(rows), out, out_count,
            )  # fmt: skip
        elif job.kind is JobKind.INTERVAL:
            positions = self._words(job.members, job.member_at, members)
            low, high = self._words(job.queries, job.low, queries), self._words(job.queries, job.high, queries)
            if keyed:
                keyed_interval(
                    function, mask, values, positions, member_keys, low, high, query_keys, _SEED,
                    rows[Domain.SPAN], out, out_count,
                )  # fmt: skip
            else:
                interval(function, mask, values, positions, low, high, rows[Domain.SPAN], out, out_count)
        elif job.kind is JobKind.SUBTREE:
            subtree(function, mask, values, self._tree.spans, self._tree.preorder, out, out_count)
        elif keyed:
            keyed_path(
                function, mask, values, member_keys, query_keys, self._tree.spans, self._tree.preorder, _SEED, out,
                out_count,
            )  # fmt: skip
        else:
            path(function, mask, values, self._tree.spans, self._tree.preorder, out, out_count)

    def _words(self, domain: Domain, column: int, rows: int) -> NDArray[np.uint64]:
        if column < 0:
            return _NO_WORDS
        kept = self._job_columns.words if column < FROM_RESULTS else self._job_columns.results
        words: NDArray[Any] = kept[domain][column % FROM_RESULTS, :rows]
        return words

    def _marks(self, domain: Domain, column: int, rows: int) -> NDArray[np.uint8]:
        if column < 0:
            return _NO_MARKS
        kept = self._job_columns.marks if column < FROM_RESULTS else self._job_columns.flags
        marks: NDArray[Any] = kept[domain][column % FROM_RESULTS, :rows]
        return marks

    def _any(self, job: Job, members: int, queries: int, rows: Mapping[Domain, int]) -> None:
        mask = self._marks(job.members, job.mask, members)
        out = self._job_columns.flags[job.queries][job.results // 2, :queries]
        if job.kind is not JobKind.GROUP:
            any_in_tree(
                job.kind is JobKind.SUBTREE, mask, self._words(job.members, job.member_key, members),
                self._words(job.queries, job.query_key, queries), _SEED, self._tree.spans, self._tree.preorder, out,
            )  # fmt: skip
            return
        any_of_group(
            mask, self._words(job.members, job.member_at, members), self._words(job.members, job.member_key, members),
            self._words(job.queries, job.query_at, queries), self._words(job.queries, job.query_key, queries),
            queries if job.query_at < 0 else self._groups_end(rows), out,
        )  # fmt: skip

    def _groups_end(self, rows: Mapping[Domain, int]) -> int:
        return max(rows[Domain.SPAN], self._relations.trace_count)

    def _sweep(self, job: Job, spans: int) -> None:
        tree = self._tree
        alike = bool(tree.alike >> job.query_end & 1)
        sweep(
            job.window_low, job.window_high, job.future, job.query_end, job.member_end, alike,
            self._columns.spans.wide, tree.spans, tree.by_time, tree.times, tree.traces, self._relations.trace_count,
            self._marks(job.members, job.mask, spans), self._marks(job.members, job.value, spans),
            self._words(job.members, job.member_key, spans), self._words(job.queries, job.query_key, spans),
            _SEED, self._job_columns.flags[job.queries][job.results // 2, :spans],
        )  # fmt: skip

    def _window(self, job: Job, spans: int, low: NDArray[np.uint64], high: NDArray[np.uint64]) -> None:
        tree, query, member = self._tree, int(job.query_end), int(job.member_end)
        window(
            job.window_low, job.window_high, job.future, tree.times[query, :spans], tree.times[member, :spans],
            self._columns.spans.wide[_ID, :spans], tree.spans[SpanTree.DEPTH, :spans], tree.by_time[query, :spans],
            tree.by_time[member, :spans], query == member, tree.traces, self._relations.trace_count, low, high,
        )  # fmt: skip
