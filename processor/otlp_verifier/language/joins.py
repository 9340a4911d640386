"""Joins between a chosen row and the row before it: equalities as one key, one inequality as an extreme."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from otlp_verifier.columns import ValueType
from otlp_verifier.language import compare, quantify
from otlp_verifier.language.paths import Type
from otlp_verifier.language.values import Condition, Value
from otlp_verifier.machine.operations import Op
from otlp_verifier.machine.program import Function, JobKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.relations import Members
    from otlp_verifier.language.scopes import Scope
    from otlp_verifier.language.syntax import Binary

_STRING, _BOOL = int(ValueType.STRING), int(ValueType.BOOL)
_INT, _DOUBLE = int(ValueType.INT), int(ValueType.DOUBLE)


@dataclass(frozen=True, slots=True)
class Keys:
    """Words that are equal where all joins by equality hold; None where there is none."""

    member: NodeId | None
    query: NodeId | None


def keys(lowering: Lowering, members: Scope, equalities: Sequence[Binary]) -> Keys:
    """The keys of `member value == query value` joins."""
    member: NodeId | None = None
    query: NodeId | None = None
    for comparison in equalities:
        with lowering.within(members):
            left = lowering.value(comparison.left)
            left_word = word(lowering, left, comparison.offset)
            member = left_word if member is None else lowering.graph.node(Op.MIX, member, left_word)
        right = lowering.value(comparison.right)
        _check(lowering, left, right, comparison)
        right_word = word(lowering, right, comparison.offset)
        query = right_word if query is None else lowering.graph.node(Op.MIX, query, right_word)
    return Keys(member, query)


def word(lowering: Lowering, value: Value, offset: int) -> NodeId:
    """One word for a value, equal for equal values of whatever type; nil has one of its own."""
    graph = lowering.graph
    none = graph.word(0)
    match value.type:
        case Type.DYNAMIC:
            return graph.node(Op.KEY, lowering.kind_of(value), lowering.payload(value), lowering.code(value))
        case Type.TEXT:
            made = graph.node(Op.KEY, graph.word(_STRING), none, lowering.code(value))
        case Type.BOOL if value.condition is not None:
            as_word = graph.node(Op.SELECT, value.condition.flag, graph.word(1), none)
            made = graph.node(Op.KEY, graph.word(_BOOL), as_word, none)
        case Type.INT | Type.TIME | Type.DURATION:
            made = graph.node(Op.KEY, graph.word(_INT), value.words[0], none)
        case Type.FLOAT:
            made = graph.node(Op.KEY, graph.word(_DOUBLE), value.words[0], none)
        case Type.ID:
            made = value.words[0] if len(value.words) == 1 else graph.node(Op.MIX, *value.words)
        case _:
            raise lowering.error(f"{value.type.value} cannot be joined", offset)
    if value.present is None:
        return made
    nil = graph.node(Op.KEY, none, none, none)
    return graph.node(Op.SELECT, value.present, made, nil)


def _check(lowering: Lowering, left: Value, right: Value, comparison: Binary) -> None:
    """Refuse types that are never equal, as a comparison of two values of one row does."""
    types = {left.type, right.type}
    numbers = {Type.INT, Type.FLOAT, Type.TIME, Type.DURATION}
    fits = len(types) == 1 or Type.DYNAMIC in types or types <= numbers
    if left.type is right.type is Type.ID:
        fits = len(left.words) == len(right.words)
    if not fits or Type.NIL in types or Type.ROW in types:
        raise lowering.error(f"{left.type.value} and {right.type.value} cannot be compared", comparison.offset)


def number(lowering: Lowering, value: Value, mask: Condition) -> tuple[NodeId, Value, Condition]:
    """A DYNAMIC value as a decimal number: its word, the value as such, and the mask where it is one."""
    graph, payload = lowering.graph, lowering.payload(value)
    is_int, is_double = lowering.is_kind(value, _INT), lowering.is_kind(value, _DOUBLE)
    made = graph.node(Op.SELECT, is_double, payload, graph.node(Op.TO_FLOAT, payload))
    present = graph.either(is_int, is_double)
    return made, Value(Type.FLOAT, (made,), present=present), lowering.both(mask, Condition(present, present))


def ordered(
    lowering: Lowering, members: Members, mask: Condition, by: Keys, comparison: Binary, negated: bool
) -> Condition:
    """That some member's value is below, or above, the query's."""
    graph, operator = lowering.graph, comparison.operator
    refuse_keyed_extreme(lowering, members, by, comparison.offset)
    with lowering.within(members.scope):
        value = lowering.value(comparison.left)
        known = mask
        if value.type is Type.DYNAMIC:
            _, value, _ = number(lowering, value, mask)
        if value.type not in (Type.INT, Type.FLOAT, Type.TIME, Type.DURATION):
            raise lowering.error(f"{value.type.value} has no order between two rows", comparison.offset)
        unknown = None
        if value.present is not None:
            known = lowering.both(mask, Condition(value.present, value.present))
            unknown = lowering.both(mask, lowering.negate(Condition(value.present, value.present)))
    other = lowering.value(comparison.right)
    if other.type is Type.DYNAMIC:
        _, other, _ = number(lowering, other, lowering.known(True))
    if negated:
        operator = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}[operator]
    function = quantify.extreme(value.type, largest=operator in (">", ">="))
    result = lowering.known(False)
    word_of_members = value.words[0]
    conditions = []
    for node in (known.flag, known.possible):
        extreme, count = lowering.jobs.results(quantify.job(lowering, members, function, node, by, word_of_members))
        present = graph.negate(graph.node(Op.EQUAL_K, count, numbers=(0,)))
        clocks = frozenset((compare.ANY_CLOCK,)) if value.clocks else frozenset()
        found = Value(value.type, (extreme,), present=present, clocks=clocks)
        conditions.append(compare.values(lowering, found, other, operator, comparison))
    result = Condition(conditions[0].flag, conditions[1].possible, rises=True, falls=mask.falls)
    if negated and unknown is not None:
        result = lowering.either(result, quantify.counted(lowering, members, unknown, by))
    if negated and other.present is not None:
        nil = lowering.negate(Condition(other.present, other.present))
        result = lowering.either(result, lowering.both(nil, quantify.counted(lowering, members, mask, by)))
    return replace(result, rises=True, falls=mask.falls)


def fewer(lowering: Lowering, members: Members, mask: Condition, by: Keys, equal: Keys) -> Condition:
    """That fewer members have the longer key `equal` than the key `by`."""
    flags = []
    for node in (mask.flag, mask.possible):
        all_of, _ = lowering.jobs.results(quantify.job(lowering, members, Function.COUNT, node, by))
        alike, _ = lowering.jobs.results(quantify.job(lowering, members, Function.COUNT, node, equal))
        flags.append(lowering.graph.negate(lowering.graph.node(Op.EQUAL, *sorted((all_of, alike)))))
    return Condition(flags[0], flags[1], rises=True, falls=mask.falls)


def refuse_keyed_extreme(lowering: Lowering, members: Members, by: Keys, offset: int) -> None:
    """Extremes over ancestors with an equality would need a search tree per key: refused."""
    if members.kind is JobKind.PATH and by.member is not None:
        raise lowering.error(
            "over ancestors an equality and an inequality together would need every pair; keep one of them", offset
        )
