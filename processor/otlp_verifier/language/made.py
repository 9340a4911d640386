"""What functions make of one value of the telemetry: asked once per distinct value.

Nothing here costs more per span than a look into a table, however long the string or
the pattern. Compared with a constant, what is made becomes a flag. Compared with
another value of the telemetry, it becomes its identity, a word that equal values
share: so there is equality between two of them, and no order.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from otlp_verifier.language import plain, resolve
from otlp_verifier.language.identity import NIL, NOTHING, identity
from otlp_verifier.language.paths import Change, Type
from otlp_verifier.language.plain import Undefined
from otlp_verifier.language.plan import CodedText
from otlp_verifier.language.values import Condition, Made, Value
from otlp_verifier.machine.operations import NarrowTable, Op, WideTable
from otlp_verifier.wire.values import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Binary, Call
    from otlp_verifier.wire.values import Plain

_WORD = 0xFFFFFFFFFFFFFFFF
VALUE = "value"  # what names call the value itself
_CONSTANTS = (Type.INT, Type.FLOAT, Type.TEXT, Type.BOOL, Type.NIL, Type.COMPOUND)


def is_constant(value: Value) -> bool:
    """Whether the rule states a value, of a type that telemetry has."""
    return value.type is Type.NIL or (value.type in _CONSTANTS and value.constant is not None)


def constant(lowering: Lowering, value: Plain) -> Value:
    """A value as the rule might state it."""
    match value:
        case None:
            return Value(Type.NIL)
        case bytes() | tuple():
            return Value(Type.COMPOUND, constant=value)
        case bool() | int() | float() | str():
            return lowering.constant(value, Type.FLOAT if isinstance(value, float) else Type.INT)
        case _:
            return Value(Type.COMPOUND, constant=value)


def count_arguments(lowering: Lowering, tree: Call, least: int, most: int | None = None) -> None:
    """Refuse a call with too few or too many arguments."""
    most = least if most is None else most
    if not least <= len(tree.arguments) <= most:
        expected = str(least) if least == most else f"{least} to {most}"
        noun = "argument" if expected == "1" else "arguments"
        raise lowering.error(f"{tree.function} takes {expected} {noun}, not {len(tree.arguments)}", tree.offset)


def made_of(value: Value) -> Made | None:
    """A value of the telemetry as one that functions can be applied to; None where they cannot."""
    if value.made is not None:
        return value.made
    if value.type in (Type.TEXT, Type.DYNAMIC) and value.constant is None:
        return Made(VALUE, value, lambda each: each)
    return None


def apply(
    made: Made, name: str, function: Callable[[Plain], Plain], *, of_strings: bool = False, is_whole: bool = False
) -> Value:
    """One more function; `name` says what all of them make together."""
    before = made.function

    def composed(value: Plain) -> Plain:
        return function(before(value))

    only_strings = made.of_strings or (of_strings and made.name == VALUE)
    after = Made(name, made.base, composed, only_strings, is_whole, made.choices)
    return Value(Type.MADE, row=made.base.row, change=made.base.change, made=after)


def comparison(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> Condition:
    """`left operator right` where one side is MADE or a constant list, map or bytes; the operator is not `!=`."""
    if Type.ID_TEXT in (left.type, right.type):
        return _id_text(lowering, left, right, operator, tree)
    for one, other, sign in ((left, right, operator), (right, left, _turned(operator))):
        made = made_of(one)
        if one.type is Type.TEXT and other.type is Type.COMPOUND:
            break
        if made is not None and is_constant(other):
            return condition(
                lowering, made, f"{made.name} {sign} {other.constant!r}", partial(_compare, sign, other.constant)
            )
    if Type.MADE not in (left.type, right.type):
        raise lowering.error(f"{left.type.value} and {right.type.value} cannot be compared", tree.offset)
    sides = made_of(left), made_of(right)
    if operator == "==" and all(side is not None and side.choices is None for side in sides):
        return _same(lowering, *(side for side in sides if side is not None))
    name = next(value.made.name for value in (left, right) if value.made is not None).replace(VALUE, "...", 1)
    if operator != "==":
        raise lowering.error(
            f"{name} has an order with constants; with other values whole numbers have one, as of Int and Len",
            tree.offset,
        )
    raise lowering.error(f"{name} is compared with a constant, a string or an attribute only", tree.offset)


def number(lowering: Lowering, value: Value) -> Value | None:
    """A whole number that is made, or one of the telemetry, as a number; None where it is none, or stated."""
    if value.type is Type.INT and value.constant is None:
        return value
    made = value.made
    if made is None or not made.is_whole or made.choices is not None:
        return None

    def word(plain_value: Plain) -> int:
        try:
            found = made.function(plain_value)
        except Undefined:
            return 0
        return found & _WORD if type(found) is int else 0

    is_number = condition(lowering, made, f"{made.name} is a number", lambda found: type(found) is int)
    found = _of_any_type(lowering, made, f"{made.name}, as a number", word, default=0)
    return Value(Type.INT, (found,), present=is_number.flag, change=made.base.change)


def _same(lowering: Lowering, left: Made, right: Made) -> Condition:
    """That two values are the same, nil and nil too; one is of the telemetry, the other made."""
    graph = lowering.graph
    words = [_identity(lowering, each) for each in (left, right)]
    is_any = graph.negate(graph.node(Op.EQUAL_K, words[0], numbers=(NOTHING,)))
    flag = graph.both(is_any, graph.node(Op.EQUAL, *sorted(words)))
    unsure = {left.base.change, right.base.change} != {Change.NEVER}
    return Condition(flag, flag, rises=unsure, falls=unsure)


def _identity(lowering: Lowering, made: Made) -> NodeId:
    """The word that stands for what is made of a value."""
    graph, base = lowering.graph, made.base

    def word(value: Plain) -> int:
        try:
            return identity(made.function(value))
        except Undefined:
            return NIL

    found = _of_any_type(lowering, made, made.name, word, default=NIL)
    return found if base.present is None else graph.node(Op.SELECT, base.present, found, graph.word(word(None)))


def _of_any_type(lowering: Lowering, made: Made, name: str, word: Callable[[Plain], int], *, default: int) -> NodeId:
    """What `word` gives for a value, a string or not; `default` for what functions of strings are not defined for."""
    graph, base = lowering.graph, made.base
    found = _looked_up(lowering, base, base.text, name, lambda content: word(text(content)))
    if base.type is not Type.DYNAMIC or (is_string := lowering.is_kind(base, resolve.STRING)) in lowering.given:
        return found
    if made.of_strings:
        return graph.node(Op.SELECT, is_string, found, graph.word(default))
    if base.row is None or base.text is None:
        raise AssertionError("an attribute has an owner and a text")
    other = CodedText(base.row.domain, key=base.text.key, is_value=True)
    # Of the two codes a value has one, and what no code leads to is 0.
    return graph.node(Op.LARGER, found, _looked_up(lowering, base, other, f"{name}, no string", word))


def _looked_up(
    lowering: Lowering, base: Value, coded: CodedText | None, name: str, word: Callable[[Any], int]
) -> NodeId:
    """The word that a maker gave for the code of a text; 0 where it has none."""
    if base.row is None or coded is None:
        raise AssertionError("a value of the telemetry has an owner and a text")
    code = resolve.load_narrow(
        lowering, base.row, NarrowTable.CODES + coded.domain, lowering.symbols.text(coded), is_row=True
    )
    number = lowering.symbols.maker(name, coded, word)
    return lowering.graph.node(Op.WIDE_AT, code, numbers=(WideTable.MADE, number))


def _compare(sign: str, stated: Plain, value: Plain) -> bool:
    return plain.compare(value, sign, stated)


def _calculate(sign: str, stated: Plain, value: Plain, *, is_left: bool) -> Plain:
    return plain.calculate(value, sign, stated) if is_left else plain.calculate(stated, sign, value)


def _id_text(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> Condition:
    """An id and a string of hexadecimal digits: the digits are read once, when the rule is compiled."""
    id_, other = (left, right) if left.type is Type.ID_TEXT else (right, left)
    digits = other.constant
    if operator != "==" or not isinstance(digits, str):
        raise lowering.error("an id's digits are compared with a string, with == or !=", tree.offset)
    if re.fullmatch(f"[0-9a-f]{{{16 * len(id_.words)}}}", digits) is None:
        return lowering.known(False)
    flag, graph = lowering.graph.flag(True), lowering.graph
    for place, word in enumerate(id_.words):
        stated = int(digits[16 * place : 16 * place + 16], 16)
        flag = graph.both(flag, graph.node(Op.EQUAL_K, word, numbers=(stated,)))
    if id_.present is not None:
        flag = graph.both(flag, id_.present)
    unsure = id_.change is not Change.NEVER
    return Condition(flag, flag, rises=unsure, falls=unsure)


def arithmetic(lowering: Lowering, left: Value, right: Value, tree: Binary) -> Value:
    """`left operator right` where one side is an attribute or made of one, and the other a number."""
    sign = tree.operator
    for one, other in ((left, right), (right, left)):
        made = made_of(one)
        if made is None or other.type not in (Type.INT, Type.FLOAT) or other.constant is None:
            continue
        sides = (made.name, repr(other.constant)) if one is left else (repr(other.constant), made.name)
        function = partial(_calculate, sign, other.constant, is_left=one is left)
        return apply(made, f"({sides[0]} {sign} {sides[1]})", function)
    raise lowering.error(
        f"`{sign}` takes an attribute and a number that the rule states, not {left.type.value} and {right.type.value}",
        tree.offset,
    )


def _turned(operator: str) -> str:
    return operator.translate(str.maketrans("<>", "><"))


def condition(lowering: Lowering, made: Made, name: str, test: Callable[[Plain], bool]) -> Condition:
    """That what is made of a value passes a test; `name` says which."""

    def passes(value: Plain) -> bool:
        try:
            return test(made.function(value))
        except Undefined:
            return test(None)

    flag = _holds(lowering, made, name, passes)
    unsure = made.base.change is not Change.NEVER
    return Condition(flag, flag, rises=unsure, falls=unsure)


def _holds(lowering: Lowering, made: Made, name: str, passes: Callable[[Plain], bool]) -> NodeId:
    graph, base = lowering.graph, made.base
    if made.choices is not None:
        flag = graph.flag(passes(""))
        for number, word in made.choices.items():
            is_it = graph.node(Op.EQUAL_K, base.words[0], numbers=(number,))
            flag = graph.either(flag, is_it) if passes(word) else graph.both(flag, graph.negate(is_it))
    else:
        flag = lowering.holds(base, name, lambda: lambda content: passes(text(content)))
        if base.type is Type.DYNAMIC and lowering.is_kind(base, resolve.STRING) not in lowering.given:
            flag = graph.either(flag, _others(lowering, made, name, passes))
    if base.present is None:
        return flag
    flag = graph.both(base.present, flag)
    return graph.either(flag, graph.negate(base.present)) if passes(None) else flag


def _others(lowering: Lowering, made: Made, name: str, passes: Callable[[Plain], bool]) -> NodeId:
    """The flag that the attribute is no string, and passes."""
    base = made.base
    if made.of_strings:
        is_string = lowering.is_kind(base, resolve.STRING)
        return lowering.graph.negate(is_string) if passes(None) else lowering.graph.flag(False)
    if base.row is None or base.text is None:
        raise AssertionError("an attribute has an owner and a text")
    other = CodedText(base.row.domain, key=base.text.key, is_value=True)
    column = lowering.symbols.text(other)
    code = resolve.load_narrow(lowering, base.row, NarrowTable.CODES + other.domain, column, is_row=True)
    number = lowering.symbols.predicate(f"{name}, no string", other, lambda: passes)
    return lowering.graph.node(Op.HOLDS, code, numbers=(number,))
