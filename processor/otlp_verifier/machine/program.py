"""What the machine runs: instructions for phases, and jobs between them."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.machine.operations import Domain, NarrowTable, Op


class JobKind(IntEnum):
    """How a job chooses members, or, for WINDOW, where an interval begins and ends."""

    GROUP = 0
    INTERVAL = 1
    PATH = 2
    WINDOW = 3


class Function(IntEnum):
    """What is made of the members chosen. SUM wraps; MIN and MAX of none are 0."""

    COUNT = 0
    SUM = 1
    SUM_FLOAT = 2
    MIN_SIGNED = 3
    MAX_SIGNED = 4
    MIN_UNSIGNED = 5
    MAX_UNSIGNED = 6
    MIN_FLOAT = 7
    MAX_FLOAT = 8
    DISTINCT = 9


@dataclass(frozen=True, slots=True)
class Job:
    """A job with the columns that it reads: of its members' and queries' scratch, -1 for what it does not read.

    Attributes:
        kind, function: see there.
        members, queries: domains.
        results: the first of its two columns in the queries' results: the result and the count, or low and high.
        mask: column of marks; the others are columns of words.
        excludes_self: GROUP: the query is itself a member and does not count.
        window_low, window_high: WINDOW: nanoseconds away from the query, 2**63 - 1 for no end.
        future: WINDOW: after the query and not before it.
        member_end, query_end: WINDOW: whether a span's time is its end.

    """

    kind: JobKind
    function: Function
    members: Domain
    queries: Domain
    results: int
    mask: int = -1
    value: int = -1
    member_at: int = -1
    member_key: int = -1
    query_at: int = -1
    query_key: int = -1
    low: int = -1
    high: int = -1
    excludes_self: bool = False
    window_low: int = 0
    window_high: int = 0
    future: bool = False
    member_end: bool = False
    query_end: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """Phases that run over their domains, each from one instruction to before another, and jobs that then use them."""

    phases: tuple[tuple[Domain, int, int], ...]
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Instructions for one kind of batch.

    Attributes:
        instructions: int32 (instructions, 5), see machine.operations.
        rounds: in order; only the last one reports.
        word_columns, mark_columns: per domain, how many columns jobs read.
        needs_tree: whether anything asks for tree or time order.
        needs_clocks: whether anything asks whose clock shows a time.

    """

    instructions: NDArray[np.int32]
    rounds: tuple[Round, ...]
    word_columns: dict[Domain, int]
    mark_columns: dict[Domain, int]
    needs_tree: bool
    needs_clocks: bool


def reads_clocks(instructions: NDArray[np.int32]) -> bool:
    """Whether an instruction needs to know which resources are one."""
    loads = instructions[np.isin(instructions[:, 0], (Op.NARROW, Op.NARROW_AT, Op.ROW_AT))]
    return bool((loads[:, 2] == NarrowTable.RESOURCE_CLOCKS).any())


def reads_tree(instructions: NDArray[np.int32], rounds: tuple[Round, ...]) -> bool:
    """Whether an instruction or a job needs the tree, the time order or the targets of links."""
    loads = instructions[np.isin(instructions[:, 0], (Op.NARROW, Op.NARROW_AT, Op.ROW_AT))]
    of_tree = np.isin(loads[:, 2], (NarrowTable.SPAN_TREE, NarrowTable.LINK_TARGETS)).any()
    return bool(of_tree) or any(job.kind is not JobKind.GROUP for each in rounds for job in each.jobs)
