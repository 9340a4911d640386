"""Which names mean what at one place of a rule, and which rows a subexpression speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from otlp_verifier.language import syntax
from otlp_verifier.language.graph import Graph
from otlp_verifier.language.values import Row
from otlp_verifier.machine.operations import Domain


class Scope(msgspec.Struct, frozen=True):
    """A place where expressions are evaluated once per row of `domain`.

    Attributes:
        domain: what the rows are.
        graph: where nodes go.
        rows: named rows: the row in hand, and those reached from it.
        subject: the row that bare paths speak of, where it is not the row in hand: a link's other end.
        at_end: whether the span in hand stands in time where it ends.

    """

    domain: Domain
    graph: Graph
    rows: Mapping[str, Row]
    subject: Row | None = None
    at_end: bool = False

    @property
    def main(self) -> Row:
        """The row in hand."""
        return self.subject or Row(self.domain, None)


HERE: Final = ""  # the row in hand, of which relations, time and IsRootSpan() speak without naming it


def names(tree: syntax.Expression | None) -> Iterator[str]:
    """The first words of all paths in a tree that could be variables, without those that a subexpression binds."""
    if tree is None:
        return
    match tree:
        case syntax.Name():
            yield tree.parts[0]
        case syntax.Quantified() | syntax.Aggregate():
            yield HERE
            inner = tree.requirement if isinstance(tree, syntax.Quantified) else tree.value
            for name in (*names(tree.points.condition), *names(inner)):
                if name != tree.points.variable:
                    yield name
        case syntax.Points():
            yield HERE
            for name in names(tree.condition):
                if name != tree.variable:
                    yield name
        case syntax.Structure() | syntax.Call(function="IsRootSpan"):
            yield HERE
            for part in parts(tree):
                yield from names(part)
        case _:
            for part in parts(tree):
                yield from names(part)


def parts(tree: syntax.Expression) -> Iterator[syntax.Expression]:
    """What an expression is made of."""
    for name in tree.__struct_fields__:
        value = getattr(tree, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, syntax.Expression):
                yield part


def alternatives(tree: syntax.Expression | None, *, negated: bool = False) -> int:
    """How many conjunctions `conjuncts` would give: each `and` of two `or` multiplies them."""
    match tree:
        case syntax.Unary(operator="not"):
            return alternatives(tree.operand, negated=not negated)
        case syntax.Binary(operator="and" | "or"):
            left, right = alternatives(tree.left, negated=negated), alternatives(tree.right, negated=negated)
            return left + right if (tree.operator == "and") == negated else left * right
        case _:
            return 1


def conjuncts(tree: syntax.Expression | None, *, negated: bool = False) -> list[list[syntax.Expression]]:
    """The tree as a disjunction of conjunctions: `not` pushed inwards, `or` outwards.

    An order comparison keeps its `not`, as `not (a < b)` is true of nil and `a >= b` is not.
    """
    match tree:
        case None:
            return [[]]
        case syntax.Unary(operator="not"):
            return conjuncts(tree.operand, negated=not negated)
        case syntax.Binary(operator="and" | "or"):
            left, right = conjuncts(tree.left, negated=negated), conjuncts(tree.right, negated=negated)
            if (tree.operator == "and") == negated:
                return left + right
            return [a + b for a in left for b in right]
        case syntax.Binary(operator="==" | "!=") if negated:
            other = "!=" if tree.operator == "==" else "=="
            return [[syntax.Binary(other, tree.left, tree.right, tree.offset)]]
        case _:
            return [[syntax.Unary("not", tree, tree.offset) if negated else tree]]
