"""What one row cannot see by itself: counts and extremes over the rows that stand in a relation to it.

A job reads columns of *members* and gives columns to *queries*, both rows of
some domain. All relations come down to three ways of choosing members:

- group: those with the query's group (children, siblings, spans of the trace, events, links), and equal keys;
- interval: those whose position lies in [low, high) (descendants by preorder, time windows by order), and equal keys;
- path: the query's ancestors, and equal keys.
"""

from dataclasses import dataclass, field

from otlp_verifier.language.graph import Graph, NodeId
from otlp_verifier.machine.operations import Domain, Op, WideTable
from otlp_verifier.machine.program import Function, JobKind


@dataclass(frozen=True, slots=True)
class Job:
    """One job; nodes are of the graph of the domain they belong to, None where the job has no use for them.

    Attributes:
        kind, function: see there.
        members, queries: domains.
        mask: flag of members: those that count.
        value: word of members: what is summed or compared.
        member_at, query_at: GROUP: the group, NO_ROW for none. INTERVAL: the member's position.
        low, high: INTERVAL: words of queries. WINDOW: nanoseconds, `high` 2**63 - 1 for no end.
        member_key, query_key: words that must be equal.
        excludes_self: GROUP: the query is itself a member and does not count.
        future: WINDOW: after the query and not before it.
        member_end, query_end: WINDOW: whether a span's time is its end.

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

    def member_inputs(self) -> tuple[NodeId, ...]:
        """The nodes of the members' graph that it reads."""
        return tuple(n for n in (self.mask, self.value, self.member_at, self.member_key) if n is not None)

    def query_inputs(self) -> tuple[NodeId, ...]:
        """The nodes of the queries' graph that it reads."""
        bounds = (self.low, self.high) if self.kind is JobKind.INTERVAL else ()
        return tuple(n for n in (self.query_at, self.query_key, *bounds) if n is not None)


@dataclass
class Jobs:
    """All jobs of a plan, each once; a job's results are columns of the RESULTS table of its queries' domain."""

    graphs: dict[Domain, Graph]
    columns: dict[Job, int] = field(default_factory=dict)  # the first of two: the result and, MIN or MAX, the count
    _used: dict[Domain, int] = field(default_factory=dict)
    _levels: dict[tuple[Domain, NodeId], int] = field(default_factory=dict)

    def results(self, job: Job) -> tuple[NodeId, NodeId]:
        """The words with a job's two results: the value and the count, or a window's low and high."""
        if job not in self.columns:
            self.columns[job] = self._used.get(job.queries, 0)
            self._used[job.queries] = self.columns[job] + 2
        column = self.columns[job]
        graph, table = self.graphs[job.queries], WideTable.RESULTS + job.queries
        return graph.node(Op.WIDE, numbers=(table, column)), graph.node(Op.WIDE, numbers=(table, column + 1))

    def width(self, domain: Domain) -> int:
        """How many result columns a domain has."""
        return self._used.get(domain, 0)

    def level(self, domain: Domain, node: NodeId) -> int:
        """How many rounds of jobs must have run before a node can be computed."""
        key = (domain, node)
        if key not in self._levels:
            stack = [node]
            while stack:
                at = stack[-1]
                inputs = self.graphs[domain].nodes[at].inputs
                missing = [i for i in inputs if (domain, i) not in self._levels]
                if missing:
                    stack.extend(missing)
                    continue
                stack.pop()
                own = self._own_level(domain, at)
                self._levels[domain, at] = max([own, *(self._levels[domain, i] for i in inputs)])
        return self._levels[key]

    def job_level(self, job: Job) -> int:
        """In which round a job runs, from 0."""
        return max(
            [
                0,
                *(self.level(job.members, node) for node in job.member_inputs()),
                *(self.level(job.queries, node) for node in job.query_inputs()),
            ]
        )

    def producer(self, domain: Domain, node: NodeId) -> Job | None:
        """The job whose result a node loads, if it is such a node."""
        loaded = self.graphs[domain].nodes[node]
        if loaded.op is not Op.WIDE or loaded.numbers[0] != WideTable.RESULTS + domain:
            return None
        column = loaded.numbers[1] & ~1
        return next(job for job, at in self.columns.items() if at == column and job.queries is domain)

    def _own_level(self, domain: Domain, node: NodeId) -> int:
        job = self.producer(domain, node)
        return 0 if job is None else self.job_level(job) + 1
