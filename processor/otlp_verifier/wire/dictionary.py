"""Strings to small numbers: attribute keys that rules name, and every string that rules compare.

Both tables live in numpy arrays that C fills and searches; see lookup.h.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.kernels.chain import BATCH, Ask, Step
from otlp_verifier.wire._native import ffi, lib
from otlp_verifier.wire.memory import UINT8, UINT32, UINT64, joined, pointer
from otlp_verifier.wire.seed import SEED
from otlp_verifier.wire.sources import NO_CODE, TEXT_BYTES_MAX, TextSources
from otlp_verifier.wire.steps import step

_ARENA_LIMIT = TEXT_BYTES_MAX

_Native: TypeAlias = Any  # a cffi struct or pointer


class Dictionary:
    """Codes 0, 1, 2, ... for byte strings, in the order of arrival, kept from batch to batch.

    It is bounded. When a batch does not fit, everything but the constants is
    forgotten, `epoch` goes up by one, and the batch starts again: codes from an
    earlier epoch mean nothing any more, except those of the constants. Only a
    batch that does not fit into the empty dictionary makes it grow, to at most
    twice what that batch needs, and the next new string shrinks it again.

    Not for use by two threads at once.

    Attributes:
        epoch: how often the dictionary has been reset.

    """

    def __init__(
        self,
        constants: Sequence[bytes] = (),
        *,
        entry_capacity: int = 65_536,
        arena_capacity: int = 8 << 20,
        seed: int = SEED,
        forgotten: Callable[[], None] = lambda: None,
    ) -> None:
        """Pin `constants` to the codes 0 to len(constants) - 1; `forgotten` is called when all others are forgotten.

        Raises:
            ValueError: two constants are equal, or they do not fit.

        """
        self.epoch = 0
        self._forgotten = forgotten
        self._seed = seed
        self._entry_capacity = entry_capacity
        self._arena_capacity = arena_capacity
        self._constants, texts = joined(constants)
        self._constant_texts = np.array(texts, np.uint64)
        self._native = ffi.new("otlpv_dictionary *")  # stays where it is, unlike the arrays that it points to
        self._native.seed = self._seed
        self._allocate(entry_capacity, arena_capacity)
        self._pin()
        if len(self) != len(constants):
            raise ValueError(f"{len(constants)} constants: equal ones, or more than {entry_capacity} entries can hold")

    def __len__(self) -> int:
        """How many codes there are."""
        return int(self._native.entry_count)

    def intern(self, buffer: bytes | memoryview, texts: NDArray[np.uint64], codes: NDArray[np.uint32]) -> None:
        """Write the code of each text into `codes`; what is new gets the next code.

        Args:
            buffer: what the texts point into.
            texts: offset << 32 | length, shape (n,); NO_TEXT has the code NO_CODE.
            codes: the result, shape (n,).

        """
        sources = TextSources(1)
        sources.point(0, texts, codes, np.array([len(texts)], np.uint32))
        self.encode(buffer, sources)

    def encode(self, buffer: bytes | memoryview, sources: TextSources) -> list[tuple[int, int]]:
        """Write the codes of all sources, out of a chain; what is new gets the next code.

        Returns:
            (source, code) of each code that one of the sources with `asked` has had for the first time in this epoch.

        """
        sources.reserve(len(self._entries))
        found = self._encode(buffer, sources)
        return sources.listed(found) if found != NO_CODE else self._start_again(buffer, sources)

    def step(
        self,
        content: Callable[[], bytes | memoryview],
        sources: TextSources,
        learn: Callable[[list[tuple[int, int]]], None] = lambda _news: None,
        source: Any = BATCH,
    ) -> Step:
        """The same as a step of a chain.

        Args:
            content: the buffer of the batch in hand.
            sources: as for `encode`.
            learn: is told what `encode` returns, if that is anything.
            source: the buffer, if it is always the same array.

        """
        sources.reserve(len(self._entries))

        def ask(found: int) -> bool:
            learn(sources.listed(found) if found != NO_CODE else self._start_again(content(), sources))
            return False

        return Step(*step("encode", *sources.call(source, self._native)), ask)

    def more_than(self, known: NDArray[np.uint32], learn: Ask) -> Step:
        """The step of a chain that tells how many codes there are, where `known`, uint32 (1,), says less."""
        return Step(*step("count_codes", self._native, pointer(known, UINT32, 1)), learn)

    def _encode(self, buffer: bytes | memoryview | NDArray[np.uint8], sources: TextSources) -> int:
        return int(lib.otlpv_encode(*sources.call(ffi.from_buffer("uint8_t[]", buffer), self._native)))

    def _start_again(self, buffer: bytes | memoryview, sources: TextSources) -> list[tuple[int, int]]:
        """Forget all codes, and encode the batch that did not fit; see `encode`."""
        self._reset()
        try:
            with sources.all_or_none():
                sources.reserve(len(self._entries))
                sources.forget()
                while (found := self._encode(buffer, sources)) == NO_CODE:
                    self._grow()
                    sources.reserve(len(self._entries))
                    sources.forget()
            return sources.listed(found)
        finally:
            if self._is_grown:
                self._native.entry_capacity = len(self)  # so that the next new string resets and shrinks

    def strings(self, first: int, last: int) -> list[bytes]:
        """Return the strings of the codes first, ..., last - 1.

        Raises:
            IndexError: there are no such codes.

        """
        if not 0 <= first <= last <= len(self):
            raise IndexError(f"codes {first} to {last} of a dictionary of {len(self)}")
        arena = self._arena.data
        spans = ((text >> 32, text & 0xFFFFFFFF) for text in self._entries[first:last].tolist())
        return [bytes(arena[offset : offset + length]) for offset, length in spans]

    @property
    def _is_grown(self) -> bool:
        return len(self._entries) > self._entry_capacity or len(self._arena) > self._arena_capacity

    def _allocate(self, entry_capacity: int, arena_capacity: int) -> None:
        cells = 1 << (2 * entry_capacity - 1).bit_length()
        # All or none: C is told of them together.
        self._cells, self._entries, self._arena = (
            np.zeros(cells, np.uint64), np.zeros(entry_capacity, np.uint64), np.zeros(arena_capacity, np.uint8),
        )  # fmt: skip
        self._native.cells = pointer(self._cells, UINT64)
        self._native.entries = pointer(self._entries, UINT64)
        self._native.arena = pointer(self._arena, UINT8)
        self._native.cell_count = cells
        self._native.arena_capacity = arena_capacity
        self._start_count()

    def _empty(self) -> None:
        self._cells.fill(0)  # those that are new have been 0, and are not touched before somebody needs them
        self._start_count()

    def _start_count(self) -> None:
        self._native.entry_count = 0
        self._native.arena_used = 0
        self._native.entry_capacity = len(self._entries)

    def _pin(self) -> None:
        self._copy_in(self._constants, self._constant_texts)

    def _copy_in(self, buffer: bytes | NDArray[np.uint8], texts: NDArray[np.uint64]) -> None:
        """Intern distinct strings into the empty dictionary, which gives them the codes 0, 1, 2, ..."""
        sources = TextSources(1)
        sources.point(0, texts, np.empty(len(texts), np.uint32), np.array([len(texts)], np.uint32))
        self._encode(buffer, sources)

    def _reset(self) -> None:
        self.epoch += 1
        self._forgotten()
        if self._is_grown:
            self._allocate(self._entry_capacity, self._arena_capacity)
        else:
            self._empty()
        self._pin()

    def _grow(self) -> None:
        """Double whichever is full, entries or arena; codes stay as they are.

        Raises:
            OverflowError: the arena cannot grow any more.

        """
        entries, arena, count = self._entries, self._arena, len(self)
        if count == len(entries):
            self._allocate(2 * len(entries), len(arena))
        elif len(arena) < _ARENA_LIMIT:
            self._allocate(len(entries), min(2 * len(arena), _ARENA_LIMIT))
        else:
            raise OverflowError("the distinct strings of one batch are longer than 4 GiB")
        self._copy_in(arena, entries[:count])


class KeyTable:
    """The attribute keys that rules name; each is a slot, in the order given.

    Attributes:
        keys: as given.

    """

    def __init__(self, keys: Sequence[bytes], *, seed: int = SEED) -> None:
        """Build the table; `seed` must be the one that the scanner hashes with.

        Raises:
            ValueError: a key is given twice.

        """
        if len(set(keys)) != len(keys):
            raise ValueError("a key is given twice")
        self.keys = tuple(keys)
        self._bytes, texts = joined(keys)
        self._texts = np.array(texts, np.uint64)
        # Four cells per key instead of the two that C asks for: the table fits the nearest cache either way, and
        # with fewer collisions the branches are better predicted (30 keys of which half hit: 9 -> 6 ns).
        cells = 1 << (4 * len(keys) - 1).bit_length() if keys else 0
        self._hashes = np.zeros(cells, np.uint64)
        self._slots = np.full(cells, NO_CODE, np.uint32)
        self._filter = np.zeros(lib.OTLPV_FILTER_BITS // 64, np.uint64)
        for slot, key in enumerate(keys):
            key_hash = int(lib.otlpv_hash(key, len(key), seed))
            cell = key_hash % cells
            while self._slots[cell] != NO_CODE:
                cell = (cell + 1) % cells
            self._slots[cell] = slot
            self._hashes[cell] = key_hash
            low = key_hash % lib.OTLPV_FILTER_BITS
            self._filter[low // 64] |= np.uint64(1 << low % 64)
        self._native = ffi.new("otlpv_key_table *")
        self._native.seed = seed
        self._native.filter = pointer(self._filter, UINT64)
        self._native.hashes = pointer(self._hashes, UINT64)
        self._native.slots = pointer(self._slots, UINT32)
        self._native.keys = pointer(self._texts, UINT64)
        self._native.key_bytes = ffi.from_buffer("uint8_t[]", self._bytes)
        self._native.cells = cells
        self._native.slot_count = len(keys)

    def __len__(self) -> int:
        """How many slots there are."""
        return len(self.keys)

    def find(
        self,
        attributes: _Native,
        starts: NDArray[np.uint32],
        counts: NDArray[np.uint32],
        owners: NDArray[np.uint32],
        rows: NDArray[np.uint32],
        ends: NDArray[np.uint32],
    ) -> Step:
        """The step that finds the attribute of each key for each owner; of several with one key, the first.

        Args:
            attributes: the scanned ones, `otlpv_table *`.
            starts: the owners' first attribute row, shape (owners,).
            counts: how many attributes each has, of the same shape.
            owners: uint32 (1,): how many the batch in hand has.
            rows: the result, shape (at least the slots, at least the owners); `rows[slot, owner]` is a row of
                `attributes` or NO_CODE, as all are at first.
            ends: the result, shape (at least the slots,): one past the last owner that has the key, at first 0.

        Raises:
            ValueError: an array has another type or layout, or `rows` is too small.

        """
        if rows.ndim != 2 or len(rows) < len(self) or rows.shape[1] < len(starts):
            raise ValueError(f"rows has shape {rows.shape}, needed are {len(self)} slots and {len(starts)} owners")
        return Step(*step(
            "find_keys", BATCH, attributes, pointer(starts, UINT32), pointer(counts, UINT32, len(starts)),
            pointer(owners, UINT32, 1), self._native, pointer(rows, UINT32, writable=True), rows.shape[1],
            pointer(ends, UINT32, len(self), writable=True),
        ))  # fmt: skip
