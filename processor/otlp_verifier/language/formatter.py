"""Trees to text in one canonical form: parsing it gives the same tree, and formatting that gives the same text."""

from __future__ import annotations

import re
from typing import Final

from otlp_verifier.language.lexer import UNIT_NS
from otlp_verifier.language.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    ForEach,
    Index,
    Item,
    ListOf,
    Literal,
    MapOf,
    Name,
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

WIDTH: Final = 100  # columns; longer conditions are broken before `and` and `or`
_INDENT: Final = "  "
_WORD: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")

# How tightly what a node prints holds together, as in the grammar of expressions.py.
_OR, _AND, _PAIR, _NEGATION, _COMPARISON, _SUM, _PRODUCT, _FACTOR = range(8)
_BINARY: Final = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), _COMPARISON),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/", _PRODUCT),
}


def rules_text(blocks: tuple[RuleBlock, ...]) -> str:
    """A whole `.rules` file."""
    return "\n".join(block_text(block) for block in blocks)


def block_text(block: RuleBlock) -> str:
    """`rule id { ... }`, with a line's end."""
    properties = [f"{_INDENT}{each.name}: {_property(each)}" for each in block.properties]
    body = [f"{_INDENT}{line}" for line in body_text(block.body, WIDTH - len(_INDENT)).split("\n")[:-1]]
    return "\n".join((f"rule {block.id} {{", *properties, *body, "}")) + "\n"


def body_text(tree: ForEach, width: int = WIDTH) -> str:
    """The body of a rule, in lines that all end."""
    lines = []
    for assumption in tree.assumptions:
        bound = f" <= {duration_text(assumption.skew_ns)}" if assumption.name == "skew" else ""
        lines.append(f"assume {assumption.name}{bound}")
    if (tree.domain, tree.variable, tree.joins, tree.guard) != ("trace", "trace", (), None):
        variable = f" {tree.variable}" if tree.variable != tree.domain else ""
        joins = "".join(f" with {join.relation} {join.variable}" for join in tree.joins)
        lines.append(f"for each {tree.domain}{variable}{' at end' if tree.at_end else ''}{joins}")
        if tree.guard is not None:
            lines.extend(_clause("where", tree.guard, width))
    lines.extend(_clause("require", tree.requirement, width))
    return "\n".join(lines) + "\n"


def expression_text(tree: Expression) -> str:
    """An expression in one line."""
    return _text(tree, _OR, tail=True)


def _property(tree: Property) -> str:
    return tree.value if tree.name == "severity" and _WORD.fullmatch(tree.value) else _string(tree.value)


# Lines


def _clause(word: str, tree: Expression, width: int) -> list[str]:
    """`word tree`, in one line if it fits, else broken at the outermost places where it can be."""
    return _hung(word, _broken(tree, width - len(word) - 1, tail=True, where=False))


def _breaks(tree: Expression | None) -> bool:
    match tree:
        case Binary(operator="and" | "or") | TemporalPair():
            return True
        case Quantified():
            return tree.requirement is not None or _breaks(tree.points.condition)
        case Unary(operator="not") | Temporal():
            return _breaks(tree.operand)
        case Points():
            return _breaks(tree.condition)
        case Binary(left=Aggregate() as aggregate):
            return _breaks(aggregate.points.condition)
    return False


