"""Joins by equality between a chosen row and the row before it: words that are equal where the values are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from otlp_verifier.columns import ValueType
from otlp_verifier.language import compare, quantify
from otlp_verifier.language.jobs import Job
from otlp_verifier.language.paths import Change, Type
from otlp_verifier.language.values import Clocks, Condition, Value
from otlp_verifier.machine.operations import Domain, Op
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
_NUMBERS = (Type.INT, Type.FLOAT, Type.TIME, Type.DURATION)


NOTHING: Final = 0x8F1BBCDCBFA53E0B  # the word of a value that equals nothing; a member with it does not count


class Keys(msgspec.Struct, frozen=True):
    """Words that are equal where all joins by equality hold; None where there is none.

    Attributes:
        counts: the flag of members whose values equal anything; None where all do.
        changes: whether what is equal may be unequal when more spans have arrived.

    """

    member: NodeId | None
    query: NodeId | None
    counts: NodeId | None = None
    changes: bool = False


def keys(lowering: Lowering, members: Scope, equalities: Sequence[Binary]) -> Keys:
    """The keys of `member value == query value` joins."""
    member: NodeId | None = None
    query: NodeId | None = None
    counts: NodeId | None = None
    changes = False
    for comparison in equalities:
        with lowering.forgiving():
            with lowering.within(members):
                left = lowering.value(comparison.left)
                left_word = word(lowering, left, comparison.offset)
                if left.type in (Type.DYNAMIC, Type.FLOAT):
                    equals = lowering.graph.negate(lowering.graph.node(Op.EQUAL_K, left_word, numbers=(NOTHING,)))
                    counts = equals if counts is None else lowering.graph.both(counts, equals)
                member = left_word if member is None else lowering.graph.node(Op.MIX, member, left_word)
            right = lowering.value(comparison.right)
            _check(lowering, left, right, comparison)
            right_word = word(lowering, right, comparison.offset)
            query = right_word if query is None else lowering.graph.node(Op.MIX, query, right_word)
            changes = changes or {left.change, right.change} != {Change.NEVER}
    return Keys(member, query, counts, changes)


def word(lowering: Lowering, value: Value, offset: int) -> NodeId:
    """One word for a value, equal for equal values of whatever type; nil has one of its own, and so has NOTHING."""
    graph = lowering.graph
    none = graph.word(0)
    if value.clocks != Clocks():
        raise lowering.error(
            "clocks of two hosts that may differ never show one time for certain; allow a difference, as in "
            "`d.start <= s.start + 1ms`",
            offset,
        )
    match value.type:
        case Type.DYNAMIC:
            # What no comparison looks into, arrays, maps and bytes, and what is not a number, equals nothing.
            return graph.node(Op.VALUE_KEY, value.words[0], lowering.code(value), numbers=(NOTHING,))
        case Type.TEXT:
            made = graph.node(Op.KEY, graph.word(_STRING), none, lowering.code(value))
        case Type.BOOL if value.condition is not None:
            if value.condition.flag != value.condition.possible:
                raise lowering.error("this depends on whose clock is ahead and cannot be joined", offset)
            as_word = graph.node(Op.SELECT, value.condition.flag, graph.word(1), none)
            made = graph.node(Op.KEY, graph.word(_BOOL), as_word, none)
        case Type.INT | Type.TIME | Type.DURATION:
            made = graph.node(Op.KEY, graph.word(_INT), value.words[0], none)
        case Type.FLOAT:
            key = graph.node(Op.KEY, graph.word(_DOUBLE), value.words[0], none)
            is_number = graph.node(Op.EQUAL_FLOAT, value.words[0], value.words[0])
            made = graph.node(Op.SELECT, is_number, key, graph.word(NOTHING))
        case Type.ID:
            made = value.words[0] if len(value.words) == 1 else graph.node(Op.MIX, *value.words)
        case _:
            raise lowering.error(f"{value.type.value} cannot be joined", offset)
    if value.present is None:
        return made
    # The id of an absent row reads as zeros, which are nil as well.
    nil = none if value.type is Type.ID else graph.node(Op.KEY, none, none, none)
    return graph.node(Op.SELECT, value.present, made, nil)


def _check(lowering: Lowering, left: Value, right: Value, comparison: Binary) -> None:
    """Refuse types that are never equal, as a comparison of two values of one row does."""
    types = {left.type, right.type}
    if types <= set(_NUMBERS):
        compare.check_numbers(lowering, left, right, comparison)
        return
    fits = len(types) == 1 and len(left.words) == len(right.words)
    if Type.DYNAMIC in types:
        fits = types <= {Type.DYNAMIC, Type.TEXT, Type.BOOL, *_NUMBERS}
    if not fits or types & {Type.NIL, Type.ROW}:
        raise lowering.error(f"{left.type.value} and {right.type.value} cannot be compared", comparison.offset)


def number(lowering: Lowering, value: Value, mask: Condition) -> tuple[NodeId, Value, Condition]:
    """A DYNAMIC value as a decimal number: its word, the value as such, and the mask where it is one."""
    graph, payload = lowering.graph, lowering.payload(value)
    is_int, is_double = lowering.is_kind(value, _INT), lowering.is_kind(value, _DOUBLE)
    made = graph.node(Op.SELECT, is_double, payload, graph.node(Op.TO_FLOAT, payload))
    present = graph.either(is_int, is_double)
    return made, Value(Type.FLOAT, (made,), present=present), lowering.both(mask, Condition(present, present))


def any_of(lowering: Lowering, members: Members, mask: NodeId, keys: Keys, breaks: NodeId | None = None) -> NodeId:
    """The flag that a relation has a member that counts; in a window of time with none that breaks in between."""
    made = quantify.job(lowering, members, Function.COUNT, mask, keys)
    if members.window is not None:
        return lowering.jobs.flag(
            replace(
                members.window, kind=JobKind.SWEEP, mask=made.mask, value=breaks, member_key=made.member_key,
                query_key=made.query_key,
            )
        )  # fmt: skip
    if members.is_subtree or members.kind is JobKind.PATH:
        found = Job(
            JobKind.SUBTREE if members.is_subtree else JobKind.PATH, Function.ANY, Domain.SPAN, Domain.SPAN,
            mask=made.mask, member_key=made.member_key, query_key=made.query_key,
        )  # fmt: skip
        return lowering.jobs.flag(found)
    is_own = made.kind is JobKind.GROUP and made.query_at is None
    if is_own or (made.kind is JobKind.GROUP and made.member_key is None and not made.excludes_self):
        return lowering.jobs.flag(replace(made, function=Function.ANY))
    count, _ = lowering.jobs.results(made)
    return lowering.graph.negate(lowering.graph.node(Op.EQUAL_K, count, numbers=(0,)))


class Chosen(msgspec.Struct, frozen=True):
    """Members that count by a mask, have the query's key `by`, and where `unlike` is given not that longer one too."""

    members: Members
    by: Keys
    unlike: Keys | None = None

    def count(self, lowering: Lowering, mask: NodeId) -> NodeId:
        """The word with how many they are."""
        found, _ = lowering.jobs.results(quantify.job(lowering, self.members, Function.COUNT, mask, self.by))
        if self.unlike is None:
            return found
        alike, _ = lowering.jobs.results(quantify.job(lowering, self.members, Function.COUNT, mask, self.unlike))
        return lowering.graph.node(Op.SUBTRACT, found, alike)

    def exist(self, lowering: Lowering, mask: Condition, other_than: Members | None) -> Condition:
        """That there are some, and others than some of them."""
        flags, graph = [], lowering.graph
        for node in (mask.flag, mask.possible):
            if other_than is not None:
                same = replace(self, members=other_than).count(lowering, node)
                flags.append(graph.negate(graph.node(Op.EQUAL, *sorted((self.count(lowering, node), same)))))
            elif self.unlike is not None:
                flags.append(graph.negate(graph.node(Op.EQUAL_K, self.count(lowering, node), numbers=(0,))))
            else:
                flags.append(any_of(lowering, self.members, node, self.by))
        changes = self.by.changes or (self.unlike is not None and self.unlike.changes)
        return Condition(flags[0], flags[1], rises=True, falls=mask.falls or changes or self.members.moves)
