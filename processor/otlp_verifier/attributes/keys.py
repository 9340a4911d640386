"""The keys of a batch as codes: of its attributes, and of the values nested in them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.attributes.key_codes import KeyCodes
from otlp_verifier.columns import AttributeWide, Columns, NestedWide, Table
from otlp_verifier.kernels.chain import Step
from otlp_verifier.machine.memory import addresses
from otlp_verifier.machine.operations import Domain
from otlp_verifier.relate.shapes import Shapes, spread

Learn: TypeAlias = Callable[[Sequence[tuple[int, bytes]]], None]


class Keys:
    """The keys of one batch after another. Not for use by two threads at once.

    Args:
        attributes: per domain, the narrow columns that say where a record's attributes begin and how many there are.
        shapes: those of each batch's spans; loaded before its keys.

    Attributes:
        everywhere: whether all attributes get codes; else those of spans only in the first span of each shape.
        attributes, nested: uint32 (1, capacity): the code of each row's key.

    """

    def __init__(self, attributes: Mapping[Domain, tuple[int, int]], shapes: Shapes) -> None:
        self.everywhere = False
        self._shapes = shapes
        self._columns = dict(sorted(attributes.items()))
        self._codes = KeyCodes()
        self._learners: list[Learn] = []
        self.attributes = self.nested = np.empty((1, 0), np.uint32)
        self._owners = np.array([*self._columns.values()], np.int64)
        self._placed = -1
        self._moves = 0
        self._arrays: tuple[NDArray[np.generic], ...] = ()  # so that their addresses stay theirs

    def __len__(self) -> int:
        """How many codes there are."""
        return len(self._codes)

    @property
    def epoch(self) -> int:
        """How often all codes have been forgotten; those from before mean nothing any more."""
        return self._codes.generation

    def tell(self, learn: Learn) -> None:
        """Have somebody told about each key when it comes for the first time: codes, and keys as sent."""
        self._learners.append(learn)

    @property
    def generation(self) -> int:
        """Goes up when `attributes`, `nested` or what the steps are told of has moved."""
        return self._moves + self._codes.generation

    def steps(self, columns: Columns, tables: Mapping[Domain, Table]) -> list[Step]:
        """The steps that find the codes of the batch that `columns` holds; `tables` are its tables by domain."""
        shapes = self._shapes
        if self._placed != columns.generation:
            self.attributes = _column(columns.attributes.capacity)
            self.nested = _column(columns.nested.capacity)
            self._moves += 1
            self._placed = columns.generation
        self._arrays = (
            columns.attributes.wide, self.attributes, columns.nested.wide, self.nested, shapes.shapes,
            *(tables[domain].narrow for domain in self._columns),
        )  # fmt: skip
        encoding = self._codes.step(
            addresses(self._arrays), columns.rows, self._owners, shapes.rows, lambda news: self._tell(columns, news)
        )
        if not self.everywhere:
            return [encoding]
        spreading = (columns.spans.narrow, columns.rows, shapes.of_spans[0], shapes.shapes, self.attributes[0])
        return [encoding, Step(spread, spreading)]

    def _tell(self, columns: Columns, news: list[list[tuple[int, int]]]) -> None:
        keys = columns.attributes.wide[AttributeWide.KEY], columns.nested.wide[NestedWide.KEY]
        try:
            told = [
                (code, columns.text(texts[row])) for texts, new in zip(keys, news, strict=True) for code, row in new
            ]
            for learn in self._learners:
                learn(told)
        except BaseException:  # nobody may take for known what was not told to the end
            self._codes.forget()
            raise


def _column(capacity: int) -> NDArray[np.uint32]:
    return np.empty((1, capacity), np.uint32)