def _broken(
    tree: Expression, width: int, *, tail: bool, where: bool, level: int = _OR, in_chain: bool = False
) -> list[str]:
    """The lines of an expression, the later ones indented below the first where they belong to it.

    The operands of one chain of `and` or `or` stand in lines of their own, all or none.
    """
    line = _text(tree, level, tail=tail, where=where)
    if (len(line) <= width and not in_chain) or not _breaks(tree):
        return [line]
    if line != _bare(tree, tail=tail, where=where):  # it needs parentheses where it stands
        first, *rest = _broken(tree, width - 1, tail=True, where=False)
        lines = [f"({first}", *rest]
        return [*lines[:-1], f"{lines[-1]})"]
    inner = width - len(_INDENT)
    match tree:
        case Binary(left=Aggregate() as aggregate) if tree.operator not in ("and", "or"):
            return _compared_lines(tree, aggregate, inner)
        case Binary():
            own = _BINARY[tree.operator]
            chained = isinstance(tree.left, Binary) and tree.left.operator == tree.operator
            left = _broken(tree.left, width, tail=False, where=where, level=own, in_chain=chained)
            right = _broken(tree.right, inner, tail=tail, where=where, level=own + 1)
            return [*left, *_hung(tree.operator, right)]
        case Points():
            return _points_lines(tree, inner)
        case Quantified():
            first, *rest = _points_lines(tree.points, inner)
            lines = [f"{tree.quantifier} {first}", *rest]
            if tree.requirement is not None:
                requirement = _broken(tree.requirement, inner, tail=True, where=True)
                lines.extend(_INDENT + each for each in _hung("require", requirement))
            return lines
        case Unary():
            return _hung("not", _broken(tree.operand, inner, tail=tail, where=False, level=_NEGATION))
        case Temporal():
            operand = _broken(tree.operand, inner, tail=tail, where=False, level=_NEGATION)
            return _hung(f"{tree.operator}{_window(tree.window)}", operand)
        case TemporalPair():
            left = _broken(tree.left, width, tail=True, where=False, level=_NEGATION)
            right = _broken(tree.right, inner, tail=tail, where=False, level=_NEGATION)
            return [*left, *_hung(f"{tree.operator}{_window(tree.window)}", right)]
    return [line]


def _hung(word: str, lines: list[str]) -> list[str]:
    first, *rest = lines
    return [f"{word} {first}", *(_INDENT + each for each in rest)]


def _compared_lines(tree: Binary, aggregate: Aggregate, width: int) -> list[str]:
    first, *rest = _points_lines(aggregate.points, width)
    value = "" if aggregate.value is None else f": {_text(aggregate.value, _SUM, tail=True)}"
    right = _text(tree.right, _BINARY[tree.operator] + 1, tail=True)
    return [f"{aggregate.function}({first}", *rest, f"{value}) {tree.operator} {right}"]


def _points_lines(tree: Points, width: int) -> list[str]:
    if tree.condition is None:
        return [_points(tree)]
    condition = _broken(tree.condition, width, tail=True, where=True)
    return [f"{_points_head(tree)} where", *(_INDENT + each for each in condition)]


# Words


def _text(tree: Expression, level: int, *, tail: bool, where: bool = False) -> str:
    """An expression in one line, in parentheses where it would otherwise be read differently.

    Args:
        tree: the expression.
        level: what stands here must hold together at least this tightly.
        tail: nothing follows that an open `where` or `require` at its end could take.
        where: it stands in a `where` or after a `require` inside an expression, which end before `since` and `until`.

    """
    if _level(tree) < level or (where and isinstance(tree, TemporalPair)) or (not tail and _is_open(tree)):
        return f"({_bare(tree, tail=True, where=False)})"
    return _bare(tree, tail=tail, where=where)


def _level(tree: Expression) -> int:
    match tree:
        case Binary():
            return _BINARY[tree.operator]
        case TemporalPair():
            return _PAIR
        case Unary(operator="not") | Temporal() | Quantified() | Points() | Structure():
            return _NEGATION
    return _FACTOR


def _is_open(tree: Expression) -> bool:
    """Whether it ends in a condition that would go on."""
    match tree:
        case Quantified():
            return tree.requirement is not None or tree.points.condition is not None
        case Points():
            return tree.condition is not None
    return False


