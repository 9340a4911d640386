"""Runs a program's rounds: the interpreter over each domain, then the jobs that look across rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import Columns
from otlp_verifier.machine.ancestors import keyed_path, path, subtree
from otlp_verifier.machine.exists import any_in_tree, any_of_group
from otlp_verifier.machine.groups import group
from otlp_verifier.machine.intervals import interval
from otlp_verifier.machine.operations import Domain
from otlp_verifier.machine.program import FROM_RESULTS, Function, Job, JobKind, Program
from otlp_verifier.machine.sweeps import sweep
from otlp_verifier.machine.windows import window
from otlp_verifier.relate.relations import Relations
from otlp_verifier.relate.tree import Tree
from otlp_verifier.wire.seed import SEED

_SEED = np.uint64(SEED)
_NO_WORDS: NDArray[np.uint64] = np.empty(0, np.uint64)
_NO_MARKS: NDArray[np.uint8] = np.empty(0, np.uint8)


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


class BoundJob(msgspec.Struct, frozen=True):
    """A job with its kernel, and all that the kernel is told but how many rows there are."""

    job: Job
    kernel: Callable[..., None]
    arguments: tuple[Any, ...]


class JobRunner:
    """Runs jobs over one batch's columns.

    Columns are handed over at their full length, bound once and as often as they move: to cut a dozen of them for
    every job and batch took as long as to find them 500 rows.
    """

    def __init__(self, columns: Columns, relations: Relations, tree: Tree, job_columns: JobColumns) -> None:
        self._columns = columns
        self._relations = relations
        self._tree = tree
        self._job_columns = job_columns

    def run(self, bound: BoundJob, rows: Sequence[int] | NDArray[np.int64]) -> None:
        """Give a job's two result columns, or its flag; `rows` are of each domain."""
        job, kernel, spans = bound.job, bound.kernel, rows[Domain.SPAN]
        if job.kind is JobKind.SWEEP:
            kernel(spans, self._relations.trace_count, self._tree.alike, *bound.arguments)
        elif job.kind is JobKind.WINDOW:
            kernel(spans, self._relations.trace_count, *bound.arguments)
        elif job.kind is JobKind.GROUP or job.kind is JobKind.INTERVAL:
            # Groups are spans or traces, of which there are no more than spans.
            kernel(rows[job.members], rows[job.queries], spans, *bound.arguments)
        else:
            kernel(spans, *bound.arguments)

    def bind(self, job: Job) -> BoundJob:
        """The job with the columns as they are; they must have room for the batch."""
        tree, columns = self._tree, self._job_columns
        mask = self._marks(job.members, job.mask)
        member_keys, query_keys = self._words(job.members, job.member_key), self._words(job.queries, job.query_key)
        member_at, query_at = self._words(job.members, job.member_at), self._words(job.queries, job.query_at)
        in_time = (
            job.window_low, job.window_high, job.future, job.query_end, job.member_end, self._columns.spans.wide,
            tree.spans, tree.by_time, tree.times, tree.traces,
        )  # fmt: skip
        flag = columns.flags[job.queries][job.results // 2]
        arguments: tuple[Any, ...]
        if job.kind is JobKind.SWEEP:
            breaks = self._marks(job.members, job.value)
            return BoundJob(job, sweep, (*in_time, mask, breaks, member_keys, query_keys, _SEED, flag))
        if job.function is Function.ANY and job.kind is JobKind.GROUP:
            return BoundJob(job, any_of_group, (mask, member_at, member_keys, query_at, query_keys, flag))
        if job.function is Function.ANY:
            below = job.kind is JobKind.SUBTREE
            arguments = (below, mask, member_keys, query_keys, _SEED, tree.spans, tree.preorder, flag)
            return BoundJob(job, any_in_tree, arguments)
        results = columns.results[job.queries]
        out = results[job.results], results[job.results + 1]
        if job.kind is JobKind.WINDOW:
            return BoundJob(job, window, (*in_time, *out))
        what = job.function, mask, self._words(job.members, job.value)
        if job.kind is JobKind.GROUP:
            function, *columns_of = what
            arguments = (function, job.excludes_self, *columns_of, member_at, member_keys, query_at, query_keys, _SEED)
            return BoundJob(job, group, (*arguments, *out))
        if job.kind is JobKind.INTERVAL:
            bounds = self._words(job.queries, job.low), self._words(job.queries, job.high)
            arguments = (*what, member_at, member_keys, *bounds, query_keys, _SEED)
            return BoundJob(job, interval, (*arguments, *out))
        if job.member_key >= 0:
            arguments = (*what, member_keys, query_keys, tree.spans, tree.preorder, _SEED)
            return BoundJob(job, keyed_path, (*arguments, *out))
        kernel = subtree if job.kind is JobKind.SUBTREE else path
        return BoundJob(job, kernel, (*what, tree.spans, tree.preorder, *out))

    def _words(self, domain: Domain, column: int) -> NDArray[np.uint64]:
        if column < 0:
            return _NO_WORDS
        kept = self._job_columns.words if column < FROM_RESULTS else self._job_columns.results
        words: NDArray[np.uint64] = kept[domain][column % FROM_RESULTS]
        return words

    def _marks(self, domain: Domain, column: int) -> NDArray[np.uint8]:
        if column < 0:
            return _NO_MARKS
        kept = self._job_columns.marks if column < FROM_RESULTS else self._job_columns.flags
        marks: NDArray[np.uint8] = kept[domain][column % FROM_RESULTS]
        return marks
