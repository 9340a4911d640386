"""What a condition before an `and`, or a rule's `where`, settles need not be asked again, and changes no answer."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_verifier.language.compiler import Source, compile_rules
from tests.language.judging import Judge
from tests.language.test_ottl import ATTRIBUTES, attribute_list, rows_where
from tests.strategies import request_of

IS_STRING = 'IsString(attributes["v"])'
TESTS = [
    'IsMatch(attributes["v"], "1")',
    'not IsMatch(attributes["v"], "1")',
    '(IsMatch(attributes["v"], "^b") or kind == 3)',
    'IsMatch(String(attributes["v"]), "^$")',
    'Len(attributes["v"]) == 1',
    'Int(attributes["v"]) == 1',
    'not (IsMatch(attributes["v"], "1") and IsMatch(attributes["w"], "1"))',
]
OTHERS = (AnyValue(string_value="1"), AnyValue(int_value=1), AnyValue(int_value=2))
SPANS = [Span(attributes=attribute_list(v=value, w=other)) for value, _ in ATTRIBUTES.values() for other in OTHERS]


@pytest.mark.parametrize("test", TESTS)
def test_with_a_type_settled(test: str) -> None:
    [strings], [passing] = rows_where([IS_STRING], SPANS), rows_where([test], SPANS)
    assert strings
    for condition in (f"{IS_STRING} and {test}", f"{test} and {IS_STRING}", f"({IS_STRING} and kind < 9) and {test}"):
        assert rows_where([condition], SPANS) == [strings & passing]
    assert rows_where([f"{IS_STRING} or {test}"], SPANS) == [strings | passing]
    assert rows_where([f"not {IS_STRING} and {test}"], SPANS) == [passing - strings]
    assert rows_where([f"({IS_STRING} and kind < 9 or kind < 9) and {test}"], SPANS) == [passing]


def test_of_another_row_nothing_is_settled() -> None:
    mine, its = 'attributes["v"]', 'c.attributes["v"]'
    rules = [
        f'for each span s where IsString(s.{mine}) require not exists child c where IsMatch({its}, "1")',
        f'for each span s with parent p where IsString(p.{mine}) require not IsMatch(s.{mine}, "1")',
        f'for each span s where IsString(s.{mine}) require count(child where IsMatch({mine}, "1")) < 1',
        f'for each span s require not exists child c where IsString({its}) and IsMatch({its}, "1")',
    ]
    values = [value for value, _ in ATTRIBUTES.values()]
    spans = []
    for number, (mine, childs) in enumerate([(mine, childs) for mine in values for childs in values]):
        ids = {"trace_id": (number + 1).to_bytes(16, "big")}
        spans.append(Span(span_id=b"parent..", attributes=attribute_list(v=mine), **ids))
        spans.append(Span(span_id=b"child...", parent_span_id=b"parent..", attributes=attribute_list(v=childs), **ids))
    request, judge = request_of(spans), Judge(rules)
    fast = judge.fast(request)
    assert {judge.rule(row) for row in fast.violated} == set(rules)
    assert not judge.disputed(fast, judge.slow(request))


def test_values_that_cannot_matter_are_not_looked_up() -> None:
    guarded = 'for each span s where IsString(s.attributes["v"]) require IsMatch(s.attributes["v"], "1")'
    bare = 'for each span s where s.kind == 3 require IsMatch(s.attributes["v"], "1")'
    for rule, expected in ((guarded, {False}), (bare, {False, True})):
        texts = compile_rules([Source("r", rule)]).texts.values()
        assert {text.is_value for of_domain in texts for text in of_domain} == expected
