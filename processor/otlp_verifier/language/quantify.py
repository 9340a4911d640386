"""Quantifiers and aggregates: conditions on other rows, taken apart so that each can be counted in n log n.

A condition on a chosen row may compare it with the row before it. Such a
comparison is a join: any number of equalities become one key, at most one
inequality becomes a minimum or maximum. What is left speaks of one row alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import structs
from msgspec.structs import replace

from otlp_verifier.language import assume, compare, inequalities, joins, relations, resolve, scopes
from otlp_verifier.language.jobs import Job
from otlp_verifier.language.paths import ENUMS, Change, Type
from otlp_verifier.language.scopes import Scope, alternatives, conjuncts, names
from otlp_verifier.language.syntax import (
    Binary,
    Literal,
    Name,
    Points,
    Quantified,
    Structure,
    Temporal,
    TemporalPair,
    Unary,
)
from otlp_verifier.language.values import Clocks, Condition, Row, Value
from otlp_verifier.machine.operations import Domain, Op
from otlp_verifier.machine.program import Function, JobKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from otlp_verifier.language.graph import Graph, NodeId
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.relations import Members
    from otlp_verifier.language.syntax import Aggregate, Expression

ALTERNATIVES_MAX = 64  # of one condition, after `or` is pulled outwards


class Parts(msgspec.Struct):
    """A conjunction, sorted by what its members speak of."""

    inner: list[Expression] = msgspec.field(default_factory=list)  # the chosen row alone
    outer: list[Expression] = msgspec.field(default_factory=list)  # the row before it alone
    equal: list[Binary] = msgspec.field(default_factory=list)  # joins by equality
    unequal: list[Binary] = msgspec.field(default_factory=list)
    order: list[tuple[Binary, bool]] = msgspec.field(default_factory=list)  # with whether it is negated


def quantified(lowering: Lowering, tree: Quantified) -> Condition:
    """`exists points`, or `forall points require requirement`."""
    condition = tree.points.condition
    if tree.quantifier == "exists":
        return some(lowering, tree.points, condition)
    requirement = tree.requirement or Literal(True, tree.offset)
    broken: Expression = Unary("not", requirement, tree.offset)
    if condition is not None:
        broken = Binary("and", condition, broken, tree.offset)
    return lowering.negate(some(lowering, tree.points, broken))


def structure(lowering: Lowering, tree: Structure) -> Condition:
    """`{ A } >> { B }`: the trace has a span with B that has an ancestor with A; negated, one that has none."""
    relation = {">": "parent", ">>": "ancestor", "<": "child", "<<": "descendant", "~": "sibling"}
    operator = tree.operator.removeprefix("!")
    points = Points(relation[operator], "", False, tree.left, tree.offset)
    other: Expression = Quantified("exists", points, None, tree.offset)
    if operator != tree.operator:
        other = Unary("not", other, tree.offset)
    both = Binary("and", tree.right, other, tree.offset)
    return some(lowering, Points("span", "", False, both, tree.offset), both)


def some(lowering: Lowering, points: Points, condition: Expression | None) -> Condition:
    """That a row of the relation fulfils the condition."""
    row = relations.single(lowering, structs.replace(points, condition=condition))
    if row is not None:
        return _of_single(lowering, row, points, condition)
    return some_of(lowering, relations.members(lowering, points), condition, points)


def some_of(
    lowering: Lowering,
    members: Members,
    condition: Expression | None,
    points: Points,
    *,
    other_than: Members | None = None,
) -> Condition:
    """The same, the members being known; `other_than` are some of them, by a longer key, that do not count.

    Where an inequality joins the rows they do count: this is for what may be, which is no less true then.
    """
    result = lowering.known(False)
    for parts in _alternatives(lowering, condition, points):
        result = lowering.either(result, _exists(lowering, members, parts, other_than))
    return result


def _alternatives(lowering: Lowering, condition: Expression | None, points: Points) -> list[Parts]:
    """A condition as the sorted conjunctions of which one must hold; whole, where it speaks of the chosen row alone."""
    if condition is None or not _speaks_of_outer(lowering, condition, points):
        return [Parts(inner=[condition] if condition is not None else [])]
    if alternatives(condition) > ALTERNATIVES_MAX:
        raise lowering.error(
            f"between two rows this condition has more than {ALTERNATIVES_MAX} alternatives; write it as several rules",
            points.offset,
        )
    return [_sort(lowering, each, points) for each in conjuncts(condition)]


def aggregate(lowering: Lowering, tree: Aggregate) -> Value:
    """`count(points)`, `min|max|sum|distinct(points : value)`."""
    points = tree.points
    if points.relation in ("parent", "root"):
        raise lowering.error(f"a span has at most one {points.relation}; name its fields directly", tree.offset)
    members = relations.members(lowering, points)
    if tree.value is not None and _speaks_of_outer(lowering, tree.value, points):
        raise lowering.error(
            f"the value that {tree.function} takes speaks of two rows, which would need every pair; "
            "take it of the chosen row alone and do the rest outside",
            tree.offset,
        )
    parts, *others = _alternatives(lowering, points.condition, points)
    if others:
        raise lowering.error(
            f"{tree.function} over `or` between two rows would count some rows twice; use two aggregates", tree.offset
        )
    if parts.order or parts.unequal:
        at = (parts.unequal or [order for order, _ in parts.order])[0]
        raise lowering.error(
            f"{tree.function} with `{at.operator}` between two rows needs every pair; ask with exists, or compare "
            "for equality",
            at.offset,
        )
    return _aggregate(lowering, members, parts, tree)


def _of_single(lowering: Lowering, row: Row, points: Points, condition: Expression | None) -> Condition:
    """A relation that leads to one row at most: its condition is evaluated in place, and may speak of both."""
    lowering.looks_across = True
    present = lowering.graph.node(Op.PRESENT, row.at or 0)
    exists = Condition(present, present, rises=True, falls=row.change is Change.ANY)
    if condition is None:
        return exists
    # Its presence is settled, so that its fields are as sure as any.
    there = Row(row.domain, row.at)
    rows = {**lowering.scope.rows, **({points.variable: there} if points.variable else {})}
    scope = Scope(lowering.scope.domain, lowering.graph, rows, subject=there)
    with lowering.within(scope):
        return lowering.both(exists, lowering.condition(condition))


def _speaks_of_outer(lowering: Lowering, tree: Expression, points: Points) -> bool:
    return any(_is_outer(lowering, name, points) for name in names(tree))


def _is_outer(lowering: Lowering, name: str, points: Points) -> bool:
    return name != points.variable and (name in lowering.scope.rows or name in lowering.outer)


def _is_inner(lowering: Lowering, name: str, points: Points) -> bool:
    return not _is_outer(lowering, name, points) and name not in ENUMS and name not in lowering.parameters


def _sort(lowering: Lowering, alternative: Sequence[Expression], points: Points) -> Parts:
    parts = Parts()
    for tree in alternative:
        outer = any(_is_outer(lowering, name, points) for name in names(tree))
        inner = any(_is_inner(lowering, name, points) for name in names(tree))
        if not outer:
            parts.inner.append(tree)
        elif not inner:
            parts.outer.append(tree)
        else:
            _sort_join(lowering, tree, points, parts)
    if len(parts.order) + len(parts.unequal) > 1:
        second = (*parts.unequal, *(order for order, _ in parts.order))[1]
        raise lowering.error(
            "two inequalities between two rows need every pair; keep one of them, or make the other an equality",
            second.offset,
        )
    return parts


def _sort_join(lowering: Lowering, tree: Expression, points: Points, parts: Parts) -> None:
    negated = isinstance(tree, Unary)
    comparison = tree.operand if isinstance(tree, Unary) else tree
    if not isinstance(comparison, Binary) or comparison.operator not in ("==", "!=", "<", "<=", ">", ">="):
        if isinstance(comparison, Quantified | Temporal | TemporalPair | Structure):
            raise resolve.unreachable(lowering, next(_outer_paths(lowering, comparison, points)))
        raise lowering.error(
            "this speaks of two rows at once, which would need every pair; compare a value of one with a value of the "
            "other, as in `d.name == s.name`",
            tree.offset,
        )
    sides = [
        {_is_outer(lowering, name, points) for name in names(side) if not _is_neither(lowering, name, points)}
        for side in (comparison.left, comparison.right)
    ]
    if any(len(side) != 1 for side in sides) or sides[0] == sides[1]:
        inner = points.variable or "the chosen row"
        raise lowering.error(
            f"each side of `{comparison.operator}` may speak of one row only; bring everything about {inner} to one "
            "side, as in `d.start <= s.start + 5ms`",
            comparison.offset,
        )
    if sides[0] == {True}:  # the chosen row to the left
        mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(comparison.operator, comparison.operator)
        comparison = Binary(mirrored, comparison.right, comparison.left, comparison.offset)
    if comparison.operator == "==":
        parts.equal.append(comparison)
    elif comparison.operator == "!=":
        parts.unequal.append(comparison)
    else:
        parts.order.append((comparison, negated))


def _outer_paths(lowering: Lowering, tree: Expression, points: Points) -> Iterator[Name]:
    """The paths of an expression to the row before the chosen one."""
    if isinstance(tree, Name) and _is_outer(lowering, tree.parts[0], points):
        yield tree
    for part in scopes.parts(tree):
        yield from _outer_paths(lowering, part, points)


def _is_neither(lowering: Lowering, name: str, points: Points) -> bool:
    return not _is_outer(lowering, name, points) and not _is_inner(lowering, name, points)


def _exists(lowering: Lowering, members: Members, parts: Parts, other_than: Members | None) -> Condition:
    mask = _mask(lowering, members, parts.inner)
    keys = joins.keys(lowering, members.scope, parts.equal)
    if parts.order:
        comparison, negated = parts.order[0]
        found = inequalities.ordered(lowering, members, mask, keys, comparison, negated=negated)
    else:
        unlike = joins.keys(lowering, members.scope, [*parts.equal, *parts.unequal]) if parts.unequal else None
        found = joins.Chosen(members, keys, unlike).exist(lowering, mask, other_than)
    for tree in parts.outer:
        found = lowering.both(found, lowering.tried(tree))
    return found


def _mask(lowering: Lowering, members: Members, inner: Sequence[Expression]) -> Condition:
    """Which members count."""
    lowering.looks_across = True
    with lowering.within(members.scope):
        mask = lowering.known(True)
        for tree in inner:
            mask = lowering.both(mask, lowering.tried(tree))
        if members.scope.domain is Domain.SPAN:
            flag = lowering.graph.negate(assume.repeated(lowering, Row(Domain.SPAN, None)))
            mask = lowering.both(mask, Condition(flag, flag))
        elif members.row.at is not None:
            flag = lowering.graph.node(Op.PRESENT, members.row.at)
            mask = lowering.both(mask, Condition(flag, flag, rises=True))
        return mask


def job(
    lowering: Lowering,
    members: Members,
    function: Function,
    mask: NodeId,
    keys: joins.Keys,
    value: NodeId | None = None,
) -> Job:
    """The job that makes `function` of a relation's members."""
    if keys.counts is not None:
        mask = members.scope.graph.both(mask, keys.counts)
    member_key = mixed(members.scope.graph, members.member_key, keys.member)
    query_key = mixed(lowering.graph, members.query_key, keys.query)
    if members.is_subtree and member_key is query_key is None:
        return Job(JobKind.SUBTREE, function, Domain.SPAN, Domain.SPAN, mask=mask, value=value)
    return Job(
        members.kind,
        function,
        members.scope.domain,
        lowering.scope.domain,
        mask=mask,
        value=value,
        member_at=members.member_at,
        query_at=members.query_at,
        low=members.low,
        high=members.high,
        member_key=member_key,
        query_key=query_key,
        excludes_self=members.excludes_self,
    )


