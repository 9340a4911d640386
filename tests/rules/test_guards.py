"""A rule's guards against what only looks like a violation: without one of them, a silent example fires."""

from collections.abc import Iterator

import msgspec
import pytest

from otlp_verifier.language.formatter import body_text, expression_text
from otlp_verifier.language.parser import parse_rule
from otlp_verifier.language.syntax import Binary, Expression, ForEach, Literal, Name
from otlp_verifier.pipeline import Verifier
from otlp_verifier.rules.catalogue import Rule
from tests.rules.tried import MADE, RULES, examples_of

# Not against a false finding: what the rule's other formula looks at is not reported twice.
ELSEWHERE = {("url-query-secret", 's.attributes["url.full"] == nil')}


def conjuncts(tree: Expression) -> list[Expression]:
    if isinstance(tree, Binary) and tree.operator == "and":
        return [*conjuncts(tree.left), *conjuncts(tree.right)]
    return [tree]


def together(trees: list[Expression]) -> Expression | None:
    joined: Expression | None = None
    for tree in trees:
        joined = tree if joined is None else Binary("and", joined, tree, 0)
    return joined


def excuses(tree: Expression) -> bool:
    """Whether a condition leaves out what has something: an attribute, dropped parts, a kind or a status."""
    match tree:
        case Binary(operator="==", right=Literal(value=None)):
            return True
        case Binary(operator="==", left=Name(parts=[*_, last]), right=Literal(value=0)):
            return last.startswith("dropped_")
        case Binary(operator="!=", right=Name()):
            return expression_text(tree.right).startswith(("SPAN_KIND_", "STATUS_CODE_"))
        case _:
            return False


def guards() -> Iterator[tuple[Rule, ForEach, list[Expression], Expression]]:
    for rule in RULES:
        if rule.id in MADE:
            continue
        tree = parse_rule(rule.rule)
        every = conjuncts(tree.guard) if tree.guard is not None else []
        for one in every:
            if excuses(one) and (rule.id, expression_text(one)) not in ELSEWHERE:
                yield rule, tree, [other for other in every if other is not one], one


GUARDS = list(guards())


@pytest.mark.parametrize(
    ("rule", "tree", "others", "guard"),
    GUARDS,
    ids=[f"{rule.id}[{rule.part}]: {expression_text(guard)}" for rule, _, _, guard in GUARDS],
)
def test_without_a_guard_a_silent_example_fires(
    rule: Rule, tree: ForEach, others: list[Expression], guard: Expression
) -> None:
    without = msgspec.structs.replace(tree, guard=together(others))
    worker = Verifier([msgspec.structs.replace(rule, rule=body_text(without))]).worker()
    silent = examples_of(rule.id).silent
    assert any(worker.verify(case.request, completeness=case.completeness).findings(1) for case in silent), (
        f"no silent example of {rule.id} needs `{expression_text(guard)}`"
    )


def test_there_are_such_guards() -> None:
    assert len(GUARDS) > 30
