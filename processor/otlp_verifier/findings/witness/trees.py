"""What the walk asks of a tree itself, whatever the telemetry is."""

from collections.abc import Iterator

from otlp_verifier.language import syntax
from otlp_verifier.language.converters import CONVERTERS
from otlp_verifier.language.paths import ENUMS
from otlp_verifier.language.syntax import Binary, Call, Expression, Index, Item, Name, Node, Points, Unary


def parts(tree: object) -> Iterator[object]:
    """What a node of a tree is made of; nothing of what is no node."""
    for name in tree.__struct_fields__ if isinstance(tree, Node) else ():
        value = getattr(tree, name)
        yield from value if isinstance(value, tuple) else (value,)


def looks_across(tree: object) -> bool:
    """Whether rows other than those that paths lead to are looked at."""
    if isinstance(tree, Points | syntax.Quantified | syntax.Aggregate | syntax.Structure):
        return True
    return any(map(looks_across, parts(tree)))


def is_stated(tree: object, constants: frozenset[str] = frozenset()) -> bool:
    """Whether the rule states a value, and no path leads to it; `constants` are the rule's parameters."""
    if isinstance(tree, Name):
        return len(tree.parts) == 1 and (tree.parts[0] in constants or tree.parts[0] in ENUMS)
    if isinstance(tree, Index | Points | syntax.Structure) or (isinstance(tree, Call) and not tree.arguments):
        return False
    return all(is_stated(part, constants) for part in parts(tree))


def is_made(tree: object) -> bool:
    """Whether an expression is what functions make of a value, or a number that is calculated from an attribute."""
    match tree:
        case Item() | Call(function="Concat"):
            return True
        case Call():
            return tree.function in CONVERTERS and not CONVERTERS[tree.function].is_test
        case Unary(operator="-"):
            return isinstance(tree.operand, Index) or is_made(tree.operand)
        case Binary(operator="+" | "-" | "*" | "/"):
            return any(isinstance(side, Index) or is_made(side) for side in (tree.left, tree.right))
    return False


def points_of(operand: Expression) -> Points:
    """Which points an operand of a temporal operator ranges over: all its leaves say the same."""
    while not isinstance(operand, Points):
        if not isinstance(operand, Unary | Binary):
            raise AssertionError(f"{type(operand).__name__} is no operand of a temporal operator")
        operand = operand.operand if isinstance(operand, Unary) else operand.left
    return operand


def conjuncts(tree: Expression | None) -> list[Expression]:
    """What must all hold, of conditions that `and` joins."""
    if tree is None:
        return []
    if isinstance(tree, Binary) and tree.operator == "and":
        return [*conjuncts(tree.left), *conjuncts(tree.right)]
    return [tree]


def names_in(tree: object) -> Iterator[Name]:
    """The paths of an expression, without those of other rows that it looks at."""
    if isinstance(tree, Name):
        if not is_stated(tree):
            yield tree
    elif not isinstance(tree, Points | syntax.Structure | syntax.Aggregate):
        for part in parts(tree):
            yield from names_in(part)


def speaks_of(tree: object, variables: frozenset[str]) -> bool:
    """Whether a path anywhere in a tree begins with one of these variables."""
    if isinstance(tree, Name):
        return tree.parts[0] in variables
    return any(speaks_of(part, variables) for part in parts(tree))
