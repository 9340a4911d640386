"""A rule in plain words, made from its tree: sentences for what joins conditions; conditions stay as written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otlp_verifier.language.formatter import duration_text, expression_text
from otlp_verifier.language.syntax import (
    Binary,
    Expression,
    ForEach,
    Points,
    Quantified,
    Structure,
    Temporal,
    TemporalPair,
    Unary,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_INDENT: Final = "  "
RELATIONS: Final = {
    "child": "a child: a span whose parent it is",
    "parent": "its parent",
    "ancestor": "an ancestor: its parent, or the parent's, and so on",
    "descendant": "a descendant: a child, or a child's child, and so on",
    "sibling": "a sibling: another span with the same parent",
    "root": "the root: the ancestor at the top",
    "link": "a span that one of its links points to",
    "link from": "a span with a link that points to it",
    "event": "an event of it",
    "span": "a span of the same trace",
}
_ARROWS: Final = {
    ">": "whose parent is a span with",
    ">>": "that has an ancestor with",
    "<": "that has a child with",
    "<<": "that has a descendant with",
    "~": "that has a sibling with",
    "!>": "whose parent, if any, is no span with",
    "!>>": "that has no ancestor with",
    "!<": "that has no child with",
    "!<<": "that has no descendant with",
    "!~": "that has no sibling with",
}
_JOINS: Final = {
    "parent": "its parent",
    "span": "its span",
    "root": "the root above it",
    "previous": "the one before it",
}
_SPAN_TIMES: Final = {False: "starts", True: "ends"}


def rule_words(tree: ForEach) -> str:
    """What a rule demands, as indented lines."""
    lines = ["In every trace:"] if tree.domain == "trace" and tree.guard is None else _subject(tree)
    return "\n".join([*lines, *_all(_condition(tree.requirement))]) + "\n"


def _subject(tree: ForEach) -> list[str]:
    named = f" {tree.variable}" if tree.variable != tree.domain else ""
    joined = "".join(f", if there is {_JOINS[join.relation]} (called {join.variable})" for join in tree.joins)
    at_end = ", taken at its end" if tree.at_end else ""
    lines = [f"For each {tree.domain}{named}{at_end}{joined}"]
    if tree.guard is None:
        return [f"{lines[0]}, this must hold:"]
    return [f"{lines[0]}, where this holds:", *_all(_condition(tree.guard)), "this must hold:"]


def _all(lines: list[str]) -> list[str]:
    return [_INDENT + line for line in lines]


def _condition(tree: Expression) -> list[str]:
    match tree:
        case Binary(operator="and" | "or"):
            head = "all of:" if tree.operator == "and" else "at least one of:"
            return [head, *(line for part in _chain(tree, tree.operator) for line in _item(_condition(part)))]
        case Unary(operator="not"):
            return _prefixed("not: ", _condition(tree.operand))
        case Quantified():
            return _quantified(tree)
        case Structure():
            return _structure(tree)
        case Temporal():
            return _temporal(tree)
        case TemporalPair():
            return _pair(tree)
        case Points():
            return _point(tree)
    return [expression_text(tree)]


def _chain(tree: Expression, operator: str) -> list[Expression]:
    if isinstance(tree, Binary) and tree.operator == operator:
        return [*_chain(tree.left, operator), *_chain(tree.right, operator)]
    return [tree]


def _item(lines: list[str]) -> list[str]:
    return _prefixed("- ", lines)


def _prefixed(head: str, lines: list[str]) -> list[str]:
    first, *rest = lines
    return [head + first, *_all(rest)]


def _named(points: Points) -> str:
    called = f" (called {points.variable})" if points.variable else ""
    return f"{RELATIONS[points.relation]}{called}"


def _with(head: str, condition: Expression | None, then: Callable[[], list[str]] | None = None) -> list[str]:
    """`head with:` and the condition below it."""
    lines = [f"{head} with" if condition is not None else head]
    if condition is not None:
        inner = _condition(condition)
        lines = [f"{lines[0]} {inner[0]}", *_all(inner[1:])]
    return [*lines, *(then() if then is not None else [])]


def _quantified(tree: Quantified) -> list[str]:
    if tree.quantifier == "exists":
        return _with(f"there is {_named(tree.points)},", tree.points.condition)
    requirement = tree.requirement
    lines = _with(f"of every row that is {_named(tree.points)},", tree.points.condition)
    return lines if requirement is None else [*lines, *_all(_prefixed("holds: ", _condition(requirement)))]


def _structure(tree: Structure) -> list[str]:
    first = _with("there is a span", tree.right)
    return [*first, *_all(_prefixed(f"{_ARROWS[tree.operator]} ", _condition(tree.left)))]


def _window(window: Window | None, *, future: bool) -> str:
    direction = "after it" if future else "before it"
    if window is None or (window.low == 0 and window.high is None):
        return f"at its time or {direction}"
    if window.high is None:
        return f"at least {duration_text(window.low)} {direction}"
    if window.low == 0:
        return f"at its time or up to {duration_text(window.high)} {direction}"
    return f"from {duration_text(window.low)} to {duration_text(window.high)} {direction}"


def _temporal(tree: Temporal) -> list[str]:
    when = _window(tree.window, future=tree.operator in ("eventually", "always"))
    if tree.operator in ("once", "eventually"):
        return _prefixed(f"some point {when} is ", _condition(tree.operand))
    return _prefixed(f"every point {when} is ", _condition(tree.operand))


def _pair(tree: TemporalPair) -> list[str]:
    future = tree.operator == "until"
    when = _window(tree.window, future=future)
    between = "from it up to there, without that point" if future else "after that point, up to it"
    return [
        *_prefixed(f"some point {when} is ", _condition(tree.right)),
        *_prefixed(f"and every point {between}, is ", _condition(tree.left)),
    ]


def _point(tree: Points) -> list[str]:
    which = "a span" if tree.relation == "span" else "a span with a link to it"
    called = f" (called {tree.variable})" if tree.variable else ""
    at_end = " at its end" if tree.at_end else ""
    return _with(f"{which}{called}{at_end}", tree.condition)
