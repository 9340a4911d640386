"""Trees: precedence, what may follow what, and limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_verifier.language.cursor import DEPTH_MAX, OPERATORS_MAX
from otlp_verifier.language.errors import RuleError
from otlp_verifier.language.parser import parse_expression, parse_rule
from otlp_verifier.language.syntax import Binary, Call, Expression, Join, Literal, Name, Unary
from tests.language.trees import LEVELS, shape, written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a or b and c", "(a or (b and c))"),
        ("a and b or c", "((a and b) or c)"),
        ("a or b or c", "((a or b) or c)"),
        ("not a and b", "((not a) and b)"),
        ("not a == b", "(not (a == b))"),
        ("not not a", "(not (not a))"),
        ("not (a or b)", "(not (a or b))"),
        ("a == b and c != d", "((a == b) and (c != d))"),
        ("a < b + c", "(a < (b + c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a - (b - c)", "(a - (b - c))"),
        ("a + b * c / d", "(a + ((b * c) / d))"),
        ("a * -b", "(a * (- b))"),
        ("-a * b", "((- a) * b)"),
        ("--a", "(- (- a))"),
        ("-5", "-5"),
        ("-5ms", "-5000000ns"),
        ("- 1.5", "-1.5"),
        ("--5", "5"),
        ("-(5)", "-5"),
        ("a -5", "(a - 5)"),
        ("-true", "(- true)"),
        ("(a)", "a"),
        ("((a)) == (nil)", "(a == nil)"),
        ('s.attributes["a.b"]', "s.attributes[a.b]"),
        ('attributes["a\\"b"]', 'attributes[a"b]'),
        ("f()", "f()"),
        ('IsMatch(s.name, "^a") and Len(x) > 1', "(IsMatch(s.name, '^a') and (Len(x) > 1))"),
        ("f(a or b, not c)", "f((a or b), (not c))"),
        ("a.b.c <= 5us", "(a.b.c <= 5000ns)"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(parse_expression(text)) == expected


def test_a_rule_has_its_parts() -> None:
    tree = parse_rule("for each span s with parent p with parent q where a require b")
    assert (tree.domain, tree.variable) == ("span", "s")
    assert tree.joins == (Join("parent", "p", 21), Join("parent", "q", 35))
    assert tree.guard is not None
    assert shape(tree.guard) == "a"
    assert shape(tree.requirement) == "b"


def test_without_a_variable_the_domain_is_its_name() -> None:
    tree = parse_rule("for each link require link.span_id != nil")
    assert tree.variable == "link"
    assert tree.guard is None


def test_nodes_know_where_they_begin() -> None:
    tree = parse_rule("for each span s\n  require not s.name == f(-x)")
    assert tree.offset == 0
    negation = tree.requirement
    assert isinstance(negation, Unary)
    assert negation.offset == 26
    equality = negation.operand
    assert isinstance(equality, Binary)
    assert equality.offset == 37, "that of the operator"
    assert equality.left.offset == 30
    assert isinstance(equality.right, Call)
    assert (equality.right.offset, equality.right.arguments[0].offset) == (40, 42)


LEAVES: st.SearchStrategy[Expression] = st.one_of(
    st.sampled_from(["a", "b.c"]).map(lambda name: Name(tuple(name.split(".")), 0)),
    st.integers(0, 3).map(lambda number: Literal(number, 0)),
    st.just(Literal("x", 0)),
    st.just(Literal(5, 0, is_duration=True)),
    st.sampled_from([True, False, None]).map(lambda value: Literal(value, 0)),
)


def _negated(operand: Expression) -> Expression:
    """`-`, which the parser folds into numbers."""
    if isinstance(operand, Literal) and isinstance(operand.value, int) and not isinstance(operand.value, bool):
        return Literal(-operand.value, 0, operand.is_duration)
    return Unary("-", operand, 0)


TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from([o for o in LEVELS if o != "not"]), inner, inner, st.just(0)),
        st.builds(Unary, st.just("not"), inner, st.just(0)),
        inner.map(_negated),
        st.builds(Call, st.just("F"), st.lists(inner, max_size=2).map(tuple), st.just(0)),
    ),
    max_leaves=12,
)


@given(TREES)
def test_a_tree_written_with_the_fewest_parentheses_is_read_back(tree: Expression) -> None:
    assert shape(parse_expression(written(tree))) == shape(tree)


@given(TREES)
def test_a_tree_written_with_all_parentheses_is_read_back(tree: Expression) -> None:
    text = shape(tree).replace("'", '"')
    assert shape(parse_expression(text)) == shape(tree)


NESTINGS = [("(", ")"), ("not ", ""), ("-", ""), ("F(", ")"), ("a + (", ")"), ("not (a or ", ")")]


@pytest.mark.parametrize(("before", "after"), NESTINGS)
def test_depth_is_bounded(before: str, after: str) -> None:
    def nested(depth: int) -> str:
        return before * depth + "a" + after * depth

    levels = 2 if before == "not (a or " else 1
    parse_expression(nested(DEPTH_MAX // levels))
    with pytest.raises(RuleError, match=f"nested more than {DEPTH_MAX} levels deep"):
        parse_expression(nested(DEPTH_MAX // levels + 1))
    with pytest.raises(RuleError, match="levels deep"):
        parse_expression(nested(5_000))


def test_depth_is_that_of_a_place_not_of_the_rule() -> None:
    deep = "(" * DEPTH_MAX + "a" + ")" * DEPTH_MAX
    parse_expression(f"{deep} or {deep} or f({'(' * (DEPTH_MAX - 1)}a{')' * (DEPTH_MAX - 1)}, {deep[1:-1]})")


@pytest.mark.parametrize("operator", ["or", "and", "+", "-", "*", "/"])
def test_the_number_of_operators_is_bounded(operator: str) -> None:
    def chained(operators: int) -> str:
        return f" {operator} ".join(["b"] * (operators + 1))

    parse_expression(chained(OPERATORS_MAX))
    with pytest.raises(RuleError, match=f"more than {OPERATORS_MAX} operators"):
        parse_expression(chained(OPERATORS_MAX + 1))


def test_the_deepest_rule_of_the_most_operators_fits_the_stack() -> None:
    operators = ("or", "and", "==", "+", "*")
    nested = "(" + " ".join(f"b {operator}" for operator in operators) + " "
    levels = OPERATORS_MAX // len(operators)
    inner = "-" * (DEPTH_MAX - levels) + "b"
    parse_expression(nested * levels + inner + ")" * levels)
