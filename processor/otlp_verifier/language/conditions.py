"""What a flag is the `and` of, seen through negations."""

from collections.abc import Sequence

from otlp_verifier.machine.operations import Op

AND, OR, NOT, AND_NOT = int(Op.AND), int(Op.OR), int(Op.NOT), int(Op.AND_NOT)  # looking up members takes longer
LOGIC = frozenset((AND, OR, NOT, AND_NOT))
Condition = tuple[int, bool]  # a row, and whether it is its negation


def conditions(flag: int, ops: Sequence[int], inputs: Sequence[tuple[int, ...]]) -> dict[Condition, None]:
    """The conditions that all hold exactly where a flag is set; the keys of a dictionary, in one order.

    Args:
        flag: a row.
        ops: of each row.
        inputs: of each row; those of what is not LOGIC do not matter.

    """
    found: dict[Condition, None] = {}
    left = [(flag, False)]
    while left:
        condition = row, is_negated = left.pop()
        op = ops[row]
        if op == NOT:
            left.append((inputs[row][0], not is_negated))
        elif op == (OR if is_negated else AND):
            one, other = inputs[row]
            left += (one, is_negated), (other, is_negated)
        elif op == AND_NOT and not is_negated:
            one, other = inputs[row]
            left += (one, False), (other, True)
        else:
            found[condition] = None
    return found
