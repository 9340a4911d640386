"""The relations between rows: who the members are, and how a query finds its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from otlp_verifier.columns import EventNarrow, LinkNarrow
from otlp_verifier.language import resolve
from otlp_verifier.language.scopes import Scope
from otlp_verifier.language.values import Row
from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.machine.program import JobKind
from otlp_verifier.relate.relations import SpanRelation
from otlp_verifier.relate.tree import LinkTarget, SpanTree

if TYPE_CHECKING:
    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.lower import Lowering


@dataclass(frozen=True, slots=True)
class Members:
    """A relation as seen from the row in hand.

    Attributes:
        kind: how the job chooses members.
        scope: the members' scope, in which the condition on them is evaluated.
        row: the row that the condition speaks of; for links the span at the other end.
        member_at: GROUP: a member's group; INTERVAL: its position. A node of the members' graph.
        query_at: GROUP: the group asked for. A node of the queries' graph.
        low, high: INTERVAL: positions asked for.
        excludes_self: siblings.
        member_key, query_key: words that must be equal whatever the condition says: a link's target in a window.

    """

    kind: JobKind
    scope: Scope
    row: Row
    member_at: NodeId | None = None
    query_at: NodeId | None = None
    low: NodeId = 0
    high: NodeId = 0
    excludes_self: bool = False
    member_key: NodeId | None = None
    query_key: NodeId | None = None


def members(lowering: Lowering, relation: str, variable: str, offset: int) -> Members:
    """The members of a relation of the row in hand.

    Raises:
        RuleError: the row in hand has no such relation.

    """
    domain = lowering.scope.domain
    if lowering.scope.main.at is not None:
        raise lowering.error(
            f"`{relation}` cannot be asked about a parent, a root or a link's other end; ask it of the row in hand",
            offset,
        )
    if relation == "span":
        return _in_trace(lowering, variable)
    if domain is not Domain.SPAN:
        at = domain.name.lower()
        raise lowering.error(f"a {at} has no relation `{relation}`; only a span has, a {at} has `span`", offset)
    if relation in ("event", "link", "link from"):
        return _attached(lowering, relation, variable)
    scope = _span_scope(lowering, variable)
    tree = NarrowTable.SPAN_TREE
    own = lowering.graph.node(Op.ROW)
    parent = scope.graph.node(Op.NARROW, numbers=(tree, SpanTree.PARENT))
    match relation:
        case "child":
            return Members(JobKind.GROUP, scope, scope.main, parent, own)
        case "sibling":
            return Members(JobKind.GROUP, scope, scope.main, parent, parent, excludes_self=True)
        case "descendant":
            first, last, one = (
                lowering.graph.node(Op.NARROW, numbers=(tree, SpanTree.FIRST)),
                lowering.graph.node(Op.NARROW, numbers=(tree, SpanTree.LAST)),
                lowering.graph.word(1),
            )
            low, high = lowering.graph.node(Op.ADD, first, one), lowering.graph.node(Op.ADD, last, one)
            return Members(JobKind.INTERVAL, scope, scope.main, first, low=low, high=high)
        case _:
            return Members(JobKind.PATH, scope, scope.main)


def single(lowering: Lowering, relation: str) -> Row | None:
    """The one row that `parent` or `root` leads to; None for relations that lead to many."""
    if lowering.scope.domain is not Domain.SPAN:
        return None
    return resolve.step(lowering, lowering.scope.main, relation) if relation in ("parent", "root") else None


def _span_scope(lowering: Lowering, variable: str) -> Scope:
    rows = {variable: Row(Domain.SPAN, None)} if variable else {}
    return Scope(Domain.SPAN, lowering.jobs.graphs[Domain.SPAN], rows)


def _in_trace(lowering: Lowering, variable: str) -> Members:
    scope = _span_scope(lowering, variable)
    member_at = scope.graph.node(Op.NARROW, numbers=(NarrowTable.SPAN_RELATIONS, SpanRelation.TRACE))
    return Members(JobKind.GROUP, scope, scope.main, member_at, trace_of(lowering))


def trace_of(lowering: Lowering) -> NodeId:
    """The word with the trace of the row in hand."""
    main = lowering.scope.main
    if main.domain is Domain.TRACE:
        return lowering.graph.node(Op.ROW)
    if main.domain is not Domain.SPAN:
        main = resolve.step(lowering, main, "span")
    return resolve.load_narrow(lowering, main, NarrowTable.SPAN_RELATIONS, SpanRelation.TRACE, is_row=True)


def _attached(lowering: Lowering, relation: str, variable: str) -> Members:
    """Events of the span; spans that its links point to; spans whose links point to it."""
    domain = Domain.EVENT if relation == "event" else Domain.LINK
    graph = lowering.jobs.graphs[domain]
    own = lowering.graph.node(Op.ROW)
    if relation == "event":
        owner = graph.node(Op.NARROW, numbers=(NarrowTable.EVENTS, int(EventNarrow.SPAN)))
        row = Row(domain, None)
        return Members(JobKind.GROUP, Scope(domain, graph, {variable: row} if variable else {}), row, owner, own)
    owner = graph.node(Op.NARROW, numbers=(NarrowTable.LINKS, int(LinkNarrow.SPAN)))
    target = graph.node(Op.NARROW, numbers=(NarrowTable.LINK_TARGETS, LinkTarget.SPAN))
    if relation == "link":
        row, member_at = Row(Domain.SPAN, target), owner
    else:
        row, member_at = Row(Domain.SPAN, owner), target
    scope = Scope(domain, graph, {variable or "": row}, subject=row)
    return Members(JobKind.GROUP, scope, row, member_at, own)
