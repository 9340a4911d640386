"""Expressions of one place in a rule: paths, comparisons, arithmetic, functions."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import msgspec

from otlp_verifier.attributes.faults import NAMES
from otlp_verifier.findings.witness import sensitive
from otlp_verifier.findings.witness.calls import CALLS, is_test
from otlp_verifier.findings.witness.rows import Record, Rows
from otlp_verifier.findings.witness.trees import is_made, is_stated
from otlp_verifier.findings.witness.values import (
    MAYBE,
    CannotTellError,
    Condition,
    Duration,
    Time,
    calculate,
    compare,
    every,
    no,
    some,
)
from otlp_verifier.language import plain
from otlp_verifier.language.converters import CONVERTERS, Function, element
from otlp_verifier.language.lexer import duration_ns
from otlp_verifier.language.paths import ENUMS, FIELDS, KIND_STRINGS, STEPS
from otlp_verifier.language.plain import Undefined
from otlp_verifier.language.syntax import (
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
    Unary,
)
from otlp_verifier.machine.operations import Domain
from otlp_verifier.registry.model import Version
from otlp_verifier.wire.values import MapValue

STEPS_MAX: Final = 20_000  # of one walk: nodes of the tree that are asked for their value; some 50 ms
_SIGNED_MAX: Final = 2**63 - 1
_WHOLE: Final = (bytes, tuple, MapValue)
_DOMAINS: Final = {"instrumentation_scope": "scope"}


class Scope(msgspec.Struct, frozen=True):
    """Where an expression is evaluated.

    Attributes:
        main: the row that bare paths speak of.
        variables: the others, by name.
        at_end: whether the row in hand stands in time where it ends.

    """

    main: Record
    variables: Mapping[str, Record]
    at_end: bool = False

    def of(self, row: Record, points: Points) -> "Scope":
        """One scope further in, at a chosen row."""
        variables = {**self.variables, points.variable: row} if points.variable else self.variables
        return Scope(row, variables, points.at_end)


class Expressions:
    """Those of one rule, on one batch.

    Args:
        tree: the rule.
        parameters: its named constants: numbers, or durations as text.
        rows: the batch.

    Attributes:
        steps: how many nodes have been asked for their value; set it to 0 before the next record.

    Every method raises CannotTellError where too much would have to be looked at, or where it is not decided here.

    """

    def __init__(self, tree: ForEach, parameters: Mapping[str, int | str], rows: Rows) -> None:
        self.tree = tree
        self.rows = rows
        self.skew_ns = max((assumption.skew_ns for assumption in tree.assumptions), default=0)
        self.steps = 0
        self._parameters = {
            name: value if isinstance(value, int) else Duration(duration_ns(value))
            for name, value in parameters.items()
        }
        self._constants = frozenset({*parameters, "skew"})
        # By the node's id in memory: it is as long there as the tree is.
        self._functions: dict[int, Function] = {}
        self._made: dict[int, bool] = {}
        self._stated: dict[int, bool] = {}

    def count_step(self) -> None:
        """One more."""
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise CannotTellError(f"more than {STEPS_MAX:,} steps would be needed")

    def truth(self, tree: Expression, scope: Scope) -> Condition:
        """A condition: what is nil does not hold."""
        value = self.operand(tree, scope)
        return value if value is True or value is MAYBE else False

    def operand(self, tree: Expression, scope: Scope) -> Any:
        """A value; nil where a function is not defined for what it is given."""
        try:
            return self.value(tree, scope)
        except Undefined:
            return None

    def value(self, tree: Expression, scope: Scope) -> Any:
        """A value.

        Raises:
            Undefined: there is none, as of the length of a number.

        """
        self.count_step()
        return self.OF[type(tree)](self, tree, scope)

    def _literal(self, tree: Literal, _scope: Scope) -> Any:
        return Duration(tree.value) if tree.is_duration and isinstance(tree.value, int) else tree.value

    def _unary(self, tree: Unary, scope: Scope) -> Any:
        if tree.operator == "not":
            return no(self.truth(tree.operand, scope))
        value = self.value(tree.operand, scope)
        return (plain.calculate if self.is_dynamic(tree.operand, scope) else calculate)(0, "-", value)

    def _binary(self, tree: Binary, scope: Scope) -> Any:
        if tree.operator == "and":
            left = self.truth(tree.left, scope)
            return False if left is False else every([left, self.truth(tree.right, scope)])
        if tree.operator == "or":
            left = self.truth(tree.left, scope)
            return True if left is True else some([left, self.truth(tree.right, scope)])
        if tree.operator in ("+", "-", "*", "/"):
            left, right = self.value(tree.left, scope), self.value(tree.right, scope)
            of_attribute = any(self.is_dynamic(side, scope) for side in (tree.left, tree.right))
            return (plain.calculate if of_attribute else calculate)(left, tree.operator, right)
        left, right = self.operand(tree.left, scope), self.operand(tree.right, scope)
        for side, other in ((left, tree.right), (right, tree.left)):
            if isinstance(side, Time) and side > _SIGNED_MAX and self.is_dynamic(other, scope):
                raise CannotTellError("an attribute is compared with a time beyond the year 2262")
        return self._compared(tree, left, right)

    def _compared(self, tree: Binary, left: Any, right: Any) -> Condition:
        sides = ((left, tree.left), (right, tree.right))
        # Lists, maps and bytes are looked into where the rule states one; so is what a function makes of a value.
        if id(tree) not in self._made:
            self._made[id(tree)] = is_made(tree.left) or is_made(tree.right)
        if self._made[id(tree)] or any(isinstance(value, _WHOLE) and self.is_stated(side) for value, side in sides):
            return plain.compare(left, tree.operator, right)
        is_order = isinstance(left, str) and isinstance(right, str) and tree.operator not in ("==", "!=")
        if is_order and not any(self.is_stated(side) for _, side in sides):
            return False  # a string has an order only with a constant
        return compare(left, tree.operator, right, self.skew_ns)

    def is_stated(self, tree: Expression) -> bool:
        """Whether the rule states a value, and no path leads to it."""
        if id(tree) not in self._stated:
            self._stated[id(tree)] = is_stated(tree, self._constants)
        return self._stated[id(tree)]

    def is_dynamic(self, tree: Expression, scope: Scope) -> bool:
        """Whether an expression is an attribute, or made of one: its type shows in the telemetry."""
        match tree:
            case Name():
                if tree.parts[0] in self._parameters or len(tree.parts) == 1:
                    return False
                record, rest = self.walked(tree, scope)
                is_resource = record is not None and record.domain is Domain.RESOURCE
                return bool(rest) and is_resource and ".".join(rest) not in FIELDS[Domain.RESOURCE]
            case Unary(operator="-"):
                return self.is_dynamic(tree.operand, scope)
            case Binary(operator="+" | "-" | "*" | "/"):
                return self.is_dynamic(tree.left, scope) or self.is_dynamic(tree.right, scope)
        return isinstance(tree, Index) or is_made(tree)

    def _call(self, tree: Call, scope: Scope) -> Any:
        if tree.function == "IsRootSpan":
            return self.rows.value(self.rows.span_of(scope.main), "parent_span_id", with_clock=False) is None
        if tree.function == "Len" and isinstance(tree.arguments[0], Name):
            path = tree.arguments[0]
            if path.parts[-1] in ("attributes", "events", "links"):
                return self.value(Name((*path.parts, "count"), path.offset), scope)
        if tree.function == "ContainsValue" and self.is_stated(tree.arguments[0]):
            stated, value = (self.operand(argument, scope) for argument in tree.arguments)
            return any(plain.compare(each, "==", value) for each in stated)
        if tree.function == "HasSensitive":
            record, named = (self.value(argument, scope) for argument in tree.arguments)
            return record is not None and sensitive.holds(self.rows, record, named, self.count_step)
        if tree.function in ("HasFaultyAttribute", "SinceSemconv"):
            record, stated = (self.value(argument, scope) for argument in tree.arguments)
            if record is None:
                return False
            if tree.function == "SinceSemconv":
                return self.rows.follows(record, Version.parse(stated))
            return self.rows.has_faulty_attribute(record, NAMES[stated])
        if tree.function in CALLS:
            return CALLS[tree.function](*(self.value(argument, scope) for argument in tree.arguments))
        try:
            value = self.value(tree.arguments[0], scope)
            if id(tree) not in self._functions:
                stated = (self.value(argument, scope) for argument in tree.arguments[1:])
                self._functions[id(tree)] = CONVERTERS[tree.function].make(*stated)
            result = self._functions[id(tree)](value)
        except Undefined:
            if is_test(tree.function):
                return False
            raise
        return result is True if is_test(tree.function) else result

    def _name(self, tree: Name, scope: Scope) -> Any:
        word = tree.parts[0]
        if len(tree.parts) == 1 and word not in scope.variables:
            if word in self._parameters:
                return self._parameters[word]
            if word == "skew":
                return Duration(self.skew_ns)
            if word in ENUMS:
                return ENUMS[word]
        record, rest = self.walked(tree, scope)
        if record is None or not rest:
            return record
        path = ".".join(rest)
        if path in FIELDS[record.domain]:
            return self.rows.value(record, path, with_clock=bool(self.skew_ns))
        if path == "duration":
            end, start = (self.rows.value(record, each, with_clock=bool(self.skew_ns)) for each in ("end", "start"))
            return calculate(end, "-", start)
        if path in KIND_STRINGS:
            return KIND_STRINGS[path].get(self.rows.value(record, "kind", with_clock=False), "")
        if path.endswith(".string"):
            return self.rows.id_digits(record, path.removesuffix(".string"))
        return self.rows.attribute(record, path)  # resource.service.name, as in TraceQL

    def _index(self, tree: Index, scope: Scope) -> Any:
        record, _ = self.walked(tree.base, scope)
        return None if record is None else self.rows.attribute(record, tree.key)

    def walked(self, tree: Name, scope: Scope) -> tuple[Record | None, list[str]]:
        """The row that a path leads to, and what is left of the path."""
        first, *rest = (_DOMAINS.get(part, part) for part in tree.parts)
        record: Record | None = scope.variables.get(tree.parts[0])
        if record is None:
            record, rest = scope.main, [first, *rest]
            if first == record.domain.name.lower():
                rest.pop(0)
        while record is not None and rest:
            if "span" in STEPS[record.domain] and rest[0] in ("resource", "scope", "trace"):
                rest = ["span", *rest]
            if rest[0] not in STEPS[record.domain]:
                break
            record = self.rows.step(record, rest.pop(0))
        return record, rest

    def _item(self, tree: Item, scope: Scope) -> Any:
        return element(tree.key)(self.value(tree.base, scope))

    def _map(self, tree: MapOf, scope: Scope) -> Any:
        items = (self.value(item, scope) for item in tree.items)
        return MapValue(tuple(dict(zip(tree.keys, items, strict=True)).items()))

    OF: ClassVar[dict[type, Callable[[Any, Any, Scope], Any]]] = {
        Literal: _literal,
        Name: _name,
        Index: _index,
        Item: _item,
        ListOf: lambda self, tree, scope: tuple(self.value(item, scope) for item in tree.items),
        MapOf: _map,
        Call: _call,
        Unary: _unary,
        Binary: _binary,
    }
