"""The formatter: what it prints is read as the same tree, and printed again it is the same text."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otlp_verifier.language.formatter import WIDTH, body_text, expression_text, rules_text
from otlp_verifier.language.parser import parse_expression, parse_rule, parse_rules
from otlp_verifier.language.syntax import (
    Aggregate,
    Assumption,
    Binary,
    Call,
    Expression,
    ForEach,
    Index,
    Item,
    Join,
    ListOf,
    Literal,
    MapOf,
    Name,
    Node,
    Points,
    Property,
    Quantified,
    RuleBlock,
    Structure,
    Temporal,
    TemporalPair,
    Unary,
    Window,
)
from otlp_verifier.rules.catalogue import builtin

WORDS = st.sampled_from(["a", "b", "s", "name", "span", "link", "duration", "count"])
VARIABLES = st.sampled_from(["", "d", "r"])
RELATIONS = st.sampled_from(["child", "parent", "ancestor", "descendant", "sibling", "event", "link", "span"])
NS = st.integers(0, 2**61) | st.sampled_from([0, 1, 1_000, 1_500_000_000, 90 * 10**9, 3_600 * 10**9])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
BYTES = st.binary(min_size=1, max_size=3)
LITERALS = st.one_of(
    st.builds(lambda value: Literal(value, 0), st.none() | st.booleans() | NUMBERS | TEXTS | BYTES),
    st.builds(lambda ns: Literal(ns, 0, is_duration=True), NS),
)
# `span` alone is every span, and no path.
NAMES = st.builds(lambda parts: Name(tuple(parts), 0), st.lists(WORDS, min_size=1, max_size=3).filter(["span"].__ne__))
ATTRIBUTES = st.builds(lambda base, key: Index(base, key, 0), NAMES, TEXTS)
POSITIONS = TEXTS | st.integers(0, 2**40)
ITEMS = st.builds(lambda base, key, more: Item(Item(base, key, 0), more, 0), ATTRIBUTES, POSITIONS, POSITIONS)
ATOMS = LITERALS | NAMES | ATTRIBUTES | ITEMS
OPERATORS = ("or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/")
WINDOWS = st.none() | st.builds(
    lambda low, more: Window(low, None if more is None else low + more, 0), NS, st.none() | NS
)


def deeper(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """What the parser can make of smaller trees."""
    condition = st.none() | inner
    points = st.builds(Points, RELATIONS, VARIABLES, st.booleans(), condition, st.just(0))
    operands = st.just(Points("span", "", False, None, 0)) | st.builds(
        Points, st.sampled_from(["span", "link from"]), st.just("x"), st.booleans(), condition, st.just(0)
    )
    negatives = inner.filter(lambda tree: not (isinstance(tree, Literal) and type(tree.value) in (int, float)))
    lists = st.lists(inner, max_size=2).map(tuple)
    return st.one_of(
        st.builds(Binary, st.sampled_from(OPERATORS), inner, inner, st.just(0)),
        st.builds(Binary, st.sampled_from(["or", "and"]), inner, inner, st.just(0)),
        st.builds(lambda operand: Unary("not", operand, 0), inner),
        st.builds(lambda operand: Unary("-", operand, 0), negatives),
        operands,
        st.builds(lambda points: Quantified("exists", points, None, 0), points),
        st.builds(lambda points, requirement: Quantified("forall", points, requirement, 0), points, inner),
        st.builds(lambda points: Aggregate("count", points, None, 0), points),
        st.builds(lambda function, points, value: Aggregate(function, points, value, 0),
                  st.sampled_from(["min", "max", "sum", "distinct"]), points, inner),
        st.builds(Temporal, st.sampled_from(["once", "historically", "eventually", "always"]), WINDOWS, inner,
                  st.just(0)),
        st.builds(TemporalPair, st.sampled_from(["since", "until"]), WINDOWS, inner, inner, st.just(0)),
        st.builds(Structure, st.sampled_from([">", ">>", "<", "<<", "~", "!>", "!~"]), inner, inner, st.just(0)),
        st.builds(lambda items: ListOf(items, 0), lists),
        st.builds(lambda arguments: Call("Concat", arguments, 0), lists),
        st.builds(lambda arguments, key: Item(Call("Split", arguments, 0), key, 0), lists, POSITIONS),
        # An empty map begins no operand: there `{}` is any span, before an arrow.
        st.builds(lambda other, keys, items: Binary("==", other, MapOf(tuple(keys), tuple(items), 0), 0),
                  ATTRIBUTES, st.just(["a", "\""]), st.lists(LITERALS, min_size=2, max_size=2)),
    )  # fmt: skip


EXPRESSIONS = st.recursive(ATOMS, deeper, max_leaves=12)
ASSUMPTIONS = st.lists(
    st.builds(Assumption, st.sampled_from(["complete", "unsampled"]), st.just(0), st.just(0))
    | st.builds(Assumption, st.just("skew"), st.integers(0, 10**9), st.just(0)),
    max_size=2,
).map(tuple)
RULES = st.builds(
    ForEach, st.sampled_from(["event", "trace", "span"]), st.sampled_from(["span", "trace", "event", "s"]),
    st.lists(st.builds(Join, st.sampled_from(["parent", "root"]), st.sampled_from("pq"), st.just(0)), max_size=2).map(
        tuple), st.none() | EXPRESSIONS, EXPRESSIONS, st.just(0), st.just(False), ASSUMPTIONS,
)  # fmt: skip


PROPERTIES = st.builds(Property, st.sampled_from(["severity", "message"]), TEXTS, st.just(0))
BLOCKS = st.builds(
    RuleBlock,
    st.sampled_from(["a", "a-b", "x-2"]),
    st.lists(PROPERTIES, max_size=2).map(tuple),
    RULES,
    st.just(0),
)


def plain(tree: Any) -> Any:
    """A tree without its offsets."""
    if isinstance(tree, Node):
        names = (name for name in tree.__struct_fields__ if name not in ("offset", "begin", "end"))
        return (type(tree), *(plain(getattr(tree, name)) for name in names))
    return tuple(map(plain, tree)) if isinstance(tree, tuple) else (type(tree), repr(tree))


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS)
def test_an_expression_is_read_as_it_was(tree: Expression) -> None:
    text = expression_text(tree)
    assert plain(parse_expression(text)) == plain(tree)
    assert "\n" not in text


@settings(max_examples=200, deadline=None)
@given(RULES)
def test_a_rule_is_read_as_it_was(tree: ForEach) -> None:
    text = body_text(tree)
    read = parse_rule(text)
    assert plain(read) == plain(tree)
    assert body_text(read) == text


@given(st.lists(BLOCKS, max_size=2).map(tuple))
@settings(max_examples=50, deadline=None)
def test_a_file_is_read_as_it_was(blocks: tuple[RuleBlock, ...]) -> None:
    text = rules_text(blocks)
    assert plain(parse_rules(text)) == plain(blocks)
    assert rules_text(parse_rules(text)) == text


@pytest.mark.parametrize("rule", builtin(), ids=lambda rule: f"{rule.id}-{rule.part}")
def test_built_in_rules_are_read_as_they_were(rule: Any) -> None:
    tree = parse_rule(rule.rule)
    assert plain(parse_rule(body_text(tree))) == plain(tree)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("exists child where (a and b)", "exists child where a and b"),
        ("(exists child where a) and b", "(exists child where a) and b"),
        ("b and (exists children where a)", "b and exists child where a"),
        ("b and exists child where a or c", "b and exists child where a or c"),
        ("(b and exists child where a) or c", "b and (exists child where a) or c"),
        ("not (span where a) since [0,5000ms] span where b", "not span where a since [0s, 5s] span where b"),
        ("once [10ms,] (span where a)", "once [10ms,] span where a"),
        ("{} >> { true }", "{} >> {}"),
        ("((a)) == (b + (c * d))", "a == b + c * d"),
        ("a - (b - c)", "a - (b - c)"),
        ("x == 1m30s", "x == 90s"),
        ('x == "\\t\\"é"', 'x == "\\t\\"é"'),
        ('x["a"] [ "b" ][0]==0xFF', 'x["a"]["b"][0] == 0xff'),
        ('x["a"] == {"k":[1,{"b":-2}] , "":nil}', 'x["a"] == {"k": [1, {"b": -2}], "": nil}'),
        ('Split(x , ",")[0]', 'Split(x, ",")[0]'),
    ],
)
def test_the_form(text: str, canonical: str) -> None:
    assert expression_text(parse_expression(text)) == canonical


def test_long_conditions_are_broken() -> None:
    long = " and ".join(f's.attributes["key.number.{i}"] == "value"' for i in range(6))
    text = body_text(parse_rule(f"for each span s where {long} require exists child c where {long} or not ({long})"))
    assert max(map(len, text.splitlines())) <= WIDTH, text
    assert body_text(parse_rule(text)) == text
