"""What rules ask of spans, split in two: what a span's shape decides, and the rest.

A shape (relate.shapes) has the same attributes by key and type, the same kind and the same version of conventions for
all its spans. So what a rule asks of these is answered once for each shape, and kept as a mark of the shape; what is
left reads the marks of each span's shape. And where no shape of a batch can have a violation, which is so of most
rules and most batches, the rest of the rule is not run at all: its *guard* is a mark that every violation needs.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from otlp_verifier.columns import AttributeNarrow, SpanNarrow
from otlp_verifier.language.assembly import JOB
from otlp_verifier.language.conditions import AND, AND_NOT, LOGIC, NOT, OR, conditions
from otlp_verifier.language.fragment import Part
from otlp_verifier.language.graph import FLAG_OPS
from otlp_verifier.language.link import Linked
from otlp_verifier.language.rows import NO_NUMBERS, Inputs, Numbers, Rows
from otlp_verifier.machine.operations import Domain, NarrowTable, Op
from otlp_verifier.machine.program import ALWAYS, NEVER
from otlp_verifier.relate.tables import ShapeColumn

# Plain ints: looking up members of an enumeration takes longer than what is done with them.
_SPAN, _SHAPE = int(Domain.SPAN), int(Domain.SHAPE)
_NARROW, _NARROW_AT, _PRESENT, _MARKED_AT = map(int, (Op.NARROW, Op.NARROW_AT, Op.PRESENT, Op.MARKED_AT))
_FLAGS: Final = frozenset(map(int, FLAG_OPS))
_KEYS, _SHAPE_KEYS = NarrowTable.KEYS + _SPAN, int(NarrowTable.SHAPE_KEYS)
_SPAN_SHAPES: Final = int(NarrowTable.SPAN_SHAPES)
_FIRST_SPAN: Final = int(NarrowTable.SHAPES), int(ShapeColumn.SPAN), 0
# Columns of spans that all spans of a shape have alike.
_SHARED: Final = frozenset(
    {(int(NarrowTable.SPANS), int(each)) for each in (SpanNarrow.KIND, SpanNarrow.DROPPED_ATTRIBUTES)}
    | {(NarrowTable.FAULTS + _SPAN, 1)}  # the version in force
)
_TYPE: Final = (int(NarrowTable.ATTRIBUTES), int(AttributeNarrow.TYPE))
# Operations whose result depends on nothing but the words and flags that they read.
_PURE: Final = frozenset(int(op) for op in Op if Op.EQUAL <= op <= Op.LARGER or op in (Op.CONSTANT, Op.FLAG_CONSTANT))
# What stands for a flag that is the same in every shape, and for no row of shapes.
_SET, _UNSET, _NO_COPY = -1, -2, -3


class Split(NamedTuple):
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
    rows = Rows(linked)
    splitter = _Splitter(rows)
    splitter.read(np.flatnonzero(linked.needed(flags) & (linked.rows[:, Part.DOMAIN] == _SPAN)).tolist())
    left = {flag: splitter.left(flag) for flag in dict.fromkeys(flags)}
    return rows.joined(), left, tuple(splitter.marks)


class _Splitter:
    """What shapes answer of rows of spans; what it needs for that is added to `rows`.

    Attributes:
        marks: rows of shapes, in the order of their marks' numbers.

    """

    def __init__(self, rows: Rows) -> None:
        count = len(rows.ops)
        self._rows = rows
        self._copies = [_NO_COPY] * count  # per row of spans, the row of shapes that gives the same
        self._rest = list(range(count))  # per row of spans, what is left of it; where shapes answer it, ~ their row
        self._bounds = [(_SET, _UNSET)] * count  # per flag, flags of shapes: where it may be set, where it must be
        self._made_of = rows.ops.copy()  # JOB where it does not matter what a flag is made of
        self._located = set[int]()  # those that are the number of an attribute, which the shape tells apart
        self._reads_keys = set[int]()
        self._negations = {_SET: _UNSET, _UNSET: _SET}
        self.marks: dict[int, int] = {}

    def read(self, of_spans: Sequence[int]) -> None:
        """Look at rows of spans of which each reads only earlier ones."""
        ops, all_inputs, numbers = self._rows.ops, self._rows.inputs, self._rows.numbers
        copies, rest, bounds, made_of = self._copies, self._rest, self._bounds, self._made_of
        for row in of_spans:
            op, inputs = ops[row], all_inputs[row]
            copy = self._copy(row, op, inputs, numbers[row])
            if copy != _NO_COPY:
                copies[row] = copy
                made_of[row] = JOB
                if op in _FLAGS:
                    bounds[row] = copy, copy
                    if copy in self._reads_keys:  # only these are worth a mark
                        rest[row] = ~copy
                continue
            for each in inputs:
                if rest[each] != each:
                    left = tuple([self._of_span(each) for each in inputs])
                    rest[row] = self._add(_SPAN, op, left, numbers[row])
                    break
            if op in LOGIC:
                bounds[row] = self._bound(op, [bounds[each] for each in inputs])

    def left(self, flag: int) -> Split:
        """What is left of a flag."""
        guard, _ = self._bounds[flag]
        if guard == _UNSET:
            return Split(flag, NEVER)
        is_worth_it = guard in self._reads_keys
        return Split(self._rest_of(flag, guard), self._mark(guard) if is_worth_it else ALWAYS)

    def _copy(self, row: int, op: int, inputs: Inputs, numbers: Numbers) -> int:
        """The row of shapes that gives what a row of spans does for all spans of the shape, or _NO_COPY."""
        if op == _NARROW:
            table, column, _ = numbers
            if table == _KEYS:
                self._located.add(row)
                copy = self._add(_SHAPE, _NARROW, (), (_SHAPE_KEYS, column, 0))
                self._reads_keys.add(copy)
                return copy
            if (table, column) not in _SHARED:
                return _NO_COPY
            return self._add(_SHAPE, _NARROW_AT, (self._add(_SHAPE, _NARROW, (), _FIRST_SPAN),), numbers)
        copies = tuple([self._copies[each] for each in inputs])
        if _NO_COPY in copies:
            return _NO_COPY
        if self._located.isdisjoint(inputs):
            is_known = op in _PURE
        else:
            is_known = op == _PRESENT or (op == _NARROW_AT and numbers[:2] == _TYPE)
        return self._add(_SHAPE, op, copies, numbers) if is_known else _NO_COPY

    def _rest_of(self, flag: int, guard: int) -> int:
        """What is left of a flag: one mark, of where it may be set, for all of its conditions that shapes answer."""
        found = conditions(flag, self._made_of, self._rows.inputs)
        left = [each for each in found if self._rest[each[0]] >= 0]
        if len(left) == len(found):
            return self._of_span(flag)
        rest = self._marked(guard)
        for row, is_negated in left:
            rest = self._add(_SPAN, AND_NOT if is_negated else AND, (rest, self._of_span(row)))
        return rest

    def _of_span(self, row: int) -> int:
        """A row of spans as far as it is not answered for shapes."""
        rest = self._rest[row]
        return rest if rest >= 0 else self._marked(~rest)

    def _marked(self, flag: int) -> int:
        """The row of spans that is set where a flag of their shape is."""
        return self._add(_SPAN, _MARKED_AT, (), (_SHAPE, self._mark(flag), _SPAN_SHAPES))

    def _mark(self, row: int) -> int:
        return self.marks.setdefault(row, len(self.marks))

    def _bound(self, op: int, of_inputs: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Where a flag may be set, and where it must be, from where those may and must that it is made of."""
        may, must = of_inputs[0]
        if op == NOT:
            return self._negated(must), self._negated(may)
        other_may, other_must = of_inputs[1]
        if op == OR:
            return self._either(may, other_may), self._either(must, other_must)
        if op == AND_NOT:
            other_may, other_must = self._negated(other_must), self._negated(other_may)
        return self._both(may, other_may), self._both(must, other_must)

    def _both(self, one: int, other: int) -> int:
        if _UNSET in (one, other):
            return _UNSET
        if one in (_SET, other):
            return other
        return one if other == _SET else self._add(_SHAPE, AND, (min(one, other), max(one, other)))

    def _either(self, one: int, other: int) -> int:
        if _SET in (one, other):
            return _SET
        if one in (_UNSET, other):
            return other
        return one if other == _UNSET else self._add(_SHAPE, OR, (min(one, other), max(one, other)))

    def _negated(self, flag: int) -> int:
        found = self._negations.get(flag)
        if found is None:
            found = self._negations[flag] = self._add(_SHAPE, NOT, (flag,))
        return found

    def _add(self, domain: int, op: int, inputs: Inputs, numbers: Numbers = NO_NUMBERS) -> int:
        row = self._rows.add(domain, op, inputs, numbers)
        if not self._reads_keys.isdisjoint(inputs):
            self._reads_keys.add(row)
        return row
