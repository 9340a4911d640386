"""What the machine runs: instructions for phases, and jobs between them."""

from enum import Flag, IntEnum, auto
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.relate.tables import SpanTree


class JobKind(IntEnum):
    """How a job chooses members, or, for WINDOW, where an interval begins and ends.

    SWEEP: whether there is one in a window of time; its result is a flag.
    """

    GROUP = 0
    INTERVAL = 1
    PATH = 2
    WINDOW = 3
    SWEEP = 4
    SUBTREE = 5  # the descendants


class Need(Flag):
    """What a program needs to know of a batch beyond its columns and relations."""

    TREE = auto()  # parents in the tree, depths, places in preorder
    ORDER = auto()  # places in time
    LINKS = auto()  # where links point to
    CLOCKS = auto()  # whose clock shows a time


class Function(IntEnum):
    """What is made of the members chosen. SUM wraps; MIN and MAX of none are 0; of ANY the result is a flag."""

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
    ANY = 10  # of a GROUP without keys unless each query has one of its own; of no INTERVAL


FROM_RESULTS: Final = 1 << 24


class Job(NamedTuple):
    """A job with the columns that it reads: of its members' and queries' scratch, -1 for what it does not read.

    A column from FROM_RESULTS on is one of the results of earlier jobs.

    Attributes:
        kind, function: see there.
        members, queries: domains.
        results: the first of its two columns in the queries' results: the result and the count, or low and high. A
            flag stands in column `results // 2` of the flags that jobs found.
        mask: column of marks; the others are columns of words.
        value: SWEEP: column of marks: members that break what must hold between the one that counts and the query.
        excludes_self: GROUP: the query is itself a member and does not count.
        window_low, window_high: WINDOW, SWEEP: nanoseconds away from the query, 2**63 - 1 for no end.
        future: WINDOW, SWEEP: after the query and not before it.
        member_end, query_end: WINDOW, SWEEP: whether a span's time is its end.

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


ALWAYS: Final = -1
NEVER: Final = -2


class Phase(NamedTuple):
    """Instructions, from one to before another, that run over a domain: where some shape has the mark `guard`."""

    domain: Domain
    first: int
    last: int
    guard: int = ALWAYS


Phases = tuple[Phase, ...]


class Round(NamedTuple):
    """Phases that run over their domains, and jobs that then use them."""

    phases: Phases
    jobs: tuple[Job, ...]


class Program(msgspec.Struct, frozen=True):
    """Instructions for one kind of batch.

    Attributes:
        instructions: int32 (instructions, 5), see machine.operations.
        shapes: the phase that runs first, over the shapes of spans, and writes their marks; none where nothing is
            asked of shapes.
        rounds: in order; only the last one reports, and only its phases have guards.
        word_columns, mark_columns: per domain, how many columns jobs read.
        needs: what has to be found out before it runs.

    """

    instructions: NDArray[np.int32]
    shapes: Phases
    rounds: tuple[Round, ...]
    word_columns: dict[Domain, int]
    mark_columns: dict[Domain, int]
    needs: Need


class Reads(msgspec.Struct, frozen=True):
    """What instructions read that has to be looked up: columns of the KEYS and CODES tables of each domain."""

    keys: frozenset[tuple[Domain, int]] = frozenset()
    codes: frozenset[tuple[Domain, int]] = frozenset()

    def __or__(self, other: "Reads") -> "Reads":
        """Both."""
        return Reads(self.keys | other.keys, self.codes | other.codes)


# Operations whose a and b are a narrow table and a column of it.
_NARROW_LOADS: Final = (
    Op.NARROW, Op.NARROW_AT, Op.ROW_AT, Op.NARROW_EQUAL_K, Op.NARROW_BITS_K, Op.NARROW_PRESENT,
)  # fmt: skip


def _loads(instructions: NDArray[np.int32]) -> NDArray[np.int32]:
    """Tables and columns that instructions read, int32 (reads, 2)."""
    op = instructions[:, 0]
    loads, holds = np.isin(op, _NARROW_LOADS), op == Op.NARROW_HOLDS
    return np.concatenate([instructions[loads][:, 2:4], instructions[holds][:, 3:]])


def reads_of(instructions: NDArray[np.int32]) -> Reads:
    """What some instructions read."""
    loads = _loads(instructions).tolist()
    keys, codes = (
        frozenset(
            (Domain(table - first), column) for table, column in loads if first <= table < first + _WITH_ATTRIBUTES
        )
        for first in (NarrowTable.KEYS, NarrowTable.CODES)
    )
    return Reads(keys, codes)


_WITH_ATTRIBUTES: Final = NarrowTable.CODES - NarrowTable.KEYS
_OF_TIME = (JobKind.WINDOW, JobKind.SWEEP)
_OF_TREE = (JobKind.INTERVAL, JobKind.PATH, JobKind.SUBTREE)
_TREE_ORDER = (int(SpanTree.START_POSITION), int(SpanTree.END_POSITION))


def needs_of(instructions: NDArray[np.int32], rounds: tuple[Round, ...]) -> Need:
    """What instructions and jobs ask for."""
    loads = _loads(instructions)
    of_tree = loads[loads[:, 0] == NarrowTable.SPAN_TREE]
    kinds = {job.kind for each in rounds for job in each.jobs}
    is_ordered = not kinds.isdisjoint(_OF_TIME) or bool(np.isin(of_tree[:, 1], _TREE_ORDER).any())
    is_tree = is_ordered or len(of_tree) > 0 or not kinds.isdisjoint(_OF_TREE)
    found = Need(0)
    for need, is_asked in (
        (Need.TREE, is_tree),
        (Need.ORDER, is_ordered),
        (Need.LINKS, bool((loads[:, 0] == NarrowTable.LINK_TARGETS).any())),
        (Need.CLOCKS, bool((loads[:, 0] == NarrowTable.RESOURCE_CLOCKS).any())),
    ):
        if is_asked:
            found |= need
    return found
