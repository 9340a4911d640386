"""Where the strings and values of a batch are that a dictionary encodes; see lookup.h."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.kernels.chain import BATCH, Step
from otlp_verifier.wire._native import ffi
from otlp_verifier.wire.memory import UINT8, UINT32, UINT64, pointer
from otlp_verifier.wire.steps import step

NO_CODE: Final = 0xFFFFFFFF
NO_TEXT: Final = 0xFFFFFFFFFFFFFFFF
TEXT_BYTES_MAX: Final = 2**32 - 1  # a text's offset has 32 bits

_Native: TypeAlias = Any  # a cffi struct or pointer


class KeyRows(msgspec.Struct, frozen=True):
    """Which owners have an attribute with one key, as the batch in hand has them.

    Attributes:
        rows: uint32 (at least the owners,): the attribute's row, or NO_CODE.
        types: uint32 (rows,): otlpv_type of each attribute.
        end: uint32 (1,): one past the last owner that has one.

    """

    rows: NDArray[np.uint32]
    types: NDArray[np.uint32]
    end: NDArray[np.uint32]


class TextSources:
    """Where the texts are that a dictionary encodes: columns, or the values of attributes with one key.

    Args:
        count: how many sources there are.

    """

    def __init__(self, count: int) -> None:
        self._native = ffi.new("otlpv_text_source[]", [{"wanted": 1}] * count)
        self._memory: list[Any] = [None] * count  # so that the arrays stay where they are
        self._asked: list[int] = []
        self._seen = np.empty((0, 0), np.uint8)
        self._news = np.empty(0, np.uint64)
        self._news_native = pointer(self._news, UINT64)

    def point(
        self,
        number: int,
        texts: NDArray[np.uint64],
        codes: NDArray[np.uint32],
        owners: KeyRows | NDArray[np.uint32],
    ) -> None:
        """Say where a source's texts are and where their codes go.

        Args:
            number: of the source.
            texts: offset << 32 | length, shape (rows,); NO_TEXT has the code NO_CODE.
            codes: the result, shape (at least the owners,); filled with NO_CODE here.
            owners: which row of `texts` is an owner's; what is no string has the code NO_CODE. Or, where an owner is a
                row, uint32 (1,): how many the batch in hand has.

        Raises:
            ValueError: an array has another type or layout, or is too small.

        """
        if isinstance(owners, KeyRows):
            memory = [
                pointer(texts, UINT64), pointer(codes, UINT32, writable=True), pointer(owners.end, UINT32, 1),
                pointer(owners.rows, UINT32, len(codes)), pointer(owners.types, UINT32, len(texts)),
            ]  # fmt: skip
        else:
            memory = [
                pointer(texts, UINT64), pointer(codes, UINT32, len(texts), writable=True), pointer(owners, UINT32, 1),
            ]  # fmt: skip
        self._memory[number] = memory
        native = self._native[number]
        native.texts, native.codes, native.end, native.rows, native.types = (*memory, *[ffi.NULL] * 2)[:5]
        codes.fill(NO_CODE)
        native.written = 0

    def want(self, numbers: Collection[int]) -> None:
        """Say whose codes are read after the next calls of `encode`; at first all are."""
        for number in range(len(self._memory)):
            self._native[number].wanted = number in numbers

    def ask(self, numbers: Sequence[int], owners: int) -> None:
        """Say whose new codes `encode` returns, and how many owners these sources have at most, all together."""
        self._asked = list(numbers)
        self._news = np.empty(owners, np.uint64)
        self._news_native = pointer(self._news, UINT64)

    def reserve(self, codes: int) -> None:
        """Make room for so many codes; forgets which codes have been there when there was not."""
        if self._seen.shape != (len(self._asked), codes):
            self._seen = np.zeros((len(self._asked), codes), np.uint8)
            for row, number in enumerate(self._asked):
                self._native[number].seen = pointer(self._seen[row], UINT8)

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Answer for all codes that are new, or take every code for one that has not been there."""
        try:
            yield
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Take every code for one that has not been there."""
        self._seen.fill(0)

    def call(self, source: Any, dictionary: _Native) -> tuple[Any, ...]:
        """What otlpv_encode is told, for `Dictionary`; `source` is the bytes."""
        return source, self._native, len(self._memory), dictionary, self._news_native

    def listed(self, found: int) -> list[tuple[int, int]]:
        """The news of a call that has found so many: (source, code)."""
        return [(new >> 32, new & 0xFFFFFFFF) for new in self._news[:found].tolist()]


class ValueSources:
    """Where the values of attributes are that are no strings; a step makes texts of them for a dictionary.

    Args:
        count: how many sources there are.

    Attributes:
        packed: uint8, what the texts of the batch in hand point into.
        generation: goes up when `packed` has moved.

    """

    def __init__(self, count: int) -> None:
        self._native = ffi.new("otlpv_value_source[]", [{"wanted": 1}] * count)
        self._memory: list[Any] = [None] * count  # so that the arrays stay where they are
        self._ends = [_uint32_at(self._native + number, "found_end") for number in range(count)]
        self.packed: NDArray[np.uint8] = np.empty(1 << 12, np.uint8)
        self.generation = 0

    def point(self, number: int, values: NDArray[np.uint64], having: KeyRows) -> NDArray[np.uint64]:
        """Say where a source's values are.

        Args:
            number: of the source.
            values: as in the attributes' columns, shape (rows,).
            having: which row of `values` is an owner's.

        Returns:
            where the texts go, shape (owners,); NO_TEXT for strings and what is absent or empty.

        """
        texts = np.empty(len(having.rows), np.uint64)
        memory = (
            pointer(values, UINT64), pointer(having.types, UINT32, len(values)), pointer(having.rows, UINT32),
            pointer(texts, UINT64, writable=True), pointer(having.end, UINT32, 1),
        )  # fmt: skip
        self._memory[number] = memory
        native = self._native[number]
        native.values, native.types, native.rows, native.texts, native.end = memory
        return texts

    def want(self, numbers: Collection[int]) -> None:
        """Say which sources' values the next calls of `pack` look at; at first all."""
        for number in range(len(self._memory)):
            self._native[number].wanted = number in numbers

    def found_end(self, number: int) -> NDArray[np.uint32]:
        """One past the last owner of a source that has had such a value, 0 when none had; uint32 (1,)."""
        return self._ends[number]

    def pack(self) -> Step:
        """The step that writes all values."""
        room = len(self.packed)
        return Step(
            *step("pack", BATCH, self._native, len(self._memory), pointer(self.packed, UINT8, writable=True), room),
            self._make_room,
        )

    def _make_room(self, used: int) -> bool:
        """Make room for what `pack` has to write.

        Raises:
            OverflowError: the values take more than 4 GiB.

        """
        if used > TEXT_BYTES_MAX:
            raise OverflowError("the values of one batch that rules ask about are longer than 4 GiB")
        self.packed = np.empty(min(1 << (used - 1).bit_length(), TEXT_BYTES_MAX), np.uint8)
        self.generation += 1
        return True


def _uint32_at(struct: _Native, field: str) -> NDArray[np.uint32]:
    """A field of a struct, as an array; the struct is kept by others."""
    return np.frombuffer(ffi.buffer(ffi.addressof(struct, field)), np.uint32)
