"""One trace, related anew from the ids of its spans.

Source: the language's description (docs/language.md, Semantics): of spans with one id the first by start, end and
content stands for all; the tree is what parents make once cycles are cut.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import msgspec


class Trace(msgspec.Struct, dict=True):
    """The spans of one trace, by row, related from their ids.

    Attributes:
        rows: ascending.
        ids, parent_ids: of each of the rows; 0 is none.
        order: what puts spans that share an id in order; the first stands for all.
        content: a span's bytes.

    """

    rows: Sequence[int]
    ids: dict[int, int]
    parent_ids: dict[int, int]
    order: Callable[[int], tuple[int, int, int, bytes]]
    content: Callable[[int], bytes]
    _depths: dict[int, int] = msgspec.field(default_factory=dict)
    _roots: dict[int, int] = msgspec.field(default_factory=dict)
    _is_alike: dict[int, bool] = msgspec.field(default_factory=dict)

    @cached_property
    def alike(self) -> dict[int, list[int]]:
        """The spans of each id."""
        found: dict[int, list[int]] = {}
        for row, own in self.ids.items():
            if own:
                found.setdefault(own, []).append(row)
        return found

    @cached_property
    def standing(self) -> dict[int, int]:
        """Of the spans of each id the one that stands for all."""
        return {
            own: rows[0] if len(rows) == 1 else min(rows, key=lambda row: (self.order(row), row))
            for own, rows in self.alike.items()
        }

    @cached_property
    def above(self) -> dict[int, int | None]:
        """Of each span its parent in the tree, which has no cycles."""
        cyclic = self.cyclic
        return {row: None if row in cyclic or (up := self.parent(row)) == row else up for row in self.rows}

    @cached_property
    def below(self) -> dict[int, list[int]]:
        """Of each span that has some, its children in the tree."""
        found: dict[int, list[int]] = {}
        for row, up in self.above.items():
            if up is not None:
                found.setdefault(up, []).append(row)
        return found

    @cached_property
    def cyclic(self) -> set[int]:
        """The spans that are ancestors of themselves by way of others."""
        seen: set[int] = set()
        found: set[int] = set()
        for start in self.rows:
            way: dict[int, int] = {}
            at: int | None = start
            while at is not None and at not in seen and at not in way:
                way[at] = len(way)
                at = self.parent(at)
            if at is not None and at in way and len(way) - way[at] > 1:
                found.update(list(way)[way[at] :])
            seen.update(way)
        return found

    def parent(self, row: int) -> int | None:
        """The span that a span's parent id is of."""
        return self.standing.get(self.parent_ids[row]) if self.parent_ids[row] else None

    def ancestors(self, row: int) -> Iterator[int]:
        """From the parent to the root."""
        at = self.above[row]
        while at is not None:
            yield at
            at = self.above[at]

    def root(self, row: int) -> int:
        """The topmost ancestor, or the span itself."""
        way = [row]
        while way[-1] not in self._roots and (up := self.above[way[-1]]) is not None:
            way.append(up)
        root = self._roots.get(way[-1], way[-1])
        self._roots.update(dict.fromkeys(way, root))
        return root

    @cached_property
    def lacks_parents(self) -> bool:
        """Whether a parent is named that is not there."""
        return any(up and up not in self.alike for up in self.parent_ids.values())

    def depth(self, row: int) -> int:
        """How many ancestors a span has."""
        if row not in self._depths:
            self._depths[row] = sum(1 for _ in self.ancestors(row))
        return self._depths[row]

    def state(self, row: int, name: str) -> bool:
        """Whether a span is `cyclic`, or a `conflict`, `duplicate` or `repeated` among those of its id."""
        if name == "cyclic":
            return row in self.cyclic
        rows = self.alike.get(self.ids[row], [row])
        if len(rows) == 1:
            return False
        if name == "repeated":
            return row != self.standing[self.ids[row]]
        own = self.ids[row]
        if own not in self._is_alike:
            self._is_alike[own] = len({self.content(each) for each in rows}) == 1
        return self._is_alike[own] == (name == "duplicate")

    def is_copy(self, row: int) -> bool:
        """Whether a span repeats another one exactly, which stands for it."""
        return (
            len(self.alike.get(self.ids[row], ())) > 1 and self.state(row, "duplicate") and self.state(row, "repeated")
        )

    def count(self, path: str) -> int:
        """`spans.count` and `roots.count`: of spans of one id one counts."""
        groups = [*self.alike.values(), *([row] for row in self.rows if not self.ids[row])]
        return (
            len(groups)
            if path == "spans.count"
            else sum(any(not self.parent_ids[row] for row in rows) for rows in groups)
        )
