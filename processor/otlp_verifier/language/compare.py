"""Comparisons and arithmetic, by the static types of their operands.

OTTL's rules hold: values of unlike types are unequal and unordered, so only `!=`
is true of them; so are a value and nil; integers and decimals compare as numbers.
Where types are known beforehand and cannot fit, the rule is refused instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from otlp_verifier.columns import ValueType
from otlp_verifier.language import made
from otlp_verifier.language.paths import Change, Type
from otlp_verifier.language.values import INT_MAX, Clocks, Condition, Value
from otlp_verifier.machine.operations import Op

if TYPE_CHECKING:
    from otlp_verifier.language.graph import NodeId
    from otlp_verifier.language.lower import Lowering
    from otlp_verifier.language.syntax import Aggregate, Binary

_STRING = int(ValueType.STRING)
_BOOL = int(ValueType.BOOL)
_INT = int(ValueType.INT)
_DOUBLE = int(ValueType.DOUBLE)
_LENGTH = 0xFFFFFFFF  # the low half of a text word
_NUMBERS = (Type.INT, Type.FLOAT, Type.TIME, Type.DURATION)


def comparison(lowering: Lowering, tree: Binary) -> Condition:
    """`left operator right`, both sides of any type."""
    left, right = _operands(lowering, tree)
    operator = tree.operator
    if operator in (">", ">="):
        left, right, operator = right, left, operator.replace(">", "<")
    if Type.MADE in (left.type, right.type) and (operator in ("<", "<=") or Type.INT in (left.type, right.type)):
        numbers = made.number(lowering, left), made.number(lowering, right)
        if None not in numbers:
            left, right = (each for each in numbers if each is not None)
    if {left.type, right.type} & {Type.MADE, Type.COMPOUND, Type.ID_TEXT}:
        equal = made.comparison(lowering, left, right, operator.replace("!=", "=="), tree)
    elif Type.NIL in (left.type, right.type):
        if operator not in ("==", "!="):
            raise lowering.error("nil has no order; compare it with == or !=", tree.offset)
        equal = is_nil(lowering, left if right.type is Type.NIL else right, tree)
    else:
        equal = values(lowering, left, right, operator.replace("!=", "=="), tree)
    return lowering.negate(equal) if operator == "!=" else equal


def _operands(lowering: Lowering, tree: Binary) -> tuple[Value, Value]:
    left, right = lowering.value(tree.left), lowering.value(tree.right)
    if Type.TIME not in (left.type, right.type):
        for value in (left, right):
            if value.type is Type.INT and isinstance(value.constant, int) and value.constant > INT_MAX:
                raise lowering.error(
                    f"{value.constant} does not fit a signed 64-bit number; only times do", tree.offset
                )
    return left, right


def is_nil(lowering: Lowering, value: Value, tree: Binary | Aggregate) -> Condition:
    """That a value is nil."""
    graph = lowering.graph
    if value.type is Type.NIL:
        return lowering.known(True)
    if value.type is Type.ID:
        flag = graph.flag(True)
        for word in value.words:
            flag = graph.both(flag, graph.node(Op.EQUAL_K, word, numbers=(0,)))
        if value.present is not None:
            flag = graph.either(flag, graph.negate(value.present))
        unsure = value.change is not Change.NEVER
        return Condition(flag, flag, unsure, unsure)
    if value.present is None:
        raise lowering.error(f"{value.type.value} is never nil here; this is always the same", tree.offset)
    # A row that may still appear: its absence ends, its presence does not.
    falls = value.change is not Change.NEVER
    absent = graph.negate(value.present)
    return Condition(absent, absent, rises=value.change is Change.ANY, falls=falls)


def values(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> Condition:
    """`left operator right` for values that are there; `>` and `>=` by turning them round."""
    graph = lowering.graph
    if operator in (">", ">="):
        left, right, operator = right, left, operator.replace(">", "<")
    if left.type is Type.BOOL and right.type is Type.BOOL:
        condition = _bools(lowering, left, right, operator, tree)
    else:
        flag, possible = _flags(lowering, left, right, operator, tree)
        condition = Condition(flag, possible, *_change(left, right, operator))
    if left.type is Type.ID:
        return condition  # the id of an absent row reads as zeros, which are nil as well
    present = [v.present for v in (left, right) if v.present is not None]
    for flag in present:
        condition = lowering.both(condition, Condition(flag, flag, condition.rises, condition.falls))
    if len(present) == 2 and operator != "<":  # in OTTL nil == nil, nil <= nil and nil >= nil
        neither = graph.negate(graph.either(*present))
        condition = lowering.either(condition, Condition(neither, neither))
    return condition


def _change(left: Value, right: Value, operator: str) -> tuple[bool, bool]:
    """Whether a comparison may rise and fall, from how its sides may change; `left < right` or `==`."""
    changes = {left.change, right.change}
    if changes == {Change.NEVER}:
        return False, False
    if operator == "==" or Change.ANY in changes or changes == {Change.GROWS}:
        return True, True
    return right.change is Change.GROWS, left.change is Change.GROWS


def _bools(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> Condition:
    if operator != "==":
        raise lowering.error("true and false have no order; compare them with == or !=", tree.offset)
    a, b = left.condition, right.condition
    if a is None or b is None:
        raise AssertionError("a value of type BOOL carries a condition")
    for one, other in ((left, b), (right, a)):
        if one.constant is not None:
            return other if one.constant else lowering.negate(other)
    negated = lowering.both(lowering.negate(a), lowering.negate(b))
    return lowering.either(lowering.both(a, b), negated)


def _flags(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> tuple[NodeId, NodeId]:
    """The flag that it holds, and the flag that it may hold."""
    if left.clocks.plus(right.clocks, -1).apart:
        return _skewed(lowering, left, right, operator, tree)
    flag = _flag(lowering, left, right, operator, tree)
    return flag, flag


def _skewed(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> tuple[NodeId, NodeId]:
    """Times of clocks that may differ by the assumed skew: certain only where that cannot turn the comparison."""
    graph = lowering.graph
    clocks = left.clocks.plus(right.clocks, -1)
    exact = _flag(lowering, left, right, operator, tree)
    plus, minus = (Op.TIME_PLUS, Op.TIME_MINUS) if left.type is Type.TIME else (Op.ADD, Op.SUBTRACT)
    skew = graph.word(lowering.skew_ns * clocks.apart)
    later = replace(left, words=(graph.node(plus, left.words[0], skew),), constant=None)
    earlier = replace(left, words=(graph.node(minus, left.words[0], skew),), constant=None)
    if operator == "==":
        sure = graph.flag(False)
        below = _flag(lowering, earlier, right, "<=", tree)
        maybe = graph.both(below, _flag(lowering, right, later, "<=", tree))
    else:
        sure = _flag(lowering, later, right, operator, tree)
        maybe = _flag(lowering, earlier, right, operator, tree)
    one_clock = _one_clock(lowering, clocks)
    possible = graph.either(graph.both(one_clock, exact), graph.both(graph.negate(one_clock), maybe))
    return graph.either(graph.both(one_clock, exact), sure), possible


def _one_clock(lowering: Lowering, clocks: Clocks) -> NodeId:
    """The flag that all of it was read from one clock."""
    graph = lowering.graph
    if clocks.ahead or clocks.behind:
        return graph.flag(False)
    (first, _), *others = clocks.counts
    flag = graph.flag(True)
    for other, _ in others:
        flag = graph.both(flag, graph.node(Op.EQUAL, *sorted((first, other))))
    return flag


def _flag(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> NodeId:
    types = (left.type, right.type)
    if types == (Type.DYNAMIC, Type.DYNAMIC):
        return _two_attributes(lowering, left, right, operator)
    if Type.DYNAMIC in types:
        return _attribute(lowering, left, right, operator, tree)
    if types == (Type.TEXT, Type.TEXT):
        return _texts(lowering, left, right, operator, tree)
    if types == (Type.ID, Type.ID) and len(left.words) == len(right.words):
        if operator != "==":
            raise lowering.error("ids have no order; compare them with == or !=", tree.offset)
        flag = lowering.graph.flag(True)
        for a, b in zip(left.words, right.words, strict=True):
            flag = lowering.graph.both(flag, lowering.graph.node(Op.EQUAL, a, b))
        return flag
    if all(t in _NUMBERS for t in types):
        return _numbers(lowering, left, right, operator, tree)
    raise lowering.error(f"{left.type.value} and {right.type.value} cannot be compared", tree.offset)


def _numbers(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> NodeId:
    check_numbers(lowering, left, right, tree)
    if Type.FLOAT in (left.type, right.type):
        return _float(lowering, operator, _as_float(lowering, left), _as_float(lowering, right))
    return _whole(lowering, operator, left, right, signed=Type.TIME not in (left.type, right.type))


def check_numbers(lowering: Lowering, left: Value, right: Value, tree: Binary) -> None:
    """Refuse numbers of kinds that cannot be compared, and what is no number."""
    types = {left.type, right.type}
    if not types <= set(_NUMBERS) or (Type.FLOAT in types and not types <= {Type.FLOAT, Type.INT}):
        raise lowering.error(f"{left.type.value} and {right.type.value} cannot be compared", tree.offset)
    if types == {Type.TIME, Type.DURATION}:
        raise lowering.error("a time and a duration cannot be compared; subtract two times first", tree.offset)
    if types == {Type.DURATION, Type.INT} and 0 not in (left.constant, right.constant):
        raise lowering.error("a duration is compared with a duration such as 5ms", tree.offset)
    if Type.TIME in types and any(isinstance(v.constant, int) and v.constant < 0 for v in (left, right)):
        raise lowering.error("a time in Unix nanoseconds is never negative", tree.offset)


def _whole(lowering: Lowering, operator: str, left: Value, right: Value, *, signed: bool) -> NodeId:
    """Two 64-bit integers; with a constant on one side the comparison that names it directly."""
    graph = lowering.graph
    less, at_most = (Op.LESS_SIGNED, Op.AT_MOST_SIGNED) if signed else (Op.LESS_UNSIGNED, Op.AT_MOST_UNSIGNED)
    (a,), (b,) = left.words, right.words
    if isinstance(right.constant, int):
        op = {"==": Op.EQUAL_K, "<": Op(less + 10), "<=": Op(at_most + 10)}[operator]
        return graph.node(op, a, numbers=(right.constant & 0xFFFFFFFFFFFFFFFF,))
    if isinstance(left.constant, int):
        if operator == "==":
            return graph.node(Op.EQUAL_K, b, numbers=(left.constant & 0xFFFFFFFFFFFFFFFF,))
        # k < b is not (b <= k), and k <= b is not (b < k).
        opposite = Op(at_most + 10) if operator == "<" else Op(less + 10)
        return graph.negate(graph.node(opposite, b, numbers=(left.constant & 0xFFFFFFFFFFFFFFFF,)))
    if operator == "==":
        return graph.node(Op.EQUAL, *sorted((a, b)))
    return graph.node(less if operator == "<" else at_most, a, b)


def _float(lowering: Lowering, operator: str, a: NodeId, b: NodeId) -> NodeId:
    op = {"==": Op.EQUAL_FLOAT, "<": Op.LESS_FLOAT, "<=": Op.AT_MOST_FLOAT}[operator]
    return lowering.graph.node(op, a, b)


def _as_float(lowering: Lowering, value: Value) -> NodeId:
    if value.type is Type.FLOAT:
        return value.words[0]
    if isinstance(value.constant, int):
        return lowering.graph.word(float(value.constant))
    return lowering.graph.node(Op.TO_FLOAT, value.words[0])


def _texts(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> NodeId:
    graph = lowering.graph
    if left.constant is not None and right.constant is not None:
        raise lowering.error("both sides are constant", tree.offset)
    if operator == "==":
        for one, other in ((left, right), (right, left)):
            if one.constant == "":
                length = graph.node(Op.MASK_K, other.words[0], numbers=(_LENGTH,))
                return graph.node(Op.EQUAL_K, length, numbers=(0,))
            if one.constant is not None:
                return _is_string(lowering, other, str(one.constant))
        return graph.node(Op.EQUAL, *sorted((lowering.code(left), lowering.code(right))))
    return _text_order(lowering, left, right, operator, tree)


def _text_order(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> NodeId:
    if left.constant is None and right.constant is None:
        raise lowering.error("two strings from the telemetry can be compared with == and !=, not ordered", tree.offset)
    constant = str(left.constant if left.constant is not None else right.constant).encode()
    if left.constant is not None:  # constant < text
        tests = {"<": lambda text: constant < text, "<=": lambda text: constant <= text}
        name, text = f"{left.constant!r} {operator} text", right
    else:
        tests = {"<": lambda text: text < constant, "<=": lambda text: text <= constant}
        name, text = f"text {operator} {right.constant!r}", left
    return lowering.holds(text, name, lambda: tests[operator])


def _is_string(lowering: Lowering, value: Value, constant: str) -> NodeId:
    """Equality with a constant string: its code is known when the rule is compiled."""
    return lowering.graph.node(Op.EQUAL_K, lowering.code(value), numbers=(lowering.symbols.string(constant),))


def _attribute(lowering: Lowering, left: Value, right: Value, operator: str, tree: Binary) -> NodeId:
    """An attribute, whose type only the telemetry decides, and a value of known type."""
    graph = lowering.graph
    attribute, other = (left, right) if left.type is Type.DYNAMIC else (right, left)
    if other.type is Type.TEXT:
        if operator != "==":
            return _text_order(lowering, left, right, operator, tree)
        if other.constant is not None:
            return _is_string(lowering, attribute, str(other.constant))
        same = graph.node(Op.EQUAL, *sorted((lowering.code(attribute), lowering.code(other))))
        return graph.both(lowering.is_kind(attribute, _STRING), same)
    payload = lowering.payload(attribute)
    if other.type is Type.BOOL and other.condition is not None:
        if operator != "==":
            raise lowering.error("true and false have no order; compare them with == or !=", tree.offset)
        is_true = graph.negate(graph.node(Op.EQUAL_K, payload, numbers=(0,)))
        same = _bools(lowering, Value(Type.BOOL, condition=Condition(is_true, is_true)), other, operator, tree).flag
        return graph.both(lowering.is_kind(attribute, _BOOL), same)
    if other.type not in _NUMBERS:
        raise lowering.error(f"an attribute cannot be compared with {other.type.value}", tree.offset)
    as_double = Value(Type.FLOAT, (payload,))
    as_int = Value(Type.INT, (payload,))

    def sides(value: Value) -> tuple[Value, Value]:
        return (value, other) if attribute is left else (other, value)

    number = other if other.type is Type.FLOAT else replace(other, type=Type.INT)
    if other.type is Type.FLOAT:
        a, b = sides(as_int)
        whole = _float(lowering, operator, _as_float(lowering, a), _as_float(lowering, b))
    else:
        a, b = (as_int, number) if attribute is left else (number, as_int)
        whole = _whole(lowering, operator, a, b, signed=True)
    a, b = sides(as_double)
    decimal = _float(lowering, operator, _as_float(lowering, a), _as_float(lowering, b))
    return graph.either(
        graph.both(lowering.is_kind(attribute, _INT), whole),
        graph.both(lowering.is_kind(attribute, _DOUBLE), decimal),
    )


def _two_attributes(lowering: Lowering, left: Value, right: Value, operator: str) -> NodeId:
    """Two attributes: numbers as numbers, booleans with false before true, strings for equality only.

    Arrays, maps and bytes are not looked into: they equal nothing.
    """
    graph = lowering.graph
    a, b = lowering.payload(left), lowering.payload(right)

    def kinds(kind_left: int, kind_right: int) -> NodeId:
        return graph.both(lowering.is_kind(left, kind_left), lowering.is_kind(right, kind_right))

    ints = Value(Type.INT, (a,)), Value(Type.INT, (b,))
    float_a, float_b = (graph.node(Op.TO_FLOAT, word) for word in (a, b))
    cases = [
        graph.both(kinds(_INT, _INT), _whole(lowering, operator, *ints, signed=True)),
        graph.both(kinds(_DOUBLE, _DOUBLE), _float(lowering, operator, a, b)),
        graph.both(kinds(_INT, _DOUBLE), _float(lowering, operator, float_a, b)),
        graph.both(kinds(_DOUBLE, _INT), _float(lowering, operator, a, float_b)),
        graph.both(kinds(_BOOL, _BOOL), _whole(lowering, operator, *ints, signed=True)),
    ]
    if operator == "==":
        same_code = graph.node(Op.EQUAL, *sorted((lowering.code(left), lowering.code(right))))
        cases.append(graph.both(kinds(_STRING, _STRING), same_code))
    flag = graph.flag(False)
    for case in cases:
        flag = graph.either(flag, case)
    return flag


_RESULTS = {
    (Type.TIME, "-", Type.TIME): (Op.TIME_MINUS_TIME, Type.DURATION),
    (Type.TIME, "+", Type.DURATION): (Op.TIME_PLUS, Type.TIME),
    (Type.TIME, "-", Type.DURATION): (Op.TIME_MINUS, Type.TIME),
    (Type.DURATION, "+", Type.DURATION): (Op.ADD, Type.DURATION),
    (Type.DURATION, "-", Type.DURATION): (Op.SUBTRACT, Type.DURATION),
    (Type.DURATION, "*", Type.INT): (Op.MULTIPLY, Type.DURATION),
    (Type.DURATION, "/", Type.INT): (Op.DIVIDE, Type.DURATION),
    (Type.INT, "-", Type.DURATION): (Op.SUBTRACT, Type.DURATION),  # only -5ms, which the parser writes as 0 - 5ms
    (Type.INT, "+", Type.INT): (Op.ADD, Type.INT),
    (Type.INT, "-", Type.INT): (Op.SUBTRACT, Type.INT),
    (Type.INT, "*", Type.INT): (Op.MULTIPLY, Type.INT),
    (Type.INT, "/", Type.INT): (Op.DIVIDE, Type.INT),
}
_FLOAT_OPS = {"+": Op.ADD_FLOAT, "-": Op.SUBTRACT_FLOAT, "*": Op.MULTIPLY_FLOAT, "/": Op.DIVIDE_FLOAT}


def arithmetic(lowering: Lowering, tree: Binary) -> Value:
    """`left operator right` on numbers, times and durations."""
    graph = lowering.graph
    left, right = _operands(lowering, tree)
    if {left.type, right.type} & {Type.DYNAMIC, Type.MADE}:
        return made.arithmetic(lowering, left, right, tree)
    change = Change.NEVER if left.change is right.change is Change.NEVER else Change.ANY
    present = None
    for value in (left, right):
        if value.present is not None:
            present = value.present if present is None else graph.both(present, value.present)
    if {left.type, right.type} in ({Type.FLOAT}, {Type.FLOAT, Type.INT}):
        words = graph.node(_FLOAT_OPS[tree.operator], _as_float(lowering, left), _as_float(lowering, right))
        return Value(Type.FLOAT, (words,), present=present, change=change)
    result = _RESULTS.get((left.type, tree.operator, right.type))
    if result is None or ((left.type, right.type) == (Type.INT, Type.DURATION) and left.constant != 0):
        operands = f"{left.type.value} and {right.type.value}"
        raise lowering.error(f"`{tree.operator}` cannot be applied to {operands}", tree.offset)
    op, type_ = result
    if op is Op.DIVIDE:
        if right.constant == 0:
            raise lowering.error("division by zero", tree.offset)
        if right.constant is None:
            divides = graph.negate(graph.node(Op.EQUAL_K, right.words[0], numbers=(0,)))
            present = divides if present is None else graph.both(present, divides)
    clocks = _clocks_of(lowering, left, right, tree)
    return Value(type_, (graph.node(op, left.words[0], right.words[0]),), present=present, clocks=clocks, change=change)


def _clocks_of(lowering: Lowering, left: Value, right: Value, tree: Binary) -> Clocks:
    """The clocks that a result of arithmetic was read from."""
    if tree.operator in ("+", "-"):
        return left.clocks.plus(right.clocks, 1 if tree.operator == "+" else -1)
    if left.clocks == Clocks():
        return Clocks()
    if tree.operator == "*" and isinstance(right.constant, int):
        return Clocks().plus(left.clocks, right.constant)
    raise lowering.error("how far clocks of two hosts are apart is lost here; bring it to the other side", tree.offset)
