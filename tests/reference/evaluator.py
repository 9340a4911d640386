"""Rules, slowly: one walk of the syntax tree per record, over protobuf objects. Only the parser is shared with the
package; everything else is written from the language's description and the docstrings of its syntax tree.

Points of a trace stand in the order of (time, depth in the tree, span id); those alike in all three, which share their
ids, by their content. Exact duplicates are removed before rows are looked at together.

Defects are those that a decoded message still shows; nothing here sees how it was encoded.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_verifier.language import syntax
from otlp_verifier.language.lexer import duration_ns
from otlp_verifier.language.parser import parse_rule
from otlp_verifier.language.syntax import Binary, Call, Expression, ForEach, Index, Literal, Name, Points, Unary
from otlp_verifier.rules.catalogue import Rule
from tests.reference import attributes
from tests.reference.assumptions import assumed
from tests.reference.records import Record, Records, attribute, clock_of, read, records, span_of, trace_of
from tests.reference.relations import read_id, standing_order
from tests.reference.sensitive import holds, is_of_class
from tests.reference.values import (
    CALLS,
    MAYBE,
    Condition,
    Duration,
    Stated,
    arithmetic,
    clamped,
    compare,
    every,
    key,
    no,
    picked,
    some,
)

OF_VALUES = {**CALLS, "IsSensitive": is_of_class}
OF_RECORDS = {"HasSensitive": holds, "HasFaultyAttribute": attributes.has_fault, "SinceSemconv": attributes.follows}


class Violation(NamedTuple):
    """A row that a rule finds: rows are counted per domain in document order, traces as they first appear."""

    rule: str
    part: int
    row: int


@dataclass
class Verdicts:
    """What is violated for certain, and what may be violated but is not known to be."""

    violated: set[Violation] = field(default_factory=set)
    undecided: set[Violation] = field(default_factory=set)


def violations(rules: list[Rule], request: ExportTraceServiceRequest) -> set[Violation]:
    """Every row that violates a rule, whatever the rule waits for and nobody has assumed."""
    return judge(rules, request, [True] * len(rules)).violated


def judge(rules: Sequence[Rule], request: ExportTraceServiceRequest, final: Sequence[bool]) -> Verdicts:
    """The verdicts on a whole trace; `final` says of which rules no further span could undo a violation."""
    found, verdicts = records(request), Verdicts()
    for rule, is_final in zip(rules, final, strict=True):
        tree = _tree(rule.rule)
        for record in found[tree.domain]:
            violated = _violated(tree, rule.parameters, record, found)
            if violated is False:
                continue
            certain = violated is True and assumed(tree, record, found, final=is_final)
            row = Violation(rule.id, rule.part, record.row)
            (verdicts.violated if certain else verdicts.undecided).add(row)
    return verdicts


_tree = functools.cache(parse_rule)


@dataclass(frozen=True)
class _Scope:
    """Where an expression is evaluated: `main` is the row that bare paths speak of."""

    main: Record
    variables: Mapping[str, Record]
    parameters: Mapping[str, int | str]
    found: Records
    skew_ns: int
    at_end: bool

    def of(self, row: Record, points: Points) -> "_Scope":
        """One scope further in, at a chosen row."""
        variables = {**self.variables, points.variable: row} if points.variable else self.variables
        return replace(self, main=row, variables=variables, at_end=points.at_end)


def _violated(tree: ForEach, parameters: Mapping[str, int | str], record: Record, found: Records) -> Condition:
    if record.is_copy and _looks_elsewhere(tree):
        return False
    skew_ns = max((assumption.skew_ns for assumption in tree.assumptions), default=0)
    scope = _Scope(record, {tree.variable: record}, parameters, found, skew_ns, tree.at_end)
    for join in tree.joins:
        joined = record.steps[join.relation]
        if joined is None:
            return False
        scope = replace(scope, variables={**scope.variables, join.variable: joined})
    guard = True if tree.guard is None else _truth(tree.guard, scope)
    return guard and every([guard, no(_truth(tree.requirement, scope))])


def _looks_elsewhere(tree: object) -> bool:
    """Whether rows other than those that paths lead to are looked at."""
    if isinstance(tree, Points | syntax.Quantified | syntax.Aggregate | syntax.Structure):
        return True
    if isinstance(tree, syntax.Node):
        tree = tuple(getattr(tree, name) for name in tree.__struct_fields__)
    return isinstance(tree, tuple) and any(map(_looks_elsewhere, tree))


# Rows in relation


def _rows(relation: str, scope: _Scope) -> list[Record]:
    """The rows that stand in a relation to the row in hand."""
    row = scope.main
    if relation == "span":
        return trace_of(row, scope.found)
    if relation == "event":
        return [event for event in scope.found["event"] if event.steps["span"] is row]
    related: Mapping[str, Callable[[], list[Record]]] = {
        "child": lambda: row.below,
        "parent": lambda: [] if row.above is None else [row.above],
        "ancestor": lambda: row.ancestors,
        "descendant": lambda: row.descendants,
        "sibling": lambda: [] if row.above is None else [one for one in row.above.below if one is not row],
        "root": lambda: [one for one in [row.steps["root"]] if one is not None],
        "link": lambda: row.targets,
        "link from": lambda: row.sources,
    }
    return [one for one in related[relation]() if not one.is_copy]


def _chosen(points: Points, scope: _Scope) -> Iterator[tuple[Condition, _Scope]]:
    """Each row of a relation as a scope, and whether it fulfils the condition."""
    for row in _rows(points.relation, scope):
        inner = scope.of(row, points)
        yield True if points.condition is None else _truth(points.condition, inner), inner


def _quantified(tree: syntax.Quantified, scope: _Scope) -> Condition:
    rows = _chosen(tree.points, scope)
    if tree.quantifier == "exists":
        return some(chosen for chosen, _ in rows)
    requirement = tree.requirement
    assert requirement is not None
    return every(some([no(chosen), _truth(requirement, inner)]) for chosen, inner in rows)


_ARROWS = {">": "parent", ">>": "ancestor", "<": "child", "<<": "descendant", "~": "sibling"}


def _structure(tree: syntax.Structure, scope: _Scope) -> Condition:
    """Some span fulfils the right side, and one in relation to it the left; negated, none in relation to it does."""

    def related(inner: _Scope) -> Condition:
        left = Points(_ARROWS[tree.operator.removeprefix("!")], "", False, tree.left, tree.offset)
        exists = some(chosen for chosen, _ in _chosen(left, inner))
        return no(exists) if tree.operator.startswith("!") else exists

    right = Points("span", "", False, tree.right, tree.offset)
    return some(every([chosen, related(inner)]) for chosen, inner in _chosen(right, scope))


def _aggregate(tree: syntax.Aggregate, scope: _Scope) -> Any:
    rows = list(_chosen(tree.points, scope))
    assert MAYBE not in [chosen for chosen, _ in rows], "how many there are is not known"
    chosen = [inner for holds, inner in rows if holds is True]
    if tree.value is None:
        return len(chosen)
    values = [value for value in (_value(tree.value, inner) for inner in chosen) if value is not None]
    if tree.function == "distinct":
        return len({key(value) for value in values})
    if _is_attribute(tree.value, scope):  # numbers among attributes are taken as decimals
        values = [float(value) for value in values if type(value) in (int, float)]
    if tree.function == "sum":
        total: Any = 0.0 if _is_attribute(tree.value, scope) else 0
        for value in values:
            total = total + value if isinstance(value, float) else clamped(value, int(total) + int(value))
        return total
    numbers = [value for value in values if not (isinstance(value, float) and math.isnan(value))]
    return (min if tree.function == "min" else max)(numbers or values, default=None)


def _is_attribute(tree: Expression, scope: _Scope) -> bool:
    return isinstance(tree, Index) or (isinstance(tree, Name) and "service" in tree.parts)


# Time


def _anchor(record: Record, *, at_end: bool) -> int:
    return int(read(record, "end" if at_end else "start"))


def _rank(record: Record) -> tuple[int, bytes]:
    """What puts points of one time in order."""
    return len(record.ancestors), read_id(record.message.span_id, 8)


def _points(operand: Expression) -> Points:
    """Which points an operand of a temporal operator ranges over: all its leaves say the same."""
    match operand:
        case Points():
            return operand
        case Unary():
            return _points(operand.operand)
        case Binary():
            return _points(operand.left)
    raise NotImplementedError(operand)


def _among(points: Points, scope: _Scope) -> list[Record]:
    trace = trace_of(scope.main, scope.found)
    return trace if points.relation == "span" else [one for one in trace if scope.main in one.targets]


def _holds_at(operand: Expression, point: Record, scope: _Scope) -> Condition:
    """Whether an operand holds at a point."""
    match operand:
        case Points():
            return True if operand.condition is None else _truth(operand.condition, scope.of(point, operand))
        case Unary(operator="not"):
            return no(_holds_at(operand.operand, point, scope))
        case Binary(operator="and"):
            return every([_holds_at(side, point, scope) for side in (operand.left, operand.right)])
        case Binary(operator="or"):
            return some([_holds_at(side, point, scope) for side in (operand.left, operand.right)])
    raise NotImplementedError(operand)


def _inside(point: Record, points: Points, window: syntax.Window | None, scope: _Scope, *, future: bool) -> Condition:
    """Whether a point lies in the window before, or after, the span in hand."""
    low, high = (0, None) if window is None else (window.low, window.high)
    here, there = _anchor(scope.main, at_end=scope.at_end), _anchor(point, at_end=points.at_end)
    distance = there - here if future else here - there
    in_order = _rank(point) >= _rank(scope.main) if future else _rank(point) <= _rank(scope.main)
    # Clocks of two hosts may make the distance appear larger or smaller than it is.
    off = scope.skew_ns if clock_of(point) != clock_of(scope.main) else 0

    def is_far_enough(distance: int) -> bool:
        return low <= distance and (distance > 0 or in_order)

    def is_near_enough(distance: int) -> bool:
        return high is None or distance <= high

    if is_far_enough(distance - off) and is_near_enough(distance + off):
        return True
    return MAYBE if is_far_enough(distance + off) and is_near_enough(distance - off) else False


def _temporal(tree: syntax.Temporal, scope: _Scope) -> Condition:
    future, points = tree.operator in ("eventually", "always"), _points(tree.operand)

    def inside(point: Record) -> Condition:
        return _inside(point, points, tree.window, scope, future=future)

    if tree.operator in ("once", "eventually"):
        return some(every([inside(one), _holds_at(tree.operand, one, scope)]) for one in _among(points, scope))
    return every(some([no(inside(one)), _holds_at(tree.operand, one, scope)]) for one in _among(points, scope))


def _pair(tree: syntax.TemporalPair, scope: _Scope) -> Condition:
    """`left since right`: right at some point in the window, left at every point between it and the span in hand."""
    future, keeps, happens = tree.operator == "until", _points(tree.left), _points(tree.right)
    assert scope.skew_ns == 0, "no order of points is known"

    def place(point: Record, points: Points) -> tuple[object, ...]:
        return _anchor(point, at_end=points.at_end), *_rank(point), standing_order(point.message)

    def is_kept(since: Record) -> bool:
        between = [
            one
            for one in _among(keeps, scope)
            if _inside(one, keeps, None, scope, future=future)
            and (place(one, keeps) < place(since, happens) if future else place(one, keeps) > place(since, happens))
        ]
        return all(_holds_at(tree.left, one, scope) for one in between)

    return any(
        _inside(one, happens, tree.window, scope, future=future) and _holds_at(tree.right, one, scope) and is_kept(one)
        for one in _among(happens, scope)
    )


# Expressions

_ENUMS = {
    **{
        f"SPAN_KIND_{name}": n
        for n, name in enumerate(["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])
    },
    **{f"STATUS_CODE_{name}": n for n, name in enumerate(["UNSET", "OK", "ERROR"])},
}


def _truth(tree: Expression, scope: _Scope) -> Condition:
    """A condition: what is nil does not hold."""
    value = _value(tree, scope)
    return value if value is True or value is MAYBE else False


def _value(tree: Expression, scope: _Scope) -> Any:
    match tree:  # first what occurs most: there are millions of these questions
        case Name():
            return _name(tree, scope)
        case Index():
            record, rest = _walk(tree.base, scope)
            assert record is None or rest == ["attributes"]
            return None if record is None else attribute(record, tree.key)
        case Binary(operator="and"):
            return every(_truth(side, scope) for side in (tree.left, tree.right))
        case Binary(operator="or"):
            return some(_truth(side, scope) for side in (tree.left, tree.right))
        case Unary(operator="not"):
            return no(_truth(tree.operand, scope))
        case Literal(value=bytes() as content):
            return Stated(content)
        case Literal():
            return Duration(tree.value) if tree.is_duration and isinstance(tree.value, int) else tree.value
        case syntax.ListOf():
            return tuple(_value(item, scope) for item in tree.items)
        case syntax.MapOf():
            return {key: _value(item, scope) for key, item in zip(tree.keys, tree.items, strict=True)}
        case syntax.Item():
            return picked(_value(tree.base, scope), tree.key)
        case Call(function="IsRootSpan"):
            return read(span_of(scope.main), "parent_span_id") is None
        case Call(arguments=(Name() as path, Literal(value=str() as named))) if tree.function in OF_RECORDS:
            record, _ = _walk(path, scope)
            return record is not None and OF_RECORDS[tree.function](record, named)
        case Call():
            return OF_VALUES[tree.function](*(_value(argument, scope) for argument in tree.arguments))
        case syntax.Quantified():
            return _quantified(tree, scope)
        case syntax.Structure():
            return _structure(tree, scope)
        case syntax.Aggregate():
            return _aggregate(tree, scope)
        case syntax.Temporal():
            return _temporal(tree, scope)
        case syntax.TemporalPair():
            return _pair(tree, scope)
        case Unary(operator="-"):
            operand = _value(tree.operand, scope)
            return None if operand is None else arithmetic(type(operand)(0), "-", operand)
        case Binary(operator="+" | "-" | "*" | "/"):
            left, right = _value(tree.left, scope), _value(tree.right, scope)
            return None if left is None or right is None else arithmetic(left, tree.operator, right)
        case Binary():
            left, right = _value(tree.left, scope), _value(tree.right, scope)
            is_order = isinstance(left, str) and isinstance(right, str) and tree.operator not in ("==", "!=")
            if is_order and not isinstance(tree.left, Literal) and not isinstance(tree.right, Literal):
                return False  # a string has an order only with a constant
            return compare(left, tree.operator, right, scope.skew_ns)
    raise NotImplementedError(tree)


def _name(tree: Name, scope: _Scope) -> Any:
    word = tree.parts[0]
    if len(tree.parts) == 1 and word not in scope.variables:
        if word in scope.parameters:
            constant = scope.parameters[word]
            return constant if isinstance(constant, int) else Duration(duration_ns(constant))
        if word in _ENUMS:
            return _ENUMS[word]
    record, rest = _walk(tree, scope)
    return record if record is None or not rest else read(record, ".".join(rest))


def _walk(tree: Name, scope: _Scope) -> tuple[Record | None, list[str]]:
    first, *rest = tree.parts
    record: Record | None = scope.variables.get(first)
    if record is None:
        record, rest = scope.main, [first, *rest]
        if first == record.domain:
            rest.pop(0)
    while record is not None and rest:
        if "span" in record.steps and rest[0] in ("resource", "scope", "trace"):
            rest = ["span", *rest]
        if rest[0] not in record.steps:
            break
        record = record.steps[rest.pop(0)]
    return record, rest
