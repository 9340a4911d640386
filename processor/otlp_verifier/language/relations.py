"""The relations between rows: who the members are, and how a query finds its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from otlp_verifier.columns import EventNarrow, LinkNarrow
from otlp_verifier.language import resolve, syntax
from otlp_verifier.language.paths import STEPS, Change
from otlp_verifier.language.scopes import Scope, parts
from otlp_verifier.language.values import Row
from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.machine.program import JobKind
from otlp_verifier.relate.tables import LinkTarget, SpanRelation, SpanTree

if TYPE_CHECKING:
    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.jobs import Job
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Expression, Points


class Members(msgspec.Struct, frozen=True):
    """A relation as seen from the row in hand.

    Attributes:
        kind: how the job chooses members.
        scope: the members' scope, in which the condition on them is evaluated.
        row: the row that the condition speaks of; for links the span at the other end.
        member_at: GROUP: a member's group; INTERVAL: its position. A node of the members' graph.
        query_at: GROUP: the group asked for. A node of the queries' graph; None for the group of the query's own row.
        low, high: INTERVAL: positions asked for.
        excludes_self: siblings.
        is_subtree: INTERVAL: the interval is that of the descendants.
        moves: whether another row may take a member's place while spans are still arriving: roots.
        window: the job that found `low` and `high`, where they are those of a window of time, as they were found.
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
    is_subtree: bool = False
    moves: bool = False
    window: Job | None = None
    member_key: NodeId | None = None
    query_key: NodeId | None = None


def members(lowering: Lowering, points: Points) -> Members:
    """The members of a relation of the row in hand.

    Raises:
        RuleError: the row in hand has no such relation.

    """
    relation, domain = points.relation, lowering.scope.domain
    if lowering.scope.main.at is not None:
        raise lowering.error(
            f"`{relation}` cannot be asked about a parent, a root or a link's other end; ask it of the row in hand",
            points.offset,
        )
    if domain in (Domain.RESOURCE, Domain.SCOPE):
        raise lowering.error(
            f"{resolve.a(domain)} has no relation `{relation}`: its spans belong to many traces; begin "
            "the rule with `for each span` or `for each trace`",
            points.offset,
        )
    if relation == "span":
        return _in_trace(lowering, points)
    if domain is not Domain.SPAN:
        row = resolve.a(domain)
        raise lowering.error(f"{row} has no relation `{relation}`; only a span has, {row} has `span`", points.offset)
    if relation in ("event", "link", "link from"):
        return _attached(lowering, points)
    scope = span_scope(lowering, points)
    tree = NarrowTable.SPAN_TREE
    parent = scope.graph.node(Op.NARROW, numbers=(tree, SpanTree.PARENT))
    match relation:
        case "parent":
            above = lowering.graph.node(Op.NARROW, numbers=(tree, SpanTree.PARENT))
            return Members(JobKind.GROUP, scope, scope.main, scope.graph.node(Op.ROW), above)
        case "root":
            top = lowering.graph.node(Op.NARROW, numbers=(tree, SpanTree.ROOT))
            return Members(JobKind.GROUP, scope, scope.main, scope.graph.node(Op.ROW), top, moves=True)
        case "child":
            return Members(JobKind.GROUP, scope, scope.main, parent)
        case "sibling":
            return Members(JobKind.GROUP, scope, scope.main, parent, parent, excludes_self=True)
        case "descendant":
            first, last, one = (
                lowering.graph.node(Op.NARROW, numbers=(tree, SpanTree.FIRST)),
                lowering.graph.node(Op.NARROW, numbers=(tree, SpanTree.LAST)),
                lowering.graph.word(1),
            )
            low, high = lowering.graph.node(Op.ADD, first, one), lowering.graph.node(Op.ADD, last, one)
            return Members(JobKind.INTERVAL, scope, scope.main, first, low=low, high=high, is_subtree=True)
        case _:
            return Members(JobKind.PATH, scope, scope.main)


_SINGLE = {"parent": (SpanTree.PARENT, Change.GROWS), "root": (SpanTree.ROOT, Change.ANY)}


def single(lowering: Lowering, points: Points) -> Row | None:
    """The one row that `parent` or `root` leads to in the tree, where its condition can be evaluated in place."""
    main = lowering.scope.main
    if points.relation not in _SINGLE or main.domain is not Domain.SPAN or asks_relations(points.condition):
        return None
    column, change = _SINGLE[points.relation]
    at = resolve.load_narrow(lowering, main, NarrowTable.SPAN_TREE, column, is_row=True)
    return Row(Domain.SPAN, at, change)


def asks_relations(tree: Expression | None) -> bool:
    """Whether an expression asks for more than can be evaluated at a parent or root in place."""
    match tree:
        case None:
            return False
        case syntax.Aggregate() | syntax.Temporal() | syntax.TemporalPair() | syntax.Structure():
            return True
        case syntax.Quantified():
            inside = (tree.points.condition, tree.requirement)
            return tree.points.relation not in _SINGLE or any(map(asks_relations, inside))
        case _:
            return any(map(asks_relations, parts(tree)))


def span_scope(lowering: Lowering, points: Points) -> Scope:
    """The scope of chosen spans."""
    rows = {points.variable: Row(Domain.SPAN, None)} if points.variable else {}
    return Scope(Domain.SPAN, lowering.jobs.graphs[Domain.SPAN], rows, at_end=points.at_end)


def _in_trace(lowering: Lowering, points: Points) -> Members:
    scope = span_scope(lowering, points)
    member_at = scope.graph.node(Op.NARROW, numbers=(NarrowTable.SPAN_RELATIONS, SpanRelation.TRACE))
    if lowering.scope.main.domain is Domain.TRACE:
        return Members(JobKind.GROUP, scope, scope.main, member_at)
    return Members(JobKind.GROUP, scope, scope.main, member_at, trace_of(lowering))


def trace_of(lowering: Lowering) -> NodeId:
    """The word with the trace of the row in hand."""
    main = lowering.scope.main
    if "span" in STEPS[main.domain]:
        main = resolve.step(lowering, main, "span")
    return resolve.load_narrow(lowering, main, NarrowTable.SPAN_RELATIONS, SpanRelation.TRACE, is_row=True)


def _attached(lowering: Lowering, points: Points) -> Members:
    """Events of the span; spans that its links point to; spans whose links point to it."""
    relation, variable = points.relation, points.variable
    if relation == "event" and points.at_end:
        raise lowering.error("an event has one time; `at end` is for spans", points.offset)
    domain = Domain.EVENT if relation == "event" else Domain.LINK
    graph = lowering.jobs.graphs[domain]
    if relation == "event":
        owner = graph.node(Op.NARROW, numbers=(NarrowTable.EVENTS, int(EventNarrow.SPAN)))
        row = Row(domain, None)
        return Members(JobKind.GROUP, Scope(domain, graph, {variable: row} if variable else {}), row, owner)
    owner = graph.node(Op.NARROW, numbers=(NarrowTable.LINKS, int(LinkNarrow.SPAN)))
    target = graph.node(Op.NARROW, numbers=(NarrowTable.LINK_TARGETS, LinkTarget.SPAN))
    if relation == "link":
        row, member_at = Row(Domain.SPAN, target), owner
    else:
        row, member_at = Row(Domain.SPAN, owner), target
    scope = Scope(domain, graph, {variable: row} if variable else {}, subject=row)
    return Members(JobKind.GROUP, scope, row, member_at)
