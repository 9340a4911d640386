"""Regions of a phase: instructions that run where a flag is set in some row of the block, and what stands in each.

A row stands in the innermost region around all that reads it. A region that saves less than its SKIP takes is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.language.assembly import NO_ROW
from otlp_verifier.machine.operations import Op

# A row, and the operation, a and b of the instruction that takes what it gives: see assembly.Writer.
Target = tuple[int, int, int, int]

_COST_OF_REPORT: Final = 30  # and of a SKIP, in nanoseconds as in skips.py
_WORTH: Final = 60  # what a SKIP has to save where it skips
_KEPT: Final = 99  # the operation of a target that only says where its row stands; it is no instruction
_IS_TARGET: Final = np.isin(np.arange(_KEPT + 1), (Op.REPORT, Op.SKIP, _KEPT))


class Region(msgspec.Struct, eq=False):
    """Instructions that run where `guard` is set in some row; those of the phase itself always do."""

    guard: int
    parent: "Region | None"
    depth: int
    number: int  # in the order of the program
    items: "list[int | Region]" = msgspec.field(default_factory=list)  # numbers of targets, and regions


class Order(msgspec.Struct, frozen=True):
    """Targets in the order in which they are written.

    Attributes:
        targets: with those of SKIP, and those that place a row.
        ends: of each SKIP in `targets`, the last that it skips.

    """

    targets: list[Target]
    ends: dict[int, int]

    def finish(self, lines: NDArray[np.int32]) -> NDArray[np.int32]:
        """The instructions that were written for the targets, with how far each SKIP goes."""
        if not self.ends:
            return lines
        at = np.flatnonzero(_IS_TARGET[lines[:, 0]])
        is_kept = lines[:, 0] == _KEPT
        before = np.concatenate([[0], np.cumsum(~is_kept)])  # instructions that stay, before each
        skips = at[list(self.ends)]
        lines[skips, 2] = before[at[list(self.ends.values())] + 1] - before[skips + 1]
        finished: NDArray[np.int32] = lines[~is_kept]
        return finished


class Placing:
    """Orders the targets of one phase with the rows that they need.

    Args:
        inputs: per row, those that it reads, which have lower numbers.
        cost: what a row takes by itself.
        targets: what is written, by number.
        phase: the region around all, with the targets' numbers in it and in those inside.

    """

    def __init__(
        self,
        inputs: Sequence[tuple[int, ...]],
        cost: Callable[[int], int],
        targets: Sequence[Target],
        phase: Region,
    ) -> None:
        self._inputs = inputs
        self._cost = cost
        self._targets = targets
        self._phase = phase
        self._readers: dict[int, list[Region]] = {}  # row -> regions with something that reads it
        self._places: dict[int, Region] = {}
        self._totals: dict[Region, int] = {}
        self._instead: dict[Region, Region] = {}  # of those that are left out
        self._before: dict[Region, list[int]] = {}  # rows that must be there before a region

    def order(self) -> Order:
        """The targets with SKIPs."""
        if not any(isinstance(item, Region) for item in self._phase.items):
            return Order(list(self._targets), {})
        for region in _regions(self._phase):
            for item in region.items:
                row = item.guard if isinstance(item, Region) else self._targets[item][0]
                self._readers.setdefault(row, []).append(region)
            self._totals[region] = 0
        self._place()
        self._leave_out(self._phase)
        for row, readers in self._readers.items():
            if len(readers) > 1:
                self._keep(row, readers)
        written: list[Target] = []
        ends: dict[int, int] = {}
        self._write(self._phase, written, ends)
        return Order(written, ends)

    def _place(self) -> None:
        """Find a place for each row, after all that read it: a row reads rows with lower numbers."""
        left = [-row for row in self._readers]
        heapify(left)
        while left:
            row = -heappop(left)
            if row in self._places:
                continue
            place, *others = self._readers[row]
            for other in others:
                place = _around(place, other)
            self._places[row] = place
            self._totals[place] += self._cost(row)
            for each in self._inputs[row]:
                readers = self._readers.get(each)
                if readers is None:
                    self._readers[each] = [place]
                    heappush(left, -each)
                else:
                    readers.append(place)

    def _stays(self, region: Region) -> Region:
        while region in self._instead:
            region = self._instead[region]
        return region

    def _leave_out(self, region: Region) -> None:
        """Sum up what regions take; those that are not worth a SKIP become part of the one around them."""
        items: list[int | Region] = []
        for item in region.items:
            if isinstance(item, Region):
                self._leave_out(item)
                self._totals[region] += self._totals[item]
                items += item.items if item in self._instead else [item]
            else:
                items.append(item)
        region.items = items
        inner = [item for item in items if isinstance(item, Region)]
        total = self._totals[region] = self._totals[region] + _COST_OF_REPORT * len(items)
        largest = max((self._totals[item] for item in inner), default=0)
        if region.parent is not None and total - largest < _WORTH:
            self._instead[region] = region.parent
            for item in inner:
                item.parent = region.parent

    def _keep(self, row: int, readers: list[Region]) -> None:
        """Have a row before the first region that reads it and that it does not stand in."""
        place = self._stays(self._places[row])
        inner = [_below(place, region) for region in set(map(self._stays, readers)) if region is not place]
        if inner:
            self._before.setdefault(min(inner, key=lambda each: each.number), []).append(row)

    def _write(self, region: Region, written: list[Target], ends: dict[int, int]) -> None:
        for item in region.items:
            if not isinstance(item, Region):
                written.append(self._targets[item])
                continue
            written.extend((row, _KEPT, 0, NO_ROW) for row in sorted(self._before.get(item, ())))
            skip = len(written)
            written.append((item.guard, int(Op.SKIP), 0, NO_ROW))
            self._write(item, written, ends)
            ends[skip] = len(written) - 1


def _regions(region: Region) -> Iterator[Region]:
    yield region
    for item in region.items:
        if isinstance(item, Region):
            yield from _regions(item)


def _around(one: Region, other: Region) -> Region:
    """The innermost region around two."""
    while one is not other:
        if one.depth < other.depth:
            one, other = other, one
        assert one.parent is not None  # noqa: S101  # only the phase has none, and it is around all
        one = one.parent
    return one


def _below(outer: Region, inner: Region) -> Region:
    """The region in `outer` that `inner` is, or stands in."""
    while inner.parent is not outer:
        assert inner.parent is not None  # noqa: S101  # as above
        inner = inner.parent
    return inner
