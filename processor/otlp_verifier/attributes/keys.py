"""The keys of a batch as codes: of its attributes, and of the values nested in them."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.attributes.key_codes import KeyCodes
from otlp_verifier.columns import AttributeWide, Columns, NestedWide

Learn: TypeAlias = Callable[[Sequence[tuple[int, bytes]]], None]


class Keys:
    """The keys of one batch after another. Not for use by two threads at once.

    Attributes:
        attributes, nested: uint32 (1, capacity): the code of each row's key.
        generation: goes up when `attributes` or `nested` have moved.

    """

    def __init__(self) -> None:
        self._codes = KeyCodes()
        self._learners: list[Learn] = []
        self.attributes = self.nested = np.empty((1, 0), np.uint32)
        self.generation = 0
        self._placed = -1

    def __len__(self) -> int:
        """How many codes there are."""
        return len(self._codes)

    @property
    def epoch(self) -> int:
        """How often all codes have been forgotten; those from before mean nothing any more."""
        return self._codes.epoch

    def tell(self, learn: Learn) -> None:
        """Have somebody told about each key when it comes for the first time: codes, and keys as sent."""
        self._learners.append(learn)

    def load(self, columns: Columns) -> None:
        """Find the codes of the batch that `columns` holds."""
        if self._placed != columns.generation:
            self._placed = columns.generation
            self.attributes = _column(columns.attributes.capacity)
            self.nested = _column(columns.nested.capacity)
            self.generation += 1
        tables = (
            (columns.attributes, AttributeWide.KEY, AttributeWide.KEY_HASH, self.attributes),
            (columns.nested, NestedWide.KEY, NestedWide.KEY_HASH, self.nested),
        )
        news = self._codes.encode(
            tuple(table.wide[key_hash, : table.rows] for table, _, key_hash, _ in tables),
            tuple(codes[0] for *_, codes in tables),
        )
        try:
            told = [
                (code, columns.text(table.wide[key, row]))
                for (table, key, *_), new in zip(tables, news, strict=True)
                for code, row in new
            ]
            if told:
                for learn in self._learners:
                    learn(told)
        except BaseException:  # nobody may take for known what was not told to the end
            self._codes.forget()
            raise


def _column(capacity: int) -> NDArray[np.uint32]:
    return np.empty((1, capacity), np.uint32)