def _bare(tree: Expression, *, tail: bool, where: bool) -> str:
    match tree:
        case Literal():
            return _literal(tree)
        case Name():
            return ".".join(tree.parts)
        case Index():
            return f"{'.'.join(tree.base.parts)}[{_string(tree.key)}]"
        case Item():
            return f"{_bare(tree.base, tail=True, where=False)}[{_key(tree.key)}]"
        case ListOf():
            return f"[{', '.join(_text(item, _SUM, tail=True) for item in tree.items)}]"
        case MapOf():
            entries = zip(tree.keys, tree.items, strict=True)
            return f"{{{', '.join(f'{_string(key)}: {_text(item, _SUM, tail=True)}' for key, item in entries)}}}"
        case Call():
            return f"{tree.function}({', '.join(map(_argument, tree.arguments))})"
        case Unary(operator="not"):
            return f"not {_text(tree.operand, _NEGATION, tail=tail)}"
        case Unary():
            return f"-{_text(tree.operand, _FACTOR, tail=tail)}"
        case Binary():
            own = _BINARY[tree.operator]
            # Comparisons do not chain: both sides hold more tightly.
            left = _text(tree.left, own + (own == _COMPARISON), tail=False, where=where)
            return f"{left} {tree.operator} {_text(tree.right, own + 1, tail=tail, where=where)}"
        case Points():
            return _points(tree)
        case Quantified():
            points = f"{tree.quantifier} {_points(tree.points)}"
            if tree.requirement is None:
                return points
            return f"{points} require {_text(tree.requirement, _OR, tail=True, where=True)}"
        case Aggregate():
            value = "" if tree.value is None else f" : {_text(tree.value, _SUM, tail=True)}"
            return f"{tree.function}({_points(tree.points, is_last=not value)}{value})"
        case Temporal():
            return f"{tree.operator}{_window(tree.window)} {_operand(tree.operand, tail=tail)}"
        case TemporalPair():
            left = _text(tree.left, _NEGATION, tail=True)
            return f"{left} {tree.operator}{_window(tree.window)} {_operand(tree.right, tail=tail)}"
        case Structure():
            return f"{_braced(tree.left)} {tree.operator} {_braced(tree.right)}"


def _operand(tree: Expression, *, tail: bool) -> str:
    """What follows a temporal operator; a list would be taken for its window."""
    text = _text(tree, _NEGATION, tail=tail)
    return f"({text})" if text.startswith("[") else text


def _points_head(points: Points) -> str:
    relation = "link from span" if points.relation == "link from" else points.relation
    return f"{relation}{f' {points.variable}' if points.variable else ''}{' at end' if points.at_end else ''}"


def _argument(tree: Expression) -> str:
    text = _text(tree, _OR, tail=True)
    return f"({text})" if _ends_with_span(tree) else text


def _ends_with_span(tree: Expression) -> bool:
    """Whether it ends with `span` for every span, which before a symbol would be the path."""
    match tree:
        case Points(relation="span", variable="", at_end=False, condition=None):
            return True
        case Points(condition=last) if last is not None:
            return _ends_with_span(last)
        case Quantified():
            return _ends_with_span(tree.requirement if tree.requirement is not None else tree.points)
        case Binary(right=last) | TemporalPair(right=last):
            return _ends_with_span(last)
        case Unary(operand=last) | Temporal(operand=last):
            return _ends_with_span(last)
    return False


def _points(points: Points, *, is_last: bool = True) -> str:
    head = _points_head(points)
    if points.condition is None:
        return head
    # Whoever stands around has seen to it that nothing follows which the condition could take.
    condition = _text(points.condition, _OR, tail=True, where=True)
    return (
        f"{head} where ({condition})"
        if not is_last and _ends_with_span(points.condition)
        else f"{head} where {condition}"
    )


def _braced(tree: Expression) -> str:
    match tree:
        case Literal(value=True):
            return "{}"
    return f"{{ {_text(tree, _OR, tail=True)} }}"


def _window(window: Window | None) -> str:
    if window is None:
        return ""
    high = "" if window.high is None else f" {duration_text(window.high)}"
    return f" [{duration_text(window.low)},{high}]"


def _key(key: str | int) -> str:
    return _string(key) if isinstance(key, str) else str(key)


def _literal(tree: Literal) -> str:
    match tree.value:
        case None:
            return "nil"
        case bool():
            return "true" if tree.value else "false"
        case str():
            return _string(tree.value)
        case bytes():
            return f"0x{tree.value.hex()}"
        case int() if tree.is_duration:
            return duration_text(tree.value)
        case _:
            return repr(tree.value)


def duration_text(ns: int) -> str:
    """In the largest unit that divides it."""
    if ns == 0:
        return "0s"
    unit = next(unit for unit in ("h", "m", "s", "ms", "us", "ns") if ns % UNIT_NS[unit] == 0)
    return f"{ns // UNIT_NS[unit]}{unit}"


def _string(value: str) -> str:
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        value = value.replace(character, escaped)
    return f'"{value}"'
