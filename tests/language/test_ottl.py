"""Comparisons as OTTL documents them: every kind of attribute with every constant, every other one, every operator.

The table is pkg/ottl/LANGUAGE.md, "Comparison Rules"; what it leaves open is as in pkg/ottl/compare.go.
"""

import itertools
import math
import operator
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language.compiler import Source, compile_rules
from otlp_verifier.language.errors import RuleErrors
from otlp_verifier.policy import Completeness
from otlp_verifier.verify import Engine
from otlp_verifier.wire.limits import Limits
from tests.strategies import request_of

Scalar = bool | int | float | str | bytes | list[object] | dict[str, object] | None
OPERATORS = ("==", "!=", "<", "<=", ">", ">=")
_ORDERS = {"==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MISSING = object()
KINDS: Any = (-5, 1)  # SpanKind is an open enum

ATTRIBUTES: dict[str, tuple[AnyValue | object | None, Scalar]] = {
    "missing": (MISSING, None),
    "without a value": (None, None),
    "with an empty value": (AnyValue(), None),
    "string": (AnyValue(string_value="b"), "b"),
    "empty string": (AnyValue(string_value=""), ""),
    "numeric string": (AnyValue(string_value="1"), "1"),
    "true": (AnyValue(bool_value=True), True),
    "false": (AnyValue(bool_value=False), False),
    "1": (AnyValue(int_value=1), 1),
    "0": (AnyValue(int_value=0), 0),
    "-5": (AnyValue(int_value=-5), -5),
    "2^53 + 1": (AnyValue(int_value=2**53 + 1), 2**53 + 1),
    "smallest int": (AnyValue(int_value=-(2**63)), -(2**63)),
    "1.0": (AnyValue(double_value=1.0), 1.0),
    "-0.0": (AnyValue(double_value=-0.0), -0.0),
    "2^53": (AnyValue(double_value=2.0**53), 2.0**53),
    "NaN": (AnyValue(double_value=math.nan), math.nan),
    "infinity": (AnyValue(double_value=math.inf), math.inf),
    "bytes": (AnyValue(bytes_value=b"b"), b"b"),
    "no bytes": (AnyValue(bytes_value=b""), b""),
    "array": (AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1)])), [1]),
    "empty array": (AnyValue(array_value=ArrayValue()), []),
    "map": (AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a")])), {"a": None}),
}
CONSTANTS: dict[str, Scalar] = {
    '"b"': "b",
    '""': "",
    '"1"': "1",
    '"a"': "a",
    "true": True,
    "false": False,
    "1": 1,
    "0": 0,
    "-5": -5,
    "-4": -4,
    "9007199254740993": 2**53 + 1,
    "-9223372036854775808": -(2**63),
    "9223372036854775807": 2**63 - 1,
    "1.0": 1.0,
    "0.0": 0.0,
    "1.5": 1.5,
    "9007199254740992.0": 2.0**53,
    "-1.5e300": -1.5e300,
    "SPAN_KIND_INTERNAL": 1,
    "nil": None,
}


def kind(value: Scalar) -> str:
    if isinstance(value, bool | str | bytes | list | dict):
        return type(value).__name__
    return "nil" if value is None else "number"


def ottl(left: Scalar, sign: str, right: Scalar) -> bool:
    """Whether `left sign right`, by the table."""
    if sign == "!=":
        return not ottl(left, "==", right)
    if kind(left) != kind(right):
        return False
    if left is None or right is None:
        return sign in ("==", "<=", ">=")
    if float in (type(left), type(right)):  # of two numbers
        left, right = float(left), float(right)  # type: ignore[arg-type]
    if sign != "==" and kind(left) in ("list", "dict"):
        return False
    if isinstance(left, str) and isinstance(right, str):
        return bool(_ORDERS[sign](left.encode(), right.encode()))
    return bool(_ORDERS[sign](left, right))  # type: ignore[arg-type]  # containers are compared for equality only


def departs(left: Scalar, sign: str, right: Scalar) -> bool:
    """Where two attributes are compared otherwise: strings have no order, and nothing looks into bytes and containers.

    Such comparisons are false, and `!=` true.
    """
    if kind(left) != kind(right):
        return False
    return kind(left) in ("bytes", "list", "dict") or (kind(left) == "str" and sign not in ("==", "!="))


