"""Codes 0, 1, 2, ... for the keys of attributes, by their hashes, which the scanner has made already.

The bytes of keys are not compared, unlike in wire.dictionary: with eight attributes a
span that is what a batch would cost most. Keys that share a hash would share what
they say of their values; the hash has 64 bits and a seed of its own in each process.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.kernels import kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.wire.sources import NO_CODE

CELLS: Final = 1 << 13  # at least twice the keys; a power of two
_NONE: Final = np.uint32(NO_CODE)


class KeyCodes:
    """Codes that live from batch to batch, until there are more keys than there is room for: then all are forgotten.

    Attributes:
        epoch: how often that has been so; codes from before mean nothing any more.

    """

    def __init__(self, cells: int = CELLS) -> None:
        self.epoch = 0
        self._least = cells
        self._known = np.zeros(1, np.int64)
        self._allocate(cells)

    def __len__(self) -> int:
        """How many codes there are."""
        return int(self._known[0])

    def encode(
        self, hashes: tuple[NDArray[np.uint64], ...], codes: tuple[NDArray[np.uint32], ...]
    ) -> list[list[tuple[int, int]]]:
        """Write the code of each hash; what is new gets the next one.

        Args:
            hashes: of several tables, shape (rows,) each.
            codes: the results, of the same shapes.

        Returns:
            for each table, the codes that are new and the row that each was first met in.

        """
        while (found := self._encoded(hashes, codes)) is None:
            self.epoch += 1
            # A batch that may have more keys than there is room for gets more, until that is full too.
            fits = sum(map(len, hashes)) <= self._least // 2
            self._allocate(self._least if fits else 2 * len(self._hashes))
        return found

    def forget(self) -> None:
        """Take every key for one that has not been there."""
        self.epoch += 1
        self._allocate(self._least)

    def _encoded(
        self, hashes: tuple[NDArray[np.uint64], ...], codes: tuple[NDArray[np.uint32], ...]
    ) -> list[list[tuple[int, int]]] | None:
        found = []
        for of_table, result in zip(hashes, codes, strict=True):
            before = len(self)
            if len(of_table) and not _encode(of_table, self._hashes, self._codes, self._known, result, self._rows):
                return None
            found.append(list(enumerate(self._rows[before : len(self)].tolist(), before)))
        return found

    def _allocate(self, cells: int) -> None:
        self._hashes = np.zeros(cells, np.uint64)
        self._codes = np.full(cells, _NONE, np.uint32)
        self._rows = np.zeros(cells // 2, np.uint32)
        self._known[0] = 0


@kernel(ty.int64(ty.uint64[::1], ty.uint64[::1], ty.uint32[::1], ty.int64[::1], ty.uint32[::1], ty.uint32[::1]))
def _encode(
    hashes: np.ndarray,
    known: np.ndarray,
    known_codes: np.ndarray,
    count: np.ndarray,
    codes: np.ndarray,
    rows: np.ndarray,
) -> bool:
    """Write codes; whether there was room for all that is new.

    Args:
        hashes: uint64 (rows,).
        known: uint64 (cells,): the hashes of a table of open addressing.
        known_codes: uint32 (cells,): their codes; NO_CODE where it is free.
        count: int64 (1,): how many codes there are.
        codes: uint32 (rows,), out.
        rows: uint32 (half the cells,), out: the row in which each code was met first.

    """
    mask = np.uint64(len(known) - 1)
    for row in range(len(hashes)):
        wanted = hashes[row]
        cell = wanted & mask
        while known_codes[cell] != _NONE and known[cell] != wanted:
            cell = (cell + np.uint64(1)) & mask
        if known_codes[cell] == _NONE:
            if count[0] == len(rows):
                return False
            known[cell] = wanted
            known_codes[cell] = np.uint32(count[0])
            rows[count[0]] = np.uint32(row)
            count[0] += 1
        codes[row] = known_codes[cell]
    return True
