"""A rule's tree, walked for one record: what the compiled program says in bulk, said again one by one.

Written from the language's description (docs/language.md) and sharing nothing with the compiler and the machine: of
the language only the tree, its paths and OTTL's functions of single values are used.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from otlp_verifier.findings.witness.expressions import Expressions, Scope
from otlp_verifier.findings.witness.rows import Record, Rows
from otlp_verifier.findings.witness.trees import looks_across, points_of, speaks_of
from otlp_verifier.findings.witness.values import (
    MAYBE,
    CannotTellError,
    Condition,
    every,
    key,
    no,
    some,
    total,
)
from otlp_verifier.language import syntax
from otlp_verifier.language.syntax import Binary, Expression, ForEach, Literal, Points, Unary
from otlp_verifier.machine.operations import Domain

_UNASKED: Final[dict[Record, Condition]] = {}
_ARROWS: Final = {">": "parent", ">>": "ancestor", "<": "child", "<<": "descendant", "~": "sibling"}
# OpenTelemetry's member of a trace state with a sampling threshold other than zero.
_SAMPLED: Final = re.compile(rb"(^|,)[ \t]*ot=([^,]*;)?th:0*[1-9a-f]")


class Walk(Expressions):
    """One rule on one batch."""

    def __init__(self, tree: ForEach, parameters: Mapping[str, int | str], rows: Rows) -> None:
        """Make one, which remembers what does not depend on the record in hand."""
        super().__init__(tree, parameters, rows)
        self._looks_across = looks_across(tree)
        # By the points' id in memory: they are as long there as the tree is.
        self._fulfilled: dict[int, dict[Record, Condition] | None] = {}
        self._sides: dict[int, tuple[Points, Points]] = {}

    # The rule

    def scope(self, record: Record) -> Scope | None:
        """Where the rule's conditions are asked of a record; None where a row that is joined is not there."""
        scope = Scope(record, {self.tree.variable: record}, self.tree.at_end)
        for join in self.tree.joins:
            joined = self.rows.step(record, join.relation)
            if joined is None:
                return None
            scope = replace(scope, variables={**scope.variables, join.variable: joined})
        return scope

    def violated(self, record: Record, *, final: bool) -> Condition:
        """Whether the rule is violated, for certain and with all that it assumes.

        Args:
            record: of the rule's domain.
            final: whether no further span could undo a violation: then nothing is assumed that is not stated.

        """
        if self._looks_across and self._belongs_to_a_copy(record):
            return False
        scope = self.scope(record)
        if scope is None:
            return False
        guard = True if self.tree.guard is None else self.truth(self.tree.guard, scope)
        verdict = every([guard, no(self.truth(self.tree.requirement, scope)) if guard is not False else False])
        return verdict if verdict is not True or self._assumed(record, final=final) else MAYBE

    def _belongs_to_a_copy(self, record: Record) -> bool:
        return record.domain in (Domain.SPAN, Domain.EVENT, Domain.LINK) and self.rows.is_copy(record)

    def _assumed(self, record: Record, *, final: bool) -> bool:
        stated = {assumption.name for assumption in self.tree.assumptions} - {"skew"}
        assumed = stated or (set() if final else {"complete", "unsampled"})
        if record.domain in (Domain.RESOURCE, Domain.SCOPE):
            return True
        if "complete" in assumed and self.rows.misses_something(record):
            return False
        return "unsampled" not in assumed or not any(map(_SAMPLED.search, self.rows.trace_states(record)))

    # Rows in relation

    def chosen(self, points: Points, scope: Scope) -> Iterator[tuple[Condition, Scope]]:
        """Each row of a relation as a scope, and whether it fulfils the condition."""
        relation = points.relation
        for row in self.rows.spans(scope.main) if relation == "span" else self.rows.related(scope.main, relation):
            inner = scope.of(row, points)
            yield self._fulfils(points, inner), inner

    def _fulfils(self, points: Points, inner: Scope) -> Condition:
        """Whether a chosen row fulfils the condition; remembered where that depends on no other row in hand."""
        if points.condition is None:
            return True
        known = self._fulfilled.get(id(points), _UNASKED)
        if known is _UNASKED:
            others = frozenset(inner.variables) - {points.variable}
            known = self._fulfilled[id(points)] = None if speaks_of(points.condition, others) else {}
        if known is None:
            return self.truth(points.condition, inner)
        if inner.main not in known:
            known[inner.main] = self.truth(points.condition, inner)
        return known[inner.main]

    def structured(self, tree: syntax.Structure, scope: Scope) -> Iterator[tuple[Condition, Scope, Points]]:
        """Each span of the trace with whether it fulfils the right side; and the points of the left side."""
        if id(tree) not in self._sides:
            relation = _ARROWS[tree.operator.removeprefix("!")]
            left = Points(relation, "", False, tree.left, tree.offset)
            self._sides[id(tree)] = left, Points("span", "", False, tree.right, tree.offset)
        left, right = self._sides[id(tree)]
        for holds, inner in self.chosen(right, scope):
            yield holds, inner, left

    def among(self, points: Points, scope: Scope) -> list[Record]:
        """The points of the trace that an operand of a temporal operator ranges over."""
        spans = self.rows.spans(scope.main)
        if points.relation == "span":
            return spans
        return [one for one in spans if self.rows.is_target(one, scope.main)]

    def _quantified(self, tree: syntax.Quantified, scope: Scope) -> Condition:
        rows = self.chosen(tree.points, scope)
        if tree.quantifier == "exists":
            return some(chosen for chosen, _ in rows)
        requirement = tree.requirement or Literal(True, tree.offset)
        return every(
            True if chosen is False else some([no(chosen), self.truth(requirement, inner)]) for chosen, inner in rows
        )

    def _structure(self, tree: syntax.Structure, scope: Scope) -> Condition:
        def related(inner: Scope, left: Points) -> Condition:
            exists = some(chosen for chosen, _ in self.chosen(left, inner))
            return no(exists) if tree.operator.startswith("!") else exists

        return some(
            False if holds is False else every([holds, related(inner, left)])
            for holds, inner, left in self.structured(tree, scope)
        )

    def counted(self, tree: syntax.Aggregate, scope: Scope) -> list[Scope]:
        """The rows that an aggregate takes."""
        rows = list(self.chosen(tree.points, scope))
        if any(chosen is MAYBE for chosen, _ in rows):
            raise CannotTellError("how many there are depends on whose clock is ahead")
        return [inner for chosen, inner in rows if chosen is True]

    def _aggregate(self, tree: syntax.Aggregate, scope: Scope) -> Any:
        chosen = self.counted(tree, scope)
        if tree.value is None:
            return len(chosen)
        values = [value for value in (self.operand(tree.value, inner) for inner in chosen) if value is not None]
        if tree.function == "distinct":
            return len({key(value) for value in values})
        of_attribute = self.is_dynamic(tree.value, chosen[0] if chosen else scope)
        if of_attribute:  # numbers among attributes are taken as decimals
            values = [float(value) for value in values if type(value) in (int, float)]
        if tree.function == "sum":
            return total(values, of_decimals=of_attribute)
        numbers = [value for value in values if not (isinstance(value, float) and math.isnan(value))]
        return (min if tree.function == "min" else max)(numbers or values, default=None)

    # Time

    def anchor(self, record: Record, *, at_end: bool) -> int:
        """When a point is."""
        return int(self.rows.value(record, "end" if at_end else "start", with_clock=False))

    def distance(self, point: Record, points: Points, scope: Scope, *, future: bool) -> int:
        """How long after the span in hand a point is, or before it."""
        here, there = self.anchor(scope.main, at_end=scope.at_end), self.anchor(point, at_end=points.at_end)
        return there - here if future else here - there

    def inside(
        self, point: Record, points: Points, window: syntax.Window | None, scope: Scope, *, future: bool
    ) -> Condition:
        """Whether a point lies in the window before, or after, the span in hand."""
        self.count_step()
        low, high = (0, None) if window is None else (window.low, window.high)
        distance = self.distance(point, points, scope, future=future)
        off = 0
        if self.skew_ns and self.rows.clock(point) != self.rows.clock(scope.main):
            off = self.skew_ns

        def in_order() -> bool:
            ranks = self.rows.rank(point), self.rows.rank(scope.main)
            return ranks[0] >= ranks[1] if future else ranks[0] <= ranks[1]

        def is_far_enough(distance: int) -> bool:
            return low <= distance and (distance > 0 or in_order())

        def is_near_enough(distance: int) -> bool:
            return high is None or distance <= high

        if is_far_enough(distance - off) and is_near_enough(distance + off):
            return True
        return MAYBE if is_far_enough(distance + off) and is_near_enough(distance - off) else False

    def holds_at(self, operand: Expression, point: Record, scope: Scope) -> Condition:
        """Whether an operand of a temporal operator holds at a point."""
        match operand:
            case Points():
                return self._fulfils(operand, scope.of(point, operand))
            case Unary():
                return no(self.holds_at(operand.operand, point, scope))
            case Binary(operator="and"):
                return every([self.holds_at(side, point, scope) for side in (operand.left, operand.right)])
            case Binary():
                return some([self.holds_at(side, point, scope) for side in (operand.left, operand.right)])
        raise AssertionError(f"{type(operand).__name__} is no operand of a temporal operator")

    def _temporal(self, tree: syntax.Temporal, scope: Scope) -> Condition:
        future, points = tree.operator in ("eventually", "always"), points_of(tree.operand)
        is_some = tree.operator in ("once", "eventually")

        def at(point: Record) -> Condition:
            inside = self.inside(point, points, tree.window, scope, future=future)
            if inside is False:
                return not is_some
            holds = self.holds_at(tree.operand, point, scope)
            return every([inside, holds]) if is_some else some([no(inside), holds])

        return (some if is_some else every)(at(point) for point in self.among(points, scope))

    def place(self, point: Record, points: Points) -> tuple[object, ...]:
        """What puts all points in order."""
        return self.anchor(point, at_end=points.at_end), *self.rows.rank(point), self.rows.order(point)

    def breaking(self, tree: syntax.TemporalPair, scope: Scope) -> Record | None:
        """Of the points at which the left side does not hold the one next to the span in hand."""
        future, keeps = tree.operator == "until", points_of(tree.left)
        broken = [
            one
            for one in self.among(keeps, scope)
            if self.inside(one, keeps, None, scope, future=future) is True
            and self.holds_at(tree.left, one, scope) is not True
        ]
        return (min if future else max)(broken, key=lambda one: self.place(one, keeps), default=None)

    def _pair(self, tree: syntax.TemporalPair, scope: Scope) -> Condition:
        """`left since right`: right at some point in the window, and no point after it at which left does not hold."""
        future, happens, keeps = tree.operator == "until", points_of(tree.right), points_of(tree.left)
        broken = self.breaking(tree, scope)

        def is_kept(point: Record) -> bool:
            if broken is None:
                return True
            edge, place = self.place(broken, keeps), self.place(point, happens)
            return place <= edge if future else place >= edge

        return any(
            self.inside(one, happens, tree.window, scope, future=future) is True
            and is_kept(one)
            and self.holds_at(tree.right, one, scope) is True
            for one in self.among(happens, scope)
        )

    OF: ClassVar[dict[type, Callable[[Any, Any, Scope], Any]]] = {
        **Expressions.OF,
        syntax.Quantified: _quantified,
        syntax.Structure: _structure,
        syntax.Aggregate: _aggregate,
        syntax.Temporal: _temporal,
        syntax.TemporalPair: _pair,
    }
