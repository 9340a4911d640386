"""Fragments to one set of rows: an expression that stands in many rules is in it once, and symbols have numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from otlp_verifier.language.assembly import FLAG_RESULT, JOB, RESULT, WIDTH, mark_needed, unify
from otlp_verifier.language.fragment import Fragment, Part, SymbolKind
from otlp_verifier.language.plan import CodedText, Maker, Predicate
from otlp_verifier.machine.operations import MARK_RESULTS, Domain, NarrowTable, Op, WideTable

# Operations whose single number is a constant: it goes to the constants, its index into the instruction.
_TAKES_CONSTANT: Final = np.array(
    (Op.CONSTANT, Op.MASK_K, Op.VALUE_KEY, *(op for op in Op if Op.EQUAL_K <= op <= Op.AT_LEAST_FLOAT_K)), np.uint64
)


class Linked(msgspec.Struct, frozen=True):
    """All fragments, joined.

    Attributes:
        rows: uint64 (rows, WIDTH), see fragment.Part.
        levels: uint32 (rows,), how many rounds of jobs must have run before each.
        roots: per fragment, the rows of the nodes that it was asked for.
        numbers: uint32 (rows, 3), the numbers of each as instructions hold them; of a JOB the first of its two columns
            of results, of a RESULT or FLAG_RESULT table and column.
        constants: uint64, bit patterns.
        results: per domain, how many columns jobs give.
        symbols: what was numbered.

    """

    rows: NDArray[np.uint64]
    levels: NDArray[np.uint32]
    roots: tuple[tuple[int, ...], ...]
    numbers: NDArray[np.uint32]
    constants: NDArray[np.uint64]
    results: dict[Domain, int]
    symbols: "LinkedSymbols"

    def needed(self, rows: Sequence[int]) -> NDArray[np.bool_]:
        """Which rows the given ones read, themselves included."""
        found = np.zeros(len(self.rows), np.uint8)
        found[np.array(rows, np.int64)] = 1
        mark_needed(self.rows, found)
        return found.astype(np.bool_)


class LinkedSymbols:
    """Numbers for what rules name, given out in the order of the rules."""

    def __init__(self) -> None:
        self.keys: dict[Domain, dict[bytes, int]] = {}
        self.strings: dict[bytes, int] = {}
        self.predicates: dict[str, tuple[int, Predicate]] = {}
        self.makers: dict[str, tuple[int, Maker]] = {}
        self.bits: dict[NarrowTable, dict[Domain, int]] = {}  # of tables that are made of whole records
        self._texts: dict[Domain, dict[Any, tuple[int, CodedText]]] = {}
        self._asked: dict[Any, dict[int, None]] = {}
        self._made: dict[Any, dict[int, None]] = {}

    @property
    def texts(self) -> dict[Domain, tuple[CodedText, ...]]:
        """Per domain, the texts to encode."""
        return {domain: tuple(text for _, text in texts.values()) for domain, texts in self._texts.items()}

    @property
    def asked(self) -> dict[Domain, tuple[tuple[int, ...], ...]]:
        """Per domain, for each of its texts, the predicates that are asked of it."""
        return self._of_texts(self._asked)

    @property
    def made(self) -> dict[Domain, tuple[tuple[int, ...], ...]]:
        """Per domain, for each of its texts, the makers that are applied to it."""
        return self._of_texts(self._made)

    def _of_texts(self, numbers: Mapping[Any, Iterable[int]]) -> dict[Domain, tuple[tuple[int, ...], ...]]:
        return {
            domain: tuple(tuple(numbers.get(content, ())) for content in texts) for domain, texts in self._texts.items()
        }

    def add(self, fragment: Fragment) -> list[int]:
        """The numbers of a fragment's symbols."""
        found: list[int] = []
        for kind, content in fragment.symbols:
            if kind is SymbolKind.KEY:
                slots = self.keys.setdefault(content[0], {})
                found.append(slots.setdefault(content[1], len(slots)))
            elif kind is SymbolKind.TEXT:
                found.append(self._text(content))
            elif kind is SymbolKind.STRING:
                found.append(self.strings.setdefault(content, len(self.strings)))
            elif kind is SymbolKind.PREDICATE:
                found.append(self.predicates.setdefault(content.name, (len(self.predicates), content))[0])
            else:
                found.append(self.makers.setdefault(content.name, (len(self.makers), content))[0])
        for of_texts, pairs in ((self._asked, fragment.asked), (self._made, fragment.made)):
            for text, number in pairs:
                of_texts.setdefault(fragment.symbols[text][1], {})[found[number]] = None
        for table, domain, bits in fragment.bits:
            of_table = self.bits.setdefault(table, {})
            of_table[domain] = of_table.get(domain, 0) | bits
        return found

    def _text(self, content: Any) -> int:
        domain, column, key, is_value = content
        texts = self._texts.setdefault(domain, {})
        if content not in texts:
            slot = None if key is None else self.keys[domain][key]
            texts[content] = len(texts), CodedText(domain, column, slot, is_value)
        return texts[content][0]


def link(fragments: Sequence[Fragment]) -> Linked:
    """Join fragments; the result depends on them and their order alone."""
    symbols = LinkedSymbols()
    slots: list[int] = []
    slot_starts = np.zeros(len(fragments), np.uint32)
    for number, fragment in enumerate(fragments):
        slot_starts[number] = len(slots)
        slots += symbols.add(fragment)
    joined = np.concatenate([fragment.rows for fragment in fragments] or [np.empty((0, WIDTH), np.uint64)])
    starts = np.cumsum([0, *(len(fragment.rows) for fragment in fragments)], dtype=np.uint32)
    rows, places, levels = unify(joined, starts, np.array(slots, np.uint32), slot_starts)
    placed = places.tolist()
    roots = tuple(
        tuple(placed[start + root] for root in fragment.roots)
        for start, fragment in zip(starts.tolist(), fragments, strict=False)
    )
    op, domains = rows[:, Part.OP], rows[:, Part.DOMAIN]
    numbers = rows[:, Part.NUMBERS : Part.INPUTS].copy()
    takes = np.isin(op, _TAKES_CONSTANT)
    constants, numbers[takes, 0] = np.unique(numbers[takes, 0], return_inverse=True)
    is_job, is_result, is_flag = op == JOB, op == RESULT, op == FLAG_RESULT
    numbers[is_job] = 0
    results: dict[Domain, int] = {}
    for domain in Domain:
        of_domain = is_job & (domains == domain)
        results[domain] = 2 * int(np.count_nonzero(of_domain))
        numbers[of_domain, 0] = np.arange(0, results[domain], 2)
    numbers[is_result, 1] = numbers[is_result, 0] + numbers[rows[is_result, Part.INPUTS], 0]
    numbers[is_result, 0] = WideTable.RESULTS + domains[is_result]
    numbers[is_flag, 1] = numbers[rows[is_flag, Part.INPUTS], 0] // np.uint64(2)
    numbers[is_flag, 0] = MARK_RESULTS + domains[is_flag]
    return Linked(rows, levels, roots, numbers.astype(np.uint32), constants, results, symbols)
