"""A rule's tree to nodes of the graphs: types checked, OTTL's nil and comparison rules spelled out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from msgspec.structs import replace

from otlp_verifier.language import assume, compare, functions, made, quantify, resolve, temporal
from otlp_verifier.language.errors import RuleError, RuleErrors, in_order
from otlp_verifier.language.graph import Graph, NodeId
from otlp_verifier.language.jobs import Jobs
from otlp_verifier.language.parser import JOINS
from otlp_verifier.language.paths import STEPS, Type
from otlp_verifier.language.scopes import Scope
from otlp_verifier.language.symbols import Symbols
from otlp_verifier.language.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    ForEach,
    Index,
    Item,
    ListOf,
    Literal,
    MapOf,
    Name,
    Points,
    Quantified,
    Structure,
    Temporal,
    TemporalPair,
    Unary,
)
from otlp_verifier.language.values import INT_MAX, Condition, Row, Value, truth
from otlp_verifier.machine.operations import Domain, NarrowTable, Op, WideTable


class LoweredRule(msgspec.Struct, frozen=True):
    """A rule as two nodes of its domain's graph.

    Attributes:
        domain: what it is about.
        violated: the flag that is set where it is violated for certain.
        undecided: the flag that is set where it may be violated, but an assumption does not hold.
        final: whether no further span can undo a violation.
        settled: of a final rule, the flag that is set where it is violated whatever spans arrive. It may be set in
            fewer rows than `violated`: points of one time stand in the order of their depth in the tree, which grows
            when an ancestor arrives.

    """

    domain: Domain
    violated: NodeId
    undecided: NodeId
    final: bool
    settled: NodeId


class Lowering:
    """Lowers one rule.

    Args:
        text: the rule's text, for error messages.
        tree: its syntax tree.
        parameters: named constants: an int, and whether it is a duration in nanoseconds.
        symbols: shared by all rules.
        jobs: shared by all rules, with the graphs.

    """

    def __init__(
        self,
        text: str,
        tree: ForEach,
        parameters: Mapping[str, tuple[int, bool]],
        symbols: Symbols,
        jobs: Jobs,
    ) -> None:
        self._text = text
        self._tree = tree
        self.parameters = parameters
        self.symbols = symbols
        self.jobs = jobs
        domain = Domain[tree.domain.upper()]
        self.scope = Scope(domain, jobs.graphs[domain], {tree.variable: Row(domain, None)}, at_end=tree.at_end)
        self.outer: frozenset[str] = frozenset()  # variables of the scopes around this one
        self.skew_ns = max((a.skew_ns for a in tree.assumptions), default=0)
        self.looks_across = False  # at rows that no path leads to
        self.arriving = False  # whether more spans may come: then only what none of them can undo is so
        self.orders_by_depth = False  # points of one time
        self.given: frozenset[NodeId] = frozenset()  # flags without which what is being lowered does not matter
        self._mistakes: list[RuleError] = []

    @property
    def graph(self) -> Graph:
        """Where the nodes of the scope in hand go."""
        return self.scope.graph

    def rule(self) -> LoweredRule:
        """The whole rule.

        Raises:
            RuleErrors: names are unknown, types do not fit, or it cannot be computed in n log n.

        """
        start = self.scope
        try:
            rule = self._rule()
        except RuleError as error:
            self._mistakes.append(error)
        if self._mistakes:
            raise RuleErrors(in_order(self._mistakes))
        if rule.final and self.orders_by_depth:
            self.scope, self.arriving = start, True
            rule = replace(rule, settled=self._rule().violated)
        return rule

    def _rule(self) -> LoweredRule:
        tree, scope, guard = self._tree, self.scope, self.known(True)
        rows = dict(scope.rows)
        for join in tree.joins:
            if join.relation not in STEPS[scope.domain]:
                possible = ", ".join(relation for relation in JOINS if relation in STEPS[scope.domain]) or "none"
                message = f"{resolve.a(scope.domain)} has no relation `{join.relation}`; it has: {possible}"
                raise self.error(message, join.offset)
            if join.variable in rows:
                raise self.error(f"the variable `{join.variable}` is used twice", join.offset)
            row = resolve.step(self, scope.main, join.relation)
            # Joined, its absence is settled: the rule does not apply there. So its fields are as sure as any.
            rows[join.variable] = Row(row.domain, row.at)
            guard = self.both(guard, resolve.exists(self, row))
        self.scope = replace(scope, rows=rows)
        if tree.guard is not None:
            guard = self.both(guard, self.tried(tree.guard))
        with self.where(guard):
            violated = self.both(guard, self.negate(self.tried(tree.requirement)))
        if self.looks_across:
            violated = self.both(violated, assume.counted(self))
        final = not violated.falls
        certain = assume.certain(self, tree.assumptions, final=final)
        final = final and not certain.falls
        sure = self.graph.both(violated.flag, certain.flag)
        undecided = self.graph.both(violated.possible, self.graph.negate(sure))
        return LoweredRule(scope.domain, sure, undecided, final, settled=sure)

    def error(self, message: str, offset: int) -> RuleError:
        """A mistake at an offset of the rule's text."""
        return RuleError(message, self._text, offset)

    @contextmanager
    def within(self, scope: Scope) -> Iterator[None]:
        """Lower in another scope for a while."""
        before = self.scope, self.outer, self.given
        self.scope, self.outer = scope, self.outer | frozenset(self.scope.rows) - frozenset(scope.rows)
        self.given = frozenset()  # nodes of one graph, in which they may be another row's
        try:
            yield
        finally:
            self.scope, self.outer, self.given = before

    @contextmanager
    def where(self, guard: Condition) -> Iterator[None]:
        """Lower what only matters where `guard` may hold."""
        before = self.given
        self.given = before | self.graph.conjuncts(guard.possible)
        try:
            yield
        finally:
            self.given = before

    @contextmanager
    def forgiving(self) -> Iterator[None]:
        """Note a mistake and go on, so that it hides no other one. The rule is refused in the end."""
        scope, outer = self.scope, self.outer
        try:
            yield
        except RuleError as error:
            self._mistakes.append(error)
            self.scope, self.outer = scope, outer

    def tried(self, tree: Expression) -> Condition:
        """A condition, or where there is a mistake in it any."""
        scope, outer = self.scope, self.outer
        try:
            return self.condition(tree)
        except RuleError as error:
            self._mistakes.append(error)
            self.scope, self.outer = scope, outer
            return self.known(True)

    # Conditions

    def known(self, value: bool) -> Condition:
        """A constant condition."""
        flag = self.graph.flag(value)
        return Condition(flag, flag)

    def both(self, a: Condition, b: Condition) -> Condition:
        """`a and b`."""
        flag, possible = self.graph.both(a.flag, b.flag), self.graph.both(a.possible, b.possible)
        return Condition(flag, possible, a.rises or b.rises, a.falls or b.falls)

    def either(self, a: Condition, b: Condition) -> Condition:
        """`a or b`."""
        flag, possible = self.graph.either(a.flag, b.flag), self.graph.either(a.possible, b.possible)
        return Condition(flag, possible, a.rises or b.rises, a.falls or b.falls)

    def negate(self, a: Condition) -> Condition:
        """`not a`: what may hold may not be denied."""
        return Condition(self.graph.negate(a.possible), self.graph.negate(a.flag), a.falls, a.rises)

    def condition(self, tree: Expression) -> Condition:
        """An expression where a condition is expected."""
        match tree:
            case Binary(operator="and"):
                left = self.tried(tree.left)
                with self.where(left):
                    return self.both(left, self.tried(tree.right))
            case Binary(operator="or"):
                return self.either(self.tried(tree.left), self.tried(tree.right))
            case Unary(operator="not"):
                return self.negate(self.condition(tree.operand))
            case Quantified():
                return quantify.quantified(self, tree)
            case Structure():
                return quantify.structure(self, tree)
            case Temporal():
                return temporal.unary(self, tree)
            case TemporalPair():
                return temporal.pair(self, tree)
            case Points():
                raise self.error(
                    "a span alone is no condition; put exists, once, eventually, historically or always before it",
                    tree.offset,
                )
        value = self.value(tree)
        if value.made is not None:
            return made.condition(self, value.made, f"{value.made.name} is true", lambda found: found is True)
        if value.type is not Type.BOOL or value.condition is None:
            raise self.error(f"expected a condition, found {value.type.value}; compare it with something", tree.offset)
        if value.present is None:
            return value.condition
        present = Condition(value.present, value.present)
        return self.both(value.condition, present)

    # Values

    def value(self, tree: Expression) -> Value:
        """Any expression."""
        match tree:
            case Literal():
                return self._literal(tree)
            case Name():
                return resolve.name(self, tree)
            case Index():
                return resolve.attribute(self, tree)
            case Item():
                return functions.item(self, tree)
            case ListOf() | MapOf():
                return functions.compound(self, tree)
            case Call():
                return functions.call(self, tree)
            case Aggregate():
                return quantify.aggregate(self, tree)
            case Unary(operator="-"):
                return compare.arithmetic(self, Binary("-", Literal(0, tree.offset), tree.operand, tree.offset))
            case Binary(operator="+" | "-" | "*" | "/"):
                return compare.arithmetic(self, tree)
            case Binary(operator="==" | "!=" | "<" | "<=" | ">" | ">="):
                return truth(compare.comparison(self, tree))
            case _:
                return truth(self.condition(tree))

    def constant(self, value: bool | float | str, type_: Type) -> Value:
        """A constant of the given type."""
        if isinstance(value, bool):
            return Value(Type.BOOL, condition=self.known(value), constant=value)
        if isinstance(value, str):
            return Value(Type.TEXT, constant=value)
        return Value(type_, (self.graph.word(value),), constant=value)

    def _literal(self, tree: Literal) -> Value:
        if tree.value is None:
            return Value(Type.NIL)
        if isinstance(tree.value, bytes):
            return Value(Type.COMPOUND, constant=tree.value)
        if isinstance(tree.value, int) and not isinstance(tree.value, bool) and not -(2**63) <= tree.value < 2**64:
            raise self.error("the number does not fit 64 bits", tree.offset)
        if tree.is_duration:
            if isinstance(tree.value, int) and tree.value > INT_MAX:
                raise self.error("the duration does not fit a signed 64-bit number of nanoseconds", tree.offset)
            return self.constant(tree.value, Type.DURATION)
        return self.constant(tree.value, Type.FLOAT if isinstance(tree.value, float) else Type.INT)

    # What comparisons and functions need of a value

    def kind_of(self, value: Value) -> NodeId:
        """The word with a DYNAMIC value's type, 0 where it is missing."""
        return self.graph.node(Op.NARROW_AT, value.words[0], numbers=(NarrowTable.ATTRIBUTES, resolve.TYPE))

    def is_kind(self, value: Value, kind: int) -> NodeId:
        """The flag that a DYNAMIC value has a type."""
        return self.graph.node(Op.EQUAL_K, self.kind_of(value), numbers=(kind,))

    def payload(self, value: Value) -> NodeId:
        """The word with a DYNAMIC value's content."""
        return self.graph.node(Op.WIDE_AT, value.words[0], numbers=(WideTable.ATTRIBUTES, resolve.VALUE))

    def code(self, value: Value) -> NodeId:
        """The word with the dictionary code of a TEXT or DYNAMIC string; NO_ROW where it is no string."""
        if value.text is None or value.row is None:
            return self.graph.node(Op.CONSTANT, numbers=(self.symbols.string(str(value.constant)),))
        table = NarrowTable.CODES + value.text.domain
        return resolve.load_narrow(self, value.row, table, self.symbols.text(value.text), is_row=True)

    def holds(self, value: Value, name: str, predicate: Callable[[], Callable[[bytes], bool]]) -> NodeId:
        """The flag that a predicate is true of a TEXT or DYNAMIC string; false where it is no string."""
        if value.text is None:
            raise AssertionError("a predicate is asked of a string of the telemetry")
        return self.graph.node(
            Op.HOLDS, self.code(value), numbers=(self.symbols.predicate(name, value.text, predicate),)
        )