def mask_of(lowering: Lowering, members: Members, condition: Expression, points: Points) -> Condition | None:
    """Which members fulfil a condition that speaks of them alone; None where it does not."""
    if _speaks_of_outer(lowering, condition, points):
        return None
    return _mask(lowering, replace(members, scope=relations.span_scope(lowering, points)), [condition])


def mixed(graph: Graph, a: NodeId | None, b: NodeId | None) -> NodeId | None:
    """One key for two, either of which may be missing."""
    if a is None or b is None:
        return b if a is None else a
    return graph.node(Op.MIX, a, b)


def extreme_of(
    lowering: Lowering, members: Members, condition: Expression, points: Points, function: Function
) -> tuple[NodeId, NodeId]:
    """The smallest or largest position of a member that fulfils a condition, and how many do."""
    graph = lowering.graph
    largest = function is Function.MAX_UNSIGNED
    best, total = graph.word(0 if largest else 2**63), graph.word(0)
    for parts in _alternatives(lowering, condition, points):
        if parts.order or parts.unequal or parts.outer:
            raise lowering.error(
                "between two rows only equalities can be followed through time; keep the rest to one row", points.offset
            )
        mask = _mask(lowering, members, parts.inner)
        keys = joins.keys(lowering, members.scope, parts.equal)
        value = members.member_at
        position, count = lowering.jobs.results(job(lowering, members, function, mask.flag, keys, value))
        none = graph.node(Op.EQUAL_K, count, numbers=(0,))
        position = graph.node(Op.SELECT, none, best, position)
        best = graph.node(Op.LARGER if largest else Op.SMALLER, best, position)
        total = graph.node(Op.ADD, total, count)
    return best, total


