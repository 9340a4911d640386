"""What a plan looks up in a batch before it runs: attribute keys to rows, strings to codes, predicates on strings."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from otlp_verifier.columns import AttributeNarrow, AttributeWide, Columns, Table
from otlp_verifier.language.paths import ATTRIBUTES
from otlp_verifier.language.plan import Plan
from otlp_verifier.machine.operations import Domain
from otlp_verifier.wire._native import ffi
from otlp_verifier.wire.dictionary import Dictionary, KeyTable, TextSources

_NO_NARROW = np.empty((0, 0), np.uint32)


class Lookups:
    """The tables of one plan, reused from batch to batch. Not for use by two threads at once.

    Attributes:
        key_rows: per domain, uint32 (keys, capacity): which attribute holds the key.
        codes: per domain, uint32 (texts, capacity): the code of each row's texts.
        truth: uint8 (predicates, codes): which predicate holds of which string.
        generation: goes up when `key_rows` or `codes` have moved.

    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._dictionary = Dictionary(plan.strings)
        self._key_tables = {domain: KeyTable(keys) for domain, keys in plan.keys.items()}
        self._finders: dict[Domain, Callable[[Any, Any, int], None]] = {}
        # Texts are numbered through all domains, as the dictionary's sources are.
        self._texts = [(domain, text) for domain, texts in plan.texts.items() for text in texts]
        self._asked = [predicates for texts in plan.asked.values() for predicates in texts]
        self._sources = TextSources(len(self._texts))
        self._placed = (-1, -1)
        self.generation = 0
        self.key_rows = dict.fromkeys(Domain, _NO_NARROW)
        self.codes = dict.fromkeys(Domain, _NO_NARROW)
        self.truth = np.zeros((max(1, len(plan.predicates)), 1), np.uint8)

    def load(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        """Look everything up in the batch that `columns` holds; `tables` are its tables by domain."""
        if self._key_tables:
            source, attributes = ffi.from_buffer("uint8_t[]", columns.buffer), columns.attributes_native
            for domain in self._key_tables:
                owners = tables[domain]
                self._finder(domain, owners)(source, attributes, owners.rows)
        if self._texts:
            self._encode_texts(columns, tables)

    def _finder(self, domain: Domain, owners: Table) -> Callable[[Any, Any, int], None]:
        if self.key_rows[domain].shape[1] != owners.capacity:
            keys = self._key_tables[domain]
            self.key_rows[domain] = np.empty((len(keys), owners.capacity), np.uint32)
            start, count = ATTRIBUTES[domain]
            self._finders[domain] = keys.finder(owners.narrow[start], owners.narrow[count], self.key_rows[domain])
            self.generation += 1
        return self._finders[domain]

    def _encode_texts(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        if self._placed != (columns.generation, self.generation):
            self._place(columns, tables)
        for number, (domain, _) in enumerate(self._texts):
            self._sources.count(number, tables[domain].rows)
        news = self._dictionary.encode(columns.buffer, self._sources)
        if news:
            self._judge(news)

    def _place(self, columns: Columns, tables: dict[Domain, Table]) -> None:
        """Say where texts and codes are, since something has moved."""
        attributes, room, row = columns.attributes, 0, dict.fromkeys(Domain, 0)
        for domain, texts in self._plan.texts.items():
            if self.codes[domain].shape[1] != tables[domain].capacity:
                self.codes[domain] = np.empty((len(texts), tables[domain].capacity), np.uint32)
        for number, (domain, text) in enumerate(self._texts):
            codes = self.codes[domain][row[domain]]
            row[domain] += 1
            if text.column is not None:
                self._sources.point(number, tables[domain].wide[text.column], codes)
            else:
                self._sources.point(
                    number, attributes.wide[AttributeWide.VALUE], codes,
                    rows=self.key_rows[domain][text.key], types=attributes.narrow[AttributeNarrow.TYPE],
                )  # fmt: skip
            room += tables[domain].capacity if self._asked[number] else 0
        self._sources.ask([number for number, predicates in enumerate(self._asked) if predicates], room)
        self.generation += 1
        self._placed = (columns.generation, self.generation)

    def _judge(self, news: list[tuple[int, int]]) -> None:
        """Ask the predicates of each text about those of its strings that it has not had before."""
        known = len(self._dictionary)
        if known > self.truth.shape[1]:
            self.truth = _wider(self.truth, 1 << (known - 1).bit_length())
        for number, code in news:
            [text] = self._dictionary.strings(code, code + 1)
            for predicate in self._asked[number]:
                self.truth[predicate, code] = self._plan.predicates[predicate].holds(text)


def _wider(table: NDArray[np.uint8], capacity: int) -> NDArray[np.uint8]:
    """The same table with room for more codes."""
    wider = np.zeros((len(table), capacity), np.uint8)
    wider[:, : table.shape[1]] = table
    return wider
