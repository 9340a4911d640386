"""Syntax trees without their offsets, written as text: with parentheses everywhere, or only where they must be."""

from otlp_verifier.language.syntax import Binary, Call, Expression, Index, Literal, Name, Unary

# Loosest first. Comparisons do not chain, so neither of their sides may be one.
LEVELS = {
    "or": 1,
    "and": 2,
    "not": 3,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 4),
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
}
NEGATIVE, ATOM = 7, 8


def shape(tree: Expression) -> str:
    """Fully parenthesized, so that equal shapes are equal trees."""
    match tree:
        case Literal(value=None):
            return "nil"
        case Literal(value=bool()):
            return "true" if tree.value else "false"
        case Literal():
            return f"{tree.value}ns" if tree.is_duration else repr(tree.value)
        case Name():
            return ".".join(tree.parts)
        case Index():
            return f"{shape(tree.base)}[{tree.key}]"
        case Call():
            return f"{tree.function}({', '.join(map(shape, tree.arguments))})"
        case Unary():
            return f"({tree.operator} {shape(tree.operand)})"
        case Binary():
            return f"({shape(tree.left)} {tree.operator} {shape(tree.right)})"


def written(tree: Expression) -> str:
    """As a rule's author would write it: parentheses only where the tree would be another one without."""
    return _written(tree)[0]


def _written(tree: Expression) -> tuple[str, int]:
    match tree:
        case Unary(operator="not"):
            return f"not {_inside(tree.operand, LEVELS['not'])}", LEVELS["not"]
        case Unary():
            return f"-{_inside(tree.operand, NEGATIVE)}", NEGATIVE
        case Binary():
            level = LEVELS[tree.operator]
            left = _inside(tree.left, level + 1 if level == LEVELS["=="] else level)
            return f"{left} {tree.operator} {_inside(tree.right, level + 1)}", level
        case Literal(value=str()):
            return f'"{tree.value}"', ATOM
        case Call():
            return f"{tree.function}({', '.join(map(written, tree.arguments))})", ATOM
        case _:
            return shape(tree), ATOM


def _inside(tree: Expression, level: int) -> str:
    text, own = _written(tree)
    return text if own >= level else f"({text})"
