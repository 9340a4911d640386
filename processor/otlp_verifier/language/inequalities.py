"""One inequality between a chosen row and the row before it: the smallest or largest value decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from otlp_verifier.columns import ValueType
from otlp_verifier.language import compare, joins, quantify
from otlp_verifier.language.paths import Change, Type
from otlp_verifier.language.values import Clocks, Condition, Value
from otlp_verifier.machine.operations import Op

if TYPE_CHECKING:
    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.joins import Keys
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.relations import Members
    from otlp_verifier.language.syntax import Binary

_BOOL, _INT, _DOUBLE = int(ValueType.BOOL), int(ValueType.INT), int(ValueType.DOUBLE)
_NUMBERS = (Type.INT, Type.FLOAT, Type.TIME, Type.DURATION)


def ordered(
    lowering: Lowering, members: Members, mask: Condition, by: Keys, comparison: Binary, *, negated: bool
) -> Condition:
    """That `member value < query value`, or another order, holds of some member; or, negated, that it does not."""
    with lowering.within(members.scope):
        left = lowering.value(comparison.left)
    right = lowering.value(comparison.right)
    falls = mask.falls or by.changes or members.moves or {left.change, right.change} != {Change.NEVER}
    left, right = _alike(lowering, left, right, comparison)
    with lowering.within(members.scope):
        member = _ordered(lowering, left, comparison.offset)
    query = _ordered(lowering, right, comparison.offset)
    inequality = _Inequality(lowering, members, by, comparison.operator, comparison, member, query)
    make = inequality.fails if negated else inequality.holds
    sure = make(mask.flag)
    maybe = sure if mask.possible == mask.flag else make(mask.possible)
    return Condition(sure.flag, maybe.possible, rises=True, falls=falls)


def _alike(lowering: Lowering, left: Value, right: Value, comparison: Binary) -> tuple[Value, Value]:
    """Both sides as they are compared: beside an attribute, times and durations are whole numbers."""
    if Type.DYNAMIC not in (left.type, right.type):
        compare.check_numbers(lowering, left, right, comparison)
        return left, right
    plain = [
        replace(value, type=Type.INT, clocks=Clocks()) if value.type in (Type.TIME, Type.DURATION) else value
        for value in (left, right)
    ]
    return plain[0], plain[1]


class _Ordered(msgspec.Struct, frozen=True):
    """A value as comparisons see it: flags that say which kind it is, and how to read it then.

    Attributes:
        is_nil, is_number, is_bool: flags; NaN is no number.
        numbers: readings as a number, each with the flag that it is the right one.
        truth: the word with 0 or 1 where it is a bool.

    """

    is_nil: NodeId
    is_number: NodeId
    is_bool: NodeId
    numbers: tuple[tuple[NodeId, Value], ...]
    truth: NodeId


def _ordered(lowering: Lowering, value: Value, offset: int) -> _Ordered:
    graph = lowering.graph
    if value.type is Type.DYNAMIC:
        payload = lowering.payload(value)
        is_int = lowering.is_kind(value, _INT)
        is_double = graph.both(lowering.is_kind(value, _DOUBLE), graph.node(Op.EQUAL_FLOAT, payload, payload))
        numbers = ((is_int, Value(Type.INT, (payload,))), (is_double, Value(Type.FLOAT, (payload,))))
        is_nil = graph.negate(value.present) if value.present is not None else graph.flag(False)
        return _Ordered(is_nil, graph.either(is_int, is_double), lowering.is_kind(value, _BOOL), numbers, payload)
    if value.type not in _NUMBERS:
        raise lowering.error(f"{value.type.value} has no order between two rows", offset)
    present = graph.flag(True) if value.present is None else value.present
    is_number = present
    if value.type is Type.FLOAT:
        is_number = graph.both(present, graph.node(Op.EQUAL_FLOAT, value.words[0], value.words[0]))
    # Read where it is known to be there, so that it needs no presence of its own.
    plain = replace(value, present=None, constant=None)
    return _Ordered(graph.negate(present), is_number, graph.flag(False), ((is_number, plain),), graph.word(0))


_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class _Inequality(msgspec.Struct, frozen=True):
    """One inequality between members and the query, `member operator query`, and all that it is made of."""

    lowering: Lowering
    members: Members
    by: Keys
    operator: str
    comparison: Binary
    member: _Ordered
    query: _Ordered

    def some(self, mask: NodeId) -> NodeId:
        """The flag that a member counts."""
        return joins.any_of(self.lowering, self.members, mask, self.by)

    def extreme(self, mask: NodeId, value: Value) -> Value:
        """The members' value that is most likely to fulfil it."""
        function = quantify.extreme(value.type, largest=self.operator in (">", ">="))
        job = quantify.job(self.lowering, self.members, function, mask, self.by, value.words[0])
        result, count = self.lowering.jobs.results(job)
        present = self.lowering.graph.negate(self.lowering.graph.node(Op.EQUAL_K, count, numbers=(0,)))
        return Value(value.type, (result,), present=present, clocks=value.clocks.nameless())

    def among_numbers(self, mask: NodeId) -> Condition:
        """That a member that is a number fulfils it."""
        lowering = self.lowering
        result = lowering.known(False)
        for is_read, value in self.member.numbers:
            found = self.extreme(self.members.scope.graph.both(mask, is_read), value)
            for is_queried, other in self.query.numbers:
                held = compare.values(lowering, found, other, self.operator, self.comparison)
                result = lowering.either(result, lowering.both(Condition(is_queried, is_queried), held))
        return result

    def among_bools(self, mask: NodeId) -> Condition:
        """The same for true and false."""
        lowering, graph = self.lowering, self.lowering.graph
        is_bool = self.members.scope.graph.both(mask, self.member.is_bool)
        if self.members.scope.graph.is_never(is_bool) or graph.is_never(self.query.is_bool):
            return lowering.known(False)
        found = self.extreme(is_bool, Value(Type.INT, (self.member.truth,)))
        other = Value(Type.INT, (self.query.truth,))
        held = compare.values(lowering, found, other, self.operator, self.comparison)
        return lowering.both(Condition(self.query.is_bool, self.query.is_bool), held)

    def holds(self, mask: NodeId) -> Condition:
        """That it holds of a member."""
        lowering, graph = self.lowering, self.lowering.graph
        result = lowering.either(self.among_numbers(mask), self.among_bools(mask))
        if self.operator in ("<=", ">=") and not graph.is_never(self.query.is_nil):
            nothing = graph.both(self.query.is_nil, self.some(self._and(mask, self.member.is_nil)))
            result = lowering.either(result, Condition(nothing, nothing))
        return result

    def fails(self, mask: NodeId) -> Condition:
        """That it does not hold of a member: it is another kind of value, or one of them is nil, or not a number."""
        lowering, graph, query = self.lowering, self.lowering.graph, self.query
        opposite = replace(self, operator=_OPPOSITE[self.operator])
        number = self._unless(mask, self.member.is_number, opposite.among_numbers(mask))
        truth = self._unless(mask, self.member.is_bool, opposite.among_bools(mask))
        is_strict = self.operator in ("<", ">")
        nothing = self.some(mask if is_strict else self._and(mask, self._not(self.member.is_nil)))
        known = graph.either(query.is_number, graph.either(query.is_bool, query.is_nil))
        result = lowering.known(False)
        for is_so, what in (
            (query.is_number, number),
            (query.is_bool, truth),
            (query.is_nil, Condition(nothing, nothing)),
        ):
            if not graph.is_never(is_so):
                result = lowering.either(result, lowering.both(Condition(is_so, is_so), what))
        if graph.is_never(graph.negate(known)):
            return result
        other = graph.both(graph.negate(known), self.some(mask))
        return lowering.either(result, Condition(other, other))

    def _unless(self, mask: NodeId, is_alike: NodeId, held: Condition) -> Condition:
        unlike = self._and(mask, self._not(is_alike))
        if self.members.scope.graph.is_never(unlike):
            return held
        flag = self.some(unlike)
        return self.lowering.either(held, Condition(flag, flag))

    def _and(self, a: NodeId, b: NodeId) -> NodeId:
        return self.members.scope.graph.both(a, b)

    def _not(self, a: NodeId) -> NodeId:
        return self.members.scope.graph.negate(a)
