"""Values that functions made, compared with other values: equal where what is made in Python is equal."""

import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.policy import Completeness
from otlp_verifier.verify import Engine
from tests.language.chains import LIMITS, engine_with, engines, found_in
from tests.language.judging import refusal
from tests.language.test_values import BATCHES, held, is_number
from tests.strategies import request_of


def whole(value: Any) -> Any:
    if isinstance(value, str):
        return int(value) if value.isdigit() else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 2**63 else -(2**63)
    return int(value) if isinstance(value, bool | int) else None


# Each said again in Python, for a value as `held` gives it.
MADE: dict[str, Callable[[Any], Any]] = {
    'ToUpperCase({0})': lambda value: value.upper() if isinstance(value, str) else None,
    'Split({0}, "b")[0]': lambda value: value.split("b")[0] if isinstance(value, str) else None,
    '{0}["a"]': lambda value: value.get("a") if isinstance(value, dict) else None,
    "Int({0})": whole,
    "0 + {0}": lambda value: value if is_number(value) else None,
}  # fmt: skip
OTHERS: dict[str, Callable[[Any], Any]] = {
    **MADE,
    "{0}": lambda value: value,
    "s.name": lambda _: "B",
}
PAIRS = [(one, other) for one in MADE for other in OTHERS]


def same(one: Any, other: Any) -> bool:
    """Equal as the guide says: numbers as numbers, within lists and maps by type too."""
    if is_number(one) and is_number(other):
        return bool(one == other)
    return not any(isinstance(each, float) and math.isnan(each) for each in (one, other)) and typed(one) == typed(other)


def typed(value: Any) -> Any:
    match value:
        case list():
            return [typed(each) for each in value]
        case dict():
            return {key: typed(each) for key, each in value.items()}
    return type(value), 0.0 if value == 0 else value


@pytest.fixture
def engine(room: int, monkeypatch: pytest.MonkeyPatch) -> Engine:
    paths = ('s.attributes["a"]', 's.parent.attributes["a"]')
    rules = [
        f"assume nothing for each span s require {one.format(paths[0])} {sign} {other.format(paths[1])}"
        for one, other in PAIRS
        for sign in ("!=", "==")
    ]
    return engine_with(room, rules, monkeypatch)


@engines
def test_what_is_made_is_equal_where_it_is(engine: Engine) -> None:
    @given(BATCHES)
    def check(batches: list[list[AnyValue | None]]) -> None:
        for values in batches:
            found = found_in(engine, values, "B")
            plain = [None if value is None else held(value) for value in values]
            of_parents = [None, *plain][: len(plain)]
            for number, (one, other) in enumerate(PAIRS):
                equal = {
                    row
                    for row, (mine, parents) in enumerate(zip(plain, of_parents, strict=True))
                    if same(MADE[one](mine), OTHERS[other](parents))
                }
                assert {row for rule, row in found if rule == 2 * number} == equal, (one, other, plain)
                others = set(range(len(plain))) - equal
                assert {row for rule, row in found if rule == 2 * number + 1} == others, (one, other, plain)

    check()


WHOLE: dict[str, Callable[[Any], Any]] = {
    "Int({0})": whole,
    'Index({0}, "b")': lambda value: value.find("b") if isinstance(value, str) else index(value),
    "ParseInt({0}, 16)": lambda value: int(value, 16) if isinstance(value, str) and value in ("b", "bb", "B") else None,
    "s.kind": lambda _: 1,
}  # fmt: skip
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
ORDERS = [(one, sign, other) for one in list(WHOLE)[:3] for sign in SIGNS for other in WHOLE]


def index(value: Any) -> int | None:
    return next((n for n, each in enumerate(value) if each == "b"), -1) if isinstance(value, list) else None


def holds(left: Any, sign: str, right: Any) -> bool:
    """OTTL's: nil is no less than nil, and in no order with a number."""
    if None in (left, right):
        return left is right and sign not in {"<", ">"}
    return SIGNS[sign](left, right)


def test_whole_numbers_that_are_made_have_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = ('s.attributes["a"]', 's.attributes["b"]')
    rules = [f"for each span s require not {one.format(a)} {sign} {other.format(b)}" for one, sign, other in ORDERS]
    engine = engine_with(4, rules, monkeypatch)

    @given(BATCHES)
    def check(batches: list[list[AnyValue | None]]) -> None:
        for values in batches:
            pairs = list(zip(values, reversed(values), strict=True))
            spans = [
                Span(
                    trace_id=b"\1" * 16,
                    span_id=bytes([row + 1]) * 8,
                    kind=Span.SPAN_KIND_INTERNAL,
                    attributes=[
                        KeyValue(key=key, value=value)
                        for key, value in zip("ab", pair, strict=True)
                        if value is not None
                    ],
                )
                for row, pair in enumerate(pairs)
            ]
            rows = engine.run(request_of(spans).SerializeToString(), Completeness.TRACE, LIMITS)
            found = set(zip(rows.rules.tolist(), rows.rows.tolist(), strict=True))
            for number, (one, sign, other) in enumerate(ORDERS):
                expected = {
                    row
                    for row, (a, b) in enumerate(pairs)
                    if holds(
                        WHOLE[one](None if a is None else held(a)), sign, WHOLE[other](None if b is None else held(b))
                    )
                }
                assert {row for rule, row in found if rule == number} == expected, (one, sign, other, pairs)

    check()


@pytest.mark.parametrize(
    ("comparison", "message"),
    [
        ("ToLowerCase(s.name) == s.duration", "ToLowerCase(...) is compared with a constant, a string or an attribute"),
        ("ToLowerCase(s.name) < s.name", "ToLowerCase(...) has an order with constants"),
        ('Int(s.name) < s.attributes["a"]', "Int(...) has an order with constants"),
        ('s.kind.string == s.attributes["a"]', "kind.string is compared with a constant, a string or an attribute"),
        ("s.kind.string == s.flags", "kind.string is compared with a constant, a string or an attribute"),
    ],
)
def test_what_has_no_order_and_no_equality_is_refused(comparison: str, message: str) -> None:
    assert message in refusal(f"for each span s require {comparison}")