def attribute_list(**values: AnyValue | object | None) -> list[KeyValue]:
    present = {key: value for key, value in values.items() if value is not MISSING}
    return [KeyValue(key=k, value=v) if isinstance(v, AnyValue) else KeyValue(key=k) for k, v in present.items()]


def rows_where(conditions: list[str], spans: list[Span]) -> list[set[int]]:
    """Per condition, the rows of the spans `s` that it is true of; and that `not` turns it round."""
    rules = [f"for each span s require not ({condition})" for condition in conditions]
    rules += [f"for each span s require {condition}" for condition in conditions]
    engine = Engine(compile_rules([Source(str(number), rule) for number, rule in enumerate(rules)]))
    found = engine.run(request_of(spans).SerializeToString(), Completeness.TRACE, Limits(memory_factor=64))
    rows: list[set[int]] = [set() for _ in rules]
    for rule, row in zip(found.rules.tolist(), found.rows.tolist(), strict=True):
        rows[rule].add(row)
    everywhere = set(range(len(spans)))
    for number in range(len(conditions)):
        assert rows[len(conditions) + number] == everywhere - rows[number]
    return rows[: len(conditions)]


def is_refused(constant: Scalar, sign: str) -> bool:
    """What no attribute can meaningfully be compared with is a mistake of the rule."""
    return sign not in ("==", "!=") and (constant is None or isinstance(constant, bool))


@pytest.mark.parametrize("constant", CONSTANTS)
@pytest.mark.parametrize("sides", ["attribute first", "constant first"])
def test_attributes_and_constants(constant: str, sides: str) -> None:
    value = CONSTANTS[constant]
    signs = [sign for sign in OPERATORS if not is_refused(value, sign)]
    spans = [Span(attributes=attribute_list(a=attribute)) for attribute, _ in ATTRIBUTES.values()]
    first = sides == "attribute first"
    conditions = [f's.attributes["a"] {s} {constant}' if first else f'{constant} {s} s.attributes["a"]' for s in signs]
    for sign, rows in zip(signs, rows_where(conditions, spans), strict=True):
        for row, (name, (_, attribute)) in enumerate(ATTRIBUTES.items()):
            expected = ottl(attribute, sign, value) if first else ottl(value, sign, attribute)
            assert (row in rows) == expected, f"{name} {sign} {constant}, {sides}"


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("constant", ["nil", "true", "false"])
def test_what_has_no_order_is_refused(constant: str, sign: str) -> None:
    for condition in (f's.attributes["a"] {sign} {constant}', f'{constant} {sign} s.attributes["a"]'):
        with pytest.raises(RuleErrors, match="no order"):
            compile_rules([Source("x", f"for each span s require {condition}")])


def test_two_attributes() -> None:
    pairs = list(itertools.product(ATTRIBUTES.items(), repeat=2))
    spans = [Span(attributes=attribute_list(a=a, b=b)) for (_, (a, _)), (_, (b, _)) in pairs]
    conditions = [f's.attributes["a"] {sign} s.attributes["b"]' for sign in OPERATORS]
    for sign, rows in zip(OPERATORS, rows_where(conditions, spans), strict=True):
        for row, ((name_a, (_, a)), (name_b, (_, b))) in enumerate(pairs):
            expected = sign == "!=" if departs(a, sign, b) else ottl(a, sign, b)
            assert (row in rows) == expected, f"{name_a} {sign} {name_b}"


