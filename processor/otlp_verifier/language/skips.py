"""What is not run where no row asks for it: instructions of a phase that stand behind the SKIP of a flag.

Most rules are broken by no row of a block, and that shows early: what every violation needs, a flag that is cheap to
find out, is set nowhere. So each report has a chain of *guards*, flags that are set wherever its own is, and what only
it needs is put in a region behind each that pays. A row that several regions need stands before all of them, in the
innermost region around them. The order of reports is left as it is.

Bits that say what is wrong with a record have a guard of their own: whether any bit is set that any rule asks for.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from otlp_verifier.columns import EventNarrow, LinkNarrow, ResourceNarrow, ScopeNarrow, SpanNarrow
from otlp_verifier.language.assembly import FLAG_RESULT
from otlp_verifier.language.conditions import AND, AND_NOT, LOGIC, NOT, OR, Condition, conditions
from otlp_verifier.language.fragment import Part
from otlp_verifier.language.link import Linked
from otlp_verifier.language.regions import Order, Placing, Region, Target
from otlp_verifier.language.rows import Rows
from otlp_verifier.machine.operations import NarrowTable, Op
from otlp_verifier.relate.tables import SpanRelation

# What an operation takes, in nanoseconds for 512 rows on a machine of 2.1 GHz; those that are not here the last.
_COSTS: Final[dict[int, int]] = {
    Op.WIDE: 70, Op.NARROW: 90, Op.NARROW_EQUAL_K: 90, Op.NARROW_BITS_K: 90, Op.NARROW_PRESENT: 90, Op.MARKED: 20,
    Op.AND: 45, Op.OR: 45, Op.NOT: 45, Op.AND_NOT: 45, Op.FLAG_CONSTANT: 20, Op.CONSTANT: 70, Op.MASK_K: 90,
    Op.SHIFT_RIGHT: 90, Op.WIDE_AT: 400, Op.NARROW_AT: 400, Op.ROW_AT: 400, Op.MARKED_AT: 220, Op.HOLDS: 440,
    Op.NARROW_HOLDS: 340, Op.VALUE_KEY: 1000,
}  # fmt: skip
_COST: Final = 230
_COST_OF: Final = [_COSTS.get(op, _COST) for op in range(FLAG_RESULT + 1)]
_COST_MAX: Final = 1 << 20
_GUARDS_MAX: Final = 8  # of one report
# Columns whose bits are set where something is wrong: tables of findings, and those of one column.
_OF_FAULTS: Final = frozenset(
    {(NarrowTable.FAULTS + domain, 0) for domain in range(NarrowTable.SPAN_SHAPES - NarrowTable.FAULTS)}
    | {(NarrowTable.SENSITIVE + domain, 0) for domain in range(NarrowTable.FAULTS - NarrowTable.SENSITIVE)}
    | {
        (int(NarrowTable.RESOURCES), int(ResourceNarrow.DEFECTS)),
        (int(NarrowTable.SCOPES), int(ScopeNarrow.DEFECTS)),
        (int(NarrowTable.SPANS), int(SpanNarrow.DEFECTS)),
        (int(NarrowTable.EVENTS), int(EventNarrow.DEFECTS)),
        (int(NarrowTable.LINKS), int(LinkNarrow.DEFECTS)),
        (int(NarrowTable.SPAN_RELATIONS), int(SpanRelation.STATE)),
    }
)
_ASKING_MIN: Final = 2  # reports that ask for bits of one column, for these to have a guard
_NARROW_BITS_K: Final = int(Op.NARROW_BITS_K)
_LOOKED_AT: Final = np.array([_NARROW_BITS_K, *LOGIC], np.uint64)
Bits = dict[tuple[int, int], int]  # table and column -> bits
_NO_BITS: Final[tuple[Bits, Bits]] = {}, {}


class Skips:
    """Puts instructions behind guards; some rows are added for these.

    Args:
        linked: all rows.
        flags: those that any program reports.

    Attributes:
        linked: as it is handed over.
        rows: with those that were added.

    """

    def __init__(self, linked: Linked, flags: Sequence[int]) -> None:
        self.linked = linked
        self.rows = Rows(linked)
        self._constants: list[int] = linked.constants.tolist()
        self._totals = [0] * len(linked.rows)  # what a row takes with all that it reads, where nothing of it is there
        # Per flag that is made of bits that say what is wrong, those of which it needs one, and those of which that it
        # is not set does.
        self._asked: dict[int, tuple[Bits, Bits]] = {}
        self._orders: dict[tuple[Target, ...], Order] = {}
        needed = linked.needed(flags)
        self._add_up(np.flatnonzero(needed).tolist())
        for row in np.flatnonzero(needed & np.isin(linked.rows[:, Part.OP], _LOOKED_AT)).tolist():
            if self.rows.ops[row] != _NARROW_BITS_K:
                self.rows.know(row)
            self._look_at_bits(row)

    def order(self, targets: Sequence[Target]) -> Order:
        """The reports of one domain with what they need behind guards."""
        key = tuple(targets)
        if key not in self._orders:
            self._orders[key] = self._order(targets)
        return self._orders[key]

    def _order(self, targets: Sequence[Target]) -> Order:
        totals = self._totals
        common = self._common([row for row, *_ in targets])
        found_out = [conditions(row, self.rows.ops, self.rows.inputs) for row, *_ in targets]
        users = Counter(chain.from_iterable(found_out))
        phase = Region(-1, None, 0, 0)
        last: list[Region] = []
        count = 1
        in_turn: list[Target] = []
        for number, (flag, op, a, b) in enumerate(targets):
            # What several reports ask for is found out once for all of them.
            row, its_guards = self._in_turn(
                sorted(found_out[number], key=lambda each: (totals[each[0]] / users[each], each))
            )
            in_turn.append((row, op, a, b))
            region, open_regions, last = phase, iter(last), []
            guards = dict.fromkeys((*((common[flag],) if flag in common else ()), *its_guards))
            for guard in guards:
                inner = next(open_regions, None)
                if inner is None or inner.guard != guard or inner.parent is not region:
                    inner, open_regions = Region(guard, region, region.depth + 1, count), iter(())
                    region.items.append(inner)
                    count += 1
                region = inner
                last.append(region)
            region.items.append(number)
        ops = self.rows.ops
        return Placing(self.rows.inputs, lambda row: _COST_OF[ops[row]], in_turn, phase).order()

    @property
    def constants(self) -> NDArray[np.uint64]:
        """Those of the rows, and those of the rows that were added."""
        return np.array(self._constants, np.uint64)

    def joined(self) -> Linked:
        """All rows, those that were added too."""
        return replace(self.rows.joined(), constants=self.constants)

    def _add_up(self, rows: Sequence[int]) -> None:
        """Find out the totals of rows of which each reads only earlier ones."""
        totals, ops, inputs = self._totals, self.rows.ops, self.rows.inputs
        for row in rows:
            total = _COST_OF[ops[row]]
            for each in inputs[row]:
                total += totals[each]
            totals[row] = min(total, _COST_MAX)

    def _in_turn(self, found_out: Sequence[Condition]) -> tuple[int, tuple[int, ...]]:
        """A flag that is the `and` of conditions, one after another, and what stands before each but the first."""
        (found, is_negated), *others = found_out
        domain, guards = self.rows.domains[found], list[int]()
        if is_negated:
            found = self.rows.add(domain, NOT, (found,))
        for row, is_negated in others:
            guards.append(found)
            inputs = (found, row) if is_negated or found < row else (row, found)
            found = self.rows.add(domain, AND_NOT if is_negated else AND, inputs)
        return found, tuple(guards[:_GUARDS_MAX])

    def _common(self, rows: Sequence[int]) -> dict[int, int]:
        """Of flags that need a bit of a column that says what is wrong, the guard that they share."""
        columns: dict[int, tuple[int, int]] = {}
        bits: Bits = {}
        for row in sorted(self._asked.keys() & rows):
            for column, asked in self._asked[row][0].items():
                columns[row] = column
                bits[column] = bits.get(column, 0) | asked
                break
        counts = Counter(columns.values())
        guards = {
            column: self.rows.add(self.rows.domains[rows[0]], _NARROW_BITS_K, (), (*column, self._constant(asked)))
            for column, asked in bits.items()
            if counts[column] >= _ASKING_MIN
        }
        return {row: guards[column] for row, column in columns.items() if column in guards}

    def _look_at_bits(self, row: int) -> None:
        """Find out what bits a flag needs; what it is made of was looked at."""
        op, inputs = self.rows.ops[row], self.rows.inputs[row]
        if op == _NARROW_BITS_K:
            table, column, constant = self.rows.numbers[row]
            if (table, column) in _OF_FAULTS:
                self._asked[row] = {(table, column): self._constants[constant]}, {}
            return
        if self._asked.keys().isdisjoint(inputs):
            return
        one, one_unset = self._asked.get(inputs[0], _NO_BITS)
        if op == NOT:
            self._asked[row] = one_unset, one
            return
        other, other_unset = self._asked.get(inputs[1], _NO_BITS)
        if op == AND_NOT:
            other, other_unset = other_unset, other
        if op == OR:
            self._asked[row] = _in_both(one, other), {**one_unset, **other_unset}
        else:
            self._asked[row] = {**one, **other}, _in_both(one_unset, other_unset)

    def _constant(self, value: int) -> int:
        if value not in self._constants:
            self._constants.append(value)
        return self._constants.index(value)


def _in_both(one: Bits, other: Bits) -> Bits:
    return {column: one[column] | other[column] for column in one if column in other}