_MINIMA = {Type.FLOAT: Function.MIN_FLOAT, Type.TIME: Function.MIN_UNSIGNED}
_MAXIMA = {Type.FLOAT: Function.MAX_FLOAT, Type.TIME: Function.MAX_UNSIGNED}


def extreme(type_: Type, *, largest: bool) -> Function:
    """MIN or MAX for values of a type."""
    if largest:
        return _MAXIMA.get(type_, Function.MAX_SIGNED)
    return _MINIMA.get(type_, Function.MIN_SIGNED)


def _aggregate(lowering: Lowering, members: Members, parts: Parts, tree: Aggregate) -> Value:
    mask = _mask(lowering, members, parts.inner)
    keys = joins.keys(lowering, members.scope, parts.equal)
    if mask.flag != mask.possible:
        raise lowering.error(
            f"which rows {tree.function} looks at depends on whose clock is ahead; ask with exists or forall",
            tree.offset,
        )
    change = Change.ANY if mask.falls or keys.changes else Change.GROWS
    if tree.value is None:
        count, _ = lowering.jobs.results(job(lowering, members, Function.COUNT, mask.flag, keys))
        return _where_outer(lowering, Value(Type.INT, (count,), change=change), parts)
    with lowering.within(members.scope):
        value = lowering.value(tree.value)
        if value.present is not None or value.type is Type.ID:
            mask = lowering.both(mask, lowering.negate(compare.is_nil(lowering, value, tree)))
        if tree.function == "distinct":
            word = joins.word(lowering, value, tree.value.offset)
            change = change if value.change is Change.NEVER else Change.ANY
        elif value.type in (Type.INT, Type.FLOAT, Type.DURATION, Type.TIME) and len(value.words) == 1:
            word = value.words[0]
        elif value.type is Type.DYNAMIC:
            word, value, mask = joins.number(lowering, value, mask)
        else:
            found = value.type.value
            raise lowering.error(f"{tree.function} takes numbers, times and durations, not {found}", tree.offset)
    if tree.function == "distinct":
        if members.kind is not JobKind.GROUP or members.excludes_self:
            raise lowering.error(
                "distinct values can be counted over child, span, event and link; over others it would need every pair",
                tree.offset,
            )
        count, _ = lowering.jobs.results(job(lowering, members, Function.DISTINCT, mask.flag, keys, word))
        return _where_outer(lowering, Value(Type.INT, (count,), change=change), parts)
    if tree.function == "sum":
        if value.type is Type.TIME:
            raise lowering.error("times cannot be added up", tree.offset)
        if value.clocks != Clocks():
            raise lowering.error("clocks of two hosts are apart by more with every row that is added", tree.offset)
        function = Function.SUM_FLOAT if value.type is Type.FLOAT else Function.SUM
        total, _ = lowering.jobs.results(job(lowering, members, function, mask.flag, keys, word))
        return _where_outer(lowering, Value(value.type, (total,), change=Change.ANY), parts)
    function = extreme(value.type, largest=tree.function == "max")
    result, count = lowering.jobs.results(job(lowering, members, function, mask.flag, keys, word))
    present = lowering.graph.negate(lowering.graph.node(Op.EQUAL_K, count, numbers=(0,)))
    found = Value(value.type, (result,), present=present, clocks=value.clocks.nameless(), change=Change.ANY)
    return _where_outer(lowering, found, parts)


def _where_outer(lowering: Lowering, value: Value, parts: Parts) -> Value:
    """Conditions on the row before alone: where they do not hold, no member counts."""
    for tree in parts.outer:
        raise lowering.error("this says nothing about the rows that are counted; put it outside", tree.offset)
    return value