@pytest.mark.parametrize("sign", OPERATORS)
def test_attributes_and_numbers_of_the_span(sign: str) -> None:
    spans = [
        Span(attributes=attribute_list(a=attribute), kind=kind, start_time_unix_nano=1, end_time_unix_nano=2)
        for (attribute, _) in ATTRIBUTES.values()
        for kind in KINDS
    ]
    conditions = [
        f's.attributes["a"] {sign} s.kind',
        f's.attributes["a"] {sign} s.start',
        f's.duration {sign} s.attributes["a"]',
    ]
    by_kind, by_start, by_duration = rows_where(conditions, spans)
    for row, span in enumerate(spans):
        attribute = list(ATTRIBUTES.values())[row // 2][1]
        assert (row in by_kind) == ottl(attribute, sign, span.kind)
        assert (row in by_start) == ottl(attribute, sign, 1)
        assert (row in by_duration) == ottl(1, sign, attribute)


def test_attributes_and_texts_of_the_span() -> None:
    spans = [
        Span(attributes=attribute_list(a=attribute), name=name)
        for attribute, _ in ATTRIBUTES.values()
        for name in ("b", "")
    ]
    equal, unequal = rows_where(['s.attributes["a"] == s.name', 's.name != s.attributes["a"]'], spans)
    for row, span in enumerate(spans):
        attribute = list(ATTRIBUTES.values())[row // 2][1]
        assert (row in equal) == ottl(attribute, "==", span.name)
        assert (row in unequal) == ottl(span.name, "!=", attribute)


@pytest.mark.parametrize("sign", ["==", "!="])
def test_attributes_and_truths_of_the_span(sign: str) -> None:
    """`flags.remote` is nil where the exporter does not say."""
    flags = {0x000: None, 0x200: None, 0x100: False, 0x300: True}
    spans = [
        Span(attributes=attribute_list(a=attribute), flags=number)
        for attribute, _ in ATTRIBUTES.values()
        for number in flags
    ]
    (rows,) = rows_where([f's.attributes["a"] {sign} s.flags.remote'], spans)
    for row, span in enumerate(spans):
        attribute = list(ATTRIBUTES.values())[row // len(flags)][1]
        assert (row in rows) == ottl(attribute, sign, flags[span.flags]), f"{attribute!r} {sign} {span.flags:#x}"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("s.flags.remote == true", {3}),
        ("s.flags.remote != true", {0, 1, 2}),
        ("s.flags.remote == false", {2}),
        ("false != s.flags.remote", {0, 1, 3}),
        ("s.flags.remote", {3}),
        ("not s.flags.remote", {0, 1, 2}),
        ("s.flags.remote == nil", {0, 1}),
        ("nil != s.flags.remote", {2, 3}),
        ("s.flags.remote == s.flags.remote_bit", {2, 3}),
        ("s.flags.remote != s.flags.remote_bit", {0, 1}),
        ("s.flags.remote == s.flags.remote", {0, 1, 2, 3}),
        ("(s.flags.remote == nil) == true", {0, 1}),
        ("true == true", {0, 1, 2, 3}),
        ("nil == nil", {0, 1, 2, 3}),
        ("nil != nil", set()),
    ],
)
def test_truths_that_may_be_nil(condition: str, expected: set[int]) -> None:
    spans = [Span(flags=flags) for flags in (0x000, 0x200, 0x100, 0x300)]
    assert rows_where([condition], spans) == [expected]


def test_fields_of_an_absent_parent_are_nil() -> None:
    trace, ids = b"\x01" * 16, [bytes([n]) * 8 for n in (1, 2)]
    spans = [
        Span(trace_id=trace, span_id=ids[0]),
        Span(trace_id=trace, span_id=ids[1], parent_span_id=ids[0], kind=KINDS[1]),
    ]
    always, root, child, never = {0, 1}, {0}, {1}, set[int]()
    table = {
        "s.parent == nil": root,
        "s.parent != nil": child,
        "s.parent.name == nil": root,
        's.parent.name == ""': child,
        's.parent.name != ""': root,
        "s.parent.name == s.parent.trace_state": always,
        "s.parent.name == s.name": child,
        "s.parent.kind == 0": child,
        "s.parent.kind < 1": child,
        "s.parent.kind <= s.parent.flags": always,
        "s.parent.kind < s.parent.flags": never,
        "s.parent.start == s.start": child,
        "s.parent.start + 5ms == s.start + 5ms": child,
        "s.parent.span_id == nil": root,
        "s.parent.parent_span_id == nil": always,
        "s.parent.parent == nil": always,
        "s.parent.cyclic == false": child,
        "s.parent.cyclic != false": root,
        "not s.parent.cyclic": always,
        "s.parent.duration == 0ms": child,
        's.parent.attributes["a"] == nil': always,
        's.parent.resource.schema_url == ""': child,
        'IsMatch(s.parent.name, "")': child,
        "Len(s.parent.name) == 0": child,
        'Len(s.parent.name) != Len(s.attributes["a"])': child,
    }
    for condition, rows in zip(table, rows_where(list(table), spans), strict=True):
        assert rows == table[condition], condition
