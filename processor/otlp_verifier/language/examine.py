"""One rule by itself: what it looks at, when it is final, and what its author may not have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from otlp_verifier.language.assume import MISSING
from otlp_verifier.language.compiler import Source, compile_rules, parameters
from otlp_verifier.language.graph import Graph
from otlp_verifier.language.jobs import Jobs
from otlp_verifier.language.lower import Lowering
from otlp_verifier.language.parser import parse_rule
from otlp_verifier.language.symbols import Symbols
from otlp_verifier.language.syntax import Literal, Unary
from otlp_verifier.machine.operations import Domain

if TYPE_CHECKING:
    from otlp_verifier.language.plan import Plan
    from otlp_verifier.language.syntax import ForEach


class Examined(msgspec.Struct, frozen=True):
    """A rule that can be compiled.

    Attributes:
        tree: its syntax tree.
        plan: it alone.
        domain: what it is about.
        final: whether no further span can undo a violation.
        assumes: `complete`, `unsampled`: what must hold for a violation to count.
        skew_ns: how far clocks may be apart.
        warnings: what can be computed but makes no sense.

    """

    tree: ForEach
    plan: Plan
    domain: Domain
    final: bool
    assumes: tuple[str, ...]
    skew_ns: int
    warnings: tuple[str, ...]


def examine(source: Source) -> Examined:
    """Compile one rule and look at it.

    Raises:
        RuleErrors: it cannot be compiled.

    """
    plan = compile_rules([source])
    tree = parse_rule(source.text)
    stated = {assumption.name for assumption in tree.assumptions} - {"skew"}
    assumed = stated if stated or plan.final[0] else set(MISSING)
    return Examined(
        tree=tree,
        plan=plan,
        domain=plan.domains[0],
        final=plan.final[0],
        assumes=tuple(sorted(assumed & set(MISSING))),
        skew_ns=max((assumption.skew_ns for assumption in tree.assumptions), default=0),
        warnings=tuple(_warnings(source, tree)),
    )


def _warnings(source: Source, tree: ForEach) -> list[str]:
    if tree.guard is not None and _is_never(source, structs.replace(tree, requirement=Literal(False, tree.offset))):
        return ["its `where` never holds, so that it can never fire"]
    if _is_never(source, tree):
        return ["its `require` always holds, so that it can never fire"]
    if _is_never(source, structs.replace(tree, guard=None, requirement=_denied(tree))):
        return ["its `require` never holds, so that it fires wherever its `where` does"]
    return []


def _denied(tree: ForEach) -> Unary:
    return Unary("not", tree.requirement, tree.offset)


def _is_never(source: Source, tree: ForEach) -> bool:
    """Whether a rule is known to be violated nowhere, by its constants alone."""
    jobs = Jobs({domain: Graph() for domain in Domain})
    rule = Lowering(source.text, tree, parameters(source), Symbols(), jobs).rule()
    graph = jobs.graphs[rule.domain]
    return graph.is_never(rule.violated) and graph.is_never(rule.undecided)
