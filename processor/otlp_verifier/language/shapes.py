"""What rules ask of spans, split in two: what a span's shape decides, and the rest.

A shape (relate.shapes) has the same attributes by key and type, the same kind and the same version of conventions for
all its spans. So what a rule asks of these is answered once for each shape, and kept as a mark of the shape; what is
left reads the marks of each span's shape. And where no shape of a batch can have a violation, which is so of most
rules and most batches, the rest of the rule is not run at all: its *guard* is a mark that every violation needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from otlp_verifier.columns import AttributeNarrow, SpanNarrow
from otlp_verifier.language.assembly import JOB, NONE, WIDTH
from otlp_verifier.language.fragment import Part
from otlp_verifier.language.graph import FLAG_OPS
from otlp_verifier.language.link import Linked
from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.machine.program import ALWAYS, NEVER
from otlp_verifier.relate.tables import ShapeColumn

_KEYS: Final = NarrowTable.KEYS + Domain.SPAN
# Columns of spans that all spans of a shape have alike.
_SHARED: Final = frozenset(
    {(int(NarrowTable.SPANS), int(each)) for each in (SpanNarrow.KIND, SpanNarrow.DROPPED_ATTRIBUTES)}
    | {(NarrowTable.FAULTS + Domain.SPAN, 1)}  # the version in force
)
_TYPE: Final = (int(NarrowTable.ATTRIBUTES), int(AttributeNarrow.TYPE))
# Operations whose result depends on nothing but the words and flags that they read.
_PURE: Final = frozenset(op for op in Op if Op.EQUAL <= op <= Op.LARGER or op in (Op.CONSTANT, Op.FLAG_CONSTANT))
_LOGIC: Final = frozenset((Op.AND, Op.OR, Op.NOT, Op.AND_NOT))
# What stands for a flag that is the same in every shape.
_SET, _UNSET = -1, -2


@dataclass(frozen=True, slots=True)
class Split:
    """What is left of a flag of spans: `row` of the linked rows, to be run where some shape has the mark `guard`."""

    row: int
    guard: int


def split(linked: Linked, flags: Sequence[int]) -> tuple[Linked, dict[int, Split], tuple[int, ...]]:
    """Split some rows that are flags of spans.

    Args:
        linked: all rows.
        flags: which are split.

    Returns:
        the rows with those that were added; for each of `flags` what is left of it; by number, the rows that are the
        marks of shapes.

    """
    splitter = _Splitter(linked)
    splitter.read(np.flatnonzero(linked.needed(flags)).tolist())
    left = {flag: splitter.left(flag) for flag in flags}
    return splitter.joined(), left, tuple(splitter.marks)


class _Splitter:
    """Rows by number: those of `linked`, then those that were added.

    Attributes:
        marks: rows of shapes, in the order of their marks' numbers.

    """

    def __init__(self, linked: Linked) -> None:
        self._linked = linked
        self._added: list[tuple[int, int, tuple[int, ...], tuple[int, ...]]] = []  # domain, op, numbers, inputs
        self._numbers: dict[tuple[int, int, tuple[int, ...], tuple[int, ...]], int] = {}
        self._of_shapes: dict[int, int] = {}  # row of spans -> row of shapes that gives the same
        self._located: set[int] = set()  # those that are the number of an attribute, which the shape tells apart
        self._reads_keys: set[int] = set()
        self._rest: dict[int, int] = {}  # row of spans -> what is left of it
        self._bounds: dict[int, tuple[int, int]] = {}  # flag -> flags of shapes: where it may be set, where it must be
        self.marks: dict[int, int] = {}

    def read(self, rows: Sequence[int]) -> None:
        """Look at rows of which each reads only earlier ones."""
        table, numbers = self._linked.rows[rows], self._linked.numbers[rows]
        inputs = table[:, Part.INPUTS :]
        for row, domain, op, of_row, number in zip(
            rows, table[:, Part.DOMAIN].tolist(), table[:, Part.OP].tolist(), inputs.tolist(), numbers.tolist(),
            strict=True,
        ):  # fmt: skip
            self._rest[row] = row
            if domain == Domain.SPAN:
                self._read(row, op, tuple(number), tuple(each for each in of_row if each != NONE))

    def left(self, flag: int) -> Split:
        """What is left of a flag."""
        guard = self._bounds.get(flag, (_SET, _UNSET))[0]
        if guard == _UNSET:
            return Split(flag, NEVER)
        is_worth_it = guard in self._reads_keys
        return Split(self._of_span(flag), self._mark(guard) if is_worth_it else ALWAYS)

    def joined(self) -> Linked:
        """All rows."""
        linked, count = self._linked, len(self._added)
        rows, numbers = np.full((count, WIDTH), NONE, np.uint64), np.zeros((count, 3), np.uint32)
        levels = [*linked.levels.tolist()]
        for at, (domain, op, number, inputs) in enumerate(self._added):
            rows[at, : Part.INPUTS] = 0
            rows[at, Part.DOMAIN], rows[at, Part.OP] = domain, op
            rows[at, Part.INPUTS : Part.INPUTS + len(inputs)] = inputs
            numbers[at, : len(number)] = number
            levels.append(max((levels[each] for each in inputs), default=0))
        return replace(
            linked,
            rows=np.concatenate([linked.rows, rows]),
            levels=np.array(levels, np.uint32),
            numbers=np.concatenate([linked.numbers, numbers]),
        )

    def _read(self, row: int, op: int, numbers: tuple[int, ...], inputs: tuple[int, ...]) -> None:
        if (copy := self._copy(row, op, numbers, inputs)) is not None:
            self._of_shapes[row] = copy
            if op in FLAG_OPS:
                self._bounds[row] = copy, copy
            return
        if op < JOB:
            of_spans = tuple(map(self._of_span, inputs))
            if of_spans != inputs:
                self._rest[row] = self._add(Domain.SPAN, op, numbers, of_spans)
        if op in _LOGIC:
            self._bounds[row] = self._bound(op, *(self._bounds.get(each, (_SET, _UNSET)) for each in inputs))

    def _copy(self, row: int, op: int, numbers: tuple[int, ...], inputs: tuple[int, ...]) -> int | None:
        """The row of shapes that gives what a row of spans does for all spans of the shape; None: it is not so."""
        if op == Op.NARROW:
            if numbers[0] == _KEYS:
                self._located.add(row)
                copy = self._add(Domain.SHAPE, Op.NARROW, (NarrowTable.SHAPE_KEYS, numbers[1]), ())
                self._reads_keys.add(copy)
                return copy
            if numbers[:2] not in _SHARED:
                return None
            first = self._add(Domain.SHAPE, Op.NARROW, (NarrowTable.SHAPES, ShapeColumn.SPAN), ())
            return self._add(Domain.SHAPE, Op.NARROW_AT, numbers, (first,))
        if any(each not in self._of_shapes for each in inputs):
            return None
        if any(each in self._located for each in inputs):
            is_known = op == Op.PRESENT or (op == Op.NARROW_AT and numbers[:2] == _TYPE)
        else:
            is_known = op in _PURE
        return (
            self._add(Domain.SHAPE, op, numbers, tuple(self._of_shapes[each] for each in inputs)) if is_known else None
        )

    def _of_span(self, row: int) -> int:
        """A row of spans as far as it is not answered for shapes."""
        copy = self._of_shapes.get(row)
        if copy is None or copy not in self._reads_keys or row not in self._bounds:
            return self._rest[row]
        shape = self._add(Domain.SPAN, Op.NARROW, (NarrowTable.SPAN_SHAPES, 0), ())
        return self._add(Domain.SPAN, Op.MARKED_AT, (Domain.SHAPE, self._mark(copy)), (shape,))

    def _mark(self, row: int) -> int:
        return self.marks.setdefault(row, len(self.marks))

    def _bound(self, op: int, *of_inputs: tuple[int, int]) -> tuple[int, int]:
        """Where a flag may be set, and where it must be, from where those may and must that it is made of."""
        (may, must), *others = of_inputs
        if op == Op.NOT:
            return self._negated(must), self._negated(may)
        [(other_may, other_must)] = others
        if op == Op.OR:
            return self._either(may, other_may), self._either(must, other_must)
        if op == Op.AND_NOT:
            other_may, other_must = self._negated(other_must), self._negated(other_may)
        return self._both(may, other_may), self._both(must, other_must)

    def _both(self, one: int, other: int) -> int:
        if _UNSET in (one, other):
            return _UNSET
        if one in (_SET, other):
            return other
        return one if other == _SET else self._add(Domain.SHAPE, Op.AND, (), (min(one, other), max(one, other)))

    def _either(self, one: int, other: int) -> int:
        if _SET in (one, other):
            return _SET
        if one in (_UNSET, other):
            return other
        return one if other == _UNSET else self._add(Domain.SHAPE, Op.OR, (), (min(one, other), max(one, other)))

    def _negated(self, flag: int) -> int:
        return {_SET: _UNSET, _UNSET: _SET}.get(flag) or self._add(Domain.SHAPE, Op.NOT, (), (flag,))

    def _add(self, domain: Domain, op: int, numbers: tuple[int, ...], inputs: tuple[int, ...]) -> int:
        row = (int(domain), int(op), tuple(map(int, numbers)), inputs)
        found = self._numbers.get(row)
        if found is None:
            found = self._numbers[row] = len(self._linked.rows) + len(self._added)
            self._added.append(row)
            if any(each in self._reads_keys for each in inputs):
                self._reads_keys.add(found)
        return found
