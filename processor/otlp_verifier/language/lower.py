"""A rule's tree to nodes of the graph: names resolved, types checked, OTTL's nil and comparison rules spelled out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from otlp_verifier.columns import AttributeNarrow, AttributeWide, ValueType
from otlp_verifier.language import compare, functions
from otlp_verifier.language.errors import RuleError, nearest
from otlp_verifier.language.graph import Graph, NodeId
from otlp_verifier.language.parser import RELATIONS
from otlp_verifier.language.paths import ATTRIBUTES, ENUMS, FIELDS, STEPS, Change, Field, Type
from otlp_verifier.language.plan import CodedText
from otlp_verifier.language.symbols import Symbols
from otlp_verifier.language.syntax import Binary, Call, Expression, ForEach, Index, Literal, Name, Unary
from otlp_verifier.language.values import INT_MAX, Condition, Row, Value, truth
from otlp_verifier.machine.operations import Domain, NarrowTable, Op, WideTable

_TYPE = int(AttributeNarrow.TYPE)
_VALUE = int(AttributeWide.VALUE)
_EMPTY = int(ValueType.EMPTY)
_IMPLICIT = {"span": Domain.SPAN, "resource": Domain.RESOURCE, "scope": Domain.SCOPE, "trace": Domain.TRACE}


@dataclass(frozen=True, slots=True)
class LoweredRule:
    """A rule as a node: the flag that is set where it is violated."""

    domain: Domain
    violated: Condition

    @property
    def final(self) -> bool:
        """Whether no further span can undo a violation."""
        return not self.violated.falls


class Lowering:
    """Lowers one rule into the graph of its domain.

    Args:
        text: the rule's text, for error messages.
        tree: its syntax tree.
        parameters: named constants: ints, or durations in nanoseconds with True beside them.
        graphs: one graph per domain, shared by all rules.
        symbols: shared by all rules.

    """

    def __init__(
        self,
        text: str,
        tree: ForEach,
        parameters: Mapping[str, tuple[int, bool]],
        graphs: Mapping[Domain, Graph],
        symbols: Symbols,
    ) -> None:
        self._text = text
        self._tree = tree
        self._parameters = parameters
        self.domain = Domain[tree.domain.upper()]
        self.graph = graphs[self.domain]
        self.symbols = symbols
        self._main = Row(self.domain, None)
        self._rows = {tree.variable: self._main}

    def rule(self) -> LoweredRule:
        """The whole rule.

        Raises:
            RuleError: a name is unknown, or types do not fit.

        """
        tree, guard = self._tree, Condition(self.graph.flag(True))
        for join in tree.joins:
            step = STEPS[self.domain].get(join.relation)
            if step is None:
                possible = ", ".join(relation for relation in RELATIONS if relation in STEPS[self.domain]) or "none"
                message = f"{_a(self.domain)} has no relation `{join.relation}`; it has: {possible}"
                raise self.error(message, join.offset)
            if join.variable in self._rows:
                raise self.error(f"the variable `{join.variable}` is used twice", join.offset)
            row = self._step(self._main, join.relation)
            # Joined, its absence is settled: the rule does not apply there. So its fields are as sure as any.
            self._rows[join.variable] = Row(row.domain, row.at)
            guard = self.both(guard, self._exists(row))
        if tree.guard is not None:
            guard = self.both(guard, self.condition(tree.guard))
        return LoweredRule(self.domain, self.both(guard, self.negate(self.condition(tree.requirement))))

    def error(self, message: str, offset: int) -> RuleError:
        """A mistake at an offset of the rule's text."""
        return RuleError(message, self._text, offset)

    # Conditions

    def both(self, a: Condition, b: Condition) -> Condition:
        """`a and b`."""
        return Condition(self.graph.both(a.flag, b.flag), a.rises or b.rises, a.falls or b.falls)

    def either(self, a: Condition, b: Condition) -> Condition:
        """`a or b`."""
        return Condition(self.graph.either(a.flag, b.flag), a.rises or b.rises, a.falls or b.falls)

    def negate(self, a: Condition) -> Condition:
        """`not a`."""
        return Condition(self.graph.negate(a.flag), a.falls, a.rises)

    def condition(self, tree: Expression) -> Condition:
        """An expression where a condition is expected."""
        if isinstance(tree, Binary) and tree.operator == "and":
            return self.both(self.condition(tree.left), self.condition(tree.right))
        if isinstance(tree, Binary) and tree.operator == "or":
            return self.either(self.condition(tree.left), self.condition(tree.right))
        if isinstance(tree, Unary) and tree.operator == "not":
            return self.negate(self.condition(tree.operand))
        value = self.value(tree)
        if value.type is not Type.BOOL or value.condition is None:
            raise self.error(f"expected a condition, found {value.type.value}; compare it with something", tree.offset)
        if value.present is None:
            return value.condition
        return self.both(value.condition, Condition(value.present))

    # Values

    def value(self, tree: Expression) -> Value:
        """Any expression."""
        match tree:
            case Literal():
                return self._literal(tree)
            case Name():
                return self._name(tree)
            case Index():
                return self._attribute(tree)
            case Call():
                return functions.call(self, tree)
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
            return Value(Type.BOOL, condition=Condition(self.graph.flag(value)), constant=value)
        if isinstance(value, str):
            return Value(Type.TEXT, constant=value)
        return Value(type_, (self.graph.word(value),), constant=value)

    def _literal(self, tree: Literal) -> Value:
        if tree.value is None:
            return Value(Type.NIL)
        if isinstance(tree.value, int) and not isinstance(tree.value, bool) and not -(2**63) <= tree.value < 2**64:
            raise self.error("the number does not fit 64 bits", tree.offset)
        if tree.is_duration:
            if isinstance(tree.value, int) and tree.value > INT_MAX:
                raise self.error("the duration does not fit a signed 64-bit number of nanoseconds", tree.offset)
            return self.constant(tree.value, Type.DURATION)
        return self.constant(tree.value, Type.FLOAT if isinstance(tree.value, float) else Type.INT)

    def _name(self, tree: Name) -> Value:
        if len(tree.parts) == 1 and tree.parts[0] not in self._rows:
            name = tree.parts[0]
            if name in self._parameters:
                value, is_duration = self._parameters[name]
                return self.constant(value, Type.DURATION if is_duration else Type.INT)
            if name in ENUMS:
                return self.constant(ENUMS[name], Type.INT)
        row, rest = self._resolve(tree)
        if not rest:
            present = None if row.at is None else self.graph.node(Op.PRESENT, row.at)
            return Value(Type.ROW, row=row, present=present, change=row.change)
        path = ".".join(rest)
        if path == "duration" and row.domain is Domain.SPAN:
            end, start = (self._field(row, FIELDS[Domain.SPAN][name]) for name in ("end", "start"))
            word = self.graph.node(Op.TIME_MINUS_TIME, end.words[0], start.words[0])
            return Value(Type.DURATION, (word,), present=end.present, change=end.change)
        field = FIELDS[row.domain].get(path)
        if field is None:
            known = [*FIELDS[row.domain], *STEPS[row.domain]]
            raise self.error(f"{_a(row.domain)} has no `{path}`{nearest(path, known)}", tree.offset)
        return self._field(row, field)

    def _resolve(self, tree: Name) -> tuple[Row, tuple[str, ...]]:
        """The row that a path starts from, after all steps between rows, and what is left of the path."""
        first, *rest = tree.parts
        row = self._rows.get(first)
        if row is None and first in _IMPLICIT:
            row = self._implicit(first, tree.offset)
        if row is None:
            known = [*self._rows, *_IMPLICIT, *self._parameters, *ENUMS]
            raise self.error(f"`{first}` is unknown{nearest(first, known)}", tree.offset)
        while rest and (next_row := self._follow(row, rest[0])) is not None:
            row = next_row
            rest.pop(0)
        return row, tuple(rest)

    def _follow(self, row: Row, name: str) -> Row | None:
        """The row that a path's next name leads to; None where the name is none of another row."""
        if name in STEPS[row.domain]:
            return self._step(row, name)
        # What a span belongs to, its events and links belong to.
        if "span" in STEPS[row.domain] and name in ("resource", "scope", "trace"):
            return self._step(self._step(row, "span"), name)
        return None

    def _implicit(self, name: str, offset: int) -> Row:
        """`resource`, `scope`, `span` or `trace` of the row that the rule is about."""
        if _IMPLICIT[name] is self.domain:
            return self._main
        row = self._follow(self._main, name)
        if row is None:
            raise self.error(f"{_a(self.domain)} belongs to no single {name}", offset)
        return row

    def _step(self, row: Row, relation: str) -> Row:
        step = STEPS[row.domain][relation]
        at = self._load_narrow(row, step.table, step.column, is_row=True)
        return Row(step.domain, at, step.change if row.change is Change.NEVER else Change.ANY)

    def _exists(self, row: Row) -> Condition:
        if row.at is None:
            return Condition(self.graph.flag(True))
        return Condition(self.graph.node(Op.PRESENT, row.at), rises=row.change is not Change.NEVER)

    def _load_narrow(self, row: Row, table: int, column: int, *, is_row: bool = False) -> NodeId:
        if row.at is None:
            return self.graph.node(Op.NARROW, numbers=(table, column))
        return self.graph.node(Op.ROW_AT if is_row else Op.NARROW_AT, row.at, numbers=(table, column))

    def _load_wide(self, row: Row, table: WideTable, column: int) -> NodeId:
        if row.at is None:
            return self.graph.node(Op.WIDE, numbers=(table, column))
        return self.graph.node(Op.WIDE_AT, row.at, numbers=(table, column))

    def _field(self, row: Row, field: Field) -> Value:
        words = tuple(
            self._load_wide(row, table, column)
            if isinstance(table, WideTable)
            else self._load_narrow(row, table, column)
            for table, column in field.columns
        )
        # A row that may be absent makes every field nil there.
        may_be_absent = row.at is not None and row.change is not Change.NEVER
        present = self.graph.node(Op.PRESENT, row.at) if may_be_absent and row.at is not None else None
        change = Change.ANY if may_be_absent else field.change
        if field.type is Type.BOOL:
            mask = field.mask or 0
            flag = self.graph.node(Op.BITS_K, words[0], numbers=(mask,))
            if field.known is not None:
                known = self.graph.node(Op.BITS_K, words[0], numbers=(field.known,))
                present = known if present is None else self.graph.both(present, known)
            condition = Condition(flag, rises=change is not Change.NEVER, falls=change is Change.ANY)
            return Value(Type.BOOL, condition=condition, present=present, change=change)
        if field.shift:
            words = (self.graph.node(Op.SHIFT_RIGHT, words[0], numbers=(field.shift,)),)
        if field.mask is not None:
            words = (self.graph.node(Op.MASK_K, words[0], numbers=(field.mask,)),)
        if field.signed:
            words = (self.graph.node(Op.SIGN_32, words[0]),)
        text = CodedText(row.domain, column=field.columns[0][1]) if field.type is Type.TEXT else None
        return Value(field.type, words, present=present, text=text, row=row, change=change)

    def _attribute(self, tree: Index) -> Value:
        row, rest = self._resolve(tree.base)
        if rest != ("attributes",) or row.domain not in ATTRIBUTES:
            at = f"{_a(row.domain)} has no `{'.'.join(rest)}[...]`"
            raise self.error(f'{at}; expected attributes["..."]', tree.offset)
        slot = self.symbols.key(row.domain, tree.key)
        found = self._load_narrow(row, NarrowTable.KEYS + row.domain, slot, is_row=True)
        kind = self.graph.node(Op.NARROW_AT, found, numbers=(NarrowTable.ATTRIBUTES, _TYPE))
        # An attribute without a value is nil, as in the collector; a missing one has type 0 too.
        present = self.graph.negate(self.graph.node(Op.EQUAL_K, kind, numbers=(_EMPTY,)))
        text = CodedText(row.domain, key=slot)
        change = Change.ANY if row.change is not Change.NEVER else Change.NEVER
        return Value(Type.DYNAMIC, (found,), present=present, text=text, row=row, change=change)

    # What comparisons and functions need of a value

    def kind_of(self, value: Value) -> NodeId:
        """The word with a DYNAMIC value's type, 0 where it is missing."""
        return self.graph.node(Op.NARROW_AT, value.words[0], numbers=(NarrowTable.ATTRIBUTES, _TYPE))

    def is_kind(self, value: Value, kind: int) -> NodeId:
        """The flag that a DYNAMIC value has a type."""
        return self.graph.node(Op.EQUAL_K, self.kind_of(value), numbers=(kind,))

    def payload(self, value: Value) -> NodeId:
        """The word with a DYNAMIC value's content."""
        return self.graph.node(Op.WIDE_AT, value.words[0], numbers=(WideTable.ATTRIBUTES, _VALUE))

    def code(self, value: Value) -> NodeId:
        """The word with the dictionary code of a TEXT or DYNAMIC string; NO_ROW where it is no string."""
        if value.text is None or value.row is None:
            return self.graph.word(self.symbols.string(str(value.constant)))
        table = NarrowTable.CODES + value.text.domain
        return self._load_narrow(value.row, table, self.symbols.text(value.text), is_row=True)

    def holds(self, value: Value, name: str, predicate: Callable[[], Callable[[bytes], bool]]) -> NodeId:
        """The flag that a predicate is true of a TEXT or DYNAMIC string; false where it is no string."""
        return self.graph.node(Op.HOLDS, self.code(value), numbers=(self.symbols.predicate(name, predicate),))


def _a(domain: Domain) -> str:
    """A domain's name with its article."""
    return f"an {domain.name.lower()}" if domain is Domain.EVENT else f"a {domain.name.lower()}"
