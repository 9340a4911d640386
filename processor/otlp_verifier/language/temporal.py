"""Time operators: pointwise metric temporal logic over the spans of a trace, as intervals of positions.

Points are ordered by (time, depth in the tree, span id). A window's bounds are
found by one walk over sorted times; whether a point within is as wanted is known
from the nearest such point, which a sweep remembers. `since` and `until` are one
sweep that also remembers the last point that breaks the left side. Where it is
joined with the span in hand, that point is a maximum over an interval, which
moves the window's edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs
from msgspec.structs import replace

from otlp_verifier.language import joins, quantify, relations, resolve
from otlp_verifier.language.jobs import Job
from otlp_verifier.language.scopes import Scope
from otlp_verifier.language.syntax import Binary, Literal, Points, Unary, Window
from otlp_verifier.language.values import Condition, Row
from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.machine.program import Function, JobKind
from otlp_verifier.relate.tables import SpanTree

if TYPE_CHECKING:
    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.relations import Members
    from otlp_verifier.language.syntax import Expression, Temporal, TemporalPair

_ANY_TIME = Window(0, None, 0)


def unary(lowering: Lowering, tree: Temporal) -> Condition:
    """once, eventually; historically and always are their duals."""
    future = tree.operator in ("eventually", "always")
    window = tree.window or _ANY_TIME
    if tree.operator in ("once", "eventually"):
        points, condition = _point(lowering, tree.operand)
        return _some(lowering, points, condition, window, future=future)
    points, condition = _point(lowering, tree.operand)
    broken = Unary("not", condition, tree.offset)
    return lowering.negate(_some(lowering, points, broken, window, future=future))


def pair(lowering: Lowering, tree: TemporalPair) -> Condition:
    """`left since right`: right at some point, left at every point after it up to here; until mirrors it."""
    future = tree.operator == "until"
    if lowering.skew_ns:
        raise lowering.error(
            f"`{tree.operator}` orders points by time and allows no skew; use once or eventually", tree.offset
        )
    keeps, kept = _point(lowering, tree.left)
    happens, happened = _point(lowering, tree.right)
    if keeps.at_end != happens.at_end:
        raise lowering.error(f"both sides of `{tree.operator}` take the same end of a span", tree.offset)
    within = _window(lowering, happens, tree.window or _ANY_TIME, future=future, offset=tree.offset)
    unbroken = _unbroken(lowering, within, (keeps, Unary("not", kept, tree.offset)), (happens, happened))
    if unbroken is not None:
        return unbroken
    own = _window(lowering, keeps, _ANY_TIME, future=future, offset=tree.offset)
    broken = _extreme_position(lowering, own, keeps, Unary("not", kept, tree.offset), latest=not future)
    graph = lowering.graph
    if future:
        # Up to the first point that breaks the left side, itself included.
        edge = graph.node(Op.ADD, broken, graph.word(1))
        within = replace(within, window=None, high=graph.node(Op.SMALLER, within.high, edge))
    else:
        within = replace(within, window=None, low=graph.node(Op.LARGER, within.low, broken))
    found = quantify.some_of(lowering, within, happened, happens)
    return Condition(found.flag, found.possible, rises=True, falls=True)


def _unbroken(
    lowering: Lowering, within: Members, broken: tuple[Points, Expression], happened: tuple[Points, Expression]
) -> Condition | None:
    """`pair` in one sweep, where both sides speak of a point alone, and of every point; else None."""
    if broken[0].relation != happened[0].relation:  # points that no link leads from break nothing
        return None
    masks = [quantify.mask_of(lowering, within, condition, points) for points, condition in (happened, broken)]
    mask, breaks = masks
    if within.window is None or mask is None or breaks is None:
        return None
    keys = joins.Keys(None, None)
    flag, possible = (joins.any_of(lowering, within, node, keys, breaks.flag) for node in (mask.flag, mask.possible))
    return Condition(flag, possible, rises=True, falls=True)


def _some(lowering: Lowering, points: Points, condition: Expression, window: Window, *, future: bool) -> Condition:
    """That a point in the window fulfils the condition."""
    if window.low == 0:
        lowering.orders_by_depth = True
        if lowering.arriving:
            # Which other points of the same time are before or after is known when all ancestors are there.
            earlier_or_later = _some(lowering, points, condition, structs.replace(window, low=1), future=future)
            return lowering.either(earlier_or_later, _at_hand(lowering, points, condition))
    exact = _window(lowering, points, window, future=future, offset=points.offset)
    skew = lowering.skew_ns
    if not skew:
        return quantify.some_of(lowering, exact, condition, points)
    # Within the skew a point of another host may stand on either side of the window's bounds, and at a distance of 0
    # on either side of the span in hand.
    low, high = max(window.low + skew, skew + 1), window.high
    sure = _bounds(lowering, points, low, None if high is None else high - skew, future)
    maybe = _bounds(lowering, points, window.low - skew, None if high is None else high + skew, future)
    here = quantify.some_of(lowering, _of_one_clock(lowering, exact), condition, points)
    certain = quantify.some_of(lowering, sure, condition, points)
    possible = quantify.some_of(lowering, maybe, condition, points, other_than=_of_one_clock(lowering, maybe))
    elsewhere = Condition(certain.flag, possible.possible, certain.rises, certain.falls)
    return lowering.either(here, elsewhere)


def _at_hand(lowering: Lowering, points: Points, condition: Expression) -> Condition:
    """That the span in hand is such a point itself."""
    scope = lowering.scope
    if points.relation != "span" or points.at_end != scope.at_end:
        return lowering.known(False)
    rows = {**scope.rows, points.variable: scope.main} if points.variable else scope.rows
    with lowering.within(replace(scope, rows=rows)):
        return lowering.condition(condition)


def _of_one_clock(lowering: Lowering, members: Members) -> Members:
    """Those of the same resource: their times can be compared as they are."""
    with lowering.within(members.scope):
        member_key = resolve.clock(lowering, members.row)
    query_key = resolve.clock(lowering, lowering.scope.main)
    return replace(
        members,
        member_key=quantify.mixed(members.scope.graph, members.member_key, member_key),
        query_key=quantify.mixed(lowering.graph, members.query_key, query_key),
    )


def _point(lowering: Lowering, operand: Expression) -> tuple[Points, Expression]:
    """An operand of a temporal operator as one condition on the span at a point."""
    match operand:
        case Points():
            return operand, operand.condition or Literal(True, operand.offset)
        case Unary(operator="not"):
            points, condition = _point(lowering, operand.operand)
            return points, Unary("not", condition, operand.offset)
        case Binary(operator="and" | "or"):
            left, left_condition = _point(lowering, operand.left)
            right, right_condition = _point(lowering, operand.right)
            if (left.relation, left.variable, left.at_end) != (right.relation, right.variable, right.at_end):
                raise lowering.error(
                    "the two sides speak of one point: give both the same relation, variable and `at end`",
                    operand.offset,
                )
            return left, Binary(operand.operator, left_condition, right_condition, operand.offset)
        case _:
            raise lowering.error(
                'expected what holds at a point of the trace, such as `span where name == "..."`', operand.offset
            )


def _window(lowering: Lowering, points: Points, window: Window, *, future: bool, offset: int) -> Members:
    if lowering.scope.domain is not Domain.SPAN or lowering.scope.main.at is not None:
        raise lowering.error("only a span has a before and an after; begin the rule with `for each span`", offset)
    return _bounds(lowering, points, window.low, window.high, future)


def _bounds(lowering: Lowering, points: Points, low: int, high: int | None, future: bool) -> Members:
    """The members of a window whose bounds, in nanoseconds from the query, may be negative.

    Bounds and skew are below 2**62, so that their sums fit an int64: see expressions.py and parser.py.
    """
    job = Job(
        JobKind.WINDOW,
        Function.COUNT,
        Domain.SPAN,
        Domain.SPAN,
        low=low,
        high=NO_END if high is None else high,
        future=future,
        member_end=points.at_end,
        query_end=lowering.scope.at_end,
    )
    first, last = lowering.jobs.results(job)
    if points.relation == "link from":
        linked = relations.members(lowering, points)
        row = linked.row
        position = _position(linked.scope, row, at_end=points.at_end)
        return replace(
            linked, kind=JobKind.INTERVAL, member_at=position, query_at=None, low=first, high=last,
            member_key=linked.member_at, query_key=lowering.graph.node(Op.ROW),
        )  # fmt: skip
    scope = relations.span_scope(lowering, points)
    position = _position(scope, scope.main, at_end=points.at_end)
    return relations.Members(JobKind.INTERVAL, scope, scope.main, position, low=first, high=last, window=job)


NO_END = 2**63 - 1


def _position(scope: Scope, row: Row, *, at_end: bool) -> NodeId:
    """The word with a span's position among all, by start or by end."""
    column = SpanTree.END_POSITION if at_end else SpanTree.START_POSITION
    if row.at is None:
        return scope.graph.node(Op.NARROW, numbers=(NarrowTable.SPAN_TREE, column))
    return scope.graph.node(Op.NARROW_AT, row.at, numbers=(NarrowTable.SPAN_TREE, column))


def _extreme_position(
    lowering: Lowering, members: Members, points: Points, condition: Expression, *, latest: bool
) -> NodeId:
    """The position of the last, or first, point of an interval that fulfils a condition; its own edge if none does."""
    function = Function.MAX_UNSIGNED if latest else Function.MIN_UNSIGNED
    position, count = quantify.extreme_of(lowering, members, condition, points, function)
    none = lowering.graph.node(Op.EQUAL_K, count, numbers=(0,))
    edge = members.low if latest else members.high
    return lowering.graph.node(Op.SELECT, none, edge, position)
