"""What one row cannot see by itself: counts and extremes over the rows that stand in a relation to it.

A job reads columns of *members* and gives columns to *queries*, both rows of
some domain. All relations come down to three ways of choosing members:

- group: those with the query's group (children, siblings, spans of the trace, events, links), and equal keys;
- interval: those whose position lies in [low, high) (descendants by preorder, time windows by order), and equal keys;
- path: the query's ancestors, and equal keys.
"""

import msgspec

from otlp_verifier.language.graph import Graph, NodeId
from otlp_verifier.machine.operations import MARK_RESULTS, Domain, Op, WideTable
from otlp_verifier.machine.program import Function, JobKind


class Job(msgspec.Struct, frozen=True):
    """One job; nodes are of the graph of the domain they belong to, None where the job has no use for them.

    Attributes:
        kind, function: see there.
        members, queries: domains.
        mask: flag of members: those that count.
        value: word of members: what is summed or compared. SWEEP: flag of members: those that break what must hold
            between the one that counts and the query.
        member_at, query_at: GROUP: the group, NO_ROW for none; no `query_at`: the query's own row. INTERVAL: the
            member's position.
        low, high: INTERVAL: words of queries. WINDOW, SWEEP: nanoseconds, `high` 2**63 - 1 for no end.
        member_key, query_key: words that must be equal.
        excludes_self: GROUP: the query is itself a member and does not count.
        future: WINDOW, SWEEP: after the query and not before it.
        member_end, query_end: WINDOW, SWEEP: whether a span's time is its end.

    """

    kind: JobKind
    function: Function
    members: Domain
    queries: Domain
    mask: NodeId | None = None
    value: NodeId | None = None
    member_at: NodeId | None = None
    query_at: NodeId | None = None
    low: NodeId = 0
    high: NodeId = 0
    member_key: NodeId | None = None
    query_key: NodeId | None = None
    excludes_self: bool = False
    future: bool = False
    member_end: bool = False
    query_end: bool = False


class Jobs(msgspec.Struct):
    """All jobs of a rule, each once; a job's results are columns of the RESULTS table of its queries' domain.

    Attributes:
        graphs: per domain.
        all: in the order in which they were asked for.
        producers: which of them gives what a node loads, by domain and node.

    """

    graphs: dict[Domain, Graph]
    all: list[Job] = msgspec.field(default_factory=list)
    producers: dict[tuple[int, NodeId], int] = msgspec.field(default_factory=dict)
    _results: dict[Job, tuple[NodeId, NodeId]] = msgspec.field(default_factory=dict)
    _flags: dict[Job, NodeId] = msgspec.field(default_factory=dict)

    def results(self, job: Job) -> tuple[NodeId, NodeId]:
        """The words with a job's two results: the value and the count, or a window's low and high."""
        found = self._results.get(job)
        if found is None:
            column = 2 * len(self.all)
            graph, table = self.graphs[job.queries], WideTable.RESULTS + job.queries
            first = graph.node(Op.WIDE, numbers=(table, column))
            found = self._results[job] = first, graph.node(Op.WIDE, numbers=(table, column + 1))
            for node in found:
                self.producers[job.queries, node] = len(self.all)
            self.all.append(job)
        return found

    def flag(self, job: Job) -> NodeId:
        """The flag that a job finds."""
        found = self._flags.get(job)
        if found is None:
            numbers = (MARK_RESULTS + job.queries, len(self.all))
            found = self._flags[job] = self.graphs[job.queries].node(Op.MARKED, numbers=numbers)
            self.producers[job.queries, found] = len(self.all)
            self.all.append(job)
        return found
