"""One graph of a rule over a domain: an expression that stands in it many times is in it once; link.py joins rules.

A node is an operation of the machine, the nodes it reads and plain numbers. Its
result is a word or a flag. Constants and a few identities are folded as nodes are
made, so that rules which cannot fire cost nothing.
"""

import struct
from typing import Final, NamedTuple

import msgspec

from otlp_verifier.language.symbols import StringCode
from otlp_verifier.machine.operations import Op

NodeId = int

FLAG_OPS: Final = frozenset(
    op
    for op in Op
    if Op.PRESENT <= op < Op.ADD or op in (Op.FLAG_CONSTANT, Op.HOLDS, Op.NARROW_HOLDS, Op.MARKED_AT)
)  # fmt: skip


class Node(NamedTuple):
    """`inputs` are nodes, `numbers` go into the instruction as they are."""

    op: Op
    inputs: tuple[NodeId, ...] = ()
    numbers: tuple[int | StringCode, ...] = ()

    @property
    def is_flag(self) -> bool:
        """Whether the result is a flag and not a word."""
        return self.op in FLAG_OPS


class Graph(msgspec.Struct):
    """The nodes of one domain, each at the index that is its id; inputs come before those who read them."""

    nodes: list[Node] = msgspec.field(default_factory=list)
    _ids: dict[Node, NodeId] = msgspec.field(default_factory=dict)

    def node(self, op: Op, *inputs: NodeId, numbers: tuple[int | StringCode, ...] = ()) -> NodeId:
        """The id of this node, made if it is new."""
        node = Node(op, inputs, numbers)
        found = self._ids.get(node)
        if found is None:
            found = self._ids[node] = len(self.nodes)
            self.nodes.append(node)
        return found

    def flag(self, value: bool) -> NodeId:
        """A constant flag."""
        return self.node(Op.FLAG_CONSTANT, numbers=(int(value),))

    def word(self, value: float) -> NodeId:
        """A constant word: the bits of an int, signed or unsigned, or of a float."""
        return self.node(Op.CONSTANT, numbers=(bits(value),))

    def is_never(self, flag: NodeId) -> bool:
        """Whether a flag is known to be set in no row."""
        return self._known(flag) is False

    def _known(self, flag: NodeId) -> bool | None:
        node = self.nodes[flag]
        return bool(node.numbers[0]) if node.op is Op.FLAG_CONSTANT else None

    def both(self, a: NodeId, b: NodeId) -> NodeId:
        """`a and b`."""
        if self._known(a) is not None:
            return b if self._known(a) else a
        if self._known(b) is not None:
            return a if self._known(b) else b
        if a == b:
            return a
        for one, other in ((a, b), (b, a)):
            if self.nodes[other].op is Op.NOT:
                negated = self.nodes[other].inputs[0]
                return self.flag(False) if negated == one else self.node(Op.AND_NOT, one, negated)
        return self.node(Op.AND, *sorted((a, b)))

    def either(self, a: NodeId, b: NodeId) -> NodeId:
        """`a or b`."""
        if self._known(a) is not None:
            return a if self._known(a) else b
        if self._known(b) is not None:
            return b if self._known(b) else a
        return a if a == b else self.node(Op.OR, *sorted((a, b)))

    def conjuncts(self, flag: NodeId) -> frozenset[NodeId]:
        """Flags that are set wherever this one is: it, and those that it is the `and` of."""
        found, left = set[NodeId](), [flag]
        while left:
            each = left.pop()
            if each not in found:
                found.add(each)
                node = self.nodes[each]
                left += node.inputs if node.op is Op.AND else node.inputs[:1] if node.op is Op.AND_NOT else ()
        return frozenset(found)

    def negate(self, a: NodeId) -> NodeId:
        """`not a`."""
        if self._known(a) is not None:
            return self.flag(not self._known(a))
        node = self.nodes[a]
        return node.inputs[0] if node.op is Op.NOT else self.node(Op.NOT, a)


def bits(value: float) -> int:
    """The 64 bits of a number, as an unsigned int."""
    if isinstance(value, float):
        return int(struct.unpack("<Q", struct.pack("<d", value))[0])
    return value & 0xFFFFFFFFFFFFFFFF
